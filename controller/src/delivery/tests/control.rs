//! What keeps a campaign in bounds, and what people decide while it runs: stores that keep selling,
//! rates, freezes, terminals that fail again and again, members that are left out or tried again,
//! and what has succeeded being taken back.

use std::time::Duration;

use shared::change::{Change, Upgrade};
use shared::digest::Digest;
use shared::document::Release;
use shared::document::order::Class;
use shared::document::release::{Artifact, Health, Settlement};
use shared::id::CampaignId;
use shared::message::SignedBytes;
use shared::outcome::Outcome;
use shared::signature::{Envelope, PrivateKey};
use shared::time::UnixTime;

use super::world::{ROUND_S, World, by, campaign_id, failed, id, new_campaign};
use crate::calendar::scope::Scope;
use crate::calendar::{Clock, Entry, Kind};
use crate::campaign::assignment::AssignmentState as State;
use crate::campaign::plan::Held;
use crate::campaign::policy::{Gate, Policy, Share, StopPolicy};
use crate::campaign::state::CampaignState;
use crate::campaign::{CampaignError, Retried, Skip};
use crate::registry::RegistryError;
use crate::registry::audit::By;
use crate::registry::calendar::CalendarsOf;
use crate::registry::campaign::{NewCampaign, NotAgain, Origin, Reprioritised};
use crate::registry::page::Page;
use crate::registry::release::StoredRelease;
use crate::registry::terminal::Presence;
use crate::request::suspicion::{NewSuspicion, Scope as SuspicionScope};
use crate::store::Description;

pub(super) const STORE: &str = "berlin-1";

fn succeeded() -> Outcome {
    Outcome::Succeeded { now: "2".to_owned() }
}

fn all_end_with(world: &mut World, outcome: &Outcome) {
    world.terminals.values_mut().for_each(|it| it.outcome = outcome.clone());
}

async fn publish(world: &World, version: &str) -> Digest {
    let release = Release {
        format: 1,
        component: "pos".to_owned(),
        version: version.to_owned(),
        security_counter: 1,
        models: vec!["T650".to_owned()],
        artifact: Artifact {
            sha256: Digest::of(version.as_bytes()),
            size: 1,
            unpacked_size: 2,
            entries: 1,
        },
        from_counter_min: 0,
        raise_floor_to: None,
        settlement: Settlement::NotNeeded,
        health: Health { stable_s: 1, within_s: 2 },
        issued_at: UnixTime(1),
        expires_at: UnixTime(i64::MAX),
    };
    let envelope = Envelope::unsigned(release);
    let stored = StoredRelease {
        digest: envelope.digest(),
        signed: SignedBytes::new(envelope.to_bytes()),
        release: envelope.document,
        published_at: world.now,
        published_by: "op".to_owned(),
    };
    world.registry.add_release(&stored, &by(world.now)).await.unwrap();
    stored.digest
}

/// An upgrade disturbs the shop in its turn.
pub(super) async fn upgrade(world: &World, number: u16, policy: Policy) -> NewCampaign {
    let release = publish(world, "2").await;
    let change = Change::Upgrade(Upgrade { release, window: None, backup_within_s: None });
    NewCampaign { change, max_parallel: 9, policy, ..new_campaign(number) }
}

async fn rounds(world: &mut World, count: usize) {
    for _ in 0..count {
        world.round().await;
    }
}

async fn held(world: &World, number: u16) -> Vec<(Held, u64)> {
    world.campaign(number).await.held.into_iter().collect()
}

/// How many terminals are at something, whatever brought it.
async fn disturbed(world: &World) -> usize {
    let stores = [STORE.to_owned()];
    let standings = world.registry.store_standings(&stores, world.now).await;
    standings.unwrap()[STORE].disturbed.len()
}

#[tokio::test]
async fn two_campaigns_together_take_no_more_from_a_store_than_it_gives() {
    let mut world = World::new(6, 1).await;
    rounds(&mut world, 2).await;
    let one = Policy { store_at_once: Some(2), ..Policy::PLAIN };
    for number in [1, 2] {
        let new = upgrade(&world, number, one.clone()).await;
        world.create_and_start(&new).await.unwrap();
    }
    let mut most = 0;
    for _ in 0..120 {
        world.round().await;
        let at_it = disturbed(&world).await;
        assert!(at_it <= 2, "{at_it} at once");
        most = most.max(at_it);
    }
    assert_eq!(most, 2);
    for number in [1, 2] {
        assert_eq!(world.campaign(number).await.state, CampaignState::Completed);
    }
}

