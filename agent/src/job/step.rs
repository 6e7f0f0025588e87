//! One row of a job's table, and the words that a row is written in.
//!
//! Deliberately absent: what happens in which order. That is the table's and the executor's.

use std::time::Duration;

use shared::outcome::FailureCode;

use super::{Action, DataAction};

/// Where a step does not say otherwise: a till may need a minute to come back.
pub(super) const UNDO_ATTEMPTS: u32 = 6;

/// A job, from its first row to its last.
pub type Table = &'static [Step];

/// One row. Begin with [`Step::new`] or [`Step::wait`] and add what is special about it.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// A stable word, used in reports, receipts and the journal; unique in its table.
    pub name: &'static str,
    pub run: Run,
    pub when: When,
    /// Must hold when the step begins, or the job goes back to [`Self::back_to`].
    pub only_while: Option<Condition>,
    /// Done only while this holds: where it ceases the shell is stopped, and the step waits. What
    /// it has come to by then stays.
    pub paused_unless: Option<Condition>,
    /// Whether this held is written down with the intention, for a later [`When::Noted`].
    pub noting: Option<Condition>,
    pub after_restart: AfterRestart,
    pub lasts: Lasts,
    pub undo: Undo,
    pub postponed: Postponed,
    /// The earlier step at which to wait again; `None` when there is no way back to waiting.
    pub back_to: Option<&'static str>,
    pub mark: Mark,
    pub already_so: AlreadySo,
    /// Instead of [`Self::undo`], or of [`Self::run`], when something that mattered could be
    /// neither done nor undone: what leaves the shop safe.
    pub stranded: &'static [Action],
    /// When it fails where there is no way back, the job does not end as a success, and is
    /// stranded if a later step has [`Self::stranded`].
    pub vital: bool,
    /// It may go on for days: the job can still be withdrawn, restarts are no sign that it brings
    /// the machine down, and no time that passes makes it fail. Either the shop sells meanwhile, or
    /// it is not to sell.
    pub watches: bool,
    /// How often an undoing may fail before it has failed for good.
    pub undo_attempts: u32,
    /// The same, where nobody refuses, and somebody is only not ready or not reached.
    pub undo_waits: u32,
    pub deadline: Deadline,
    /// What it is called when the step fails and nobody said why: its time ran out, it was
    /// interrupted too often, or a probe could not tell.
    pub failing: FailureCode,
    pub retry: Retry,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Run {
    /// The shell does it.
    Act(Action),
    /// Nothing is done; the step is over when this holds.
    Await(Condition),
}

/// A question that needs no action to be answered: see [`super::Circumstances`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Condition {
    /// The maintenance window is open, and so is the part of the order's calendar that the job
    /// keeps to: the shop may be disturbed.
    WindowOpen,
    /// The order's calendar allows bytes to be moved over the network.
    DownloadOpen,
    /// The release asks for settlement before the switch.
    SettlementAsked,
    /// The order asks for a verified snapshot first.
    BackupAsked,
    /// The order waits for the open batches to be settled by whoever settles them.
    SettlementAwaited,
    /// There is a connection to the controller.
    ControllerConnected,
    /// The controller has been heard since the step began.
    ControllerReached,
    /// The order's own moment: a suspension's cut-off, the end of a wipe's cool-off. Other jobs go
    /// first while it has not come.
    MomentCome,
}

/// Whether the step is taken at all. What is not taken is journaled as skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    Always,
    Holds(Condition),
    /// What the named earlier step noted was so.
    Noted(&'static str),
}

/// What to do about an intention without an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterRestart {
    /// Idempotent: do it again.
    Repeat,
    /// Find out first whether it happened.
    Probe(Action),
}

/// How long what a step established stays true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lasts {
    Always,
    /// It is established anew after a restart, unless there is only forward by then.
    UntilRestart,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undo {
    Nothing,
    /// These, in this order, each idempotent. When they fail a person is needed.
    By(&'static [Action]),
    /// As [`Undo::By`], for leftovers that hurt nobody: a failure is only noted.
    Tidy(&'static [Action]),
}

impl Undo {
    pub fn actions(self) -> &'static [Action] {
        match self {
            Self::Nothing => &[],
            Self::By(actions) | Self::Tidy(actions) => actions,
        }
    }
}

/// What `NotYet` means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Postponed {
    /// Ask again later; until then the step's time stands still.
    AskAgain,
    /// Undo what was done since [`Step::back_to`], and wait there. So does a passed deadline.
    GoBack,
    /// The shop is disturbed already: it counts as a failed attempt.
    Fails,
}

/// What [`super::Reply::AlreadySo`] means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlreadySo {
    /// It is no answer here.
    Misfit,
    /// The job succeeds with this step.
    Ends,
    /// The steps between this one and the named later one are not called for.
    SkipsTo(&'static str),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    Plain,
    /// Disturbs the shop under a lease that must be renewed. From here on a job is neither
    /// cancelled nor expires, unless it goes back.
    TakesLease,
    EndsLease,
    /// Disturbs the shop for longer than a lease: the till itself keeps to it.
    StopsTrading,
    /// From the moment it is intended there is only forward.
    PointOfNoReturn,
}

/// How long a step may be busy, all attempts together, waiting left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deadline {
    Within(Duration),
    /// What the order's own documents allow for, and this much more for the shell to answer.
    AsStated {
        slack: Duration,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    pub attempts: u32,
    pub delay: Duration,
}

impl Step {
    /// A step that acts: idempotent, nothing to undo, one attempt, one minute.
    pub const fn new(name: &'static str, action: Action) -> Self {
        Self::plain(name, Run::Act(action))
    }

    /// A step that waits until something holds.
    pub const fn wait(name: &'static str, condition: Condition) -> Self {
        Self::plain(name, Run::Await(condition))
    }

