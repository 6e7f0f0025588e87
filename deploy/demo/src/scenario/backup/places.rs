//! The two places where snapshots are kept: read again by the controller, then compared file by
//! file without its help.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use harness::world::World;
use jiff::Timestamp;
use shared::digest::Digest;

use super::{Saved, available};
use crate::promises::Promises;
use crate::stage::Stage;

/// When everything that a snapshot is made of was last read back whole from each place.
pub(super) struct Verified {
    pub(super) first: String,
    pub(super) second: String,
}

/// By serial number.
pub(super) fn verify(
    stage: &Stage,
    saved: &[Saved],
    promises: &mut Promises,
) -> Result<BTreeMap<String, Verified>> {
    for place in stage.world.places()? {
        let (name, region) = (&place.name, &place.region);
        stage
            .tell
            .step(&format!("place `{name}`, region `{region}`: {}", place.directory.display()));
    }
    // The restore has saved what it replaced.
    available(stage)?;
    for till in saved {
        let said = stage.operator(&["backup", "verify", till.text("manifest")?])?;
        stage.tell.answer(&said);
    }
    promises.check("both places hold equal digests", equal(&stage.world)?);
    let times = |till: &Saved| Ok((till.serial.clone(), times(&stage.world, till)?));
    saved.iter().map(times).collect()
}

/// Beside the controller, from the disk.
fn equal(world: &World) -> Result<Result<(), String>> {
    let [first, second] = world.places()?.map(|place| place.directory);
    let (first, second) = (digests(&first)?, digests(&second)?);
    let differing = first.iter().filter(|(path, digest)| second.get(*path) != Some(digest)).count();
    let differing = differing + second.keys().filter(|path| !first.contains_key(*path)).count();
    Ok(match (first.len(), differing) {
        (0, _) => Err("nothing is there".to_owned()),
        (_, 0) => Ok(()),
        (files, differing) => Err(format!("{differing} of {files} files differ")),
    })
}

/// By which the controller knows a place; each has its own.
const MARKER: &str = "tillward-place.json";

/// Of all files that a place keeps for terminals, by path.
fn digests(directory: &Path) -> Result<BTreeMap<PathBuf, Digest>> {
    let mut found = BTreeMap::new();
    for path in files(directory)?.into_iter().filter(|path| !path.ends_with(MARKER)) {
        let bytes = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
        found.insert(path.strip_prefix(directory)?.to_owned(), Digest::of(&bytes));
    }
    Ok(found)
}

/// All files below a directory; a till's sockets are none.
pub(super) fn files(directory: &Path) -> Result<Vec<PathBuf>> {
    let (mut found, mut directories) = (Vec::new(), vec![directory.to_owned()]);
    while let Some(directory) = directories.pop() {
        let entries = fs::read_dir(&directory);
        for entry in entries.with_context(|| format!("reading {}", directory.display()))? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                directories.push(entry.path());
            } else if kind.is_file() {
                found.push(entry.path());
            }
        }
    }
    Ok(found)
}

fn times(world: &World, till: &Saved) -> Result<Verified> {
    let query = format!(
        "SELECT MIN(first_at), MIN(second_at) FROM backup_objects WHERE repository = '{}'",
        till.text("repository")?
    );
    let rows = world.records.rows(&query)?;
    let row = rows.first().context("a repository has objects")?;
    let time = |text: &String| -> Result<String> {
        let at = text.parse().with_context(|| format!("it was never read: `{text}`"))?;
        Ok(Timestamp::from_second(at)?.strftime("%H:%M:%S").to_string())
    };
    Ok(Verified { first: time(&row[0])?, second: time(&row[1])? })
}