#[tokio::test]
async fn somebody_sells_in_the_store_all_the_time_without_a_word_of_how_it_would_otherwise() {
    let mut world = World::new(3, 1).await;
    rounds(&mut world, 2).await;
    let new = upgrade(&world, 1, Policy::PLAIN).await;
    world.create_and_start(&new).await.unwrap();
    for _ in 0..60 {
        world.round().await;
        assert!(disturbed(&world).await <= 2, "the third sells");
    }
    world.everybody_succeeded_once(1).await;
}

#[tokio::test]
async fn the_only_till_of_a_store_waits_for_somebody_to_say_how_it_sells_meanwhile() {
    let mut world = World::new(1, 1).await;
    rounds(&mut world, 2).await;
    let said = Description { fallback: Some("by hand".to_owned()), ..Description::default() };
    let nothing = Description::default();
    let describe = async |world: &World, version, said| {
        world.registry.describe_store(STORE, version, said, &by(world.now)).await.unwrap();
    };
    describe(&world, 0, &said).await;
    let new = upgrade(&world, 1, Policy::PLAIN).await;
    world.create_and_start(&new).await.unwrap();
    describe(&world, 1, &nothing).await;
    rounds(&mut world, 10).await;
    assert_eq!(held(&world, 1).await, [(Held::LastSelling, 1)]);
    assert!(Held::LastSelling.hint().is_some_and(|hint| hint.contains("--fallback")));
    describe(&world, 2, &said).await;
    world.until_over(1, 30).await;
    world.everybody_succeeded_once(1).await;
}

#[tokio::test]
async fn a_rate_spreads_releases_over_time() {
    let mut world = World::new(6, 1).await;
    rounds(&mut world, 2).await;
    let rate = Some("1/m".parse().unwrap());
    let policy = Policy { rate, ..Policy::PLAIN };
    let new = NewCampaign { max_parallel: 9, policy, ..new_campaign(1) };
    world.create_and_start(&new).await.unwrap();
    let began = world.now;
    for _ in 0..30 {
        world.round().await;
        let minutes = world.now.since(began).as_secs() / 60;
        assert!(world.tally(1).await.released() <= minutes + 1);
    }
    world.until_over(1, 30).await;
    world.everybody_succeeded_once(1).await;
}

pub(super) fn freeze(from: UnixTime, lasts: Duration) -> Entry {
    let local = |at: UnixTime| {
        let timestamp = jiff::Timestamp::from_second(at.0).unwrap();
        jiff::tz::TimeZone::UTC.to_datetime(timestamp)
    };
    Entry {
        uid: "stocktaking".to_owned(),
        summary: "stocktaking".to_owned(),
        kind: Kind::Freeze,
        from: local(from),
        to: local(from.plus(lasts)),
        clock: Clock::Zone("UTC".to_owned()),
        repeat: None,
        except: vec![],
    }
}

/// Longer than terminals are sent for ahead.
const FROZEN: Duration = Duration::from_secs(4 * 3600);

#[tokio::test]
async fn nothing_is_released_long_before_a_freeze_ends_and_people_see_until_when() {
    let mut world = World::new(3, 1).await;
    rounds(&mut world, 2).await;
    let entry = freeze(world.now, FROZEN);
    let scope = Scope::Store(STORE.to_owned());
    let put = world.registry.put_calendars(&scope, &[entry], false, &by(world.now)).await;
    put.unwrap().unwrap();
    let ends = world.now.plus(FROZEN);
    let new = upgrade(&world, 1, Policy { store_at_once: Some(3), ..Policy::PLAIN }).await;
    world.create_and_start(&new).await.unwrap();
    rounds(&mut world, 5).await;
    assert_eq!(held(&world, 1).await, [(Held::Freeze, 3)]);
    let next = world.campaign(1).await.held_next[&Held::Freeze];
    assert_eq!(next, ends.minus(crate::campaign::plan::AHEAD));
    while world.now < next.minus(Duration::from_secs(60)) {
        world.round().await;
        assert_eq!(world.tally(1).await.released(), 0);
    }
    world.until_over(1, 600).await;
    world.everybody_succeeded_once(1).await;
}

