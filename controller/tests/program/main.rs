//! The controller as a program: how it starts, refuses to start, and stops.

#![expect(clippy::unwrap_used, reason = "a test says by panicking that it failed")]

mod desk;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// What `tillward init` makes, listening on free ports.
struct Fleet {
    directory: tempfile::TempDir,
}

impl Fleet {
    fn make(options: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let made = Command::new(env!("CARGO_BIN_EXE_tillward"))
            .arg("init")
            .arg(directory.path().join("fleet"))
            .args(options)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let fleet = Self { directory };
        fleet.edit(|text| text.replace(":8443", ":0").replace(":8883", ":0"));
        fleet
    }

    fn insecure() -> Self {
        Self::make(&["--insecure-dev"])
    }

    fn config(&self) -> PathBuf {
        self.directory.path().join("fleet/controller/controller.toml")
    }

    fn edit(&self, change: impl FnOnce(String) -> String) {
        let text = fs::read_to_string(self.config()).unwrap();
        fs::write(self.config(), change(text)).unwrap();
    }

    fn command(&self, command: &str) -> Command {
        let mut program = Command::new(env!("CARGO_BIN_EXE_tillward-controller"));
        program.arg(command).arg("--config").arg(self.config()).stdin(Stdio::null());
        program
    }

    /// The complaint of a run that must fail.
    #[track_caller]
    fn complaint(&self, command: &str, options: &[&str]) -> String {
        let Output { status, stderr, .. } = self.command(command).args(options).output().unwrap();
        let stderr = String::from_utf8(stderr).unwrap();
        assert_eq!(status.code(), Some(1), "{stderr}");
        stderr
    }

    fn serve(&self, options: &[&str]) -> Serving {
        let addresses = self.directory.path().join("addresses.json");
        let mut child = self
            .command("serve")
            .arg("--addresses-file")
            .arg(&addresses)
            .args(options)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        while !said.contains(" serving ") {
            let more = log.read_line(&mut said).unwrap();
            assert!(more > 0, "it does not serve: {said}");
        }
        let addresses = fs::read(addresses).unwrap();
        let addresses: serde_json::Value = serde_json::from_slice(&addresses).unwrap();
        let https = addresses["https"].as_str().unwrap().to_owned();
        Serving { child, log, said, https }
    }

    /// `tillward status`, as its output.
    fn status(&self, https: &str) -> Output {
        let operator = self.directory.path().join("fleet/operator");
        let file = operator.join("operator.toml");
        let port = https.rsplit(':').next().unwrap();
        let text = fs::read_to_string(&file).unwrap();
        let line = |line: &str| match line.starts_with("url") {
            true => format!("url = \"https://localhost:{port}\""),
            false => line.to_owned(),
        };
        let text: Vec<_> = text.lines().map(line).collect();
        fs::write(&file, text.join("\n")).unwrap();
        let mut program = Command::new(env!("CARGO_BIN_EXE_tillward"));
        program.args(["status", "--json", "--context"]).arg(operator).output().unwrap()
    }
}

/// A controller that serves, and is killed if the test ends before it does.
struct Serving {
    child: Child,
    log: BufReader<ChildStderr>,
    said: String,
    https: String,
}

impl Serving {
    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let status = Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap();
        assert!(status.success());
    }

    /// Its exit code, and everything that it said.
    fn wait(mut self) -> (Option<i32>, String) {
        let mut said = std::mem::take(&mut self.said);
        self.log.read_to_string(&mut said).unwrap();
        (self.child.wait().unwrap().code(), said)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            self.child.kill().expect("it was running");
            self.child.wait().expect("it was killed");
        }
    }
}

#[test]
fn it_serves_stops_when_it_is_asked_and_goes_on_where_it_was() {
    let fleet = Fleet::insecure();
    for signal in ["TERM", "INT"] {
        let serving = fleet.serve(&[]);
        let status = fleet.status(&serving.https);
        let (out, err) = (&status.stdout, String::from_utf8_lossy(&status.stderr));
        let status: serde_json::Value = serde_json::from_slice(out).expect(&err);
        assert_eq!(status["roster_version"], 1);
        assert_eq!(status["registry"], "sqlite");
        let idle = std::net::TcpStream::connect(&serving.https).unwrap();
        let asked = Instant::now();
        serving.signal(signal);
        let (code, said) = serving.wait();
        assert_eq!(code, Some(0), "{said}");
        assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
        drop(idle);
    }
}

