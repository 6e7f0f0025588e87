//! The fourth part: a till whose card reader fails is replaced by another unit, which takes over
//! its data, its position and its binding.

use std::path::Path;

use anyhow::{Context as _, Result};
use harness::wait::wait_for;
use harness::world::{Shop, recovery, run};
use serde_json::{Value, json};

use super::{REPLACED, RETIRED, refused, sales, sells_again, signed, wish};
use crate::campaign::{all_succeeded, complete, id, states};
use crate::promises::Promises;
use crate::stage::{SOON, Stage, ZONE};

/// After so many payments the watch is over here, by its snapshots.
const WATCHED_PAYMENTS: u64 = 3;

/// One replacement, and its two terminals.
pub(super) struct Case {
    number: String,
    /// By place in the fleet.
    pub(super) new: usize,
    old_serial: String,
    new_serial: String,
    /// The lane that one leaves and the other takes.
    pub(super) position: String,
    /// Of the position: which one, and its numbers.
    binding: Value,
}

/// The new unit does not sell yet.
const MEANWHILE: [&str; 4] = ["--max-parallel", "1", "--fallback", "the old unit sells"];

impl Case {
    pub(super) fn old_serial(&self) -> &str {
        &self.old_serial
    }

    pub(super) fn in_words(&self) -> String {
        let (old, new) = (&self.old_serial, &self.new_serial);
        format!("{new} has taken the place, the binding and the data of {old}")
    }
}

/// What people do about it while the old till still sells.
pub(super) fn begin(stage: &mut Stage) -> Result<Case> {
    let shop = stage.world.terminals[REPLACED].shop.clone();
    let old = shop.serial.clone();
    let new = format!("TW-{}", stage.world.terminals.len() + 1);
    stage.tell.step(&format!("the card reader of {old} fails: {new} is to take its place"));
    stage.world.describe_providers()?;
    stage.world.take_over_bindings(&[RETIRED, REPLACED])?;
    let position = position_of(stage, REPLACED)?;
    let binding = active_binding(stage, &position)?;
    units(stage, &shop, &new, &position)?;
    let request = wish(stage, "replace", "fault-hardware", REPLACED)?;
    let form = ["--request", &request, "--merchant", "the chain", "--serial", &old];
    // Nobody has written down that this model was seen to work with this provider.
    let untested = ["--override", "untested=Bo"];
    let why = ["--model", &shop.model, "--reason", "chip-read-error"];
    let made = stage.operator_json(&[&["replace", "new"], &form[..], &why, &untested].concat())?;
    let number = made["replacement"]["number"].as_u64();
    let number = number.with_context(|| format!("nothing was begun: {made:#}"))?.to_string();
    let say = |words: &[&str]| stage.operator(&[&["replace"], words].concat());
    say(&["allocate", &number, "--unit", &new])?;
    let parcel = ["--courier", "parcels", "--tracking", "1Z-7", "--seal", "BAG-7"];
    say(&[&["ship", &number], &parcel[..]].concat())?;
    say(&["receive", &number, "--serial-read", &new, "--seal", "BAG-7"])?;
    let (serial, store, model) = (new.clone(), shop.store.clone(), shop.model.clone());
    let unpacked = Shop { serial, store, model, zone: ZONE.to_owned() };
    let at = stage.world.unpack(&unpacked)?;
    let (old_serial, new_serial) = (old, new);
    Ok(Case { number, new: at, old_serial, new_serial, position, binding })
}

/// The old unit stands in its lane, and the new one is in stock.
fn units(stage: &Stage, shop: &Shop, new: &str, position: &str) -> Result<()> {
    let why = ["--why", "delivery"];
    let about = ["--model", &shop.model, "--store", "depot"];
    for serial in [shop.serial.as_str(), new] {
        stage.world.tillward(&[&["unit", "add", serial], &about[..], &why].concat())?;
    }
    let moves: [&[&str]; 4] = [
        &["allocate"],
        &["ship", "--seal", "S-1"],
        &["receive", "--seal", "S-1", "--store", &shop.store],
        &["commission", "--position", position],
    ];
    for step in moves {
        stage.world.tillward(&[&["unit", "move", &shop.serial], step, &why].concat())?;
    }
    Ok(())
}

pub(super) fn position_of(stage: &Stage, at: usize) -> Result<String> {
    let serial = stage.world.terminals[at].shop.serial.as_str();
    let own = stage.ids()?.remove(serial).with_context(|| format!("{serial} has an id"))?;
    let positions = stage.list(&["position", "list"])?;
    let position = positions.iter().find(|it| it["terminal"] == own.as_str());
    let position = position.and_then(|it| it["id"].as_str());
    Ok(position.with_context(|| format!("{serial} fills a position"))?.to_owned())
}

