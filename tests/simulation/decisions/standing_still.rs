//! A suspension is armed long before its cut-off, and a wipe waits while it can be cancelled: other
//! jobs go first, and then nothing that can be withdrawn goes before.

mod enrolling;
mod losing;
mod owing;
mod unsettled;

use agent::job::DataAction;
use agent::job::deactivate::DeactivateAction::{self, *};
use agent::job::rebind::RebindAction;
use harness::deactivate::{clearance, clearance_lost, folder, resume, suspend, wipe, wipe_lost};
use shared::change::{Backup, Cancel, Change, Extent, Rebind, Upgrade};
use shared::id::BatchId;
use shared::message::StepState;
use shared::outcome::{FailureCode, Waiting};
use shared::window::Window;

use super::*;

const HOUR: u64 = 3_600;

const WEEK: u64 = 7 * 24 * HOUR;

const EVENING: Window = Window { from_min: 20 * 60, to_min: 21 * 60 };

fn deactivate(action: DeactivateAction) -> Option<Action> {
    Some(Action::Deactivate(action))
}

/// As two people and the controller sign it.
fn approved(desk: &Desk, seq: u64, change: Change) -> Parcel {
    let Ceremony { controller, approver, .. } = &desk.ceremony;
    let batch = Ceremony::batch(u8::try_from(seq).expect("few"), change, &members());
    let order = Ceremony::order(seq, terminal(1), &batch, &members());
    Parcel {
        order: desk.ceremony.sign(order, &[controller]),
        batch: desk.ceremony.sign(batch, &[controller, &approver[0], &approver[1]]),
        release: None,
        profile: None,
    }
}

fn suspension(desk: &Desk, seq: u64, after: u64) -> Parcel {
    let cut_off = NOW.plus(Duration::from_secs(after));
    approved(desk, seq, Change::Suspend(Box::new(suspend(cut_off))))
}

fn resumption(desk: &Desk, seq: u64) -> Parcel {
    approved(desk, seq, Change::Resume(Box::new(resume())))
}

/// Of what this terminal is now.
fn emptying(desk: &Desk, seq: u64, by: OrderId) -> Parcel {
    let challenge = desk.challenge.expect("a hello was said");
    let folder = folder([1, 2].map(|it| clearance(terminal(it), challenge, by)));
    let parcel = approved(desk, seq, Change::Decommission(Box::new(wipe(folder.root()))));
    Parcel { profile: folder.enclosed(terminal(1)), ..parcel }
}

fn emptying_lost(desk: &Desk, seq: u64) -> Parcel {
    let challenge = desk.challenge.expect("a hello was said");
    let folder = folder([1, 2].map(|it| clearance_lost(terminal(it), challenge)));
    let parcel = approved(desk, seq, Change::Decommission(Box::new(wipe_lost(folder.root()))));
    Parcel { profile: folder.enclosed(terminal(1)), ..parcel }
}

fn rebinding(desk: &Desk, seq: u64, window: Option<Window>) -> Parcel {
    let portfolio = harness::rebind::Portfolio::of(
        [1, 2].map(|member| harness::rebind::profile(terminal(member))),
    );
    let rebind = Rebind { window, ..harness::rebind::rebind(portfolio.root()) };
    let parcel = approved(desk, seq, Change::Rebind(Box::new(rebind)));
    Parcel { profile: portfolio.enclosed(terminal(1)), ..parcel }
}

fn backup(desk: &Desk, seq: u64) -> Parcel {
    let backup = Backup { extent: Extent::Full, window: None, settled_by: None };
    desk.ceremony.parcel(seq, terminal(1), Change::Backup(backup), &members())
}

/// An upgrade that waits for the evening; it is morning.
fn waiting_upgrade(desk: &Desk, seq: u64) -> Parcel {
    let release = Ceremony::pos_release("2.0.0", 2);
    let change = Change::Upgrade(Upgrade {
        release: harness::keys::payload_digest(&release),
        window: Some(EVENING),
        backup_within_s: None,
    });
    let parcel = desk.ceremony.parcel(seq, terminal(1), change, &members());
    Parcel { release: Some(desk.ceremony.signed_release(&release)), ..parcel }
}

