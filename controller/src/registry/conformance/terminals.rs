//! Claims, enrolment, and the lives of terminals.

use std::collections::BTreeMap;

use shared::digest::Digest;
use shared::document::order::Stream;
use shared::outcome::Outcome;
use shared::owed::SUSPENDED;
use shared::time::UnixTime;

use super::fixture::*;
use super::followed;
use crate::registry::campaign::NewCampaign;
use crate::registry::delivery::{AlarmKind, NewOrder, Report};
use crate::registry::page::Page;
use crate::registry::terminal::{
    Certificate, Claim, ClaimRefusal, ClaimState, Enrolled, Enrolment, NewClaim, Presence, Service,
    Unit, WRONG_GUESSES_MAX,
};
use crate::registry::{Registry, RegistryError};
use crate::terminal::label::LABELS_MAX;

async fn enrolled(registry: &dyn Registry, enrolment: &Enrolment, at: i64) -> Enrolled {
    registry.enrol(enrolment, &by("enrolment", at)).await.expect("the registry answers")
}

pub(super) async fn a_claim_announces_its_terminal_and_a_later_one_replaces_it(
    registry: &dyn Registry,
) {
    let first = registry.add_claim(&claim(1, 1), &by("op", 1)).await.expect("it is made");
    assert_eq!((first.terminal, first.state), (terminal_id(1), ClaimState::Open));
    assert_eq!((first.created_by.as_str(), first.created_at), ("op", UnixTime(1)));
    let mut again = claim(1, 2);
    // The same unit: whatever id the caller proposes, the terminal keeps its own.
    again.terminal = terminal_id(99);
    let second = registry.add_claim(&again, &by("op", 2)).await.expect("it is made");
    assert_eq!(second.terminal, terminal_id(1));
    let first = registry.claim(first.id).await.expect("it is looked up");
    assert_eq!(first.map(|it| it.state), Some(ClaimState::Replaced));
    let newest = registry.claim_by_serial("SN-001").await.expect("it is looked up");
    assert_eq!(newest.map(|it| it.id), Some(second.id));
    assert_eq!(registry.claim_by_serial("SN-404").await.expect("it is looked up"), None);
    let claims = registry.claims(&Page::first(10)).await.expect("they are listed");
    assert_eq!(claims.iter().map(|it| it.id).collect::<Vec<_>>(), [claim(1, 2).id, claim(1, 1).id]);
    let older = registry.claims(&Page::after(claims[0].id, 10)).await.expect("they are listed");
    assert_eq!(older.len(), 1);

    let terminal = registry.terminal(terminal_id(1)).await.expect("it is looked up");
    let terminal = terminal.expect("it was announced");
    assert_eq!((terminal.unit, terminal.presence), (Unit::Claimed, Presence::NeverSeen));
    assert_eq!((terminal.epoch, terminal.public_key), (0, None));
    assert_eq!(terminal.labels["ring"], "canary");
    let by_serial = registry.terminal_by_serial("SN-001").await.expect("it is looked up");
    assert_eq!(by_serial, Some(terminal));
}

pub(super) async fn labels_are_set_and_taken_away_one_by_one(registry: &dyn Registry) {
    registry.add_claim(&claim(1, 1), &by("op", 1)).await.expect("it is made");
    let kernel = || ("kernel".to_owned(), Some("7".to_owned()));
    let label = async |labels: &BTreeMap<_, _>| {
        let labelled = registry.label_terminal(terminal_id(1), labels, &by("op", 2)).await;
        labelled.expect("it is known").labels
    };
    let both = label(&[kernel()].into()).await;
    let keys: Vec<_> = both.keys().map(String::as_str).collect();
    assert_eq!(keys, ["kernel", "ring"]);
    let audited = async || {
        let entries = registry.audit(&Page::first(99)).await.expect("it is read");
        entries.into_iter().filter(|it| it.what == "terminal-labelled").map(|it| it.object)
    };
    let of = |changed: &str| format!("{} {changed}", terminal_id(1));
    assert_eq!(audited().await.collect::<Vec<_>>(), [of("kernel=7")]);
    assert_eq!(label(&[kernel()].into()).await, both, "again");
    assert_eq!(audited().await.count(), 1, "nothing was changed, and nothing is said of it");
    let none = |key: &str| (key.to_owned(), None);
    let one = label(&[none("ring"), none("none"), kernel()].into()).await;
    assert_eq!(one, [("kernel".to_owned(), "7".to_owned())].into());
    let mut changed: Vec<_> = audited().await.collect();
    changed.sort();
    assert_eq!(changed, [of("kernel=7"), of("ring-")], "only what was changed");
    let kept = registry.terminal(terminal_id(1)).await.expect("it is looked up");
    assert_eq!(kept.map(|it| it.labels), Some(one));
    let nobody = registry.label_terminal(terminal_id(9), &[].into(), &by("op", 3)).await;
    assert!(matches!(nobody, Err(RegistryError::Missing { what: "terminal", .. })), "{nobody:?}");
}

