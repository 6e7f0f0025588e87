//! Terminals that come to be meant after a campaign was started.

use std::collections::BTreeMap;
use std::time::Duration;

use super::approvals::restore;
use super::world::{ROUND_S, World, by, campaign_id, failed, id, new_campaign};
use crate::campaign::assignment::AssignmentState as State;
use crate::campaign::policy::{Gate, Intake, Policy, Share};
use crate::campaign::rate::Rate;
use crate::campaign::state::CampaignState;
use crate::campaign::{CampaignError, Skip};
use crate::registry::campaign::NewCampaign;

const MINUTE: Duration = Duration::from_secs(60);
/// Whoever comes to be meant is taken in.
fn taking_in() -> Policy {
    Policy { membership: Intake::Continuous, ..Policy::PLAIN }
}

async fn begin(world: &World, new: NewCampaign) {
    world.create_and_start(&new).await.unwrap();
}

fn continuous(policy: Policy) -> NewCampaign {
    NewCampaign { policy, max_parallel: 9, ..new_campaign(1) }
}

async fn rounds(world: &mut World, count: usize) {
    for _ in 0..count {
        world.round().await;
    }
}

async fn state_of(world: &World, number: u8) -> Option<State> {
    let found = world.registry.assignments_of(campaign_id(1), &[id(number)]).await.unwrap();
    found.first().map(|it| it.standing.state())
}

async fn members(world: &World) -> (u32, u32) {
    let frozen = world.campaign(1).await.frozen.unwrap();
    (frozen.members, frozen.joined)
}

#[tokio::test]
async fn who_arrives_later_gets_the_change_too_until_the_orders_run_out() {
    let mut world = World::new(2, 1).await;
    world.round().await;
    begin(&world, continuous(taking_in())).await;
    rounds(&mut world, 20).await;
    assert_eq!(world.states(1).await, [(State::Succeeded, 2)]);
    assert_eq!(world.campaign(1).await.state, CampaignState::Running, "somebody may still come");
    world.arrive(3).await;
    rounds(&mut world, 20).await;
    assert_eq!(state_of(&world, 3).await, Some(State::Succeeded));
    assert_eq!(members(&world).await, (3, 1));
    world.now = world.campaign(1).await.frozen.unwrap().not_after;
    world.arrive(4).await;
    rounds(&mut world, 3).await;
    assert_eq!(world.campaign(1).await.state, CampaignState::Completed);
    assert_eq!(members(&world).await, (3, 1), "too late");
}

#[tokio::test]
async fn a_campaign_can_begin_with_nobody() {
    let mut world = World::new(1, 1).await;
    world.round().await;
    let gate = Gate {
        sample_min: 1,
        success_percent_min: 50,
        soak: MINUTE,
        bad_max: Share::Count(1),
        reach_percent_min: 50,
        reach_after: None,
    };
    let waves = vec![Share::Percent(10)];
    let new = NewCampaign {
        selector: "label.ring=new".to_owned(),
        ..continuous(Policy { waves, gate: Some(gate), ..taking_in() })
    };
    begin(&world, new).await;
    rounds(&mut world, 5).await;
    assert_eq!(members(&world).await, (0, 0));
    // Nothing about it changes but what somebody says of it.
    let ring = BTreeMap::from([("ring".to_owned(), Some("new".to_owned()))]);
    world.registry.label_terminal(id(1), &ring, &by(world.now)).await.unwrap();
    rounds(&mut world, 20).await;
    assert_eq!(members(&world).await, (1, 1));
    assert_eq!(state_of(&world, 1).await, Some(State::Succeeded));
}

#[tokio::test]
async fn who_joins_waits_for_the_gate_and_is_stopped_by_it_as_all_others_are() {
    let mut world = World::new(1, 1).await;
    world.round().await;
    let gate = Gate {
        sample_min: 1,
        success_percent_min: 1,
        soak: MINUTE * 30,
        bad_max: Share::Count(1),
        reach_percent_min: 100,
        reach_after: None,
    };
    let policy = Policy { canary: vec![id(1)], gate: Some(gate), ..taking_in() };
    begin(&world, continuous(policy)).await;
    for number in 2..=6 {
        world.arrive(number).await;
        world.terminal(number).outcome = failed();
    }
    rounds(&mut world, 30).await;
    assert_eq!(members(&world).await, (6, 5));
    assert_eq!(world.states(1).await, [(State::Succeeded, 1)], "the canary soaks");
    let held = world.campaign(1).await.held;
    assert_eq!(held.values().sum::<u64>(), 5, "{held:?}");
    rounds(&mut world, 90).await;
    let campaign = world.campaign(1).await;
    assert_eq!(campaign.state, CampaignState::Halted, "two have failed: {:?}", campaign.tripped);
}

