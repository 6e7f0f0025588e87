//! The controller's real decisions over a fleet of 10,000 tills in fake time: whom to release, what
//! a gate says, what stops a campaign, what a store gives, and when a shop may be disturbed, in
//! twelve zones and across a change of clocks. The books are in memory, the tills are simple, and
//! after every tick [`watch`] counts all of it again by itself.

mod agenda;
mod books;
mod dispatch;
mod estate;
mod outcome;
mod planted;
mod till;
mod watch;
mod world;

use crate::weather::seeds;
use estate::Span;
use world::{Bug, World};

/// How many tills the small fleets have.
const FEW: u32 = 500;

/// What goes wrong in a fleet of so many, and how far it has come.
fn run(seed: u64, tills: u32, bug: Option<Bug>) -> World {
    let mut world = World::new(seed, tills, Span::of(seed), bug);
    world.run();
    world
}

#[track_caller]
fn all_is_well(seed: u64, tills: u32) {
    let world = run(seed, tills, None);
    let wrong = outcome::wrong(&world);
    assert!(wrong.is_empty(), "seed {seed}, {tills} tills:\n{}", wrong.join("\n"));
}

#[test]
fn a_fleet_of_ten_thousand_is_changed_within_bounds_and_a_bad_release_is_not_let_through() {
    for seed in seeds(1) {
        all_is_well(seed, 10_000);
    }
}

#[test]
fn a_small_fleet_is_changed_within_bounds_across_either_change_of_clocks() {
    for seed in seeds(8) {
        all_is_well(seed, FEW);
    }
}

#[test]
fn the_same_seed_makes_the_same_fleet_and_the_same_run() {
    let [first, second] = [(); 2].map(|()| run(3, 120, None));
    assert_eq!(first.now, second.now);
    assert_eq!(first.watch.told(), second.watch.told());
}