/// Which one it is, and the numbers by which its provider knows the till.
fn active_binding(stage: &Stage, position: &str) -> Result<Value> {
    let all = stage.list(&["binding", "list"])?;
    let active = |it: &&Value| it["position"] == position && it["state"] == "active";
    let it = all.iter().find(active).context("the position has an active binding")?;
    Ok(json!([it["id"], it["provider"], it["version"]["tuple"]]))
}

/// MID and TID as the till itself uses them.
fn numbers(stage: &Stage, at: usize) -> Result<Value> {
    let bindings = stage.world.terminals[at].bindings(&stage.world.programs)?;
    let active = bindings.iter().find(|it| it.state == "active");
    let active = active.context("a till has an active binding")?;
    Ok(json!([active.provider, active.mid, active.tid]))
}

/// The old till is suspended: the new one gets its data, its position, and its customers.
pub(super) fn take_over(stage: &mut Stage, case: &Case, promises: &mut Promises) -> Result<()> {
    let (number, new) = (case.number.clone(), case.new_serial.clone());
    let before = sales(stage)?[REPLACED];
    let known_as = numbers(stage, REPLACED)?;
    stage.operator(&["replace", "settled", &number])?;
    let paired = stage.operator_json(&["replace", "pair", &number])?;
    let line = paired["line"].as_str().context("a claim has a line")?;
    stage.world.enrol_by(case.new, line)?;
    let onto = wait_until_ready(stage, &new)?;
    bring_up_to_date(stage, case, &onto)?;
    let provisioned = ["replace", "provisioned", &number];
    promises.check(
        "no new till without the data of the old one",
        refused(stage, &provisioned, "nothing was restored"),
    );
    restore(stage, case, &onto, promises)?;
    stage.operator(&provisioned)?;
    let works = ["--works", "screen,reader,contactless,printer,network,ecr-link,clock"];
    let tried = ["--absent", "scanner", "--tested", "T-4711", "--by", "Tess"];
    stage.operator(&[&["replace", "commission", &number], &works[..], &tried].concat())?;
    let payments = WATCHED_PAYMENTS.to_string();
    stage.operator(&["replace", "live", &number, "--watch-payments", &payments])?;
    let position = position_of(stage, case.new)?;
    promises.equal(
        "the new till has the position and the binding of the old one",
        &active_binding(stage, &position)?,
        &case.binding,
    );
    promises.equal("…which it uses itself", &numbers(stage, case.new)?, &known_as);
    let programs = stage.world.programs.clone();
    stage.world.terminals[case.new].took_over = Some(case.old_serial.clone());
    stage.world.terminals[case.new].customers_return(&programs)?;
    promises.check("…and sells on where that had stopped", sells_again(stage, case.new, before)?);
    wait_for("the new terminal is heard", SOON, || {
        let watched = stage.world.tillward(&["replace", "watch", &number]);
        watched.map(drop).map_err(|error| format!("{error:#}"))
    })?;
    Ok(())
}

/// Its id, once it is online and has said for whom a key can be sealed.
fn wait_until_ready(stage: &Stage, serial: &str) -> Result<String> {
    let id = wait_for("the new terminal is online", SOON, || {
        let shown = stage.world.tillward_json(&["terminal", "show", serial]);
        let shown = shown.map_err(|error| format!("{error:#}"))?;
        match shown["id"].as_str() {
            Some(id) if shown["recipient"].is_object() => Ok(id.to_owned()),
            Some(_) | None => Err(format!("{}", shown["presence"])),
        }
    })?;
    Ok(id)
}

/// What the old one has saved is read by software that is no older.
fn bring_up_to_date(stage: &mut Stage, case: &Case, onto: &str) -> Result<()> {
    let version = |serial: &str| -> Result<Value> {
        let shown = stage.world.tillward_json(&["terminal", "show", serial])?;
        Ok(shown["components"][0]["version"].clone())
    };
    let wanted = version(&case.old_serial)?;
    if wanted == version(&case.new_serial)? {
        return Ok(());
    }
    let releases = stage.list(&["release", "list"])?;
    let release = releases.iter().find(|it| it["version"] == wanted);
    let release = release.and_then(|it| it["digest"].as_str()).context("it was published")?;
    let own = format!("id={onto}");
    let create = ["campaign", "create", "--release", release, "--where", &own];
    let made = stage.operator_json(&[&create[..], &MEANWHILE].concat())?;
    let campaign = id(&made)?;
    stage.operator(&["campaign", "start", &campaign])?;
    complete(&mut stage.world, &campaign)?;
    Ok(())
}

