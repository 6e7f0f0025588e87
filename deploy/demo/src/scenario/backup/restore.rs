//! A till loses everything, and gets it back once two people have signed for it.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use harness::process::Process;
use harness::wait::wait_for;
use serde_json::json;

use super::total::{Total, is_sales};
use super::{LOST, RECEIPT, Saved, plaintext};
use crate::books::Books;
use crate::campaign::{CAMPAIGN_PATIENCE, id};
use crate::promises::Promises;
use crate::stage::{SOON, Stage};

/// How it went.
pub(super) struct Restored {
    /// The sales that the till counted when its data were gone…
    pub(super) lost: Total,
    /// …and when they were back.
    pub(super) after: Total,
    /// In words.
    pub(super) outcome: String,
}

pub(super) fn play(stage: &mut Stage, till: &Saved, promises: &mut Promises) -> Result<Restored> {
    let programs = stage.world.programs.clone();
    let had = count(stage)?;
    let saved = Total::of(&till.manifest["data_sets"], is_sales)?;
    promises.equal("the lost till was saved to its last sale", &saved, &had);
    promises.check(
        "…which the search for a known receipt finds in its data",
        plaintext::is_in(&stage.world.terminals[LOST].till_directory(), RECEIPT)?,
    );
    stage.tell.step(&format!("{}: all data of its till are gone; it starts empty", till.serial));
    stage.world.terminals[LOST].lose_data(&programs)?;
    let lost = count(stage)?;
    promises.check(
        "the till that lost its data knows of no sale",
        match lost.is_nothing() {
            true => Ok(()),
            false => Err(lost.to_string()),
        },
    );
    let outcome = ask_and_approve(stage, till, promises)?;
    let after = count(stage)?;
    promises.equal("the restored till counts what was saved", &after, &saved);
    let restored = Books::read(&stage.world)?;
    let books = restored.of(&till.serial)?;
    promises.equal(
        "…and no host knows of a sale that it does not, or of another amount",
        &(books.lost, books.doubled, books.settled_twice, books.amount_minor),
        &(0, 0, 0, saved.amount("CNY")),
    );
    promises.check(
        "…and it has its receipts again",
        plaintext::is_in(&stage.world.terminals[LOST].till_directory(), RECEIPT)?,
    );
    stage.world.terminals[LOST].customers_return(&programs)?;
    sells_on(stage, &till.serial, books.sales)?;
    Ok(Restored { lost, after, outcome })
}

/// The sales of the lost till by its own count.
fn count(stage: &Stage) -> Result<Total> {
    let scratch = stage.world.directory().join("count");
    let request = json!({ "id": 1, "do": "export", "into": scratch }).to_string();
    let terminal = &stage.world.terminals[LOST];
    let counted = wait_for("the till counts its sales", SOON, || {
        let counted = terminal.ask_till(&stage.world.programs, &request);
        counted.map_err(|error| format!("{error:#}"))
    })?;
    fs::remove_dir_all(&scratch).with_context(|| format!("removing {}", scratch.display()))?;
    Total::of(&counted["data_sets"], is_sales)
}

/// As an operator and two approvers do it; how it ended.
fn ask_and_approve(stage: &mut Stage, till: &Saved, promises: &mut Promises) -> Result<String> {
    let snapshot = till.text("manifest")?;
    let plan = stage.operator(&["restore", "plan", snapshot])?;
    stage.tell.answer(&plan);
    let made = stage.operator_json(&["restore", "start", snapshot])?;
    promises.equal(
        "a restore waits for two approvers",
        &made["state"].as_str().unwrap_or("-"),
        &"awaiting-approval",
    );
    let campaign = id(&made)?;
    for approver in ["approver-1", "approver-2"] {
        let file = stage.world.directory().join(format!("for-{approver}.json"));
        let path = file.to_str().context("the demo's paths are UTF-8")?;
        stage.operator(&["approve", "export", &campaign, "--to", path])?;
        sign(stage, &file, approver)?;
        stage.operator(&["approve", "import", path])?;
    }
    let watched = watch(stage, &campaign)?;
    let show = stage.world.tillward_json(&["campaign", "show", &campaign])?;
    let restored = &show["terminals"][0];
    promises.check(
        "the restore succeeded",
        match watched && restored["state"] == "succeeded" {
            true => Ok(()),
            false => Err(format!("{}: {}", restored["state"], restored["reason"])),
        },
    );
    let state = restored["state"].as_str().unwrap_or("?");
    let now = restored["version_now"].as_str().unwrap_or("nothing");
    Ok(format!("The restore of {}: {state}; {now} is in place.", till.serial))
}

/// On the approver's own machine, without a network.
fn sign(stage: &Stage, request: &Path, approver: &str) -> Result<()> {
    stage.tell.step(&format!("{approver} signs on a machine of their own, for 1 terminal"));
    let said = stage.world.approve_offline("sign", request, approver, &["--yes-for", "1"])?;
    stage.tell.answer(&said);
    Ok(())
}

/// Whether the operator, who watches, was told of success.
fn watch(stage: &Stage, campaign: &str) -> Result<bool> {
    stage.tell.command(&["restore", "watch", campaign]);
    let mut command = stage.world.tillward_command(&["restore", "watch", campaign])?;
    let mut watching = Process::start("restore-watch", &mut command, &stage.world.logs())?;
    let status = wait_for("the restore is over", CAMPAIGN_PATIENCE, || {
        match watching.has_ended().map_err(|error| error.to_string())? {
            Some(status) => Ok(status),
            None => Err(watching.last_words()),
        }
    })?;
    stage.tell.answer(&fs::read_to_string(stage.world.logs().join("restore-watch.log"))?);
    Ok(status.success())
}

fn sells_on(stage: &Stage, serial: &str, before: i64) -> Result<()> {
    wait_for(&format!("{serial} sells again"), SOON, || {
        let sales = || -> Result<i64> { Ok(Books::read(&stage.world)?.of(serial)?.sales) };
        match sales() {
            Ok(now) if now > before => Ok(()),
            Ok(now) => Err(format!("{now} sales")),
            Err(error) => Err(format!("{error:#}")),
        }
    })?;
    stage.tell.step(&format!("{serial} sells again, with the next number"));
    Ok(())
}
