//! Orders: their numbers, and how long they are owed.

use shared::document::receipt::Said;
use shared::id::TerminalId;
use shared::time::UnixTime;

use super::fixture::*;
use crate::campaign::assignment::{AssignmentState, Fact, GivenUp, Unheard};
use crate::campaign::state::CampaignEvent;
use crate::registry::campaign::Purpose;
use crate::registry::delivery::{Delivered, NewOrder, Numbering, Owed};
use crate::registry::page::Page;
use crate::registry::{Registry, RegistryError};

const NOW: UnixTime = UnixTime(30);

async fn owed(registry: &dyn Registry, each: u32) -> Vec<Owed> {
    registry.owed(&[terminal_id(1)], each, NOW).await.expect("it is asked")
}

async fn due(registry: &dyn Registry, at: i64) -> Vec<TerminalId> {
    registry.due_for_delivery(UnixTime(at), 10).await.expect("it is asked")
}

pub(super) async fn numbers_ascend_and_are_never_used_twice(registry: &dyn Registry) {
    enrol(registry, 1, 1).await;
    for campaign in [1, 2, 3] {
        start(registry, campaign, &[1]).await;
    }
    assert!(!issue(registry, &order(1, 1, 2)).await, "1 comes first");
    assert!(issue(registry, &order(1, 1, 1)).await);
    assert!(!issue(registry, &order(1, 1, 1)).await, "it is there already");
    assert!(!issue(registry, &order(2, 1, 1)).await, "1 is used");
    let other_epoch = NewOrder { epoch: 2, ..order(2, 1, 2) };
    assert!(!issue(registry, &other_epoch).await, "it is not in epoch 2");
    assert!(issue(registry, &order(2, 1, 2)).await);
    let numbering = registry.numbering(&[terminal_id(1), terminal_id(2)]).await;
    let numbering = numbering.expect("it is read");
    let claimed_at = numbering[0].claimed_at;
    let (epoch, order_seq, approved_seq) = (1, 2, 0);
    let terminal = terminal_id(1);
    let expected = Numbering { terminal, epoch, order_seq, approved_seq, claimed_at };
    assert_eq!(numbering, [expected]);
    assert!(claimed_at.is_some(), "it enrolled by a claim");
    registry.revoke_terminal(terminal_id(1), &by("op", 3)).await.expect("it is revoked");
    assert!(!issue(registry, &order(3, 1, 3)).await, "nothing is ordered of a revoked terminal");
}

pub(super) async fn orders_are_made_only_while_the_campaign_allows_it(registry: &dyn Registry) {
    enrol(registry, 1, 1).await;
    let running = start(registry, 1, &[1]).await;
    let cancel = NewOrder { purpose: Purpose::Cancel, ..order(1, 1, 1) };
    let orders = std::slice::from_ref(&cancel);
    let early = registry.issue(campaign_id(1), Purpose::Cancel, orders, NOW).await;
    assert!(matches!(early, Err(RegistryError::CampaignMoved { .. })));
    let paused = registry.move_campaign(&running, CampaignEvent::Pause, &by("op", 12)).await;
    paused.expect("it is paused");
    let orders = [order(1, 1, 1)];
    let late = registry.issue(campaign_id(1), Purpose::Change, &orders, NOW).await;
    assert!(matches!(late, Err(RegistryError::CampaignMoved { .. })));
    let none = registry.assignments(campaign_id(1), &Page::first(9)).await;
    assert!(none.expect("they are listed").is_empty());
}