#[tokio::test]
async fn who_joins_keeps_to_the_rate_and_can_be_left_out() {
    let mut world = World::new(1, 1).await;
    world.round().await;
    let rate: Rate = "1/h".parse().unwrap();
    begin(&world, continuous(Policy { rate: Some(rate), ..taking_in() })).await;
    rounds(&mut world, 20).await;
    for number in 2..=4 {
        world.arrive(number).await;
    }
    rounds(&mut world, 30).await;
    assert_eq!(world.tally(1).await.released(), 1, "none within the hour");
    assert_eq!(
        world.campaigns.skip(campaign_id(1), &[id(3)], Skip::Done, &by(world.now)).await.unwrap(),
        1
    );
    rounds(&mut world, 3 * 3_600 / usize::try_from(ROUND_S).unwrap()).await;
    assert_eq!(state_of(&world, 3).await, None);
    assert_eq!(world.tally(1).await.in_state(State::Succeeded), 3);
    let skipped = world.campaigns.skip(campaign_id(1), &[id(9)], Skip::Done, &by(world.now)).await;
    assert!(matches!(skipped, Err(CampaignError::Stranger { .. })), "{skipped:?}");
}

#[tokio::test]
async fn what_was_taken_back_from_one_that_joined_comes_again_under_another_batch() {
    let mut world = World::new(1, 1).await;
    world.round().await;
    let gate = Gate {
        sample_min: 1,
        success_percent_min: 1,
        soak: MINUTE,
        bad_max: Share::Count(0),
        reach_percent_min: 1,
        reach_after: None,
    };
    begin(&world, continuous(Policy { gate: Some(gate), ..taking_in() })).await;
    rounds(&mut world, 10).await;
    world.arrive(2).await;
    world.arrive(3).await;
    world.terminal(3).outcome = failed();
    world.terminal(2).may_begin = false;
    rounds(&mut world, 30).await;
    assert_eq!(world.campaign(1).await.state, CampaignState::Halted);
    assert_eq!(state_of(&world, 2).await, Some(State::Withdrawn));
    world.terminal(2).may_begin = true;
    world.campaigns.resume(campaign_id(1), Some(1), &by(world.now)).await.unwrap();
    rounds(&mut world, 30).await;
    assert_eq!(state_of(&world, 2).await, Some(State::Succeeded));
    let times: u32 = world.terminal(2).carried_out.values().sum();
    assert_eq!(times, 1);
}

#[tokio::test]
async fn what_people_sign_for_and_what_goes_by_time_alone_takes_nobody_in() {
    let world = World::new(2, 1).await;
    let by_time = NewCampaign { selector: "last-seen<1h".to_owned(), ..continuous(taking_in()) };
    let refused = world.create_and_start(&by_time).await;
    assert!(matches!(refused, Err(CampaignError::JoinedByTime(_))), "{refused:?}");
    let signed = NewCampaign { policy: taking_in(), ..restore(1) };
    let refused = world.create_and_start(&signed).await;
    assert!(matches!(refused, Err(CampaignError::NobodyJoins)), "{refused:?}");
    let nobody = NewCampaign { selector: "store=nowhere".to_owned(), ..new_campaign(2) };
    let refused = world.create_and_start(&nobody).await;
    assert!(matches!(refused, Err(CampaignError::Nobody(_))), "a snapshot of nobody: {refused:?}");
}

/// The fuse blows at the first thing that is asked of the registry, then at the second, and so on
/// until it all fits.
#[tokio::test]
async fn killed_at_any_statement_nobody_is_missed_and_nobody_joins_twice() {
    for statements in (0..).step_by(37) {
        let mut world = World::new(2, 1).await;
        world.round().await;
        begin(&world, continuous(taking_in())).await;
        rounds(&mut world, 2).await;
        let kills = world.kills;
        world.fuse.set(statements);
        world.arrive(3).await;
        world.arrive(4).await;
        rounds(&mut world, 14).await;
        assert_eq!(members(&world).await, (4, 2), "killed at {statements}");
        assert_eq!(world.states(1).await, [(State::Succeeded, 4)], "killed at {statements}");
        for terminal in world.terminals.values() {
            assert_eq!(terminal.carried_out.values().sum::<u32>(), 1, "killed at {statements}");
        }
        if world.kills == kills {
            return;
        }
    }
}