/// Signed by one approver alone.
fn cancellation(desk: &Desk, seq: u64, batch: u8) -> Parcel {
    let Ceremony { controller, approver, .. } = &desk.ceremony;
    let cancel = Cancel { batch: BatchId::from_bytes([batch; 16]), reason: "no".to_owned() };
    let number = u8::try_from(seq).expect("few");
    let batch = Ceremony::batch(number, Change::Cancel(cancel), &members());
    let order = Ceremony::order(seq, terminal(1), &batch, &members());
    Parcel {
        order: desk.ceremony.sign(order, &[controller]),
        batch: desk.ceremony.sign(batch, &[&approver[2]]),
        release: None,
        profile: None,
    }
}

impl Desk {
    /// The terminal holds this, and has nothing to do.
    fn arm(&mut self, parcel: &Parcel) {
        self.order(parcel);
        assert_eq!(self.said(), [Said::Accepted], "{:?}", self.last);
        self.work();
        assert_eq!(self.acting(), None);
        assert_eq!(self.outcome(parcel), None);
    }

    /// A terminal that stands still, and by which order.
    fn suspended() -> (Self, OrderId) {
        let mut desk = Self::connected();
        let parcel = suspension(&desk, 1, 0);
        desk.order(&parcel);
        desk.work();
        assert!(matches!(desk.outcome(&parcel), Some(Outcome::Succeeded { .. })));
        (desk, id_of(&parcel))
    }

    /// It is over, and this is how.
    #[track_caller]
    fn ended(&self, parcel: &Parcel) -> Outcome {
        self.outcome(parcel).cloned().expect("it is over")
    }

    /// The till says that it stands still, and owes nothing.
    #[track_caller]
    fn confirm_stopped(&mut self) {
        assert_eq!(self.acting(), deactivate(ConfirmStopped));
        self.reply(Reply::Done(Proof::default()));
    }

    /// Does what is asked until that is asked for.
    #[track_caller]
    fn work_until(&mut self, action: Action) {
        while self.acting() != Some(action) {
            let is_till = self.acting() == Some(Action::AskTill);
            let free = Reply::Till { work: Work::Free, detail: String::new() };
            self.reply(if is_till { free } else { Reply::Done(Proof::default()) });
        }
    }

    fn refusals(&self) -> Vec<Refusal> {
        self.said().iter().filter_map(refused).collect()
    }

    fn reply_failed(&mut self) {
        let again = agent::job::Again::Worthwhile;
        let code = FailureCode::SettlementMismatch;
        self.reply(Reply::Failed { code, detail: "the host counts otherwise".to_owned(), again });
    }
}

#[test]
fn a_backup_that_comes_while_a_suspension_waits_for_its_cut_off_is_done_first() {
    let mut desk = Desk::connected();
    let (suspension, backup) = (suspension(&desk, 1, HOUR), backup(&desk, 2));
    desk.arm(&suspension);
    desk.order(&backup);
    assert_eq!(desk.acting(), Some(Action::Data(DataAction::Admit)));
    assert_eq!(desk.work(), [id_of(&backup)]);
    assert!(matches!(desk.ended(&backup), Outcome::Succeeded { .. }));
    assert_eq!((desk.outcome(&suspension), desk.acting()), (None, None));
    desk.pass(HOUR);
    assert_eq!(desk.acting(), deactivate(Stop));
}

#[test]
fn at_the_cut_off_a_job_that_has_disturbed_nothing_is_withdrawn() {
    let mut desk = Desk::connected();
    let suspension = suspension(&desk, 1, HOUR);
    desk.arm(&suspension);
    let upgrade = desk.upgrade(2);
    desk.order(&upgrade);
    desk.reply(Reply::Done(Proof::default()));
    assert_eq!(desk.acting(), Some(Action::Fetch));
    desk.pass(HOUR);
    assert!(desk.asked.iter().any(|task| task.action == Action::DiscardDownload));
    desk.work();
    assert!(matches!(desk.ended(&upgrade), Outcome::Cancelled { .. }));
    assert!(matches!(desk.ended(&suspension), Outcome::Succeeded { .. }));
}

