//! What each action does to the world, in place of the shell's hands.

use std::time::Duration;

use agent::job::deactivate::DeactivateAction;
use agent::job::rebind::RebindAction;
use agent::job::{Action, Again, DataAction, Finding, Found, HOLD_LEASE, Proof, Reply, Task};
use agent::maintenance::Work;
use harness::deactivate::manifest;
use jiff::tz::TimeZone;
use shared::calendar::{Opening, Part};
use shared::outcome::{FailureCode, Waiting};

use crate::scenario::{Job, Release, Trouble};
use crate::slots::{Bytes, Version};
use crate::till::Hold;
use crate::vault::Data;
use crate::world::World;

/// How much is fetched before somebody looks whether it is to be stopped.
const FETCHED_AT_ONCE: Duration = Duration::from_secs(10);

/// The answer and how long it takes; or when to look again.
pub(crate) type Answered = Result<(Reply, Duration), Duration>;

impl World {
    /// `since` is when the action was asked for.
    pub(crate) fn act(&mut self, task: &Task, since: Duration) -> Answered {
        let soon = Duration::from_millis(300);
        let action = task.action;
        let waited = self.now.saturating_sub(since);
        let reply = match action {
            Action::Admit => {
                let is_there = self.slots.current == Version::New && self.slots.is_committed();
                match self.till.running() {
                    Some(Version::New) if is_there => Reply::AlreadySo(proof(Version::New)),
                    Some(_) | None => done(),
                }
            }
            Action::Fetch if !self.network.line => not_yet(Waiting::Network),
            Action::Fetch if self.is_fetching(since) => return Err(FETCHED_AT_ONCE),
            Action::Fetch => {
                let corrupt = self.scenario.release == Release::Corrupt;
                self.slots.download = Some(if corrupt { Bytes::Corrupt } else { Bytes::Intact });
                done()
            }
            Action::Verify => match self.slots.download {
                Some(Bytes::Intact) => done(),
                Some(Bytes::Corrupt) => failed(FailureCode::ArtifactMismatch),
                None => failed(FailureCode::ArtifactUnavailable),
            },
            Action::Stage => done_if(self.slots.stage(), FailureCode::ArtifactUnsafe),
            Action::RunPreflight => done_if(self.slots.is_staged(), FailureCode::PreflightFailed),
            Action::AskTill => Reply::Till { work: self.work(), detail: String::new() },
            Action::HoldTrading | Action::ReleaseTrading if task.given.suspended => done(),
            Action::HoldTrading => return self.hold(waited),
            Action::ReleaseTrading if self.till.running().is_none() => {
                return patiently(waited, FailureCode::PosNotReady);
            }
            Action::ReleaseTrading if self.till.is_stopped() => done(),
            Action::ReleaseTrading => {
                self.watch_the_release();
                done_if(self.till.release(), FailureCode::PosNotReady)
            }
            Action::Drain if self.till.drain() => done(),
            Action::Drain => not_yet(Waiting::Till),
            Action::Settle => self.settles(),
            Action::SwitchSlot => {
                self.watch_the_window();
                done_if(self.slots.switch(), FailureCode::SwitchFailed)
            }
            Action::SwitchBack => done_if(self.slots.switch_back(), FailureCode::SwitchFailed),
            Action::ProbeSlot => Reply::Found(match self.slots.current {
                Version::New => Found::Happened,
                Version::Old => Found::DidNot,
            }),
            Action::RestartApplication => {
                self.watch_the_restart();
                self.till.restart(self.slots.current);
                return Ok((done(), Duration::from_secs(6)));
            }
            Action::ProveHealth => return self.prove_health(waited),
            Action::CommitSlot => {
                self.slots.commit();
                done()
            }
            Action::DiscardStaged => {
                self.slots.discard_staged();
                done()
            }
            Action::DiscardDownload => {
                self.slots.download = None;
                done()
            }
            Action::Data(action) => self.data(action),
            Action::Rebind(action) => return self.rebind(action, waited, task.given.attempt),
            Action::Deactivate(action) => return self.deactivate(action, task, waited),
        };
        Ok((reply, soon))
    }

