//! The lives of campaigns.

use std::collections::BTreeMap;

use shared::time::UnixTime;

use super::fixture::*;
use crate::campaign::plan::Held;
use crate::campaign::state::{CampaignEvent, CampaignState};
use crate::registry::campaign::{Issue, Purpose, StoredBatch};
use crate::registry::page::Page;
use crate::registry::{Registry, RegistryError};

pub(super) async fn a_campaign_keeps_what_it_was_created_with(registry: &dyn Registry) {
    let new = new_campaign(1);
    let created = registry.add_campaign(&new, &by("op", 10)).await.expect("it is created");
    assert_eq!((created.id, &created.name), (new.id, &new.name));
    assert_eq!((&created.change, &created.selector), (&new.change, &new.selector));
    assert_eq!((created.max_parallel, created.lifetime_s), (100, 3600));
    assert_eq!((created.salt, created.state), (new.salt, CampaignState::Draft));
    assert_eq!((created.created_by.as_str(), created.created_at), ("op", UnixTime(10)));
    assert_eq!((created.frozen, created.ended_at), (None, None));
    let found = registry.campaign(new.id).await.expect("it is looked up");
    assert_eq!(found, Some(created));
    registry.add_campaign(&new_campaign(2), &by("op", 11)).await.expect("it is created");
    let listed = registry.campaigns(&Page::first(1)).await.expect("they are listed");
    assert_eq!(listed[0].id, campaign_id(2));
    let listed = registry.campaigns(&Page::after(listed[0].id, 9)).await.expect("they are listed");
    assert_eq!(listed.iter().map(|it| it.id).collect::<Vec<_>>(), [campaign_id(1)]);
}

pub(super) async fn members_are_frozen_at_the_start(registry: &dyn Registry) {
    for number in [1, 2, 3] {
        enrol(registry, number, 1).await;
    }
    let started = start(registry, 1, &[1, 3]).await;
    let frozen = started.frozen.expect("it is frozen");
    assert_eq!((frozen.members, frozen.not_after), (2, FOREVER));
    assert_eq!((frozen.started_at, started.state), (UnixTime(11), CampaignState::Running));
    assert_eq!(frozen.batch, batch(1, Purpose::Change).digest);
    let members = registry.members(campaign_id(1)).await.expect("they are listed");
    assert_eq!(members, [terminal_id(1), terminal_id(3)]);
    for (after, expected) in [
        (None, &members[..1]),
        (Some(terminal_id(0)), &members[..1]),
        (Some(terminal_id(1)), &members[1..]),
        (Some(terminal_id(2)), &members[1..]),
        (Some(terminal_id(3)), &[]),
    ] {
        let page = Page { after, limit: 1 };
        let some = registry.members_page(campaign_id(1), &page).await.expect("they are listed");
        assert_eq!(some, expected, "after {after:?}");
    }
    let stored =
        registry.batch(campaign_id(1), Purpose::Change, Issue::FIRST).await.expect("it is found");
    assert_eq!(stored, Some(batch(1, Purpose::Change)));
    let stored = registry
        .batch(campaign_id(1), Purpose::Cancel, Issue::FIRST)
        .await
        .expect("it is looked up");
    assert_eq!(stored, None);
    let again = batch(1, Purpose::Cancel);
    assert_eq!(registry.put_batch(&again).await.expect("it is stored"), again);
    let mut other = again.clone();
    other.signed = shared::message::SignedBytes::new(vec![9]);
    assert_eq!(registry.put_batch(&other).await.expect("the first one stays"), again);
}

async fn members(registry: &dyn Registry) -> Vec<u8> {
    let members = registry.members(campaign_id(1)).await.expect("they are listed");
    members.iter().map(|id| id.as_bytes()[15]).collect()
}

pub(super) async fn who_joins_a_running_campaign_is_a_member_of_it(registry: &dyn Registry) {
    for number in 1..=5 {
        enrol(registry, number, 1).await;
    }
    let running = start(registry, 1, &[2, 4]).await;
    let join = async |seen, numbers: &[u8]| {
        let joiners: Vec<_> = numbers.iter().map(|number| (terminal_id(*number), 0)).collect();
        registry.join(seen, &joiners, &by("plan", 12)).await
    };
    assert_eq!(join(&running, &[5, 1]).await.expect("they join"), 2);
    assert_eq!(join(&running, &[1, 3]).await.expect("one joins"), 1, "one had before");
    assert_eq!(members(registry).await, [1, 2, 3, 4, 5]);
    let joiners = registry.joiners(campaign_id(1)).await.expect("they are listed");
    assert_eq!(joiners, [1, 3, 5].map(terminal_id));
    let seen = registry.campaign(campaign_id(1)).await.expect("it is looked up");
    let frozen = seen.and_then(|it| it.frozen).expect("it was started");
    assert_eq!((frozen.members, frozen.joined), (5, 3));
    let waves = registry.waves(campaign_id(1)).await.expect("they are listed");
    assert_eq!(waves[0].wave.size, 5);
    let mut page = Page::first(2);
    let mut in_pages = vec![];
    loop {
        let some = registry.members_page(campaign_id(1), &page).await.expect("they are listed");
        let Some(last) = some.last() else { break };
        page = Page::after(*last, 2);
        in_pages.push(some);
    }
    let expected = [vec![1, 2], vec![3, 4], vec![5]];
    assert_eq!(in_pages, expected.map(|it| it.into_iter().map(terminal_id).collect::<Vec<_>>()));
    let nobody = start(registry, 2, &[]).await;
    assert_eq!(registry.members_page(nobody.id, &Page::first(9)).await.expect("none"), []);
    registry.join(&nobody, &[(terminal_id(4), 0)], &by("plan", 12)).await.expect("it joins");
    for after in [None, Some(terminal_id(3))] {
        let page = Page { after, limit: 9 };
        let found = registry.members_page(nobody.id, &page).await.expect("they are listed");
        assert_eq!(found, [terminal_id(4)], "it began with nobody");
    }
    let pause = registry.move_campaign(&running, CampaignEvent::Pause, &by("op", 13)).await;
    let paused = pause.expect("it is paused");
    let refused = join(&paused, &[1]).await;
    assert!(matches!(refused, Err(RegistryError::CampaignMoved { .. })), "{refused:?}");
}

