//! From an empty machine to a signed upgrade on every terminal.

use anyhow::Result;
use controller::api::model::{AssignmentState, Lifecycle};
use harness::world::{Broker, Registry};

use crate::fleet::{Fleet, GOOD};

#[test]
fn three_terminals_are_enrolled_and_upgraded_on_the_embedded_broker_and_sqlite() {
    upgrades_all(Broker::Embedded, &Registry::Sqlite).unwrap();
}

#[test]
fn three_terminals_are_enrolled_and_upgraded_on_mosquitto_and_postgresql() {
    let postgres = Registry::postgres_from_environment().unwrap();
    upgrades_all(Broker::Mosquitto, &postgres).unwrap();
}

fn upgrades_all(broker: Broker, registry: &Registry) -> Result<()> {
    let mut fleet = Fleet::selling(broker, registry, &["north", "north", "south"])?;
    for terminal in fleet.terminals()? {
        assert_eq!((terminal.lifecycle, terminal.epoch), (Lifecycle::Enrolled, 1));
        assert_eq!(terminal.components[0].version, "1.0.0", "what the terminal says it runs");
    }
    let release = fleet.world.publish_till(&GOOD)?;
    let campaign = fleet.campaign(&release, "model=px7", &["--max-parallel", "2"])?;
    let ended = fleet.complete(campaign)?;
    assert_eq!(ended.states(), [AssignmentState::Succeeded; 3]);
    for (at, assignment) in ended.terminals.iter().enumerate() {
        assert_eq!(assignment.version_now.as_deref(), Some("2.0.0"), "as the restarted till said");
        assert_eq!(fleet.version(at)?, "2.0.0");
        fleet.wait_until_it_sells(at)?;
    }
    fleet.check_once_in_effect(campaign)?;
    fleet.check_books()
}
