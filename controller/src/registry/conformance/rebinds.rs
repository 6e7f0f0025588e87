//! Changes of provider: profiles, parcels, notices and letters.

use std::collections::BTreeMap;

use shared::digest::Digest;
use shared::document::profile::Enclosed;
use shared::membership::Membership;
use shared::time::UnixTime;

use super::fixture::*;
use crate::campaign::state::CampaignState;
use crate::registry::Registry;
use crate::registry::campaign::{AfterStart, NewCampaign, Purpose, Start};
use crate::registry::page::Page;
use crate::registry::rebind::{NewRebind, NewWave, Notice, Paper};

fn enclosed(number: u8) -> Enclosed {
    let path = vec![Digest([number; 32]), Digest([number + 100; 32])];
    Enclosed { profile: vec![number; 5].into(), path }
}

fn notice(party: &str, sent_at: i64) -> Notice {
    Notice {
        party: party.to_owned(),
        channel: "letter".to_owned(),
        reference: "R 1".to_owned(),
        sent_at: UnixTime(sent_at),
        delivered_at: None,
        acknowledged_at: None,
    }
}

fn wave(campaign: u8, members: &[u8]) -> NewWave {
    let profiles = members.iter().map(|number| (terminal_id(*number), enclosed(*number)));
    NewWave { campaign: new_campaign(campaign), profiles: profiles.collect() }
}

/// Terminals 1 to 3 are enrolled; the first wave, campaign 1, is for 1 and 3, the second for 2.
async fn two_waves(registry: &dyn Registry) {
    for number in [1, 2, 3] {
        enrol(registry, number, 1).await;
    }
    let new = NewRebind {
        waves: vec![wave(1, &[3, 1]), wave(2, &[2])],
        plan: "{}".to_owned(),
        notices: vec![notice("bank", 5)],
    };
    registry.add_rebind(&new, &by("op", 10)).await.expect("it is added");
}

async fn start_first(registry: &dyn Registry) {
    let members = vec![terminal_id(1), terminal_id(3)];
    let start = Start {
        root: Membership::of(members.iter().copied()).root(),
        members,
        batch: batch(1, Purpose::Change),
        not_after: FOREVER,
        then: AfterStart::Run,
    };
    let started = registry.start_campaign(campaign_id(1), &start, &by("op", 11)).await;
    started.expect("it is started");
}

pub(super) async fn a_change_of_provider_is_found_by_any_of_its_waves(registry: &dyn Registry) {
    two_waves(registry).await;
    for number in [1, 2] {
        let campaign = registry.campaign(campaign_id(number)).await.expect("it is looked up");
        assert_eq!(campaign.map(|it| it.state), Some(CampaignState::Draft));
        let found = registry.rebind_of(campaign_id(number)).await.expect("it is looked up");
        let found = found.expect("it is found");
        assert_eq!((found.id, found.plan.as_str()), (campaign_id(1), "{}"));
        assert_eq!(found.waves, [campaign_id(1), campaign_id(2)]);
        assert_eq!((found.created_at, found.created_by.as_str()), (UnixTime(10), "op"));
        assert_eq!(found.notices, [notice("bank", 5)]);
    }
    registry.add_campaign(&new_campaign(3), &by("op", 12)).await.expect("it is created");
    let other = registry.rebind_of(campaign_id(3)).await.expect("it is looked up");
    assert_eq!(other, None, "another kind of campaign");
    let again = NewRebind { waves: vec![wave(4, &[1])], plan: "{}".to_owned(), notices: vec![] };
    registry.add_rebind(&again, &by("op", 13)).await.expect("it is added");
    let listed = registry.rebinds(&Page::first(9)).await.expect("they are listed");
    assert_eq!(listed, [campaign_id(4), campaign_id(1)]);
    let listed = registry.rebinds(&Page::after(campaign_id(4), 9)).await.expect("they are listed");
    assert_eq!(listed, [campaign_id(1)]);
}

