//! A shop: a till and two hosts in a directory of their own.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use serde_json::Value;
use tempfile::TempDir;

use crate::driver_program::Driver;
use crate::process::{Process, pos_sim};
use crate::wait::wait_for;

pub(crate) const TERMINAL: &str = "T1";

/// The unit that comes in place of the terminal.
const SUCCESSOR: &str = "T2";

pub(crate) struct Shop {
    pub(crate) till: Option<Process>,
    hosts: BTreeMap<&'static str, Host>,
    pace_ms: u64,
    terminal: &'static str,
    dir: TempDir,
}

struct Host {
    process: Option<Process>,
    port: u16,
}

impl Shop {
    /// Two hosts are running; the till is not.
    pub(crate) fn with_pace(pace_ms: u64) -> Self {
        let (hosts, dir) = (BTreeMap::new(), tempfile::tempdir().unwrap());
        let mut shop = Self { till: None, hosts, pace_ms, terminal: TERMINAL, dir };
        for name in ["a", "b"] {
            shop.hosts.insert(name, Host { process: None, port: 0 });
            shop.start_host(name);
        }
        shop
    }

    /// A shop whose till sells already.
    pub(crate) fn selling() -> Self {
        let mut shop = Self::with_pace(10);
        shop.start_till();
        shop.wait_for_sales(5);
        shop
    }

    pub(crate) fn till_data(&self) -> PathBuf {
        self.data_of(self.terminal)
    }

    fn data_of(&self, terminal: &str) -> PathBuf {
        let name = if terminal == TERMINAL { "till" } else { terminal };
        self.dir.path().join(name)
    }

