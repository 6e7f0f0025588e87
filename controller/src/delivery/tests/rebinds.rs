//! A change of provider, from its plan to the parcels that terminals check.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use shared::codec;
use shared::id::CampaignId;

use super::approvals::{require, sign_for};
use super::world::{World, by, campaign_id, id, new_campaign};
use crate::campaign::CampaignError;
use crate::campaign::assignment::AssignmentState as State;
use crate::campaign::state::CampaignState;
use crate::provider;
use crate::provider::contract::LegalReview;
use crate::rebind::draft::tests::{asked, profile};
use crate::rebind::facts::Wish;
use crate::rebind::{NewChange, RebindError, Rebinds, samples};
use crate::registry::campaign::NewCampaign;
use crate::registry::page::Page;
use crate::request::suspicion::{NewSuspicion, Scope};
use crate::request::{RequestEvent, RequestRefused, RequestState};

/// What nobody has told this controller, and who answers for it.
pub(super) fn overrides() -> BTreeMap<String, String> {
    let codes = [
        "binding-unknown",
        "not-registered",
        "untested",
        "keys-unknown",
        "fees-unknown",
        "contract-unknown",
        "no-contract",
        "notice-missing",
    ];
    codes.map(|code| (code.to_owned(), "Bo".to_owned())).into()
}

pub(super) fn rebinds(world: &World) -> Rebinds {
    let review = LegalReview { above_terminals: Some(2), ..LegalReview::default() };
    Rebinds::new(Arc::clone(&world.registry), world.campaigns.clone(), review)
}

pub(super) fn change(world: &World, waves: &[&[u8]]) -> NewChange {
    let asked = asked();
    let payload = |number: &u8| codec::encode(&profile(*number));
    NewChange {
        name: Some("to beta".to_owned()),
        wish: Wish {
            request: asked.request,
            carried_by: None,
            reason: asked.reason,
            ordered_by: asked.ordered_by.clone(),
            from: asked.from.clone(),
            to: asked.to.clone(),
            selector: "*".to_owned(),
            registry_order: asked.registry_order,
            tests: asked.tests.clone(),
            watch: asked.watch,
            begins_at: world.now,
            waves: vec![],
            fallbacks: [("berlin-1".to_owned(), "cash".to_owned())].into(),
            notices: vec![],
        },
        asked,
        max_parallel: 3,
        lifetime_s: None,
        waves: waves.iter().map(|wave| wave.iter().map(payload).collect()).collect(),
        overrides: overrides(),
    }
}

/// Three terminals, and a request that was accepted.
pub(super) async fn ready() -> World {
    let mut world = World::new(3, 1).await;
    require(&world, 0).await;
    samples::accepted(&*world.registry, &asked(), "*", world.now).await;
    with_beta(&world).await;
    for _ in 0..2 {
        world.round().await;
    }
    world
}

async fn with_beta(world: &World) {
    let beta = provider::samples::licensed("Beta", "127.0.0.1:9001", "898");
    samples::provider(&*world.registry, "beta", beta).await;
}

pub(super) async fn approve(world: &World, wave: CampaignId) {
    assert_eq!(sign_for(world, wave, 1).await.unwrap(), CampaignState::AwaitingApproval);
    assert_eq!(sign_for(world, wave, 2).await.unwrap(), CampaignState::Running);
}

pub(super) async fn until_over(world: &mut World, wave: CampaignId) {
    for _ in 0..60 {
        if world.registry.campaign(wave).await.unwrap().unwrap().ended_at.is_some() {
            return;
        }
        world.round().await;
    }
    panic!("{wave} is not over");
}

#[tokio::test]
async fn each_member_gets_its_own_profile_once_two_people_have_signed() {
    let mut world = ready().await;
    let rebind = rebinds(&world).create(change(&world, &[&[3, 1, 2]]), &by(world.now)).await;
    let rebind = rebind.unwrap();
    for _ in 0..5 {
        world.round().await;
    }
    assert!(world.terminals.values().all(|it| it.bound.is_none()), "nothing before that");
    approve(&world, rebind.id).await;
    until_over(&mut world, rebind.id).await;
    let tally = world.registry.campaign_tally(rebind.id).await.unwrap();
    assert_eq!(tally.by_state.into_iter().collect::<Vec<_>>(), [(State::Succeeded, 3)]);
    for number in 1..=3 {
        assert_eq!(world.terminal(number).bound, Some(profile(number).merchant.tid));
    }
}

/// A wave of three tills that is undone a day and an hour after its orders could be accepted at
/// most, in the midst of their watch.
async fn watched_for_a_week() -> (World, CampaignId) {
    let mut world = ready().await;
    world.terminals.values_mut().for_each(|it| it.may_begin = false);
    let mut new = change(&world, &[&[1, 2, 3]]);
    new.asked.watch.at_most_s = 7 * 24 * 3600;
    let wave = rebinds(&world).create(new, &by(world.now)).await.unwrap().id;
    approve(&world, wave).await;
    for _ in 0..10 {
        world.round().await;
    }
    let not_after = world.registry.campaign(wave).await.unwrap().unwrap().frozen.unwrap().not_after;
    world.now = not_after.plus(Duration::from_secs(25 * 3600));
    for _ in 0..5 {
        world.round().await;
    }
    let tally = world.registry.campaign_tally(wave).await.unwrap();
    assert_eq!(tally.open(), 3, "a till that is watched is silent for days: {tally:?}");
    (world, wave)
}

