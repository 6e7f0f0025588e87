//! One job as the core keeps it: what its order says, its log, and its saga once it has begun.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

use shared::change::Change;
use shared::change::rebind::RegistryOrder;
use shared::document::clearance::CLEARANCE_BYTES_MAX;
use shared::document::order::{Class, Stream};
use shared::document::{Batch, Clearance, Order, Profile, Release, profile};
use shared::id::{BatchId, OrderId};
use shared::message::{Parcel, Progress, StepState};
use shared::signature::Envelope;
use shared::step_names::SELL;
use shared::time::UnixTime;
use shared::{code_words, codec};

use crate::decide::effect::Write;
use crate::job::deactivate::{Deactivation, TEST, Wanted};
use crate::job::restore::IMPORT;
use crate::job::saga::Saga;
use crate::job::step::{Condition, Table};
use crate::job::{Subject, Tables, Ticket, rebind};
use crate::journal::Entry;
use crate::journal::log::Log;
use crate::maintenance::OpeningHours;
use crate::order::Admitted;

/// An order that is being carried out, or waits for its turn.
#[derive(Debug)]
pub(in crate::decide) struct Job {
    pub(in crate::decide) turn: u64,
    pub(super) order: OrderId,
    pub(super) batch: BatchId,
    /// The epoch in which people's approval of it was taken up; `None` where it needed none.
    pub(super) approved_in: Option<u32>,
    pub(super) not_after: UnixTime,
    pub(super) hours: OpeningHours,
    class: Class,
    pub(super) subject: Arc<Subject>,
    pub(super) table: Table,
    pub(super) log: Log,
    /// `None` until its turn comes.
    pub(in crate::decide) saga: Option<Saga>,
    /// Reports since the last line of the log.
    pub(super) reports: u64,
    /// When the progress of the present action was last reported.
    pub(super) progress_at: Option<Duration>,
    /// Read back from its log, and not told yet: the agent has started again, or another job has
    /// gone first.
    pub(in crate::decide) to_be_resumed: bool,
    /// The hours that it waited for when another went first.
    pub(super) sleeps_until: Option<Condition>,
}

impl Job {
    /// The job of an order that was just accepted, and its first line. `None` when the change
    /// is not one that takes a job.
    pub(in crate::decide) fn accepted(
        admitted: Admitted,
        parcel: Parcel,
        turn: u64,
        tables: Tables,
    ) -> Option<(Self, Vec<Write>)> {
        let Admitted { order, batch, release, profile, clearance, not_after, .. } = admitted;
        let log = Log::new(order.id);
        let papers = Papers { order, batch, release, profile, clearance };
        let mut job = Self::new(papers, not_after, turn, log, tables)?;
        let entry = Entry::Accepted { turn, parcel: Box::new(parcel) };
        let writes = job.log.append(entry, job.table);
        Some((job, writes))
    }

    /// The job of a log that was read back; the log itself when it cannot be continued.
    pub(in crate::decide) fn from_log(log: Log, tables: Tables) -> Result<Self, Log> {
        if !log.is_whole() {
            return Err(log);
        }
        let Some(Entry::Accepted { turn, parcel }) = log.entries().next() else { return Err(log) };
        let Some(papers) = read_again(parcel) else { return Err(log) };
        let not_after = papers.order.not_after.min(papers.batch.not_after);
        let turn = *turn;
        let begun = log.entries().nth(1).is_some();
        let job = Self::new(papers, not_after, turn, log.clone(), tables);
        let Some(job) = job else { return Err(log) };
        let saga = begun.then(|| Saga::replay(job.table, log.entries(), Ticket(0))).transpose();
        saga.map(|saga| Self { to_be_resumed: saga.is_some(), saga, ..job })
            .map_err(|_unreplayable| log)
    }