    fn data(&mut self, action: DataAction) -> Reply {
        let trouble = self.scenario.trouble;
        let fails = |when: Trouble, code| (trouble == Some(when)).then(|| failed(code));
        match action {
            DataAction::Admit | DataAction::SettleFirst => done(),
            DataAction::Find if self.has_verified() => Reply::AlreadySo(Proof::default()),
            DataAction::Find => done(),
            DataAction::Confirm if self.has_verified() => done(),
            DataAction::Confirm => Reply::Failed {
                code: FailureCode::TimedOut,
                detail: "not verified yet".to_owned(),
                again: Again::Worthwhile,
            },
            DataAction::AskSettled => self.ask_settled(),
            DataAction::Export => {
                self.watch_the_batch();
                let failed = fails(Trouble::ExportFails, FailureCode::ExportFailed);
                self.vault.export(self.now, self.till.sales());
                failed.unwrap_or_else(done)
            }
            DataAction::Save | DataAction::FetchSnapshot if !self.network.line => {
                not_yet(Waiting::Network)
            }
            DataAction::Save if self.saves() => {
                let version = Some("snapshot 1".to_owned());
                Reply::Done(Proof { version, findings: vec![saved()] })
            }
            DataAction::Save => failed(FailureCode::Internal),
            DataAction::DiscardExport => {
                self.vault.discard_export();
                done()
            }
            DataAction::CheckTarget => {
                fails(Trouble::Unfit, FailureCode::NotRestorable).unwrap_or_else(done)
            }
            DataAction::FetchSnapshot => {
                self.watch_the_line("a snapshot was fetched");
                let failed = fails(Trouble::Rotten, FailureCode::SnapshotDamaged);
                self.vault.stage();
                failed.unwrap_or_else(done)
            }
            DataAction::Import => {
                self.watch_the_import();
                let imported = done_if(self.vault.import(), FailureCode::Internal);
                fails(Trouble::ImportFails, FailureCode::PosRefused).unwrap_or(imported)
            }
            DataAction::RevertImport if self.till.running().is_none() => not_yet(Waiting::Till),
            DataAction::RevertImport => {
                self.vault.revert();
                done()
            }
            DataAction::Rehearse => done_if(self.vault.rehearse(), FailureCode::Internal),
            DataAction::Compare if !self.vault.counted => failed(FailureCode::Internal),
            DataAction::Compare | DataAction::Reconcile => {
                fails(Trouble::TotalsDiffer, FailureCode::TotalsDiffer).unwrap_or_else(|| {
                    Reply::Done(Proof { version: Some("snapshot 1".to_owned()), findings: vec![] })
                })
            }
            DataAction::PlaceFiles => {
                self.watch_the_import();
                let placed = done_if(self.vault.place_files(), FailureCode::Internal);
                fails(Trouble::FilesRefused, FailureCode::NotRestorable).unwrap_or(placed)
            }
            DataAction::PutFilesBack => {
                self.vault.put_files_back();
                done()
            }
            DataAction::CommitImport => {
                self.vault.commit();
                done()
            }
            DataAction::KeepFiles => {
                self.vault.keep_files();
                done()
            }
            DataAction::DiscardStaged => {
                self.vault.discard_staged();
                done()
            }
        }
    }

    fn saves(&mut self) -> bool {
        // What is saved before something else is done is part of that.
        if self.scenario.job == Job::Backup {
            self.watch_the_line("a backup was sent");
        }
        self.vault.save(self.now)
    }

    fn has_verified(&self) -> bool {
        let within = self.scenario.backup_within.unwrap_or_default();
        self.vault.has_verified(within, self.now)
    }

    /// As the order has it: a till that was settled, or whose time to settle is over.
    fn ask_settled(&mut self) -> Reply {
        let settled = self.now >= self.scenario.batch_open_until;
        match self.scenario.settled_by().is_some_and(|by| self.wall() < by) && !settled {
            true => not_yet(Waiting::Settlement),
            false => done(),
        }
    }

    /// What the order waits for is waited for, as far as the terminal can know the time.
    fn watch_the_batch(&mut self) {
        let Some(by) = self.scenario.settled_by() else { return };
        if self.now < self.scenario.batch_open_until && self.wall() < by {
            self.breaches.push("a batch was open, and the backup was not kept waiting".to_owned());
        }
    }

