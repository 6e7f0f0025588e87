//! The scenario *backup*: what tills have is saved by a schedule into two places, rehearsed, and
//! put back into a till that has lost it.

mod places;
mod plaintext;
mod restore;
mod total;

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use harness::wait::wait_for;
use jiff::Timestamp;
use serde_json::{Value, json};
use shared::window::Window;

use super::{Scenario, Section};
use crate::campaign::{all_succeeded, complete, id, states};
use crate::promises::Promises;
use crate::stage::{SOON, Stage, ZONE};
use places::Verified;
use restore::Restored;
use total::Total;

pub(super) const BACKUP: Scenario = Scenario {
    name: "backup",
    about: "a schedule saves selling tills into two places, and one that loses all is restored",
    terminals_min: 4,
    leaves: "the schedule `nightly` stands; each till of the store north is saved in two places",
    commands: &[
        "backup list",
        "backup show SNAPSHOT",
        "backup schedule list",
        "backup now --select 'store=south'",
        "restore plan SNAPSHOT",
    ],
    play,
};

/// Whose tills are saved.
const SAVED: &str = "store=north";

/// Who loses everything, by place in the fleet. It is in the store north.
const LOST: usize = 0;

/// Stands in the journal of each till that is saved.
const RECEIPT: &str = "RECEIPT 0815-4711: 2 COFFEE, 1 BAGEL. THANK YOU";

const DAY_MIN: u16 = 24 * 60;

/// A till that is saved.
struct Saved {
    /// By place in the fleet.
    at: usize,
    serial: String,
    /// As `tillward backup list` lists it.
    snapshot: Value,
    /// As the manifest says.
    manifest: Value,
}

impl Saved {
    fn text(&self, key: &str) -> Result<&str> {
        self.snapshot[key].as_str().with_context(|| format!("a snapshot has a `{key}`"))
    }
}

/// What the till of a terminal counted when its snapshot was rehearsed, by serial number.
type Drilled = BTreeMap<String, Total>;

fn play(stage: &mut Stage, promises: &mut Promises) -> Result<Section> {
    let tills = write_receipts(stage)?;
    scheduled(stage, &tills, promises)?;
    let saved = save_once_more(stage, &tills)?;
    promises.check("every scheduled terminal has an available snapshot", covered(&saved, &tills));
    let drilled = drill(stage, &saved, promises)?;
    let lost = saved.iter().find(|till| till.at == LOST).context("the lost till was saved")?;
    let restored = restore::play(stage, lost, promises)?;
    let verified = places::verify(stage, &saved, promises)?;
    plaintext::promise_none(stage, &tills, promises)?;
    let books = stage.close_books()?;
    books.promise(promises);
    let mut section = section(stage, &saved, &drilled, &restored, &verified)?;
    section.note(format!("{} sales so far.", books.sales()));
    stage.sell_again()?;
    Ok(section)
}

/// The places in the fleet of all tills that are saved, each with a known receipt in its journal.
fn write_receipts(stage: &Stage) -> Result<Vec<usize>> {
    let terminals = stage.world.terminals.iter().enumerate();
    let tills = terminals.filter(|(_, it)| format!("store={}", it.shop.store) == SAVED);
    let tills: Vec<_> = tills.map(|(at, _)| at).collect();
    let request = json!({ "id": 1, "do": "show_notice", "text": RECEIPT }).to_string();
    for at in &tills {
        stage.world.terminals[*at].ask_till(&stage.world.programs, &request)?;
    }
    Ok(tills)
}

/// A schedule makes its first campaign by itself, and the selling tills are saved.
fn scheduled(stage: &mut Stage, tills: &[usize], promises: &mut Promises) -> Result<()> {
    let window = open_window()?.to_string();
    let set = ["backup", "schedule", "set", "nightly", "--select", SAVED, "--every", "day"];
    let said = stage.operator(&[&set[..], &["--window", &window]].concat())?;
    stage.tell.answer(&said);
    let campaign = wait_for("the schedule makes its campaign", SOON, || {
        let list = stage.list(&["campaign", "list"]).map_err(|error| format!("{error:#}"))?;
        let made = list.iter().find(|campaign| campaign["name"] == "nightly").cloned();
        made.ok_or_else(|| format!("{} others", list.len()))
    })?;
    promises.equal(
        "a schedule made its campaign by itself",
        &campaign["created_by"].as_str().unwrap_or("-"),
        &"schedule",
    );
    let ended = complete(&mut stage.world, &id(&campaign)?)?;
    promises.equal(
        "every scheduled till was saved while it sold",
        &states(&ended),
        &all_succeeded(tills.len()),
    );
    stage.tell.step(&format!("the scheduled campaign has saved {} tills", ended.len()));
    Ok(())
}

/// From an hour ago, for six hours, by the clock of the shops.
fn open_window() -> Result<Window> {
    let now = Timestamp::now().in_tz(ZONE)?.time();
    let minute = u16::try_from(i32::from(now.hour()) * 60 + i32::from(now.minute()))?;
    Ok(Window { from_min: (minute + DAY_MIN - 60) % DAY_MIN, to_min: (minute + 5 * 60) % DAY_MIN })
}

