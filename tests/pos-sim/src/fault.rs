//! Faults on request: kept in `faults.json` of a till's or a host's data directory, read by the
//! till, its driver or the host each time they matter, so that a test can set and clear them while
//! everything runs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::exit::Exit;
use crate::{clock, file, print};

/// What can go wrong on request. The text of each is what `--help` shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Fault {
    /// The till freezes: it neither sells nor answers.
    Hang,
    /// The till says that it is busy, and cannot be held.
    Busy,
    /// The till asks not to be disturbed, and cannot be held.
    Postpone,
    /// The till refuses to hold trading.
    RefuseHold,
    /// The till refuses to settle.
    RefuseSettle,
    /// The till claims one sale more than it made when it settles, so the host does not agree.
    LieAboutTotals,
    /// The host settles, and its answer is lost before the till has written it down.
    LoseSettleAnswer,
    /// The till cannot export its data.
    ExportFails,
    /// The till never answers that it has exported.
    ExportHangs,
    /// The till counts one sale more than it exports.
    ExportLies,
    /// What the till exports holds a card's number.
    ExportCardNumber,
    /// The till cannot rehearse an import.
    RehearseFails,
    /// The till counts one sale more than it rehearsed.
    RehearseLies,
    /// The till cannot import.
    ImportFails,
    /// The till never answers that it has imported.
    ImportHangs,
    /// The till counts one sale more than it imported.
    ImportLies,
    /// The till cannot take an import back.
    RevertFails,
    /// The till cannot make an import final.
    CommitFails,
    /// The till cannot take a new profile.
    StageFails,
    /// The till cannot switch, and stays as it is.
    SwitchFails,
    /// The till switches, and never answers that it has.
    SwitchHangs,
    /// The card of a test sale is declined.
    TestDeclined,
    /// The host takes a test sale or a refund, and its answer is lost.
    TestTimesOut,
    /// The till never answers how a test went.
    TestHangs,
    /// The till cannot erase a binding.
    EraseFails,
    /// The till reports worse figures of the active binding than it has.
    FiguresBad,
    /// The till cannot stop trading for good.
    StopFails,
    /// The self-test says that the printer is broken.
    SelfTestFails,
    /// The till cannot reach any host.
    HostUnreachable,
    /// The till reports version 0.0.0.
    WrongVersion,
    /// The till ends as soon as it is started.
    CrashAtStart,
    /// The driver reads requests and never answers.
    DriverSilent,
    /// The driver answers with lines that are not JSON.
    DriverGarbage,
    /// The driver ends when it is asked anything.
    DriverExits,
    /// A host refuses whatever it is asked (set it in the host's data directory).
    HostRefuses,
    /// A host hears and neither does nor answers anything (in the host's directory).
    HostHangs,
    /// A host does what it is asked and hangs up without an answer (in the host's directory).
    HostLosesAnswer,
    /// A host does what it is asked and answers when nobody waits any more (in its directory).
    HostAnswersLate,
}

impl Fault {
    /// Faults that strike at a moment can be limited to a number of times; the others last.
    const fn can_be_counted(self) -> bool {
        match self {
            Self::RefuseHold
            | Self::RefuseSettle
            | Self::LieAboutTotals
            | Self::LoseSettleAnswer
            | Self::ExportFails
            | Self::ExportLies
            | Self::ExportCardNumber
            | Self::RehearseFails
            | Self::RehearseLies
            | Self::ImportFails
            | Self::ImportLies
            | Self::RevertFails
            | Self::CommitFails
            | Self::StageFails
            | Self::SwitchFails
            | Self::TestDeclined
            | Self::TestTimesOut
            | Self::EraseFails
            | Self::StopFails
            | Self::SelfTestFails
            | Self::CrashAtStart
            | Self::DriverSilent
            | Self::DriverGarbage
            | Self::DriverExits
            | Self::HostRefuses
            | Self::HostLosesAnswer
            | Self::HostAnswersLate => true,
            Self::Hang
            | Self::Busy
            | Self::Postpone
            | Self::ExportHangs
            | Self::ImportHangs
            | Self::SwitchHangs
            | Self::TestHangs
            | Self::FiguresBad
            | Self::HostHangs
            | Self::HostUnreachable
            | Self::WrongVersion => false,
        }
    }

    fn name(self) -> String {
        let value = self.to_possible_value().expect("no fault is hidden");
        value.get_name().to_owned()
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The till's data directory, or the host's.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// A fault, or `clear [FAULT]`, or `list`. `FAULT=N` strikes N times and is over.
    #[arg(value_name = "FAULT[=N]|clear|list")]
    what: String,
    /// With `clear`: only this fault.
    fault: Option<Fault>,
    /// The fault is over after so many seconds.
    #[arg(long, value_name = "N")]
    for_s: Option<u32>,
    /// The fault concerns only this version of the till.
    #[arg(long, value_name = "VERSION")]
    only: Option<String>,
}

/// How one fault is set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Setting {
    until_ms: Option<i64>,
    times_left: Option<u32>,
    only: Option<String>,
}

impl Setting {
    fn applies(&self, version: &str, now_ms: i64) -> bool {
        self.until_ms.is_none_or(|until| now_ms < until)
            && self.times_left != Some(0)
            && self.only.as_deref().is_none_or(|only| only == version)
    }
}