    fn new(
        papers: Papers,
        not_after: UnixTime,
        turn: u64,
        log: Log,
        tables: Tables,
    ) -> Option<Self> {
        let Papers { order, batch, release, profile, clearance } = papers;
        let (subject, table) = match &batch.change {
            Change::Upgrade(upgrade) => {
                let (digest, release) = (upgrade.release, Box::new(release?));
                let backup_within_s = upgrade.backup_within_s;
                (Subject::Upgrade { digest, release, backup_within_s }, tables.upgrade)
            }
            Change::Backup(backup) => (Subject::Backup(backup.clone()), tables.backup),
            Change::Drill(_) => (Subject::Drill, tables.drill),
            Change::Restore(restore) => {
                (Subject::Restore(Box::new(restore.clone())), tables.restore)
            }
            Change::Rebind(rebind) => {
                let table = match rebind.registry_order {
                    RegistryOrder::NewFirst => tables.rebind,
                    RegistryOrder::ReleaseOldFirst => tables.rebind_released,
                };
                let profile = profile?;
                let code = code_words::code(order.batch, profile.terminal);
                let change = rebind::Change { rebind: (**rebind).clone(), profile, code };
                (Subject::Rebind(Box::new(change)), table)
            }
            Change::Suspend(suspend) => {
                let table = match &suspend.delay {
                    Some(_) => tables.suspend_owing,
                    None => tables.suspend,
                };
                let wanted = Wanted::Suspend((**suspend).clone());
                (deactivation(wanted, &order), table)
            }
            Change::Resume(resume) => {
                let wanted = Wanted::Resume((**resume).clone());
                (deactivation(wanted, &order), tables.resume)
            }
            Change::Decommission(wipe) => {
                let table = if wipe.is_lost { tables.wipe_lost } else { tables.wipe };
                let wanted = Wanted::Wipe((**wipe).clone(), clearance?);
                (deactivation(wanted, &order), table)
            }
            Change::Ping(_) | Change::Cancel(_) => return None,
        };
        Some(Self {
            turn,
            order: order.id,
            batch: batch.id,
            approved_in: (order.stream == Stream::Approved).then_some(order.epoch),
            not_after,
            hours: OpeningHours::of(&order, &batch.change),
            class: order.class,
            subject: Arc::new(subject),
            table,
            log,
            saga: None,
            reports: 0,
            progress_at: None,
            to_be_resumed: false,
            sleeps_until: None,
        })
    }

    /// Whether it does nothing before its order's own moment, and others may go first.
    pub(super) fn awaits_its_moment(&self) -> bool {
        self.saga.as_ref().and_then(Saga::awaits) == Some(Condition::MomentCome)
    }

    /// Whether it disturbs nobody, and does nothing now.
    pub(super) fn is_waiting(&self) -> bool {
        self.saga.is_none() || self.awaits_its_moment() || self.is_set_aside()
    }

    /// Whether it had begun when another job went first. There may be something to tidy up.
    pub(super) fn is_set_aside(&self) -> bool {
        self.to_be_resumed && self.saga.as_ref().is_some_and(Saga::has_disturbed_nothing)
    }

    /// Whether it has disturbed the shop, or is on its way back: nobody else does anything then.
    pub(in crate::decide) fn keeps_its_turn(&self) -> bool {
        self.saga.as_ref().is_some_and(|saga| !saga.has_disturbed_nothing())
    }

    /// Greater for whoever goes first.
    pub(in crate::decide) fn precedence(&self) -> (Class, Reverse<u64>) {
        (self.class, Reverse(self.turn))
    }

    /// Left off where it stands, and as a restart would find it.
    pub(super) fn replayed(&mut self, tickets: Ticket) {
        let saga = Saga::replay(self.table, self.log.entries(), tickets);
        self.saga = Some(saga.expect("a log that this build has just written"));
        self.to_be_resumed = true;
        self.progress_at = None;
    }

    /// Whether its order's time is over. A terminal that was off when it was to stop stops as soon
    /// as it is on again, however late: only people let it sell on.
    pub(super) fn has_expired(&self, now: UnixTime) -> bool {
        self.not_after < now && !matches!(self.wanted(), Some(Wanted::Suspend(_)))
    }

    /// Whether it was approved for what the terminal was before this epoch, and has begun nothing.
    /// One that empties a terminal in the wrong hands is not among them: whoever holds that can
    /// bring about a new epoch, by spoiling the books, and must not get rid of it that way. Nor is
    /// a return to service that tests or sells: it comes to its end.
    pub(super) fn is_left_behind_in(&self, epoch: u32) -> bool {
        let is_earlier = self.approved_in.is_some_and(|approved_in| approved_in < epoch);
        let wakes = self.resumes() && self.may_have_changed_the_books();
        let spared = self.is_of_a_lost_terminal() || wakes;
        let begun = self.saga.as_ref().is_some_and(|saga| !saga.has_disturbed_nothing());
        is_earlier && !spared && !begun
    }

