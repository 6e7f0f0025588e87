//! How programs end that cannot do their work: with an exit code, and with what is wrong, where,
//! and what to do.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};
use harness::programs::Programs;
use harness::world::{Broker, Registry, run};
use tempfile::TempDir;

use crate::fleet::Fleet;

#[test]
fn a_controller_says_which_port_is_taken() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let https = Home::new().unwrap();
    https.change("listen = \"127.0.0.1:8443\"", &format!("listen = \"{address}\"")).unwrap();
    https.change("listen = \"127.0.0.1:8883\"", "listen = \"127.0.0.1:0\"").unwrap();
    let ended = https.controller("serve").unwrap();
    ended.is_failure(
        1,
        &[&format!("HTTPS cannot listen on {address}: the port is in use"), "hint:"],
    );
    let broker = Home::new().unwrap();
    broker.change("listen = \"127.0.0.1:8443\"", "listen = \"127.0.0.1:0\"").unwrap();
    broker.change("listen = \"127.0.0.1:8883\"", &format!("listen = \"{address}\"")).unwrap();
    let ended = broker.controller("serve").unwrap();
    let says = format!("the broker cannot listen on {address}: the port is in use");
    ended.is_failure(1, &[&says, "hint:"]);
}

#[test]
fn a_controller_reports_all_five_mistakes_of_its_configuration() {
    let home = Home::new().unwrap();
    for (right, wrong) in [
        ("listen = \"127.0.0.1:8443\"", "listen = \"everywhere\""),
        ("url = \"sqlite:data/registry.sqlite\"", "url = 7"),
        ("artifact_mib_max = 1024", "artifact_mib_max = 0"),
        ("certificate_days = 30", "certificate_days = 3000"),
        ("[rosters]", "[rosters]\nmood = \"good\""),
    ] {
        home.change(right, wrong).unwrap();
    }
    let says = [
        "5 mistakes",
        "`https.listen` is `everywhere`",
        "`registry.url` is of type integer",
        "`https.artifact_mib_max` is 0",
        "`enrolment.certificate_days` is 3000",
        "`rosters.mood` is not a key",
    ];
    home.controller("check-config").unwrap().is_failure(1, &says);
    home.controller("serve").unwrap().is_failure(1, &says);
}

#[test]
fn a_controller_leaves_a_database_alone_that_is_newer_than_itself() {
    let home = Home::new().unwrap();
    home.controller("migrate").unwrap().is_success();
    let file = home.fleet.join("controller/data/registry.sqlite");
    let database = rusqlite::Connection::open(file).unwrap();
    let future = "INSERT INTO _sqlx_migrations SELECT 9999, 'tomorrow', installed_on, success,
        checksum, execution_time FROM _sqlx_migrations LIMIT 1";
    assert_eq!(database.execute(future, []).unwrap(), 1);
    for command in ["serve", "migrate"] {
        let ended = home.controller(command).unwrap();
        ended.is_failure(1, &["schema is version 9999, newer than", "run the newer build"]);
    }
}

#[test]
fn a_controller_without_its_secrets_or_certificates_names_the_file() {
    let home = Home::new().unwrap();
    let papers = home.fleet.join("controller");
    let hide = |name: &str| fs::rename(papers.join(name), papers.join("hidden")).unwrap();
    let show = |name: &str| fs::rename(papers.join("hidden"), papers.join(name)).unwrap();
    for name in ["secrets.insecure.toml", "server.pem", "device-ca.pem"] {
        hide(name);
        home.controller("serve").unwrap().is_failure(1, &[name]);
        show(name);
    }
    hide("controller.toml");
    let ended = home.controller("serve").unwrap();
    ended.is_failure(1, &["controller.toml", "hint: name the file with --config"]);
}

#[test]
fn an_agent_that_cannot_work_says_why_and_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let agent = |arguments: &[&str]| {
        let mut command = Command::new(Programs::find().agent().unwrap());
        command.arg("--config").arg(path("agent.toml")).args(arguments);
        Ended::of(&mut command).unwrap()
    };
    agent(&["run"]).is_failure(3, &["agent.toml", "cannot be read", "hint:"]);
    let wrong = "state_dir = 'here'\nzone = 'Atlantis/Centre'\nlog = 'loud'\nmood = 'good'\n\
                 [pos]\ndriver = []\n";
    fs::write(path("agent.toml"), format!("model = 'px7'\n{wrong}")).unwrap();
    let five = ["5 problems", "`state_dir`", "`zone`", "`log`", "`mood`", "`pos.driver`", "hint:"];
    agent(&["check-config"]).is_failure(3, &five);
    agent(&["run"]).is_failure(3, &five);
    let right =
        format!("state_dir = {:?}\nmodel = 'px7'\n[pos]\ndriver = ['/bin/false']\n", path("state"));
    fs::write(path("agent.toml"), right).unwrap();
    agent(&["check-config"]).is_success();
    agent(&["run"]).is_failure(4, &["is not enrolled", "hint: ask the operator for a claim"]);
    // A directory that belongs to somebody else, and one that is none.
    fs::create_dir_all(path("state/identity/current")).unwrap();
    agent(&["run"]).is_failure(1, &["facts.toml", "cannot be read", "hint:"]);
    fs::write(path("file"), "").unwrap();
    let file = path("file");
    let file = file.to_str().unwrap();
    agent(&["--state", file, "run"]).is_failure(4, &["is not enrolled"]);
    agent(&["--state", file, "enrol", "--claim-file", file]).is_failure(5, &["holds no claim"]);
}

