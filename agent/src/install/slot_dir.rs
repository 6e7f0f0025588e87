//! Each version in a directory of its own, and a symbolic link to the current one:
//!
//! ```text
//! slots/<component>/<version>-<sha8>/…        never changed once it has this name
//! slots/<component>/<version>-<sha8>.json     which artifact it is, and whether it has proven itself
//! slots/<component>/current  -> <version>-<sha8>
//! slots/<component>/previous -> <version>-<sha8>
//! ```
//!
//! A slot gets its name only when every byte below it is durable, and a link is only ever replaced
//! by renaming another over it. So whatever the power does, `current` leads to a whole version.

use std::collections::BTreeSet;
use std::io::{self, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use shared::digest::Digest;
use shared::document::Release;
use shared::document::release::Artifact;
use shared::durable;

use super::archive::unpack;
use super::fs::{Disk, Kind, Mode, RealDisk};
use super::{ArtifactBytes, InstallError, Installer, Proof, Slot, SlotName, Slots, is_component};

const CURRENT: &str = "current";
const PREVIOUS: &str = "previous";

/// Stays free after everything is unpacked, for the till and for the agent's own books.
pub const RESERVE_BYTES: u64 = 64 * 1024 * 1024;

/// What a file or directory takes at least.
const BLOCK_BYTES: u64 = 4096;

/// A slot's note is about 200 bytes.
const NOTE_BYTES_MAX: u64 = 4096;

/// What is kept beside a slot. A slot without it was put there by hand and counts as proven.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    artifact: Digest,
    security_counter: u64,
    committed: bool,
}

/// Versions below one directory.
#[derive(Debug)]
pub struct SlotDir<D = RealDisk> {
    root: PathBuf,
    disk: D,
    reserve_bytes: u64,
}

impl SlotDir {
    /// Versions below `root`, which is made if need be.
    pub fn open(root: PathBuf) -> Result<Self, InstallError> {
        let make = || {
            std::fs::create_dir_all(&root)?;
            durable::sync_directory(durable::parent_of(&root))
        };
        make().map_err(failed("making", &root))?;
        Ok(Self { root, disk: RealDisk, reserve_bytes: RESERVE_BYTES })
    }
}

impl<D: Disk> Installer for SlotDir<D> {
    fn installed(&self) -> Result<Vec<(String, Slot)>, InstallError> {
        let mut installed = Vec::new();
        for (name, kind) in self.list(&self.root)? {
            if kind == Kind::Directory && is_component(&name) {
                let current = self.shelf(&name)?.slots()?.current;
                installed.extend(current.map(|slot| (name, slot)));
            }
        }
        Ok(installed)
    }

    fn slots(&self, component: &str) -> Result<Slots, InstallError> {
        self.shelf(component)?.slots()
    }

    fn check_room(&self, artifact: &Artifact) -> Result<(), InstallError> {
        let twice_and_a_bit = artifact.size.saturating_mul(22) / 10;
        let both = artifact.size.saturating_add(unpacked_bytes(artifact));
        self.require(twice_and_a_bit.max(both).saturating_add(self.reserve_bytes))
    }

    fn stage(
        &self,
        release: &Release,
        artifact: &mut dyn ArtifactBytes,
    ) -> Result<SlotName, InstallError> {
        let shelf = self.shelf(&release.component)?;
        let signed = &release.artifact;
        let name =
            SlotName::new(&release.version, &signed.sha256).map_err(InstallError::Version)?;
        verify(artifact, signed).map_err(|problem| problem.at(&shelf.path(name.as_str())))?;
        let note = Note {
            artifact: signed.sha256,
            security_counter: release.security_counter,
            committed: false,
        };
        shelf.ensure()?;
        if shelf.directories()?.contains(&name) {
            if shelf.note(&name)?.is_some_and(|kept| kept.artifact == note.artifact) {
                return Ok(name);
            }
            if shelf.links()?.contains(&name) {
                return Err(InstallError::SlotTaken(name));
            }
            shelf.retire(&name)?;
        }
        self.require(unpacked_bytes(signed).saturating_add(self.reserve_bytes / 2))?;
        let part = shelf.path(&format!("{name}.part"));
        shelf.fill(&part, artifact, signed).inspect_err(|_| {
            // The failure is what counts; a leftover is removed before the next attempt too.
            let _gone = self.disk.remove_tree(&part);
        })?;
        shelf.write_note(&name, &note)?;
        shelf.rename(&part, &shelf.path(name.as_str()))?;
        Ok(name)
    }

