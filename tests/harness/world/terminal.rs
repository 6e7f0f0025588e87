//! One terminal: a till that sells, its keeper, and the agent.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use super::host::Host;
use super::run;
use crate::process::{Process, signal};
use crate::programs::Programs;
use crate::wait::wait_for;

/// Where a terminal stands.
#[derive(Clone, Debug)]
pub struct Shop {
    pub serial: String,
    pub store: String,
    pub model: String,
    /// Said in its claim alone.
    pub zone: String,
}

#[derive(Debug)]
pub struct Terminal {
    pub shop: Shop,
    /// Keeps the till running, whatever happens to the agent.
    pub keeper: Process,
    pub agent: Option<Process>,
    /// The serial number of the terminal whose data it has taken over.
    pub took_over: Option<String>,
    home: PathBuf,
    logs: PathBuf,
    /// As the till takes them on its command line.
    hosts: Vec<String>,
}

/// The version that a terminal begins with.
const FIRST: &str = "1.0.0";

/// Between two customers: busy enough to be caught in a sale, with gaps to be free in.
const BUSY_MS: &str = "400";

/// Nobody comes.
const DESERTED_MS: &str = "0";

/// Whether anybody buys anything from the beginning on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Customers {
    Come,
    StayAway,
}

impl Customers {
    fn pace_ms(self) -> &'static str {
        match self {
            Self::Come => BUSY_MS,
            Self::StayAway => DESERTED_MS,
        }
    }
}

impl Terminal {
    pub(super) fn open(
        programs: &Programs,
        directory: &Path,
        shop: &Shop,
        hosts: &[Host],
        customers: Customers,
    ) -> Result<Self> {
        let home = directory.join("terminals").join(&shop.serial);
        let logs = directory.join("logs");
        let slots = home.join("state/slots/pos-sim");
        fs::create_dir_all(home.join("till"))?;
        let first = slots.join(format!("{FIRST}-00000000"));
        fs::create_dir_all(first.join("bin"))?;
        fs::copy(programs.pos_sim(FIRST)?, first.join("bin/pos-sim"))?;
        symlink(format!("{FIRST}-00000000"), slots.join("current"))?;
        let hosts: Vec<_> = hosts.iter().map(Host::argument).collect();
        let keeper = keep(programs, &home, shop, &hosts, customers.pace_ms(), &logs)?;
        let (shop, agent, took_over) = (shop.clone(), None, None);
        let terminal = Self { shop, keeper, agent, took_over, home, logs, hosts };
        terminal.write_configuration(programs)?;
        Ok(terminal)
    }

    /// The till's storage is exchanged for an empty one. Nobody is sold anything there until
    /// [`Self::customers_return`]: its numbers would begin again.
    pub fn lose_data(&mut self, programs: &Programs) -> Result<()> {
        self.keeper.kill()?;
        // Whatever still runs there writes into what is lost.
        fs::rename(self.till_directory(), self.home.join("lost"))?;
        fs::create_dir(self.till_directory())?;
        self.keep(programs, DESERTED_MS)
    }

    pub fn customers_return(&mut self, programs: &Programs) -> Result<()> {
        self.keeper.kill()?;
        self.keep(programs, BUSY_MS)
    }

    fn keep(&mut self, programs: &Programs, pace_ms: &str) -> Result<()> {
        self.keeper = keep(programs, &self.home, &self.shop, &self.hosts, pace_ms, &self.logs)?;
        Ok(())
    }

    fn write_configuration(&self, programs: &Programs) -> Result<()> {
        let driver = programs.pos_sim(FIRST)?;
        let text = format!(
            "state_dir = {:?}\nmodel = {:?}\n\n[pos]\ncomponent = \"pos-sim\"\n\
             driver = [{:?}, \"driver\", \"--data\", {:?}]\n\n\
             [backup]\nprogram = {:?}\n\n[[backup.paths]]\n\
             name = \"receipts\"\nclass = \"sales\"\npath = {:?}\n\n\
             [wipe]\nprogram = {:?}\nlifecycle = {:?}\npaths = {:?}\n\n\
             [power]\nsupplies = {:?}\n",
            self.state(),
            self.shop.model,
            driver,
            self.till_directory(),
            programs.snapshot()?,
            self.receipts(),
            programs.eraser()?,
            self.lifecycle(),
            self.records_of_till(),
            self.supplies(),
        );
        Ok(fs::write(self.configuration(), text)?)
    }

