//! What a suspended terminal has settled and saved counts no more once somebody may have paid at it
//! since, or its data was replaced: it is not wiped before it has settled and saved again.

use agent::journal::facts::Standing;
use harness::deactivate::manifest;
use shared::backup::{Selection, SnapshotOf};
use shared::change::Restore;
use shared::id::RepositoryId;
use shared::message::Stands;

use super::*;

fn restore(desk: &Desk, seq: u64) -> Parcel {
    let of = SnapshotOf {
        terminal: terminal(1),
        repository: RepositoryId::from_bytes([8; 16]),
        snapshot: Digest([1; 32]),
        manifest: Digest([2; 32]),
    };
    let selection = Selection::Everything;
    let change = Change::Restore(Restore { of, selection, key: None, window: None });
    let batch =
        Ceremony::batch(u8::try_from(seq).expect("few"), change, &Membership::of([terminal(1)]));
    let Ceremony { controller, approver, .. } = &desk.ceremony;
    let order = Ceremony::order(seq, terminal(1), &batch, &Membership::of([terminal(1)]));
    Parcel {
        order: desk.ceremony.sign(order, &[controller]),
        batch: desk.ceremony.sign(batch, &[controller, &approver[0], &approver[1]]),
        release: None,
        profile: None,
    }
}

impl Desk {
    fn is_unsettled(&mut self, by: OrderId) -> bool {
        let is_now = self.disk.standing();
        let unsettled = Standing::Suspended { by, is_settled: false, manifest: None };
        let settled = Standing::Suspended { by, is_settled: true, manifest: Some(manifest()) };
        assert!([unsettled, settled].contains(&is_now), "{is_now:?}");
        self.restart();
        self.connect();
        let told = self.hello.as_ref().and_then(|hello| hello.stands);
        let owing = is_now == unsettled;
        assert_eq!(told, Some(if owing { Stands::SuspendedOwing } else { Stands::Suspended }));
        owing
    }
}

#[test]
fn a_return_to_service_that_ends_after_its_first_test_leaves_nothing_settled() {
    let at = [
        (Announce, false),
        (SelfTest, false),
        (Test, true),
        (CloseTests, true),
        (Sell, true),
        (ConfirmSelling, true),
    ];
    for (action, wanted) in at {
        for restarts in [false, true] {
            let (mut desk, by) = Desk::suspended();
            let emptying = emptying(&desk, 2, by);
            desk.arm(&emptying);
            let resumption = resumption(&desk, 3);
            desk.order(&resumption);
            desk.work_until(Action::Deactivate(action));
            if restarts {
                desk.restart();
                desk.connect();
                desk.tell_time(1);
            }
            let cancel = cancellation(&desk, 4, 3);
            desk.order(&cancel);
            desk.work();
            assert!(matches!(desk.ended(&resumption), Outcome::Cancelled { .. }), "{action:?}");
            let superseded = desk.outcome(&emptying) == Some(&Outcome::Superseded);
            assert_eq!(superseded, wanted, "{action:?}: the wipe of what was settled");
            assert_eq!(desk.is_unsettled(by), wanted, "{action:?}");
        }
    }
}

#[test]
fn a_till_that_was_let_sell_and_does_not_leaves_nothing_settled() {
    let (mut desk, by) = Desk::suspended();
    let resumption = resumption(&desk, 2);
    desk.order(&resumption);
    desk.work_until(Action::Deactivate(ConfirmSelling));
    while desk.acting() == deactivate(ConfirmSelling) {
        desk.reply_failed();
        desk.pass(10);
    }
    assert_eq!(desk.acting(), deactivate(Stop));
    desk.work();
    assert!(matches!(desk.ended(&resumption), Outcome::Failed { .. }));
    assert!(desk.is_unsettled(by));
    desk.tell_time(1);
    let emptying = emptying(&desk, 3, by);
    desk.order(&emptying);
    assert_eq!(desk.refusals(), [Refusal::NotSettled]);
}

#[test]
fn what_was_settled_is_not_what_a_restore_has_brought_or_taken_back() {
    for (fails_at, wanted) in [
        (None, true),
        (Some(DataAction::CheckTarget), false),
        (Some(DataAction::Save), false),
        (Some(DataAction::Import), true),
        (Some(DataAction::Reconcile), true),
    ] {
        let (mut desk, by) = Desk::suspended();
        let restore = restore(&desk, 2);
        desk.order(&restore);
        assert_eq!(desk.said(), [Said::Accepted], "{:?}", desk.last);
        while let Some(action) = desk.acting() {
            let fails = fails_at.is_some_and(|it| action == Action::Data(it));
            let is_till = action == Action::AskTill;
            let free = Reply::Till { work: Work::Free, detail: String::new() };
            match (fails, is_till) {
                (true, _) => desk.reply_failed(),
                (false, true) => desk.reply(free),
                (false, false) => desk.reply(Reply::Done(Proof::default())),
            }
            if desk.acting().is_none() {
                desk.pass(60);
            }
        }
        assert!(desk.outcome(&restore).is_some(), "{fails_at:?}");
        assert_eq!(desk.is_unsettled(by), wanted, "{fails_at:?}");
    }
}

#[test]
fn a_till_that_sells_or_owes_something_by_its_own_word_is_not_erased_when_its_moment_comes() {
    let (mut desk, by) = Desk::suspended();
    let emptying = emptying(&desk, 2, by);
    desk.arm(&emptying);
    desk.pass(650);
    while desk.acting().is_some() {
        assert_eq!(desk.acting(), deactivate(ConfirmStopped));
        desk.reply_failed();
        desk.pass(60);
    }
    assert!(matches!(desk.ended(&emptying), Outcome::Failed { .. }));
    assert!(!desk.core.is_erased() && desk.disk.journal_is_empty());
}
