//! Whose turn it is.
//!
//! - A job that waits for its order's own moment lets the others go first, and goes before whatever
//!   can still be withdrawn once the moment has come.
//! - Of the others the higher class goes first, and within it whoever came first.
//! - A job that has begun gives way to one that goes before it, as long as it has disturbed nobody
//!   and only waits, asks or moves bytes. While it sleeps until its hours come, it gives way to all
//!   that do not. It is *set aside*: left off as by a restart, and begun anew when its turn comes
//!   again. For the other may have changed what it had looked at, and used the same places on the
//!   disk.

use std::time::Duration;

use shared::document::receipt::Evidence;
use shared::id::OrderId;
use shared::message::StepState;
use shared::outcome::{Outcome, Waiting};
use shared::owed::is_settled;
use shared::step_names::saved_manifest;
use shared::time::UnixTime;

use super::super::effect::{Decision, Effect};
use super::super::input::Now;
use super::super::{Core, facts};
use super::LOOK_EVERY;
use super::job::Job;
use crate::job::deactivate::{EXPORT, Wanted};
use crate::job::saga::circumstances::Answer;
use crate::job::saga::{Event, Move, Refused, Saga};
use crate::job::{Subject, Ticket};
use crate::journal::facts::Standing;

/// A terminal that was erased keeps its identity for so long at most while nobody hears of it.
const HEARD_WITHIN: Duration = Duration::from_secs(7 * 24 * 3600);

impl Core {
    /// When the order's own moment is; a job that has none waits for none.
    pub(super) fn moment(&self, job: &Job, now: Now) -> Answer {
        let Subject::Deactivation(it) = &*job.subject else { return Answer::Yes };
        let time = self.clock.reading(now);
        if let Wanted::Suspend(suspend) = &it.wanted {
            return until(suspend.cut_off, time.wall, Waiting::CutOff);
        }
        let account = self.ledger.account(job.order);
        let (Some(cool_off), Some(account)) = (it.cool_off_s(), account) else {
            return Answer::Yes;
        };
        let ends = account.receipt.at.plus(Duration::from_secs(cool_off.into()));
        until(ends, time.proven, Waiting::CoolOff)
    }

    /// Puts the job to the front whose turn it is.
    pub(super) fn take_turns(&mut self, now: Now, out: &mut Decision) {
        if self.stopping {
            return;
        }
        self.hand_over(now, out);
        if let Some(place) = self.next_in_turn(now) {
            if !self.jobs.front().is_some_and(Job::is_waiting) {
                self.set_aside_first(now, out);
            }
            self.bring_to_front(place);
        } else if let Some(place) = self.due(now).filter(|place| *place > 0) {
            self.make_way(place, now, out);
        }
    }

    /// The job that goes next though another is the first, which lets it.
    pub(super) fn next_in_turn(&self, now: Now) -> Option<usize> {
        let quietly = self.jobs.front().is_some_and(Job::is_waiting);
        match self.due(now) {
            Some(0) => None,
            Some(place) => Some(place).filter(|_| quietly),
            None => self.who_goes_before(now),
        }
    }

    /// The job whose moment has come.
    fn due(&self, now: Now) -> Option<usize> {
        let lost = self.jobs.iter().position(Job::is_of_a_lost_terminal);
        lost.or_else(|| self.jobs.iter().position(|job| self.is_due(job, now)))
    }

    /// The job whose turn it is rather than the first one's, which then gives way.
    fn who_goes_before(&self, now: Now) -> Option<usize> {
        let first = self.jobs.front().filter(|_| self.jobs.len() > 1)?;
        let gives_way = first.is_waiting() || first.saga.as_ref().is_some_and(Saga::gives_way);
        if !gives_way {
            return None;
        }
        let any = first.awaits_its_moment() || self.is_asleep(first, now);
        let goes_before = |job: &Job| {
            let awake = !job.awaits_its_moment() && !self.is_asleep(job, now);
            awake && (any || job.precedence() > first.precedence())
        };
        let others = self.jobs.iter().enumerate().skip(1).filter(|(_, job)| goes_before(job));
        // One that only has to tidy up is done at once.
        let place = others.max_by_key(|(_, job)| (job.keeps_its_turn(), job.precedence()));
        place.map(|(place, _)| place)
    }

    /// Whether it does nothing until its hours come.
    pub(super) fn is_asleep(&self, job: &Job, now: Now) -> bool {
        let hours = match job.to_be_resumed {
            true => job.sleeps_until.filter(|_| !job.keeps_its_turn()),
            false => job.saga.as_ref().and_then(Saga::sleeps_until),
        };
        hours.is_some_and(|hours| !self.circumstances(job, now).holds(hours))
    }

