//! What a configuration may say, and what is said about one that may not.

use super::*;

const FLEET: &str = "fleet = \"flt-0192f0c1d2e34f5061728394a5b6c7d8\"\n";

fn base() -> &'static Path {
    Path::new("/etc/tillward")
}

#[track_caller]
fn mistakes(text: &str) -> Vec<String> {
    Config::parse(text, base()).expect_err("it has mistakes")
}

#[test]
fn a_fleet_is_all_that_must_be_said() {
    let config = Config::parse(FLEET, base()).unwrap();
    assert_eq!(config.https.url.to_string(), "https://localhost:8443");
    assert_eq!(config.certificates.device_ca, Path::new("/etc/tillward/device-ca.pem"));
    assert_eq!(config.registry.expose(), "sqlite:/etc/tillward/data/registry.sqlite");
    let expected = BrokerChoice::Embedded {
        listen: "0.0.0.0:8883".parse().unwrap(),
        address: "localhost:8883".parse().unwrap(),
        connections_max: 10_000,
    };
    assert_eq!(config.broker, expected);
    assert_eq!(config.operators, vec![]);
}

#[test]
fn the_default_file_is_complete_but_for_the_fleet() {
    let config = Config::parse(DEFAULT, base()).unwrap();
    assert_eq!(config.fleet, FleetId::from_bytes([0; 16]));
}

#[test]
fn every_mistake_is_reported_at_once() {
    let text = "\
        name = \"Controller One\"\n\
        log = \"controller=loud\"\n\
        colour = \"blue\"\n\
        [https]\n\
        listen = \"8443\"\n\
        url = \"http://controller.example:8443\"\n\
        artifact_mib_max = 0\n\
        [broker]\n\
        connections_max = \"many\"\n\
        [enrolment]\n\
        certificate_days = 3650\n\
        [downloads]\n\
        bytes_per_second = \"4095\"\n\
        store_bytes_per_second = 1048576\n\
        [data]\n\
        spool = 7\n\
        spul = \"x\"\n\
        [[operators]]\n\
        name = \"\"\n\
        token_sha256 = \"abc\"\n\
        [[operators]]\n\
        name = \"ben\"\n\
        token_sha256 = \"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"\n\
        [[operators]]\n\
        name = \"ben\"\n\
        token_sha256 = \"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"\n\
        [[operators]]\n\
        name = \"dora\"\n\
        token_sha256 = \"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"\n\
        [[operators]]\n\
        name = \"controller\"\n\
        token_sha256 = \"ca7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"\n";
    let expected = [
        "`fleet` is missing",
        "`name` is `Controller One`: a controller's name has 1 to 40 lower-case letters, digits \
         and hyphens, and does not begin as a terminal's",
        "`log` is `controller=loud`: error parsing level filter: expected one of \"off\", \
         \"error\", \"warn\", \"info\", \"debug\", \"trace\", or a number 0-5",
        "`https.listen` is `8443`: invalid socket address syntax",
        "`https.url` is `http://controller.example:8443`: write `https://`, a name and a port, \
         such as `https://controller.example:8443`",
        "`https.artifact_mib_max` is 0: choose a whole number from 1 to 65536",
        "`downloads.bytes_per_second` is `4095`: as a limit of bytes a second choose 4KiB to 1TiB",
        "`downloads.store_bytes_per_second` is of type integer: write a text in quotation marks",
        "`broker.connections_max` is of type string: write a whole number from 2 to 1000000",
        "`data.spool` is of type integer: write a text in quotation marks",
        "`data.spul` is not a key; there are `blobs`, `places`, `spool`",
        "`enrolment.certificate_days` is 3650: choose a whole number from 1 to 90",
        "`operators[1].token_sha256` is `abc`: expected 64 hexadecimal digits in lower case, \
         got 3 characters",
        "`operators[1].name` is empty, longer than 64 characters, not one line without spaces \
         around it, or what the audit log calls a part of the controller",
        "`operators[3].name` is another operator's too",
        "`operators[4].token_sha256` is another operator's too",
        "`operators[5].name` is empty, longer than 64 characters, not one line without spaces \
         around it, or what the audit log calls a part of the controller",
        "`colour` is not a key; there are `backups`, `broker`, `certificates`, `data`, \
         `downloads`, `enrolment`, `fleet`, `https`, `log`, `name`, `operators`, `rebind`, \
         `registry`, `rosters`, `secrets`",
    ];
    assert_eq!(mistakes(text), expected);
}