#[test]
fn at_the_cut_off_a_job_that_has_disturbed_the_shop_comes_to_its_end_first() {
    let mut desk = Desk::connected();
    let suspension = suspension(&desk, 1, 60);
    desk.arm(&suspension);
    let upgrade = desk.upgrade(2);
    desk.order(&upgrade);
    while desk.acting() != Some(Action::Drain) {
        let is_till = desk.acting() == Some(Action::AskTill);
        let free = Reply::Till { work: Work::Free, detail: String::new() };
        desk.reply(if is_till { free } else { Reply::Done(Proof::default()) });
    }
    desk.pass(60);
    assert_eq!(desk.acting(), Some(Action::Drain));
    assert_eq!(desk.work(), [id_of(&upgrade), id_of(&suspension)]);
    assert!(matches!(desk.ended(&upgrade), Outcome::Succeeded { .. }));
    assert!(matches!(desk.ended(&suspension), Outcome::Succeeded { .. }));
}

#[test]
fn a_suspension_that_came_while_another_job_waits_for_its_window_keeps_its_cut_off() {
    let mut desk = Desk::connected();
    let upgrade = waiting_upgrade(&desk, 1);
    desk.order(&upgrade);
    desk.work();
    let suspension = suspension(&desk, 2, HOUR);
    desk.arm(&suspension);
    assert_eq!(desk.acting(), None);
    desk.pass(HOUR);
    assert_eq!(desk.work(), [id_of(&suspension)], "the other one sleeps");
    assert!(matches!(desk.ended(&suspension), Outcome::Succeeded { .. }));
    assert_eq!(
        desk.outcome(&upgrade),
        None,
        "it is done in its window, on a till that stands still"
    );
}

#[test]
fn the_cut_off_is_kept_with_no_connection_and_a_restart_before_it_changes_nothing() {
    for restarts in 0..3 {
        let mut desk = Desk::connected();
        let suspension = suspension(&desk, 1, HOUR);
        desk.arm(&suspension);
        desk.give(Input::Disconnected { reason: "the line is down".to_owned() });
        for _ in 0..restarts {
            desk.pass(60);
            desk.restart();
            assert_eq!(desk.acting(), None);
        }
        desk.uptime = Duration::from_secs(HOUR - 1);
        desk.give(Input::TimerFired);
        assert_eq!(desk.acting(), None, "{restarts}");
        let wakes_at = desk.core.wakes_at().expect("there is something to wait for");
        assert!(wakes_at <= Duration::from_secs(HOUR), "{wakes_at:?}");
        desk.pass(1);
        assert_eq!(desk.acting(), deactivate(Stop), "{restarts}");
        desk.work();
        assert!(matches!(desk.ended(&suspension), Outcome::Succeeded { .. }));
    }
}

#[test]
fn a_terminal_that_was_off_when_it_was_to_stop_stops_as_soon_as_it_is_on_again() {
    for armed in [true, false] {
        let mut desk = Desk::connected();
        let suspension = suspension(&desk, 1, HOUR);
        desk.order(&suspension);
        if armed {
            desk.work();
        }
        // Longer than the order lives.
        desk.uptime += Duration::from_secs(40 * HOUR);
        desk.restart();
        let first = if armed { Stop } else { Check };
        assert_eq!(desk.acting(), deactivate(first));
        desk.connect();
        desk.tell_time(1);
        desk.work();
        assert!(matches!(desk.ended(&suspension), Outcome::Succeeded { .. }));
    }
}