#[test]
fn it_says_where_it_listens_and_whose_fleet_it_is_but_no_secret() {
    let fleet = Fleet::insecure();
    let serving = fleet.serve(&[]);
    let https = serving.https.clone();
    assert!(fleet.status(&https).status.success());
    serving.signal("TERM");
    let (_, said) = serving.wait();
    let config = fs::read_to_string(fleet.config()).unwrap();
    let id = config.lines().find_map(|line| line.strip_prefix("fleet = ")).unwrap();
    assert!(said.contains(id.trim_matches('"')), "{said}");
    assert!(said.contains(&https), "{said}");
    let beside = |name| fs::read_to_string(fleet.config().with_file_name(name)).unwrap();
    let secrets = beside("secrets.insecure.toml");
    let keys = secrets.lines().filter_map(|line| line.split_once(" = ")).map(|(_, it)| it);
    for key in keys.map(|key| key.trim_matches('"')).filter(|key| key.len() == 64) {
        assert!(!said.contains(key));
    }
    let token = fleet.directory.path().join("fleet/operator/token");
    assert!(!said.contains(fs::read_to_string(token).unwrap().trim()));
}

#[test]
fn five_mistakes_in_the_configuration_are_reported_as_five() {
    let fleet = Fleet::insecure();
    fleet.edit(|text| {
        text.replace("name = \"controller-1\"", "name = \"Controller\"")
            .replace("certificate_days = 30", "certificate_days = 0")
            .replace("artifact_mib_max", "artifact_max")
            .replace("insecure_dev = true", "insecure_dev = \"yes\"")
            .replacen("listen = \"127.0.0.1:0\"", "listen = \"here\"", 1)
    });
    for command in ["check-config", "serve", "migrate"] {
        let said = fleet.complaint(command, &[]);
        assert!(said.contains("5 mistakes"), "{said}");
        let named = [
            "`name` is `Controller`",
            "`https.listen` is `here`",
            "`https.artifact_max` is not a key",
            "`secrets.insecure_dev` is of type string",
            "`enrolment.certificate_days` is 0",
        ];
        for mistake in named {
            assert!(said.contains(mistake), "{mistake}: {said}");
        }
    }
}

#[test]
fn wrong_keys_and_missing_files_are_reported_together() {
    let fleet = Fleet::insecure();
    fleet.edit(|text| {
        text.replace("sqlite:data/registry.sqlite", "mysql:x")
            .replace("\"device-ca.pem\"", "\"missing.pem\"")
            .replace("directory = \"rosters\"", "directory = \"nowhere\"")
    });
    let said = fleet.complaint("check-config", &[]);
    assert!(said.contains("3 mistakes"), "{said}");
    for named in ["`registry.url` names no registry", "/missing.pem: No such file", "/nowhere: "] {
        assert!(said.contains(named), "{named}: {said}");
    }
}

#[test]
fn a_registry_of_an_unknown_kind_is_refused_on_the_command_line_too() {
    let fleet = Fleet::insecure();
    for command in ["check-config", "serve", "migrate"] {
        let said = fleet.complaint(command, &["--registry", "mysql://u:secret@db/x"]);
        assert!(said.contains("names no registry: write `sqlite:<file>`"), "{said}");
        assert!(!said.contains("secret"), "{said}");
    }
}

#[test]
fn a_second_controller_on_the_same_data_is_told_of_the_first_and_nothing_else() {
    let fleet = Fleet::insecure();
    let serving = fleet.serve(&[]);
    let said = fleet.complaint("serve", &[]);
    assert!(said.contains("is in use by another process: stop that process first"), "{said}");
    assert!(!said.contains("hint:"), "{said}");
    serving.signal("TERM");
    assert_eq!(serving.wait().0, Some(0));
}

#[test]
fn certificates_that_do_not_fit_the_configuration_are_named() {
    let fleet = Fleet::insecure();
    assert!(fleet.command("check-config").status().unwrap().success());
    fleet.edit(|text| {
        text.replace("https://localhost", "https://fleet.example")
            .replace("name = \"controller-1\"", "name = \"controller-2\"")
    });
    for command in ["check-config", "serve"] {
        let said = fleet.complaint(command, &[]);
        assert!(said.contains("no name `fleet.example`, as `https.url`"), "{said}");
        assert!(said.contains("names controller-1, not controller-2"), "{said}");
    }
}

