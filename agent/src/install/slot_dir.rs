//! Each version in a directory of its own, and a symbolic link to the current one:
//!
//! ```text
//! slots/<component>/<version>-<sha8>/…        never changed once it has this name
//! slots/<component>/<version>-<sha8>.json     which artifact it is, and whether it is proven
//! slots/<component>/current  -> <version>-<sha8>
//! slots/<component>/previous -> <version>-<sha8>
//! ```
//!
//! A slot gets its name only when every byte below it is durable, and a link is only ever replaced
//! by renaming another over it. So whatever the power does, `current` leads to a whole version.

mod shelf;

use std::io::{self, SeekFrom};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use shared::digest::Digest;
use shared::document::Release;
use shared::document::release::Artifact;
use shared::durable;
use shared::limits::SLOTS_RESERVE_BYTES;

use super::fs::{Disk, Kind, RealDisk};
use super::{ArtifactBytes, InstallError, Installer, Proof, Slot, SlotName, Slots, is_component};
use shelf::{CURRENT, Note, PREVIOUS, Shelf, failed};

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
        Ok(Self { root, disk: RealDisk, reserve_bytes: SLOTS_RESERVE_BYTES })
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

    fn directory(&self, component: &str, slot: &SlotName) -> Result<PathBuf, InstallError> {
        let shelf = self.shelf(component)?;
        shelf.require(slot)?;
        Ok(shelf.path(slot.as_str()))
    }

    fn check_room(&self, artifact: &Artifact) -> Result<(), InstallError> {
        self.require(artifact.room_bytes().saturating_add(self.reserve_bytes))
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
        self.require(signed.unpacked_bytes().saturating_add(self.reserve_bytes / 2))?;
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
        shelf.require(to)?;
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

#[cfg(test)]
mod tests;
