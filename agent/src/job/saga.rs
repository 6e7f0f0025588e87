//! The executor: works through any table of steps, and knows nothing of what they are about.
//!
//! What is durable about a job is its journal. A [`Saga`] changes its durable half only by
//! [`record::Record::apply`], live and on replay alike, so the two cannot differ; the other half
//! (who was asked, until when) is forgotten in a restart on purpose.
//!
//! ```text
//!            begin ──► forward ──► past the last step ──► finished
//!                      │    ▲
//!   postponed, window  ▼    │ waits again           failed, withdrawn
//!   closed, lease lapsed: back ◄──────────────────────────┘ ──► undone ──► finished
//! ```

mod backward;
pub mod circumstances;
mod forward;
mod lease;
mod record;
#[cfg(test)]
mod tests;
mod time;

use std::time::Duration;

use shared::document::receipt::Evidence;
use shared::limits::short_text;
use shared::message::StepState;
use shared::outcome::{Failure, FailureCode, Outcome, Waiting};
use shared::time::UnixTime;

use super::step::{Condition, Lasts, Mark, Run, Step, Table};
use super::{Action, Finding, Reply, Ticket};
use crate::journal::Entry;
use circumstances::Circumstances;
use lease::Renewal;
pub use record::Unreplayable;
use record::{Course, Goal, Record, Standing};

/// A step without a way back to waiting that was interrupted by this many restarts has failed:
/// it may be what brings the machine down.
const INTERRUPTIONS_MAX: u32 = 5;

const PROBE_ATTEMPTS: u32 = 6;

/// Attempts to undo that follow one another quickly.
const FIRST_ATTEMPTS: u32 = 6;

/// Between two attempts to undo or to find out something.
const UNDO_DELAY: Duration = Duration::from_secs(10);

/// The same, for what is tried many times.
const UNDO_DELAY_MAX: Duration = Duration::from_secs(60);

/// Before the next chance is taken, when nobody says how long. Each chance that disturbed the
/// shop for nothing doubles it, up to the second.
const PAUSE: Duration = Duration::from_secs(60);
const PAUSE_MAX: Duration = Duration::from_secs(15 * 60);

/// Something that happened to a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The agent has started again and the journal was replayed.
    Resumed,
    /// Time has passed, or circumstances changed.
    Due,
    Replied {
        ticket: Ticket,
        reply: Reply,
    },
    /// The job is to end like this, if nothing was disturbed.
    Withdrawn(Outcome),
}

/// What is to be done about it, in this order; journal entries before everything else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Move {
    Journal(Entry),
    Act {
        ticket: Ticket,
        action: Action,
    },
    StopAct(Ticket),
    Report {
        step: &'static str,
        state: StepState,
    },
    /// The job is over; its journal can go once this is written down elsewhere.
    Finish {
        outcome: Outcome,
        evidence: Vec<Evidence>,
    },
}

/// Why an event means nothing now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("nobody waits for the answer to {0:?}")]
    Stale(Ticket),
    #[error("the shop is disturbed already, at step `{step}`: the job runs to its end")]
    TooLate { step: &'static str },
    #[error("the job is over")]
    Over,
}

/// What the shell was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Errand {
    Run,
    Probe,
    /// Takes a lease again that may have lapsed; carries on whatever the answer.
    Reclaim,
    Undo,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Doing {
    Nothing,
    Awaiting { since: Duration },
    Paused { until: Duration },
    Acting { ticket: Ticket, errand: Errand, action: Action, since: Duration },
}

/// Whether the executor goes on at once, or has to wait for an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    GoOn,
    Wait,
}

/// One job under way.
#[derive(Clone, Debug)]
pub struct Saga {
    table: Table,
    record: Record,
    doing: Doing,
    renewal: Renewal,
    tickets: u64,
    /// Attempts of the present errand that failed.
    attempts: u32,
    /// Attempts to undo something that nobody refused, and that came to nothing.
    waits: u32,
    /// Busy time of the present step.
    spent: Duration,
    /// Since the restart nobody has found out about the present intention, or taken the lease
    /// again.
    unprobed: bool,
    unclaimed: bool,
    /// Chances that came to nothing, since the window opened or the agent started.
    vain: u32,
    /// How long to wait at the step that is gone back to, and what for.
    pause: Option<(Duration, Waiting, String)>,
    reported: Option<(&'static str, StepState)>,
    moves: Vec<Move>,
}

impl Saga {
    /// A job at its first step. Tickets count from `ticket` on.
    pub fn new(table: Table, ticket: Ticket) -> Self {
        Self::from_record(table, Record::new(table), ticket)
    }

