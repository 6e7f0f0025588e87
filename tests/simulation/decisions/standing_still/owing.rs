//! A stopped till may be allowed to settle later, also when it waits for its host already; it is
//! not emptied before it has settled.

use harness::deactivate::suspend_owing;
use shared::owed::SUSPENDED_OWING;

use super::*;

/// May owe something as soon as it has stopped.
fn owing_suspension(desk: &Desk, seq: u64, after: u64) -> Parcel {
    let cut_off = NOW.plus(Duration::from_secs(after));
    let suspend = suspend_owing(cut_off, Duration::ZERO);
    approved(desk, seq, Change::Suspend(Box::new(suspend)))
}

impl Desk {
    /// The till cannot settle, and owes what people accept.
    fn owe(&mut self) {
        self.work_until(Action::Deactivate(SettleOrOwe));
        let version = || Some(SUSPENDED_OWING.to_owned());
        self.reply(Reply::Done(Proof { version: version(), findings: Vec::new() }));
        self.work_until(Action::Deactivate(ConfirmStopped));
        let given = self.asked[0].given.established.clone();
        assert_eq!(given, version(), "what was found before is known when it is over");
        self.reply(Reply::Done(Proof { version: version(), findings: Vec::new() }));
    }

    /// A terminal that stands still and owes something.
    fn owing() -> (Self, OrderId) {
        let mut desk = Self::connected();
        let parcel = owing_suspension(&desk, 1, 0);
        desk.order(&parcel);
        desk.owe();
        let now = SUSPENDED_OWING.to_owned();
        assert_eq!(desk.ended(&parcel), Outcome::Succeeded { now });
        (desk, id_of(&parcel))
    }

    /// One that has stopped, and waits for its host.
    fn waiting() -> (Self, Parcel) {
        let mut desk = Self::connected();
        let parcel = suspension(&desk, 1, 0);
        desk.order(&parcel);
        desk.work_until(Action::Settle);
        desk.reply_failed();
        (desk, parcel)
    }
}

#[test]
fn a_till_that_waits_for_its_host_goes_on_by_a_later_order_and_is_asked_for_no_sale() {
    for restarts in [false, true] {
        let (mut desk, first) = Desk::waiting();
        let second = owing_suspension(&desk, 2, 60);
        desk.order(&second);
        assert_eq!((desk.outcome(&first), desk.outcome(&second)), (None, None), "not yet");
        desk.pass(60);
        assert_eq!(desk.ended(&first), Outcome::Superseded);
        assert_eq!(desk.acting(), deactivate(Stop));
        if restarts {
            desk.restart();
            assert_eq!(desk.acting(), deactivate(Stop));
        }
        desk.owe();
        let now = SUSPENDED_OWING.to_owned();
        assert_eq!(desk.ended(&second), Outcome::Succeeded { now });
        assert!(desk.disk.journal_is_empty());
    }
}

#[test]
fn a_later_order_that_was_armed_before_the_till_stopped_goes_on_from_there_too() {
    let mut desk = Desk::connected();
    let (first, second) = (suspension(&desk, 1, HOUR), owing_suspension(&desk, 2, 2 * HOUR));
    desk.arm(&first);
    desk.order(&second);
    desk.work();
    desk.pass(HOUR);
    desk.work_until(Action::Settle);
    desk.reply_failed();
    desk.pass(HOUR);
    assert_eq!(desk.ended(&first), Outcome::Superseded);
    assert_eq!(desk.acting(), deactivate(Stop));
    desk.owe();
    assert!(matches!(desk.ended(&second), Outcome::Succeeded { .. }));
}

#[test]
fn whoever_takes_the_later_order_back_lets_the_till_sell() {
    for restarts in [false, true] {
        let (mut desk, first) = Desk::waiting();
        let second = owing_suspension(&desk, 2, 0);
        desk.order(&second);
        assert_eq!(desk.ended(&first), Outcome::Superseded);
        if restarts {
            desk.restart();
            desk.connect();
            desk.tell_time(1);
        }
        let cancel = cancellation(&desk, 3, 2);
        desk.order(&cancel);
        assert_eq!(desk.acting(), deactivate(Sell));
        assert!(!desk.asked[0].given.suspended);
        desk.work();
        let Outcome::RolledBack { failure } = desk.ended(&second) else { panic!("{second:?}") };
        assert_eq!(failure.code, FailureCode::Withdrawn);
        assert!(desk.disk.journal_is_empty());
    }
}

