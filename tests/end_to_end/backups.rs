//! What tills save: taken while they sell, kept in two places, rehearsed, and put back.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use controller::api::model::{AssignmentState as State, CampaignState, Snapshot, SnapshotState};
use harness::wait::wait_for;
use harness::world::S3;
use serde::de::DeserializeOwned;
use serde_json::Value;
use shared::id::CampaignId;

use crate::approvals::{exported, import, offline};
use crate::fleet::{Fleet, SOON};

/// A place that did not answer is asked again after a minute.
const KEPT: Duration = Duration::from_secs(150);

/// What `tillward backup …` or `restore …` has begun.
pub(crate) fn begun(fleet: &Fleet, words: &[&str]) -> Result<CampaignId> {
    let made = fleet.world.tillward_json(words)?;
    Ok(made["id"].as_str().context("a campaign has an id")?.parse()?)
}

fn items<T: DeserializeOwned>(fleet: &Fleet, words: &[&str]) -> Result<Vec<T>> {
    let list = fleet.world.tillward_json(words)?;
    Ok(serde_json::from_value(list["items"].clone())?)
}

/// Every terminal saves what it has.
fn save(fleet: &mut Fleet) -> Result<()> {
    let campaign = begun(fleet, &["backup", "now", "--select", "model=px7"])?;
    let ended = fleet.complete(campaign)?;
    let count = fleet.world.terminals.len();
    assert_eq!(ended.states(), vec![State::Succeeded; count], "{:#?}", ended.terminals);
    Ok(())
}

/// So many snapshots, once each is whole in both places.
pub(crate) fn whole(fleet: &Fleet, snapshots: usize) -> Result<Vec<Snapshot>> {
    Ok(wait_for("every snapshot is whole in both places", KEPT, || {
        let list: Vec<Snapshot> =
            items(fleet, &["backup", "list"]).map_err(|error| format!("{error:#}"))?;
        let whole = list.iter().filter(|it| it.state == SnapshotState::Available).count();
        match whole == snapshots && list.len() == snapshots {
            true => Ok(list),
            false => Err(format!("{whole} of {} are", list.len())),
        }
    })?)
}

/// Every terminal saves what it has; the snapshots once each is whole in both places.
pub(crate) fn saved(fleet: &mut Fleet, snapshots: usize) -> Result<Vec<Snapshot>> {
    save(fleet)?;
    whole(fleet, snapshots)
}

/// One data set of a snapshot.
pub(crate) fn set_of<'a>(shown: &'a Value, set: &str) -> Result<&'a Value> {
    let sets = shown["data_sets"].as_array().context("a snapshot has data sets")?;
    let found = sets.iter().find(|it| it["name"] == set);
    found.with_context(|| format!("no data set `{set}` in {shown:#}"))
}

/// By the till's own count, all currencies of a data set.
pub(crate) fn total_of(shown: &Value, set: &str) -> Result<i64> {
    let totals = set_of(shown, set)?["totals"].as_object().context("a data set has totals")?;
    Ok(totals.values().filter_map(Value::as_i64).sum())
}

#[test]
fn a_selling_till_is_saved_into_two_places_and_a_drill_adds_it_up() {
    saved_and_rehearsed().unwrap();
}

fn saved_and_rehearsed() -> Result<()> {
    let mut fleet = Fleet::small(&["north", "south"])?;
    for at in 0..2 {
        fleet.wait_until_it_sells(at)?;
    }
    let snapshots = saved(&mut fleet, 2)?;
    for snapshot in &snapshots {
        let shown =
            fleet.world.tillward_json(&["backup", "show", &snapshot.manifest.to_string()])?;
        ensure!(total_of(&shown, "sales")? > 0, "{shown:#}");
    }
    let overdue: Vec<Value> = items(&fleet, &["backup", "list", "--overdue"])?;
    assert_eq!(overdue, Vec::<Value>::new());
    let drill = begun(&fleet, &["backup", "drill", "--select", "model=px7"])?;
    assert_eq!(fleet.complete(drill)?.states(), [State::Succeeded; 2]);
    let reports: Vec<Value> = items(&fleet, &["backup", "drill", "list"])?;
    assert_eq!(reports.len(), 2);
    for report in reports {
        assert_eq!(report["outcome"], "succeeded", "{report}");
        let sets = report["sets"].as_array().expect("a list of data sets");
        assert!(sets.iter().any(|set| set["found"]["records"].as_u64() > Some(0)), "{report}");
        let same = |set: &Value| set["found"].is_null() || set["found"] == set["expected"];
        assert!(sets.iter().all(same), "{report}");
    }
    fleet.check_books()
}