pub(super) async fn an_order_is_owed_until_it_is_answered(registry: &dyn Registry) {
    let order = one_order(registry).await;
    assert!(due(registry, 1000).await.is_empty(), "it has never been online");
    registry.apply(&[greeting(hello(1, 0), 40)]).await.expect("it is applied");
    assert!(due(registry, 39).await.is_empty());
    assert_eq!(due(registry, 40).await, [terminal_id(1)]);
    let first = owed(registry, 8).await;
    assert_eq!((first[0].order, first[0].sends, first[0].sent_at), (order, 0, None));
    assert_eq!(first[0].parcel.order.as_slice(), [1, 1]);
    assert_eq!(first[0].parcel.batch.as_slice(), [1; 3]);
    assert_eq!(first[0].parcel.release, None);
    let sent = Delivered {
        terminal: terminal_id(1),
        seen: vec![order],
        orders: vec![order],
        again_at: Some(UnixTime(100)),
    };
    registry.delivered(&[sent], UnixTime(41)).await.expect("it is noted");
    assert!(due(registry, 99).await.is_empty());
    assert_eq!(due(registry, 100).await, [terminal_id(1)]);
    let again = owed(registry, 8).await;
    assert_eq!((again[0].sends, again[0].sent_at), (1, Some(UnixTime(41))));
    registry.apply(&[greeting(hello(1, 1), 60)]).await.expect("it is applied");
    assert_eq!(due(registry, 60).await, [terminal_id(1)], "a new connection hears it again");
    assert_eq!(owed(registry, 8).await[0].sent_at, None);
    let accepted = heard(1, said(order, Said::Accepted, 70));
    registry.apply(&[accepted]).await.expect("it is applied");
    assert!(owed(registry, 8).await.is_empty());
}

pub(super) async fn an_order_that_is_made_while_others_are_sent_is_not_forgotten(
    registry: &dyn Registry,
) {
    let first = one_order(registry).await;
    start(registry, 2, &[1]).await;
    registry.apply(&[greeting(hello(1, 0), 20)]).await.expect("it is applied");
    assert_eq!(owed(registry, 8).await.len(), 1, "the step looks, and sees the first");
    assert!(issue(registry, &order(2, 1, 2)).await, "in the same second another is made");
    let sent = |seen| Delivered {
        terminal: terminal_id(1),
        seen,
        orders: vec![first],
        again_at: Some(UnixTime(50)),
    };
    registry.delivered(&[sent(vec![first])], UnixTime(20)).await.expect("it is noted");
    assert_eq!(due(registry, 20).await, [terminal_id(1)], "the second still waits");
    let both = vec![first, order_id(2, 1, 1)];
    registry.delivered(&[sent(both)], UnixTime(20)).await.expect("it is noted");
    assert!(due(registry, 49).await.is_empty());
}

pub(super) async fn at_most_so_many_are_owed_at_a_time_and_the_oldest_first(
    registry: &dyn Registry,
) {
    enrol(registry, 1, 1).await;
    for campaign in 1..=5 {
        start(registry, campaign, &[1]).await;
        assert!(issue(registry, &order(campaign, 1, u64::from(campaign))).await);
    }
    let first: Vec<_> = owed(registry, 3).await.iter().map(|it| it.order).collect();
    assert_eq!(first, [order_id(1, 1, 1), order_id(2, 1, 1), order_id(3, 1, 1)]);
    let expired = registry.owed(&[terminal_id(1)], 3, FOREVER).await.expect("it is asked");
    assert!(expired.is_empty(), "what has run out is not sent");
}

pub(super) async fn a_paused_campaign_sends_nothing_and_a_resumed_one_sends_again(
    registry: &dyn Registry,
) {
    one_order(registry).await;
    registry.apply(&[greeting(hello(1, 0), 40)]).await.expect("it is applied");
    let running = registry.campaign(campaign_id(1)).await.expect("it is looked up");
    let running = running.expect("it is there");
    let pause = registry.move_campaign(&running, CampaignEvent::Pause, &by("op", 41)).await;
    let paused = pause.expect("it is paused");
    assert!(owed(registry, 8).await.is_empty());
    let nothing =
        Delivered { terminal: terminal_id(1), seen: vec![], orders: vec![], again_at: None };
    registry.delivered(&[nothing], UnixTime(42)).await.expect("it is noted");
    assert!(due(registry, 1000).await.is_empty());
    let resumed = registry.move_campaign(&paused, CampaignEvent::Resume, &by("op", 43)).await;
    resumed.expect("it is resumed");
    assert_eq!(due(registry, 43).await, [terminal_id(1)]);
    assert_eq!(owed(registry, 8).await.len(), 1);
}

