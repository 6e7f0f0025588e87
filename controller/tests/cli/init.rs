//! What `tillward init` writes holds together, for everybody who will read it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use controller::config::Config;
use controller::key_file::{KeyError, KeyFile, KeyRole, OnlineKeys, Passphrase, SecretKey, Unlock};
use rustls::{ClientConnection, ServerConnection};
use rustls_pki_types::PrivateKeyDer;
use shared::digest::Digest;
use shared::document::Roster;
use shared::document::roster::Role;
use shared::signature::{self, Envelope, KnownKeys};
use shared::tls::{self, ClientCertificate, Identity};
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

use crate::fleet::Fleet;
use crate::{golden, run, text};

const PASSPHRASE: &str = "correct horse battery staple";

fn read(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn tree(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut pending = vec![root.to_owned()];
    while let Some(directory) = pending.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            found.push(text(path.strip_prefix(root).unwrap()).to_owned());
            if path.is_dir() {
                pending.push(path);
            }
        }
    }
    found.sort();
    found
}

#[test]
fn a_sealed_fleet_is_whole_and_opens_with_its_passphrase_alone() {
    let dir = tempfile::tempdir().unwrap();
    let passphrase = dir.path().join("passphrase");
    fs::write(&passphrase, format!("{PASSPHRASE}\n")).unwrap();
    let fleet = dir.path().join("deep/fleet");
    let ran = run(&["init", text(&fleet), "--passphrase-file", text(&passphrase)]);
    assert!(ran.err.contains("warning: the offline keys and the controller's have the same"));
    ran.ok();

    golden("init-tree", &(tree(&fleet).join("\n") + "\n"));

    let right = Unlock::Passphrase(Passphrase::new(PASSPHRASE));
    let online = OnlineKeys::open(&fleet.join("controller/secrets.age"), &right).unwrap();
    let wrong = Unlock::Passphrase(Passphrase::new("incorrect horse"));
    let error = OnlineKeys::open(&fleet.join("controller/secrets.age"), &wrong).unwrap_err();
    assert!(matches!(error, KeyError::WrongPassphrase(_)), "{error}");
    let roster: Envelope<Roster> =
        Envelope::from_bytes(&read(&fleet.join("controller/rosters/1.cose"))).unwrap();
    let path = fleet.join("offline/keys/root-2.key.age");
    let key = KeyFile::read(&path).unwrap();
    assert_eq!((key.role, key.owner.as_str()), (KeyRole::Root, "root-2"));
    assert!(roster.document.key(key.id()).is_some());
    assert_eq!(key.open(&right).unwrap().public(), key.public);
    assert!(roster.document.key(online.controller_signing.public().key_id()).is_some());

    for secret in ["controller/secrets.age", "operator/token", "offline/root-ca.key.age"] {
        let mode = fs::metadata(fleet.join(secret)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{secret}");
    }
    wrong_passphrases_are_named_as_such(dir.path(), &fleet);
}

/// Through the program, with the fleet that took a while to seal.
fn wrong_passphrases_are_named_as_such(dir: &Path, fleet: &Path) {
    let key = fleet.join("offline/keys/release-1.key.age");
    let wrong = dir.join("wrong");
    fs::write(&wrong, "incorrect horse").unwrap();
    let new = dir.join("resealed");
    let new_passphrase = dir.join("new-passphrase");
    fs::write(&new_passphrase, "a passphrase of her own").unwrap();
    let reseal = |passphrase: &Path| {
        run(&[
            "key",
            "reseal",
            text(&key),
            "-o",
            text(&new),
            "--passphrase-file",
            text(passphrase),
            "--new-passphrase-file",
            text(&new_passphrase),
        ])
    };
    let complaint = reseal(&wrong).failed(1);
    assert!(complaint.starts_with("error: the passphrase does not open"), "{complaint}");
    assert!(complaint.contains("hint: try again"), "{complaint}");
    assert!(!new.exists());
    reseal(&dir.join("passphrase")).ok();
    let opened = KeyFile::read(&new).unwrap();
    let unlock = Unlock::Passphrase(Passphrase::new("a passphrase of her own"));
    assert_eq!(opened.open(&unlock).unwrap().public(), KeyFile::read(&key).unwrap().public);
    let complaint = reseal(&dir.join("passphrase")).failed(1);
    assert!(complaint.contains("exists already and is left as it is"), "{complaint}");
}

fn with_certificate<T>(path: &Path, look: impl FnOnce(&X509Certificate<'_>) -> T) -> T {
    let chain = tls::certificates("a certificate", &read(path)).unwrap();
    let (rest, certificate) = X509Certificate::from_der(&chain[0]).unwrap();
    assert!(rest.is_empty());
    look(&certificate)
}

/// Path length, may serve, may be a client.
fn profile(path: &Path) -> (Option<Option<u32>>, bool, bool) {
    with_certificate(path, |certificate| {
        let constraints = certificate.basic_constraints().unwrap().expect("always there").value;
        let length = constraints.ca.then_some(constraints.path_len_constraint);
        let usage = certificate.extended_key_usage().unwrap();
        let usage = usage.map(|it| (it.value.server_auth, it.value.client_auth));
        let (server, client) = usage.unwrap_or((true, true));
        (length, server, client)
    })
}

#[test]
fn certificates_have_the_profile_that_each_needs_and_no_more() {
    let fleet = Fleet::insecure();
    let of = |name: &str| profile(&fleet.at(&format!("controller/{name}.pem")));
    assert_eq!(of("root-ca"), (Some(Some(1)), true, true));
    assert_eq!(of("device-ca"), (Some(Some(0)), false, true));
    assert_eq!(of("server-ca"), (Some(Some(0)), true, false));
    assert_eq!(of("server"), (None, true, false));
    assert_eq!(of("controller-1"), (None, false, true));

    let roster: Envelope<Roster> = Envelope::from_bytes(&read(&fleet.roster())).unwrap();
    let names = |name: &str| {
        with_certificate(&fleet.at(&format!("controller/{name}.pem")), |certificate| {
            let names = certificate.subject_alternative_name().unwrap().expect("it has names");
            let text = |name: &GeneralName<'_>| match name {
                GeneralName::DNSName(text) | GeneralName::URI(text) => (*text).to_owned(),
                other => other.to_string(),
            };
            names.value.general_names.iter().map(text).collect::<Vec<_>>()
        })
    };
    let urn = format!("urn:tillward:{}:controller:controller-1", roster.document.fleet);
    assert_eq!(names("controller-1"), [urn]);
    assert_eq!(names("server"), ["localhost", "IPAddress(7f:00:00:01)"]);
}

fn identity(fleet: &Fleet, chain: &str, key: &SecretKey) -> Identity {
    let chain = read(&fleet.at(&format!("controller/{chain}.pem")));
    let chain = tls::certificates("a chain", &chain).unwrap();
    Identity { chain, key: PrivateKeyDer::Pkcs8(key.pkcs8()) }
}

/// Whether a client and a server agree, without a network between them.
fn shake_hands(server: rustls::ServerConfig, client: rustls::ClientConfig) -> Result<(), String> {
    let name = "localhost".try_into().expect("a host name");
    let mut client = ClientConnection::new(Arc::new(client), name).map_err(|e| e.to_string())?;
    let mut server = ServerConnection::new(Arc::new(server)).map_err(|e| e.to_string())?;
    for _ in 0..10 {
        let mut wire = Vec::new();
        client.write_tls(&mut wire).unwrap();
        server.read_tls(&mut wire.as_slice()).unwrap();
        server.process_new_packets().map_err(|e| format!("the server: {e}"))?;
        let mut wire = Vec::new();
        server.write_tls(&mut wire).unwrap();
        client.read_tls(&mut wire.as_slice()).unwrap();
        client.process_new_packets().map_err(|e| format!("the client: {e}"))?;
    }
    match client.is_handshaking() || server.is_handshaking() {
        true => Err("they never came to an end".to_owned()),
        false => Ok(()),
    }
}

#[test]
fn the_certificates_work_for_servers_and_clients_and_not_the_other_way_round() {
    let fleet = Fleet::insecure();
    let secrets = fleet.at("controller/secrets.insecure.toml");
    let keys = OnlineKeys::open(&secrets, &Unlock::InsecureDev).unwrap();
    let (device_ca, server_ca) =
        (read(&fleet.at("controller/device-ca.pem")), read(&fleet.at("controller/server-ca.pem")));
    let serve = |chain, key: &SecretKey| {
        tls::server(&device_ca, identity(&fleet, chain, key), ClientCertificate::Required).unwrap()
    };
    let connect = |chain, key: &SecretKey| {
        tls::client(&server_ca, Some(identity(&fleet, chain, key))).unwrap()
    };
    let (server, client) = (&keys.server, &keys.controller_client);
    assert_eq!(shake_hands(serve("server", server), connect("controller-1", client)), Ok(()));
    let as_client = shake_hands(serve("server", server), connect("server", server));
    assert!(as_client.unwrap_err().starts_with("the server:"));
    let as_server = shake_hands(serve("controller-1", client), connect("controller-1", client));
    assert!(as_server.unwrap_err().starts_with("the client:"));
    let nobody = tls::client(&server_ca, None).unwrap();
    assert!(shake_hands(serve("server", server), nobody).is_err());
    let stranger = Fleet::insecure();
    let other_ca = read(&stranger.at("controller/server-ca.pem"));
    let foreign = tls::client(&other_ca, None).unwrap();
    assert!(shake_hands(serve("server", server), foreign).unwrap_err().starts_with("the client:"));
}

#[test]
fn the_roster_is_sound_signed_and_verified_by_the_program() {
    let fleet = Fleet::insecure();
    let bytes = read(&fleet.roster());
    let roster = Envelope::<Roster>::from_bytes(&bytes).unwrap().document;
    assert_eq!(roster.check(), Ok(()));
    let opened =
        signature::open::<Roster>(&bytes, roster.fleet, &KnownKeys::of_roster(&roster)).unwrap();
    assert_eq!(opened.signed_by.count(Role::Root), 3);
    for (role, count) in
        [(Role::Root, 3), (Role::Release, 3), (Role::Approver, 2), (Role::Controller, 1)]
    {
        let owners: std::collections::BTreeSet<_> =
            roster.holders(role).map(|key| key.owner.as_str()).collect();
        assert_eq!(owners.len(), count, "{role:?} keys have distinct owners");
    }
    let shown = run(&["roster", "verify", text(&fleet.roster()), "--json"]).json();
    assert_eq!(shown["digest"].as_str(), Some(opened.digest.to_string().as_str()));
    assert_eq!(read(&fleet.at("operator/roster.cose")), bytes);

    let mut forged = Envelope::unsigned(roster.clone());
    let key = KeyFile::read(&fleet.key("root-1")).unwrap();
    let secret = key.open(&Unlock::InsecureDev).unwrap();
    forged.sign(roster.fleet, &secret.signing());
    forged.sign(roster.fleet, &secret.signing());
    let path = fleet.beside("forged.cose");
    fs::write(&path, forged.to_bytes()).unwrap();
    let complaint = run(&["roster", "verify", text(&path)]).failed(4);
    assert!(complaint.contains("1 of its own root keys signed it, 2 must"), "{complaint}");
    fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    run(&["roster", "verify", text(&path)]).failed(4);
}

#[test]
fn a_roster_is_said_to_be_verified_within_its_fleet_and_a_false_signature_is_told() {
    let (fleet, other) = (Fleet::insecure(), Fleet::insecure());
    let (context, elsewhere) = (fleet.at("operator"), other.at("operator"));
    let verify = |context: &Path, roster: &Path| {
        run(&["--context", text(context), "roster", "verify", text(roster)])
    };
    let said = verify(&context, &fleet.roster());
    assert_eq!(said.err, "");
    let said = said.ok();
    assert!(said.contains("\nVerified: 3 of its own root keys signed it, 2 must\n"), "{said}");

    let refused = verify(&elsewhere, &fleet.roster());
    assert!(!refused.out.contains("Verified"), "{}", refused.out);
    let complaint = refused.failed(4);
    assert!(complaint.contains("because: it is of fleet flt-"), "{complaint}");
    assert!(complaint.contains("hint: name the context of its fleet"), "{complaint}");

    let mut bytes = read(&fleet.roster());
    let last = Envelope::<Roster>::from_bytes(&bytes).unwrap().claimed_signers().last().unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    let path = fleet.beside("tampered.cose");
    fs::write(&path, &bytes).unwrap();
    let said = verify(&context, &path);
    let warning = format!(", key {last}, is false");
    assert!(said.err.contains("warning: the signature in the name of root-"), "{}", said.err);
    assert!(said.err.contains(&warning), "{}", said.err);
    let said = said.ok();
    assert!(said.contains("Verified: 2 of its own root keys signed it, 2 must"), "{said}");
}

#[test]
fn the_configuration_is_one_that_the_controller_takes() {
    let fleet = Fleet::insecure();
    let config = Config::load(&fleet.at("controller/controller.toml")).unwrap();
    assert!(config.secrets.insecure_dev);
    let token = fs::read_to_string(fleet.at("operator/token")).unwrap();
    assert_eq!(config.operators[0].token_sha256, Digest::of(token.trim_end().as_bytes()));
    let roster: Envelope<Roster> = Envelope::from_bytes(&read(&fleet.roster())).unwrap();
    assert_eq!(config.fleet, roster.document.fleet);
    for path in [
        &config.secrets.file,
        &config.certificates.root_ca,
        &config.certificates.server,
        &config.certificates.controller,
        &config.rosters,
    ] {
        assert!(path.exists(), "{}", path.display());
    }
}

#[test]
fn a_directory_that_is_not_empty_is_refused_and_left_alone() {
    let fleet = Fleet::insecure();
    let before = read(&fleet.roster());
    let complaint = run(&["init", text(&fleet.at("")), "--insecure-dev"]).failed(1);
    assert!(complaint.contains("is not empty"), "{complaint}");
    assert!(complaint.contains("hint: keys are never overwritten"), "{complaint}");
    assert_eq!(read(&fleet.roster()), before);

    let empty = fleet.beside("empty");
    fs::create_dir(&empty).unwrap();
    run(&["init", text(&empty), "--insecure-dev"]).ok();
    let file = fleet.beside("file");
    fs::write(&file, "").unwrap();
    run(&["init", text(&file), "--insecure-dev"]).failed(1);
    let left: Vec<_> = fs::read_dir(fleet.beside("")).unwrap().map(|it| it.unwrap()).collect();
    assert_eq!(left.len(), 3, "nothing is left beside: {left:?}");
}

#[test]
fn unprotected_keys_are_announced_loudly_and_never_opened_by_accident() {
    let dir = tempfile::tempdir().unwrap();
    let fleet = dir.path().join("fleet");
    let ran = run(&["init", text(&fleet), "--insecure-dev"]);
    assert!(ran.err.contains("THE KEYS OF THIS FLEET ARE NOT PROTECTED"), "{}", ran.err);
    let secrets = fleet.join("controller/secrets.insecure.toml");
    assert!(fs::read_to_string(&secrets).unwrap().starts_with("# NOT PROTECTED"));
    let passphrase = Unlock::Passphrase(Passphrase::new(PASSPHRASE));
    let error = OnlineKeys::open(&secrets, &passphrase).unwrap_err();
    assert!(matches!(error, KeyError::Insecure(_)), "{error}");
    let shown = run(&["key", "show", text(&fleet.join("offline/root-ca.key.insecure.toml"))]);
    assert!(shown.err.contains("warning: it is not protected"), "{}", shown.err);
}

#[test]
fn without_a_terminal_nobody_is_asked_for_a_passphrase() {
    let dir = tempfile::tempdir().unwrap();
    let complaint = run(&["init", text(&dir.path().join("fleet"))]).failed(1);
    assert!(complaint.contains("there is no terminal to ask"), "{complaint}");
    assert!(complaint.contains("hint: name a file with --passphrase-file"), "{complaint}");
    let short = dir.path().join("short");
    fs::write(&short, "1234").unwrap();
    let fleet = dir.path().join("fleet");
    let complaint = run(&["init", text(&fleet), "--passphrase-file", text(&short)]).failed(1);
    assert!(complaint.contains("a new passphrase needs 12 characters"), "{complaint}");
    assert!(!fleet.exists());
}

#[test]
fn a_result_that_cannot_be_written_is_no_success() {
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let mut command = crate::tillward(&["completions", "bash"]);
    let complaint = crate::ran(command.stdout(full).output()).failed(1);
    assert!(complaint.contains("the result could not be written"), "{complaint}");
}
