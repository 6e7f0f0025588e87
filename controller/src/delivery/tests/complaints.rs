//! What people who bring changes to many devices complain about most, and that it does not happen
//! here: one test for each.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::tz::TimeZone;
use shared::calendar::{Calendar, Jitter, Opening, Part, Weekly};
use shared::document::order::Class;
use shared::id::OrderId;
use shared::outcome::{Failure, FailureCode, Outcome, Refusal};
use shared::time::UnixTime;

use super::control::upgrade;
use super::world::{World, by, campaign_id, id, new_campaign};
use crate::campaign::CampaignError;
use crate::campaign::assignment::{AssignmentState as State, Fact, Refused, Standing};
use crate::campaign::gate::Trip;
use crate::campaign::plan::Held;
use crate::campaign::policy::{Gate, Intake, NotAPolicy, Policy, Share};
use crate::campaign::state::CampaignState;
use crate::campaign::view;
use crate::registry::campaign::NewCampaign;
use crate::registry::delivery::AlarmKind;
use crate::registry::page::Page;

const MINUTE: Duration = Duration::from_secs(60);

fn rolled_back() -> Outcome {
    let failure = Failure {
        code: FailureCode::DiskFull,
        step: "switch".to_owned(),
        detail: "no room".to_owned(),
    };
    Outcome::RolledBack { failure }
}

fn gate() -> Gate {
    Gate {
        sample_min: 1,
        success_percent_min: 60,
        soak: MINUTE,
        bad_max: Share::Count(9),
        reach_percent_min: 60,
        reach_after: None,
    }
}

/// These first, and the others once they have passed.
fn after(canary: &[u8], gate: Gate) -> Policy {
    let canary = canary.iter().copied().map(id).collect();
    Policy { canary, gate: Some(gate), ..Policy::PLAIN }
}

async fn begin(world: &World, number: u16, policy: Policy) {
    let new = NewCampaign { max_parallel: 9, policy, ..new_campaign(number) };
    world.create_and_start(&new).await.unwrap();
}

async fn rounds(world: &mut World, count: usize) {
    for _ in 0..count {
        world.round().await;
    }
}

async fn held(world: &World, number: u16) -> Vec<(Held, u64)> {
    world.campaign(number).await.held.into_iter().collect()
}

#[tokio::test]
async fn a_device_that_falls_silent_does_not_hold_its_group_for_ever() {
    let mut world = World::new(3, 1).await;
    rounds(&mut world, 2).await;
    let patient = Gate { reach_percent_min: 100, reach_after: Some(10 * MINUTE), ..gate() };
    world.terminal(1).may_begin = false;
    begin(&world, 1, after(&[1, 2], patient)).await;
    rounds(&mut world, 4).await;
    world.terminal(1).is_on = false;
    rounds(&mut world, 10).await;
    assert_eq!(held(&world, 1).await, [(Held::WaveClosed, 1)]);
    rounds(&mut world, 40).await;
    assert_eq!(world.states(1).await, [(State::Accepted, 1), (State::Succeeded, 2)]);
}

#[tokio::test]
async fn one_dead_device_does_not_keep_a_campaign_from_its_end() {
    let mut world = World::new(2, 1).await;
    rounds(&mut world, 2).await;
    world.terminal(2).is_on = false;
    begin(&world, 1, Policy::PLAIN).await;
    rounds(&mut world, 20).await;
    assert_eq!(world.campaign(1).await.state, CampaignState::Running);
    world.now = world.now.plus(MINUTE * 60 * 24 * 9);
    rounds(&mut world, 3).await;
    assert_eq!(world.campaign(1).await.state, CampaignState::Completed);
    assert_eq!(world.states(1).await, [(State::Unreached, 1), (State::Succeeded, 1)]);
}

/// Time passes in steps in which those that are on say hello.
async fn hours(world: &mut World, hours: u32) {
    for _ in 0..4 * hours {
        world.now = world.now.plus(15 * MINUTE);
        world.round().await;
    }
}