#[tokio::test]
async fn a_freeze_takes_back_what_has_not_begun_and_its_turn_comes_again_afterwards() {
    let mut world = World::new(3, 1).await;
    world.terminals.values_mut().for_each(|it| it.may_begin = false);
    rounds(&mut world, 2).await;
    let policy = Policy { fallback: Some("by hand".to_owned()), ..Policy::PLAIN };
    let new = upgrade(&world, 1, policy).await;
    world.create_and_start(&new).await.unwrap();
    rounds(&mut world, 6).await;
    assert_eq!(world.tally(1).await.open(), 3);
    let entry = freeze(world.now, FROZEN);
    let put = world.registry.put_calendars(&Scope::Fleet, &[entry], false, &by(world.now)).await;
    put.unwrap().unwrap();
    rounds(&mut world, 10).await;
    assert_eq!(world.states(1).await, [(State::Withdrawn, 3)]);
    world.terminals.values_mut().for_each(|it| it.may_begin = true);
    world.until_over(1, 800).await;
    assert_eq!(world.states(1).await, [(State::Succeeded, 3)]);
    for terminal in world.terminals.values() {
        assert_eq!(terminal.carried_out.values().sum::<u32>(), 1);
    }
}

#[tokio::test]
async fn who_is_set_up_anew_in_a_freeze_that_outlasts_its_order_gets_no_order_without_hours() {
    let mut world = World::new(1, 1).await;
    world.terminal(1).may_begin = false;
    rounds(&mut world, 2).await;
    let policy = Policy { fallback: Some("by hand".to_owned()), ..Policy::PLAIN };
    let new = upgrade(&world, 1, policy).await;
    world.create_and_start(&new).await.unwrap();
    rounds(&mut world, 6).await;
    let entry = freeze(world.now, Duration::from_secs(30 * 86_400));
    let put = world.registry.put_calendars(&Scope::Fleet, &[entry], false, &by(world.now)).await;
    put.unwrap().unwrap();
    world.terminal(1).set_up_anew(2);
    let key = world.terminal(1).key.public();
    assert_eq!(world.enrol(id(1), 100, key).await, 2);
    rounds(&mut world, 20).await;
    let known = &world.registry.assignments(campaign_id(1), &Page::first(9)).await.unwrap()[0];
    assert_eq!((known.attempt, known.standing.state().is_end()), (1, false));
    let standing = world.registry.calendars(&CalendarsOf::default(), &Page::first(9)).await;
    let number = standing.unwrap()[0].number;
    world.registry.remove_calendar(number, &by(world.now)).await.unwrap().unwrap();
    world.until_over(1, 60).await;
    assert_eq!(world.states(1).await, [(State::Succeeded, 1)]);
}

#[tokio::test]
async fn a_store_that_comes_into_a_frozen_region_is_not_disturbed_by_what_was_ordered_before() {
    let mut world = World::new(2, 1).await;
    world.terminals.values_mut().for_each(|it| it.may_begin = false);
    rounds(&mut world, 2).await;
    // A region is known once a store is in it.
    let describe = async |world: &World, region: &str| {
        let version = world.registry.store(STORE).await.unwrap().unwrap().version;
        let described = Description { region: Some(region.to_owned()), ..Description::default() };
        world.registry.describe_store(STORE, version, &described, &by(world.now)).await.unwrap();
    };
    describe(&world, "coast").await;
    let entry = freeze(world.now, FROZEN);
    let coast = Scope::Region("coast".to_owned());
    world.registry.put_calendars(&coast, &[entry], false, &by(world.now)).await.unwrap().unwrap();
    describe(&world, "hills").await;
    let policy = Policy { fallback: Some("by hand".to_owned()), ..Policy::PLAIN };
    let new = upgrade(&world, 1, policy).await;
    world.create_and_start(&new).await.unwrap();
    rounds(&mut world, 6).await;
    assert_eq!(world.tally(1).await.open(), 2);
    describe(&world, "coast").await;
    rounds(&mut world, 10).await;
    assert_eq!(world.states(1).await, [(State::Withdrawn, 2)]);
}