#[test]
fn one_approver_takes_a_suspension_back_also_while_another_job_goes_first() {
    for with_other in [false, true] {
        let mut desk = Desk::connected();
        let suspension = suspension(&desk, 1, HOUR);
        desk.arm(&suspension);
        let backup = backup(&desk, 2);
        if with_other {
            desk.order(&backup);
        }
        let cancel = cancellation(&desk, 3, 1);
        desk.order(&cancel);
        assert!(matches!(desk.ended(&cancel), Outcome::Succeeded { .. }));
        assert!(matches!(desk.ended(&suspension), Outcome::Cancelled { .. }));
        desk.work();
        desk.pass(2 * HOUR);
        assert_eq!(desk.acting(), None);
        assert!(desk.disk.journal_is_empty());
    }
}

#[test]
fn a_suspension_that_waits_for_people_is_not_taken_back_by_the_next_one() {
    let mut desk = Desk::connected();
    let (first, second) = (suspension(&desk, 1, 0), suspension(&desk, 2, HOUR));
    desk.order(&first);
    desk.order(&second);
    while desk.acting() != Some(Action::Settle) {
        desk.reply(Reply::Done(Proof::default()));
    }
    for _ in 0..100 {
        desk.reply_failed();
        assert_eq!(desk.acting(), None);
        desk.pass(120);
        assert_eq!(desk.acting(), Some(Action::Settle));
    }
    assert_eq!(desk.work(), [id_of(&first), id_of(&second)]);
}

#[test]
fn a_settlement_that_fails_is_told_as_something_for_people() {
    let mut desk = Desk::connected();
    let suspension = suspension(&desk, 1, 0);
    desk.order(&suspension);
    while desk.acting() != Some(Action::Settle) {
        desk.reply(Reply::Done(Proof::default()));
    }
    desk.reply_failed();
    let told = desk.progress();
    let [progress] = told.as_slice() else { panic!("{told:?}") };
    let StepState::Waiting { reason, detail } = &progress.state else { panic!("{progress:?}") };
    assert_eq!(*reason, Waiting::People);
    assert_eq!(detail, "settlement-mismatch: the host counts otherwise");
}

#[test]
fn a_suspended_till_is_let_go_of_by_no_other_job() {
    let (mut desk, _) = Desk::suspended();
    let upgrade = desk.upgrade(2);
    desk.order(&upgrade);
    let mut seen = 0;
    while let Some(task) = desk.asked.first() {
        assert!(task.given.suspended, "{:?}", task.action);
        seen += 1;
        let reply = if task.action == Action::AskTill {
            Reply::Till { work: Work::Free, detail: String::new() }
        } else {
            Reply::Done(Proof { version: Some("2.0.0".to_owned()), findings: Vec::new() })
        };
        desk.reply(reply);
        if desk.asked.is_empty() && !desk.disk.journal_is_empty() {
            desk.tell_time(1);
        }
    }
    assert!(seen > 5);
}

#[test]
fn a_suspended_terminal_is_bound_to_nobody_anew_and_knows_so_after_a_restart() {
    let (mut desk, _) = Desk::suspended();
    desk.restart();
    desk.connect();
    desk.tell_time(1);
    let rebinding = rebinding(&desk, 2, None);
    desk.order(&rebinding);
    assert_eq!(desk.said().iter().filter_map(refused).collect::<Vec<_>>(), [Refusal::Suspended]);
    let again = resumption(&desk, 3);
    desk.order(&again);
    desk.work();
    assert!(matches!(desk.ended(&again), Outcome::Succeeded { .. }));
    let twice = resumption(&desk, 4);
    desk.order(&twice);
    assert_eq!(desk.said().iter().filter_map(refused).collect::<Vec<_>>(), [Refusal::NotSuspended]);
}