    fn watch_the_import(&mut self) {
        self.watch_the_window();
        if self.till.is_selling() {
            self.breaches.push("the data of a till that was selling was replaced".to_owned());
        }
        if self.vault.snapshots() == 0 {
            self.breaches.push("what the till had was replaced and is saved nowhere".to_owned());
        }
        let (made, saved) = (self.till.sales(), self.vault.sales_saved());
        if self.vault.data == Data::OfBefore && saved < made {
            let lost = made - saved;
            self.breaches.push(format!("{lost} sales were replaced and are in no snapshot"));
        }
    }

    fn work(&self) -> Work {
        let till = &self.till;
        match till.running() {
            None => Work::NoAnswer,
            Some(_) if till.is_postponed() => Work::Postpone,
            Some(_) if till.is_free() => Work::Free,
            Some(_) => Work::Busy,
        }
    }

    fn hold(&mut self, waited: Duration) -> Answered {
        let soon = Duration::from_millis(300);
        if self.lets_nobody_hold() {
            return Ok((failed(FailureCode::PosRefused), soon));
        }
        match self.till.hold(HOLD_LEASE) {
            Hold::Held => Ok((done(), soon)),
            Hold::AfterSale(ends) => Err(ends.saturating_sub(self.now)),
            Hold::Postponed => Ok((not_yet(Waiting::Till), soon)),
            Hold::NoAnswer => patiently(waited, FailureCode::PosNotReady),
        }
    }

    /// One that sells with the new provider, for three hours from when it is asked first.
    fn lets_nobody_hold(&mut self) -> bool {
        let sells = self.tested && self.till.is_selling();
        if self.scenario.trouble != Some(Trouble::HoldRefused) || !sells {
            return false;
        }
        let asked_at = *self.hold_refused_from.get_or_insert(self.now);
        self.now < asked_at + Duration::from_secs(3 * 3600)
    }

    fn prove_health(&mut self, waited: Duration) -> Answered {
        let healthy = match (self.till.running(), self.scenario.release) {
            (Some(Version::New), Release::Unhealthy) => {
                return Ok((failed(FailureCode::HealthNotProven), Duration::from_secs(30)));
            }
            (Some(Version::New), Release::SlowlyUnhealthy) => {
                return Ok((failed(FailureCode::HealthNotProven), 2 * HOLD_LEASE));
            }
            (Some(version), _) => Some(version),
            (None, _) => None,
        };
        match healthy {
            Some(version) => Ok((Reply::Done(proof(version)), Duration::from_secs(60))),
            None => patiently(waited, FailureCode::HealthNotProven),
        }
    }

    /// Nobody's shop is disturbed when it may not be, as far as the terminal can know the time:
    /// what the controller says of it was on its way for a while.
    /// Some of it, and then more of it, as long as somebody goes on asking.
    fn is_fetching(&mut self, since: Duration) -> bool {
        self.watch_the_line("bytes were fetched");
        let looked = self.fetching_since.filter(|at| *at >= since).unwrap_or(since);
        self.fetched_for += self.now.saturating_sub(looked);
        self.fetching_since = Some(self.now);
        self.fetched_for < self.scenario.fetching
    }

    /// Bytes are moved only while the order's calendar lets them.
    fn watch_the_line(&mut self, what: &str) {
        self.watch_the_calendar(Part::Download, what);
    }

    fn watch_the_calendar(&mut self, part: Part, what: &str) {
        let Some(calendar) = self.scenario.calendar() else { return };
        let lag = Duration::from_millis(self.scenario.weather.delay_ms + 1_000);
        let now = self.wall();
        let openings = match part {
            Part::Download => &calendar.download,
            Part::Activation => &calendar.activation,
        };
        let is_in = |opening: &Opening, at| match opening {
            Opening::Once(span) => span.has(at),
            Opening::Weekly(_) => panic!("no scenario has one"),
        };
        let is_open = |at| {
            let frozen = calendar.freezes.iter().any(|freeze| freeze.has(at));
            !frozen && openings.iter().any(|opening| is_in(opening, at))
        };
        if !is_open(now) && !is_open(now.minus(lag)) {
            self.breaches.push(format!("{what} at {now}, outside of the calendar"));
        }
    }

    /// Nobody is disturbed but when the change and the order say so.
    pub(crate) fn watch_the_window(&mut self) {
        self.watch_the_calendar(Part::Activation, "the shop was changed");
        if self.scenario.backup_within.is_some() && !self.has_verified() {
            self.breaches.push("the shop was disturbed without a verified snapshot".to_owned());
        }
        let Some(window) = self.scenario.window() else { return };
        let lag = Duration::from_millis(self.scenario.weather.delay_ms + 1_000);
        let now = self.wall();
        let open = |at| window.is_open(at, &TimeZone::UTC);
        if !open(now) && !open(now.minus(lag)) {
            self.breaches.push("the slot was switched in a closed window".to_owned());
        }
    }