    /// Whether money may have come to the till by it, or what was settled and saved been replaced,
    /// and nobody could say that it has not: it has begun to test or to sell, or it has imported,
    /// or gone back from where it may have.
    pub(super) fn may_have_changed_the_books(&self) -> bool {
        let changes = |entry: &Entry| match (&*self.subject, entry) {
            (Subject::Restore(_), Entry::Retreated { .. }) => true,
            (Subject::Restore(_), Entry::Intended { step, .. }) => step == IMPORT,
            (_, Entry::Intended { step, .. }) => self.resumes() && [TEST, SELL].contains(&&**step),
            (_, _) => false,
        };
        self.log.entries().any(changes)
    }

    pub(super) fn rebinds(&self) -> bool {
        matches!(&*self.subject, Subject::Rebind(_))
    }

    pub(super) fn resumes(&self) -> bool {
        matches!(self.wanted(), Some(Wanted::Resume(_)))
    }

    /// What the order makes of the terminal itself.
    pub(in crate::decide) fn wanted(&self) -> Option<&Wanted> {
        match &*self.subject {
            Subject::Deactivation(it) => Some(&it.wanted),
            Subject::Upgrade { .. }
            | Subject::Backup(_)
            | Subject::Drill
            | Subject::Restore(_)
            | Subject::Rebind(_) => None,
        }
    }

    /// Whether there is a moment from which it goes before all that can be withdrawn.
    pub(in crate::decide) fn has_its_moment(&self) -> bool {
        match self.wanted() {
            Some(Wanted::Suspend(_) | Wanted::Wipe(..)) => true,
            Some(Wanted::Resume(_)) | None => false,
        }
    }

    /// Whether people accept by it that a stopped till settles later.
    pub(super) fn may_owe(&self) -> bool {
        matches!(self.wanted(), Some(Wanted::Suspend(suspend)) if suspend.delay.is_some())
    }

    /// Whether the terminal that it empties is in the wrong hands.
    pub(in crate::decide) fn is_of_a_lost_terminal(&self) -> bool {
        matches!(self.wanted(), Some(Wanted::Wipe(wipe, _)) if wipe.is_lost)
    }

    /// Where the job stands, for the controller.
    pub(super) fn progress(&mut self, step: &str, state: StepState, at: UnixTime) -> Progress {
        Progress {
            order: self.order,
            ordinal: self.ordinal(),
            step: step.to_owned(),
            state,
            at,
            bytes_done: None,
            bytes_total: None,
        }
    }

    /// Rises with every report: by lines of the log, which outlive a restart, and within a line
    /// by reports, of which a restart begins a new one.
    fn ordinal(&mut self) -> u64 {
        self.reports += 1;
        (self.log.written() << 16) | self.reports.min(0xffff)
    }
}

/// What an order came with.
struct Papers {
    order: Order,
    batch: Batch,
    /// For an upgrade.
    release: Option<Release>,
    /// For a rebind.
    profile: Option<Profile>,
    /// For a wipe.
    clearance: Option<Clearance>,
}

fn deactivation(wanted: Wanted, order: &Order) -> Subject {
    let code = code_words::code(order.batch, order.terminal);
    Subject::Deactivation(Box::new(Deactivation { wanted, code }))
}

/// What was checked when it was accepted is only read.
fn read_again(parcel: &Parcel) -> Option<Papers> {
    let order = Envelope::<Order>::from_bytes(parcel.order.as_slice()).ok()?.document;
    let batch = Envelope::<Batch>::from_bytes(parcel.batch.as_slice()).ok()?.document;
    let release = parcel.release.as_ref().map(|it| Envelope::<Release>::from_bytes(it.as_slice()));
    let release = release.transpose().ok()?.map(|it| it.document);
    let (mut profile, mut clearance) = (None, None);
    if let Some(enclosed) = &parcel.profile {
        if matches!(batch.change, Change::Decommission(_)) {
            let read = codec::decode_document(&enclosed.profile, CLEARANCE_BYTES_MAX);
            clearance = Some(read.ok()?);
        } else {
            let read = codec::decode_document(&enclosed.profile, profile::PROFILE_BYTES_MAX);
            profile = Some(read.ok()?);
        }
    }
    Some(Papers { order, batch, release, profile, clearance })
}
