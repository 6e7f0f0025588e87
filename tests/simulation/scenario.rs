//! What happens to a shop, and how it may end.

use std::time::Duration;

use shared::calendar::{Calendar, Opening, Span};
use shared::change::rebind::RegistryOrder;
use shared::document::release::Settlement;
use shared::outcome::{Failure, FailureCode, Outcome};
use shared::time::UnixTime;
use shared::window::Window;

use crate::network::Weather;
use harness::keys::NOW;

#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) job: Job,
    /// What goes wrong with data.
    pub(crate) trouble: Option<Trouble>,
    /// An upgrade asks for a snapshot that is no older.
    pub(crate) backup_within: Option<Duration>,
    /// A backup waits for that long after the beginning for the till's batch to be settled.
    pub(crate) settled_within: Option<Duration>,
    pub(crate) batch_open_until: Duration,
    pub(crate) release: Release,
    pub(crate) settlement: Settlement,
    /// The simulation begins at 08:00 UTC, which is the shop's time too.
    pub(crate) window: Option<&'static str>,
    /// What the order's calendar leaves of it.
    pub(crate) calendar: Option<Hours>,
    /// How long it takes to fetch the artifact, resumed wherever it was stopped.
    pub(crate) fetching: Duration,
    pub(crate) till_postpones_until: Duration,
    pub(crate) drain_leaves_until: Duration,
    pub(crate) cancelled_at: Option<Duration>,
    /// When somebody at the till reports something.
    pub(crate) suspected_at: Option<Duration>,
    /// When a suspension stops the till, and what is ordered once it has.
    pub(crate) cut_off: Duration,
    pub(crate) then: Option<Then>,
    /// So long after the cut-off the till may go on with what it owes.
    pub(crate) owing_after: Option<Duration>,
    /// When that is ordered by another suspension, of a till that waits for its host by then.
    pub(crate) owing_from: Option<Duration>,
    /// The till was given up for another one: the suspension waits until it is heard again.
    pub(crate) given_up: bool,
    /// How long the terminal works on without its controller, and from when to when it is away.
    pub(crate) lease: Option<Duration>,
    pub(crate) away: Option<(Duration, Duration)>,
    /// When the order is given.
    pub(crate) ordered_at: Duration,
    /// When a backup is ordered that goes before all of that.
    pub(crate) urgent_at: Option<Duration>,
    pub(crate) bug: Option<Bug>,
    pub(crate) registry_order: RegistryOrder,
    /// A broken till: what one binding has to send goes to the active one's host.
    pub(crate) mixes_hosts: bool,
    /// A broken till: what a host did not answer is done again under another name.
    pub(crate) repeats_anew: bool,
    pub(crate) weather: Weather,
    pub(crate) seed: u64,
    /// How long a power cut lasts. A hold outlives a short one.
    pub(crate) dark: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Release {
    Good,
    /// Starts, and fails its health check.
    Unhealthy,
    /// As [`Self::Unhealthy`], and takes longer than any hold to show it.
    SlowlyUnhealthy,
    /// Is healthy, and breaks the line to the controller.
    Isolating,
    /// Arrives corrupt.
    Corrupt,
}

/// What the terminal is ordered to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Job {
    Upgrade,
    Backup,
    Drill,
    Restore,
    Rebind,
    Suspend,
    /// The wipe of a terminal in the wrong hands.
    WipeLost,
}

/// What a suspended terminal is ordered to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    Resume,
    Wipe,
    /// First to settle what it owes.
    SettleAndWipe,
    /// Of a till that still owes something.
    WipeUnsettled,
    /// Of a till that its provider still has on its books, and whose clearance says no other.
    WipeRegistered,
    /// To what people want of it before it sells again.
    Upgrade,
}

impl Then {
    pub(crate) fn is_wipe(self) -> bool {
        match self {
            Self::Wipe | Self::SettleAndWipe | Self::WipeUnsettled | Self::WipeRegistered => true,
            Self::Resume | Self::Upgrade => false,
        }
    }

