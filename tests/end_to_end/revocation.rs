//! A terminal whose keys somebody may have: cut off at once, and noticed when it comes back.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use controller::api::model::{Lifecycle, Presence};
use harness::wait::wait_for;
use harness::world::{Broker, Registry};

use crate::fleet::{Fleet, SOON};
use crate::holder::Holder;

/// What a live connection may still be heard after it was revoked, at most.
const CUT_OFF_WITHIN: Duration = Duration::from_secs(5);

/// Somebody has a copy of the key, and a connection that stands.
#[test]
fn a_live_connection_with_a_revoked_key_is_ended_within_five_seconds_and_no_other_is_made() {
    live().unwrap();
}

fn live() -> Result<()> {
    let mut fleet = Fleet::selling(Broker::Embedded, &Registry::Sqlite, &["north"])?;
    let holder = Holder::of(&fleet.world, 0)?;
    // Only one is connected under a name.
    fleet.world.terminals[0].kill_agent()?;
    let mut live = holder.connect()?;
    live.publish(&holder.topic(), b"noise").context("it is a terminal like any other")?;
    let serial = fleet.world.terminals[0].shop.serial.clone();
    fleet.world.tillward(&["terminal", "revoke", &serial, "--yes", "--reason", "copied"])?;
    wait_for("what it says is taken no more", CUT_OFF_WITHIN, || {
        match live.publish(&holder.topic(), b"noise") {
            Ok(()) => Err("the broker still takes it"),
            Err(_ended) => Ok(()),
        }
    })?;
    ensure!(holder.connect().is_err(), "nobody with this key comes in again");
    let asked = holder.get("/v1/self")?;
    ensure!((asked.status, asked.code()) == (403, Some("revoked")), "{asked:?}");
    let kinds = alarms(&fleet)?;
    ensure!(kinds == ["revoked-spoke"], "{kinds:?}");
    Ok(())
}

/// As deploy/brokers/README.md has it.
#[test]
fn mosquitto_takes_nothing_more_from_a_revoked_key_once_its_runbook_was_followed() {
    by_runbook().unwrap();
}

fn by_runbook() -> Result<()> {
    let mut fleet = Fleet::selling(Broker::Mosquitto, &Registry::Sqlite, &["north"])?;
    let holder = Holder::of(&fleet.world, 0)?;
    fleet.world.terminals[0].kill_agent()?;
    let mut live = holder.connect()?;
    live.publish(&holder.topic(), b"noise").context("it is a terminal like any other")?;
    let serial = fleet.world.terminals[0].shop.serial.clone();
    fleet.world.tillward(&["terminal", "revoke", &serial, "--yes", "--reason", "copied"])?;
    // What the broker still takes, nobody heeds, but people hear of it.
    live.publish(&holder.topic(), b"noise").context("mosquitto knows nothing of it")?;
    fleet.start_agent(0)?;
    wait_for("people hear that it speaks", SOON, || {
        let kinds = alarms(&fleet).map_err(|error| format!("{error:#}"))?;
        if kinds == ["revoked-spoke"] { Ok(()) } else { Err(format!("{kinds:?}")) }
    })?;
    fleet.world.terminals[0].kill_agent()?;

    let mosquitto = fleet.world.mosquitto.as_ref().context("it runs")?;
    let mut live = holder.connect()?;
    live.publish(&holder.topic(), b"noise").context("before the runbook")?;
    mosquitto.add_access(&format!("user {}\ntopic deny #", holder.terminal()))?;
    wait_for("what it says is taken no more", CUT_OFF_WITHIN, || {
        match live.publish(&holder.topic(), b"noise") {
            Ok(()) => Err("the broker still takes it"),
            Err(_refused) => Ok(()),
        }
    })?;
    let mut again = holder.connect()?;
    ensure!(again.publish(&holder.topic(), b"noise").is_err(), "nor on another connection");
    Ok(())
}

fn alarms(fleet: &Fleet) -> Result<Vec<String>> {
    let alarms = fleet.world.tillward_json(&["alarms"])?;
    let alarms = alarms["items"].as_array().context("a list")?;
    Ok(alarms.iter().filter_map(|it| it["kind"].as_str()).map(str::to_owned).collect())
}

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
        let kinds = alarms(&fleet).map_err(|error| format!("{error:#}"))?;
        match kinds.iter().any(|it| it == "revoked-spoke") {
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
