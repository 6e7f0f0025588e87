//! Waves and the gate between them: whom a failure stops, and how what it stopped goes on.

use std::time::Duration;

use proptest::prelude::*;
use shared::outcome::Outcome;

use super::dice::Dice;
use super::network::Weather;
use super::world::{ROUND_S, World, by, campaign_id, failed, id, new_campaign};
use crate::campaign::CampaignError;
use crate::campaign::assignment::AssignmentState as State;
use crate::campaign::gate::Trip;
use crate::campaign::plan::Held;
use crate::campaign::policy::{Gate, Policy, Share, StopPolicy};
use crate::campaign::state::CampaignState;
use crate::registry::RegistryError;
use crate::registry::campaign::{NewCampaign, WaveStanding};

const SOAK_ROUNDS: i64 = 3;

fn policy(waves: &[Share]) -> Policy {
    let gate = Gate {
        sample_min: 1,
        success_percent_min: 100,
        soak: Duration::from_secs((SOAK_ROUNDS * ROUND_S).unsigned_abs()),
        bad_max: Share::Count(0),
        reach_percent_min: 100,
        reach_after: None,
    };
    Policy { waves: waves.to_vec(), gate: Some(gate), ..Policy::PLAIN }
}

async fn start(world: &World, policy: Policy) {
    let new = NewCampaign { max_parallel: 9, policy, ..new_campaign(1) };
    world.create_and_start(&new).await.unwrap();
}

async fn waves(world: &World) -> Vec<WaveStanding> {
    world.registry.waves(campaign_id(1)).await.unwrap()
}

fn all_end_with(world: &mut World, outcome: &Outcome) {
    world.terminals.values_mut().for_each(|it| it.outcome = outcome.clone());
}

async fn until_halted(world: &mut World) {
    for _ in 0..60 {
        if world.campaign(1).await.state == CampaignState::Halted {
            return;
        }
        world.round().await;
    }
    panic!("it is not halted: {:?}", world.states(1).await);
}

async fn resume(world: &World, acknowledged: Option<u64>) -> Result<(), CampaignError> {
    let resumed = world.campaigns.resume(campaign_id(1), acknowledged, &by(world.now)).await;
    resumed.map(|_| ())
}

/// Nobody is released before the wave before has passed, whatever is known of it.
async fn check_waves(world: &World) {
    let waves = waves(world).await;
    for wave in &waves {
        assert!(wave.tally.released() <= wave.wave.size.into(), "{wave:?}");
        let may = wave.opened_at.is_some();
        assert!(may || wave.tally.released() == 0, "it is not open: {wave:?}");
    }
    for (before, after) in waves.iter().zip(&waves[1..]) {
        assert_eq!(before.passed_at, after.opened_at, "one opens when the one before has passed");
    }
}

#[tokio::test]
async fn the_next_wave_begins_only_when_the_one_before_has_stood_for_a_while() {
    let mut world = World::new(9, 1).await;
    world.round().await;
    let canary = vec![id(4)];
    let shares = [Share::Count(2), Share::Percent(50), Share::Rest];
    start(&world, Policy { canary, ..policy(&shares) }).await;
    let sizes: Vec<_> = waves(&world).await.iter().map(|it| it.wave.size).collect();
    assert_eq!(sizes, [1, 2, 4, 2]);
    world.round().await;
    assert_eq!(world.states(1).await, [(State::Ordered, 1)]);
    let [assignment] = &world.registry.assignments_on(id(4), &first_page()).await.unwrap()[..]
    else {
        panic!("the one that is to go first goes first");
    };
    assert_eq!(assignment.wave, 0);
    let held = world.campaign(1).await.held;
    assert_eq!(held.into_iter().collect::<Vec<_>>(), [(Held::WaveClosed, 8)]);
    for _ in 0..100 {
        world.round().await;
        check_waves(&world).await;
    }
    world.everybody_succeeded_once(1).await;
    let mut waves = waves(&world).await;
    // The campaign is over before the last one has soaked.
    waves.pop();
    let least = (SOAK_ROUNDS * ROUND_S).unsigned_abs();
    for wave in &waves {
        let stood = wave.passed_at.unwrap().since(wave.reached_at.unwrap());
        assert!(stood.as_secs() >= least, "{stood:?}");
    }
}