/// Carries out `pos-sim fault`.
pub(crate) fn run(arguments: Arguments) -> Result<Exit> {
    let Arguments { data, what, fault, for_s, only } = arguments;
    let faults = Faults::of(&data, "");
    if fault.is_some() && what != "clear" {
        bail!("two faults at once: set them one after the other");
    }
    match what.as_str() {
        "list" => {
            for (fault, setting) in faults.read()? {
                print::line(&format!("{}: {}", fault.name(), serde_json::to_string(&setting)?))?;
            }
        }
        "clear" => faults.change(|set| match fault {
            Some(fault) => drop(set.remove(&fault)),
            None => set.clear(),
        })?,
        name => {
            let (fault, times_left) = named(name)?;
            let until_ms = for_s.map(|s| clock::unix_ms() + i64::from(s) * 1000);
            let setting = Setting { until_ms, times_left, only };
            faults.change(|set| drop(set.insert(fault, setting)))?;
        }
    }
    Ok(Exit::Done)
}

/// Reads `crash-at-start=3`.
fn named(text: &str) -> Result<(Fault, Option<u32>)> {
    let (name, times) = match text.split_once('=') {
        Some((name, times)) => (name, Some(times)),
        None => (text, None),
    };
    let Ok(fault) = Fault::from_str(name, false) else {
        let names: Vec<_> = Fault::value_variants().iter().map(|fault| fault.name()).collect();
        bail!("`{name}` is no fault; there are {}", names.join(", "));
    };
    let times = times.map(|times| {
        times.parse().with_context(|| format!("`{times}` in `{text}` is not a number of times"))
    });
    if times.is_some() && !fault.can_be_counted() {
        bail!("`{name}` lasts and cannot be counted: use --for-s");
    }
    Ok((fault, times.transpose()?))
}

/// The faults set for one data directory, as one version of the till sees them.
#[derive(Clone, Debug)]
pub(crate) struct Faults {
    data: PathBuf,
    version: String,
}

impl Faults {
    pub(crate) fn of(data: &Path, version: &str) -> Self {
        Self { data: data.to_owned(), version: version.to_owned() }
    }

    /// Whether the fault is set now. A file that cannot be read sets none, and stderr says so.
    pub(crate) fn active(&self, fault: Fault) -> bool {
        let set = self.read().unwrap_or_else(|error| {
            print::note(&format!("no faults: {error:#}"));
            BTreeMap::new()
        });
        set.get(&fault).is_some_and(|it| it.applies(&self.version, clock::unix_ms()))
    }

    /// Whether the fault strikes now, which uses up one of its times.
    pub(crate) fn strikes(&self, fault: Fault) -> bool {
        if !self.active(fault) {
            return false;
        }
        let mut struck = false;
        let changed = self.change(|set| {
            let Some(setting) = set.get_mut(&fault) else { return };
            struck = setting.applies(&self.version, clock::unix_ms());
            if struck && let Some(times) = &mut setting.times_left {
                *times -= 1;
            }
        });
        if let Err(error) = changed {
            print::note(&format!("cannot count the fault {}: {error:#}", fault.name()));
        }
        struck
    }

    fn path(&self) -> PathBuf {
        self.data.join("faults.json")
    }

    fn read(&self) -> Result<BTreeMap<Fault, Setting>> {
        let path = self.path();
        match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .with_context(|| format!("cannot understand {}", path.display())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(BTreeMap::new()),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    /// Reads, changes and replaces the file as one step: the till counts while a person sets.
    fn change(&self, change: impl FnOnce(&mut BTreeMap<Fault, Setting>)) -> Result<()> {
        const PATIENCE: Duration = Duration::from_secs(2);
        std::fs::create_dir_all(&self.data)
            .with_context(|| format!("cannot make {}", self.data.display()))?;
        let _lock = file::lock(&self.data.join("faults.lock"), PATIENCE)?;
        let mut set = self.read()?;
        change(&mut set);
        file::replace(&self.path(), &serde_json::to_vec_pretty(&set)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting() -> Setting {
        Setting { until_ms: None, times_left: None, only: None }
    }

    #[test]
    fn a_fault_ends_with_its_time_its_count_or_its_version() {
        assert!(setting().applies("1.0.0", 5));
        let timed = Setting { until_ms: Some(5), ..setting() };
        assert!(timed.applies("1.0.0", 4) && !timed.applies("1.0.0", 5));
        assert!(!Setting { times_left: Some(0), ..setting() }.applies("1.0.0", 5));
        let only = Setting { only: Some("2.0.0".into()), ..setting() };
        assert!(only.applies("2.0.0", 5) && !only.applies("1.0.0", 5));
    }

    #[test]
    fn a_counted_fault_strikes_as_often_as_it_says() {
        let dir = tempfile::tempdir().unwrap();
        let faults = Faults::of(dir.path(), "1.0.0");
        let twice = Setting { times_left: Some(2), ..setting() };
        faults.change(|set| drop(set.insert(Fault::CrashAtStart, twice))).unwrap();
        let struck = [(); 3].map(|()| faults.strikes(Fault::CrashAtStart));
        assert_eq!(struck, [true, true, false]);
    }

    #[test]
    fn names_are_read_with_their_count_and_bad_ones_are_refused() {
        assert_eq!(named("crash-at-start=3").unwrap(), (Fault::CrashAtStart, Some(3)));
        assert_eq!(named("hang").unwrap(), (Fault::Hang, None));
        for bad in ["", "explode", "hang=2", "crash-at-start=x", "crash-at-start=-1"] {
            assert!(named(bad).is_err(), "{bad}");
        }
    }
}
