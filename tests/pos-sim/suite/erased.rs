//! A till whose data is erased, by the real program, with the power cut before every effect of it:
//! whoever starts it again asks first, and it sells nothing from the first key that is destroyed
//! until the terminal is somebody's again. All that says that it is stopped lies in what is erased.

use std::cell::Cell;
use std::fs::{self, File};
use std::io;
use std::path::PathBuf;
use std::process::Command;

use eraser::gate::{Effect, Gate, Open};
use eraser::phase::State;
use eraser::protocol::{Key, Wipe};
use eraser::wipe::{self, Eraser};

use crate::process::{Process, pos_sim};
use crate::shop::Shop;
use crate::wait::wait_for;

/// Lets so many effects pass. The power does not come back.
struct Cut(Cell<u32>);

impl Gate for Cut {
    fn pass(&self, _effect: Effect) -> io::Result<()> {
        let left = self.0.get().checked_sub(1).ok_or_else(|| io::Error::other("no power"))?;
        self.0.set(left);
        Ok(())
    }
}

/// Whether whoever starts the till asks the erasing program, as deploy/wiping.md has it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Boot {
    Asks,
    AsksNobody,
}

#[derive(Debug, PartialEq, Eq)]
enum Started {
    Barred,
    Stopped,
    Selling,
}

/// A shop whose till was stopped, and lost power.
struct Site {
    shop: Shop,
    sold: i64,
    boots: u32,
}

impl Site {
    fn with_a_till_that_was_stopped() -> Self {
        let shop = Shop::with_pace(10);
        fs::write(shop.path().join("key"), "secret").unwrap();
        fs::create_dir(shop.path().join("identity")).unwrap();
        let bin = shop.path().join("slot/bin");
        fs::create_dir_all(&bin).unwrap();
        fs::copy(env!("CARGO_BIN_EXE_pos-sim"), bin.join("pos-sim")).unwrap();
        let mut site = Self { shop, sold: 0, boots: 0 };
        let mut keeper = site.keeper(Boot::Asks);
        let mut driver = site.shop.ready_driver();
        site.shop.wait_for_sales(3);
        driver.ok(r#"{"do":"stop_trading","message":"This till is closed."}"#);
        site.power_off(&mut keeper);
        site.sold = site.charges();
        site
    }

    fn lifecycle(&self) -> PathBuf {
        self.shop.path().join("lifecycle")
    }

    /// The till's whole directory, as deploy/wiping.md advises.
    fn wipe(&self) -> Wipe {
        Wipe {
            order: "o1".to_owned(),
            lifecycle: self.lifecycle(),
            keys: vec![Key::File { path: self.shop.path().join("key") }],
            paths: vec![self.shop.till_data()],
            devices: Vec::new(),
            identity: vec![self.shop.path().join("identity")],
        }
    }

    fn words(&self) -> PathBuf {
        self.shop.path().join(format!("keeper-{}", self.boots))
    }

    fn keeper(&mut self, boot: Boot) -> Process {
        self.boots += 1;
        let mut keep = pos_sim();
        keep.stderr(File::create(self.words()).unwrap());
        keep.arg("keep").arg("--slot").arg(self.shop.path().join("slot"));
        keep.args(self.shop.till_flags());
        if boot == Boot::Asks {
            keep.arg("--only-if").arg(eraser_program());
            keep.arg("may-start").arg("--lifecycle").arg(self.lifecycle());
        }
        Process::start(&mut keep)
    }

    fn power_off(&self, keeper: &mut Process) {
        keeper.kill();
        self.shop.wait_until_till_is_gone();
    }

    /// What comes of a till that is started now.
    fn boot(&mut self, boot: Boot) -> Started {
        let mut keeper = self.keeper(boot);
        let mut driver = self.shop.driver();
        let started = wait_for("the till is started, or not", || {
            let words = fs::read_to_string(self.words()).unwrap_or_default();
            if words.contains("does not let it start") {
                return Ok(Started::Barred);
            }
            let said = driver.ask(r#"{"do":"status"}"#);
            match (said["ok"]["stopped"].is_string(), self.charges() > self.sold) {
                (true, false) => Ok(Started::Stopped),
                (_, true) => Ok(Started::Selling),
                (false, false) => Err(said),
            }
        });
        self.power_off(&mut keeper);
        started
    }

    /// What the hosts have been asked for.
    fn charges(&self) -> i64 {
        let count = "SELECT count(*) FROM movement WHERE what = 'charge'";
        let of = |name| self.shop.ledger(name).query_row(count, [], |row| row.get::<_, i64>(0));
        ["a", "b"].map(|name| of(name).unwrap()).iter().sum()
    }

    fn state(&self) -> State {
        wipe::state(&self.lifecycle()).unwrap().0
    }
}

fn eraser_program() -> PathBuf {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_pos-sim")).with_file_name("tillward-erase");
    assert!(program.exists(), "{} is missing: `cargo programs` builds it", program.display());
    program
}

fn erase(command: &str, site: &Site) {
    let mut erase = Command::new(eraser_program());
    erase.arg(command).arg("--lifecycle").arg(site.lifecycle());
    assert!(erase.output().unwrap().status.success(), "{command}");
}

fn with<'a>(gate: &'a dyn Gate) -> Eraser<'a> {
    Eraser { clock: &|| 1_700_000_000, gate, say: &|_| {} }
}

#[test]
fn a_till_that_is_half_erased_sells_nothing_wherever_the_power_fails() {
    let mut barred_at = Vec::new();
    for effects in 0.. {
        let mut site = Site::with_a_till_that_was_stopped();
        let is_whole = with(&Cut(Cell::new(effects))).run(site.wipe()).is_ok();
        let (state, started) = (site.state(), site.boot(Boot::Asks));
        let wanted = if state.lets_start(false) { Started::Stopped } else { Started::Barred };
        assert_eq!(started, wanted, "cut before effect {effects}, {state:?}");
        barred_at.push(state);
        if is_whole {
            break;
        }
    }
    for state in [State::None, State::Accepted, State::Keys, State::Data, State::Verify] {
        assert!(barred_at.contains(&state), "{state:?} is missing: {barred_at:?}");
    }
}

#[test]
fn a_till_that_was_erased_sells_once_its_terminal_is_somebodys_again() {
    let mut site = Site::with_a_till_that_was_stopped();
    with(&Open).run(site.wipe()).unwrap();
    for (command, state) in [("resume", State::Erased), ("forget", State::Forgotten)] {
        erase(command, &site);
        assert_eq!((site.boot(Boot::Asks), site.state()), (Started::Barred, state), "{command}");
    }
    // As the agent does it when it starts with another identity.
    fs::remove_file(site.lifecycle().join("decommissioned")).unwrap();
    assert_eq!(site.boot(Boot::Asks), Started::Selling);
}

/// So that the others can fail.
#[test]
fn whoever_starts_an_erased_till_without_asking_lets_it_sell() {
    let mut site = Site::with_a_till_that_was_stopped();
    with(&Open).run(site.wipe()).unwrap();
    assert_eq!(site.boot(Boot::AsksNobody), Started::Selling);
}