fn first_page<C>() -> crate::registry::page::Page<C> {
    crate::registry::page::Page::first(9)
}

#[tokio::test]
async fn one_failure_too_many_stops_it_and_nobody_else_is_released() {
    let mut world = World::new(9, 1).await;
    world.round().await;
    all_end_with(&mut world, &failed());
    start(&world, policy(&[Share::Count(2), Share::Rest])).await;
    until_halted(&mut world).await;
    for _ in 0..30 {
        world.round().await;
    }
    let campaign = world.campaign(1).await;
    assert_eq!(campaign.state, CampaignState::Halted);
    assert_eq!(campaign.state_by, "gate");
    assert_eq!(world.tally(1).await.released(), 2, "those of the first wave alone");
    let tripped = campaign.tripped.expect("it is told why");
    assert_eq!(tripped.wave, 0);
    assert!(matches!(tripped.trip, Trip::Budget { allowed: 0, .. }), "{tripped:?}");
    assert_eq!(campaign.held.into_iter().collect::<Vec<_>>(), [(Held::Halted, 7)]);
}

#[tokio::test]
async fn whoever_lets_it_go_on_knows_how_many_have_failed_and_only_more_stop_it_again() {
    let mut world = World::new(6, 1).await;
    world.round().await;
    all_end_with(&mut world, &failed());
    start(&world, policy(&[Share::Count(2), Share::Count(2), Share::Rest])).await;
    until_halted(&mut world).await;
    for _ in 0..6 {
        world.round().await;
    }
    assert_eq!(world.states(1).await, [(State::Failed, 2)]);
    let blind = resume(&world, None).await;
    assert!(matches!(blind, Err(CampaignError::Halted { bad: 2, .. })), "{blind:?}");
    let wrong = resume(&world, Some(1)).await;
    let Err(CampaignError::Registry(RegistryError::OtherFailures { known: 1, bad: 2, .. })) = wrong
    else {
        panic!("{wrong:?}");
    };
    assert_eq!(world.campaign(1).await.state, CampaignState::Halted, "nothing has changed");
    resume(&world, Some(2)).await.unwrap();
    // The first wave is let pass; the next one fails anew.
    until_halted(&mut world).await;
    for _ in 0..6 {
        world.round().await;
    }
    assert_eq!(world.states(1).await, [(State::Failed, 4)]);
    assert_eq!(world.campaign(1).await.tripped.map(|it| it.wave), Some(1));
    all_end_with(&mut world, &Outcome::Succeeded { now: "2".to_owned() });
    resume(&world, Some(4)).await.unwrap();
    world.until_over(1, 60).await;
    assert_eq!(world.states(1).await, [(State::Failed, 4), (State::Succeeded, 2)]);
    assert_eq!(world.campaign(1).await.state, CampaignState::Completed);
}

#[tokio::test]
async fn what_is_let_pass_and_ends_well_after_all_makes_no_room_for_another_failure() {
    let mut world = World::new(4, 1).await;
    world.round().await;
    all_end_with(&mut world, &failed());
    let policy = policy(&[Share::Count(4)]);
    let new = NewCampaign { max_parallel: 1, policy, ..new_campaign(1) };
    world.create_and_start(&new).await.unwrap();
    until_halted(&mut world).await;
    for _ in 0..6 {
        world.round().await;
    }
    let known = world.registry.assignments(campaign_id(1), &first_page()).await.unwrap();
    let [first] = known.as_slice() else { panic!("one was released: {known:?}") };
    let succeeds = Outcome::Succeeded { now: "2".to_owned() };
    world.terminals.get_mut(&first.terminal).unwrap().outcome = succeeds;
    let by_now = by(world.now);
    world.campaigns.retry(campaign_id(1), Some(&[first.terminal]), &by_now).await.unwrap();
    resume(&world, Some(1)).await.unwrap();
    until_halted(&mut world).await;
    for _ in 0..6 {
        world.round().await;
    }
    assert_eq!(world.states(1).await, [(State::Failed, 1), (State::Succeeded, 1)]);
    assert_eq!(waves(&world).await[0].tried().failures(), 1, "nobody knows of that one");
}