#[test]
fn a_till_that_has_settled_or_sells_again_is_not_taken_over() {
    let mut desk = Desk::connected();
    let first = suspension(&desk, 1, 0);
    desk.order(&first);
    desk.work_until(Action::Data(DataAction::Export));
    let second = owing_suspension(&desk, 2, 0);
    desk.order(&second);
    assert_eq!(
        (desk.acting(), desk.outcome(&first)),
        (Some(Action::Data(DataAction::Export)), None)
    );
    assert_eq!(desk.work(), [id_of(&first), id_of(&second)]);

    let (mut desk, first) = Desk::waiting();
    let cancel = cancellation(&desk, 2, 1);
    desk.order(&cancel);
    assert_eq!(desk.acting(), deactivate(Sell));
    let second = owing_suspension(&desk, 3, 0);
    desk.order(&second);
    assert_eq!(desk.acting(), deactivate(Sell), "people wanted that");
    desk.work();
    assert!(matches!(desk.ended(&first), Outcome::RolledBack { .. }));
    assert!(matches!(desk.ended(&second), Outcome::Succeeded { .. }));
}

#[test]
fn a_terminal_that_owes_something_is_not_wiped_before_it_has_settled_by_another_order() {
    let (mut desk, by) = Desk::owing();
    desk.restart();
    desk.connect();
    desk.tell_time(1);
    let early = emptying(&desk, 2, by);
    desk.order(&early);
    assert_eq!(desk.refusals(), [Refusal::NotSettled]);

    let settling = suspension(&desk, 3, 0);
    desk.order(&settling);
    desk.work_until(Action::Settle);
    desk.reply_failed();
    let still = emptying(&desk, 4, by);
    desk.order(&still);
    assert_eq!(desk.refusals(), [Refusal::NotSettled]);
    desk.pass(120);
    desk.work();
    assert!(matches!(desk.ended(&settling), Outcome::Succeeded { .. }));
    let other = emptying(&desk, 5, by);
    desk.order(&other);
    assert_eq!(
        desk.refusals(),
        [Refusal::OtherSuspension],
        "it names the order that did not settle"
    );
    let emptying = emptying(&desk, 6, id_of(&settling));
    desk.arm(&emptying);
    desk.pass(650);
    desk.confirm_stopped();
    assert_eq!(desk.acting(), deactivate(Erase));
}

#[test]
fn settling_later_that_is_taken_back_leaves_the_till_stopped_and_owing() {
    let (mut desk, by) = Desk::owing();
    let settling = suspension(&desk, 2, 0);
    desk.order(&settling);
    desk.work_until(Action::Settle);
    let cancel = cancellation(&desk, 3, 2);
    desk.order(&cancel);
    assert_eq!(desk.acting(), deactivate(Sell));
    assert!(desk.asked[0].given.suspended, "and so it stays stopped");
    desk.work();
    let early = emptying(&desk, 4, by);
    desk.order(&early);
    assert_eq!(desk.refusals(), [Refusal::NotSettled]);
    let resumption = resumption(&desk, 5);
    desk.order(&resumption);
    desk.work();
    assert!(matches!(desk.ended(&resumption), Outcome::Succeeded { .. }), "it may sell again");
}

#[test]
fn a_wipe_that_waits_is_given_up_when_the_terminal_comes_to_owe_something() {
    let (mut desk, by) = Desk::suspended();
    let emptying = emptying(&desk, 2, by);
    desk.arm(&emptying);
    let again = owing_suspension(&desk, 3, 0);
    desk.order(&again);
    desk.owe();
    assert!(matches!(desk.ended(&again), Outcome::Succeeded { .. }));
    assert_eq!(desk.ended(&emptying), Outcome::Superseded);
    desk.pass(HOUR);
    assert_eq!(desk.acting(), None);
}
