//! One component's directory: its slots, the notes beside them, and the two links. Every change is
//! durable when its function returns.

use std::collections::BTreeSet;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use shared::digest::Digest;
use shared::document::release::Artifact;

use crate::install::archive::unpack;
use crate::install::fs::{Disk, Kind, Mode};
use crate::install::{ArtifactBytes, InstallError, NotASlotName, Proof, Slot, SlotName, Slots};

pub(super) const CURRENT: &str = "current";
pub(super) const PREVIOUS: &str = "previous";

/// A slot's note is about 200 bytes.
const NOTE_BYTES_MAX: u64 = 4096;

/// What is kept beside a slot. A slot without it was put there by hand and counts as proven.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Note {
    pub(super) artifact: Digest,
    pub(super) security_counter: u64,
    pub(super) committed: bool,
}

/// One component's directory.
pub(super) struct Shelf<'a, D> {
    pub(super) disk: &'a D,
    pub(super) root: &'a Path,
    pub(super) directory: PathBuf,
}

impl<D: Disk> Shelf<'_, D> {
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    pub(super) fn sync(&self) -> Result<(), InstallError> {
        let directory = &self.directory;
        self.disk.sync_directory(directory).map_err(failed("synchronising", directory))
    }

    pub(super) fn ensure(&self) -> Result<(), InstallError> {
        match self.disk.make_directory(&self.directory) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(failed("making", &self.directory)(error));
            }
            Ok(()) | Err(_) => {}
        }
        self.disk.sync_directory(self.root).map_err(failed("synchronising", self.root))
    }

    fn entries(&self) -> Result<Vec<(String, Kind)>, InstallError> {
        self.disk.list(&self.directory).map_err(failed("reading", &self.directory))
    }

    pub(super) fn directories(&self) -> Result<BTreeSet<SlotName>, InstallError> {
        let entries = self.entries()?.into_iter();
        let directories = entries.filter(|(_, kind)| *kind == Kind::Directory);
        Ok(directories.filter_map(|(name, _)| name.parse().ok()).collect())
    }

    pub(super) fn require(&self, slot: &SlotName) -> Result<(), InstallError> {
        if self.directories()?.contains(slot) {
            return Ok(());
        }
        let component = self.directory.file_name().unwrap_or_default();
        let component = component.to_string_lossy().into_owned();
        Err(InstallError::NoSuchSlot { component, slot: slot.clone() })
    }

    fn link(&self, link: &str) -> Result<Option<SlotName>, InstallError> {
        let path = self.path(link);
        let target = self.disk.read_link(&path).map_err(failed("reading", &path))?;
        let Some(target) = target else { return Ok(None) };
        let name = target.to_str().unwrap_or_default().parse();
        name.map(Some).map_err(|error: NotASlotName| {
            failed("following", &path)(io::Error::new(io::ErrorKind::InvalidData, error))
        })
    }

    /// The slots that links lead to.
    pub(super) fn links(&self) -> Result<BTreeSet<SlotName>, InstallError> {
        Ok([self.link(CURRENT)?, self.link(PREVIOUS)?].into_iter().flatten().collect())
    }

    pub(super) fn slots(&self) -> Result<Slots, InstallError> {
        let directories = self.directories()?;
        let slot = |link| match self.link(link)?.filter(|name| directories.contains(name)) {
            Some(name) => self.slot(name).map(Some),
            None => Ok(None),
        };
        Ok(Slots { current: slot(CURRENT)?, previous: slot(PREVIOUS)? })
    }

    fn slot(&self, name: SlotName) -> Result<Slot, InstallError> {
        let (security_counter, committed) = match self.note(&name)? {
            Some(note) => (note.security_counter, note.committed),
            None => (0, true),
        };
        let proof = if committed { Proof::Committed } else { Proof::Pending };
        Ok(Slot { version: name.version().to_owned(), name, security_counter, proof })
    }

    pub(super) fn note(&self, name: &SlotName) -> Result<Option<Note>, InstallError> {
        let path = self.path(&format!("{name}.json"));
        let bytes = self.disk.read_file(&path, NOTE_BYTES_MAX).map_err(failed("reading", &path))?;
        let note = bytes.map(|bytes| serde_json::from_slice(&bytes)).transpose();
        note.map_err(|error| failed("reading", &path)(error.into()))
    }

    pub(super) fn write_note(&self, name: &SlotName, note: &Note) -> Result<(), InstallError> {
        let path = self.path(&format!("{name}.json"));
        let beside = self.path(&format!("{name}.json.new"));
        let text = serde_json::to_vec(note).expect("a note has only text keys");
        let write = || {
            self.disk.remove_file(&beside)?;
            let mut file = self.disk.create_file(&beside, Mode::Plain)?;
            file.write_all(&text)?;
            self.disk.sync_file(&mut file)
        };
        write().map_err(failed("writing", &beside))?;
        self.rename(&beside, &path)
    }

    /// Renames within this directory, durably.
    pub(super) fn rename(&self, from: &Path, to: &Path) -> Result<(), InstallError> {
        self.disk.rename(from, to).map_err(failed("renaming", from))?;
        self.sync()
    }

    pub(super) fn fill(
        &self,
        part: &Path,
        bytes: &mut dyn ArtifactBytes,
        signed: &Artifact,
    ) -> Result<(), InstallError> {
        self.disk.remove_tree(part).map_err(failed("removing", part))?;
        self.disk.make_directory(part).map_err(failed("making", part))?;
        unpack(self.disk, bytes, part, signed).map_err(InstallError::Unpack)
    }

    pub(super) fn set_link(&self, link: &str, to: &SlotName) -> Result<(), InstallError> {
        let beside = self.path(&format!("{link}.new"));
        let make = || {
            self.disk.remove_file(&beside)?;
            self.disk.symlink(Path::new(to.as_str()), &beside)
        };
        make().map_err(failed("linking", &beside))?;
        self.rename(&beside, &self.path(link))
    }

    pub(super) fn remove_link(&self, link: &str) -> Result<(), InstallError> {
        let path = self.path(link);
        self.disk.remove_file(&path).map_err(failed("removing", &path))?;
        self.sync()
    }

    /// After a way back, `previous` would be the current slot itself: lets it be another proven
    /// one instead, or nothing.
    pub(super) fn mend_previous(&self, current: &SlotName) -> Result<(), InstallError> {
        if self.link(PREVIOUS)?.as_ref() != Some(current) {
            return Ok(());
        }
        for name in self.directories()?.into_iter().rev().filter(|name| name != current) {
            if self.slot(name.clone())?.proof == Proof::Committed {
                return self.set_link(PREVIOUS, &name);
            }
        }
        self.remove_link(PREVIOUS)
    }

    /// Takes a slot's name away before its bytes, so that no half slot ever has a name.
    pub(super) fn retire(&self, name: &SlotName) -> Result<(), InstallError> {
        let gone = self.path(&format!("{name}.gone"));
        self.remove(&gone, Kind::Directory)?;
        self.rename(&self.path(name.as_str()), &gone)?;
        self.remove(&gone, Kind::Directory)
    }

    /// Removes what is ours and not kept. What others put here stays.
    pub(super) fn remove_all_but(&self, kept: &BTreeSet<SlotName>) -> Result<(), InstallError> {
        for name in self.directories()?.difference(kept) {
            self.retire(name)?;
        }
        for (name, kind) in self.entries()? {
            let path = self.path(&name);
            let stem = |suffix| name.strip_suffix(suffix).and_then(|stem| stem.parse().ok());
            let leftover = match kind {
                Kind::Directory => stem(".part").or(stem(".gone")).is_some(),
                Kind::Symlink => {
                    [CURRENT, PREVIOUS].contains(&name.trim_end_matches(".new"))
                        && name.ends_with(".new")
                }
                Kind::File => {
                    stem(".json.new").is_some()
                        || stem(".json").is_some_and(|slot: SlotName| !kept.contains(&slot))
                }
            };
            if leftover {
                self.remove(&path, kind)?;
            }
        }
        self.sync()
    }

    pub(super) fn remove(&self, path: &Path, kind: Kind) -> Result<(), InstallError> {
        let removed = match kind {
            Kind::Directory => self.disk.remove_tree(path),
            Kind::File | Kind::Symlink => self.disk.remove_file(path),
        };
        removed.map_err(failed("removing", path))
    }
}

pub(super) fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> InstallError {
    let path = path.to_owned();
    move |source| InstallError::Disk { doing, path, source }
}