/// An upgrade of ten canaries, and of one more once they have passed.
async fn ten_canaries(world: &World) {
    let gate = Gate {
        sample_min: 3,
        success_percent_min: 90,
        soak: 4 * 60 * MINUTE,
        bad_max: Share::Count(2),
        reach_percent_min: 90,
        reach_after: Some(12 * 60 * MINUTE),
    };
    let policy = Policy {
        fallback: Some("by hand".to_owned()),
        ..after(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], gate)
    };
    let new = NewCampaign { max_parallel: 20, ..upgrade(world, 1, policy).await };
    world.create_and_start(&new).await.unwrap();
}

#[tokio::test]
async fn a_canary_that_dies_at_its_work_stops_the_campaign() {
    let mut world = World::new(11, 1).await;
    rounds(&mut world, 2).await;
    for number in 1..=7 {
        world.terminal(number).dies_in_round = Some(3);
    }
    ten_canaries(&world).await;
    rounds(&mut world, 10).await;
    assert_eq!(world.states(1).await, [(State::Working, 7), (State::Succeeded, 3)]);
    hours(&mut world, 1).await;
    assert_eq!(world.campaign(1).await.state, CampaignState::Running, "it may restart yet");
    hours(&mut world, 2).await;
    let campaign = world.campaign(1).await;
    assert_eq!(campaign.state, CampaignState::Halted);
    assert!(campaign.tripped.is_some_and(|it| matches!(it.trip, Trip::Budget { bad: 7, .. })));
    assert_eq!(world.states(1).await, [(State::Silent, 7), (State::Succeeded, 3)]);
    let alarms = world.registry.alarms(&Page::first(9)).await.unwrap();
    let told = alarms.iter().find(|(_, it)| it.kind == AlarmKind::CampaignHalted);
    let (_, told) = told.expect("somebody is told");
    assert_eq!(told.subject, campaign_id(1).to_string());
    assert!(told.detail.contains("7 ended badly, and 2 may"), "{}", told.detail);
    let seen = view::member(&*world.registry, &campaign, id(1), world.now).await.unwrap().unwrap();
    assert_eq!(seen.part.why().unwrap().code, "silent");
    // Nobody counts on a till that was lost at its work, though it was heard of today.
    let standings = world.registry.store_standings(&["berlin-1".to_owned()], world.now).await;
    assert_eq!(standings.unwrap()["berlin-1"].selling.len(), 4);

    // What one says after that is heard.
    world.terminal(1).is_on = true;
    world.terminal(1).reconnect();
    rounds(&mut world, 10).await;
    let tally = world.tally(1).await;
    assert_eq!((tally.bad(), tally.late_successes), (6, 1));
    assert_eq!(world.campaign(1).await.state, CampaignState::Halted, "a person decides");
    world.campaigns.abort(campaign_id(1), &by(world.now)).await.unwrap();
    let ended = world.registry.alarms(&Page::first(9)).await.unwrap();
    assert!(ended.iter().all(|(_, it)| it.kind != AlarmKind::CampaignHalted), "it is decided");
}

#[tokio::test]
async fn who_is_switched_off_before_it_disturbs_its_shop_has_the_night() {
    let mut world = World::new(11, 1).await;
    rounds(&mut world, 2).await;
    for number in 1..=3 {
        world.terminal(number).dies_in_round = Some(2);
    }
    ten_canaries(&world).await;
    rounds(&mut world, 10).await;
    hours(&mut world, 12).await;
    assert_eq!(world.states(1).await, [(State::Working, 3), (State::Succeeded, 7)]);
    hours(&mut world, 2).await;
    assert_eq!(world.states(1).await, [(State::Silent, 3), (State::Succeeded, 7)]);
}