#[test]
fn a_wipe_waits_for_its_cool_off_and_one_approver_cancels_it_meanwhile() {
    for cancelled in [false, true] {
        let (mut desk, by) = Desk::suspended();
        let emptying = emptying(&desk, 2, by);
        desk.arm(&emptying);
        desk.pass(590);
        assert_eq!(desk.acting(), None);
        if cancelled {
            let cancel = cancellation(&desk, 3, 2);
            desk.order(&cancel);
            assert!(matches!(desk.ended(&cancel), Outcome::Succeeded { .. }));
            assert!(matches!(desk.ended(&emptying), Outcome::Cancelled { .. }));
        }
        desk.pass(60);
        if !cancelled {
            desk.confirm_stopped();
        }
        let wanted = if cancelled { None } else { deactivate(Erase) };
        assert_eq!(desk.acting(), wanted);
        let late = cancellation(&desk, 4, 2);
        desk.order(&late);
        let Outcome::Failed { failure } = desk.ended(&late) else { panic!("{late:?}") };
        assert_eq!(failure.code, FailureCode::TooLate);
        assert_eq!(desk.acting(), wanted, "what was intended goes on");
    }
}

#[test]
fn a_terminal_that_does_not_know_the_time_does_not_shorten_a_cool_off() {
    let (mut desk, by) = Desk::suspended();
    let emptying = emptying(&desk, 2, by);
    desk.arm(&emptying);
    desk.restart();
    let now = Now { uptime: desk.uptime, rtc: NOW.plus(Duration::from_secs(24 * HOUR)) };
    let decision = desk.core.decide(Input::TimerFired, now);
    let acts = |effect: &Effect| matches!(effect, Effect::Act(_));
    assert!(!decision.effects.iter().any(acts), "the machine's own clock proves nothing");
}

#[test]
fn a_till_that_sells_again_is_not_emptied_by_what_was_ordered_before() {
    let (mut desk, by) = Desk::suspended();
    let emptying = emptying(&desk, 2, by);
    desk.arm(&emptying);
    let resumption = resumption(&desk, 3);
    desk.order(&resumption);
    desk.work();
    assert!(matches!(desk.ended(&resumption), Outcome::Succeeded { .. }));
    assert_eq!(desk.ended(&emptying), Outcome::Superseded);
    desk.pass(HOUR);
    assert_eq!(desk.acting(), None);
}

#[test]
fn a_lost_terminal_is_stopped_at_once_whatever_else_waits() {
    let mut desk = Desk::connected();
    let upgrade = waiting_upgrade(&desk, 1);
    desk.order(&upgrade);
    desk.work();
    let emptying = emptying_lost(&desk, 2);
    desk.order(&emptying);
    desk.work();
    assert!(matches!(desk.ended(&upgrade), Outcome::Cancelled { .. }));
    assert!(matches!(desk.ended(&emptying), Outcome::Succeeded { .. }));
}

#[test]
fn a_lost_terminal_that_waits_for_its_hosts_is_emptied_without_selling_in_between() {
    let mut desk = Desk::connected();
    let suspension = suspension(&desk, 1, 0);
    desk.order(&suspension);
    while desk.acting() != Some(Action::Settle) {
        desk.reply(Reply::Done(Proof::default()));
    }
    let emptying = emptying_lost(&desk, 2);
    desk.order(&emptying);
    assert_eq!(desk.ended(&suspension), Outcome::Superseded);
    assert_eq!(desk.acting(), deactivate(Stop));
    let actions = [Stop, RescueMoney, Erase];
    for action in actions {
        assert_eq!(desk.acting(), deactivate(action));
        desk.reply(Reply::Done(Proof::default()));
    }
    assert!(matches!(desk.ended(&emptying), Outcome::Succeeded { .. }));
}

/// As many jobs are waiting as a terminal takes: whoever has it gains no time by that.
#[test]
fn a_lost_terminal_takes_its_order_however_many_wait_and_does_none_of_them() {
    let mut desk = Desk::connected();
    let first = waiting_upgrade(&desk, 1);
    desk.order(&first);
    desk.work();
    let others: Vec<_> = (2..=16).map(|seq| suspension(&desk, seq, seq * HOUR)).collect();
    others.iter().for_each(|parcel| desk.arm(parcel));
    let late = backup(&desk, 17);
    desk.order(&late);
    assert_eq!(desk.said(), [], "there is no room for another one");
    let emptying = emptying_lost(&desk, 18);
    desk.order(&emptying);
    assert!(desk.said().contains(&Said::Accepted), "{:?}", desk.said());
    for other in &others {
        assert!(matches!(desk.ended(other), Outcome::Cancelled { .. }));
    }
    assert_eq!(desk.work(), [id_of(&emptying)], "nobody tidies up what is all erased");
    assert!(matches!(desk.ended(&first), Outcome::Cancelled { .. }));
    assert!(matches!(desk.ended(&emptying), Outcome::Succeeded { .. }));
    assert!(desk.disk.journal_is_empty());
}