    pub(crate) fn host_data(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The flags of `till`, which are those of `keep` too.
    pub(crate) fn till_flags(&self) -> Vec<String> {
        let mut flags = vec!["--data".to_owned(), self.till_data().display().to_string()];
        flags.extend(
            ["--terminal", self.terminal, "--seed", "7", "--active", "a"].map(str::to_owned),
        );
        flags.extend(["--pace-ms".to_owned(), self.pace_ms.to_string()]);
        for (name, host) in &self.hosts {
            flags.extend(["--host".to_owned(), format!("{name}=127.0.0.1:{}", host.port)]);
        }
        flags
    }

    pub(crate) fn start_till(&mut self) {
        self.till = Some(Process::start(pos_sim().arg("till").args(self.till_flags())));
    }

    pub(crate) fn kill_till(&mut self) {
        self.till.take().unwrap().kill();
    }

    /// Another unit, which has sold nothing, stands where the till stood. Its customers come with
    /// [`Shop::open_for_customers`].
    pub(crate) fn put_another_unit_in_place(&mut self) {
        self.kill_till();
        (self.terminal, self.pace_ms) = (SUCCESSOR, 0);
        self.start_till();
    }

    pub(crate) fn open_for_customers(&mut self) {
        self.kill_till();
        self.pace_ms = 10;
        self.start_till();
    }

    pub(crate) fn start_host(&mut self, name: &'static str) {
        self.start_host_with(name, &[]);
    }

    pub(crate) fn start_host_with(&mut self, name: &'static str, flags: &[&str]) {
        let data = self.host_data(name);
        let port_file = self.dir.path().join(format!("{name}.port"));
        let host = self.hosts.get_mut(name).unwrap();
        let mut command = pos_sim();
        command.args(["host", "--name", name, "--data"]).arg(&data).args(flags);
        command.arg("--listen").arg(format!("127.0.0.1:{}", host.port));
        fs::remove_file(&port_file).ok();
        command.arg("--port-file").arg(&port_file);
        host.process = Some(Process::start(&mut command));
        host.port = wait_for("the port file", || {
            let text = fs::read_to_string(&port_file).map_err(|error| error.to_string())?;
            text.trim().parse().map_err(|error| format!("{text:?}: {error}"))
        });
    }

    pub(crate) fn kill_host(&mut self, name: &str) {
        self.hosts.get_mut(name).unwrap().process.take().unwrap().kill();
    }

    pub(crate) fn host_id(&self, name: &str) -> u32 {
        self.hosts[name].process.as_ref().unwrap().id()
    }

    pub(crate) fn host_port(&self, name: &str) -> u16 {
        self.hosts[name].port
    }

    pub(crate) fn driver(&self) -> Driver {
        Driver::start(&self.till_data(), 20_000)
    }

    /// A driver to a till that answers.
    pub(crate) fn ready_driver(&self) -> Driver {
        let mut driver = self.driver();
        wait_for("the till to answer", || {
            let answer = driver.ask(r#"{"do":"status"}"#);
            if answer["ok"].is_object() { Ok(()) } else { Err(answer) }
        });
        driver
    }

    pub(crate) fn fault(&self, arguments: &[&str]) {
        set_fault(&self.till_data(), arguments);
    }

    pub(crate) fn host_fault(&self, name: &str, arguments: &[&str]) {
        set_fault(&self.host_data(name), arguments);
    }

    /// The exit code of an audit of everything, and what it says.
    pub(crate) fn audit(&self) -> (i32, Value) {
        let mut command = pos_sim();
        command.arg("audit").arg("--json").arg("--till").arg(self.till_data());
        if self.terminal != TERMINAL {
            command.arg(self.data_of(TERMINAL));
            command.arg("--took-over").arg(format!("{}={TERMINAL}", self.terminal));
        }
        command.arg("--host").arg(self.host_data("a")).arg(self.host_data("b"));
        let output = command.output().unwrap();
        let report = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
        (output.status.code().unwrap(), report)
    }

    /// Asserts that no money is lost, doubled or settled twice, and returns the totals.
    #[track_caller]
    pub(crate) fn assert_money_is_right(&self) -> Value {
        let (code, report) = self.audit();
        assert_eq!(code, 0, "{report:#}");
        let total = report["total"].clone();
        assert_eq!((&total["lost"], &total["doubled"]), (&0.into(), &0.into()), "{report:#}");
        assert_eq!(total["settled_twice"], 0, "{report:#}");
        total
    }

    /// The till's journal, as another process sees it.
    pub(crate) fn journal(&self) -> Connection {
        Connection::open(self.till_data().join("till.db")).unwrap()
    }

    pub(crate) fn ledger(&self, name: &str) -> Connection {
        Connection::open(self.host_data(name).join("host.db")).unwrap()
    }

    /// How many sales there are in the journal, whatever became of them.
    pub(crate) fn sales(&self) -> i64 {
        let path = self.till_data().join("till.db");
        let db = Connection::open_with_flags(path, rusqlite::OpenFlags::SQLITE_OPEN_READ_WRITE);
        db.and_then(|db| db.query_row("SELECT count(*) FROM sale", [], |row| row.get(0)))
            .unwrap_or(0)
    }

    /// Waits until `more` sales have been begun from now on.
    pub(crate) fn wait_for_sales(&self, more: i64) {
        let before = self.sales();
        wait_for("sales", || {
            let now = self.sales();
            if now >= before + more { Ok(()) } else { Err(now) }
        });
    }

    /// Holds trading and settles all there is; panics if anything of it does not work.
    pub(crate) fn hold_and_settle(&self) -> Value {
        let mut driver = self.ready_driver();
        driver.ok(r#"{"do":"hold","lease_s":600,"reason":"test"}"#);
        wait_for("everything to be sent", || {
            let left = driver.ok(r#"{"do":"drain"}"#)["left"].clone();
            let sent = left["unsent_reversals"] == 0 && left["stored_offline"] == 0;
            if sent { Ok(()) } else { Err(left) }
        });
        driver.ok(r#"{"do":"settle"}"#)["batches"].clone()
    }

    /// Waits until no till runs on the data any more.
    pub(crate) fn wait_until_till_is_gone(&self) {
        let Ok(lock) = File::open(self.till_data().join("till.lock")) else { return };
        wait_for("the till to be gone", || lock.try_lock());
    }
}

fn set_fault(data: &Path, arguments: &[&str]) {
    let mut command = pos_sim();
    command.arg("fault").arg("--data").arg(data).args(arguments);
    assert!(command.status().unwrap().success(), "{arguments:?}");
}
