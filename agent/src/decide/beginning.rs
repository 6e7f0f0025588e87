//! How an agent finds itself again: from what it is, and from what the store holds.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use shared::id::OrderId;

use super::effect::{Decision, Place, Shelf, Write};
use super::input::{Now, Room, StoreState};
use super::lease::Keeping;
use super::restraint::Restraint;
use super::till::TillWatch;
use super::work::job::Job;
use super::{Core, Counters, Profile};
use crate::clock::{BUILT_AT, Clock};
use crate::job::Tables;
use crate::journal::facts::{self, Facts, KeptRoster, Standing, Unreadable};
use crate::journal::ledger::Ledger;
use crate::journal::log::Log;
use crate::lease::{Found, Lease};
use crate::order::ReplayState;
use crate::outbox::Outbox;
use crate::roster::Trust;
use crate::session::{Jitter, Session};

/// What the store holds when the agent starts.
#[derive(Clone, Debug, Default)]
pub struct Stored {
    /// Every record of every shelf.
    pub records: BTreeMap<Place, Vec<u8>>,
    /// As last entered by [`Write::EnterEpoch`]; 0 when none ever was.
    pub epoch: u32,
    /// The highest [`Write::SawOrder`] of the epoch.
    pub order_seq: u64,
    /// The store was lost since the epoch began.
    pub lost: bool,
    /// The newest [`Write::KeepOutside`].
    pub kept_outside: Option<Vec<u8>>,
    /// The outbox's records up to here are acknowledged.
    pub acknowledged: u64,
    pub state: Option<StoreState>,
}

/// Until the shell has told: no new work.
const UNTOLD: StoreState = StoreState {
    room: Room::Short,
    outbox_depth: 0,
    outbox_dropped: 0,
    disk_free_bytes: 0,
    battery: None,
};

impl Core {
    /// The agent at its start. Nothing begins before [`super::Input::Started`].
    pub fn restore(profile: Profile, stored: Stored, now: Now) -> Self {
        Self::restore_with(Tables::BUILT_IN, profile, stored, now)
    }

    /// As [`Self::restore`], with other tables: to show what a table is worth, or that its lack
    /// of something is noticed.
    pub fn restore_with(tables: Tables, profile: Profile, stored: Stored, now: Now) -> Self {
        let shelf = |shelf| {
            let on_shelf = stored.records.iter().filter(move |(place, _)| place.shelf == shelf);
            on_shelf.map(|(place, value)| (place, value.as_slice()))
        };
        let (facts, facts_unreadable) = Facts::read(shelf(Shelf::Facts));
        let (ledger, accounts_unreadable) = Ledger::read(shelf(Shelf::Ledger));
        let (logs, lines_unreadable) = Log::read_all(shelf(Shelf::Journal));
        let (replay, replay_lost) = replay(&profile, &stored, facts.replay);
        let unreadable: BTreeSet<_> = [facts_unreadable, accounts_unreadable, lines_unreadable]
            .into_iter()
            .flatten()
            .collect();
        let (jobs, broken) = jobs(logs, &ledger, tables);
        let clock = Clock::restore(BUILT_AT, facts.time, profile.nonce_seed, now);
        let kept = Standing::read(stored.kept_outside.as_deref());
        let lost = stored.lost || replay_lost || !unreadable.is_empty() || kept.is_err();
        let lease = match facts.lease {
            Some(kept) => Found::Kept(kept),
            None if lost => Found::Lost,
            None => Found::Nothing,
        };
        let lease = Lease::restore(profile.lease, profile.boot, lease, now);
        let broker = facts.broker.unwrap_or_else(|| profile.broker.clone());
        Self {
            tables,
            trust: newest(&profile.trust, facts.roster.as_ref()),
            time_kept: clock.kept(),
            clock,
            asked: None,
            recipient_told: false,
            roster_told: 0,
            roster_overdue: None,
            heard_at: None,
            asks_to_be_reached: false,
            outbox: Outbox::restore(replay.epoch(), stored.acknowledged),
            replay,
            lost,
            unreadable,
            passed_over: false,
            ledger,
            counter_floors: facts.counter_floors,
            withdrawn: facts.withdrawn,
            suspected: facts.suspected,
            log: facts.log,
            log_forked: false,
            standing_unreadable: kept.is_err(),
            standing: standing(kept, profile.suspended_by),
            keeping: Keeping::new(lease, now),
            restraint: Restraint::new(now.uptime),
            session: Session::new(broker, Jitter::from_seed(profile.jitter_seed), now.uptime),
            next_turn: jobs.iter().map(|job| job.turn + 1).max().unwrap_or(0),
            jobs,
            broken,
            tickets: 0,
            installed: Vec::new(),
            store: stored.state.unwrap_or(UNTOLD),
            counters: Counters::default(),
            till: TillWatch::new(),
            telemetry: None,
            stopping: false,
            steps_down: false,
            wakes_at: Some(Duration::ZERO),
            profile,
        }
    }

