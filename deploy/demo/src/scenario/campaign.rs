//! A campaign in three waves over twelve terminals in two time zones: a freeze holds one store,
//! the second wave fails and is stopped, what had succeeded is brought back, and it goes on when
//! somebody has acknowledged what failed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use harness::wait::wait_for;
use harness::world::{Shop, TillRelease};
use serde_json::Value;

use super::Scenario;
use crate::books::Books;
use crate::campaign::{CAMPAIGN_PATIENCE, follow, id};
use crate::promises::Promises;
use crate::section::Section;
use crate::stage::{SOON, Stage};

pub(super) const CAMPAIGN: Scenario = Scenario {
    name: "campaign",
    about: "three waves over twelve terminals: a freeze, a bad wave taken back, a second try",
    terminals_min: 1,
    leaves: "twelve more tills in kyoto and lisbon, which run 2.0.0; their campaign is over",
    commands: &[
        "campaign report CAMPAIGN",
        "campaign why CAMPAIGN",
        "calendar list",
        "store list",
        "campaign plan --release DIGEST --where 'store in (kyoto, lisbon)' --policy careful",
    ],
    play,
};

const TERMINALS: u8 = 12;

/// Each with its zone; in turns.
const STORES: [(&str, &str); 2] = [("kyoto", "Asia/Tokyo"), ("lisbon", "Europe/Lisbon")];

const FROZEN: &str = "kyoto";

/// Of the four that go first, by place among the twelve: three in lisbon, one where nothing may
/// change.
const CANARY: [usize; 4] = [1, 3, 5, 0];

const NEW: TillRelease = TillRelease {
    version: "2.0.0",
    counter: 3,
    settle_first: true,
    health_stable: "1s",
    health_within: "8s",
};

/// The old one once more, so that there is a way back: a terminal goes back to nothing that counts
/// less than what it runs.
const OLD: TillRelease = TillRelease { version: "1.0.0", settle_first: false, ..NEW };

const POLICY: &str = "\
max_parallel = 6
waves = [\"7\", \"rest\"]
stop = \"revert\"
store_at_once = 3
retries_max = 1

[gate]
sample_min = 3
success_percent_min = 70
soak = \"2s\"
bad_max = \"0\"
reach_percent_min = 75
";

fn play(stage: &mut Stage, promises: &mut Promises) -> Result<Section> {
    let first = stage.world.terminals.len();
    open(stage)?;
    freeze(stage)?;
    stage.tell.step("building, signing and publishing 2.0.0, and 1.0.0 as the way back");
    let new = stage.world.publish_till(&NEW)?;
    let old = stage.world.publish_till(&OLD)?;
    let failing = let_others_fail(stage, first)?;
    let mut waits = Waits::default();
    let campaign = begin(stage, first, &new, &old)?;

    let halted = wait_halted(stage, &campaign, &mut waits)?;
    let bad = halted["campaign"]["bad"].as_u64().context("failures are counted")?;
    stopped(stage, first, &halted, bad, promises)?;
    taken_back(stage, first, &campaign, &mut waits, promises)?;

    stage.tell.step("somebody finds the printers' paper jam, and the stocktaking is over");
    for at in failing {
        let terminal = &stage.world.terminals[at];
        terminal.fault(&stage.world.programs, &["clear"])?;
    }
    stage.operator(&["calendar", "remove", FREEZE, "--reason", "counted"])?;
    let wrong = (bad + 1).to_string();
    let refused = stage.operator(&["campaign", "resume", &campaign, "--acknowledge", &wrong]);
    promises.check(
        "who does not know how many have failed cannot resume it",
        refused.err().map(|_| ()).ok_or_else(|| "it was resumed".to_owned()),
    );
    let reason = ["--reason", "the paper jam is mended"];
    let bad = bad.to_string();
    let resume = ["campaign", "resume", &campaign, "--acknowledge", &bad];
    stage.operator(&[&resume[..], &reason].concat())?;
    stage.operator(&[&["campaign", "retry", &campaign][..], &reason].concat())?;
    let ended = follow(&mut stage.world, &campaign, |world, _| waits.look(world, &campaign))?;
    let succeeded = ended.iter().filter(|it| it["state"] == "succeeded").count();
    promises.equal("all twelve have succeeded in the end", &succeeded, &usize::from(TERMINALS));
    stage.tell.step("the campaign is complete");
    section(stage, first, &campaign, &waits, promises)
}

fn open(stage: &mut Stage) -> Result<()> {
    stage.tell.step("opening twelve more shops, six in kyoto and six in lisbon");
    let first = stage.world.terminals.len();
    for number in 0..usize::from(TERMINALS) {
        let (store, zone) = STORES[number % STORES.len()];
        stage.world.open_shop(&Shop {
            serial: format!("TW-{}", 101 + number),
            store: store.to_owned(),
            model: "px7".to_owned(),
            zone: zone.to_owned(),
        })?;
    }
    for at in first..stage.world.terminals.len() {
        stage.world.enrol_and_start(at)?;
    }
    wait_for("the twelve are online", SOON, || {
        let list = stage.list(&["terminal", "list"]).map_err(|error| format!("{error:#}"))?;
        let there = list.iter().filter(|it| is_ours(it) && it["presence"] == "online").count();
        if there == usize::from(TERMINALS) { Ok(()) } else { Err(format!("{there} are")) }
    })?;
    Ok(())
}

fn is_ours(terminal: &Value) -> bool {
    STORES.iter().any(|(store, _)| terminal["store"] == *store)
}

/// By which the freeze is known again.
const FREEZE: &str = "stocktaking";

/// From now on, for much longer than this lasts.
fn freeze(stage: &Stage) -> Result<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let text = |at: u64| -> Result<String> {
        let at = jiff::Timestamp::from_second(i64::try_from(at)?)?;
        Ok(at.strftime("%Y-%m-%d %H:%M").to_string())
    };
    let (from, to) = (text(now - 3_600)?, text(now + 36 * 3_600)?);
    let span = ["--from", &from, "--to", &to, "--zone", "UTC"];
    let what = ["calendar", "add", "--kind", "freeze", "--store", FROZEN, "--uid", FREEZE];
    stage.operator(&[&what[..], &span, &["--summary", "the stock is counted"]].concat())?;
    Ok(())
}