    /// As what the terminal refuses it.
    pub(crate) fn refused_as(self) -> Option<&'static str> {
        match self {
            Self::WipeUnsettled => Some("NotSettled"),
            Self::WipeRegistered => Some("NotDeregistered"),
            Self::Resume | Self::Wipe | Self::SettleAndWipe | Self::Upgrade => None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    ExportFails,
    /// The snapshot does not belong on this till.
    Unfit,
    Rotten,
    /// The files cannot be placed, and were placed in part.
    FilesRefused,
    /// The till says so, and has imported nevertheless.
    ImportFails,
    TotalsDiffer,
    /// The till has no slot for the new binding.
    StageRefused,
    /// The old provider's host is away for ten minutes, just when it is needed.
    OldAway,
    SwitchRefused,
    /// The till has switched, and its answer was lost.
    SwitchUnanswered,
    TestDeclined,
    /// The new host has booked the test, and its answer was lost.
    TestUnanswered,
    TestHangs,
    /// Every answer of the new host takes longer than a hold that nobody renews.
    TestLate,
    /// The new provider's host is away for hours once it is needed.
    NewGone,
    /// The new provider fails the shop while it is watched.
    Breach,
    /// The test is declined, and the till does not switch back.
    Stranded,
    /// As [`Self::Stranded`], and the till takes long to hear that it must not sell.
    StopSlow,
    EraseSlow,
    /// As [`Self::Breach`], and its host is away for an hour then.
    BreachAway,
    /// The till is closed for the night as soon as it is watched.
    Closed,
    /// The test is declined, and the old provider's host is away for hours from the switch on.
    OldGone,
    /// From the switch on the till lets itself be held by nobody for hours once it sells.
    HoldRefused,
    /// The till does not let go of the old keys.
    EraseRefused,
    /// There is no line to the controller from the switch on.
    ControllerGone,
    /// Both hosts accept a settlement and the void of a test, and their answer is lost.
    AnswersLost,
    /// As [`Self::Breach`] and [`Self::AnswersLost`].
    BreachLost,
    /// For an hour the host's totals differ from the till's.
    HostCountsOtherwise,
    /// The host is away from the beginning, and comes back after forty minutes.
    HostAway,
    /// The till finds something broken when it examines itself.
    SelfTestFails,
    /// The host counts the batch with the tests otherwise.
    TestsDisagree,
}

impl Trouble {
    pub(crate) fn loses_answers(self) -> bool {
        [Self::AnswersLost, Self::BreachLost].contains(&self)
    }
}

/// Planted on purpose, outside of any table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bug {
    /// What is used of the lease is not written down.
    LeaseNotKept,
    LeaseNotObserved,
    UnlocksNothing,
    /// A wipe is ordered as of a terminal that was deregistered, and none was.
    DeregistersNobody,
    /// The order of a till that was given up has run out when that is found.
    StopRunsOut,
    /// That something is erased is written down nowhere outside of it.
    BarsNobody,
    /// The till is taken for settled whatever it says that it owes.
    OwesUnseen,
    /// That the till is stopped does not outlive the power.
    StopsUntilThePowerFails,
}

/// A calendar, in minutes since the beginning: from and to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hours {
    pub(crate) download: &'static [(u64, u64)],
    pub(crate) activation: &'static [(u64, u64)],
    pub(crate) freezes: &'static [(u64, u64)],
}

/// One minute a day.
const NARROW: &str = "08:01-08:02";

/// Longer than any hold.
pub(crate) const LONG_DARK: Duration = Duration::from_secs(600);

/// Shorter than a hold.
pub(crate) const SHORT_DARK: Duration = Duration::from_secs(20);

const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(60 * minutes)
}

const QUIET: Scenario = Scenario {
    name: "good release",
    job: Job::Upgrade,
    trouble: None,
    backup_within: None,
    settled_within: None,
    batch_open_until: Duration::ZERO,
    release: Release::Good,
    settlement: Settlement::NotNeeded,
    window: None,
    calendar: None,
    fetching: Duration::ZERO,
    till_postpones_until: Duration::ZERO,
    drain_leaves_until: Duration::ZERO,
    cancelled_at: None,
    suspected_at: None,
    cut_off: minutes(2),
    then: None,
    owing_after: None,
    owing_from: None,
    given_up: false,
    lease: None,
    away: None,
    ordered_at: Duration::ZERO,
    urgent_at: None,
    bug: None,
    registry_order: RegistryOrder::NewFirst,
    mixes_hosts: false,
    repeats_anew: false,
    weather: Weather { drop: 0, double: 0, delay_ms: 0, disconnect: 0 },
    seed: 0,
    dark: LONG_DARK,
};

const BACKUP: Scenario = Scenario { job: Job::Backup, ..QUIET };

impl Scenario {
    pub(crate) fn good() -> Self {
        QUIET
    }

    pub(crate) fn unhealthy() -> Self {
        Self { name: "bad release", release: Release::Unhealthy, ..QUIET }
    }

    pub(crate) fn isolating() -> Self {
        Self { name: "release that breaks the line", release: Release::Isolating, ..QUIET }
    }