#[tokio::test]
async fn a_terminal_that_fails_three_times_in_a_row_is_left_alone_until_somebody_has_looked() {
    let mut world = World::new(1, 1).await;
    rounds(&mut world, 2).await;
    all_end_with(&mut world, &failed());
    for number in 1..=3 {
        world.start_campaign(number, 1).await;
        world.until_over(number, 20).await;
    }
    all_end_with(&mut world, &succeeded());
    world.start_campaign(4, 1).await;
    rounds(&mut world, 10).await;
    assert_eq!(held(&world, 4).await, [(Held::Penalty, 1)]);
    assert!(world.campaign(4).await.held_next.contains_key(&Held::Penalty));
    // What must not wait passes.
    let policy = Policy { class: Some(Class::Security), ..Policy::PLAIN };
    let new = NewCampaign { policy, ..new_campaign(5) };
    world.create_and_start(&new).await.unwrap();
    world.until_over(5, 20).await;
    // A success ends it.
    world.until_over(4, 20).await;

    all_end_with(&mut world, &failed());
    for number in 6..=8 {
        world.start_campaign(number, 1).await;
        world.until_over(number, 20).await;
    }
    all_end_with(&mut world, &succeeded());
    world.start_campaign(9, 1).await;
    rounds(&mut world, 10).await;
    assert_eq!(held(&world, 9).await, [(Held::Penalty, 1)]);
    assert!(world.registry.pardon(id(1), &by(world.now)).await.unwrap());
    assert!(!world.registry.pardon(id(1), &by(world.now)).await.unwrap(), "it has been");
    world.until_over(9, 20).await;
    assert_eq!(world.states(9).await, [(State::Succeeded, 1)]);
}

#[tokio::test]
async fn what_goes_before_others_is_not_waited_for_by_them_on_the_same_terminal() {
    let mut world = World::new(1, 1).await;
    rounds(&mut world, 2).await;
    world.terminal(1).may_begin = false;
    let policy = Policy { class: Some(Class::Security), ..Policy::PLAIN };
    let urgent = NewCampaign { policy, ..new_campaign(1) };
    world.create_and_start(&urgent).await.unwrap();
    rounds(&mut world, 5).await;
    world.start_campaign(2, 1).await;
    rounds(&mut world, 5).await;
    assert_eq!(held(&world, 2).await, [(Held::Busy, 1)]);
    // As urgent as the other, it need not wait for it.
    let seen = world.campaign(2).await;
    let wish = Reprioritised {
        class: Some(Class::Security),
        max_parallel: Some(7),
        ..Reprioritised::default()
    };
    let moved = world.registry.reprioritise(&seen, wish, &by(world.now)).await.unwrap();
    assert_eq!((moved.class(), moved.max_parallel), (Class::Security, 7));
    world.terminal(1).may_begin = true;
    world.until_over(1, 30).await;
    world.until_over(2, 30).await;
    assert_eq!(world.states(2).await, [(State::Succeeded, 1)]);
}

#[tokio::test]
async fn of_two_who_change_the_same_at_once_the_second_is_told_and_others_stay_apart() {
    let mut world = World::new(1, 1).await;
    rounds(&mut world, 2).await;
    world.start_campaign(1, 3).await;
    let seen = world.campaign(1).await;
    let set = async |wish| world.registry.reprioritise(&seen, wish, &by(world.now)).await;
    let places = |max_parallel| Reprioritised {
        max_parallel: Some(max_parallel),
        seen_max_parallel: Some(3),
        seen_class: Some(Class::Normal),
        ..Reprioritised::default()
    };
    assert_eq!(set(places(40)).await.unwrap().max_parallel, 40);
    let late = set(places(7)).await;
    assert!(matches!(late, Err(RegistryError::OtherPlace { max_parallel: 40, .. })), "{late:?}");
    // Who changes something else, and saw the old places, changes that alone.
    let class = Reprioritised { class: Some(Class::Security), max_parallel: None, ..places(0) };
    let upheavals = async || world.registry.fleet_tally().await.unwrap().upheavals;
    let before = upheavals().await;
    let both = set(class).await.unwrap();
    assert_eq!((both.class(), both.max_parallel), (Class::Security, 40));
    assert!(before < upheavals().await, "whoever waits behind others is looked at again");
}

