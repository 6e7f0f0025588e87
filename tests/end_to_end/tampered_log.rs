//! Somebody changes a decision in the registry itself: whoever looks the log through is told which.

use anyhow::{Result, bail, ensure};
use rusqlite::Connection;

use crate::fleet::{Fleet, SOON};

#[test]
fn a_decision_that_was_changed_in_the_registry_is_named_by_whoever_verifies_the_log() {
    tampered().unwrap();
}

fn tampered() -> Result<()> {
    let fleet = Fleet::small(&["north"])?;
    let verify = || fleet.world.tillward(&["audit", "verify"]);
    let whole = verify()?;
    ensure!(whole.contains("none changed, missing or moved"), "{whole}");

    let file = fleet.world.directory().join("fleet/controller/data/registry.sqlite");
    let registry = Connection::open(file)?;
    registry.busy_timeout(SOON)?;
    // Whoever can write to the file can take away what keeps others from it.
    for trigger in ["audit_is_not_changed", "audit_is_not_shortened"] {
        registry.execute(&format!("DROP TRIGGER {trigger}"), [])?;
    }
    for (tamper, told) in [
        ("UPDATE audit SET detail = detail || '.' WHERE seq = 2", "audit entry 2 was changed"),
        ("DELETE FROM audit WHERE seq = 2", "audit entry 2 is missing, 3 is in its place"),
    ] {
        registry.execute(tamper, [])?;
        match verify() {
            Ok(said) => bail!("{tamper}: {said}"),
            Err(error) => ensure!(format!("{error:#}").contains(told), "{tamper}: {error:#}"),
        }
    }
    Ok(())
}
