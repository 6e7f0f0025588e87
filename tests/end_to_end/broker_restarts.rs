//! The broker is a wire: it may lose everything at any moment, and so may the controller's memory.

use std::time::Duration;

use anyhow::Result;
use controller::api::model::AssignmentState;
use harness::world::{Broker, Registry, World};

use crate::fleet::{Fleet, GOOD, Look};
use crate::random::Moments;

/// Longer than it takes to connect and say something, so that some is said in between.
const APART_MAX: Duration = Duration::from_secs(4);

#[test]
fn every_order_and_report_arrives_once_though_the_embedded_broker_forgets_all_ten_times() {
    survives(Broker::Embedded, 10, World::restart_broker).unwrap();
}

#[test]
fn every_order_and_report_arrives_once_though_mosquitto_forgets_all_ten_times() {
    survives(Broker::Mosquitto, 10, World::restart_broker).unwrap();
}

#[test]
fn every_order_and_report_arrives_once_though_the_controller_is_killed_five_times() {
    survives(Broker::Mosquitto, 5, World::restart_controller).unwrap();
}

/// The last terminal is switched on when all but one of the restarts are over, so that none of
/// them comes after the campaign.
fn survives(
    broker: Broker,
    restarts: u32,
    restart: impl Fn(&mut World) -> Result<()>,
) -> Result<()> {
    let mut fleet = Fleet::selling(broker, &Registry::Sqlite, &["north", "south"])?;
    let last = fleet.open_shop("late")?;
    fleet.world.enrol(last)?;
    let release = fleet.world.publish_till(&GOOD)?;
    let campaign = fleet.campaign(&release, "model=px7", &["--max-parallel", "2"])?;
    let mut moments = Moments::new(restarts, APART_MAX);
    let ended = fleet.follow(campaign, |world: &mut World, _: &Look| {
        if !moments.has_come() {
            return Ok(());
        }
        restart(world)?;
        moments.is_over();
        if moments.left() == 1 {
            let World { terminals, programs, .. } = world;
            terminals[last].start_agent(programs)?;
        }
        Ok(())
    })?;
    assert_eq!(moments.left(), 0, "restarts that did not come before the campaign was over");
    assert_eq!(ended.states(), [AssignmentState::Succeeded; 3]);
    fleet.check_once_in_effect(campaign)?;
    fleet.check_books()
}