fn gate() -> Gate {
    Gate {
        sample_min: 1,
        success_percent_min: 100,
        soak: Duration::from_secs((2 * ROUND_S).unsigned_abs()),
        bad_max: Share::Count(0),
        reach_percent_min: 100,
        reach_after: Some(Duration::from_secs(24 * 3600)),
    }
}

fn in_two_waves(canary: u8) -> Policy {
    let waves = vec![Share::Rest];
    Policy { canary: vec![id(canary)], waves, gate: Some(gate()), ..Policy::PLAIN }
}

#[tokio::test]
async fn who_is_left_out_gets_nothing_and_holds_up_no_wave() {
    let mut world = World::new(4, 1).await;
    rounds(&mut world, 2).await;
    world.terminal(2).is_on = false;
    while world.registry.terminal(id(2)).await.unwrap().unwrap().presence == Presence::Online {
        world.round().await;
    }
    let new = NewCampaign { max_parallel: 9, policy: in_two_waves(2), ..new_campaign(1) };
    world.create_and_start(&new).await.unwrap();
    rounds(&mut world, 10).await;
    assert_eq!(world.tally(1).await.released(), 0, "the first wave waits for its only member");
    let skip = async |world: &World, what| {
        world.campaigns.skip(campaign_id(1), &[id(2)], what, &by(world.now)).await
    };
    assert_eq!(skip(&world, Skip::Done).await.unwrap(), 1);
    assert_eq!(skip(&world, Skip::Done).await.unwrap(), 0, "it is left out already");
    world.terminal(2).is_on = true;
    world.terminal(2).reconnect();
    world.until_over(1, 60).await;
    assert_eq!(world.states(1).await, [(State::Succeeded, 3)]);
    assert!(world.terminal(2).carried_out.is_empty());
    assert!(skip(&world, Skip::Undone).await.is_err(), "it is over");
    let stranger = world.campaigns.skip(campaign_id(1), &[id(9)], Skip::Done, &by(world.now)).await;
    assert!(matches!(stranger, Err(CampaignError::Stranger { .. })));
}

#[tokio::test]
async fn who_is_left_out_while_it_waits_is_called_back_and_taken_in_again_by_a_word() {
    let mut world = World::new(2, 1).await;
    world.terminals.values_mut().for_each(|it| it.may_begin = false);
    rounds(&mut world, 2).await;
    world.start_campaign(1, 2).await;
    rounds(&mut world, 6).await;
    let moved = async |world: &World, what| {
        world.campaigns.skip(campaign_id(1), &[id(1)], what, &by(world.now)).await.unwrap()
    };
    moved(&world, Skip::Done).await;
    rounds(&mut world, 8).await;
    let tally = world.tally(1).await;
    assert_eq!((tally.in_state(State::Cancelled), tally.open()), (1, 1));
    let retried = async |world: &World| -> Retried {
        world.campaigns.retry(campaign_id(1), Some(&[id(1)]), &by(world.now)).await.unwrap()
    };
    assert_eq!(retried(&world).await.not[&id(1)], NotAgain::Skipped);
    moved(&world, Skip::Undone).await;
    assert_eq!(retried(&world).await.not[&id(1)], NotAgain::Already, "its turn comes by itself");
    world.terminals.values_mut().for_each(|it| it.may_begin = true);
    world.until_over(1, 60).await;
    assert_eq!(world.states(1).await, [(State::Succeeded, 2)]);
}

#[tokio::test]
async fn who_is_left_out_after_its_release_holds_up_no_wave() {
    let mut world = World::new(4, 1).await;
    world.terminal(2).may_begin = false;
    rounds(&mut world, 2).await;
    let policy = Policy { canary: vec![id(1), id(2)], ..in_two_waves(1) };
    let new = NewCampaign { max_parallel: 9, policy, ..new_campaign(1) };
    world.create_and_start(&new).await.unwrap();
    rounds(&mut world, 20).await;
    assert_eq!(world.tally(1).await.released(), 2, "the first wave waits for both");
    let skipped = world.campaigns.skip(campaign_id(1), &[id(2)], Skip::Done, &by(world.now)).await;
    assert_eq!(skipped.unwrap(), 1);
    world.until_over(1, 60).await;
    assert_eq!(world.states(1).await, [(State::Cancelled, 1), (State::Succeeded, 3)]);
    assert!(world.terminal(2).carried_out.is_empty());
}

