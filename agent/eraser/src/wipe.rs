//! Carries out a wipe: the next phase is written down, done, and found out about again after a cut
//! by doing it once more.

use std::path::{Path, PathBuf};

use crate::device;
use crate::failure::{Failure, Undone};
use crate::gate::Gate;
use crate::journal::{Found, Journal, JournalError};
use crate::kept::Kept;
use crate::keys;
use crate::phase::{Event, State};
use crate::protocol::{Line, Report, Request, UnixTime, Wipe};
use crate::record::{Fate, Outcome, Record, Seen, shortened};
use crate::report::report;
use crate::request;
use crate::tree;

/// What a command is carried out with.
#[expect(missing_debug_implementations, reason = "a clock and two listeners show nothing")]
pub struct Eraser<'a> {
    pub clock: &'a dyn Fn() -> UnixTime,
    pub gate: &'a dyn Gate,
    /// Hears of progress.
    pub say: &'a dyn Fn(&Line),
}

/// Reads a request: one line of JSON.
pub fn understand(line: &str) -> Result<Wipe, Failure> {
    let Request { wipe } = serde_json::from_str(line).map_err(Failure::NotUnderstood)?;
    request::check(&wipe)?;
    Ok(wipe)
}

/// How far the wipe is, by the journal.
pub fn state(lifecycle: &Path) -> Result<(State, Option<String>), JournalError> {
    Ok(match Journal::in_directory(lifecycle).read()? {
        Found::Nothing => (State::None, None),
        Found::Record { record, .. } => (record.state, Some(record.wipe.order)),
    })
}

/// The same as a line.
pub fn state_line((state, order): (State, Option<String>)) -> Line {
    Line::State { state: state.as_str().to_owned(), order }
}

/// Whether a till may be started, which is asked before each start.
pub fn may_start(lifecycle: &Path) -> Result<(State, Option<String>), Failure> {
    let (state, order) = state(lifecycle)?;
    match state.lets_start(Journal::in_directory(lifecycle).has_tombstone()) {
        true => Ok((state, order)),
        false => Err(Failure::NoStart),
    }
}

/// What is known of the wipe by now. Between the first thing destroyed and the last one looked for
/// that is nothing.
pub fn told(lifecycle: &Path) -> Result<Line, JournalError> {
    Ok(match Journal::in_directory(lifecycle).read()? {
        Found::Nothing => state_line((State::None, None)),
        Found::Record { record, .. } => match record.state {
            State::Erased | State::Forgetting | State::Forgotten => Line::Report(report(&record)),
            State::Keys | State::Data | State::Discard | State::Verify => {
                Line::Wiping { order: record.wipe.order }
            }
            State::Accepted | State::None => state_line((record.state, Some(record.wipe.order))),
        },
    })
}

