//! What a terminal's disk and a hostile broker can do to it.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use controller::api::model::AssignmentState as State;
use harness::wait::wait_for;
use harness::world::{Broker, Registry, World};
use shared::limits::MESSAGE_BYTES_MAX;
use shared::topic::Topic;

use crate::fleet::{Fleet, GOOD, SOON};
use crate::print::say;
use crate::publisher::Publisher;
use crate::random::dice;

#[test]
fn an_agent_whose_store_is_rubbish_says_so_is_given_a_new_epoch_and_works_on() {
    rubbish_in_the_store().unwrap();
}

fn rubbish_in_the_store() -> Result<()> {
    let mut fleet = Fleet::small(&["north"])?;
    let release = fleet.world.publish_till(&GOOD)?;
    fleet.world.terminals[0].kill_agent()?;
    fill_with_rubbish(&fleet.world.terminals[0].state().join("queue/queue.sled"))?;
    fleet.start_agent(0)?;
    wait_for("a new epoch", SOON, || {
        let terminal = fleet.terminal("TW-1").map_err(|error| format!("{error:#}"))?.terminal;
        if terminal.epoch == 2 { Ok(()) } else { Err(format!("epoch {}", terminal.epoch)) }
    })?;
    let words = fleet.world.terminals[0].agent_words()?;
    assert!(words.contains("asks the controller for a new epoch"), "{words}");
    let alarms = fleet.world.records.rows("SELECT kind FROM alarms")?;
    assert_eq!(alarms, [["ledger-lost"]], "the operator is told once");
    let campaign = fleet.campaign(&release, "model=px7", &["--max-parallel", "1"])?;
    assert_eq!(fleet.complete(campaign)?.states(), [State::Succeeded]);
    assert_eq!(fleet.version(0)?, "2.0.0");
    fleet.check_books()
}

/// As many random bytes as there were others, in every file.
pub(crate) fn fill_with_rubbish(directory: &Path) -> Result<()> {
    let mut dice = dice();
    let mut filled = 0;
    for entry in fs::read_dir(directory).with_context(|| directory.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            fill_with_rubbish(&path)?;
            continue;
        }
        let length = usize::try_from(fs::metadata(&path)?.len())?;
        let byte = |_| u8::try_from(dice.below(256));
        let rubbish: Vec<u8> = (0..length).map(byte).collect::<Result<_, _>>()?;
        fs::write(&path, rubbish)?;
        filled += length;
    }
    say(&format!("{filled} bytes of rubbish in {}", directory.display()));
    Ok(())
}

#[test]
fn messages_that_are_too_large_or_rubbish_leave_a_terminal_of_the_embedded_broker_at_work() {
    hostile_messages(Broker::Embedded).unwrap();
}

#[test]
fn messages_that_are_too_large_or_rubbish_leave_a_terminal_of_mosquitto_at_work() {
    hostile_messages(Broker::Mosquitto).unwrap();
}

/// Whoever holds the controller's certificate can say anything to a terminal, but cannot stop it.
fn hostile_messages(broker: Broker) -> Result<()> {
    let mut fleet = Fleet::selling(broker, &Registry::Sqlite, &["north"])?;
    let topic = Topic::Down(fleet.terminal("TW-1")?.terminal.id).to_string();
    let address = fleet.world.mqtt.address();
    let papers = fleet.world.directory().join("fleet/controller");
    let publish = |bytes: usize| -> Result<()> {
        Publisher::connect(address, &papers)?.publish(&topic, &vec![0x9f; bytes])
    };
    // The controller wants its place back, so that somebody else's publishing may need a few tries.
    let no_broker_carries = publish(1024 * 1024);
    assert!(no_broker_carries.is_err(), "a broker carried 1 MiB");
    let terminal = &fleet.world.terminals[0];
    let heard = || Ok(terminal.agent_words()?.matches("makes no sense").count());
    // One that brokers carry and no terminal reads, and rubbish.
    for bytes in [MESSAGE_BYTES_MAX + 512, 1000] {
        let before: usize = heard()?;
        wait_for("the broker carries it", SOON, || {
            publish(bytes).map_err(|error| format!("{bytes} bytes: {error:#}"))
        })?;
        wait_for("the agent has heard it", SOON, || {
            let now: Result<usize> = heard();
            let now = now.map_err(|error| format!("{error:#}"))?;
            if now > before { Ok(()) } else { Err(format!("{now} after {before}")) }
        })?;
    }
    // The publisher took the controller's place at the broker: it is wanted back.
    let release = fleet.world.publish_till(&GOOD)?;
    let campaign = fleet.campaign(&release, "model=px7", &["--max-parallel", "1"])?;
    assert_eq!(fleet.complete(campaign)?.states(), [State::Succeeded]);
    let words = fleet.world.terminals[0].agent_words()?;
    assert_eq!(words.matches("not connected to the broker").count(), 0, "{words}");
    let World { terminals, .. } = &mut fleet.world;
    let agent = terminals[0].agent.as_mut().context("the agent runs")?;
    assert_eq!(agent.has_ended()?, None);
    fleet.check_once_in_effect(campaign)?;
    fleet.check_books()
}
