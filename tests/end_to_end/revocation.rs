//! A terminal whose keys somebody may have: cut off at once, and noticed when it comes back.

use std::time::Duration;

use anyhow::{Context as _, Result};
use controller::api::model::{Lifecycle, Presence};
use harness::wait::wait_for;
use harness::world::{Broker, Registry};

use crate::fleet::{Fleet, SOON};

/// What a live connection may still be heard after it was revoked, at most.
const CUT_OFF_WITHIN: Duration = Duration::from_secs(5);

#[test]
fn a_terminal_that_is_revoked_is_cut_off_at_once_and_calls_people_when_it_comes_back() {
    revoked().unwrap();
}

fn revoked() -> Result<()> {
    let fleet = Fleet::selling(Broker::Embedded, &Registry::Sqlite, &["north", "north"])?;
    fleet.wait_until_online(2)?;
    let serials = [0, 1].map(|at| fleet.world.terminals[at].shop.serial.clone());
    let [kept, lost] = serials;
    // Nobody to ask, and nobody said yes.
    let revoke = ["terminal", "revoke", &lost];
    assert!(fleet.world.tillward(&revoke).is_err(), "a reason is needed");
    let empty = [&revoke[..], &["--yes", "--reason", " "]].concat();
    let refused = fleet.world.tillward(&empty).err().map(|error| error.to_string());
    assert!(refused.is_some_and(|it| it.contains("without saying why")), "a reason has words");
    fleet.world.tillward(&[&revoke[..], &["--yes", "--reason", "stolen"]].concat())?;
    let is_noticed = || {
        let alarms = fleet.world.tillward_json(&["alarms"]).map_err(|error| error.to_string())?;
        let alarms = alarms["items"].as_array().cloned().unwrap_or_default();
        let kinds: Vec<_> = alarms.iter().filter_map(|it| it["kind"].as_str()).collect();
        match kinds.contains(&"revoked-spoke") {
            true => Ok(()),
            false => Err(format!("{kinds:?}")),
        }
    };
    // Its agent was connected: that it knocks again shows that it was cut off.
    wait_for("it was cut off and has come back", CUT_OFF_WITHIN + SOON, is_noticed)?;
    let (lost, kept) = (fleet.terminal(&lost)?.terminal, fleet.terminal(&kept)?.terminal);
    assert_eq!(lost.lifecycle, Lifecycle::Revoked);
    assert_eq!((kept.lifecycle, kept.presence), (Lifecycle::Enrolled, Presence::Online));
    let audit = fleet.world.tillward_json(&["audit", "show"])?;
    let entries = audit["items"].as_array().context("a list")?;
    let said = entries.iter().find(|it| it["what"] == "terminal-revoked").context("it is noted")?;
    assert_eq!((said["detail"].as_str(), said["who"].as_str()), (Some("stolen"), Some("operator")));
    fleet.check_books()
}