#[tokio::test]
async fn an_undo_reaches_a_till_in_its_watch_long_after_the_time_of_its_order() {
    let (mut world, wave) = watched_for_a_week().await;
    world.campaigns.abort(wave, &by(world.now)).await.unwrap();
    world.terminal(3).is_on = false;
    for _ in 0..10 {
        world.round().await;
    }
    // It was out of reach for a day, and is still in its watch.
    world.now = world.now.plus(Duration::from_secs(24 * 3600));
    world.terminal(3).is_on = true;
    world.terminal(3).reconnect();
    until_over(&mut world, wave).await;
    let tally = world.registry.campaign_tally(wave).await.unwrap();
    assert_eq!(tally.by_state.into_iter().collect::<Vec<_>>(), [(State::Cancelled, 3)]);
}

#[tokio::test]
async fn a_doubt_takes_back_what_is_watched_long_after_the_time_of_its_order() {
    let (mut world, wave) = watched_for_a_week().await;
    let doubt = NewSuspicion {
        scope: Scope::Request(asked().request),
        source: "a call".to_owned(),
        note: "who was that?".to_owned(),
    };
    world.registry.suspect(&doubt, &by(world.now)).await.unwrap();
    until_over(&mut world, wave).await;
    let tally = world.registry.campaign_tally(wave).await.unwrap();
    assert_eq!(tally.by_state.into_iter().collect::<Vec<_>>(), [(State::Cancelled, 3)]);
}

#[tokio::test]
async fn a_wave_begins_only_when_the_one_before_went_well_or_somebody_answers_for_it() {
    let mut world = ready().await;
    let rebinds = rebinds(&world);
    let new = change(&world, &[&[1], &[2, 3]]);
    let rebind = rebinds.create(new, &by(world.now)).await.unwrap();
    let early = rebinds.next(rebind.id, None, &by(world.now)).await.unwrap_err();
    assert!(matches!(early, RebindError::NotWell { wave: 1, .. }), "{early}");
    approve(&world, rebind.id).await;
    until_over(&mut world, rebind.id).await;
    assert!(world.terminal(2).bound.is_none());
    let second = rebinds.next(rebind.waves[1], None, &by(world.now)).await.unwrap();
    assert_eq!((second.id, second.state), (rebind.waves[1], CampaignState::AwaitingApproval));
    approve(&world, second.id).await;
    until_over(&mut world, second.id).await;
    assert_eq!(world.terminal(3).bound, Some(profile(3).merchant.tid));
    let none = rebinds.next(rebind.id, None, &by(world.now)).await.unwrap_err();
    assert!(matches!(none, RebindError::NoNext(_)), "{none}");

    let world = ready().await;
    let rebinds = self::rebinds(&world);
    let new = change(&world, &[&[1], &[2, 3]]);
    let rebind = rebinds.create(new, &by(world.now)).await.unwrap();
    world.campaigns.abort(rebind.id, &by(world.now)).await.unwrap();
    let blank = rebinds.next(rebind.id, Some(" "), &by(world.now)).await.unwrap_err();
    assert!(matches!(blank, RebindError::NotWell { .. }), "nobody is not a name: {blank}");
    let self_answered = rebinds.next(rebind.id, Some("OP"), &by(world.now)).await.unwrap_err();
    assert!(matches!(self_answered, RebindError::NotWell { .. }), "{self_answered}");
    let next = rebinds.next(rebind.id, Some("Bo"), &by(world.now)).await.unwrap();
    assert_eq!(next.state_why, "test (Bo answers for it)");
}

#[tokio::test]
async fn what_the_plan_does_not_allow_leaves_no_trace() {
    let world = ready().await;
    let rebinds = rebinds(&world);
    let mut silent = change(&world, &[&[1, 2, 3]]);
    silent.overrides.remove("fees-unknown");
    let mut last = change(&world, &[&[1, 2, 3]]);
    last.wish.fallbacks.clear();
    let stranger = change(&world, &[&[1, 9]]);
    for (code, new) in
        [("fees-unknown", silent), ("last-in-store", last), ("no-such-terminal", stranger)]
    {
        let refused = rebinds.create(new, &by(world.now)).await.unwrap_err();
        let RebindError::Planned(found) = refused else { panic!("{refused}") };
        assert_eq!(found.iter().map(|it| it.code.as_str()).collect::<Vec<_>>(), [code]);
    }
    let campaigns = world.registry.campaigns(&Page::first(9)).await;
    assert!(campaigns.unwrap().is_empty());
    let request = world.registry.request(asked().request).await.unwrap().unwrap();
    assert_eq!(request.state, RequestState::Accepted, "it can still be carried out");
}