impl Eraser<'_> {
    /// Wipes, or carries on with the same order, or gives its report again.
    pub fn run(&self, wipe: Wipe) -> Result<Report, Failure> {
        let journal = Journal::in_directory(&wipe.lifecycle);
        let _lock = journal.lock()?;
        let record = match journal.read()? {
            // What was accepted first counts, whatever the configuration says by now.
            Found::Record { record, .. } if record.wipe.order == wipe.order => record,
            Found::Record { record, .. } if record.state != State::Forgotten => {
                let (asked, journaled) = (wipe.order, record.wipe.order);
                return Err(Failure::OtherOrder { asked, journaled });
            }
            Found::Record { record, .. } => self.accept(&journal, wipe, record.state)?,
            Found::Nothing => self.accept(&journal, wipe, State::None)?,
        };
        self.carry_on(&journal, *record)
    }

    /// Carries on a wipe that was accepted. `None` where nothing is to be wiped.
    pub fn resume(&self, lifecycle: &Path) -> Result<Option<Report>, Failure> {
        let journal = Journal::in_directory(lifecycle);
        if let Found::Nothing = journal.read()? {
            return Ok(None);
        }
        let _lock = journal.lock()?;
        match journal.read()? {
            Found::Nothing => Ok(None),
            Found::Record { record, .. } => self.carry_on(&journal, *record).map(Some),
        }
    }

    /// The second half: nobody can act in this terminal's name after it.
    pub fn forget(&self, lifecycle: &Path) -> Result<(), Failure> {
        let journal = Journal::in_directory(lifecycle);
        if let Found::Nothing = journal.read()? {
            return Err(Failure::NoWipe);
        }
        let _lock = journal.lock()?;
        let Found::Record { mut record, .. } = journal.read()? else {
            return Err(Failure::NoWipe);
        };
        match record.state {
            State::Forgotten => return Ok(()),
            State::Forgetting => {}
            State::None
            | State::Accepted
            | State::Keys
            | State::Data
            | State::Discard
            | State::Verify
            | State::Erased => self.advance(&journal, &mut record, Event::ForgetOrdered)?,
        }
        self.remove_identity(&journal, &mut record)
    }

    /// Ends a wipe before anything was destroyed.
    pub fn cancel(&self, lifecycle: &Path, order: &str) -> Result<(), Failure> {
        let journal = Journal::in_directory(lifecycle);
        if let Found::Nothing = journal.read()? {
            return Err(Failure::NoWipe);
        }
        let _lock = journal.lock()?;
        let Found::Record { mut record, is_sole } = journal.read()? else {
            return Err(Failure::NoWipe);
        };
        if record.wipe.order != order {
            let (asked, journaled) = (order.to_owned(), record.wipe.order);
            return Err(Failure::OtherOrder { asked, journaled });
        }
        record.advance(Event::Cancelled, (self.clock)())?;
        if is_sole {
            return Err(Failure::MaybeBegun);
        }
        Ok(journal.remove(self.gate)?)
    }

    fn accept(&self, journal: &Journal, wipe: Wipe, was: State) -> Result<Box<Record>, Failure> {
        let stored = |path: &PathBuf| Fate::before(tree::holds_something(path));
        let there = |device: &PathBuf| Fate::before(device.exists());
        let mut record = Box::new(Record {
            state: was,
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            phases: Vec::new(),
            keys: wipe.keys.iter().map(|key| Fate::before(keys::store(key).is_there())).collect(),
            paths: wipe.paths.iter().map(stored).collect(),
            devices: wipe.devices.iter().map(there).collect(),
            wipe,
        });
        record.advance(Event::Ordered, (self.clock)())?;
        journal.begin(&record, self.gate)?;
        Ok(record)
    }

    /// The new state is durable when this returns.
    fn advance(&self, journal: &Journal, record: &mut Record, event: Event) -> Result<(), Failure> {
        record.advance(event, (self.clock)())?;
        Ok(journal.write(record, self.gate)?)
    }

    fn carry_on(&self, journal: &Journal, mut record: Record) -> Result<Report, Failure> {
        loop {
            let (done, event) = match record.state {
                State::None => return Err(Failure::NoWipe),
                State::Accepted => (Ok(()), Event::Begun),
                State::Keys => (self.destroy_keys(&mut record), Event::KeysDestroyed),
                State::Data => (self.remove_data(&mut record), Event::DataRemoved),
                State::Discard => (self.discard(&mut record), Event::DevicesDiscarded),
                State::Verify => {
                    self.look_for_all(&mut record);
                    (Ok(()), Event::LookedFor)
                }
                State::Forgetting => {
                    self.remove_identity(journal, &mut record)?;
                    continue;
                }
                State::Erased | State::Forgotten => return Ok(report(&record)),
            };
            if let Err(failure) = done {
                // What was done all the same, and what was doubted, is not found out again.
                journal.write(&record, self.gate)?;
                return Err(failure);
            }
            self.advance(journal, &mut record, event)?;
        }
    }

    /// Of each thing that a phase works on.
    fn say_phase(&self, state: State) {
        (self.say)(&Line::Phase(state.as_str().to_owned()));
    }

    /// What cannot be destroyed does not save the others; but no data goes before the last key.
    fn destroy_keys(&self, record: &mut Record) -> Result<(), Failure> {
        let mut undone = Vec::new();
        for (key, fate) in record.wipe.keys.iter().zip(&mut record.keys) {
            self.say_phase(State::Keys);
            let store = keys::store(key);
            match store.destroy(self.gate) {
                Ok(outcome) => fate.came_to(outcome),
                Err(keys::NotDestroyed { why, hint }) => {
                    undone.push(Undone { name: store.name(), why, hint });
                }
            }
        }
        all_done(undone)
    }

    fn remove_data(&self, record: &mut Record) -> Result<(), Failure> {
        const HINT: &str = "look at what is left, unmount what is mounted in it, then run \
                            `tillward-erase resume`";
        let kept = Kept::new(record.wipe.identity.iter().chain([&record.wipe.lifecycle]));
        self.each(State::Data, &record.wipe.paths, &mut record.paths, |path, _| {
            tree::remove(path, &kept, self.gate).map_err(|error| NotDone {
                why: error.to_string(),
                hint: HINT,
                doubt: error.doubt(),
            })
        })
    }

    fn discard(&self, record: &mut Record) -> Result<(), Failure> {
        const HINT: &str = "unmount it and close what is open on it, then run \
                            `tillward-erase resume`";
        const ATTACH: &str = "attach the device again, then run `tillward-erase resume`";
        let kept = Kept::new(record.wipe.identity.iter().chain([&record.wipe.lifecycle]));
        self.each(State::Discard, &record.wipe.devices, &mut record.devices, |device, fate| {
            let failed = |why, hint| NotDone { why, hint, doubt: None };
            match device::discard(device, &kept, self.gate) {
                // At boot, a device can come later than this program.
                Ok(outcome) if !outcome.done && fate.was_there => {
                    let why = "it was there when the wipe began, and is not there now";
                    Err(failed(why.to_owned(), ATTACH))
                }
                Ok(outcome) => Ok(outcome),
                Err(error) => Err(failed(error.to_string(), HINT)),
            }
        })
    }

    fn each(
        &self,
        state: State,
        paths: &[PathBuf],
        fates: &mut [Fate],
        work: impl Fn(&Path, &Fate) -> Result<Outcome, NotDone>,
    ) -> Result<(), Failure> {
        let mut undone = Vec::new();
        for (path, fate) in paths.iter().zip(fates) {
            self.say_phase(state);
            match work(path, fate) {
                Ok(outcome) => fate.came_to(outcome),
                Err(NotDone { why, hint, doubt }) => {
                    fate.came_to(Outcome::failed(why.clone(), doubt));
                    undone.push(Undone { name: path.display().to_string(), why, hint });
                }
            }
        }
        all_done(undone)
    }

    fn look_for_all(&self, record: &mut Record) {
        for (key, fate) in record.wipe.keys.iter().zip(&mut record.keys) {
            self.say_phase(State::Verify);
            fate.seen = bounded(keys::store(key).is_gone());
        }
        for (path, fate) in record.wipe.paths.iter().zip(&mut record.paths) {
            fate.seen = bounded(tree::look_for(path));
        }
        for (path, fate) in record.wipe.devices.iter().zip(&mut record.devices) {
            self.say_phase(State::Verify);
            fate.seen = bounded(device::look_at(path));
        }
    }

    fn remove_identity(&self, journal: &Journal, record: &mut Record) -> Result<(), Failure> {
        const HINT: &str = "look at what is left, then run `tillward-erase forget` again";
        let kept = Kept::new([&record.wipe.lifecycle]);
        let mut undone = Vec::new();
        for path in &record.wipe.identity {
            if let Err(error) = tree::remove(path, &kept, self.gate) {
                let (name, why) = (path.display().to_string(), error.to_string());
                undone.push(Undone { name, why, hint: HINT });
            }
        }
        all_done(undone)?;
        journal.leave_tombstone(&tombstone(record, (self.clock)()), self.gate)?;
        self.advance(journal, record, Event::IdentityRemoved)
    }
}

struct NotDone {
    why: String,
    hint: &'static str,
    /// Of what was done all the same.
    doubt: Option<String>,
}

fn all_done(undone: Vec<Undone>) -> Result<(), Failure> {
    if undone.is_empty() { Ok(()) } else { Err(Failure::Undone(undone)) }
}

fn bounded(seen: Seen) -> Seen {
    match seen {
        Seen::NotLookedFor => Seen::NotLookedFor,
        Seen::Gone(text) => Seen::Gone(shortened(&text)),
        Seen::Sampled(text) => Seen::Sampled(shortened(&text)),
        Seen::StillThere(text) => Seen::StillThere(shortened(&text)),
        Seen::CannotTell(text) => Seen::CannotTell(shortened(&text)),
    }
}

/// For whoever finds the terminal, and for the agent, which then waits to be enrolled anew.
fn tombstone(record: &Record, now: UnixTime) -> String {
    let verified = report(record).verified;
    let tombstone = serde_json::json!({
        "decommissioned": { "order": record.wipe.order, "at": now, "verified": verified }
    });
    format!("{tombstone}\n")
}
