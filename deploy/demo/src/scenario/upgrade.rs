//! The scenario *upgrade*: the fleet is upgraded while the field happens to it.

use anyhow::Result;
use harness::world::{Terminal, TillRelease, World};
use serde_json::Value;

use super::{Scenario, Section};
use crate::books::Books;
use crate::campaign::{all_succeeded, complete, follow, id, states};
use crate::promises::Promises;
use crate::stage::Stage;
use crate::tell::Teller;

pub(super) const UPGRADE: Scenario = Scenario {
    name: "upgrade",
    about: "all are upgraded while terminals are killed, kept offline and handed a bad release",
    terminals_min: 4,
    leaves: "every till runs 2.0.0; two campaigns are over; the controller was restarted once",
    commands: &[
        "campaign list",
        "release list",
        "campaign create --release DIGEST --where 'store=lab' --policy careful",
    ],
    play,
};

/// Who plays which part, by place in the fleet.
const KILLED_TWICE: usize = 1;
const LATE: usize = 2;

/// A download then takes about five seconds: enough to be caught in the middle, however busy the
/// machine is. The line is mended after that.
const LINE_BYTES_PER_S: u64 = 500_000;

const GOOD: TillRelease = TillRelease {
    version: "2.0.0",
    counter: 2,
    settle_first: true,
    health_stable: "2s",
    health_within: "60s",
};

const BAD: TillRelease = TillRelease {
    version: "2.0.1",
    counter: 3,
    settle_first: false,
    health_stable: "2s",
    health_within: "8s",
};

fn play(stage: &mut Stage, promises: &mut Promises) -> Result<Section> {
    switch_off(stage)?;
    stage.tell.step("building, signing with two release keys and publishing 2.0.0");
    let good = stage.world.publish_till(&GOOD)?;
    upgrade(stage, &good, promises)?;
    stage.tell.step("building, signing and publishing 2.0.1, which fails its own test");
    let bad = stage.world.publish_till(&BAD)?;
    stage.tell.step("the last terminal is handed 2.0.1 by a second campaign");
    let campaign = create(&stage.world, "lab", &bad, "store=lab", "1")?;
    let ended = complete(&mut stage.world, &campaign)?;
    promises.equal(
        "the bad release is rolled back by its terminal",
        &states(&ended),
        &vec!["rolled-back".to_owned()],
    );
    let books = stage.close_books()?;
    books.promise(promises);
    let section = section(&stage.world, &books, promises)?;
    stage.sell_again()?;
    Ok(section)
}

fn switch_off(stage: &mut Stage) -> Result<()> {
    let late = &mut stage.world.terminals[LATE];
    late.stop_agent()?;
    stage.tell.step(&format!("{} is switched off for now", late.shop.serial));
    Ok(())
}

/// What has been done to the fleet so far.
#[derive(Default)]
struct Incidents {
    killed_in_download: bool,
    killed_after_switch: bool,
    broker_restarted: bool,
    late_one_started: bool,
}

fn upgrade(stage: &mut Stage, release: &str, promises: &mut Promises) -> Result<()> {
    let Stage { world, tell, .. } = stage;
    let artifact_bytes = world.artifact_bytes(&GOOD)?;
    world.https.slow_down(LINE_BYTES_PER_S);
    tell.step("a campaign upgrades all, three at a time, on a slow line");
    let campaign = create(world, "autumn", release, "model=px7", "3")?;
    let mut done = Incidents::default();
    let ended = follow(world, &campaign, |world, terminals| {
        kill_twice(world, artifact_bytes, &mut done, tell)?;
        happen(world, terminals, &mut done, tell)
    })?;
    world.https.full_speed();
    tell.step("the campaign is complete");
    promises.check(
        "the agent was killed during its download, and went on",
        yes(done.killed_in_download),
    );
    promises.check(
        "…and again after the slot switch, before the version had proven itself",
        yes(done.killed_after_switch),
    );
    promises.check("the broker was restarted with nothing remembered", yes(done.broker_restarted));
    promises.check("the terminal that was off appeared later", yes(done.late_one_started));
    promises.equal(
        "every terminal runs 2.0.0 and said so itself",
        &states(&ended),
        &all_succeeded(world.terminals.len()),
    );
    Ok(())
}

fn yes(happened: bool) -> Result<(), String> {
    if happened { Ok(()) } else { Err("it never came to that".to_owned()) }
}

