//! A campaign in waves whose controller is killed at moments that nobody chose: its gate stops it,
//! somebody lets it go on, and nobody is released twice or forgotten.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use controller::api::model::{AssignmentState as State, CampaignState};
use harness::world::{Broker, Registry, World};
use shared::id::CampaignId;

use crate::fleet::{Fleet, GOOD, Look};
use crate::random::Moments;

const KILLS: u32 = 12;

/// Longer than a controller takes to start, so that it does something in between.
const APART_MAX: Duration = Duration::from_secs(5);

const POLICY: &str = "\
max_parallel = 4
waves = [\"2\", \"rest\"]

[gate]
sample_min = 1
success_percent_min = 50
soak = \"1s\"
bad_max = \"0\"
reach_percent_min = 100
reach_after = \"1h\"
";

#[test]
fn a_campaign_goes_on_where_it_was_whenever_its_controller_is_killed() {
    killed(&Registry::Sqlite).unwrap();
}

#[test]
fn it_does_so_over_postgresql_too() {
    killed(&Registry::postgres_from_environment().unwrap()).unwrap();
}

/// The one that goes first fails, which stops the campaign until somebody has looked. The last
/// terminal is switched on when all but one of the kills are over, so that none of them comes after
/// the campaign.
fn killed(registry: &Registry) -> Result<()> {
    let stores = ["north", "north", "south", "south"];
    let mut fleet = Fleet::selling(Broker::Embedded, registry, &stores)?;
    let last = fleet.open_shop("late")?;
    fleet.world.enrol(last)?;
    let release = fleet.world.publish_till(&GOOD)?;
    let first = &fleet.world.terminals[0];
    first.fault(&fleet.world.programs, &["self-test-fails", "--only", GOOD.version])?;
    let policy = fleet.world.directory().join("waves.toml");
    fs::write(&policy, POLICY)?;
    let policy = policy.to_str().context("paths of tests are UTF-8")?;
    let more = ["--policy", policy, "--canary", "TW-1"];
    let campaign = fleet.campaign(&release, "model=px7", &more)?;
    let mut moments = Moments::new(KILLS, APART_MAX);
    let mut halts = 0;
    let ended = fleet.follow(campaign, |world: &mut World, look: &Look| {
        if look.campaign.state == CampaignState::Halted && look.campaign.at_it == 0 {
            resume(world, campaign, look.campaign.bad)?;
            halts += 1;
        }
        if !moments.has_come() {
            return Ok(());
        }
        world.restart_controller()?;
        moments.is_over();
        if moments.left() == 1 {
            let World { terminals, programs, .. } = world;
            terminals[last].start_agent(programs)?;
        }
        Ok(())
    })?;
    assert_eq!(moments.left(), 0, "kills that did not come before the campaign was over");
    assert_eq!(halts, 1, "one failure stops it once, and no more after it was acknowledged");
    let mut states = ended.states();
    states.sort_unstable();
    let mut expected = [State::Succeeded; 5];
    expected[0] = State::RolledBack;
    assert_eq!(states, expected);
    fleet.check_once_in_effect(campaign)?;
    check_order(&fleet, campaign)?;
    fleet.check_books()
}

fn resume(world: &World, campaign: CampaignId, bad: u64) -> Result<()> {
    let (campaign, bad) = (campaign.to_string(), bad.to_string());
    world.tillward(&["campaign", "resume", &campaign, "--acknowledge", &bad]).map(|_| ())
}

/// No order of a wave was made before the one before it had passed.
fn check_order(fleet: &Fleet, campaign: CampaignId) -> Result<()> {
    let early = format!(
        "SELECT o.terminal, a.wave FROM orders o
         JOIN assignments a ON a.campaign = o.campaign AND a.terminal = o.terminal
         JOIN campaign_waves w ON w.campaign = a.campaign AND w.wave = a.wave
         WHERE o.campaign = '{campaign}' AND (w.opened_at IS NULL OR o.made_at < w.opened_at)"
    );
    let early = fleet.world.records.rows(&early)?;
    ensure!(early.is_empty(), "released before their waves began: {early:?}");
    let waves = format!(
        "SELECT wave, opened_at, passed_at FROM campaign_waves WHERE campaign = '{campaign}'
         ORDER BY wave"
    );
    let waves = fleet.world.records.rows(&waves)?;
    ensure!(waves.len() == 3, "{waves:?}");
    for pair in waves.windows(2) {
        ensure!(pair[0][2] == pair[1][1], "one begins when the one before has passed: {waves:?}");
    }
    Ok(())
}