    pub(crate) fn corrupt() -> Self {
        Self { name: "corrupt artifact", release: Release::Corrupt, ..QUIET }
    }

    pub(crate) fn settle_first() -> Self {
        Self { name: "settle first", settlement: Settlement::Before, ..QUIET }
    }

    pub(crate) fn busy_till() -> Self {
        let (till_postpones_until, drain_leaves_until) = (minutes(4), minutes(7));
        Self { name: "busy till", till_postpones_until, drain_leaves_until, ..QUIET }
    }

    pub(crate) fn closed_window() -> Self {
        Self { name: "closed window", window: Some("08:20-09:00"), ..QUIET }
    }

    /// Bytes in two short openings, neither of which is enough, the second of them interrupted by
    /// a freeze, and in a third for whoever was without power. The shop in an opening that begins
    /// in the freeze, and in the change's own window. The till can be held, and not emptied,
    /// shortly before another freeze.
    pub(crate) fn split_hours() -> Self {
        let calendar = Hours {
            download: &[(1, 4), (10, 40), (100, 300)],
            activation: &[(20, 600)],
            freezes: &[(14, 30), (60, 90)],
        };
        Self {
            name: "split hours",
            window: Some("08:35-16:00"),
            calendar: Some(calendar),
            fetching: minutes(9),
            till_postpones_until: minutes(43),
            drain_leaves_until: minutes(70),
            ..QUIET
        }
    }

    /// As [`Self::split_hours`], and there is no line from before the shop may be disturbed until
    /// long after.
    pub(crate) fn split_hours_offline() -> Self {
        let away = Some((minutes(37), minutes(4 * 60)));
        Self { name: "split hours, offline", away, ..Self::split_hours() }
    }

    /// As [`Self::split_hours`], of other jobs.
    pub(crate) fn split_hours_of(job: Job) -> Self {
        let name = Self::about_data(job, None).name;
        let fetching = Duration::ZERO;
        let window = None;
        Self { name, job, fetching, window, ..Self::split_hours() }
    }

    /// Opens for a minute, and again when it is too late.
    pub(crate) fn narrow_window() -> Self {
        Self { name: "window closes", window: Some(NARROW), dark: SHORT_DARK, ..QUIET }
    }

    /// A till that lets go of its hold before the restart, unless the hold is renewed.
    pub(crate) fn slow_health() -> Self {
        Self { name: "slow health", release: Release::SlowlyUnhealthy, ..QUIET }
    }

    /// A snapshot that a day has not made old.
    pub(crate) fn backup_first() -> Self {
        let backup_within = Some(Duration::from_secs(24 * 3600));
        Self { name: "snapshot first", backup_within, ..QUIET }
    }

    /// The till is settled after five minutes, by whoever settles it.
    pub(crate) fn after_settlement() -> Self {
        let (settled_within, batch_open_until) = (Some(minutes(10)), minutes(5));
        Self { name: "backup after settlement", settled_within, batch_open_until, ..BACKUP }
    }

    /// Nobody settles, and the backup is taken all the same.
    pub(crate) fn never_settled() -> Self {
        let (settled_within, batch_open_until) = (Some(minutes(10)), minutes(60 * 24 * 365));
        Self { name: "backup without settlement", settled_within, batch_open_until, ..BACKUP }
    }

    pub(crate) fn about_data(job: Job, trouble: Option<Trouble>) -> Self {
        let name = match job {
            Job::Upgrade => "upgrade",
            Job::Backup => "backup",
            Job::Drill => "drill",
            Job::Restore => "restore",
            Job::Rebind => "rebind",
            Job::Suspend => "suspension",
            Job::WipeLost => "wipe of a lost terminal",
        };
        Self { name, job, trouble, ..QUIET }
    }

    pub(crate) fn rebind(trouble: Option<Trouble>) -> Self {
        Self { name: "rebind", job: Job::Rebind, trouble, ..QUIET }
    }

    /// A till that stops after two minutes, and what comes then.
    pub(crate) fn suspend(then: Option<Then>, trouble: Option<Trouble>) -> Self {
        Self { name: "suspension", job: Job::Suspend, then, trouble, ..QUIET }
    }

    /// A till whose host is away when it stops, and that may settle later.
    pub(crate) fn suspend_owing(then: Then) -> Self {
        let (trouble, owing_after) = (Some(Trouble::HostAway), Some(minutes(3)));
        Self { name: "suspension, owing", owing_after, ..Self::suspend(Some(then), trouble) }
    }