    /// The job as its journal tells it. Its next event must be [`Event::Resumed`].
    pub fn replay<'a>(
        table: Table,
        entries: impl IntoIterator<Item = &'a Entry>,
        ticket: Ticket,
    ) -> Result<Self, Unreplayable> {
        let mut record = Record::new(table);
        entries.into_iter().try_for_each(|entry| record.apply(entry))?;
        Ok(Self::from_record(table, record, ticket))
    }

    fn from_record(table: Table, record: Record, ticket: Ticket) -> Self {
        Self {
            table,
            record,
            doing: Doing::Nothing,
            renewal: Renewal::default(),
            tickets: ticket.0,
            attempts: 0,
            waits: 0,
            spent: Duration::ZERO,
            unprobed: false,
            unclaimed: false,
            vain: 0,
            pause: None,
            reported: None,
            moves: Vec::new(),
        }
    }

    /// What to do about an event. Nothing has happened yet when this returns.
    pub fn handle(&mut self, event: Event, c: &Circumstances) -> Result<Vec<Move>, Refused> {
        if self.record.course == Course::Over {
            return Err(Refused::Over);
        }
        match event {
            Event::Resumed => self.resume(),
            Event::Due => self.notice_time(c),
            Event::Replied { ticket, reply } => self.hear(ticket, reply, c)?,
            Event::Withdrawn(outcome) => self.withdraw(outcome)?,
        }
        self.go_on(c);
        Ok(std::mem::take(&mut self.moves))
    }

    /// What the shell was asked to do under this ticket, while the answer is waited for.
    pub fn asked(&self, ticket: Ticket) -> Option<Action> {
        match self.doing {
            Doing::Acting { ticket: asked, action, .. } if asked == ticket => Some(action),
            Doing::Acting { .. }
            | Doing::Nothing
            | Doing::Awaiting { .. }
            | Doing::Paused { .. } => self.renewal_asked(ticket),
        }
    }

    /// Whether the shell is at work on what is given up as soon as its hours are over.
    pub fn is_paused_when_closed(&self) -> bool {
        let acts = matches!(self.doing, Doing::Acting { errand: Errand::Run, .. });
        acts && self.step().is_some_and(|step| step.paused_unless.is_some())
    }

    /// Whether another job may go first: nothing is disturbed or to be undone, and what is being
    /// done can be left off.
    pub fn gives_way(&self) -> bool {
        self.has_disturbed_nothing() && self.step().is_some_and(Step::can_be_left_off)
    }

    /// Whether it goes forward, and would leave no trace in the shop if it ended now.
    pub fn has_disturbed_nothing(&self) -> bool {
        self.record.course == Course::Forward && !self.record.is_disturbed()
    }

    /// The hours without which it does nothing now.
    pub fn sleeps_until(&self) -> Option<Condition> {
        let step = self.step().filter(|_| self.gives_way())?;
        match step.run {
            Run::Await(condition @ Condition::WindowOpen) => Some(condition),
            Run::Await(_) | Run::Act(_) => step.paused_unless,
        }
    }

    /// Another job goes first, and changes who knows what: this one begins anew when its turn comes
    /// again. What it has left lying about is known still, to be used or to be tidied up.
    pub fn set_aside(&mut self) -> Vec<Move> {
        self.abandon();
        let begun = |place: &usize| match self.record.standing[*place] {
            Standing::Intended | Standing::Over => true,
            Standing::Pending | Standing::Skipped => false,
        };
        let leaves = |place: &usize| !self.table[*place].undo.actions().is_empty();
        let left: Vec<_> = (0..self.table.len()).filter(begun).filter(leaves).collect();
        let evidence = self.record.evidence.clone();
        self.write(Entry::Retreated { to: self.table[0].name.to_owned(), evidence });
        for place in left {
            self.write(Entry::Intended { step: self.table[place].name.to_owned(), noted: None });
        }
        std::mem::take(&mut self.moves)
    }

    /// No ticket from before this one is given out any more.
    pub fn count_from(&mut self, ticket: Ticket) {
        self.tickets = self.tickets.max(ticket.0);
    }

    /// Everything that the shell was asked to do and has not answered.
    pub fn all_asked(&self) -> Vec<Ticket> {
        let acting = match self.doing {
            Doing::Acting { ticket, .. } => Some(ticket),
            Doing::Nothing | Doing::Awaiting { .. } | Doing::Paused { .. } => None,
        };
        acting.into_iter().chain(self.renewal.ticket()).collect()
    }