pub(super) async fn a_terminal_has_at_most_so_many_labels_after_a_change(registry: &dyn Registry) {
    // It has one label by its claim.
    registry.add_claim(&claim(1, 1), &by("op", 1)).await.expect("it is made");
    let label = async |wish: BTreeMap<String, Option<String>>| {
        registry.label_terminal(terminal_id(1), &wish, &by("op", 2)).await
    };
    let set = |number: usize| (format!("k{number}"), Some("v".to_owned()));
    let full = label((1..LABELS_MAX).map(set).collect()).await.expect("there is room");
    assert_eq!(full.labels.len(), LABELS_MAX);
    let over = label([set(LABELS_MAX)].into()).await;
    let RegistryError::TooManyLabels { terminal, count } = over.expect_err("there is no room")
    else {
        panic!("it is refused for something else")
    };
    assert_eq!((terminal, count), (terminal_id(1), LABELS_MAX + 1));
    let kept = registry.terminal(terminal_id(1)).await.expect("it is looked up");
    assert_eq!(kept.map(|it| it.labels), Some(full.labels));
    let instead = label([("ring".to_owned(), None), set(LABELS_MAX)].into()).await;
    assert_eq!(instead.expect("one goes and one comes").labels.len(), LABELS_MAX);
    let refused = registry.add_claim(&claim(1, 2), &by("op", 3)).await;
    let is_full = matches!(refused, Err(RegistryError::TooManyLabels { .. }));
    assert!(is_full, "its label is one too many: {refused:?}");
}

pub(super) async fn labels_stay_when_a_terminal_enrols_again(registry: &dyn Registry) {
    enrol(registry, 1, 1).await;
    let set = |key: &str, value: &str| (key.to_owned(), Some(value.to_owned()));
    let wish = [set("ring", "late"), set("hardware", "rev2")].into();
    registry.label_terminal(terminal_id(1), &wish, &by("op", 2)).await.expect("it is known");
    let has = |labels: &BTreeMap<String, String>| {
        labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>()
    };
    let bare = NewClaim { labels: BTreeMap::new(), ..claim(1, 2) };
    registry.add_claim(&bare, &by("op", 3)).await.expect("it is made");
    let Enrolled::Done(same) = enrolled(registry, &enrolment(bare.id, 1), 4).await else {
        panic!("refused")
    };
    assert_eq!(
        (same.epoch, has(&same.labels)),
        (2, vec!["hardware=rev2".into(), "ring=late".into()])
    );
    // The next claim names one of them.
    let again = enrol(registry, 1, 3).await;
    assert_eq!(has(&again.labels), ["hardware=rev2", "ring=canary"]);
}

pub(super) async fn a_claim_is_used_once_and_again_only_by_the_same_key(registry: &dyn Registry) {
    let new = claim(1, 1);
    registry.add_claim(&new, &by("op", 1)).await.expect("it is made");
    let mut ours = enrolment(new.id, 1);
    let Enrolled::Done(terminal) = enrolled(registry, &ours, 2).await else { panic!("refused") };
    assert_eq!((terminal.unit, terminal.epoch), (Unit::Enrolled, 1));
    assert_eq!(terminal.public_key, Some(key(1)));
    ours.certificate =
        Certificate { fingerprint: Digest::of(b"second"), expires_at: UnixTime(6000) };
    let Enrolled::Done(again) = enrolled(registry, &ours, 3).await else { panic!("refused") };
    assert_eq!((again.epoch, again.certificate), (1, Some(ours.certificate)));
    let theirs = Enrolment { spki: Digest::of(b"theirs"), ..ours.clone() };
    let refused = enrolled(registry, &theirs, 4).await;
    assert_eq!(refused, Enrolled::Refused(ClaimRefusal::UsedByAnother));
    let refused = enrolled(registry, &ours, 1000).await;
    assert_eq!(refused, Enrolled::Refused(ClaimRefusal::Expired { at: UnixTime(1000) }));
    let claim = registry.claim(new.id).await.expect("it is looked up").expect("it is there");
    assert_eq!(claim.state, ClaimState::Used { spki: ours.spki, at: UnixTime(2) });
}

