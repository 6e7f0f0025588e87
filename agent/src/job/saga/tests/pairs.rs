//! Every state of the executor with every event, those that are refused included.

use std::fmt::Write as _;

use super::*;
use crate::maintenance::Work;

/// The upgrade in each state that the executor can be in.
fn states() -> Vec<(&'static str, Rig)> {
    let after_restart = |action| {
        let mut rig = Rig::upgrade_at(action);
        rig.restart();
        rig
    };
    let undoing = |action| {
        let mut rig = Rig::upgrade_at(action);
        rig.reply(failed(Again::Pointless));
        rig
    };
    let mut window = Rig::new(UPGRADE);
    window.c.window = closed();
    window.due();
    (0..5).for_each(|_| drop(window.reply(done())));
    let mut line = Rig::new(UPGRADE);
    line.c.download = closed();
    line.due();
    line.reply(done());
    let mut trying_again = Rig::upgrade_at(Action::Fetch);
    trying_again.reply(failed(Again::Worthwhile));
    let mut controller = Rig::upgrade_at(Action::ProveHealth);
    controller.reply(proven());
    let mut going_back = Rig::upgrade_at(Action::Drain);
    going_back.reply(not_yet());
    let mut over = Rig::upgrade_at(Action::DiscardDownload);
    over.reply(done());
    vec![
        ("waiting until it may fetch", line),
        ("fetching", Rig::upgrade_at(Action::Fetch)),
        ("about to fetch again", trying_again),
        ("running the preflight", Rig::upgrade_at(Action::RunPreflight)),
        ("waiting for the window", window),
        ("asking the till", Rig::upgrade_at(Action::AskTill)),
        ("taking hold", Rig::upgrade_at(Action::HoldTrading)),
        ("draining", Rig::upgrade_at(Action::Drain)),
        ("going back to wait", going_back),
        ("switching", Rig::upgrade_at(Action::SwitchSlot)),
        ("probing the switch after a restart", after_restart(Action::SwitchSlot)),
        ("taking hold again after a restart", after_restart(Action::RestartApplication)),
        ("proving health", Rig::upgrade_at(Action::ProveHealth)),
        ("waiting for the controller", controller),
        ("committing", Rig::upgrade_at(Action::CommitSlot)),
        ("releasing trading", Rig::upgrade_at(Action::ReleaseTrading)),
        ("discarding what was staged", undoing(Action::HoldTrading)),
        ("switching back", undoing(Action::ProveHealth)),
        ("over", over),
    ]
}

type Happens = fn(&mut Rig) -> Result<Vec<Move>, Refused>;

fn answer(rig: &mut Rig, reply: Reply) -> Result<Vec<Move>, Refused> {
    let (ticket, action) = rig.asked.pop().unwrap_or((Ticket(900), Action::Admit));
    let reply = (rig.judge)(action, reply);
    rig.handle(Event::Replied { ticket, reply })
}

fn later(rig: &mut Rig, seconds: u64) -> Result<Vec<Move>, Refused> {
    rig.c.uptime += Duration::from_secs(seconds);
    rig.handle(Event::Due)
}

fn events() -> Vec<(&'static str, Happens)> {
    vec![
        ("done", |rig| answer(rig, done())),
        ("already so", |rig| answer(rig, Reply::AlreadySo(Proof::default()))),
        ("not yet", |rig| answer(rig, not_yet())),
        ("failed, again", |rig| answer(rig, failed(Again::Worthwhile))),
        ("failed", |rig| answer(rig, failed(Again::Pointless))),
        ("happened", |rig| answer(rig, found(Found::Happened))),
        ("did not", |rig| answer(rig, found(Found::DidNot))),
        ("unknown", |rig| answer(rig, found(Found::Unknown))),
        ("till free", |rig| answer(rig, Reply::Till { work: Work::Free, detail: String::new() })),
        ("late answer", |rig| rig.handle(Event::Replied { ticket: Ticket(900), reply: done() })),
        ("a second", |rig| later(rig, 1)),
        ("a day", |rig| later(rig, 24 * 3600)),
        ("window closed", |rig| {
            rig.c.window = closed();
            rig.handle(Event::Due)
        }),
        ("line closed", |rig| {
            rig.c.download = closed();
            rig.handle(Event::Due)
        }),
        ("expired", |rig| {
            rig.c.expired = true;
            rig.handle(Event::Due)
        }),
        ("withdrawn", |rig| {
            rig.handle(Event::Withdrawn(Outcome::Cancelled { reason: "why".to_owned() }))
        }),
        ("stopping", |rig| {
            rig.c.stopping = true;
            answer(rig, done())
        }),
    ]
}

