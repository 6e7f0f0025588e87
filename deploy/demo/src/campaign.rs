//! Campaigns, looked at from outside until they end.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use harness::wait::wait_for;
use harness::world::World;
use serde_json::Value;

/// For a whole campaign on a busy machine.
pub(crate) const CAMPAIGN_PATIENCE: Duration = Duration::from_secs(300);

/// Of what a command has begun.
pub(crate) fn id(made: &Value) -> Result<String> {
    Ok(made["id"].as_str().context("a campaign has an id")?.to_owned())
}

/// Looks at the campaign until it ends; the terminals' last states, by serial number.
pub(crate) fn follow(
    world: &mut World,
    campaign: &str,
    mut meanwhile: impl FnMut(&mut World, &[Value]) -> Result<()>,
) -> Result<Vec<Value>> {
    let mut failed = None;
    let ended = wait_for("the campaign ends", CAMPAIGN_PATIENCE, || {
        let look = || -> Result<(Value, Vec<Value>)> {
            let show = world.tillward_json(&["campaign", "show", campaign])?;
            let mut terminals = show["terminals"].as_array().cloned().unwrap_or_default();
            terminals.sort_by_key(|terminal| terminal["serial"].as_str().map(str::to_owned));
            Ok((show, terminals))
        };
        let (show, terminals) = look().map_err(|error| format!("{error:#}"))?;
        if let Err(error) = meanwhile(world, &terminals) {
            failed = Some(error);
            return Ok(Vec::new());
        }
        match show["campaign"]["state"].as_str() {
            Some("completed") => Ok(terminals),
            _ => Err(format!("{:?}", brief(&terminals))),
        }
    })?;
    if let Some(error) = failed {
        return Err(error.context("while the campaign ran"));
    }
    if ended.is_empty() {
        bail!("campaign {campaign} ended without terminals");
    }
    Ok(ended)
}

/// The same while nothing else happens.
pub(crate) fn complete(world: &mut World, campaign: &str) -> Result<Vec<Value>> {
    follow(world, campaign, |_, _| Ok(()))
}

fn brief(terminals: &[Value]) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let of =
        |t: &Value| format!("{} {} {}", text(&t["serial"]), text(&t["state"]), text(&t["step"]));
    terminals.iter().map(of).collect()
}

pub(crate) fn states(terminals: &[Value]) -> Vec<String> {
    terminals.iter().map(|t| t["state"].as_str().unwrap_or("-").to_owned()).collect()
}

/// What [`states`] gives when all went well.
pub(crate) fn all_succeeded(terminals: usize) -> Vec<String> {
    vec!["succeeded".to_owned(); terminals]
}