#[tokio::test]
async fn nobody_is_given_up_because_the_server_was_away() {
    let mut world = World::new(11, 1).await;
    rounds(&mut world, 2).await;
    for number in 1..=7 {
        world.terminal(number).dies_in_round = Some(3);
    }
    ten_canaries(&world).await;
    rounds(&mut world, 10).await;
    world.away(5 * 3_600);
    hours(&mut world, 1).await;
    let states = world.states(1).await;
    assert_eq!(states, [(State::Working, 7), (State::Succeeded, 3)], "all need time to come back");
    hours(&mut world, 2).await;
    assert_eq!(world.campaign(1).await.state, CampaignState::Halted);
}

#[tokio::test]
async fn a_device_that_accepted_and_never_began_is_no_failure() {
    let mut world = World::new(3, 1).await;
    rounds(&mut world, 2).await;
    world.terminals.values_mut().for_each(|it| it.may_begin = false);
    let strict = Gate { bad_max: Share::Count(0), success_percent_min: 100, ..gate() };
    begin(&world, 1, after(&[1, 2, 3], strict)).await;
    rounds(&mut world, 5).await;
    assert_eq!(world.states(1).await, [(State::Accepted, 3)]);
    world.terminals.values_mut().for_each(|it| it.is_on = false);
    world.now = world.now.plus(MINUTE * 60 * 24 * 9);
    rounds(&mut world, 3).await;
    assert_eq!(world.states(1).await, [(State::Expired, 3)]);
    assert_eq!(world.tally(1).await.bad(), 0);
    assert_eq!(world.campaign(1).await.state, CampaignState::Completed);
}

#[tokio::test]
async fn a_failed_device_is_tried_again_without_another_campaign() {
    let mut world = World::new(2, 1).await;
    rounds(&mut world, 2).await;
    world.terminal(1).outcome = rolled_back();
    // Somebody who is away keeps it from being over.
    world.terminal(2).is_on = false;
    begin(&world, 1, Policy::PLAIN).await;
    rounds(&mut world, 10).await;
    assert_eq!(world.tally(1).await.bad(), 1);
    world.terminal(1).outcome = Outcome::Succeeded { now: "2".to_owned() };
    world.campaigns.retry(campaign_id(1), None, &by(world.now)).await.unwrap();
    rounds(&mut world, 10).await;
    assert_eq!(world.tally(1).await.in_state(State::Succeeded), 1);
    assert_eq!(world.tally(1).await.bad(), 0);
}

#[test]
fn not_all_devices_begin_in_the_same_second_of_their_window() {
    let window = "22:00-06:00".parse().unwrap();
    let calendar = Calendar {
        download: vec![],
        activation: vec![Opening::Weekly(Weekly::daily(window))],
        freezes: vec![],
        spread_s: 3_600,
    };
    let (zone, noon) = (TimeZone::UTC, UnixTime(1_805_025_600));
    let mut by_minute: BTreeMap<i64, u32> = BTreeMap::new();
    for number in 0..240 {
        let jitter = Jitter::of(OrderId::from_bytes([number; 16]), id(number));
        let hours = calendar.hours(Part::Activation, &zone, jitter);
        let begins = hours.next_opening(noon, UnixTime(i64::MAX)).unwrap();
        assert_eq!(hours.next_opening(noon, UnixTime(i64::MAX)), Some(begins), "it stays so");
        *by_minute.entry(begins.0 / 60).or_default() += 1;
    }
    assert!(by_minute.len() > 40, "over an hour: {by_minute:?}");
    assert!(by_minute.values().all(|count| *count < 20), "four a minute: {by_minute:?}");
}

#[tokio::test]
async fn a_wave_that_is_finished_and_has_not_passed_lets_nobody_through() {
    let mut world = World::new(4, 1).await;
    rounds(&mut world, 2).await;
    world.terminal(1).outcome = rolled_back();
    world.terminal(2).outcome = Outcome::Expired;
    begin(&world, 1, after(&[1, 2, 3], gate())).await;
    rounds(&mut world, 60).await;
    let states = world.states(1).await;
    assert_eq!(states, [(State::Expired, 1), (State::RolledBack, 1), (State::Succeeded, 1)]);
    assert_eq!(world.campaign(1).await.state, CampaignState::Halted);
    assert_eq!(held(&world, 1).await, [(Held::Halted, 1)]);
}