#[tokio::test]
async fn who_is_taken_back_by_a_halt_and_then_left_out_is_not_waited_for() {
    let mut world = World::new(2, 1).await;
    world.terminal(1).outcome = failed();
    world.terminal(2).may_begin = false;
    rounds(&mut world, 2).await;
    let policy = Policy { waves: vec![Share::Rest], gate: Some(gate()), ..Policy::PLAIN };
    let new = NewCampaign { max_parallel: 9, policy, ..new_campaign(1) };
    world.create_and_start(&new).await.unwrap();
    rounds(&mut world, 20).await;
    assert_eq!(world.states(1).await, [(State::Withdrawn, 1), (State::Failed, 1)]);
    let skip = async |world: &World, what| {
        world.campaigns.skip(campaign_id(1), &[id(2)], what, &by(world.now)).await.unwrap()
    };
    skip(&world, Skip::Done).await;
    assert_eq!(world.states(1).await, [(State::Cancelled, 1), (State::Failed, 1)]);
    skip(&world, Skip::Undone).await;
    assert_eq!(world.states(1).await, [(State::Withdrawn, 1), (State::Failed, 1)]);
    skip(&world, Skip::Done).await;
    world.campaigns.resume(campaign_id(1), Some(1), &by(world.now)).await.unwrap();
    world.until_over(1, 60).await;
    assert!(world.terminal(2).carried_out.is_empty());
}

#[tokio::test]
async fn what_was_called_back_for_a_suspicion_comes_again_once_it_is_lifted() {
    let mut world = World::new(3, 1).await;
    world.terminals.values_mut().for_each(|it| it.may_begin = false);
    rounds(&mut world, 2).await;
    world.start_campaign(1, 3).await;
    rounds(&mut world, 6).await;
    let scope = SuspicionScope::Store(STORE.to_owned());
    let (source, note) = ("a call".to_owned(), "who was that".to_owned());
    let new = NewSuspicion { scope, source, note };
    let raised = world.registry.suspect(&new, &by(world.now)).await.unwrap();
    rounds(&mut world, 8).await;
    assert_eq!(world.states(1).await, [(State::Withdrawn, 3)]);
    assert_eq!(world.campaign(1).await.state, CampaignState::Running, "it is not over");
    world.terminals.values_mut().for_each(|it| it.may_begin = true);
    rounds(&mut world, 8).await;
    assert_eq!(world.states(1).await, [(State::Withdrawn, 3)], "nobody has said that it is fine");
    for who in ["Ada", "Bo"] {
        let by = By { who: who.to_owned(), ..by(world.now) };
        world.registry.lift_suspicion(raised.number, &by).await.unwrap().unwrap();
    }
    world.until_over(1, 60).await;
    assert_eq!(world.states(1).await, [(State::Succeeded, 3)]);
}

#[tokio::test]
async fn a_completed_campaign_goes_on_for_whoever_is_tried_again_while_its_orders_live() {
    let mut world = World::new(2, 1).await;
    rounds(&mut world, 2).await;
    world.terminal(1).outcome = failed();
    world.start_campaign(1, 2).await;
    world.until_over(1, 30).await;
    assert_eq!(world.campaign(1).await.state, CampaignState::Completed);
    let retry = async |world: &World, who| -> Result<Retried, CampaignError> {
        world.campaigns.retry(campaign_id(1), Some(&[id(who)]), &by(world.now)).await
    };
    assert_eq!(retry(&world, 2).await.unwrap().not[&id(2)], NotAgain::Succeeded);
    assert_eq!(world.campaign(1).await.state, CampaignState::Completed, "for nobody it does not");
    world.terminal(1).outcome = succeeded();
    assert_eq!(retry(&world, 1).await.unwrap().again, 1);
    let campaign = world.campaign(1).await;
    assert_eq!((campaign.state, campaign.ended_at), (CampaignState::Running, None));
    world.until_over(1, 30).await;
    assert_eq!(world.states(1).await, [(State::Succeeded, 2)]);

    world.terminal(1).outcome = failed();
    world.start_campaign(2, 2).await;
    world.until_over(2, 30).await;
    world.now = world.campaign(2).await.frozen.unwrap().not_after;
    let late = world.campaigns.retry(campaign_id(2), None, &by(world.now)).await;
    let late = late.unwrap_err();
    let ran_out = CampaignError::Registry(RegistryError::OrdersRanOut {
        campaign: campaign_id(2),
        at: world.now,
    });
    assert_eq!(late.to_string(), ran_out.to_string());
}