    /// The same, and it was ordered to settle first: it waits when it may settle later.
    pub(crate) fn owing_later(then: Then) -> Self {
        let owing_from = Some(minutes(8));
        Self { name: "suspension, owing later", owing_from, ..Self::suspend_owing(then) }
    }

    /// When the line is there again for a terminal that was kept away.
    pub(crate) const BACK_AT: Duration = minutes(6 * 60);

    /// A lease of four hours, no line until six hours are over, and then an order that leaves the
    /// till alone.
    pub(crate) fn away() -> Self {
        let (lease, away) = (Some(minutes(4 * 60)), Some((minutes(15), Self::BACK_AT)));
        Self { name: "kept away", lease, away, ordered_at: Self::BACK_AT, ..BACKUP }
    }

    /// As [`Self::away`], after a suspension was ordered.
    pub(crate) fn away_to_suspend() -> Self {
        let (name, job) = ("kept away, and suspended", Job::Suspend);
        Self { name, job, ordered_at: Duration::ZERO, ..Self::away() }
    }

    /// When a till is heard again that was given up and replaced.
    pub(crate) const FOUND_AT: Duration = minutes(25 * 60);

    /// It answers nobody from the beginning, and its suspension waits for it.
    pub(crate) fn given_up() -> Self {
        let away = Some((Duration::ZERO, Self::FOUND_AT));
        let (name, job) = ("given up, and found", Job::Suspend);
        Self { name, job, given_up: true, away, ..QUIET }
    }

    pub(crate) fn is_away(&self, now: Duration) -> bool {
        self.away.is_some_and(|(from, to)| (from..to).contains(&now))
    }

    /// Where the old registration was released before.
    pub(crate) fn released(trouble: Option<Trouble>) -> Self {
        let registry_order = RegistryOrder::ReleaseOldFirst;
        Self { name: "rebind, released", registry_order, ..Self::rebind(trouble) }
    }

    pub(crate) fn all() -> Vec<Self> {
        vec![
            Self::good(),
            Self::unhealthy(),
            Self::isolating(),
            Self::corrupt(),
            Self::settle_first(),
            Self::busy_till(),
            Self::closed_window(),
            Self::narrow_window(),
            Self::split_hours(),
            Self::slow_health(),
            Self::cancelled_at(Duration::from_secs(8)),
            Self::backup_first(),
            Self::about_data(Job::Backup, None),
            Self::after_settlement(),
            Self::never_settled(),
            Self::about_data(Job::Drill, None),
            Self::about_data(Job::Restore, None),
            Self::about_data(Job::Restore, Some(Trouble::TotalsDiffer)),
            Self::rebind(None),
            Self::rebind(Some(Trouble::TestDeclined)),
            Self::rebind(Some(Trouble::Breach)),
            Self::released(None),
        ]
    }

    pub(crate) fn cancelled_at(at: Duration) -> Self {
        Self { name: "cancelled", cancelled_at: Some(at), ..QUIET }
    }

    pub(crate) fn window(&self) -> Option<Window> {
        self.window.map(|text| text.parse().expect("a scenario's own window"))
    }

    pub(crate) fn calendar(&self) -> Option<Calendar> {
        let spans = |minutes: &[(u64, u64)]| -> Vec<Span> {
            let at = |minute: u64| NOW.plus(Duration::from_secs(60 * minute));
            minutes.iter().map(|(from, to)| Span { from: at(*from), to: at(*to) }).collect()
        };
        let hours = self.calendar?;
        Some(Calendar {
            download: spans(hours.download).into_iter().map(Opening::Once).collect(),
            activation: spans(hours.activation).into_iter().map(Opening::Once).collect(),
            freezes: spans(hours.freezes),
            spread_s: 0,
        })
    }

    pub(crate) fn settled_by(&self) -> Option<UnixTime> {
        self.settled_within.map(|within| NOW.plus(within))
    }