#[test]
fn an_agent_that_is_killed_while_it_saves_takes_one_snapshot_all_the_same() {
    killed_while_saving().unwrap();
}

fn killed_while_saving() -> Result<()> {
    let mut fleet = Fleet::small(&["north"])?;
    fleet.wait_until_it_sells(0)?;
    let campaign = begun(&fleet, &["backup", "now", "--select", "model=px7"])?;
    for _ in 0..2 {
        let exports = fleet.world.terminals[0].state().join("backup");
        wait_for("the agent has begun", SOON, || match exports.join("export").exists() {
            true => Ok(()),
            false => Err("no export yet".to_owned()),
        })?;
        fleet.world.terminals[0].kill_agent()?;
        fleet.start_agent(0)?;
    }
    fleet.world.restart_controller()?;
    assert_eq!(fleet.complete(campaign)?.states(), [State::Succeeded]);
    let list: Vec<Snapshot> = items(&fleet, &["backup", "list"])?;
    assert_eq!(list.iter().map(|it| it.number).collect::<Vec<_>>(), [1]);
    fleet.check_books()
}

/// What two approvers were shown who signed for a restore, which has succeeded since.
pub(crate) fn restored(fleet: &mut Fleet, words: &[&str]) -> Result<String> {
    let restore = begun(fleet, words)?;
    assert_eq!(fleet.look(restore)?.campaign.state, CampaignState::AwaitingApproval);
    let mut shown = String::new();
    for approver in ["approver-1", "approver-2"] {
        let file = exported(fleet, restore, &format!("{restore}-{approver}.json"))?;
        shown = offline(fleet, "sign", &file, approver, &["--yes-for", "1"])?;
        ensure!(shown.contains("Put saved data back"), "{shown}");
        import(fleet, &file)?;
    }
    let ended = fleet.complete(restore)?;
    assert_eq!(ended.states(), [State::Succeeded], "{:#?}", ended.terminals);
    Ok(shown)
}

fn print_receipt(fleet: &Fleet, at: usize, name: &str, text: &str) -> Result<()> {
    let path = fleet.world.terminals[at].receipts().join(name);
    fs::create_dir_all(path.parent().context("a receipt lies in a folder")?)?;
    Ok(fs::write(path, text)?)
}

fn receipt(fleet: &Fleet, at: usize, name: &str) -> Result<String> {
    let path = fleet.world.terminals[at].receipts().join(name);
    fs::read_to_string(&path).with_context(|| path.display().to_string())
}

#[test]
fn one_file_comes_back_and_what_lies_beside_it_stays() {
    one_file().unwrap();
}

fn one_file() -> Result<()> {
    let mut fleet = Fleet::small(&["north"])?;
    fleet.wait_until_it_sells(0)?;
    print_receipt(&fleet, 0, "2026/1.txt", "receipt 1")?;
    let snapshot = saved(&mut fleet, 1)?.remove(0).manifest.to_string();
    print_receipt(&fleet, 0, "2026/1.txt", "spoilt")?;
    print_receipt(&fleet, 0, "2026/2.txt", "receipt 2")?;
    let file = ["--file", "paths/receipts/2026/1.txt"];
    let plan =
        fleet.world.tillward(&[["restore", "plan", &snapshot].as_slice(), &file].concat())?;
    ensure!(plan.contains("paths/receipts/2026/1.txt, and nothing else"), "{plan}");
    for refused in ["export/sales.db", "paths/receipts/../x", "paths/stock/1"] {
        let words = ["restore", "start", &snapshot, "--file", refused];
        ensure!(fleet.world.tillward(&words).is_err(), "{refused}");
    }
    let start = [["restore", "start", &snapshot].as_slice(), &file].concat();
    let said = restored(&mut fleet, &start)?;
    ensure!(said.contains("only the file “paths/receipts/2026/1.txt”"), "{said}");
    assert_eq!(receipt(&fleet, 0, "2026/1.txt")?, "receipt 1");
    assert_eq!(receipt(&fleet, 0, "2026/2.txt")?, "receipt 2");
    let left = fs::read_dir(fleet.world.terminals[0].receipts().join("2026"))?.count();
    assert_eq!(left, 2, "nothing is left beside them");
    fleet.wait_until_it_sells(0)?;
    fleet.check_books()
}