/// The key is sealed anew by whoever holds a recovery identity, and two people sign.
fn restore(stage: &mut Stage, case: &Case, onto: &str, promises: &mut Promises) -> Result<()> {
    let manifest = newest_snapshot(stage, &case.old_serial)?;
    let text = |name: String| stage.world.directory().join(name).display().to_string();
    let copy = text(format!("{}.rescued", case.old_serial));
    let statement = text(format!("{}.recipient", case.new_serial));
    let sealed = text(format!("{}.key", case.new_serial));
    stage.operator(&["backup", "export", &manifest, "--to", &copy])?;
    stage.operator(&["terminal", "recipient", &case.new_serial, "-o", &statement])?;
    let fleet = stage.world.tillward_json(&["status"])?["fleet"].clone();
    let fleet = fleet.as_str().context("a fleet has an id")?;
    let (old_key, new_key) = (key_of(stage, REPLACED)?, key_of(stage, case.new)?);
    let safe = recovery::identity(stage.world.directory(), "safe-2");
    reseal(
        stage,
        &safe,
        &[
            "--repository",
            &copy,
            "--to",
            &statement,
            "-o",
            &sealed,
            "--terminal-key",
            &new_key,
            "--fleet",
            fleet,
            "--saved-by-key",
            &old_key,
            "--yes",
        ],
    )?;
    let start = ["restore", "start", &manifest, "--onto", onto, "--key", &sealed];
    let made = stage.operator_json(&start)?;
    let campaign = signed(stage, id(&made)?)?;
    let ended = complete(&mut stage.world, &campaign)?;
    promises.equal("the new till has got the data", &states(&ended), &all_succeeded(1));
    Ok(())
}

fn newest_snapshot(stage: &Stage, serial: &str) -> Result<String> {
    let own = stage.ids()?.remove(serial).with_context(|| format!("{serial} has an id"))?;
    let list = stage.list(&["backup", "list"])?;
    let own = list.iter().filter(|it| it["terminal"] == own.as_str());
    let newest = own.max_by_key(|it| it["number"].as_u64());
    let manifest = newest.and_then(|it| it["manifest"].as_str());
    Ok(manifest.with_context(|| format!("{serial} has saved"))?.to_owned())
}

/// As the terminal itself shows it.
fn key_of(stage: &Stage, at: usize) -> Result<String> {
    let terminal = &stage.world.terminals[at];
    let mut status = terminal.agent_command(&stage.world.programs, &["status", "--json"])?;
    let status: Value = serde_json::from_str(&run(&mut status)?)?;
    Ok(status["key"].as_str().context("an enrolled terminal has a key")?.to_owned())
}

/// On the machine of whoever holds a recovery identity, without a network.
fn reseal(stage: &Stage, identity: &Path, words: &[&str]) -> Result<()> {
    let mut command = std::process::Command::new(stage.world.programs.tillward()?);
    command.env_remove("TILLWARD_CONTEXT").args(["recovery", "reseal", "--identity"]);
    command.arg(identity).args(words).stdin(std::process::Stdio::null());
    run(&mut command).map(drop)
}

/// The new till has sold enough to be trusted.
pub(super) fn prove(stage: &mut Stage, case: &Case, promises: &mut Promises) -> Result<()> {
    let own = format!("id={}", wait_until_ready(stage, &case.new_serial)?);
    let made = stage.operator_json(&["backup", "now", "--select", &own])?;
    complete(&mut stage.world, &id(&made)?)?;
    let watched = wait_for("the watch is over", SOON, || {
        let show = stage.world.tillward_json(&["replace", "show", &case.number]);
        let show = show.map_err(|error| format!("{error:#}"))?;
        let watched = &show["replacement"]["watched"];
        match watched["is_over"].as_bool() {
            Some(true) => Ok(watched["payments"].as_u64()),
            Some(false) | None => Err(watched.to_string()),
        }
    });
    let enough = match watched {
        Ok(payments) if payments >= Some(WATCHED_PAYMENTS) => Ok(()),
        Ok(payments) => Err(format!("{payments:?}")),
        Err(error) => Err(format!("{error:#}")),
    };
    promises.check("the new till was watched until it had sold enough", enough);
    Ok(())
}

/// The old unit is erased: it goes back, and the case is over.
pub(super) fn close(stage: &Stage, case: &Case, promises: &mut Promises) -> Result<()> {
    let of = ["unit", "move", &case.old_serial];
    stage.world.tillward(&[&of[..], &["await-return", "--why", "replaced"]].concat())?;
    let counted = ["--no-accessories", "--condition", "damaged", "--why", "replaced"];
    stage.world.tillward(&[&of[..], &["return"], &counted].concat())?;
    stage.operator(&["replace", "close", &case.number])?;
    let show = stage.world.tillward_json(&["replace", "show", &case.number])?;
    promises.equal(
        "the replacement is closed, with its old unit returned",
        &show["replacement"]["state"],
        &"closed".into(),
    );
    Ok(())
}