pub(super) async fn profiles_are_kept_by_terminal_and_go_with_their_orders(
    registry: &dyn Registry,
) {
    two_waves(registry).await;
    let page = Page::first(9);
    let all = registry.profiles(campaign_id(1), &page).await.expect("they are listed");
    assert_eq!(all, [(terminal_id(1), enclosed(1)), (terminal_id(3), enclosed(3))]);
    let page = Page::after(terminal_id(1), 9);
    let rest = registry.profiles(campaign_id(1), &page).await.expect("they are listed");
    assert_eq!(rest, [(terminal_id(3), enclosed(3))]);
    start_first(registry).await;
    registry
        .add_campaign(&NewCampaign { id: campaign_id(7), ..new_campaign(7) }, &by("op", 12))
        .await
        .expect("it is created");
    assert!(issue(registry, &order(1, 1, 1)).await && issue(registry, &order(1, 3, 1)).await);
    let owed = registry.owed(&[terminal_id(1), terminal_id(3)], 9, UnixTime(20)).await;
    let owed: BTreeMap<_, _> =
        owed.expect("they are owed").into_iter().map(|it| (it.terminal, it.parcel)).collect();
    for number in [1, 3] {
        let parcel = &owed[&terminal_id(number)];
        assert_eq!(parcel.profile, Some(enclosed(number)), "each gets its own");
        let stored = registry.order(order_id(1, number, 1)).await.expect("it is looked up");
        let stored = stored.expect("it is found");
        assert_eq!((stored.terminal, stored.campaign), (terminal_id(number), campaign_id(1)));
        assert_eq!((stored.purpose, &stored.signed), (Purpose::Change, &parcel.order));
        assert_eq!((&stored.batch, &stored.profile), (&parcel.batch, &parcel.profile));
        assert_eq!(stored.release, None);
    }
    let stranger = registry.order(order_id(1, 2, 1)).await.expect("it is looked up");
    assert_eq!(stranger, None);
}

pub(super) async fn another_order_brings_no_profile(registry: &dyn Registry) {
    let id = one_order(registry).await;
    let owed = registry.owed(&[terminal_id(1)], 9, UnixTime(20)).await.expect("it is owed");
    assert_eq!(owed[0].parcel.profile, None);
    let stored = registry.order(id).await.expect("it is looked up").expect("it is found");
    assert_eq!(stored.profile, None);
}

pub(super) async fn notices_are_replaced_and_letters_are_kept_once(registry: &dyn Registry) {
    two_waves(registry).await;
    let id = campaign_id(1);
    let known = Notice { acknowledged_at: Some(UnixTime(9)), ..notice("bank", 6) };
    for told in [&known, &notice("store", 7)] {
        registry.put_notice(id, told, &by("op", 20)).await.expect("it is kept");
    }
    let found = registry.rebind_of(id).await.expect("it is looked up").expect("it is found");
    assert_eq!(found.notices, [known, notice("store", 7)]);
    let paper = |html: &str, made_at| Paper {
        party: "bank".to_owned(),
        digest: Digest::of(html.as_bytes()),
        html: html.to_owned(),
        made_at: UnixTime(made_at),
        made_by: "op".to_owned(),
    };
    for made in [paper("one", 30), paper("two", 31), paper("one", 32)] {
        registry.add_paper(id, &made, &by("op", made.made_at.0)).await.expect("it is kept");
    }
    let papers = registry.papers(id).await.expect("they are listed");
    assert_eq!(papers, [paper("one", 30), paper("two", 31)]);
    let audit = registry.audit(&Page::first(1000)).await.expect("it is read");
    let count = |what: &str| audit.iter().filter(|entry| entry.what == what).count();
    assert_eq!((count("rebind-created"), count("notice-recorded")), (1, 3));
    assert_eq!(count("letter-made"), 2, "the same letter is not made twice");
}