#[test]
fn a_till_that_lost_its_data_gets_them_back_when_two_people_have_signed() {
    lost_and_restored().unwrap();
}

fn lost_and_restored() -> Result<()> {
    let mut fleet = Fleet::small(&["north"])?;
    fleet.wait_until_it_sells(0)?;
    // What the till had when it was saved is what it has when it is lost.
    fleet.close_books()?;
    print_receipt(&fleet, 0, "2026/1.txt", "receipt 1")?;
    print_receipt(&fleet, 0, "2026/2.txt", "receipt 2")?;
    let snapshot = saved(&mut fleet, 1)?.remove(0).manifest.to_string();
    let shown = fleet.world.tillward_json(&["backup", "show", &snapshot])?;
    let saved_total = total_of(&shown, "sales")?;
    ensure!(saved_total > 0, "{shown:#}");
    let programs = fleet.world.programs.clone();
    fleet.world.terminals[0].lose_data(&programs)?;
    fs::remove_dir_all(fleet.world.terminals[0].receipts())?;
    let plan = fleet.world.tillward(&["restore", "plan", &snapshot])?;
    ensure!(plan.contains("sales") && plan.contains(&saved_total.to_string()), "{plan}");
    let said = restored(&mut fleet, &["restore", "start", &snapshot])?;
    ensure!(said.contains("everything in it"), "{said}");
    assert_eq!(receipt(&fleet, 0, "2026/1.txt")?, "receipt 1");
    assert_eq!(receipt(&fleet, 0, "2026/2.txt")?, "receipt 2");
    fleet.world.terminals[0].customers_return(&programs)?;
    fleet.wait_until_it_sells(0)?;
    fleet.check_books()
}

#[test]
fn a_till_that_exports_a_card_number_is_not_saved_and_nothing_of_it_is_sent() {
    card_number_refused().unwrap();
}

fn card_number_refused() -> Result<()> {
    let mut fleet = Fleet::small(&["north"])?;
    let programs = fleet.world.programs.clone();
    fleet.world.terminals[0].fault(&programs, &["export-card-number"])?;
    let campaign = begun(&fleet, &["backup", "now", "--select", "model=px7"])?;
    let ended = fleet.complete(campaign)?;
    assert_eq!(ended.states(), [State::Failed]);
    let reason = ended.terminals[0].reason.as_ref().map(|reason| reason.code.as_str());
    assert_eq!(reason, Some("card-data-found"));
    let list: Vec<Snapshot> = items(&fleet, &["backup", "list"])?;
    assert_eq!(list, []);
    fleet.check_books()
}

/// One of `[[backups.places]]`.
fn directory_place(name: &str, directory: &Path) -> String {
    format!(
        "[[backups.places]]\nname = \"{name}\"\nregion = \"{name}\"\nurl = \"{}\"\n",
        directory.display()
    )
}

fn no_alarms(fleet: &Fleet) -> Result<()> {
    let alarms: Vec<Value> = items(fleet, &["alarms"])?;
    ensure!(alarms.is_empty(), "{alarms:#?}");
    Ok(())
}

/// What the controller says of a place.
fn wait_until_place_is(fleet: &Fleet, name: &str, there: bool) -> Result<Value> {
    Ok(wait_for(&format!("`{name}` is there: {there}"), KEPT, || {
        let status = fleet.world.tillward_json(&["status"]).map_err(|it| format!("{it:#}"))?;
        let mut places = status["places"].as_array().into_iter().flatten();
        match places.find(|place| place["name"] == name && place["there"] == there) {
            Some(place) => Ok(place.clone()),
            None => Err(format!("{status:#}")),
        }
    })?)
}