    /// Whether the job may end like this.
    pub(crate) fn allows(&self, outcome: &Outcome) -> bool {
        let failed_with = |code| match outcome {
            Outcome::RolledBack { failure } | Outcome::Failed { failure } => failure.code == code,
            Outcome::Succeeded { .. }
            | Outcome::RollbackFailed { .. }
            | Outcome::Cancelled { .. }
            | Outcome::Expired
            | Outcome::Superseded => false,
        };
        if self.job == Job::Rebind {
            return self.allows_of_rebind(outcome);
        }
        if let Job::Suspend | Job::WipeLost = self.job {
            return self.allows_of_stopping(outcome);
        }
        match self.trouble {
            None => {}
            Some(Trouble::ExportFails) => return failed_with(FailureCode::ExportFailed),
            Some(Trouble::Unfit | Trouble::FilesRefused) => {
                return failed_with(FailureCode::NotRestorable);
            }
            Some(Trouble::Rotten) => return failed_with(FailureCode::SnapshotDamaged),
            Some(Trouble::ImportFails) => return failed_with(FailureCode::PosRefused),
            Some(Trouble::TotalsDiffer) => return failed_with(FailureCode::TotalsDiffer),
            Some(other) => panic!("{other:?} is no trouble of this job"),
        }
        let cancelled = matches!(outcome, Outcome::Cancelled { .. });
        match self.release {
            Release::Good => {
                let too_late = matches!(outcome, Outcome::Expired);
                matches!(outcome, Outcome::Succeeded { .. })
                    || (cancelled && self.cancelled_at.is_some())
                    || (too_late && self.window == Some(NARROW))
            }
            Release::Unhealthy | Release::SlowlyUnhealthy | Release::Isolating => {
                failed_with(FailureCode::HealthNotProven)
            }
            Release::Corrupt => failed_with(FailureCode::ArtifactMismatch),
        }
    }

    /// Nothing but people ends it otherwise.
    fn allows_of_stopping(&self, outcome: &Outcome) -> bool {
        let withdrawn = self.cancelled_at.is_some();
        match outcome {
            Outcome::Succeeded { .. } => true,
            Outcome::RolledBack { failure } => withdrawn && failure.code == FailureCode::Withdrawn,
            Outcome::Cancelled { .. } => withdrawn,
            Outcome::Superseded => self.owing_from.is_some(),
            Outcome::Failed { .. } | Outcome::RollbackFailed { .. } | Outcome::Expired => false,
        }
    }

    fn allows_of_rebind(&self, outcome: &Outcome) -> bool {
        let released = self.registry_order == RegistryOrder::ReleaseOldFirst;
        let wanted = match self.trouble {
            Some(Trouble::StageRefused) => Some(FailureCode::NoFreeSlot),
            Some(Trouble::SwitchRefused) => Some(FailureCode::SwitchFailed),
            Some(
                Trouble::TestDeclined
                | Trouble::TestUnanswered
                | Trouble::TestHangs
                | Trouble::NewGone
                | Trouble::OldGone
                | Trouble::Stranded
                | Trouble::StopSlow,
            ) => Some(FailureCode::TestFailed),
            Some(Trouble::Breach | Trouble::BreachAway | Trouble::BreachLost) => {
                Some(FailureCode::WatchBreached)
            }
            Some(Trouble::EraseRefused) => Some(FailureCode::PosRefused),
            Some(
                Trouble::OldAway
                | Trouble::Closed
                | Trouble::HoldRefused
                | Trouble::SwitchUnanswered
                | Trouble::TestLate
                | Trouble::EraseSlow
                | Trouble::ControllerGone
                | Trouble::AnswersLost,
            )
            | None => None,
            Some(
                Trouble::ExportFails
                | Trouble::Unfit
                | Trouble::Rotten
                | Trouble::ImportFails
                | Trouble::FilesRefused
                | Trouble::TotalsDiffer
                | Trouble::HostCountsOtherwise
                | Trouble::HostAway
                | Trouble::SelfTestFails
                | Trouble::TestsDisagree,
            ) => panic!("no trouble of a rebind"),
        };
        let has = |all: &[Trouble]| self.trouble.is_some_and(|it| all.contains(&it));
        let strands = has(&[Trouble::Stranded, Trouble::StopSlow, Trouble::EraseRefused])
            || (released && wanted.is_some() && self.trouble != Some(Trouble::StageRefused));
        let withdrawn = self.cancelled_at.is_some();
        // Nothing can be tested at a till that was switched and lost its hold with the power.
        let untested = |failure: &Failure| {
            self.trouble == Some(Trouble::HoldRefused) && failure.step == "test"
        };
        match outcome {
            Outcome::Succeeded { .. } => wanted.is_none(),
            Outcome::Failed { failure } => wanted == Some(failure.code),
            Outcome::RolledBack { failure } => {
                (wanted == Some(failure.code) && !strands)
                    || (untested(failure) && !released)
                    || (withdrawn && failure.code == FailureCode::Withdrawn)
            }
            Outcome::RollbackFailed { failure, .. } => {
                (strands && wanted == Some(failure.code)) || (untested(failure) && released)
            }
            Outcome::Cancelled { .. } => withdrawn || self.suspected_at.is_some(),
            Outcome::Expired => self.window == Some(NARROW),
            Outcome::Superseded => false,
        }
    }
}
