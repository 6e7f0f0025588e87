//! Random weather and random interruptions. A failing seed prints itself, and repeats.

use agent::job::Tables;
use harness::dice::Dice;

use crate::machine::run;
use crate::network::Weather;
use crate::scenario::{Release, Scenario};
use crate::verdict::verdict;
use crate::world::{Cut, World};

const SEEDS: u64 = 200;

/// `TILLWARD_SEEDS=1000` runs so many, `TILLWARD_SEED=17` that one alone.
pub(crate) fn seeds(usually: u64) -> std::ops::Range<u64> {
    let number = |name| {
        let text = std::env::var(name).ok()?;
        Some(text.parse::<u64>().unwrap_or_else(|_| panic!("{name}={text} is not a number")))
    };
    match number("TILLWARD_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("TILLWARD_SEEDS").unwrap_or(usually),
    }
}

fn scenario(seed: u64, dice: &mut Dice) -> Scenario {
    // A release that breaks the line is only found out by a terminal that had one.
    let mut scenarios = Scenario::all();
    scenarios.retain(|it| it.release != Release::Isolating);
    let which = dice.below(scenarios.len() as u64);
    let scenario = scenarios.swap_remove(usize::try_from(which).expect("few"));
    let weather = Weather {
        drop: dice.below(30),
        double: dice.below(30),
        delay_ms: dice.below(20_000),
        disconnect: dice.below(5),
    };
    let dark = std::time::Duration::from_secs(dice.below(900));
    Scenario { weather, seed, dark, ..scenario }
}

/// Up to four interruptions at random points, then an undisturbed run to the end.
fn weather(seed: u64) -> (World, String) {
    let mut dice = Dice::from_seed(seed);
    let mut world = World::new(scenario(seed, &mut dice));
    let mut story = format!("seed {seed}, {}, {:?}", world.scenario.name, world.scenario.weather);
    for _ in 0..dice.below(5) {
        let cut = if dice.percent(70) { Cut::Power } else { Cut::Agent };
        let at = 1 + dice.below(60);
        let mut offered = 0;
        let mut interrupted = None;
        run(world.clone(), Tables::BUILT_IN, &mut |world, place| {
            offered += 1;
            if offered == at {
                interrupted = Some((world.after(cut), place));
            }
        });
        // Beyond the end of the run there is nothing to interrupt.
        let Some((after, place)) = interrupted else { continue };
        story.push_str(&format!(", {cut:?} cut {at} {place:?}"));
        world = after;
    }
    (run(world, Tables::BUILT_IN, &mut |_, _| {}), story)
}

#[test]
fn in_any_weather_the_shop_sells_again_and_everybody_agrees() {
    let mut wrong = Vec::new();
    for seed in seeds(SEEDS) {
        let (end, story) = weather(seed);
        let verdict = verdict(end);
        if !verdict.is_empty() {
            wrong.push(format!("{story}: {}", verdict.join("; ")));
        }
    }
    assert!(wrong.is_empty(), "{} seeds fail\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_same_seed_makes_the_same_run() {
    let ends = [weather(3).0, weather(3).0];
    let [first, second] = ends.map(|end| (end.now, end.till.sales(), end.changes));
    assert_eq!(first, second);
}