    /// The present step's name, while the job goes forward.
    pub fn step_name(&self) -> Option<&'static str> {
        self.step().map(|step| step.name)
    }

    /// Whether the job has disturbed the shop, and has not left it alone again.
    pub fn is_disturbing(&self) -> bool {
        self.record.is_disturbed()
    }

    /// How many attempts of what the shell is asked for have failed, since the agent started.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// What the receipt would say that is so now.
    pub fn established(&self) -> Option<&str> {
        self.record.version.as_deref()
    }

    /// Whether it goes forward, has stopped trading, and has not come to that step yet.
    pub fn stands_still_before(&self, step: &str) -> bool {
        let place = self.table.iter().position(|it| it.name == step);
        let stopped = self.record.marked(Mark::StopsTrading).is_some();
        let forward = self.record.course == Course::Forward;
        stopped && forward && place.is_some_and(|place| self.record.at() < place)
    }

    /// Whether it is on its way back, and has not come forward there for a minute.
    pub fn is_stuck_going_back(&self) -> bool {
        let goes_back = matches!(self.record.course, Course::Back { .. });
        goes_back && self.attempts + self.waits >= FIRST_ATTEMPTS
    }

    /// Goes on where another job has stopped trading: what comes before that is so by its doing.
    pub fn begin_where_trading_stops(&mut self) {
        self.begin_anew();
        while let Some(step) = self.step().filter(|step| step.mark != Mark::StopsTrading) {
            self.write(Entry::Skipped { step: step.name.to_owned() });
        }
    }

    /// The next ticket that nobody has used.
    pub fn next_ticket(&self) -> Ticket {
        Ticket(self.tickets)
    }

    /// Ends where it stands, with nothing undone, because another job goes on from here: what the
    /// shell is still asked for, and what was established.
    pub fn leave(&mut self) -> (Vec<Ticket>, Vec<Evidence>) {
        let asked = self.all_asked();
        self.finish(Outcome::Superseded);
        let evidence = self.moves.drain(..).find_map(|step| match step {
            Move::Finish { evidence, .. } => Some(evidence),
            Move::Journal(_) | Move::Act { .. } | Move::StopAct(_) | Move::Report { .. } => None,
        });
        (asked, evidence.unwrap_or_default())
    }

    /// The condition that the present step waits for, if that is what it does.
    pub fn awaits(&self) -> Option<Condition> {
        match (self.record.course == Course::Forward, self.step().map(|step| step.run)) {
            (true, Some(Run::Await(condition))) => Some(condition),
            (true, Some(Run::Act(_)) | None) | (false, _) => None,
        }
    }

    /// The present step, while the job goes forward.
    fn step(&self) -> Option<&'static Step> {
        self.table.get(self.record.at())
    }

    fn resume(&mut self) {
        self.write(Entry::Resumed);
        self.forget_what_did_not_last();
        let present = self.record.standing.get(self.record.at());
        self.unprobed = present == Some(&Standing::Intended);
        self.unclaimed = self.lease_in_force().is_some();
    }

    fn forget_what_did_not_last(&mut self) {
        if self.record.course != Course::Forward || self.record.is_final() {
            return;
        }
        let table = self.table;
        for (place, step) in table.iter().enumerate() {
            let over = self.record.standing[place] == Standing::Over;
            if over && step.lasts == Lasts::UntilRestart {
                self.write(Entry::Undone { step: step.name.to_owned() });
            }
        }
    }

    fn has_expired(&self, c: &Circumstances) -> bool {
        c.expired && self.record.course == Course::Forward && !self.record.is_disturbed()
    }

    fn withdraw(&mut self, outcome: Outcome) -> Result<(), Refused> {
        if self.is_watching() {
            self.take_back(&outcome);
            return Ok(());
        }
        let late = match &self.record.course {
            Course::Forward => self.record.is_disturbed(),
            Course::Back { goal: Goal::Retreat { .. }, .. } => false,
            Course::Back { goal: Goal::End(_), .. } | Course::Over => true,
        };
        if late {
            let step = self.step().map_or("the end", |step| step.name);
            return Err(Refused::TooLate { step });
        }
        if self.record.course == Course::Forward {
            self.abandon();
        }
        self.write(Entry::Withdrawn { outcome });
        Ok(())
    }

    /// Whether the present step only watches while the shop sells, and can be taken back.
    fn is_watching(&self) -> bool {
        let watches = self.step().is_some_and(|step| step.watches);
        watches && self.record.course == Course::Forward && !self.record.is_final()
    }

    /// Something was done already: withdrawing it is undoing it.
    fn take_back(&mut self, outcome: &Outcome) {
        let detail = match outcome {
            Outcome::Cancelled { reason } => reason.as_str(),
            Outcome::Superseded => "a newer order came",
            Outcome::Expired
            | Outcome::Succeeded { .. }
            | Outcome::RolledBack { .. }
            | Outcome::Failed { .. }
            | Outcome::RollbackFailed { .. } => "withdrawn",
        };
        let step = self.step_name().unwrap_or_default();
        let failure = failure(step, FailureCode::Withdrawn, detail);
        self.abandon();
        self.write(Entry::Failed { failure, disturbed: true });
    }

    /// Stops whatever the shell does for the present step.
    fn abandon(&mut self) {
        if let Doing::Acting { ticket, .. } = self.doing {
            self.moves.push(Move::StopAct(ticket));
        }
        self.begin_anew();
    }

    fn begin_anew(&mut self) {
        self.doing = Doing::Nothing;
        self.attempts = 0;
        self.waits = 0;
        self.spent = Duration::ZERO;
        self.unprobed = false;
    }

    fn hear(&mut self, ticket: Ticket, reply: Reply, c: &Circumstances) -> Result<(), Refused> {
        if self.renewal.is_asked_by(ticket) {
            self.hear_renewal(&reply);
            return Ok(());
        }
        let Doing::Acting { ticket: asked, errand, action, since } = self.doing else {
            return Err(Refused::Stale(ticket));
        };
        if ticket != asked {
            return Err(Refused::Stale(ticket));
        }
        self.rest(errand, since, c);
        match errand {
            Errand::Run => self.hear_run(action, reply, since, c),
            Errand::Probe => self.hear_probe(action, reply, c),
            Errand::Reclaim => self.hear_reclaim(&reply, since),
            Errand::Undo => self.hear_undo(action, reply, since, c),
        }
        Ok(())
    }

    fn go_on(&mut self, c: &Circumstances) {
        loop {
            self.renew_lease(c);
            let ready = matches!(self.doing, Doing::Nothing | Doing::Awaiting { .. });
            let next = match &self.record.course {
                Course::Over => return,
                _ if !ready => return,
                Course::Forward => self.forward(c),
                Course::Back { .. } => self.backward(c),
            };
            if next == Next::Wait {
                return;
            }
        }
    }

    fn act(&mut self, errand: Errand, action: Action, c: &Circumstances) -> Next {
        let ticket = self.ticket();
        self.moves.push(Move::Act { ticket, action });
        self.doing = Doing::Acting { ticket, errand, action, since: c.uptime };
        Next::Wait
    }

    fn ticket(&mut self) -> Ticket {
        let ticket = Ticket(self.tickets);
        self.tickets += 1;
        ticket
    }

    /// Journals an entry and lives by it.
    fn write(&mut self, entry: Entry) {
        self.record.apply(&entry).expect("an entry that this table wrote names its own steps");
        self.moves.push(Move::Journal(entry));
    }

    fn is_reported_waiting(&self, step: &str) -> bool {
        let reported = self.reported.as_ref().filter(|(reported, _)| *reported == step);
        reported.is_some_and(|(_, state)| matches!(state, StepState::Waiting { .. }))
    }

    fn report(&mut self, step: &'static str, state: StepState) {
        let report = (step, state);
        if self.reported.as_ref() != Some(&report) {
            self.moves.push(Move::Report { step, state: report.1.clone() });
            self.reported = Some(report);
        }
    }

    fn finish(&mut self, outcome: Outcome) -> Next {
        self.record.course = Course::Over;
        self.doing = Doing::Nothing;
        let evidence = std::mem::take(&mut self.record.evidence);
        self.moves.push(Move::Finish { outcome, evidence });
        Next::Wait
    }
}

fn evidence_of(step: &str, findings: Vec<Finding>, at: UnixTime) -> Vec<Evidence> {
    let evidence = findings.into_iter().map(|finding| Evidence {
        step: step.to_owned(),
        at,
        note: short_text(&finding.note),
        digest: finding.digest,
    });
    evidence.collect()
}

/// An answer that is none to what was asked is a fault of this program.
fn misfit(action: Action, reply: &Reply) -> String {
    format!("{action:?} was answered by {reply:?}")
}

fn failure(step: &str, code: FailureCode, detail: &str) -> Failure {
    Failure { code, step: step.to_owned(), detail: short_text(detail) }
}