#[test]
fn nobody_has_to_read_a_contract_unless_somebody_says_from_what_on() {
    let review = |text: &str| {
        let text = format!("{FLEET}[rebind]\n{text}");
        Config::parse(&text, base()).map(|config| config.rebind.legal_review)
    };
    assert_eq!(review(""), Ok(LegalReview::default()));
    let both = "legal_review_above_value_minor = 9_000_000_000\nlegal_review_above_terminals = 0";
    let above = LegalReview { above_value_minor: Some(9_000_000_000), above_terminals: Some(0) };
    assert_eq!(review(both), Ok(above));
    let wrong = review("legal_review_above_value_minor = -1\nlegal_review_above_terminals = \"x\"");
    assert_eq!(
        wrong,
        Err(vec![
            format!(
                "`rebind.legal_review_above_value_minor` is -1: choose a whole number from 0 to {}",
                i64::MAX
            ),
            "`rebind.legal_review_above_terminals` is of type string: write a whole number from 0 \
             to 4294967295"
                .to_owned(),
        ])
    );
    let near = review("legal_review_above_value = 1").expect_err("it is not a key");
    assert!(near[0].contains("`rebind.legal_review_above_value` is not a key"), "{near:?}");
}

#[test]
fn downloads_are_limited_only_where_somebody_says_so() {
    let limits = |text: &str| {
        let text = format!("{FLEET}[downloads]\n{text}");
        Config::parse(&text, base()).map(|config| config.downloads)
    };
    assert_eq!(limits(""), Ok(Limits::default()));
    let limit = |bytes_per_s| crate::pacing::Limit::of(bytes_per_s).ok();
    let both = "bytes_per_second = \"50MiB\"\nstore_bytes_per_second = \"64000\"";
    let said = Limits { whole: limit(50 << 20), of_each_store: limit(64_000) };
    assert_eq!(limits(both), Ok(said));
    let wrong = limits("bytes_per_second = \"1Mbit\"").expect_err("it is no size");
    assert!(wrong[0].contains("`1Mbit` is not a number of bytes: write for example"), "{wrong:?}");
}

#[test]
fn the_error_counts_and_lists_the_mistakes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("controller.toml");
    std::fs::write(&path, "name = 1\n[https]\nlisten = 2\n").unwrap();
    let shown = Config::load(&path).unwrap_err().to_string();
    let expected = format!(
        "3 mistakes in {}\n  \
         - `fleet` is missing\n  \
         - `name` is of type integer: write a text in quotation marks\n  \
         - `https.listen` is of type integer: write a text in quotation marks",
        path.display()
    );
    assert_eq!(shown, expected);
}

#[test]
fn what_is_not_toml_is_shown_where_it_stops_being_toml() {
    let mistakes = mistakes("fleet = \nname = \"x\"");
    assert_eq!(mistakes.len(), 1);
    assert!(mistakes[0].contains("line 1"), "{mistakes:?}");
}

