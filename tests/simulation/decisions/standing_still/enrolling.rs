//! A terminal that enrols anew, as for each new certificate, leaves behind what was approved before
//! and only waits: it is ordered again, or nobody wants it any more.

use super::*;

/// How the terminal hears of its new epoch.
#[derive(Clone, Copy, Debug)]
enum By {
    /// It has enrolled, and starts.
    Enrolling,
    /// The controller has given it another one, for what it has lost.
    Hearing,
}

impl Desk {
    fn enter(&mut self, epoch: u32, by: By) {
        match by {
            By::Enrolling => {
                self.epoch = epoch;
                self.restart();
                self.connect();
            }
            By::Hearing => {
                self.restart();
                self.connect();
            }
        }
        self.tell_time(epoch);
    }

    /// Of the same batch, under another id, as the controller orders it again.
    fn again(&self, parcel: &Parcel, epoch: u32) -> Parcel {
        self.narrowed(parcel.clone(), |order| {
            order.id = OrderId::from_bytes([0xe0; 16]);
            order.epoch = epoch;
        })
    }

    #[track_caller]
    fn was_left(&self, parcel: &Parcel) {
        let Outcome::Cancelled { reason } = self.ended(parcel) else { panic!("{parcel:?}") };
        assert!(reason.contains("enrolled anew"), "{reason}");
    }
}

#[test]
fn an_armed_suspension_of_before_stops_nobody_and_is_ordered_again_under_its_approval() {
    for by in [By::Enrolling, By::Hearing] {
        let mut desk = Desk::connected();
        let suspension = suspension(&desk, 1, HOUR);
        desk.arm(&suspension);
        desk.enter(2, by);
        desk.was_left(&suspension);
        assert!(desk.disk.journal_is_empty());
        let again = desk.again(&suspension, 2);
        desk.arm(&again);
        desk.pass(HOUR);
        desk.work();
        assert!(matches!(desk.ended(&again), Outcome::Succeeded { .. }), "{by:?}");
        assert_eq!(desk.outcome(&suspension).into_iter().count(), 1);
    }
    let mut desk = Desk::connected();
    let suspension = suspension(&desk, 1, HOUR);
    desk.arm(&suspension);
    desk.enter(2, By::Enrolling);
    desk.pass(2 * HOUR);
    assert_eq!(desk.acting(), None, "nobody has ordered it again");
}

#[test]
fn a_wipe_that_was_approved_before_is_not_carried_out_and_not_by_its_approval_again() {
    for by in [By::Enrolling, By::Hearing] {
        for late in [false, true] {
            let (mut desk, order) = Desk::suspended();
            let emptying = emptying(&desk, 2, order);
            desk.arm(&emptying);
            // Its cool-off may have ended meanwhile.
            desk.uptime += Duration::from_secs(if late { 650 } else { 60 });
            desk.enter(2, by);
            desk.was_left(&emptying);
            let again = desk.again(&emptying, 2);
            desk.order(&again);
            assert_eq!(desk.refusals(), [Refusal::OtherChallenge]);
            desk.pass(HOUR);
            assert_eq!((desk.acting(), desk.core.is_erased()), (None, false), "{by:?}");
        }
    }
}

#[test]
fn a_lost_terminal_is_emptied_also_where_whoever_has_it_brings_about_a_new_epoch() {
    for by in [By::Enrolling, By::Hearing] {
        let mut desk = Desk::connected();
        let upgrade = desk.upgrade(1);
        desk.order(&upgrade);
        desk.work_until(Action::Drain);
        let emptying = emptying_lost(&desk, 2);
        desk.order(&emptying);
        desk.enter(2, by);
        assert_eq!(desk.outcome(&emptying), None, "{by:?}");
        let again = desk.again(&emptying, 2);
        desk.order(&again);
        assert_eq!(desk.said(), [], "it is on its way by the first");
        desk.work();
        assert!(matches!(desk.ended(&emptying), Outcome::Succeeded { .. }));
        desk.order(&again);
        assert_eq!(desk.refusals(), [Refusal::Replayed]);
        assert!(desk.core.is_erased() && desk.disk.journal_is_empty());
    }
}

#[test]
fn what_has_begun_comes_to_its_end_and_nothing_final_is_said_of_its_like_before() {
    for by in [By::Enrolling, By::Hearing] {
        let mut desk = Desk::connected();
        let suspension = suspension(&desk, 1, 0);
        desk.order(&suspension);
        desk.work_until(Action::Settle);
        desk.enter(2, by);
        let again = desk.again(&suspension, 2);
        desk.order(&again);
        assert_eq!((desk.said(), desk.acting()), (vec![], Some(Action::Settle)));
        desk.work();
        assert!(matches!(desk.ended(&suspension), Outcome::Succeeded { .. }));
        desk.order(&again);
        assert_eq!(desk.refusals(), [Refusal::Replayed], "it is done, and not done twice");
        assert_eq!(desk.acting(), None);
    }
}

#[test]
fn a_return_to_service_of_before_is_left_until_it_tests_and_then_comes_to_its_end() {
    for (action, left) in [(SelfTest, true), (Test, false), (ConfirmSelling, false)] {
        let (mut desk, _) = Desk::suspended();
        let resumption = resumption(&desk, 2);
        desk.order(&resumption);
        desk.work_until(Action::Deactivate(action));
        desk.enter(2, By::Enrolling);
        if left {
            desk.was_left(&resumption);
        } else {
            desk.work();
            assert!(matches!(desk.ended(&resumption), Outcome::Succeeded { .. }), "{action:?}");
        }
        assert!(desk.disk.journal_is_empty());
    }
}

#[test]
fn what_nobody_had_to_approve_is_not_left() {
    let mut desk = Desk::connected();
    let upgrade = waiting_upgrade(&desk, 1);
    desk.order(&upgrade);
    desk.work();
    desk.enter(2, By::Enrolling);
    assert_eq!(desk.outcome(&upgrade), None);
}