pub(super) async fn who_joined_has_batches_of_its_own(registry: &dyn Registry) {
    for number in 1..=3 {
        enrol(registry, number, 1).await;
    }
    start(registry, 1, &[1]).await;
    let of = |number, joiner: u8| Issue { number, joiner: Some(terminal_id(joiner)) };
    let issues = [of(0, 2), of(1, 2), of(0, 3), Issue { number: 1, joiner: None }];
    for (number, issue) in (7..).zip(issues) {
        let StoredBatch { id, digest, .. } = batch(number, Purpose::Change);
        let new = StoredBatch { id, digest, issue, ..batch(1, Purpose::Change) };
        assert_eq!(registry.put_batch(&new).await.expect("it is stored"), new);
        let found = registry.batch(campaign_id(1), Purpose::Change, issue).await;
        assert_eq!(found.expect("it is looked up"), Some(new));
    }
    let first = registry.batch(campaign_id(1), Purpose::Change, Issue::FIRST).await;
    assert_eq!(first.expect("it is looked up"), Some(batch(1, Purpose::Change)));
}

pub(super) async fn a_campaign_moves_only_from_where_it_was_seen(registry: &dyn Registry) {
    enrol(registry, 1, 1).await;
    let running = start(registry, 1, &[1]).await;
    let pause = registry.move_campaign(&running, CampaignEvent::Pause, &by("op", 12)).await;
    let paused = pause.expect("it is paused");
    assert_eq!((paused.state, paused.state_by.as_str()), (CampaignState::Paused, "op"));
    assert_eq!(paused.state_why, "because");
    let stale = registry.move_campaign(&running, CampaignEvent::Abort, &by("op", 13)).await;
    let Err(RegistryError::CampaignMoved { expected, found, .. }) = stale else {
        panic!("a stale view moved the campaign: {stale:?}");
    };
    assert_eq!((expected, found), (CampaignState::Running, CampaignState::Paused));
    let senseless = registry.move_campaign(&paused, CampaignEvent::Pause, &by("op", 14)).await;
    assert!(matches!(senseless, Err(RegistryError::CampaignRefused { .. })));
    let tally = registry.fleet_tally().await.expect("it is told");
    assert_eq!((tally.campaigns_running, tally.campaigns_paused), (0, 1));
}

pub(super) async fn campaigns_in_motion_are_those_with_something_left_to_do(
    registry: &dyn Registry,
) {
    enrol(registry, 1, 1).await;
    registry.add_campaign(&new_campaign(9), &by("op", 10)).await.expect("it is created");
    let (one, two) = (start(registry, 1, &[1]).await, start(registry, 2, &[1]).await);
    let in_motion = async || {
        let campaigns = registry.campaigns_in_motion().await.expect("they are listed");
        campaigns.iter().map(|it| it.id).collect::<Vec<_>>()
    };
    assert_eq!(in_motion().await, [one.id, two.id]);
    let ended = registry.move_campaign(&one, CampaignEvent::End, &by("plan", 20)).await;
    assert_eq!(ended.expect("it ends").ended_at, Some(UnixTime(20)));
    let aborted = registry.move_campaign(&two, CampaignEvent::Abort, &by("op", 21)).await;
    assert_eq!(aborted.expect("it is aborted").ended_at, None);
    assert_eq!(in_motion().await, [two.id]);
    registry.settle_campaign(two.id, UnixTime(22)).await.expect("it is settled");
    assert!(in_motion().await.is_empty());
    let draft = registry.campaign(campaign_id(9)).await.expect("it is looked up");
    let draft = draft.expect("it is there");
    let aborted = registry.move_campaign(&draft, CampaignEvent::Abort, &by("op", 23)).await;
    assert_eq!(aborted.expect("it is aborted").ended_at, Some(UnixTime(23)));
}

pub(super) async fn reasons_to_hold_back_are_kept(registry: &dyn Registry) {
    registry.add_campaign(&new_campaign(1), &by("op", 10)).await.expect("it is created");
    let held = BTreeMap::from([(Held::Offline, 3), (Held::NoPlace, 40)]);
    for _ in 0..2 {
        registry.put_held(campaign_id(1), &held, &BTreeMap::new()).await.expect("they are noted");
    }
    let campaign = registry.campaign(campaign_id(1)).await.expect("it is looked up");
    assert_eq!(campaign.map(|it| it.held), Some(held));
}