#[test]
fn a_bucket_that_dies_while_tills_are_saved_has_everything_after_it_came_back() {
    bucket_dies().unwrap();
}

fn bucket_dies() -> Result<()> {
    let mut fleet = Fleet::small(&["north"])?;
    let directory = fleet.world.directory().to_owned();
    let mut s3 = S3::start(Path::new(env!("CARGO_BIN_EXE_s3-server")), &directory)?;
    let first = directory_place("cellar", &directory.join("cellar"));
    fleet.world.place_backups(&format!("{first}{}", s3.place("harbour", "shops")))?;
    fleet.wait_until_online(1)?;
    fleet.wait_until_it_sells(0)?;
    saved(&mut fleet, 1)?;
    s3.kill()?;
    // The first place is enough for a terminal to go on selling and saving.
    save(&mut fleet)?;
    let place = wait_until_place_is(&fleet, "harbour", false)?;
    ensure!(place["hint"].is_string(), "{place:#}");
    let list: Vec<Snapshot> = items(&fleet, &["backup", "list"])?;
    let states: Vec<_> = list.iter().map(|it| (it.number, it.state)).collect();
    ensure!(states.contains(&(1, SnapshotState::Available)), "{states:?}");
    ensure!(states.contains(&(2, SnapshotState::Received)), "{states:?}");
    fleet.world.restart_controller()?;
    s3.start_again()?;
    whole(&fleet, 2)?;
    wait_until_place_is(&fleet, "harbour", true)?;
    no_alarms(&fleet)?;
    let drill = begun(&fleet, &["backup", "drill", "--select", "model=px7"])?;
    assert_eq!(fleet.complete(drill)?.states(), [State::Succeeded]);
    fleet.check_books()
}

#[test]
fn a_lost_disk_is_replaced_and_a_missing_one_is_waited_for() {
    disk_replaced().unwrap();
}

fn disk_replaced() -> Result<()> {
    let mut fleet = Fleet::small(&["north"])?;
    let directory = fleet.world.directory().to_owned();
    let (cellar, harbour) = (directory.join("cellar"), directory.join("harbour"));
    let places = [("cellar", &cellar), ("harbour", &harbour)];
    let places = places.map(|(name, path)| directory_place(name, path)).concat();
    fleet.world.place_backups(&places)?;
    fleet.wait_until_online(1)?;
    fleet.wait_until_it_sells(0)?;
    saved(&mut fleet, 1)?;
    // Not mounted: an empty directory is what is left of it, and stays empty.
    fs::rename(&harbour, directory.join("lost"))?;
    fs::create_dir(&harbour)?;
    save(&mut fleet)?;
    wait_until_place_is(&fleet, "harbour", false)?;
    ensure!(fs::read_dir(&harbour)?.next().is_none(), "something was written");
    // It never comes back: what is there now replaces it.
    let said = fleet.world.tillward_controller(&["places", "adopt", "harbour"])?;
    ensure!(said.contains("`harbour` is plc-"), "{said}");
    whole(&fleet, 2)?;
    wait_until_place_is(&fleet, "harbour", true)?;
    no_alarms(&fleet)?;
    // Everything is in the new disk: the first one goes, and a till is rehearsed from the second.
    let copied = |root: &Path| -> Result<usize> {
        let listed = std::process::Command::new("find").arg(root).args(["-type", "f"]).output()?;
        Ok(String::from_utf8(listed.stdout)?.lines().count())
    };
    wait_for("both disks have the same", KEPT, || {
        let counted = [&cellar, &harbour].map(|root| copied(root).map_err(|it| format!("{it:#}")));
        match counted {
            [Ok(one), Ok(other)] if one == other => Ok(()),
            counted => Err(format!("{counted:?}")),
        }
    })?;
    fs::rename(&cellar, directory.join("lost-too"))?;
    let drill = begun(&fleet, &["backup", "drill", "--select", "model=px7"])?;
    assert_eq!(fleet.complete(drill)?.states(), [State::Succeeded]);
    fleet.check_books()
}