pub(super) async fn the_sixth_guess_finds_a_claim_shut(registry: &dyn Registry) {
    let new = claim(1, 1);
    registry.add_claim(&new, &by("op", 1)).await.expect("it is made");
    let mut states = Vec::new();
    for _ in 0..WRONG_GUESSES_MAX {
        let Claim { state, .. } =
            registry.wrong_guess(new.id, &by("somebody", 2)).await.expect("it is counted");
        states.push(state);
    }
    assert_eq!(states[3..], [ClaimState::Open, ClaimState::Locked]);
    let refused = enrolled(registry, &enrolment(new.id, 1), 3).await;
    assert_eq!(refused, Enrolled::Refused(ClaimRefusal::Locked));
}

pub(super) async fn a_new_enrolment_begins_an_epoch_and_voids_older_orders(
    registry: &dyn Registry,
) {
    one_order(registry).await;
    let terminal = enrol(registry, 1, 2).await;
    assert_eq!(terminal.epoch, 2);
    let owed = registry.owed(&[terminal.id], 8, UnixTime(30)).await.expect("it is asked");
    assert!(owed.is_empty());
    let voided = registry.assignments_voided(campaign_id(1), 10).await.expect("they are found");
    assert_eq!(voided.len(), 1);
    let mut next = order(1, 1, 1);
    (next.id, next.epoch, next.attempt) = (order_id(1, 1, 2), 2, 2);
    assert!(issue(registry, &next).await, "numbers begin again in the new epoch");
    let voided = registry.assignments_voided(campaign_id(1), 10).await.expect("they are found");
    assert!(voided.is_empty());
    let tally = registry.campaign_tally(campaign_id(1)).await.expect("it is told");
    assert_eq!((tally.released(), tally.open()), (1, 1));
}

pub(super) async fn what_was_signed_before_a_new_enrolment_counts_for_orders_of_its_epoch(
    registry: &dyn Registry,
) {
    enrol(registry, 1, 1).await;
    let stop = followed::ordered(registry, 1, followed::suspend(30)).await;
    let again = claim(1, 2);
    registry.add_claim(&again, &by("op", 1)).await.expect("it is made");
    enrolled(registry, &enrolment(again.id, 7), 2).await;
    let keys = async || registry.terminal_keys(&[terminal_id(1)]).await.expect("they are found");
    let id = terminal_id(1);
    assert_eq!(keys().await, [(id, 1, key(1)), (id, 2, key(7))]);
    let sent = {
        let new = NewCampaign { change: followed::resume(), ..new_campaign(2) };
        start_of(registry, 2, &new, &[1]).await;
        NewOrder { epoch: 2, stream: Stream::Approved, ..order(2, 1, 1) }
    };
    assert!(issue(registry, &sent).await);
    let service = async || {
        let it = registry.terminal(terminal_id(1)).await.expect("it is asked");
        it.expect("it is known").service
    };
    let earlier = |order| {
        let outcome = Outcome::Succeeded { now: SUSPENDED.to_owned() };
        let Report::Receipt { receipt, signed } = finished(order, outcome, 20) else {
            panic!("it is a receipt");
        };
        Report::OfEarlierKey { receipt, signed }
    };
    followed::hear(registry, 1, earlier(stop)).await;
    assert_eq!(service().await, Service::Suspended);
    assert!(registry.alarms(&Page::first(9)).await.expect("a list").is_empty());
    followed::hear(registry, 2, earlier(sent.id)).await;
    assert_eq!(service().await, Service::Suspended, "its key was another one by then");
    let alarms = registry.alarms(&Page::first(9)).await.expect("a list");
    let kinds: Vec<_> = alarms.iter().map(|(_, it)| it.kind).collect();
    assert_eq!(kinds, [AlarmKind::UnprovenReceipt]);
    assert!(registry.receipts(sent.id).await.expect("a list").is_empty());
    registry.revoke_terminal(terminal_id(1), &by("op", 3)).await.expect("it is revoked");
    assert_eq!(keys().await, [], "whoever has its keys may sign as it likes");
}

