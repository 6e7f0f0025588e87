//! What becomes of each table when its hours are over, wherever it stands.

use super::super::super::backup::BACKUP;
use super::super::super::drill::DRILL;
use super::super::super::rebind::REBIND;
use super::super::super::restore::RESTORE;
use super::*;
use crate::job::DataAction;
use crate::job::rebind::RebindAction;

fn frozen() -> Answer {
    let (waiting, again_in) = (Waiting::Freeze, Duration::from_secs(900));
    Answer::NotYet { waiting, detail: "nothing may change now".to_owned(), again_in }
}

/// From now on nothing may change.
fn freeze(rig: &mut Rig) {
    (rig.c.window, rig.c.download) = (frozen(), frozen());
}

fn thaw(rig: &mut Rig) {
    (rig.c.window, rig.c.download) = (Answer::Yes, Answer::Yes);
}

/// Whatever moves so many bytes that it waits for its hours.
fn moving_bytes() -> [(Table, Action); 4] {
    [
        (UPGRADE, Action::Fetch),
        (RESTORE, Action::Data(DataAction::FetchSnapshot)),
        (DRILL, Action::Data(DataAction::FetchSnapshot)),
        (BACKUP, Action::Data(DataAction::Save)),
    ]
}

fn waits_for_the_freeze(moves: &[Move]) -> bool {
    moves.iter().any(|step| {
        let Move::Report { state: StepState::Waiting { reason, .. }, .. } = step else {
            return false;
        };
        *reason == Waiting::Freeze
    })
}

#[test]
fn what_moves_bytes_is_stopped_when_its_hours_are_over_and_goes_on_where_it_was() {
    for (table, action) in moving_bytes() {
        let mut rig = Rig::at(table, action);
        let before = rig.journal.len();
        freeze(&mut rig);
        let moves = rig.due();
        assert!(matches!(moves[0], Move::StopAct(_)), "{action:?}: {moves:?}");
        assert!(waits_for_the_freeze(&moves), "{action:?}: {moves:?}");
        assert!(rig.asked.is_empty(), "{action:?}");
        // Days later, and over a restart: nothing is asked for, nothing that was fetched is gone.
        for _ in 0..300 {
            assert!(rig.after(900).is_empty(), "{action:?}");
        }
        assert_eq!(rig.journal.len(), before, "{action:?}: {:?}", rig.journal);
        let moves = rig.restart();
        assert!(rig.asked.is_empty() && waits_for_the_freeze(&moves), "{action:?}: {moves:?}");
        thaw(&mut rig);
        rig.after(900);
        rig.asks_for(action);
        assert_eq!(rig.journal.len(), before + 1, "{action:?}: only that it was resumed");
        rig.reply(done());
        assert_eq!(rig.finished, None);
        assert!(!rig.asked.is_empty(), "{action:?}: it goes on");
    }
}

#[test]
fn a_job_that_begins_while_its_hours_are_over_asks_for_nothing_over_the_network() {
    for (table, action) in moving_bytes() {
        let mut rig = Rig::new(table);
        rig.c.download = frozen();
        let _began = rig.due();
        for _ in 0..20 {
            while !rig.asked.is_empty() {
                assert_ne!(rig.asked.last().map(|it| it.1), Some(action));
                rig.reply(done());
            }
            rig.after(900);
        }
        assert_eq!(rig.finished, None, "{action:?}");
        rig.c.download = Answer::Yes;
        rig.after(900);
        rig.asks_for(action);
    }
}

#[test]
fn hours_that_are_over_do_not_use_up_the_time_of_a_step_nor_its_attempts() {
    let mut rig = Rig::upgrade_at(Action::Fetch);
    // Twelve hours of work are allowed: eleven, over thirty nights.
    for _ in 0..30 {
        rig.c.download = Answer::Yes;
        rig.after(22 * 60);
        rig.asks_for(Action::Fetch);
        rig.c.download = closed();
        rig.due();
        rig.after(23 * 3600);
        assert!(rig.asked.is_empty());
        rig.c.download = Answer::Yes;
        rig.after(900);
    }
    rig.asks_for(Action::Fetch);
    rig.reply(failed(Again::Worthwhile));
    assert!(!rig.journal.iter().any(|entry| matches!(entry, Entry::Failed { .. })));
    // The rest of the twelve hours, and a little more.
    rig.after(60);
    rig.after(3600 + 60);
    assert!(rig.journal.iter().any(|entry| matches!(entry, Entry::Failed { .. })));
}

#[test]
fn what_is_cancelled_or_expires_while_its_hours_are_over_ends_and_tidies_up() {
    for expires in [false, true] {
        let mut rig = Rig::upgrade_at(Action::Fetch);
        freeze(&mut rig);
        rig.due();
        if expires {
            rig.c.expired = true;
            rig.due();
        } else {
            let outcome = Outcome::Cancelled { reason: "why".to_owned() };
            rig.handle(Event::Withdrawn(outcome)).expect("nothing was disturbed");
        }
        rig.asks_for(Action::DiscardDownload);
        rig.reply(done());
        let expected = matches!(rig.finished, Some(Outcome::Expired)) == expires;
        assert!(rig.finished.is_some() && expected, "{:?}", rig.finished);
    }
}

/// Trading is held, and this is what comes next.
fn one_before(table: Table, next: Action) -> Rig {
    let mut rig = Rig::at(table, Action::HoldTrading);
    loop {
        let before = rig.clone();
        rig.reply(done());
        if rig.asked.last().map(|it| it.1) == Some(next) {
            return before;
        }
    }
}

/// A freeze that begins while the shop is disturbed: up to the switch the shop sells again; after
/// it the job comes to its end, for a shop between two versions sells nothing.
#[test]
fn a_freeze_that_begins_midway_leaves_no_shop_closed() {
    let before_the_switch = [
        (UPGRADE, Action::Drain),
        (UPGRADE, Action::SwitchSlot),
        (RESTORE, Action::Data(DataAction::Import)),
        (REBIND, Action::Rebind(RebindAction::DrainOld)),
        (REBIND, Action::Rebind(RebindAction::Switch)),
    ];
    for (table, next) in before_the_switch {
        let mut rig = one_before(table, next);
        freeze(&mut rig);
        let mut moves = rig.reply(done());
        let mut released = false;
        while let Some((_, action)) = rig.asked.last() {
            released |= *action == Action::ReleaseTrading;
            moves = rig.reply(done());
        }
        assert!(released && waits_for_the_freeze(&moves), "{next:?}: {moves:?}");
        assert!(!rig.saga.is_disturbing(), "{next:?}");
        thaw(&mut rig);
        rig.after(900);
        rig.work_until(next);
    }
    for action in [Action::RestartApplication, Action::ProveHealth, Action::CommitSlot] {
        let mut rig = Rig::upgrade_at(action);
        freeze(&mut rig);
        assert!(rig.due().is_empty(), "{action:?} is left to its end");
        rig.c.heard_at = Some(rig.c.uptime + Duration::from_secs(1));
        while rig.finished.is_none() {
            match rig.asked.last() {
                Some((_, Action::ProveHealth)) => drop(rig.reply(proven())),
                Some(_) => drop(rig.reply(done())),
                None => drop(rig.after(2)),
            }
        }
        assert!(matches!(rig.finished, Some(Outcome::Succeeded { .. })), "{action:?}");
    }
    let mut rig = Rig::upgrade_at(Action::ProveHealth);
    freeze(&mut rig);
    rig.reply(failed(Again::Pointless));
    rig.asks_for(Action::SwitchBack);
}