#[tokio::test]
async fn a_failure_stays_one_while_its_retry_is_taken_back_and_stops_nothing_twice() {
    let mut world = World::new(3, 1).await;
    world.round().await;
    all_end_with(&mut world, &failed());
    let policy = policy(&[Share::Count(3)]);
    let new = NewCampaign { max_parallel: 2, policy, ..new_campaign(1) };
    world.create_and_start(&new).await.unwrap();
    until_halted(&mut world).await;
    for _ in 0..8 {
        world.round().await;
    }
    assert_eq!(world.states(1).await, [(State::Failed, 2)]);
    let known = world.registry.assignments(campaign_id(1), &first_page()).await.unwrap();
    let first = known[0].terminal;
    let terminal = world.terminals.get_mut(&first).unwrap();
    (terminal.may_begin, terminal.outcome) = (false, Outcome::Succeeded { now: "2".to_owned() });
    world.campaigns.retry(campaign_id(1), Some(&[first]), &by(world.now)).await.unwrap();
    resume(&world, Some(2)).await.unwrap();
    until_halted(&mut world).await;
    for _ in 0..8 {
        world.round().await;
    }
    assert_eq!(world.states(1).await, [(State::Withdrawn, 1), (State::Failed, 2)]);
    assert_eq!(world.tally(1).await.bad(), 3, "that it was taken back makes nothing good");
    world.terminals.get_mut(&first).unwrap().may_begin = true;
    resume(&world, Some(3)).await.unwrap();
    world.until_over(1, 60).await;
    assert_eq!(world.states(1).await, [(State::Failed, 2), (State::Succeeded, 1)]);
    assert_eq!((world.tally(1).await.bad(), world.tally(1).await.acknowledged), (2, 2));
}

#[tokio::test]
async fn the_reach_of_the_first_wave_counts_from_when_it_may_begin() {
    let world = World::new(2, 1).await;
    let not_before = world.now.plus(Duration::from_secs(3 * 86_400));
    start(&world, Policy { not_before: Some(not_before), ..policy(&[Share::Rest]) }).await;
    assert_eq!(waves(&world).await[0].opened_at, Some(not_before));
}

#[tokio::test]
async fn what_had_not_begun_is_taken_back_and_comes_again_when_it_goes_on() {
    let mut world = World::new(5, 1).await;
    world.round().await;
    for number in [2, 3] {
        world.terminal(number).may_begin = false;
    }
    world.terminal(1).outcome = failed();
    // Accepted by all but one, which is away.
    start(&world, policy(&[Share::Count(5)])).await;
    world.round().await;
    world.terminal(5).is_on = false;
    until_halted(&mut world).await;
    for _ in 0..6 {
        world.round().await;
    }
    let tally = world.tally(1).await;
    assert_eq!(tally.in_state(State::Withdrawn), 2, "{tally:?}");
    assert_eq!((tally.in_state(State::Failed), tally.in_state(State::Succeeded)), (1, 1));
    for number in [2, 3] {
        world.terminal(number).may_begin = true;
        assert!(world.terminal(number).carried_out.is_empty());
    }
    resume(&world, Some(1)).await.unwrap();
    for _ in 0..8 {
        world.round().await;
    }
    world.terminal(5).is_on = true;
    world.terminal(5).reconnect();
    world.until_over(1, 60).await;
    assert_eq!(world.states(1).await, [(State::Failed, 1), (State::Succeeded, 4)]);
    for number in 1..=5 {
        let times: Vec<_> = world.terminal(number).carried_out.values().copied().collect();
        assert_eq!(times, [1], "terminal {number}");
    }
    let again = world.registry.assignments_on(id(2), &first_page()).await.unwrap();
    assert_eq!((again[0].attempt, again[0].issue), (2, 1));
}