/// Whoever does not go first finds its printer broken as soon as it runs the new version.
fn let_others_fail(stage: &Stage, first: usize) -> Result<Vec<usize>> {
    stage.tell.step("only the shops that go first have paper in their printers");
    let all = 0..usize::from(TERMINALS);
    let others: Vec<_> = all.filter(|at| !CANARY.contains(at)).map(|at| first + at).collect();
    for at in &others {
        let fault = ["self-test-fails", "--only", NEW.version];
        stage.world.terminals[*at].fault(&stage.world.programs, &fault)?;
    }
    Ok(others)
}

fn begin(stage: &Stage, first: usize, new: &str, old: &str) -> Result<String> {
    let policy = stage.world.directory().join("three-waves.toml");
    fs::write(&policy, POLICY)?;
    let policy = policy.to_str().context("paths are UTF-8")?;
    let selection = ["--release", new, "--where", "store in (kyoto, lisbon)"];
    let way = ["--policy", policy, "--revert-to", old, "--fallback", "by hand"];
    let canary = CANARY.map(|at| stage.world.terminals[first + at].shop.serial.clone());
    let canary: Vec<_> = canary.iter().flat_map(|serial| ["--canary", serial]).collect();
    stage.operator(&[&["campaign", "plan"][..], &selection, &way, &canary].concat())?;
    let create = ["campaign", "create", "--name", "autumn in two stores"];
    let made = stage.operator_json(&[&create[..], &selection, &way, &canary].concat())?;
    let campaign = id(&made)?;
    stage.operator(&["campaign", "start", &campaign])?;
    Ok(campaign)
}

/// What each terminal waited for, in the order in which it was seen.
#[derive(Default)]
struct Waits(BTreeMap<String, Vec<String>>);

impl Waits {
    fn look(&mut self, world: &harness::world::World, campaign: &str) -> Result<()> {
        let show = world.tillward_json(&["campaign", "show", campaign])?;
        for terminal in show["terminals"].as_array().into_iter().flatten() {
            let text = |value: &Value| value.as_str().unwrap_or("?").to_owned();
            let waits = matches!(terminal["state"].as_str(), Some("held" | "waiting"));
            let reason = &terminal["reason"]["code"];
            if waits && reason.is_string() {
                let seen = self.0.entry(text(&terminal["serial"])).or_default();
                if seen.last() != Some(&text(reason)) {
                    seen.push(text(reason));
                }
            }
        }
        Ok(())
    }

    fn of(&self, serial: &str) -> Vec<String> {
        self.0.get(serial).cloned().unwrap_or_default()
    }
}

/// Looks until the gate has stopped it and nobody is at it any more.
fn wait_halted(stage: &Stage, campaign: &str, waits: &mut Waits) -> Result<Value> {
    Ok(wait_for("the second wave is stopped", CAMPAIGN_PATIENCE, || {
        let look =
            || -> Result<Value> { stage.world.tillward_json(&["campaign", "show", campaign]) };
        waits.look(&stage.world, campaign).map_err(|error| format!("{error:#}"))?;
        let show = look().map_err(|error| format!("{error:#}"))?;
        let (state, at_it) = (&show["campaign"]["state"], &show["campaign"]["at_it"]);
        match state == "halted" && *at_it == 0 {
            true => Ok(show),
            false => Err(format!("it is {state}, {at_it} at it")),
        }
    })?)
}