    pub fn configuration(&self) -> PathBuf {
        self.home.join("agent.toml")
    }

    pub fn state(&self) -> PathBuf {
        self.home.join("state")
    }

    /// Of its own: how this machine is powered is nothing to a terminal in it.
    fn supplies(&self) -> PathBuf {
        self.home.join("supplies")
    }

    /// From now on it runs on a battery that holds this, as Linux would show it.
    pub fn run_on_battery(&self, percent: u8, status: &str) -> Result<()> {
        let battery = self.supplies().join("BAT0");
        fs::create_dir_all(&battery)?;
        fs::write(battery.join("type"), "Battery\n")?;
        fs::write(battery.join("capacity"), format!("{percent}\n"))?;
        Ok(fs::write(battery.join("status"), format!("{status}\n"))?)
    }

    pub fn till_directory(&self) -> PathBuf {
        self.home.join("till")
    }

    /// What the configuration has saved besides the till's own data; nobody makes it.
    pub fn receipts(&self) -> PathBuf {
        self.home.join("receipts")
    }

    /// Where the erasing program keeps its journal.
    pub fn lifecycle(&self) -> PathBuf {
        self.home.join("lifecycle")
    }

    /// What a till leaves on the disk. Its directory stays, and says in it that it was erased.
    pub fn records_of_till(&self) -> Vec<PathBuf> {
        let files = ["till.db", "till.db-wal", "till.db-shm"];
        let files = files.map(|name| self.till_directory().join(name)).into_iter();
        files.chain([self.receipts()]).collect()
    }

    /// The directory name of the current slot, for example `2.0.0-1a2b3c4d`.
    pub fn current_slot(&self) -> Result<String> {
        let link = fs::read_link(self.state().join("slots/pos-sim/current"))?;
        Ok(link.to_string_lossy().into_owned())
    }

    /// Whether the current version has proven itself, as the agent notes beside its slot. What
    /// was put there by hand has no note and counts as proven.
    pub fn current_is_proven(&self) -> Result<bool> {
        let note = self.state().join(format!("slots/pos-sim/{}.json", self.current_slot()?));
        if !note.exists() {
            return Ok(true);
        }
        let note: Value = serde_json::from_slice(&fs::read(note)?)?;
        note["committed"].as_bool().context("a slot's note says whether it is committed")
    }

    /// The bytes of a download that is under way.
    pub fn downloaded(&self) -> u64 {
        let entries = fs::read_dir(self.state().join("download")).into_iter().flatten().flatten();
        entries.filter_map(|entry| Some(entry.metadata().ok()?.len())).sum()
    }

    /// The agent's program with this terminal's configuration.
    pub fn agent_command(&self, programs: &Programs, arguments: &[&str]) -> Result<Command> {
        let mut command = Command::new(programs.agent()?);
        command.arg("--config").arg(self.configuration()).args(arguments);
        Ok(command)
    }

    pub(super) fn enrol(&self, programs: &Programs, claim: &Path) -> Result<()> {
        let mut command = self.agent_command(programs, &["enrol", "--claim-file"])?;
        run(command.arg(claim)).map(|_| ())
    }

    pub fn start_agent(&mut self, programs: &Programs) -> Result<()> {
        let mut command = self.agent_command(programs, &["run"])?;
        self.agent = Some(Process::start(&self.agent_log(), &mut command, &self.logs)?);
        Ok(())
    }

    /// Everything that the agent has said since the shop was opened.
    pub fn agent_words(&self) -> Result<String> {
        Ok(fs::read_to_string(self.logs.join(format!("{}.log", self.agent_log())))?)
    }

    fn agent_log(&self) -> String {
        format!("agent-{}", self.shop.serial)
    }

    /// As a power cut does it.
    pub fn kill_agent(&mut self) -> Result<()> {
        let mut agent = self.agent.take().context("no agent runs")?;
        Ok(agent.kill()?)
    }

    /// Till and agent end in the middle of whatever they do, as a power cut ends them.
    pub fn lose_power(&mut self) -> Result<()> {
        let till = self.keeper.children()?;
        self.kill_agent()?;
        self.keeper.kill()?;
        // A till that sees its keeper gone may have ended by itself.
        till.into_iter().for_each(|id| drop(signal(id, "KILL")));
        Ok(())
    }