    pub(super) fn start(&mut self, now: Now, out: &mut Decision) {
        // Entering an epoch forgives a loss; only a controller that knows of it may do that.
        if !self.lost {
            out.writes.push(Write::EnterEpoch(self.replay.epoch()));
            out.writes.push(facts::replay(&self.replay));
        }
        self.leave_earlier_epochs(now, out);
        self.resume_work(now, out);
    }
}

/// What this terminal knows of itself counts before what it was told when it enrolled: that is
/// asked only where nothing was ever kept, or can be read. Whoever was only told knows of no
/// settlement and of no snapshot, and is not wiped by it.
fn standing(
    kept: Result<Option<Standing>, Unreadable>,
    told_suspended_by: Option<OrderId>,
) -> Standing {
    let told =
        told_suspended_by.map(|by| Standing::Suspended { by, is_settled: false, manifest: None });
    kept.ok().flatten().or(told).unwrap_or_default()
}

/// The replay state, and whether it is less than it should be.
fn replay(profile: &Profile, stored: &Stored, kept: Option<ReplayState>) -> (ReplayState, bool) {
    let epoch = profile.epoch.max(stored.epoch);
    let seen = if stored.epoch == epoch { stored.order_seq } else { 0 };
    match kept {
        Some(mut kept) if kept.epoch() < epoch || kept.highest() >= seen => {
            kept.enter(epoch);
            (kept, false)
        }
        Some(_) => (ReplayState::from_high_water(epoch, seen), true),
        None if seen > 0 || stored.lost => (ReplayState::from_high_water(epoch, seen), true),
        None => (ReplayState::new(epoch), false),
    }
}

/// The newer of the enrolment's roster and the one that was kept.
fn newest(enrolled: &Trust, kept: Option<&KeptRoster>) -> Trust {
    let kept =
        kept.and_then(|kept| Trust::pinned(enrolled.fleet(), kept.digest, &kept.signed).ok());
    match kept {
        Some(kept) if kept.version() > enrolled.version() => kept,
        Some(_) | None => enrolled.clone(),
    }
}

/// Jobs that are not over, the one first that nobody goes before and the others as they go; and the
/// logs of those that cannot be continued, be it that nothing is known of their order any more.
fn jobs(
    mut logs: BTreeMap<OrderId, Log>,
    ledger: &Ledger,
    tables: Tables,
) -> (VecDeque<Job>, Vec<Log>) {
    let mut jobs = Vec::new();
    let mut broken = Vec::new();
    for order in ledger.open() {
        let log = logs.remove(&order).unwrap_or_else(|| Log::new(order));
        match Job::from_log(log, tables) {
            Ok(job) => jobs.push(job),
            Err(log) => broken.push(log),
        }
    }
    broken.extend(logs.into_values());
    jobs.sort_by_key(|job| Reverse((job.keeps_its_turn(), job.precedence())));
    (jobs.into(), broken)
}
