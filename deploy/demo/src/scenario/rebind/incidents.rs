//! What happens to the second wave while it moves.

use anyhow::Result;
use harness::world::World;
use serde_json::Value;

use super::Cast;
use crate::promises::Promises;
use crate::stage::Stage;
use crate::tell::Teller;

/// What has been done so far.
#[derive(Debug)]
pub(super) struct Incidents {
    power_was_cut: bool,
    offline_one_is_back: bool,
}

impl Incidents {
    /// Before anybody signs for the second wave.
    pub(super) fn begin(stage: &mut Stage, cast: &Cast) -> Result<Self> {
        let Stage { world, tell, .. } = stage;
        let name = |world: &World, at: usize| world.terminals[at].shop.serial.clone();
        tell.step(&format!("beta will decline the test sale of {}", name(world, cast.declined)));
        world.terminals[cast.declined].fault(&world.programs, &["test-declined"])?;
        world.terminals[cast.powerless].fault(&world.programs, &["switch-hangs"])?;
        tell.step(&format!("{} is switched off for now", name(world, cast.offline)));
        world.terminals[cast.offline].stop_agent()?;
        Ok(Self { power_was_cut: false, offline_one_is_back: false })
    }

    /// Each when its moment has come.
    pub(super) fn happen(
        &mut self,
        world: &mut World,
        terminals: &[Value],
        cast: &Cast,
        tell: &Teller,
    ) -> Result<()> {
        if !self.power_was_cut {
            self.cut_power(world, cast, tell)?;
        }
        let declined = &world.terminals[cast.declined];
        let is_back = terminals.iter().any(|it| {
            it["serial"] == declined.shop.serial.as_str() && it["state"] == "rolled-back"
        });
        if is_back && !self.offline_one_is_back {
            tell.step(&format!("{} sells with alpha again, by itself", declined.shop.serial));
            declined.fault(&world.programs, &["clear"])?;
            let late = &mut world.terminals[cast.offline];
            late.start_agent(&world.programs)?;
            tell.step(&format!("{} is switched on", late.shop.serial));
            self.offline_one_is_back = true;
        }
        Ok(())
    }

    /// The till has switched, and its agent does not know yet.
    fn cut_power(&mut self, world: &mut World, cast: &Cast, tell: &Teller) -> Result<()> {
        let victim = &mut world.terminals[cast.powerless];
        if victim.provider(&world.programs)? != "beta" {
            return Ok(());
        }
        victim.lose_power()?;
        let name = &victim.shop.serial;
        tell.step(&format!("{name}: kill -9 of till and agent between the switch and its tests"));
        victim.fault(&world.programs, &["clear"])?;
        victim.power_returns(&world.programs)?;
        self.power_was_cut = true;
        Ok(())
    }

    pub(super) fn promise(&self, promises: &mut Promises) {
        let yes = |happened: bool| match happened {
            true => Ok(()),
            false => Err("it never came to that".to_owned()),
        };
        promises.check(
            "a terminal lost its power between the switch and its tests",
            yes(self.power_was_cut),
        );
        promises.check("the terminal that was off appeared later", yes(self.offline_one_is_back));
    }
}