#[tokio::test]
async fn a_policy_that_keeps_what_is_done_calls_back_whoever_is_at_it_too() {
    let mut world = World::new(3, 1).await;
    world.round().await;
    start(&world, Policy { stop: StopPolicy::Keep, ..policy(&[Share::Count(3)]) }).await;
    world.terminal(1).outcome = failed();
    until_halted(&mut world).await;
    for _ in 0..6 {
        world.round().await;
    }
    assert_eq!(world.tally(1).await.open(), 0, "{:?}", world.states(1).await);
    world.campaigns.abort(campaign_id(1), &by(world.now)).await.unwrap();
    world.until_over(1, 30).await;
    assert_eq!(world.campaign(1).await.state, CampaignState::Aborted);
}

/// Half of the terminals fail until somebody has looked. Gives how many times it was halted.
async fn with_failures(world: &mut World, mut disturb: impl AsyncFnMut(&mut World)) -> usize {
    let mut halts = 0;
    for _ in 0..600 {
        disturb(world).await;
        world.round().await;
        check_waves(world).await;
        let campaign = world.campaign(1).await;
        match campaign.state {
            CampaignState::Halted if world.tally(1).await.open() == 0 => {
                halts += 1;
                all_end_with(world, &Outcome::Succeeded { now: "2".to_owned() });
                let bad = world.tally(1).await.bad();
                resume(world, Some(bad)).await.unwrap();
            }
            CampaignState::Completed => break,
            CampaignState::Draft
            | CampaignState::AwaitingApproval
            | CampaignState::Running
            | CampaignState::Paused
            | CampaignState::Halted
            | CampaignState::Aborted => {}
        }
    }
    halts
}

/// Everybody was released and has ended, and nobody carried out more than one order.
async fn nobody_is_forgotten_and_nobody_is_twice(world: &World) {
    assert_eq!(world.campaign(1).await.state, CampaignState::Completed);
    let tally = world.tally(1).await;
    assert_eq!(tally.released(), world.terminals.len() as u64);
    assert_eq!((tally.open(), tally.in_state(State::Withdrawn)), (0, 0), "{tally:?}");
    for terminal in world.terminals.values() {
        let times: u32 = terminal.carried_out.values().sum();
        assert_eq!(times, 1, "{}: {:?}", terminal.id, terminal.carried_out);
    }
}

/// The fuse blows at the first thing that is asked of the registry, then at the second, and so on
/// until a whole campaign fits.
#[tokio::test]
async fn killed_at_any_statement_a_campaign_in_waves_goes_on_where_it_was() {
    for statements in (0..).step_by(7) {
        let mut world = World::new(4, 1).await;
        world.round().await;
        world.terminal(1).outcome = failed();
        world.terminal(3).outcome = failed();
        start(&world, policy(&[Share::Count(2), Share::Rest])).await;
        let kills = world.kills;
        world.fuse.set(statements);
        let halts = with_failures(&mut world, async |_| {}).await;
        assert!(halts > 0);
        nobody_is_forgotten_and_nobody_is_twice(&world).await;
        if world.kills == kills {
            return;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

    #[test]
    fn in_foul_weather_with_kills_waves_release_nobody_twice_and_forget_nobody(
        seed in any::<u64>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut dice = Dice::seeded(seed);
            let mut world = World::new(5, seed).await;
            // Where a wave must reach all, it does not begin while some were never seen.
            world.round().await;
            world.round().await;
            world.weather = Weather::FOUL;
            world.terminal(2).outcome = failed();
            start(&world, policy(&[Share::Count(2), Share::Rest])).await;
            with_failures(&mut world, async |world: &mut World| {
                if dice.chance(5) {
                    world.restart_broker();
                }
                if dice.chance(20) {
                    world.fuse.set(dice.below(150) as u64);
                }
            })
            .await;
            nobody_is_forgotten_and_nobody_is_twice(&world).await;
        });
    }
}
