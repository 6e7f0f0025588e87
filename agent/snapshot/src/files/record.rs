//! What was put where, written down before it is done: `<home>/placed.json`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use shared::durable::{self, NotWritten, Readers};
use shared::id::OrderId;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    pub(super) order: OrderId,
    pub(super) goal: Goal,
    pub(super) units: Vec<Unit>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Goal {
    /// What was there stands by, and comes back unless the restore is kept.
    Placed,
    /// What was there goes.
    Kept,
}

/// One file or folder that takes the place of another in one step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Unit {
    /// Where it is staged.
    pub(super) staged: PathBuf,
    /// Links on the way there are the configuration's own.
    pub(super) root: PathBuf,
    /// From there on, without links; the last is the name that it takes.
    pub(super) steps: Vec<String>,
    /// In the same folder: what is new until it is in place, and then what was there.
    pub(super) beside: String,
    /// Once what is new lies beside.
    pub(super) ready: Option<Ready>,
    /// It was put in place: it is never put there again, whatever became of it.
    pub(super) is_placed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ready {
    /// Of what is new.
    pub(super) inode: u64,
    /// Whether something has to make room.
    pub(super) replaces: bool,
}

impl Unit {
    /// As people know it.
    pub(super) fn path(&self) -> PathBuf {
        self.steps.iter().fold(self.root.clone(), |path, step| path.join(step))
    }
}

pub(super) struct Shelf(PathBuf);

impl Shelf {
    pub(super) fn new(home: &Path) -> Self {
        Self(home.join("placed.json"))
    }

    /// Damaged it is an error: what it spoke of stands in two versions.
    pub(super) fn read(&self) -> io::Result<Option<Record>> {
        match fs::read(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
        }
    }

    pub(super) fn write(&self, record: &Record) -> Result<(), NotWritten> {
        let text = serde_json::to_vec(record).expect("paths that came as text are JSON");
        durable::replace_file(&self.0, &text, Readers::Owner)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    pub(super) fn drop(&self) -> io::Result<()> {
        match fs::remove_file(&self.0) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => durable::sync_directory(durable::parent_of(&self.0)),
        }
    }
}