/// Kills one agent in its download and right after its switch. Whether the moment was the right one
/// is judged when nothing moves any more; a kill at another moment does not count.
fn kill_twice(
    world: &mut World,
    artifact_bytes: u64,
    done: &mut Incidents,
    tell: &Teller,
) -> Result<()> {
    let victim = &mut world.terminals[KILLED_TWICE];
    let name = victim.shop.serial.clone();
    let part = artifact_bytes / 4..artifact_bytes;
    if !done.killed_in_download && part.contains(&victim.downloaded()) {
        victim.kill_agent()?;
        let bytes = victim.downloaded();
        victim.start_agent(&world.programs)?;
        if part.contains(&bytes) {
            tell.step(&format!(
                "{name}: kill -9 during the download, at {bytes} of {artifact_bytes} bytes"
            ));
            world.https.full_speed();
            done.killed_in_download = true;
        }
    } else if !done.killed_after_switch && is_on_trial(victim)? {
        victim.kill_agent()?;
        let in_time = is_on_trial(victim)?;
        victim.start_agent(&world.programs)?;
        if in_time {
            tell.step(&format!("{name}: kill -9 right after the slot switch"));
            done.killed_after_switch = true;
        }
    }
    Ok(())
}

/// Between the switch to the new version and its commit.
fn is_on_trial(terminal: &Terminal) -> Result<bool> {
    Ok(terminal.current_slot()?.starts_with(GOOD.version) && !terminal.current_is_proven()?)
}

/// Lets the rest of the field happen, each incident when its moment has come.
fn happen(
    world: &mut World,
    terminals: &[Value],
    done: &mut Incidents,
    tell: &Teller,
) -> Result<()> {
    let succeeded = terminals.iter().filter(|t| t["state"] == "succeeded").count();
    // Starting a controller takes longer than a version is on trial: no kill is missed for it.
    let between_kills = done.killed_in_download && !done.killed_after_switch;
    if !done.broker_restarted && succeeded >= 2 && !between_kills {
        tell.step(
            "kill -9 of controller and broker; they start again and remember nothing of MQTT",
        );
        world.restart_broker()?;
        done.broker_restarted = true;
    }
    if done.broker_restarted && !done.late_one_started && succeeded >= 3 {
        let late = &mut world.terminals[LATE];
        late.start_agent(&world.programs)?;
        tell.step(&format!("{} is switched on", late.shop.serial));
        done.late_one_started = true;
    }
    Ok(())
}

fn create(
    world: &World,
    name: &str,
    release: &str,
    selector: &str,
    parallel: &str,
) -> Result<String> {
    let made = world.tillward_json(&[
        "campaign",
        "create",
        "--name",
        name,
        "--release",
        release,
        "--where",
        selector,
        "--max-parallel",
        parallel,
        "--fallback",
        "by hand: each of these stores may have one till",
    ])?;
    let id = id(&made)?;
    world.tillward(&["campaign", "start", &id])?;
    Ok(id)
}

fn section(world: &World, books: &Books, promises: &mut Promises) -> Result<Section> {
    let outcomes = outcomes(world)?;
    let (mut rows, mut other) = (Vec::new(), Vec::new());
    for terminal in &world.terminals {
        let serial = &terminal.shop.serial;
        let status = terminal.till_status(&world.programs)?;
        let version = status["application"]["version"].as_str().unwrap_or("?");
        if version != GOOD.version {
            other.push(serial);
        }
        let till = books.of(serial)?;
        rows.push([
            serial.clone(),
            terminal.shop.store.clone(),
            version.to_owned(),
            outcomes(serial),
            till.sales.to_string(),
            till.lost.to_string(),
            till.doubled.to_string(),
            till.settled_twice.to_string(),
            format!("{:.1} s", till.downtime_ms as f64 / 1000.0),
        ]);
    }
    promises.equal("every till runs 2.0.0 in the end", &other, &Vec::new());
    let header = [
        "terminal",
        "store",
        "version",
        "outcome",
        "sales",
        "lost",
        "charged twice",
        "settled twice",
        "downtime",
    ];
    let mut section = Section::new(header, 4, rows);
    section.note(format!("{} sales so far.", books.sales()));
    Ok(section)
}

/// How the upgrades of each terminal ended, oldest first.
fn outcomes(world: &World) -> Result<impl Fn(&str) -> String> {
    let list = world.tillward_json(&["campaign", "list"])?;
    let mut campaigns = list["items"].as_array().cloned().unwrap_or_default();
    campaigns.retain(|campaign| campaign["software"].is_object());
    campaigns.sort_by_key(|campaign| campaign["created_at"].as_i64());
    let mut told = Vec::new();
    for campaign in campaigns {
        let version = campaign["software"]["version"].as_str().unwrap_or("?").to_owned();
        let show = world.tillward_json(&["campaign", "show", &id(&campaign)?])?;
        for terminal in show["terminals"].as_array().into_iter().flatten() {
            let text = |key: &str| terminal[key].as_str().unwrap_or("?").to_owned();
            told.push((text("serial"), format!("{version} {}", text("state"))));
        }
    }
    Ok(move |serial: &str| {
        let own = told.iter().filter(|(of, _)| of == serial).map(|(_, what)| what.as_str());
        own.collect::<Vec<_>>().join(", ")
    })
}