    pub fn power_returns(&mut self, programs: &Programs) -> Result<()> {
        self.keep(programs, BUSY_MS)?;
        self.start_agent(programs)
    }

    pub fn stop_agent(&mut self) -> Result<()> {
        let mut agent = self.agent.take().context("no agent runs")?;
        agent.terminate(Duration::from_secs(20))?;
        Ok(())
    }

    /// The till and this host have so many settled sales of earlier days in their books.
    pub fn sold_before(&self, programs: &Programs, host: &Host, sales: u32) -> Result<()> {
        let mut past = Command::new(programs.pos_sim(FIRST)?);
        past.args(["past", "--sales", &sales.to_string(), "--till"]).arg(self.till_directory());
        run(past.arg("--host").arg(host.directory())).map(|_| ())
    }

    /// What the till says of itself.
    pub fn till_status(&self, programs: &Programs) -> Result<Value> {
        self.ask_till(programs, "{\"id\":1,\"do\":\"status\"}")
    }

    /// One request of the driver protocol.
    pub fn ask_till(&self, programs: &Programs, request: &str) -> Result<Value> {
        use std::io::{BufRead as _, BufReader, Write as _};
        use std::process::Stdio;
        let mut driver = Command::new(programs.pos_sim(FIRST)?)
            .args(["driver", "--data"])
            .arg(self.till_directory())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut input = driver.stdin.take().context("the driver has an input")?;
        let output = driver.stdout.take().context("the driver has an output")?;
        writeln!(input, "{request}")?;
        // The driver ends with its input, so that stays open until the answer is here.
        let mut answer = String::new();
        BufReader::new(output).read_line(&mut answer)?;
        drop(input);
        driver.wait()?;
        let answer: Value =
            serde_json::from_str(&answer).with_context(|| format!("the till said `{answer}`"))?;
        match answer.get("ok") {
            Some(ok) => Ok(ok.clone()),
            None => anyhow::bail!("{request} of {}: {answer}", self.shop.serial),
        }
    }

    /// Drains and settles, so that the books can be compared to the last sale.
    pub fn close_books(&self, programs: &Programs) -> Result<()> {
        let asks = [
            "{\"id\":1,\"do\":\"hold\",\"lease_s\":600,\"reason\":\"books\"}",
            "{\"id\":1,\"do\":\"drain\"}",
            "{\"id\":1,\"do\":\"settle\"}",
        ];
        for request in asks {
            let what = format!("{} answers {request}", self.shop.serial);
            wait_for(&what, Duration::from_secs(60), || {
                self.ask_till(programs, request).map_err(|error| format!("{error:#}"))
            })?;
        }
        Ok(())
    }

    /// When the till began its last sale to a customer, by its own journal; whatever came of it.
    pub fn last_sale_began_ms(&self) -> Result<Option<i64>> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
        let journal = Connection::open_with_flags(self.till_directory().join("till.db"), flags)?;
        let last = "SELECT max(begun_ms) FROM sale WHERE is_test = 0";
        Ok(journal.query_row(last, [], |row| row.get(0))?)
    }

    /// Makes the till misbehave, in the words of `pos-sim fault`.
    pub fn fault(&self, programs: &Programs, words: &[&str]) -> Result<()> {
        let mut command = Command::new(programs.pos_sim(FIRST)?);
        command.args(["fault", "--data"]).arg(self.till_directory()).args(words);
        run(&mut command).map(|_| ())
    }
}

/// Starts what keeps the till running.
fn keep(
    programs: &Programs,
    home: &Path,
    shop: &Shop,
    hosts: &[String],
    pace_ms: &str,
    logs: &Path,
) -> Result<Process> {
    let mut command = Command::new(programs.pos_sim(FIRST)?);
    command.args(["keep", "--slot"]).arg(home.join("state/slots/pos-sim/current"));
    command.arg("--data").arg(home.join("till")).args(["--terminal", &shop.serial]);
    command.args(["--pace-ms", pace_ms]);
    for host in hosts {
        command.args(["--host", host]);
    }
    Ok(Process::start(&format!("till-{}", shop.serial), &mut command, logs)?)
}