#[test]
fn a_lost_terminal_that_is_being_changed_is_emptied_next_whatever_came_before() {
    let mut desk = Desk::connected();
    let (upgrade, backup) = (desk.upgrade(1), backup(&desk, 2));
    desk.order(&upgrade);
    desk.order(&backup);
    while desk.acting() != Some(Action::Drain) {
        let is_till = desk.acting() == Some(Action::AskTill);
        let free = Reply::Till { work: Work::Free, detail: String::new() };
        desk.reply(if is_till { free } else { Reply::Done(Proof::default()) });
    }
    let emptying = emptying_lost(&desk, 3);
    desk.order(&emptying);
    assert!(matches!(desk.ended(&backup), Outcome::Cancelled { .. }));
    assert_eq!(desk.acting(), Some(Action::Drain), "what disturbs the shop comes to its end");
    assert_eq!(desk.work(), [id_of(&upgrade), id_of(&emptying)]);
    assert!(matches!(desk.ended(&emptying), Outcome::Succeeded { .. }));
}

/// An erased terminal, connected, that has told nobody.
fn erased() -> Desk {
    let (mut desk, by) = Desk::suspended();
    desk.acknowledge_everything();
    let emptying = emptying(&desk, 2, by);
    desk.arm(&emptying);
    desk.pass(650);
    desk.work();
    assert!(matches!(desk.ended(&emptying), Outcome::Succeeded { .. }));
    desk.tell_store();
    desk
}

#[test]
fn an_erased_terminal_steps_down_once_the_controller_has_all_that_it_had_to_say() {
    let mut desk = erased();
    assert_eq!(desk.stepped_down, 0, "its receipt was not heard");
    desk.restart();
    desk.tell_store();
    assert_eq!(desk.stepped_down, 0);
    desk.connect();
    desk.tell_time(1);
    desk.acknowledge_everything();
    assert_eq!(desk.stepped_down, 1);
    desk.tell_store();
    desk.pass(WEEK);
    assert_eq!(desk.stepped_down, 1, "it is told once");
}

#[test]
fn an_erased_terminal_that_nobody_hears_steps_down_after_a_week_and_not_before() {
    for restarts in [false, true] {
        let mut desk = erased();
        desk.give(Input::Disconnected { reason: "the line is down".to_owned() });
        if restarts {
            desk.restart();
        }
        desk.pass(WEEK - 60);
        assert_eq!(desk.stepped_down, 0);
        // What a restart has forgotten of the time counts once more.
        desk.pass(HOUR);
        assert_eq!(desk.stepped_down, 1, "restarts: {restarts}");
    }
}

#[test]
fn a_lost_terminal_is_emptied_whoever_finds_that_suspicious() {
    let mut desk = Desk::connected();
    let (upgrade, backup) = (desk.upgrade(1), backup(&desk, 2));
    desk.order(&upgrade);
    desk.work_until(Action::Drain);
    let emptying = emptying_lost(&desk, 3);
    desk.order(&emptying);
    desk.order(&backup);
    desk.give(Input::Suspected { at: UnixTime(5), note: "who wants that?".to_owned() });
    assert!(matches!(desk.ended(&backup), Outcome::Cancelled { .. }));
    assert_eq!(desk.outcome(&emptying), None);
    assert_eq!(desk.work(), [id_of(&upgrade), id_of(&emptying)]);
    assert!(matches!(desk.ended(&emptying), Outcome::Succeeded { .. }));
}