pub(super) async fn an_aborted_campaign_sends_only_what_cancels_it(registry: &dyn Registry) {
    one_order(registry).await;
    let running = registry.campaign(campaign_id(1)).await.expect("it is looked up");
    let running = running.expect("it is there");
    let aborted = registry.move_campaign(&running, CampaignEvent::Abort, &by("op", 41)).await;
    aborted.expect("it is aborted");
    assert!(owed(registry, 8).await.is_empty());
    let to_cancel = async || {
        let found = registry.assignments_to_cancel(campaign_id(1), 10).await;
        found.expect("they are found").len()
    };
    assert_eq!(to_cancel().await, 1);
    registry.put_batch(&batch(1, Purpose::Cancel)).await.expect("it is stored");
    let cancel = NewOrder {
        id: order_id(1, 1, 200),
        purpose: Purpose::Cancel,
        batch: batch(1, Purpose::Cancel).digest,
        ..order(1, 1, 2)
    };
    assert!(issue(registry, &cancel).await);
    assert_eq!(to_cancel().await, 0);
    for (id, by) in [(order_id(1, 1, 1), Some(cancel.id)), (cancel.id, None)] {
        let stored = registry.order(id).await.expect("it is looked up").expect("it is found");
        assert_eq!(stored.cancelled_by, by);
    }
    assert_eq!(owed(registry, 8).await.iter().map(|it| it.order).collect::<Vec<_>>(), [cancel.id]);
    let done = heard(1, finished(cancel.id, succeeded(), 60));
    registry.apply(&[done]).await.expect("it is applied");
    assert!(owed(registry, 8).await.is_empty());
    let tally = registry.campaign_tally(campaign_id(1)).await.expect("it is told");
    assert_eq!(tally.by_state.into_iter().collect::<Vec<_>>(), [(AssignmentState::Cancelled, 1)]);
}

pub(super) async fn what_the_controller_learns_is_counted(registry: &dyn Registry) {
    let order = one_order(registry).await;
    let in_state = async |state, before| {
        let before = UnixTime(before);
        let found = registry.assignments_since(campaign_id(1), state, before, false, 9).await;
        found.expect("they are found").len()
    };
    assert_eq!(in_state(AssignmentState::Ordered, 20).await, 0);
    assert_eq!(in_state(AssignmentState::Ordered, 21).await, 1);
    let facts = [(order, Fact::Unanswered(UnixTime(25)))];
    for _ in 0..2 {
        registry.learn(&facts, UnixTime(25)).await.expect("it is noted");
    }
    assert_eq!(in_state(AssignmentState::Ordered, 21).await, 0);
    assert_eq!(in_state(AssignmentState::Unanswered, 26).await, 1);
    assert!(owed(registry, 8).await.is_empty(), "it has lent its place");
    let grant = async |at| registry.grant(campaign_id(1), &[order], UnixTime(at)).await;
    assert_eq!(grant(26).await.expect("it is asked"), [order]);
    assert_eq!(grant(26).await.expect("it is asked"), [], "it has it already");
    assert_eq!(in_state(AssignmentState::Ordered, 27).await, 1, "since it has its place again");
    assert_eq!(owed(registry, 8).await.len(), 1, "it is sent again");
    let again = [(order, Fact::Unanswered(UnixTime(27)))];
    registry.learn(&again, UnixTime(27)).await.expect("it is noted");
    assert!(owed(registry, 8).await.is_empty());
    let given_up = GivenUp { as_what: Unheard::Unreached, at: UnixTime(28) };
    registry.learn(&[(order, Fact::GivenUp(given_up))], UnixTime(28)).await.expect("it is noted");
    assert!(owed(registry, 8).await.is_empty());
    let tally = registry.campaign_tally(campaign_id(1)).await.expect("it is told");
    assert_eq!((tally.open(), tally.bad(), tally.attempted(), tally.released()), (0, 0, 0, 1));
}