#[tokio::test]
async fn a_failure_counts_until_a_later_attempt_succeeds_and_tries_are_counted_for_good() {
    let mut world = World::new(2, 1).await;
    world.terminal(2).is_on = false;
    rounds(&mut world, 2).await;
    all_end_with(&mut world, &failed());
    let policy = Policy { retries_max: 2, ..Policy::PLAIN };
    let new = NewCampaign { policy, ..new_campaign(1) };
    world.create_and_start(&new).await.unwrap();
    let again = async |world: &World| -> Retried {
        world.campaigns.retry(campaign_id(1), None, &by(world.now)).await.unwrap()
    };
    for _ in 0..2 {
        rounds(&mut world, 10).await;
        assert_eq!(world.tally(1).await.bad(), 1);
        assert_eq!(again(&world).await.again, 1);
        assert_eq!(again(&world).await, Retried::default(), "it is asked for already");
        for _ in 0..10 {
            world.round().await;
            assert_eq!(world.tally(1).await.bad(), 1, "trying again makes nothing good");
        }
        // It forgets what it was told, and nobody forgets how often it was tried.
        world.terminal(1).lose_ledger();
    }
    rounds(&mut world, 10).await;
    let refused = again(&world).await;
    assert_eq!(refused.not[&id(1)], NotAgain::TooOften { max: 2 });
    let history = "a failed attempt is not forgotten";
    assert_eq!(world.tally(1).await.bad(), 1, "{history}");
}

#[tokio::test]
async fn a_retry_that_succeeds_makes_it_good() {
    let mut world = World::new(2, 1).await;
    world.terminal(2).is_on = false;
    rounds(&mut world, 2).await;
    all_end_with(&mut world, &failed());
    world.start_campaign(1, 2).await;
    rounds(&mut world, 10).await;
    all_end_with(&mut world, &succeeded());
    let by_now = by(world.now);
    let named = [id(1), id(2)];
    let retried = world.campaigns.retry(campaign_id(1), Some(&named), &by_now).await.unwrap();
    assert_eq!((retried.again, retried.not[&id(2)]), (1, NotAgain::NotReleased));
    world.terminal(2).is_on = true;
    world.terminal(2).reconnect();
    world.until_over(1, 60).await;
    let tally = world.tally(1).await;
    assert_eq!((tally.bad(), tally.in_state(State::Succeeded)), (0, 2));
}

/// The campaigns that take this one back.
async fn reverting(world: &World) -> Vec<CampaignId> {
    world.registry.campaigns_reverting(campaign_id(1)).await.unwrap()
}

async fn that_goes_back(world: &World) -> NewCampaign {
    let revert_to = Some(publish(world, "1").await);
    let fallback = Some("by hand".to_owned());
    let policy = Policy { stop: StopPolicy::Revert, revert_to, fallback, ..in_two_waves(1) };
    upgrade(world, 1, policy).await
}

/// The canary succeeds, and then everybody fails.
async fn until_it_has_gone_back(world: &mut World, rounds_max: usize) {
    world.terminals.values_mut().for_each(|it| it.outcome = failed());
    world.terminal(1).outcome = succeeded();
    for _ in 0..rounds_max {
        world.round().await;
        if world.states(1).await.contains(&(State::Reverted, 1)) {
            return;
        }
    }
    panic!("{:?}", world.states(1).await);
}

#[tokio::test]
async fn what_has_succeeded_is_taken_back_once_when_the_policy_says_so() {
    let mut world = World::new(3, 1).await;
    rounds(&mut world, 2).await;
    let new = that_goes_back(&world).await;
    world.create_and_start(&new).await.unwrap();
    until_it_has_gone_back(&mut world, 90).await;
    rounds(&mut world, 20).await;
    let [child] = reverting(&world).await[..] else { panic!("one takes it back") };
    let child = world.registry.campaign(child).await.unwrap().unwrap();
    assert_eq!(child.origin, Origin::Reverts(campaign_id(1)));
    assert_eq!((child.state, child.class()), (CampaignState::Completed, Class::Security));
    assert_eq!(world.registry.members(child.id).await.unwrap(), [id(1)]);
    let parent = world.campaign(1).await;
    assert_eq!(parent.state, CampaignState::Halted, "a person decides how it goes on");
    // It goes on, and whoever was brought back is brought forward again.
    all_end_with(&mut world, &succeeded());
    let bad = world.tally(1).await.bad();
    world.campaigns.resume(campaign_id(1), Some(bad), &by(world.now)).await.unwrap();
    world.until_over(1, 60).await;
    let tally = world.tally(1).await;
    assert_eq!((tally.in_state(State::Reverted), tally.in_state(State::Succeeded)), (0, 1));
    assert_eq!(tally.bad(), 2);
}