#[tokio::test]
async fn what_was_rolled_back_can_be_brought_again() {
    let mut world = World::new(1, 1).await;
    rounds(&mut world, 2).await;
    world.terminal(1).outcome = rolled_back();
    begin(&world, 1, Policy::PLAIN).await;
    world.until_over(1, 20).await;
    assert_eq!(world.states(1).await, [(State::RolledBack, 1)]);
    world.terminal(1).outcome = Outcome::Succeeded { now: "2".to_owned() };
    begin(&world, 2, Policy::PLAIN).await;
    world.until_over(2, 20).await;
    assert_eq!(world.states(2).await, [(State::Succeeded, 1)]);
    assert_eq!(world.terminal(1).carried_out.len(), 2, "nobody took it for done");
}

#[test]
fn what_a_device_refuses_for_good_is_not_offered_for_ever() {
    let refused = |refusal| {
        let mut standing = Standing::ordered(UnixTime(1));
        let detail = "it is a T650".to_owned();
        standing.learn(Fact::Refused(Refused { refusal, detail, at: UnixTime(2) }));
        standing
    };
    let for_good = refused(Refusal::OtherModel);
    assert!(for_good.is_answered(), "it is not sent again");
    assert!(for_good.state().is_end() && for_good.state().is_bad(), "and counts");
    assert!(!refused(Refusal::NotYet).is_answered(), "what may pass is");
}

#[tokio::test]
async fn what_is_over_a_limit_waits_with_a_reason_and_is_not_cancelled() {
    let mut world = World::new(3, 1).await;
    rounds(&mut world, 2).await;
    world.terminals.values_mut().for_each(|it| it.may_begin = false);
    let not_before = Some(world.now.plus(MINUTE));
    let policy = Policy { not_before, ..Policy::PLAIN };
    let new = NewCampaign { max_parallel: 1, policy, ..new_campaign(1) };
    world.create_and_start(&new).await.unwrap();
    rounds(&mut world, 1).await;
    assert_eq!(held(&world, 1).await, [(Held::NotYet, 3)]);
    rounds(&mut world, 10).await;
    assert_eq!(held(&world, 1).await, [(Held::NoPlace, 2)]);
    world.terminals.values_mut().for_each(|it| it.may_begin = true);
    world.until_over(1, 60).await;
    world.everybody_succeeded_once(1).await;
}

#[tokio::test]
async fn a_slow_rollout_stops_by_itself_when_it_does_harm() {
    let mut world = World::new(9, 1).await;
    rounds(&mut world, 2).await;
    world.terminals.values_mut().for_each(|it| it.outcome = rolled_back());
    let strict = Gate { bad_max: Share::Count(0), ..gate() };
    let rate = Some("1/m".parse().unwrap());
    begin(&world, 1, Policy { gate: Some(strict), rate, ..Policy::PLAIN }).await;
    rounds(&mut world, 60).await;
    let (campaign, released) = (world.campaign(1).await, world.tally(1).await.released());
    assert_eq!(campaign.state, CampaignState::Halted);
    assert!(campaign.tripped.is_some(), "it is told why");
    assert!(released <= 3, "{released} had it before the first failure was known");
}

#[tokio::test]
async fn what_must_not_wait_does_not_stand_behind_what_can() {
    let mut world = World::new(1, 1).await;
    rounds(&mut world, 2).await;
    world.terminal(1).may_begin = false;
    let class = Some(Class::Background);
    begin(&world, 1, Policy { class, ..Policy::PLAIN }).await;
    rounds(&mut world, 5).await;
    assert_eq!(world.tally(1).await.open(), 1);
    let class = Some(Class::Security);
    begin(&world, 2, Policy { class, ..Policy::PLAIN }).await;
    rounds(&mut world, 5).await;
    assert_eq!(world.tally(2).await.open(), 1, "it has its order beside the other one");
    let class = Some(Class::Background);
    begin(&world, 3, Policy { class, ..Policy::PLAIN }).await;
    rounds(&mut world, 5).await;
    assert_eq!(held(&world, 3).await, [(Held::Busy, 1)], "and what can wait waits");
}

