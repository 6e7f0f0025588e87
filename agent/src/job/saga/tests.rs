//! Tables of events for the executor: every state with every event, and the stories that matter.

mod data;
mod deactivate;
mod errand;
mod hours;
mod pairs;
mod provider;
mod stories;

use std::time::Duration;

use shared::message::StepState;
use shared::outcome::{FailureCode, Outcome, Waiting};
use shared::time::UnixTime;

use super::super::step::Table;
use super::super::upgrade::UPGRADE;
use super::super::{Action, Again, Found, Proof, Reply, Ticket};
use super::circumstances::Answer;
use super::{Circumstances, Event, Move, Refused, Saga};
use crate::journal::Entry;

/// A job, what it rests on, and everything that it wrote.
#[derive(Clone)]
struct Rig {
    table: Table,
    saga: Saga,
    c: Circumstances,
    journal: Vec<Entry>,
    /// What the shell was asked for and has not answered, the newest last.
    asked: Vec<(Ticket, Action)>,
    finished: Option<Outcome>,
    /// What an answer of the shell is worth to the job.
    judge: fn(Action, Reply) -> Reply,
}

fn circumstances() -> Circumstances {
    Circumstances {
        uptime: Duration::from_secs(1_000),
        at: UnixTime(1_800_000_000),
        expired: false,
        stopping: false,
        held_back: false,
        window: Answer::Yes,
        download: Answer::Yes,
        moment: Answer::Yes,
        settlement_asked: false,
        backup_asked: false,
        settlement_awaited: false,
        connected: true,
        heard_at: None,
        stated: Duration::from_secs(600),
    }
}

fn closed() -> Answer {
    let again_in = Duration::from_secs(900);
    Answer::NotYet { waiting: Waiting::Window, detail: "closed".to_owned(), again_in }
}

impl Rig {
    fn new(table: Table) -> Self {
        let saga = Saga::new(table, Ticket(0));
        let c = circumstances();
        let judge = |_, reply| reply;
        Self { table, saga, c, journal: Vec::new(), asked: Vec::new(), finished: None, judge }
    }

    /// An upgrade whose actions are all done up to this one, which is asked for.
    fn upgrade_at(action: Action) -> Self {
        Self::at(UPGRADE, action)
    }

    /// As [`Self::upgrade_at`], for any table.
    fn at(table: Table, action: Action) -> Self {
        let mut rig = Self::new(table);
        rig.due();
        rig.work_until(action);
        rig
    }

    fn handle(&mut self, event: Event) -> Result<Vec<Move>, Refused> {
        let moves = self.saga.handle(event, &self.c)?;
        for step in &moves {
            match step {
                Move::Journal(entry) => self.journal.push(entry.clone()),
                Move::Act { ticket, action } => self.asked.push((*ticket, *action)),
                Move::StopAct(ticket) => self.asked.retain(|(asked, _)| asked != ticket),
                Move::Report { .. } => {}
                Move::Finish { outcome, .. } => self.finished = Some(outcome.clone()),
            }
        }
        Ok(moves)
    }

    fn due(&mut self) -> Vec<Move> {
        self.handle(Event::Due).expect("the job is not over")
    }

    fn after(&mut self, seconds: u64) -> Vec<Move> {
        self.c.uptime += Duration::from_secs(seconds);
        self.due()
    }

    /// Answers the newest request.
    #[track_caller]
    fn reply(&mut self, reply: Reply) -> Vec<Move> {
        let (ticket, action) = self.asked.pop().expect("the shell was asked for something");
        let reply = (self.judge)(action, reply);
        self.handle(Event::Replied { ticket, reply }).expect("somebody waits for the answer")
    }

    #[track_caller]
    fn asks_for(&self, action: Action) {
        assert_eq!(
            self.asked.last().map(|(_, action)| *action),
            Some(action),
            "{:?}",
            self.journal
        );
    }

    /// Does what is asked, until this is asked for.
    #[track_caller]
    fn work_until(&mut self, action: Action) {
        for _ in 0..100 {
            match self.asked.last() {
                Some((_, asked)) if *asked == action => return,
                Some((_, Action::ProveHealth)) => drop(self.reply(proven())),
                Some(_) => drop(self.reply(done())),
                None => {
                    self.c.heard_at = Some(self.c.uptime + Duration::from_secs(1));
                    self.after(2);
                }
            }
            if self.finished.is_some() {
                break;
            }
        }
        panic!("{action:?} was never asked for: {:?}", self.journal);
    }

    /// The agent starts again, with nothing but the journal.
    fn restart(&mut self) -> Vec<Move> {
        self.saga =
            Saga::replay(self.table, &self.journal, Ticket(0)).expect("its own journal reads back");
        self.c.uptime += Duration::from_secs(5_000);
        self.asked.clear();
        self.handle(Event::Resumed).expect("the job is not over")
    }
}

fn done() -> Reply {
    Reply::Done(Proof::default())
}

fn proven() -> Reply {
    Reply::Done(Proof { version: Some("2.0.0".to_owned()), findings: Vec::new() })
}

fn not_yet() -> Reply {
    let again_in = Some(Duration::from_secs(45));
    Reply::NotYet { waiting: Waiting::Till, detail: "not now".to_owned(), again_in }
}

fn failed(again: Again) -> Reply {
    Reply::Failed { code: FailureCode::PosRefused, detail: "no".to_owned(), again }
}

fn found(found: Found) -> Reply {
    Reply::Found(found)
}