/// One answer of the executor in one line.
fn shown(answer: Result<Vec<Move>, Refused>) -> String {
    let moves = match answer {
        Ok(moves) if moves.is_empty() => return "-".to_owned(),
        Ok(moves) => moves,
        Err(refused) => return format!("refused: {refused}"),
    };
    let shown = moves.iter().filter_map(|step| match step {
        Move::Journal(entry) => Some(shown_entry(entry)),
        Move::Act { action, .. } => Some(format!("ACT {action:?}")),
        Move::StopAct(_) => Some("STOP".to_owned()),
        Move::Report { step, state: StepState::Waiting { reason, .. } } => {
            Some(format!("waits at {step} for {reason:?}"))
        }
        Move::Report { step, state: StepState::Undoing { detail } }
            if detail.contains("not undone so far") =>
        {
            Some(format!("{step} is not undone so far"))
        }
        Move::Report { state: StepState::Running | StepState::Undoing { .. }, .. } => None,
        Move::Finish { outcome, .. } => Some(format!("FINISH {}", shown_outcome(outcome))),
    });
    shown.collect::<Vec<_>>().join(", ")
}

fn shown_entry(entry: &Entry) -> String {
    match entry {
        Entry::Accepted { .. } => "accepted".to_owned(),
        Entry::Resumed => "resumed".to_owned(),
        Entry::Intended { step, .. } => format!("intended {step}"),
        Entry::Happened { step, .. } => format!("happened {step}"),
        Entry::Noted { piece } => format!("noted {}", piece.step),
        Entry::Skipped { step } => format!("skipped {step}"),
        Entry::PassedOver { failure, .. } => format!("passed over {}", failure.step),
        Entry::Failed { failure, .. } => format!("failed {} {:?}", failure.step, failure.code),
        Entry::Withdrawn { outcome } => format!("withdrawn {}", shown_outcome(outcome)),
        Entry::Retreating { to } => format!("retreating to {to}"),
        Entry::Undoing { step, action } => format!("undoing {step} {action:?}"),
        Entry::Undone { step } => format!("undone {step}"),
        Entry::NotUndone { step, .. } => format!("not undone {step}"),
        Entry::Retreated { to, .. } => format!("retreated to {to}"),
    }
}

fn shown_outcome(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Succeeded { now } => format!("Succeeded {now}"),
        Outcome::RolledBack { failure } => format!("RolledBack {:?}", failure.code),
        Outcome::Failed { failure } => format!("Failed {:?}", failure.code),
        Outcome::RollbackFailed { failure, undoing } => {
            format!("RollbackFailed {:?} {:?}", failure.code, undoing.code)
        }
        Outcome::Cancelled { .. } => "Cancelled".to_owned(),
        Outcome::Expired => "Expired".to_owned(),
        Outcome::Superseded => "Superseded".to_owned(),
    }
}

/// What is done about every event in each of the states.
pub(super) fn table_of(states: Vec<(&'static str, Rig)>) -> String {
    let mut table = String::new();
    for (state, rig) in states {
        writeln!(table, "{state}").expect("a string takes it");
        for (event, happens) in events() {
            let answer = shown(happens(&mut rig.clone()));
            writeln!(table, "  {event:<14} {answer}").expect("a string takes it");
        }
    }
    table
}

#[test]
fn every_event_in_every_state_is_answered_as_the_table_says() {
    let table = table_of(states());
    let expected = include_str!("pairs.txt");
    assert!(table == expected, "the table is now:\n{table}");
}

/// Whatever happens to a job, what it wrote brings back the same job.
#[test]
fn in_every_state_the_journal_brings_back_what_is_durable() {
    for (state, rig) in states() {
        for (event, happens) in events() {
            let mut rig = rig.clone();
            if happens(&mut rig).is_err() || rig.finished.is_some() {
                continue;
            }
            let again = Saga::replay(rig.table, &rig.journal, Ticket(0));
            let again = again.expect("its own journal reads back");
            let durable = |saga: &Saga| format!("{:?}", saga.record);
            assert_eq!(durable(&again), durable(&rig.saga), "{state}, {event}");
        }
    }
}
