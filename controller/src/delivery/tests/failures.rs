//! Whatever fails, and whenever: every order and every report arrives, once in effect.

use proptest::prelude::*;
use shared::message::{Down, Up};

use super::dice::Dice;
use super::network::Weather;
use super::world::World;

/// Runs a campaign while this happens before each round.
async fn campaign_with(
    terminals: u8,
    seed: u64,
    weather: Weather,
    mut disturb: impl AsyncFnMut(&mut World, usize),
) -> World {
    let mut world = World::new(terminals, seed).await;
    world.weather = weather;
    world.round().await;
    world.start_campaign(1, 3).await;
    for round in 0..60 {
        disturb(&mut world, round).await;
        world.round().await;
    }
    world.weather = Weather::FAIR;
    world.until_over(1, 400).await;
    world
}

fn on_its_own(work: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(work);
}

#[tokio::test]
async fn ten_restarts_of_an_empty_broker_lose_nothing() {
    for seed in 0..8 {
        let mut dice = Dice::seeded(seed);
        let mut restarts = 0;
        let world = campaign_with(6, seed, Weather::FAIR, async |world: &mut World, _| {
            if restarts < 10 && dice.chance(40) {
                restarts += 1;
                world.restart_broker();
            }
        });
        world.await.everybody_succeeded_once(1).await;
        assert_eq!(restarts, 10, "seed {seed}");
    }
}

#[tokio::test]
async fn a_broker_that_is_down_for_an_hour_is_caught_up_with() {
    let world = campaign_with(4, 1, Weather::FAIR, async |world: &mut World, round| match round {
        3 => {
            world.restart_broker();
            world.broker.stop();
            world.terminals.values_mut().for_each(|terminal| terminal.is_on = false);
        }
        40 => {
            world.broker.start();
            world.terminals.values_mut().for_each(|terminal| {
                terminal.is_on = true;
                terminal.reconnect();
            });
        }
        _ => {}
    });
    world.await.everybody_succeeded_once(1).await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn in_foul_weather_with_restarts_of_everything_every_order_arrives_once_in_effect(
        seed in any::<u64>(),
    ) {
        on_its_own(async {
            let mut dice = Dice::seeded(seed);
            let world = campaign_with(5, seed, Weather::FOUL, async |world: &mut World, _| {
                if dice.chance(10) {
                    world.restart_broker();
                }
                if dice.chance(10) {
                    world.restart_controller().await;
                }
                if dice.chance(30) {
                    world.fuse.set(dice.below(120) as u64);
                }
            });
            world.await.everybody_succeeded_once(1).await;
        });
    }
}

/// The fuse blows at the first thing that is asked of the registry, then at the second, and so on
/// until a whole campaign fits; each time the controller is started again and ends the same.
#[tokio::test]
async fn killed_at_any_statement_and_started_again_a_campaign_ends_the_same() {
    let mut world = World::new(1, 1).await;
    world.round().await;
    for number in 0.. {
        let kills = world.kills;
        world.terminal(1).carried_out.clear();
        world.start_campaign(number, 1).await;
        world.fuse.set(number.into());
        world.until_over(number, 400).await;
        world.everybody_succeeded_once(number).await;
        if world.kills == kills {
            return;
        }
    }
}

#[tokio::test]
async fn a_late_will_of_the_old_connection_does_not_silence_the_answer_to_the_new_one() {
    let mut world = World::new(1, 1).await;
    let now = world.now;
    let terminal = world.terminal(1);
    let id = terminal.id;
    terminal.reconnect();
    let mut said: Vec<_> = terminal.say(now).into_iter().map(|up| (id, up)).collect();
    assert!(matches!(said[0], (_, Up::Hello(_))));
    said.push((id, Up::Gone));
    let heard = world.hear(said).await;
    let told = heard.iter().any(|(_, message)| matches!(message, Down::FleetTime(_)));
    assert!(told, "{heard:?}");
}