#[tokio::test]
async fn no_budget_starves_its_group_without_a_word() {
    let mut world = World::new(2, 1).await;
    rounds(&mut world, 2).await;
    // As large as the fleet: all at once, and everybody comes through.
    begin(&world, 1, Policy { store_at_once: Some(2), ..Policy::PLAIN }).await;
    world.until_over(1, 60).await;
    world.everybody_succeeded_once(1).await;
    // One that could let nobody through is not begun.
    let policy = Policy { store_at_once: Some(0), ..Policy::PLAIN };
    let new = NewCampaign { policy, ..new_campaign(2) };
    let refused = world.create_and_start(&new).await;
    let is_named = matches!(refused, Err(CampaignError::Policy(NotAPolicy::NobodyAtOnce)));
    assert!(is_named, "{refused:?}");
    // Of each reason to wait people are told what to do, or that it passes by itself.
    for reason in Held::ALL {
        assert!(!reason.detail().is_empty(), "{reason:?}");
    }
}

#[tokio::test]
async fn a_device_that_replaces_another_does_not_miss_what_all_others_got() {
    let mut world = World::new(2, 1).await;
    rounds(&mut world, 2).await;
    begin(&world, 1, Policy { membership: Intake::Continuous, ..Policy::PLAIN }).await;
    begin(&world, 2, Policy::PLAIN).await;
    rounds(&mut world, 30).await;
    world.arrive(3).await;
    rounds(&mut world, 30).await;
    let got = async |number| world.tally(number).await.in_state(State::Succeeded);
    assert_eq!((got(1).await, got(2).await), (3, 2), "as each of the two was asked for");
}

/// There is no half of a campaign that somebody would have to clear away: it is not there, or it is
/// a draft, or it runs with all of its members.
#[tokio::test]
async fn no_campaign_hangs_half_made_when_the_server_fails() {
    for statements in 0.. {
        let mut world = World::new(3, 1).await;
        rounds(&mut world, 2).await;
        world.fuse.lay_aside(false);
        world.fuse.set(statements);
        let made = world.create_and_start(&new_campaign(1)).await;
        world.fuse.lay_aside(true);
        world.restart_controller().await;
        let found = world.registry.campaign(campaign_id(1)).await.unwrap();
        match found.map(|it| (it.state, it.frozen.map(|it| it.members))) {
            None => begin(&world, 1, Policy::PLAIN).await,
            Some((CampaignState::Draft, None)) => {
                world.campaigns.start(campaign_id(1), &by(world.now)).await.unwrap();
            }
            Some(running) => assert_eq!(running, (CampaignState::Running, Some(3))),
        }
        world.until_over(1, 60).await;
        world.everybody_succeeded_once(1).await;
        if made.is_ok() {
            return;
        }
    }
}

/// Devices go on with what they have been told while nobody hears them, and what they did is not
/// lost.
#[tokio::test]
async fn devices_work_on_while_the_server_is_gone() {
    let mut world = World::new(3, 1).await;
    rounds(&mut world, 2).await;
    begin(&world, 1, Policy::PLAIN).await;
    rounds(&mut world, 2).await;
    world.terminals.values_mut().for_each(|it| assert!(it.is_on));
    world.away(3 * 3_600);
    let done = world.terminals.values().filter(|it| !it.carried_out.is_empty()).count();
    assert_eq!(done, 3, "they had their orders");
    world.until_over(1, 60).await;
    world.everybody_succeeded_once(1).await;
}
