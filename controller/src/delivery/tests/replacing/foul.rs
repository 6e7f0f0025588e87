//! The same case over a wire that loses, doubles and reorders, with a controller that is killed
//! again and again: what both terminals sign comes late, twice and in any order.

use shared::digest::PublicKey;
use shared::signature::KnownKeys;

use super::super::dice::Dice;
use super::super::network::Weather;
use super::super::terminal::Terminal;
use super::super::world::{FLEET, World, controller_key, id};
use super::look::{Look, look};
use super::office::{Deed, Office, Old, What};
use super::shop;
use crate::deactivation::certify::Certify;
use crate::delivery::Signer;
use crate::registry::terminal::Service;
use crate::replacement::ReplacementState as S;

/// Whether somebody gives the case up in its midst.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Will {
    Firm,
    Wavering,
}

pub(super) struct Field {
    world: World,
    dice: Dice,
    pub(super) wrong: Vec<String>,
}

impl Field {
    pub(super) async fn open(seed: u64) -> Self {
        let mut world = World::on_disk(seed).await;
        super::super::approvals::require(&world, 0).await;
        shop::open(&*world.registry).await;
        world.weather = Weather::FOUL;
        let mut field = Self { world, dice: Dice::seeded(seed ^ 0xf1e1d), wrong: Vec::new() };
        field.switch_on(1);
        field
    }

    fn switch_on(&mut self, number: u8) {
        let controller: PublicKey = controller_key().public();
        let keys = KnownKeys::of_terminal(controller);
        let terminal = Terminal::new(id(number), FLEET, keys, shop::key(number));
        self.world.terminals.insert(id(number), terminal);
    }

    async fn look(&self) -> Look {
        look(&*self.world.registry, self.world.now).await.unwrap()
    }

    /// Until nothing is left to do; what it came to, and how often the controller was killed.
    pub(super) async fn play(&mut self, will: Will) -> (Look, u32) {
        for _ in 0..2_000 {
            let seen = self.look().await;
            self.wrong.extend(seen.wrong());
            if is_over(&seen) {
                return (seen, self.world.kills);
            }
            if seen.own_claim == Some("used") && !self.world.terminals.contains_key(&id(2)) {
                self.switch_on(2);
            }
            let wavers = will == Will::Wavering && seen.case.is_some_and(S::is_before_swap);
            let deed = match wavers && self.dice.chance(8) {
                true => Some(Deed::Say(What::Cancel)),
                // One that was made is made anew: the line was lost.
                false if seen.own_claim == Some("open") && self.dice.chance(20) => {
                    Some(Deed::Say(What::Pair))
                }
                false => seen.next(Old::Alive),
            };
            if let Some(deed) = deed.filter(|_| self.dice.chance(70)) {
                self.carry_out(deed).await;
            }
            if self.dice.chance(20) {
                self.world.fuse.set(self.dice.below(150) as u64);
            }
            self.world.round().await;
            self.certify().await;
        }
        panic!("it comes to no end: {:#?}", self.look().await);
    }

    /// As people do it at a controller that may be killed meanwhile, and whose answer may be that
    /// it cannot be done yet.
    async fn carry_out(&mut self, deed: Deed) {
        let (registry, campaigns) =
            (std::sync::Arc::clone(&self.world.registry), self.world.campaigns.clone());
        let office = Office { registry, campaigns };
        if self.dice.chance(30) {
            self.world.fuse.set(self.dice.below(60) as u64);
        }
        self.world.fuse.lay_aside(false);
        let _refused_or_cut = office.carry_out(deed, self.world.now).await;
        self.world.fuse.lay_aside(true);
        drop(office);
        if self.world.fuse.is_blown() {
            self.world.kills += 1;
            self.world.restart_controller().await;
        }
    }

    async fn certify(&self) {
        let registry = std::sync::Arc::clone(&self.world.registry);
        let signer = std::sync::Arc::new(Signer::new(FLEET, controller_key()));
        Certify::new(registry, signer, vec![]).step(self.world.now).await.unwrap();
    }
}

fn is_over(look: &Look) -> bool {
    let is_at_rest = look.campaigns.values().all(|it| it.is_over);
    match look.case {
        Some(S::Closed) => true,
        Some(S::Cancelled) => {
            let old = look.terminals.get(&shop::old()).map(|it| it.service);
            is_at_rest && old == Some(Service::InService)
        }
        Some(_) | None => false,
    }
}