    /// Whoever sleeps has said what for.
    fn set_aside_first(&mut self, now: Now, out: &mut Decision) {
        let Some(first) = self.jobs.front() else { return };
        let is_asleep = self.is_asleep(first, now);
        let Some(saga) = self.jobs.front_mut().and_then(|job| job.saga.as_mut()) else { return };
        let sleeps_until = saga.sleeps_until().filter(|_| is_asleep);
        let step = saga.step_name().unwrap_or_default();
        let mut moves = saga.set_aside();
        if sleeps_until.is_none() {
            let detail = "another job on this terminal goes first".to_owned();
            let state = StepState::Waiting { reason: Waiting::Turn, detail };
            moves.push(Move::Report { step, state });
        }
        moves.into_iter().for_each(|step| self.make(step, now, out));
        let tickets = Ticket(self.tickets);
        if let Some(job) = self.jobs.front_mut() {
            job.replayed(tickets);
            job.sleeps_until = sleeps_until;
        }
    }

    /// It tidies up as soon as it has its turn, and ends.
    pub(super) fn withdraw_set_aside(
        &mut self,
        place: usize,
        outcome: &Outcome,
        now: Now,
        out: &mut Decision,
    ) {
        let Some(order) = self.jobs.get(place).map(|job| job.order) else { return };
        self.bring_to_front(place);
        let withdrawn = self.drive(Event::Withdrawn(outcome.clone()), now, out);
        debug_assert_eq!(withdrawn, Ok(()), "it has disturbed nothing");
        if self.working_on() == Some(order)
            && let Some(job) = self.jobs.pop_front()
        {
            self.jobs.insert(place, job);
        }
    }

    /// Whoever has this terminal gets nothing more done on it.
    pub(in crate::decide) fn withdraw_all_waiting(&mut self, now: Now, out: &mut Decision) {
        self.void_waiting("this terminal is emptied as lost, stolen or tampered with", now, out);
    }

    /// Nothing of it is tidied up: all is erased.
    fn void_waiting(&mut self, reason: &str, now: Now, out: &mut Decision) {
        let waits = |job: &Job| job.is_waiting() && !job.is_of_a_lost_terminal();
        while let Some(place) = self.jobs.iter().position(waits)
            && let Some(job) = self.jobs.remove(place)
        {
            let outcome = Outcome::Cancelled { reason: reason.to_owned() };
            self.end(job, outcome, Vec::new(), now, out);
        }
    }

    /// What can be withdrawn is, for the job at `place`, whose moment has come.
    fn make_way(&mut self, place: usize, now: Now, out: &mut Decision) {
        let (Some(first), Some(due)) = (self.jobs.front(), self.jobs.get(place)) else { return };
        let (order, due, is_lost) = (first.order, due.order, due.is_of_a_lost_terminal());
        let stands_still = first.saga.as_ref().is_some_and(Saga::is_disturbing);
        let is_stuck = first.saga.as_ref().is_some_and(Saga::is_stuck_going_back);
        match first.wanted() {
            // Whoever has the terminal can keep a till from answering for ever, and with it a way
            // back. Nothing that it would lead to is left once all is erased.
            Some(_) | None if is_lost && is_stuck => self.supersede_first(now, out),
            // It is stopped, and whoever emptied it would have to wait for its hosts.
            Some(Wanted::Suspend(_)) if is_lost && stands_still => self.supersede_first(now, out),
            // It will soon wait too, or stops the till just now.
            Some(Wanted::Suspend(_) | Wanted::Wipe(..)) if !is_lost => {}
            Some(_) | None => {
                let reason = "the moment has come from which this terminal stands still".to_owned();
                // One that has disturbed the shop refuses, and comes to its end first.
                let withdrawn = Event::Withdrawn(Outcome::Cancelled { reason });
                let _: Result<(), Refused> = self.drive(withdrawn, now, out);
            }
        }
        if self.working_on() != Some(order)
            && let Some(place) = self.jobs.iter().position(|job| job.order == due)
        {
            self.bring_to_front(place);
        }
    }

    /// A stopped till that waits for its host goes on by a later order that allows it to settle
    /// later: in one commit, so that there is no moment in which nobody keeps it stopped, and
    /// whoever takes the later order back lets it sell.
    fn hand_over(&mut self, now: Now, out: &mut Decision) {
        let Some(first) = self.jobs.front() else { return };
        let waits = matches!(first.wanted(), Some(Wanted::Suspend(_)))
            && first.saga.as_ref().is_some_and(|saga| saga.stands_still_before(EXPORT));
        let takes_over =
            |job: &Job| waits && job.turn > first.turn && job.may_owe() && self.is_due(job, now);
        let Some(order) = self.jobs.iter().find(|job| takes_over(job)).map(|job| job.order) else {
            return;
        };
        self.supersede_first(now, out);
        let Some(place) = self.jobs.iter().position(|job| job.order == order) else { return };
        self.bring_to_front(place);
        let tickets = Ticket(self.tickets);
        if let Some(job) = self.jobs.front_mut() {
            let table = job.table;
            job.saga.get_or_insert_with(|| Saga::new(table, tickets)).begin_where_trading_stops();
        }
    }

