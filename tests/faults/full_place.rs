//! A place of backups whose disk is full: nothing half is there, nothing is given up, and what
//! waited goes on by itself when there is room.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use controller::api::model::{Assignment, AssignmentState, Snapshot, SnapshotState};
use harness::wait::wait_for;
use harness::world::{Broker, Registry, Shop, World};
use serde::de::DeserializeOwned;

use crate::disk::Disk;
use crate::full_disk::Ballast;

const DISK_BYTES: u64 = 48 << 20;

/// Whoever found no room comes again after a minute or two.
const PATIENCE: Duration = Duration::from_secs(300);

/// A shop that sells, and two places of which one is on a disk of its own.
fn shop(directory: &Path, places: [&Path; 2]) -> Result<World> {
    let mut world = World::start(directory, Broker::Embedded, &Registry::Sqlite)?;
    let place = |(name, path): (&str, &Path)| {
        let path = path.display();
        format!("[[backups.places]]\nname = \"{name}\"\nregion = \"{name}\"\nurl = \"{path}\"\n")
    };
    let [first, second] = places;
    world.place_backups(&[("cellar", first), ("attic", second)].map(place).concat())?;
    let at = world.open_shop(&Shop {
        serial: "TW-1".to_owned(),
        store: "north".to_owned(),
        model: "px7".to_owned(),
        zone: "Asia/Shanghai".to_owned(),
    })?;
    world.enrol_and_start(at)?;
    wait_for("the till sells", PATIENCE, || match world.audit() {
        Ok(books) if books["tills"][0]["sales"].as_i64() > Some(0) => Ok(()),
        Ok(books) => Err(format!("{books:#}")),
        Err(error) => Err(format!("{error:#}")),
    })?;
    Ok(world)
}

fn items<T: DeserializeOwned>(world: &World, words: &[&str]) -> Result<Vec<T>> {
    let list = world.tillward_json(words)?;
    Ok(serde_json::from_value(list["items"].clone())?)
}

fn begin(world: &World) -> Result<String> {
    let made = world.tillward_json(&["backup", "now", "--select", "model=px7"])?;
    Ok(made["id"].as_str().context("a campaign has an id")?.to_owned())
}

fn assignment(world: &World, campaign: &str) -> Result<Assignment> {
    let shown = world.tillward_json(&["campaign", "show", campaign])?;
    Ok(serde_json::from_value(shown["terminals"][0].clone())?)
}

fn wait_until<T>(what: &str, mut look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    Ok(wait_for(what, PATIENCE, || match look() {
        Ok(Some(found)) => Ok(found),
        Ok(None) => Err("not so yet".to_owned()),
        Err(error) => Err(format!("{error:#}")),
    })?)
}

fn files(directory: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let below = |path: std::path::PathBuf| match path.is_dir() {
        true => files(&path),
        false => vec![path.display().to_string()],
    };
    entries.flat_map(|entry| below(entry.expect("readable").path())).collect()
}

fn snapshot_states(world: &World) -> Result<Vec<SnapshotState>> {
    let list: Vec<Snapshot> = items(world, &["backup", "list"])?;
    Ok(list.into_iter().map(|it| it.state).collect())
}

fn log(world: &World, name: &str) -> String {
    fs::read_to_string(world.logs().join(format!("{name}.log"))).unwrap_or_default()
}

#[test]
fn a_terminal_waits_for_room_in_the_first_place_and_goes_on() {
    first_is_full().unwrap();
}

fn first_is_full() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let disk = Disk::make(directory.path(), "first", DISK_BYTES);
    let (first, second) = (disk.path().join("place"), directory.path().join("second"));
    let world = shop(directory.path(), [&first, &second])?;
    wait_until("the place is marked", || Ok((!files(&first).is_empty()).then_some(())))?;
    let marked = files(&first);
    let ballast_path = disk.path().join("ballast");
    let ballast = Ballast::leaving(&ballast_path, 0);

    let campaign = begin(&world)?;
    wait_until("an upload is refused for want of room", || {
        Ok(log(&world, "controller").contains("there is no room").then_some(()))
    })?;
    wait_until("the terminal says that it waits", || {
        let found = assignment(&world, &campaign)?;
        ensure!(!found.state.is_end(), "it gave up: {found:#?}");
        Ok((found.state == AssignmentState::Waiting).then_some(()))
    })?;
    ensure!(files(&first) == marked, "something half is there: {:?}", files(&first));
    ensure!(snapshot_states(&world)?.is_empty(), "there is a snapshot");

    drop(ballast);
    wait_until("the terminal went on", || {
        Ok((assignment(&world, &campaign)?.state == AssignmentState::Succeeded).then_some(()))
    })?;
    wait_until("the snapshot is in both places", || {
        Ok((snapshot_states(&world)? == [SnapshotState::Available]).then_some(()))
    })?;
    drop(world);
    Ok(())
}

#[test]
fn a_snapshot_stays_received_until_the_second_place_has_room() {
    second_is_full().unwrap();
}

fn second_is_full() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let disk = Disk::make(directory.path(), "second", DISK_BYTES);
    let (first, second) = (directory.path().join("first"), disk.path().join("place"));
    let world = shop(directory.path(), [&first, &second])?;
    wait_until("the place is marked", || Ok((!files(&second).is_empty()).then_some(())))?;
    let marked = files(&second);
    let ballast_path = disk.path().join("ballast");
    let ballast = Ballast::leaving(&ballast_path, 0);

    let campaign = begin(&world)?;
    wait_until("the terminal saved what it has", || {
        Ok((assignment(&world, &campaign)?.state == AssignmentState::Succeeded).then_some(()))
    })?;
    wait_until("there is no room for a copy", || {
        Ok(log(&world, "controller").contains("an object could not be copied").then_some(()))
    })?;
    ensure!(snapshot_states(&world)? == [SnapshotState::Received]);
    ensure!(files(&second) == marked, "something half is there: {:?}", files(&second));

    drop(ballast);
    wait_until("the snapshot is in both places", || {
        Ok((snapshot_states(&world)? == [SnapshotState::Available]).then_some(()))
    })?;
    let alarms: Vec<serde_json::Value> = items(&world, &["alarms"])?;
    ensure!(alarms.is_empty(), "{alarms:#?}");
    drop(world);
    Ok(())
}