#[test]
fn cells_serve_every_shard_exactly_once() {
    let cells = |shards: &[&str]| {
        let tables = shards.iter().map(|shards| {
            format!("[[broker.cells]]\naddress = \"mqtt.example:8883\"\nshards = \"{shards}\"\n")
        });
        format!("{FLEET}{}", tables.collect::<String>())
    };
    assert!(Config::parse(&cells(&["0-255"]), base()).is_ok());
    let config = Config::parse(&cells(&["128-255", "0-126", "127"]), base()).unwrap();
    assert!(matches!(config.broker, BrokerChoice::External(cells) if cells.len() == 3));
    assert_eq!(mistakes(&cells(&["0-254"])), ["`broker.cells` leave shard 255 to nobody"]);
    assert_eq!(mistakes(&cells(&["0-255", "9"])), ["`broker.cells` give shard 9 to 2 brokers"]);
    for wrong in ["255-0", "0-256", "-", "all"] {
        assert!(mistakes(&cells(&[wrong]))[0].contains("write shards as"), "{wrong}");
    }
}

#[test]
fn one_broker_or_several_but_not_both() {
    let text = format!(
        "{FLEET}[broker]\nlisten = \"0.0.0.0:1\"\n\
         [[broker.cells]]\naddress = \"mqtt.example:0\"\nshards = \"0-255\"\n"
    );
    let expected = [
        "`broker.listen` is of the embedded broker, but there are `[[broker.cells]]`",
        "`broker.cells[1].address` has port 0: an external broker has a fixed one",
    ];
    assert_eq!(mistakes(&text), expected);
}

#[test]
fn a_password_in_the_registrys_url_is_not_printed() {
    let url = RegistryUrl::new("postgres://tillward:secret@db.example/fleet", base()).unwrap();
    assert_eq!(format!("{url} {url:?}"), {
        let shown = "postgres://…@db.example/fleet";
        format!("{shown} {shown}")
    });
    assert_eq!(url.expose(), "postgres://tillward:secret@db.example/fleet");
}

#[test]
fn a_registry_of_an_unknown_kind_is_refused_without_repeating_its_password() {
    let expected = "`registry.url` names no registry: write `sqlite:<file>` or \
                    `postgres://<user>@<host>/<name>`";
    for url in ["mysql:x", "mysql://tillward:secret@db.example/fleet", "sqlite:", "postgres:x", ""]
    {
        assert_eq!(mistakes(&format!("{FLEET}[registry]\nurl = \"{url}\"\n")), [expected], "{url}");
    }
    for url in ["sqlite:x", "postgres://db.example/fleet", "postgresql://db.example/fleet"] {
        assert!(RegistryUrl::new(url, base()).is_ok(), "{url}");
    }
}

#[test]
fn what_init_fills_in_is_read_back_and_every_other_line_is_the_default() {
    let operator = OperatorEntry { name: "first".into(), token_sha256: Digest::of(b"token") };
    let filled = Filled {
        fleet: FleetId::from_bytes([3; 16]),
        https_listen: "127.0.0.1:0".parse().unwrap(),
        https_url: &"https://till.example:0".parse().unwrap(),
        broker_listen: "127.0.0.1:1".parse().unwrap(),
        broker_address: &"mqtt.example:2".parse().unwrap(),
        secrets_file: "secrets.insecure.toml",
        insecure_dev: true,
        operator: &operator,
    };
    let text = filled.to_text();
    let config = Config::parse(&text, base()).unwrap();
    assert_eq!(config.fleet, filled.fleet);
    assert_eq!(config.https.listen, filled.https_listen);
    assert_eq!(config.https.url, *filled.https_url);
    let expected = BrokerChoice::Embedded {
        listen: filled.broker_listen,
        address: filled.broker_address.clone(),
        connections_max: 10_000,
    };
    assert_eq!(config.broker, expected);
    assert_eq!(config.secrets.file, base().join("secrets.insecure.toml"));
    assert!(config.secrets.insecure_dev);
    assert_eq!(config.operators, vec![operator]);
    let changed = text.lines().zip(DEFAULT.lines()).filter(|(new, old)| new != old).count();
    assert_eq!((changed, text.lines().count()), (10, DEFAULT.lines().count()));
}