#[test]
fn a_port_in_use_is_named_with_what_to_do() {
    let fleet = Fleet::insecure();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap();
    for (section, hint) in [("https", "`https.listen`"), ("broker", "`broker.listen`")] {
        fleet.edit(|text| {
            let (before, after) = text.split_once(&format!("[{section}]")).unwrap();
            let after = after.replacen("127.0.0.1:0", &taken.to_string(), 1);
            format!("{before}[{section}]{after}")
        });
        let said = fleet.complaint("serve", &[]);
        assert!(said.contains(&format!("{taken}: the port is in use")), "{said}");
        assert!(said.contains(hint), "{said}");
        fleet.edit(|text| text.replace(&taken.to_string(), "127.0.0.1:0"));
    }
}

#[test]
fn a_registry_that_is_newer_than_the_program_is_left_alone() {
    let fleet = Fleet::insecure();
    assert!(fleet.command("migrate").status().unwrap().success());
    let file = fleet.config().with_file_name("data").join("registry.sqlite");
    let database = rusqlite::Connection::open(&file).unwrap();
    let future = "INSERT INTO _sqlx_migrations \
                  (version, description, success, checksum, execution_time) \
                  VALUES (9999, 'from the future', 1, x'00', 0)";
    assert_eq!(database.execute(future, []).unwrap(), 1);
    drop(database);
    let before = fs::read(&file).unwrap();
    for command in ["serve", "migrate"] {
        let said = fleet.complaint(command, &[]);
        assert!(said.contains("9999, newer than"), "{said}");
    }
    assert_eq!(fs::read(&file).unwrap(), before);
}

#[test]
fn a_registry_of_another_fleet_is_left_alone() {
    let (fleet, other) = (Fleet::insecure(), Fleet::insecure());
    assert!(fleet.command("migrate").status().unwrap().success());
    let file = fleet.config().with_file_name("data").join("registry.sqlite");
    let url = format!("sqlite:{}", file.display());
    let said = other.complaint("serve", &["--registry", &url]);
    assert!(said.contains("the registry belongs to fleet"), "{said}");
}

#[test]
fn sealed_keys_open_with_their_passphrase_alone() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = directory.path().join(name);
        fs::write(&path, text).unwrap();
        path.into_os_string().into_string().unwrap()
    };
    let right = file("right", "correct horse battery staple\n");
    let wrong = file("wrong", "incorrect horse battery staple\n");
    let fleet = Fleet::make(&["--passphrase-file", &right]);
    let said = fleet.complaint("serve", &["--passphrase-file", &wrong]);
    assert!(said.contains("the passphrase does not open"), "{said}");
    let said = fleet.complaint("serve", &[]);
    assert!(said.contains("there is no terminal to ask"), "{said}");
    let serving = fleet.serve(&["--passphrase-file", &right]);
    serving.signal("TERM");
    assert_eq!(serving.wait().0, Some(0));
}

#[test]
fn a_directory_that_is_not_there_is_made_and_a_file_that_is_not_there_is_named() {
    let fleet = Fleet::insecure();
    let certificate = fleet.config().with_file_name("device-ca.pem");
    let kept = fs::read(&certificate).unwrap();
    fs::remove_file(&certificate).unwrap();
    let named = [
        ("check-config", "1 mistake in "),
        ("check-config", "`certificates.device_ca`: cannot read "),
        ("serve", "cannot read the device authority's certificate"),
    ];
    for (command, named) in named {
        let said = fleet.complaint(command, &[]);
        assert!(said.contains(named), "{named}: {said}");
        assert!(said.contains("device-ca.pem"), "{said}");
    }
    fs::write(&certificate, kept).unwrap();
    let missing = Path::new("/nonexistent/controller.toml");
    let mut program = Command::new(env!("CARGO_BIN_EXE_tillward-controller"));
    let ran = program.args(["serve", "--config"]).arg(missing).output().unwrap();
    let said = String::from_utf8(ran.stderr).unwrap();
    assert!(said.contains("cannot read the configuration /nonexistent/controller.toml"), "{said}");
}