    fn switch(&self, component: &str, to: &SlotName) -> Result<(), InstallError> {
        let shelf = self.shelf(component)?;
        if !shelf.directories()?.contains(to) {
            let (component, slot) = (component.to_owned(), to.clone());
            return Err(InstallError::NoSuchSlot { component, slot });
        }
        match shelf.slots()?.current {
            Some(present) if present.name == *to => shelf.sync()?,
            Some(present) => {
                if present.proof == Proof::Committed {
                    shelf.set_link(PREVIOUS, &present.name)?;
                }
                shelf.set_link(CURRENT, to)?;
            }
            None => shelf.set_link(CURRENT, to)?,
        }
        shelf.mend_previous(to)
    }

    fn commit(&self, component: &str, slot: &SlotName) -> Result<(), InstallError> {
        let shelf = self.shelf(component)?;
        if shelf.slots()?.current.is_none_or(|current| current.name != *slot) {
            let (component, slot) = (component.to_owned(), slot.clone());
            return Err(InstallError::NotCurrent { component, slot });
        }
        match shelf.note(slot)? {
            Some(note) if !note.committed => {
                shelf.write_note(slot, &Note { committed: true, ..note })
            }
            Some(_) | None => shelf.sync(),
        }
    }

    fn discard(&self, component: &str, slot: &SlotName) -> Result<(), InstallError> {
        let shelf = self.shelf(component)?;
        if shelf.links()?.contains(slot) {
            return Ok(());
        }
        if shelf.directories()?.contains(slot) {
            shelf.retire(slot)?;
        }
        shelf.remove(&shelf.path(&format!("{slot}.part")), Kind::Directory)?;
        shelf.remove(&shelf.path(&format!("{slot}.json")), Kind::File)
    }

    fn collect_garbage(&self, component: &str, floor: Option<u64>) -> Result<(), InstallError> {
        let shelf = self.shelf(component)?;
        if let Some(previous) = shelf.slots()?.previous
            && floor.is_some_and(|floor| previous.security_counter < floor)
        {
            shelf.remove_link(PREVIOUS)?;
        }
        shelf.remove_all_but(&shelf.links()?)
    }
}

impl<D: Disk> SlotDir<D> {
    fn shelf(&self, component: &str) -> Result<Shelf<'_, D>, InstallError> {
        if !is_component(component) {
            return Err(InstallError::NotAComponent(component.chars().take(64).collect()));
        }
        Ok(Shelf { disk: &self.disk, root: &self.root, directory: self.root.join(component) })
    }

    fn list(&self, path: &Path) -> Result<Vec<(String, Kind)>, InstallError> {
        self.disk.list(path).map_err(failed("reading", path))
    }

    fn require(&self, needed: u64) -> Result<(), InstallError> {
        let free = self.disk.free_bytes(&self.root).map_err(failed("measuring", &self.root))?;
        if free < needed { Err(InstallError::NoRoom { needed, free }) } else { Ok(()) }
    }
}

/// What the unpacked files take, blocks included.
fn unpacked_bytes(artifact: &Artifact) -> u64 {
    let blocks = u64::from(artifact.entries).saturating_mul(BLOCK_BYTES);
    artifact.unpacked_size.saturating_add(blocks)
}

enum Unverified {
    Read(io::Error),
    Other(InstallError),
}

impl Unverified {
    fn at(self, path: &Path) -> InstallError {
        match self {
            Self::Read(source) => failed("reading the artifact of", path)(source),
            Self::Other(error) => error,
        }
    }
}

/// Leaves the bytes at their beginning.
fn verify(bytes: &mut dyn ArtifactBytes, signed: &Artifact) -> Result<(), Unverified> {
    let got = bytes.seek(SeekFrom::End(0)).map_err(Unverified::Read)?;
    if got != signed.size {
        let signed = signed.size;
        return Err(Unverified::Other(InstallError::OtherSize { got, signed }));
    }
    bytes.seek(SeekFrom::Start(0)).map_err(Unverified::Read)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match bytes.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => hasher.update(&buffer[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Unverified::Read(error)),
        }
    }
    let got = Digest(hasher.finalize().into());
    if got != signed.sha256 {
        let signed = signed.sha256;
        return Err(Unverified::Other(InstallError::OtherDigest { got, signed }));
    }
    bytes.seek(SeekFrom::Start(0)).map(drop).map_err(Unverified::Read)
}