#[test]
fn the_command_line_says_what_is_wrong_with_its_context() {
    wrong_contexts().unwrap();
}

fn wrong_contexts() -> Result<()> {
    let fleet = Fleet::start(Broker::Embedded, &Registry::Sqlite)?;
    let operator = fleet.world.directory().join("fleet/operator");
    let file = operator.join("operator.toml");
    let list = |context: Option<&PathBuf>| {
        let mut command = Command::new(fleet.world.programs.tillward()?);
        command.args(["terminal", "list"]).env_remove("TILLWARD_CONTEXT");
        command.args(context.iter().flat_map(|path| [PathBuf::from("--context"), path.into()]));
        Ended::of(&mut command)
    };
    list(Some(&file))?.is_success();
    list(None)?.is_failure(1, &["no controller was named", "hint: pass --context"]);
    let nowhere = operator.join("nowhere.toml");
    list(Some(&nowhere))?.is_failure(1, &["cannot read", "nowhere.toml"]);

    let text = fs::read_to_string(&file)?;
    let closed = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let url = format!("https://{}", fleet.world.https.address());
    fs::write(&nowhere, text.replace(&url, &format!("https://{closed}")))?;
    list(Some(&nowhere))?.is_failure(5, &[&closed.to_string(), "hint:"]);

    fs::write(operator.join("wrong-token"), "tillward_of_somebody_else\n")?;
    fs::write(&nowhere, text.replace("\"token\"", "\"wrong-token\""))?;
    list(Some(&nowhere))?.is_failure(6, &["token", "hint:"]);

    // The context of one fleet with the authority of another.
    let other = Home::new()?;
    fs::copy(other.fleet.join("controller/server-ca.pem"), operator.join("other-ca.pem"))?;
    let own = text.lines().find(|line| line.starts_with("server_ca")).context("a server_ca")?;
    fs::write(&nowhere, text.replace(own, "server_ca = \"other-ca.pem\""))?;
    list(Some(&nowhere))?.is_failure(4, &["another fleet"]);
    Ok(())
}

/// What `tillward init` makes, without anything that runs.
struct Home {
    _directory: TempDir,
    fleet: PathBuf,
}

impl Home {
    fn new() -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("tillward-e2e-").tempdir()?;
        let fleet = directory.path().join("fleet");
        let mut init = Command::new(Programs::find().tillward()?);
        run(init.arg("init").arg(&fleet).args(["--insecure-dev", "--json"]))?;
        Ok(Self { _directory: directory, fleet })
    }

    fn configuration(&self) -> PathBuf {
        self.fleet.join("controller/controller.toml")
    }

    fn change(&self, from: &str, to: &str) -> Result<()> {
        let text = fs::read_to_string(self.configuration())?;
        assert!(text.contains(from), "`{from}` is not in:\n{text}");
        Ok(fs::write(self.configuration(), text.replacen(from, to, 1))?)
    }

    /// Runs the controller's program to its end.
    fn controller(&self, command: &str) -> Result<Ended> {
        let mut program = Command::new(Programs::find().controller()?);
        program.arg(command).arg("--config").arg(self.configuration());
        Ended::of(&mut program)
    }
}

/// How a program ended, and what it said about it.
struct Ended {
    code: Option<i32>,
    error: String,
}

impl Ended {
    fn of(command: &mut Command) -> Result<Self> {
        let output = command.output().with_context(|| format!("starting {command:?}"))?;
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        Ok(Self { code: output.status.code(), error })
    }

    #[track_caller]
    fn is_success(&self) {
        assert_eq!(self.code, Some(0), "{}", self.error);
    }

    #[track_caller]
    fn is_failure(&self, code: i32, says: &[&str]) {
        assert_eq!(self.code, Some(code), "{}", self.error);
        for words in says {
            assert!(self.error.contains(words), "`{words}` is not in:\n{}", self.error);
        }
        assert!(!self.error.contains("panicked"), "{}", self.error);
    }
}