    const fn plain(name: &'static str, run: Run) -> Self {
        Self {
            name,
            run,
            when: When::Always,
            only_while: None,
            paused_unless: None,
            noting: None,
            after_restart: AfterRestart::Repeat,
            lasts: Lasts::Always,
            undo: Undo::Nothing,
            postponed: Postponed::AskAgain,
            back_to: None,
            mark: Mark::Plain,
            already_so: AlreadySo::Misfit,
            stranded: &[],
            vital: false,
            watches: false,
            undo_attempts: UNDO_ATTEMPTS,
            undo_waits: UNDO_ATTEMPTS,
            deadline: Deadline::Within(Duration::from_secs(60)),
            failing: FailureCode::TimedOut,
            retry: Retry { attempts: 1, delay: Duration::from_secs(10) },
        }
    }

    pub const fn when(mut self, condition: Condition) -> Self {
        self.when = When::Holds(condition);
        self
    }

    pub const fn when_noted_at(mut self, step: &'static str) -> Self {
        self.when = When::Noted(step);
        self
    }

    pub const fn noting(mut self, condition: Condition) -> Self {
        self.noting = Some(condition);
        self
    }

    /// Only begun while this holds; else back to that step.
    pub const fn only_while(mut self, condition: Condition, back_to: &'static str) -> Self {
        self.only_while = Some(condition);
        self.back_to = Some(back_to);
        self
    }

    /// Only done while this holds; where it ceases, the step waits.
    pub const fn paused_unless(mut self, condition: Condition) -> Self {
        self.paused_unless = Some(condition);
        self
    }

    /// `NotYet`, or no answer in time, means: undo what was done since `back_to`, and wait there.
    pub const fn or_back(mut self) -> Self {
        self.postponed = Postponed::GoBack;
        self
    }

    /// `NotYet` is no answer any more.
    pub const fn without_waiting(mut self) -> Self {
        self.postponed = Postponed::Fails;
        self
    }

    pub const fn probed_by(mut self, action: Action) -> Self {
        self.after_restart = AfterRestart::Probe(action);
        self
    }

    pub const fn until_restart(mut self) -> Self {
        self.lasts = Lasts::UntilRestart;
        self
    }

    pub const fn undone_by(mut self, actions: &'static [Action]) -> Self {
        self.undo = Undo::By(actions);
        self
    }

    pub const fn tidied_by(mut self, actions: &'static [Action]) -> Self {
        self.undo = Undo::Tidy(actions);
        self
    }

    /// What is done instead where the job can be neither finished nor undone.
    pub const fn stranded_by(mut self, actions: &'static [Action]) -> Self {
        self.stranded = actions;
        self
    }

    pub const fn is_vital(mut self) -> Self {
        self.vital = true;
        self
    }

    /// Waits as long as the shell says, and can be taken back meanwhile.
    pub const fn sits_and_watches(mut self) -> Self {
        self.watches = true;
        self
    }

    /// So many attempts to undo it.
    pub const fn patiently(mut self, attempts: u32) -> Self {
        self.undo_attempts = attempts;
        self.undo_waits(attempts)
    }

    /// So many attempts to undo it while nobody refuses.
    pub const fn undo_waits(mut self, attempts: u32) -> Self {
        self.undo_waits = attempts;
        self
    }

    pub const fn takes_lease(mut self) -> Self {
        self.mark = Mark::TakesLease;
        self
    }

    /// What was asked for may be so already: then the whole job is done.
    pub const fn ends_if_already_so(mut self) -> Self {
        self.already_so = AlreadySo::Ends;
        self
    }

    /// What the next steps are there for may be so already: then the job goes on at that one.
    pub const fn skips_if_already_so(mut self, to: &'static str) -> Self {
        self.already_so = AlreadySo::SkipsTo(to);
        self
    }

    pub const fn ends_lease(mut self) -> Self {
        self.mark = Mark::EndsLease;
        self
    }

    pub const fn stops_trading(mut self) -> Self {
        self.mark = Mark::StopsTrading;
        self
    }

    pub const fn point_of_no_return(mut self) -> Self {
        self.mark = Mark::PointOfNoReturn;
        self
    }

    /// Whether it can be left off at any moment and begun anew: it waits, asks, or moves bytes.
    pub fn can_be_left_off(&self) -> bool {
        let asks = match self.run {
            Run::Await(_) => true,
            Run::Act(action) => {
                [Action::AskTill, Action::Data(DataAction::AskSettled)].contains(&action)
            }
        };
        asks || self.paused_unless.is_some()
    }

    pub const fn within_s(mut self, seconds: u64) -> Self {
        self.deadline = Deadline::Within(Duration::from_secs(seconds));
        self
    }

    /// Within the time that the order's documents state, and so many seconds more.
    pub const fn within_stated_and_s(mut self, seconds: u64) -> Self {
        self.deadline = Deadline::AsStated { slack: Duration::from_secs(seconds) };
        self
    }

    pub const fn failing_as(mut self, code: FailureCode) -> Self {
        self.failing = code;
        self
    }

    pub const fn tries(mut self, attempts: u32, delay_s: u64) -> Self {
        self.retry = Retry { attempts, delay: Duration::from_secs(delay_s) };
        self
    }
}

/// One table of two parts, which has `N` rows.
pub const fn joined<const N: usize>(first: Table, then: Table) -> [Step; N] {
    assert!(first.len() + then.len() == N, "the number of rows is another");
    let mut rows = [first[0]; N];
    let mut place = 0;
    while place < N {
        rows[place] = match place < first.len() {
            true => first[place],
            false => then[place - first.len()],
        };
        place += 1;
    }
    rows
}