fn stopped(
    stage: &Stage,
    first: usize,
    halted: &Value,
    bad: u64,
    promises: &mut Promises,
) -> Result<()> {
    stage.tell.step(&format!("the second wave is stopped: {}", halted["campaign"]["state_reason"]));
    let terminals = halted["terminals"].as_array().context("it has members")?;
    let of_frozen = terminals.iter().filter(|it| it["store"] == FROZEN);
    let waits = of_frozen.filter(|it| it["state"] == "held").count();
    promises.equal("nobody in the frozen store was touched", &waits, &6);
    promises.check(
        "no more than were at it together have failed",
        if (1..=3).contains(&bad) { Ok(()) } else { Err(format!("{bad} have")) },
    );
    let said = stage.operator_json(&["campaign", "why", &id(&halted["campaign"])?])?;
    promises.equal("people are told why nothing moves", &said["state"], &"halted".into());
    let frozen = &stage.world.terminals[first].shop.serial;
    let about = ["campaign", "why", &id(&halted["campaign"])?, "--terminal", frozen];
    stage.operator(&about)?;
    Ok(())
}

/// The three that had succeeded run what they ran before.
fn taken_back(
    stage: &Stage,
    first: usize,
    campaign: &str,
    waits: &mut Waits,
    promises: &mut Promises,
) -> Result<()> {
    let reverted = wait_for("what had succeeded is brought back", CAMPAIGN_PATIENCE, || {
        waits.look(&stage.world, campaign).map_err(|error| format!("{error:#}"))?;
        let show = stage.world.tillward_json(&["campaign", "show", campaign]);
        let show = show.map_err(|error| format!("{error:#}"))?;
        let terminals = show["terminals"].as_array().cloned().unwrap_or_default();
        let reverted = terminals.iter().filter(|it| it["state"] == "reverted").count();
        if reverted >= 3 { Ok(reverted) } else { Err(format!("{reverted} are")) }
    })?;
    promises.equal("the three that had succeeded are brought back", &reverted, &3);
    let mut versions = BTreeSet::new();
    for at in CANARY {
        let status = stage.world.terminals[first + at].till_status(&stage.world.programs)?;
        versions.insert(status["application"]["version"].as_str().unwrap_or("?").to_owned());
    }
    let old = BTreeSet::from([OLD.version.to_owned()]);
    promises.equal("…and say themselves that they run 1.0.0", &versions, &old);
    stage.tell.step("what had succeeded is brought back to 1.0.0");
    Ok(())
}

fn section(
    stage: &Stage,
    first: usize,
    campaign: &str,
    waits: &Waits,
    promises: &mut Promises,
) -> Result<Section> {
    let ours = &stage.world.terminals[first..];
    for terminal in ours {
        terminal.close_books(&stage.world.programs)?;
    }
    let books = Books::read_of(&stage.world, ours)?;
    books.promise(promises);
    let mut rows = Vec::new();
    let mut frozen = BTreeSet::new();
    for terminal in ours {
        let (serial, store) = (&terminal.shop.serial, &terminal.shop.store);
        let waited = waits.of(serial);
        if waited.iter().any(|reason| reason == "freeze" || reason == "wave-closed") {
            frozen.insert((store.clone(), waited.iter().any(|reason| reason == "freeze")));
        }
        let status = terminal.till_status(&stage.world.programs)?;
        let till = books.of(serial)?;
        rows.push([
            serial.clone(),
            store.clone(),
            terminal.shop.zone.clone(),
            waited.join(", "),
            status["application"]["version"].as_str().unwrap_or("?").to_owned(),
            till.sales.to_string(),
            till.lost.to_string(),
            till.settled_twice.to_string(),
        ]);
        terminal.ask_till(&stage.world.programs, "{\"id\":1,\"do\":\"release\"}")?;
    }
    promises.check(
        "whoever waited for the end of the freeze is told so, and nobody else",
        match frozen.iter().all(|(store, froze)| !froze || store == FROZEN)
            && frozen.contains(&(FROZEN.to_owned(), true))
        {
            true => Ok(()),
            false => Err(format!("{frozen:?}")),
        },
    );
    let header =
        ["terminal", "store", "zone", "waited for", "version", "sales", "lost", "settled twice"];
    let mut section = Section::new(header, 5, rows);
    let show = stage.world.tillward_json(&["campaign", "show", campaign])?;
    let waves = show["campaign"]["waves"].as_array().map_or(0, Vec::len);
    promises.equal("it went in three waves", &waves, &3);
    section.note(format!("Campaign {campaign}: {waves} waves, stopped in the second, then done."));
    Ok(section)
}