#[tokio::test]
async fn what_nobody_verified_is_not_begun_whoever_answers_for_it() {
    let mut world = World::new(3, 1).await;
    require(&world, 0).await;
    with_beta(&world).await;
    for _ in 0..2 {
        world.round().await;
    }
    let rebinds = rebinds(&world);
    for code in ["request-unknown", "request-unverified"] {
        let mut new = change(&world, &[&[1, 2, 3]]);
        new.overrides.insert(code.to_owned(), "Bo".to_owned());
        let refused = rebinds.create(new, &by(world.now)).await.unwrap_err();
        let RebindError::Planned(found) = refused else { panic!("{refused}") };
        let codes: Vec<_> = found.iter().map(|it| it.code.as_str()).collect();
        assert!(codes.contains(&code), "{codes:?}");
        if code == "request-unknown" {
            samples::made(&*world.registry, &asked(), "*", world.now).await;
        }
    }
    assert!(world.registry.campaigns(&Page::first(9)).await.unwrap().is_empty());
}

#[tokio::test]
async fn one_request_is_carried_out_once_and_no_wave_goes_on_without_it() {
    let mut world = ready().await;
    let rebinds = rebinds(&world);
    let rebind = rebinds.create(change(&world, &[&[1], &[2]]), &by(world.now)).await.unwrap();
    let again = rebinds.create(change(&world, &[&[3]]), &by(world.now)).await.unwrap_err();
    assert!(again.to_string().contains("request-taken"), "{again}");
    let end = async |world: &World, event| {
        let ended = world.registry.end_request(asked().request, event, &by(world.now)).await;
        ended.unwrap().map(|it| it.state)
    };
    let moving = end(&world, RequestEvent::Close).await.unwrap_err();
    assert_eq!(moving, RequestRefused::InMotion(rebind.id));
    approve(&world, rebind.id).await;
    until_over(&mut world, rebind.id).await;
    let next = rebinds.next(rebind.id, None, &by(world.now)).await.unwrap();
    let moving = end(&world, RequestEvent::Close).await.unwrap_err();
    assert_eq!(moving, RequestRefused::InMotion(next.id), "the second wave");
    world.campaigns.abort(next.id, &by(world.now)).await.unwrap();
    until_over(&mut world, next.id).await;
    assert_eq!(end(&world, RequestEvent::Close).await, Ok(RequestState::Closed));

    let mut world = ready().await;
    let rebinds = self::rebinds(&world);
    let rebind = rebinds.create(change(&world, &[&[1], &[2]]), &by(world.now)).await.unwrap();
    approve(&world, rebind.id).await;
    until_over(&mut world, rebind.id).await;
    let doubt = NewSuspicion {
        scope: Scope::Request(asked().request),
        source: "a call".to_owned(),
        note: "who was that?".to_owned(),
    };
    world.registry.suspect(&doubt, &by(world.now)).await.unwrap();
    let refused = rebinds.next(rebind.id, Some("Bo"), &by(world.now)).await.unwrap_err();
    let is_frozen =
        matches!(refused, RebindError::NotAsked { state: Some(RequestState::Frozen), .. });
    assert!(is_frozen, "{refused}");
}

#[tokio::test]
async fn a_secret_for_a_terminal_that_told_no_recipient_is_refused() {
    let world = ready().await;
    let mut sealed = profile(1);
    sealed.sealed = Some(b"sealed to nobody".to_vec().into());
    let mut new = change(&world, &[&[2]]);
    new.waves[0].push(codec::encode(&sealed));
    let refused = rebinds(&world).create(new, &by(world.now)).await.unwrap_err().to_string();
    assert!(refused.contains("no-recipient"), "{refused}");
}

#[tokio::test]
async fn a_change_of_provider_is_no_campaign_by_itself() {
    let world = ready().await;
    let change = shared::change::Change::Rebind(Box::new(asked()));
    let new = NewCampaign { change, lifetime_s: 3600, ..new_campaign(1) };
    let refused = world.create_and_start(&new).await.unwrap_err();
    assert!(matches!(refused, CampaignError::RebindByItself), "{refused}");
    assert!(world.registry.campaign(campaign_id(1)).await.unwrap().is_none());
}

#[tokio::test]
async fn a_wave_of_which_a_member_was_revoked_is_not_started() {
    let world = ready().await;
    let rebinds = rebinds(&world);
    let new = change(&world, &[&[1], &[2, 3]]);
    let rebind = rebinds.create(new, &by(world.now)).await.unwrap();
    world.registry.revoke_terminal(id(3), &by(world.now)).await.unwrap();
    let refused = rebinds.next(rebind.id, Some("Bo"), &by(world.now)).await.unwrap_err();
    assert!(refused.to_string().contains("not-enrolled"), "{refused}");
}