#[test]
fn a_lost_terminal_whose_till_does_not_answer_is_emptied_all_the_same() {
    let silent = || {
        let (waiting, detail) = (Waiting::Till, "nobody answers".to_owned());
        Reply::NotYet { waiting, detail, again_in: None }
    };
    let (mut desk, _) = Desk::suspended();
    let resumption = resumption(&desk, 2);
    desk.order(&resumption);
    desk.work_until(Action::Deactivate(ConfirmSelling));
    let mut watched = Desk::connected();
    let rebinding = rebinding(&watched, 2, None);
    watched.order(&rebinding);
    watched.work_until(Action::Rebind(RebindAction::Watch));
    let undo = Action::Deactivate(Stop);
    for (mut desk, job, undo) in
        [(desk, resumption, undo), (watched, rebinding, Action::HoldTrading)]
    {
        let emptying = emptying_lost(&desk, 3);
        desk.order(&emptying);
        for attempt in 1..=6 {
            assert_eq!((desk.acting(), desk.outcome(&job)), (Some(undo), None), "{attempt}");
            desk.reply(silent());
            desk.pass(60);
        }
        assert_eq!(desk.ended(&job), Outcome::Superseded);
        assert_eq!(desk.work(), [id_of(&emptying)]);
        assert!(matches!(desk.ended(&emptying), Outcome::Succeeded { .. }));
        assert!(desk.disk.journal_is_empty());
    }
}

#[test]
fn what_a_second_wipe_was_to_erase_is_gone_by_the_first() {
    let (mut desk, by) = Desk::suspended();
    let first = emptying(&desk, 2, by);
    desk.arm(&first);
    desk.pass(650);
    desk.confirm_stopped();
    let lost = emptying_lost(&desk, 3);
    desk.order(&lost);
    assert_eq!((desk.said(), desk.acting()), (vec![Said::Accepted], deactivate(Erase)));
    desk.work();
    assert!(matches!(desk.ended(&first), Outcome::Succeeded { .. }));
    assert_eq!(desk.ended(&lost), Outcome::Superseded);
    assert_eq!((desk.acting(), desk.disk.journal_is_empty()), (None, true));
    for late in [emptying_lost(&desk, 4), emptying(&desk, 5, by)] {
        desk.order(&late);
        assert_eq!(desk.refusals(), [Refusal::NotSuspended]);
    }
    desk.tell_store();
    desk.acknowledge_everything();
    assert_eq!(desk.stepped_down, 1);
}

#[test]
fn a_change_of_provider_that_waits_while_a_till_stops_for_good_is_given_up() {
    for begun in [false, true] {
        let mut desk = Desk::connected();
        let suspension = suspension(&desk, 1, HOUR);
        desk.arm(&suspension);
        let rebinding = rebinding(&desk, 2, begun.then_some(EVENING));
        if begun {
            desk.order(&rebinding);
            assert_eq!(desk.work(), [id_of(&rebinding)]);
            // The moment comes while the terminal is off: the change is not withdrawn for it.
            desk.uptime += Duration::from_secs(HOUR);
            desk.restart();
        } else {
            desk.pass(HOUR);
        }
        desk.work_until(Action::Settle);
        if !begun {
            desk.order(&rebinding);
            assert_eq!(desk.said(), [Said::Accepted], "nobody has signed yet that it stands still");
        }
        assert_eq!(desk.outcome(&rebinding), None);
        let mut did = Vec::new();
        while let Some(action) = desk.acting() {
            did.push(action);
            let version = established(action);
            desk.reply(Reply::Done(Proof { version, findings: findings(action) }));
        }
        assert!(matches!(desk.ended(&suspension), Outcome::Succeeded { .. }));
        assert!(matches!(desk.ended(&rebinding), Outcome::Cancelled { .. }));
        assert_eq!(did.contains(&Action::Rebind(RebindAction::EraseNew)), begun, "{did:?}");
        assert!(!did.contains(&Action::HoldTrading) && desk.disk.journal_is_empty());
    }
}