/// One component's directory.
struct Shelf<'a, D> {
    disk: &'a D,
    root: &'a Path,
    directory: PathBuf,
}

impl<D: Disk> Shelf<'_, D> {
    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    fn sync(&self) -> Result<(), InstallError> {
        let directory = &self.directory;
        self.disk.sync_directory(directory).map_err(failed("synchronising", directory))
    }

    fn ensure(&self) -> Result<(), InstallError> {
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

    fn directories(&self) -> Result<BTreeSet<SlotName>, InstallError> {
        let entries = self.entries()?.into_iter();
        let directories = entries.filter(|(_, kind)| *kind == Kind::Directory);
        Ok(directories.filter_map(|(name, _)| name.parse().ok()).collect())
    }

    fn link(&self, link: &str) -> Result<Option<SlotName>, InstallError> {
        let path = self.path(link);
        let target = self.disk.read_link(&path).map_err(failed("reading", &path))?;
        let Some(target) = target else { return Ok(None) };
        let name = target.to_str().unwrap_or_default().parse();
        name.map(Some).map_err(|error: super::NotASlotName| {
            failed("following", &path)(io::Error::new(io::ErrorKind::InvalidData, error))
        })
    }

    /// The slots that links lead to.
    fn links(&self) -> Result<BTreeSet<SlotName>, InstallError> {
        Ok([self.link(CURRENT)?, self.link(PREVIOUS)?].into_iter().flatten().collect())
    }

    fn slots(&self) -> Result<Slots, InstallError> {
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

    fn note(&self, name: &SlotName) -> Result<Option<Note>, InstallError> {
        let path = self.path(&format!("{name}.json"));
        let bytes = self.disk.read_file(&path, NOTE_BYTES_MAX).map_err(failed("reading", &path))?;
        let note = bytes.map(|bytes| serde_json::from_slice(&bytes)).transpose();
        note.map_err(|error| failed("reading", &path)(error.into()))
    }

    fn write_note(&self, name: &SlotName, note: &Note) -> Result<(), InstallError> {
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
    fn rename(&self, from: &Path, to: &Path) -> Result<(), InstallError> {
        self.disk.rename(from, to).map_err(failed("renaming", from))?;
        self.sync()
    }

    fn fill(
        &self,
        part: &Path,
        bytes: &mut dyn ArtifactBytes,
        signed: &Artifact,
    ) -> Result<(), InstallError> {
        self.disk.remove_tree(part).map_err(failed("removing", part))?;
        self.disk.make_directory(part).map_err(failed("making", part))?;
        unpack(self.disk, bytes, part, signed).map_err(InstallError::Unpack)
    }

    fn set_link(&self, link: &str, to: &SlotName) -> Result<(), InstallError> {
        let beside = self.path(&format!("{link}.new"));
        let make = || {
            self.disk.remove_file(&beside)?;
            self.disk.symlink(Path::new(to.as_str()), &beside)
        };
        make().map_err(failed("linking", &beside))?;
        self.rename(&beside, &self.path(link))
    }

    fn remove_link(&self, link: &str) -> Result<(), InstallError> {
        let path = self.path(link);
        self.disk.remove_file(&path).map_err(failed("removing", &path))?;
        self.sync()
    }

    /// After a way back, `previous` would be the current slot itself: lets it be another proven
    /// one instead, or nothing.
    fn mend_previous(&self, current: &SlotName) -> Result<(), InstallError> {
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
    fn retire(&self, name: &SlotName) -> Result<(), InstallError> {
        let gone = self.path(&format!("{name}.gone"));
        self.remove(&gone, Kind::Directory)?;
        self.rename(&self.path(name.as_str()), &gone)?;
        self.remove(&gone, Kind::Directory)
    }

    /// Removes what is ours and not kept. What others put here stays.
    fn remove_all_but(&self, kept: &BTreeSet<SlotName>) -> Result<(), InstallError> {
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

    fn remove(&self, path: &Path, kind: Kind) -> Result<(), InstallError> {
        let removed = match kind {
            Kind::Directory => self.disk.remove_tree(path),
            Kind::File | Kind::Symlink => self.disk.remove_file(path),
        };
        removed.map_err(failed("removing", path))
    }
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> InstallError {
    let path = path.to_owned();
    move |source| InstallError::Disk { doing, path, source }
}

#[cfg(test)]
mod tests;