/// The till that is about to lose everything closes its day and is saved again: what was sold after
/// its last snapshot would be at the host alone.
fn save_once_more(stage: &mut Stage, tills: &[usize]) -> Result<Vec<Saved>> {
    let serial = stage.world.terminals[LOST].shop.serial.clone();
    stage.tell.step(&format!("{serial} closes its day, settles, and is saved once more"));
    stage.world.terminals[LOST].close_books(&stage.world.programs)?;
    let ids = stage.ids()?;
    let own = format!("id={}", ids.get(&serial).context("the till is enrolled")?);
    let made = stage.operator_json(&["backup", "now", "--select", &own])?;
    complete(&mut stage.world, &id(&made)?)?;
    let snapshots = available(stage)?;
    stage.tell.step("every snapshot is available: read back whole from both places");
    let newest = |at: &usize| {
        let serial = stage.world.terminals[*at].shop.serial.clone();
        let terminal = ids.get(&serial).context("the till is enrolled")?;
        let own = snapshots.iter().filter(|it| it["terminal"] == terminal.as_str());
        let Some(snapshot) = own.max_by_key(|it| it["number"].as_u64()) else { return Ok(None) };
        let name = snapshot["manifest"].as_str().context("a snapshot has a manifest")?;
        let manifest = stage.world.tillward_json(&["backup", "show", name])?;
        Ok(Some(Saved { at: *at, serial, snapshot: snapshot.clone(), manifest }))
    };
    tills.iter().filter_map(|at| newest(at).transpose()).collect()
}

/// All snapshots, once each was read back whole from both places.
fn available(stage: &Stage) -> Result<Vec<Value>> {
    let all = wait_for("every snapshot is available", SOON, || {
        let list = stage.list(&["backup", "list"]).map_err(|error| format!("{error:#}"))?;
        let whole = list.iter().filter(|it| it["state"] == "available").count();
        if whole == list.len() { Ok(list) } else { Err(format!("{whole} of {} are", list.len())) }
    })?;
    Ok(all)
}

fn covered(saved: &[Saved], tills: &[usize]) -> Result<(), String> {
    let has = |at: &&usize| saved.iter().any(|till| till.at == **at);
    match tills.iter().filter(has).count() {
        all if all == tills.len() && all >= 2 => Ok(()),
        some => Err(format!("{some} of {} have", tills.len())),
    }
}

/// Each terminal restores its newest snapshot into a scratch till, which counts.
fn drill(stage: &mut Stage, saved: &[Saved], promises: &mut Promises) -> Result<Drilled> {
    let made = stage.operator_json(&["backup", "drill", "--select", SAVED])?;
    let ended = complete(&mut stage.world, &id(&made)?)?;
    promises.equal("every drill succeeded", &states(&ended), &all_succeeded(saved.len()));
    let mut drilled = Drilled::new();
    for terminal in &ended {
        let text = |key: &str| terminal[key].as_str().with_context(|| format!("no {key}"));
        let receipt = stage.world.records.final_receipt(text("order")?)?;
        if let Some(counted) = Total::rehearsed(&receipt) {
            drilled.insert(text("serial")?.to_owned(), counted);
        }
    }
    let mut expected = Drilled::new();
    for till in saved {
        expected.insert(till.serial.clone(), Total::of(&till.manifest["data_sets"], |_| true)?);
    }
    promises.equal("the drills counted what the manifests promise", &drilled, &expected);
    stage.tell.step(&format!("{} scratch tills have counted what was saved", drilled.len()));
    Ok(drilled)
}

fn section(
    stage: &Stage,
    saved: &[Saved],
    drilled: &Drilled,
    restored: &Restored,
    verified: &BTreeMap<String, Verified>,
) -> Result<Section> {
    let [first, second] = stage.world.places()?;
    let heads = [&first, &second].map(|it| format!("whole in {}\n({})", it.name, it.region));
    let header = [
        "terminal",
        "snapshot",
        "bytes",
        &heads[0],
        &heads[1],
        "drill\nexpected",
        "drill\nfound",
        "sales\nsaved",
        "sales\nlost",
        "sales\nrestored",
    ];
    let mut rows = Vec::new();
    for till in saved {
        let Verified { first, second } = verified.get(&till.serial).context("it was verified")?;
        let expected = Total::of(&till.manifest["data_sets"], |_| true)?;
        let found = drilled.get(&till.serial).map_or_else(|| "-".to_owned(), Total::to_string);
        let (lost, after) = if till.at == LOST {
            (restored.lost.to_string(), restored.after.to_string())
        } else {
            ("-".to_owned(), "-".to_owned())
        };
        rows.push([
            till.serial.clone(),
            till.snapshot["number"].to_string(),
            till.snapshot["bytes"].to_string(),
            first.clone(),
            second.clone(),
            expected.to_string(),
            found,
            Total::of(&till.manifest["data_sets"], total::is_sales)?.to_string(),
            lost,
            after,
        ]);
    }
    let mut section = Section::new(header, 1, rows);
    section.note(restored.outcome.clone());
    section.note("Records and what they add up to, in minor units; times in UTC.".to_owned());
    Ok(section)
}
