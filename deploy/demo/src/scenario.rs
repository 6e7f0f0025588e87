//! The scenario *upgrade*: a fleet is enrolled, sells, and is upgraded while the field happens to
//! it.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use harness::wait::wait_for;
use harness::world::{Shop, Terminal, TillRelease, World};
use serde_json::Value;

use crate::promises::Promises;
use crate::tell::Teller;

/// Who plays which part, by place in the fleet.
const KILLED_TWICE: usize = 1;
const LATE: usize = 2;

/// A download then takes about five seconds: enough to be caught in the middle, however busy the
/// machine is. The line is mended after that.
const LINE_BYTES_PER_S: u64 = 500_000;

/// For a whole campaign on a busy machine.
const CAMPAIGN_PATIENCE: Duration = Duration::from_secs(300);

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

pub(crate) fn play(
    world: &mut World,
    terminals: u8,
    tell: &Teller,
    promises: &mut Promises,
) -> Result<()> {
    open_shops(world, terminals, tell)?;
    enrol(world, tell)?;
    tell.step("building, signing with two release keys and publishing 2.0.0");
    let good = world.publish_till(&GOOD)?;
    upgrade(world, &good, tell, promises)?;
    tell.step("building, signing and publishing 2.0.1, which fails its own test");
    let bad = world.publish_till(&BAD)?;
    let incident = "the last terminal is handed 2.0.1 by a second campaign";
    tell.step(incident);
    let campaign = create(world, "lab", &bad, "store=lab", "1")?;
    let ended = follow(world, &campaign, |_| Ok(()))?;
    promises.equal(
        "the bad release is rolled back by its terminal",
        &states(&ended),
        &vec!["rolled-back".to_owned()],
    );
    tell.step("closing the books: every till drains and settles");
    close_books(world)
}

fn open_shops(world: &mut World, terminals: u8, tell: &Teller) -> Result<()> {
    tell.step(&format!("opening {terminals} shops, which sell version 1.0.0 from now on"));
    for number in 1..=terminals {
        let store = match number {
            n if n == terminals => "lab",
            n if n <= terminals / 2 => "north",
            _ => "south",
        };
        world.open_shop(&Shop {
            serial: format!("TW-{number}"),
            store: store.to_owned(),
            model: "px7".to_owned(),
            zone: "Asia/Shanghai".to_owned(),
        })?;
    }
    Ok(())
}

fn enrol(world: &mut World, tell: &Teller) -> Result<()> {
    tell.step("claiming and enrolling every terminal");
    for at in 0..world.terminals.len() {
        world.enrol(at)?;
        if at != LATE {
            let programs = world.programs.clone();
            world.terminals[at].start_agent(&programs)?;
        }
    }
    let online = world.terminals.len() - 1;
    wait_for("the enrolled terminals say hello", Duration::from_secs(60), || {
        let list = world.tillward_json(&["terminal", "list"]).map_err(|e| format!("{e:#}"))?;
        let items = list["items"].as_array().cloned().unwrap_or_default();
        let seen = items.iter().filter(|terminal| terminal["presence"] == "online").count();
        if seen == online { Ok(()) } else { Err(format!("{seen} of {online} online")) }
    })?;
    tell.step(&format!("TW-{} stays switched off for now", LATE + 1));
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

fn upgrade(world: &mut World, release: &str, tell: &Teller, promises: &mut Promises) -> Result<()> {
    let artifact_bytes = world.artifact_bytes(&GOOD)?;
    world.https.slow_down(LINE_BYTES_PER_S);
    tell.step("a campaign upgrades all, three at a time, on a slow line");
    let campaign = create(world, "autumn", release, "model=px7", "3")?;
    let mut done = Incidents::default();
    let ended = follow_with(world, &campaign, |world, terminals| {
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
    let all = vec!["succeeded".to_owned(); world.terminals.len()];
    promises.equal("every terminal runs 2.0.0 and said so itself", &states(&ended), &all);
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
    ])?;
    let id = made["id"].as_str().context("a campaign has an id")?.to_owned();
    world.tillward(&["campaign", "start", &id])?;
    Ok(id)
}

fn follow(
    world: &mut World,
    campaign: &str,
    mut meanwhile: impl FnMut(&mut World) -> Result<()>,
) -> Result<Vec<Value>> {
    follow_with(world, campaign, |world, _| meanwhile(world))
}

/// Looks at the campaign until it ends; the terminals' last states.
fn follow_with(
    world: &mut World,
    campaign: &str,
    mut meanwhile: impl FnMut(&mut World, &[Value]) -> Result<()>,
) -> Result<Vec<Value>> {
    let mut failed = None;
    let ended = wait_for("the campaign ends", CAMPAIGN_PATIENCE, || {
        let look = || -> Result<(Value, Vec<Value>)> {
            let show = world.tillward_json(&["campaign", "show", campaign])?;
            let terminals = show["terminals"].as_array().cloned().unwrap_or_default();
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

fn brief(terminals: &[Value]) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let of =
        |t: &Value| format!("{} {} {}", text(&t["serial"]), text(&t["state"]), text(&t["step"]));
    terminals.iter().map(of).collect()
}

fn states(terminals: &[Value]) -> Vec<String> {
    terminals.iter().map(|t| t["state"].as_str().unwrap_or("-").to_owned()).collect()
}

fn close_books(world: &World) -> Result<()> {
    for terminal in &world.terminals {
        terminal.close_books(&world.programs)?;
    }
    Ok(())
}

/// Opens the shops again after the books were closed.
pub(crate) fn sell_again(world: &World) -> Result<()> {
    for terminal in &world.terminals {
        terminal.ask_till(&world.programs, "{\"id\":1,\"do\":\"release\"}")?;
    }
    Ok(())
}

/// Takes one captured sale out of a host's books, as a loss on the way would.
pub(crate) fn falsify_books(world: &World) -> Result<()> {
    let host = world.hosts.first().context("there is a host")?;
    host.lose_one_sale()
}