    fn watch_the_restart(&mut self) {
        if self.till.is_selling() {
            self.breaches.push("a till that was selling was restarted".to_owned());
        }
    }
}

/// A power cut right before and right after these can end differently.
pub(crate) fn changes_something(action: Action) -> bool {
    match action {
        Action::Admit
        | Action::Verify
        | Action::RunPreflight
        | Action::AskTill
        | Action::ProbeSlot
        | Action::Rebind(
            RebindAction::CheckBinding
            | RebindAction::Announce
            | RebindAction::Preflight
            | RebindAction::ConfirmSaved
            | RebindAction::ProbeSwitch
            | RebindAction::Watch
            | RebindAction::TestOld,
        )
        | Action::Deactivate(
            DeactivateAction::Check
            | DeactivateAction::Announce
            | DeactivateAction::ConfirmSaved
            | DeactivateAction::ConfirmStopped
            | DeactivateAction::ConfirmSelling
            | DeactivateAction::SelfTest,
        )
        | Action::Data(
            DataAction::Admit
            | DataAction::Find
            | DataAction::Confirm
            | DataAction::CheckTarget
            | DataAction::AskSettled
            | DataAction::Compare
            | DataAction::Reconcile
            | DataAction::SettleFirst,
        ) => false,
        Action::Fetch
        | Action::Stage
        | Action::HoldTrading
        | Action::ReleaseTrading
        | Action::Drain
        | Action::Settle
        | Action::SwitchSlot
        | Action::SwitchBack
        | Action::RestartApplication
        | Action::ProveHealth
        | Action::CommitSlot
        | Action::DiscardStaged
        | Action::DiscardDownload
        | Action::Rebind(
            RebindAction::Stage
            | RebindAction::DrainOld
            | RebindAction::SettleOld
            | RebindAction::Switch
            | RebindAction::TestNew
            | RebindAction::EraseOld
            | RebindAction::EmptyNew
            | RebindAction::SwitchBack
            | RebindAction::EraseNew
            | RebindAction::StopTrading,
        )
        | Action::Deactivate(
            DeactivateAction::Stop
            | DeactivateAction::SettleOrOwe
            | DeactivateAction::Test
            | DeactivateAction::CloseTests
            | DeactivateAction::Sell
            | DeactivateAction::RescueMoney
            | DeactivateAction::Erase,
        )
        | Action::Data(
            DataAction::Export
            | DataAction::Save
            | DataAction::DiscardExport
            | DataAction::FetchSnapshot
            | DataAction::Rehearse
            | DataAction::Import
            | DataAction::RevertImport
            | DataAction::PlaceFiles
            | DataAction::PutFilesBack
            | DataAction::CommitImport
            | DataAction::KeepFiles
            | DataAction::DiscardStaged,
        ) => true,
    }
}

/// An application that starts answers a little later; one that never does has failed.
pub(crate) fn patiently(waited: Duration, code: FailureCode) -> Answered {
    if waited < Duration::from_secs(25) {
        return Err(Duration::from_secs(2));
    }
    Ok((failed(code), Duration::from_millis(100)))
}

pub(crate) fn done() -> Reply {
    let finding = Finding { note: "as asked".to_owned(), digest: None };
    Reply::Done(Proof { version: None, findings: vec![finding] })
}

fn proof(version: Version) -> Proof {
    Proof { version: Some(version.name().to_owned()), findings: Vec::new() }
}

pub(crate) fn done_if(done_so: bool, code: FailureCode) -> Reply {
    if done_so { done() } else { failed(code) }
}

pub(crate) fn failed(code: FailureCode) -> Reply {
    Reply::Failed { code, detail: format!("{code:?}"), again: Again::Pointless }
}

pub(crate) fn not_yet(waiting: Waiting) -> Reply {
    let again_in = Some(Duration::from_secs(45));
    Reply::NotYet { waiting, detail: "not now".to_owned(), again_in }
}

/// What the step that saves has found.
pub(crate) fn saved() -> Finding {
    Finding { note: "snapshot 1".to_owned(), digest: Some(manifest()) }
}