#[tokio::test]
async fn what_is_taken_back_while_the_campaign_goes_on_comes_again() {
    let mut world = World::new(3, 1).await;
    rounds(&mut world, 2).await;
    let new = that_goes_back(&world).await;
    world.create_and_start(&new).await.unwrap();
    all_end_with(&mut world, &failed());
    world.terminal(1).outcome = succeeded();
    loop {
        world.round().await;
        let Some(child) = reverting(&world).await.first().copied() else { continue };
        if world.registry.campaign(child).await.unwrap().unwrap().frozen.is_some() {
            break;
        }
    }
    // It goes on before what had succeeded is back, and is not over before it is.
    let bad = world.tally(1).await.bad();
    world.campaigns.resume(campaign_id(1), Some(bad), &by(world.now)).await.unwrap();
    world.until_over(1, 120).await;
    assert_eq!(world.tally(1).await.in_state(State::Succeeded), 1);
    let carried_out = world.terminal(1).carried_out.len();
    assert_eq!(carried_out, 3, "there, back, and there again");
}

#[tokio::test]
async fn who_was_set_up_anew_keeps_nobody_from_being_taken_back() {
    let mut world = World::new(3, 1).await;
    rounds(&mut world, 2).await;
    let new = that_goes_back(&world).await;
    world.create_and_start(&new).await.unwrap();
    world.terminal(1).outcome = succeeded();
    world.terminal(2).outcome = failed();
    world.terminal(3).may_begin = false;
    while world.campaign(1).await.state != CampaignState::Halted {
        world.round().await;
    }
    let key = PrivateKey::from_seed(&[99; 32]).public();
    world.terminal(3).is_on = false;
    world.enrol(id(3), 100, key).await;
    assert!(world.tally(1).await.open() > 0, "its order is void, and not ended");
    for _ in 0..60 {
        world.round().await;
        if world.states(1).await.contains(&(State::Reverted, 1)) {
            return;
        }
    }
    panic!("{:?}", world.states(1).await);
}

#[tokio::test]
async fn killed_at_any_statement_it_is_taken_back_once_all_the_same() {
    for statements in (0..).step_by(17) {
        let mut world = World::new(3, 1).await;
        rounds(&mut world, 2).await;
        let new = that_goes_back(&world).await;
        world.create_and_start(&new).await.unwrap();
        let kills = world.kills;
        world.fuse.set(statements);
        until_it_has_gone_back(&mut world, 120).await;
        rounds(&mut world, 10).await;
        assert_eq!(reverting(&world).await.len(), 1);
        let canary = world.terminal(1).carried_out.clone();
        assert!(canary.values().all(|times| *times == 1) && canary.len() == 2, "{canary:?}");
        if world.kills == kills {
            return;
        }
    }
}

#[tokio::test]
async fn a_change_without_a_way_back_is_not_begun_with_one() {
    let world = World::new(1, 1).await;
    let revert_to = Some(publish(&world, "1").await);
    let policy = Policy { stop: StopPolicy::Revert, revert_to, ..in_two_waves(1) };
    let new = NewCampaign { policy, ..new_campaign(1) };
    let refused = world.campaigns.create(&new, &by(world.now)).await;
    assert!(matches!(refused, Err(CampaignError::NoWayBack)), "{refused:?}");
    let unknown = Some(Digest::of(b"never published"));
    let policy = Policy { stop: StopPolicy::Revert, revert_to: unknown, ..in_two_waves(1) };
    let new = upgrade(&world, 2, policy).await;
    let refused = world.campaigns.create(&new, &by(world.now)).await;
    assert!(matches!(refused, Err(CampaignError::NoRelease(_))), "{refused:?}");
}