pub(super) async fn a_place_has_one_enrolled_terminal(registry: &dyn Registry) {
    for number in [1, 2] {
        let new = NewClaim { lane: Some("lane 3".to_owned()), ..claim(number, 1) };
        registry.add_claim(&new, &by("op", 1)).await.expect("it is made");
    }
    let first = enrolled(registry, &enrolment(claim(1, 1).id, 1), 2).await;
    assert!(matches!(first, Enrolled::Done(_)));
    let second = enrolled(registry, &enrolment(claim(2, 1).id, 2), 2).await;
    let taken = ClaimRefusal::PlaceTaken { by: terminal_id(1) };
    assert_eq!(second, Enrolled::Refused(taken));
    registry.revoke_terminal(terminal_id(1), &by("op", 3)).await.expect("it is revoked");
    let second = enrolled(registry, &enrolment(claim(2, 1).id, 2), 4).await;
    assert!(matches!(second, Enrolled::Done(_)));
}

pub(super) async fn terminals_are_counted_as_they_live(registry: &dyn Registry) {
    let tally = async || registry.fleet_tally().await.expect("it is told");
    registry.add_claim(&claim(1, 1), &by("op", 1)).await.expect("it is made");
    registry.add_claim(&claim(1, 2), &by("op", 1)).await.expect("it is made");
    assert_eq!((tally().await.claimed, tally().await.enrolled), (1, 0));
    enrol(registry, 1, 3).await;
    enrol(registry, 2, 1).await;
    assert_eq!((tally().await.claimed, tally().await.enrolled), (0, 2));
    for number in [1, 2] {
        let hello = greeting_of(terminal_id(number), hello(1, 0), 100);
        registry.apply(&[hello]).await.expect("it is applied");
    }
    assert_eq!(tally().await.online, 2);
    for _ in 0..2 {
        let revoked = registry.revoke_terminal(terminal_id(1), &by("op", 3)).await;
        let revoked = revoked.expect("it is revoked");
        assert_eq!((revoked.unit, revoked.presence), (Unit::Revoked, Presence::Offline));
        assert_eq!(tally().await.online, 1, "who is revoked counts as gone");
    }
    assert_eq!((tally().await.enrolled, tally().await.revoked), (1, 1));
}

pub(super) async fn terminals_come_in_pages(registry: &dyn Registry) {
    for number in 1..=5 {
        registry.add_claim(&claim(number, 1), &by("op", 1)).await.expect("it is made");
    }
    let mut page = Page::first(2);
    let mut seen = Vec::new();
    loop {
        let terminals = registry.terminals(&page).await.expect("they are listed");
        let Some(last) = terminals.last() else { break };
        assert!(terminals.len() <= 2);
        page = Page::after(last.id, 2);
        seen.extend(terminals.iter().map(|it| it.id));
    }
    assert_eq!(seen, (1..=5).map(terminal_id).collect::<Vec<_>>());
    let wanted = [terminal_id(4), terminal_id(2), terminal_id(77)];
    let some = registry.terminals_of(&wanted).await.expect("they are found");
    assert_eq!(some.iter().map(|it| it.id).collect::<Vec<_>>(), [terminal_id(2), terminal_id(4)]);
}

pub(super) async fn a_terminal_that_says_nothing_becomes_offline(registry: &dyn Registry) {
    enrol(registry, 1, 1).await;
    registry.apply(&[greeting(hello(1, 0), 100)]).await.expect("it is applied");
    assert_eq!(registry.mark_silent(UnixTime(100), 10).await.expect("it is asked"), 0);
    assert_eq!(registry.mark_silent(UnixTime(101), 10).await.expect("it is asked"), 1);
    assert_eq!(registry.mark_silent(UnixTime(101), 10).await.expect("it is asked"), 0);
    let terminal = registry.terminal(terminal_id(1)).await.expect("it is looked up");
    assert_eq!(terminal.map(|it| it.presence), Some(Presence::Offline));
    assert_eq!(registry.fleet_tally().await.expect("it is told").online, 0);
}
