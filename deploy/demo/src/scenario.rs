//! What can happen to a fleet, one scenario after another.

mod backup;
mod campaign;
mod deactivate;
mod rebind;
mod upgrade;

use anyhow::Result;

use crate::promises::Promises;
use crate::section::Section;
use crate::stage::Stage;

/// Finds every agent running and every till selling, and leaves them so.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// In one line.
    pub(crate) about: &'static str,
    /// So many have a part to play.
    pub(crate) terminals_min: u8,
    /// How the fleet differs afterwards.
    pub(crate) leaves: &'static str,
    /// What can be tried with `tillward` in a fleet that is left so.
    pub(crate) commands: &'static [&'static str],
    pub(crate) play: fn(&mut Stage, &mut Promises) -> Result<Section>,
}

/// In the order in which they are played.
pub(crate) const ALL: [Scenario; 5] =
    [upgrade::UPGRADE, backup::BACKUP, rebind::REBIND, deactivate::DEACTIVATE, campaign::CAMPAIGN];

/// All of them, for people.
pub(crate) fn list() -> String {
    let of = |it: &Scenario| {
        format!("{:10} {}\n           afterwards: {}", it.name, it.about, it.leaves)
    };
    ALL.iter().map(of).collect::<Vec<_>>().join("\n")
}