    /// The first job ends as it stands: another goes on from here.
    fn supersede_first(&mut self, now: Now, out: &mut Decision) {
        let Some(mut job) = self.jobs.pop_front() else { return };
        let (asked, evidence) = job.saga.as_mut().map(Saga::leave).unwrap_or_default();
        out.effects.extend(asked.into_iter().map(Effect::StopAct));
        self.end(job, Outcome::Superseded, evidence, now, out);
    }

    fn is_due(&self, job: &Job, now: Now) -> bool {
        job.has_its_moment() && self.moment(job, now) == Answer::Yes
    }

    fn bring_to_front(&mut self, place: usize) {
        if let Some(job) = self.jobs.remove(place) {
            self.jobs.push_front(job);
        }
    }

    /// What people have ordered stays so when its job is over.
    pub(super) fn note_standing(
        &mut self,
        job: &Job,
        (outcome, evidence): (&Outcome, &[Evidence]),
        now: Now,
        out: &mut Decision,
    ) {
        let time = self.clock.reading(now).proven;
        let is_now = match (outcome, &*job.subject) {
            (Outcome::Succeeded { now: said }, Subject::Deactivation(it)) => {
                standing(&it.wanted, (said, evidence), job.order, time)
            }
            // Customers may have paid, or a batch of tests be open. Who wipes it has it settled and
            // saved anew first.
            (_, _) if job.may_have_changed_the_books() => self.standing.unsettled(),
            (_, _) => return,
        };
        if is_now == self.standing {
            return;
        }
        self.standing = is_now;
        out.writes.push(facts::standing(self.standing));
        match self.standing {
            Standing::InService => {}
            Standing::Suspended { .. } => {
                // It would be watched while it sells, which it does not.
                let rebind = |job: &Job| job.rebinds() && job.is_waiting();
                let reason = "this terminal stands still".to_owned();
                self.end_waiting(rebind, &Outcome::Cancelled { reason }, now, out);
            }
            Standing::Erased { .. } => {
                self.void_waiting("this terminal is erased", now, out);
                // What another wipe was to erase is gone, by this one.
                let lost = Job::is_of_a_lost_terminal;
                self.end_waiting(lost, &Outcome::Superseded, now, out);
            }
        }
        let is_other = match self.standing {
            Standing::InService | Standing::Suspended { is_settled: false, .. } => true,
            Standing::Suspended { is_settled: true, .. } | Standing::Erased { .. } => false,
        };
        if is_other {
            // People wanted it emptied as it stood, and settled.
            let wipe = |job: &Job| matches!(job.wanted(), Some(Wanted::Wipe(it, _)) if !it.is_lost);
            self.end_waiting(wipe, &Outcome::Superseded, now, out);
        }
    }

    /// Whether what this terminal held is erased, and only its identity left.
    pub fn is_erased(&self) -> bool {
        matches!(self.standing, Standing::Erased { .. })
    }

    /// Once the controller has everything that this terminal had to say, an erased terminal gives
    /// up its identity.
    pub(in crate::decide) fn step_down_if_heard(&mut self, out: &mut Decision) {
        if matches!(self.standing, Standing::Erased { .. }) && self.store.outbox_depth == 0 {
            self.step_down(out);
        }
    }

    /// The same where nobody has asked for it in a week.
    pub(in crate::decide) fn step_down_if_late(&mut self, now: Now, out: &mut Decision) {
        if self.heard_for_at_most(now) == Some(Duration::ZERO) {
            self.step_down(out);
        }
    }

    fn step_down(&mut self, out: &mut Decision) {
        if self.jobs.is_empty() && !self.stopping && !self.steps_down {
            self.steps_down = true;
            out.effects.push(Effect::StepDown);
        }
    }

    /// How long an erased terminal still waits to be heard.
    pub(super) fn heard_for_at_most(&self, now: Now) -> Option<Duration> {
        let Standing::Erased { at, .. } = self.standing else { return None };
        Some(HEARD_WITHIN.saturating_sub(self.clock.reading(now).proven.since(at)))
    }
}

/// `said`: what the job has established, and by what.
fn standing(
    wanted: &Wanted,
    (said, evidence): (&str, &[Evidence]),
    by: OrderId,
    at: UnixTime,
) -> Standing {
    match wanted {
        Wanted::Suspend(_) => {
            let (is_settled, manifest) = (is_settled(said), saved_manifest(evidence));
            Standing::Suspended { by, is_settled, manifest }
        }
        Wanted::Resume(_) => Standing::InService,
        Wanted::Wipe(..) => Standing::Erased { by, at },
    }
}

fn until(moment: UnixTime, now: UnixTime, waiting: Waiting) -> Answer {
    let left = moment.since(now);
    if left.is_zero() {
        return Answer::Yes;
    }
    let again_in = left.min(LOOK_EVERY);
    Answer::NotYet { waiting, detail: format!("until {moment}"), again_in }
}

/// Nobody is woken for a moment that has come: something else holds the job up then.
pub(super) fn wakes_at(moment: Answer, now: Now) -> Option<Duration> {
    match moment {
        Answer::NotYet { again_in, .. } => Some(now.uptime + again_in),
        Answer::Yes | Answer::Pending => None,
    }
}
