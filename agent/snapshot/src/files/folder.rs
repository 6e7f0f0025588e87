//! A directory that is held open, and what is done to the names in it.
//!
//! Whoever owns a directory can change what its names mean at any moment, so nothing here walks a
//! path twice: names are looked up in a directory that is open, and links among them are never
//! followed.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, RenameFlags, mkdirat, openat, renameat_with, statat,
};

/// New files and folders are their owner's alone until they are whole.
const PRIVATE_FILE: Mode = Mode::RUSR.union(Mode::WUSR);
const PRIVATE_FOLDER: Mode = PRIVATE_FILE.union(Mode::XUSR);

#[derive(Debug)]
pub(super) struct Folder(File);

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Tells what was put there from what was there, within one file system.
    pub(super) inode: u64,
    pub(super) is: Is,
    pub(super) owner: Owner,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Is {
    Folder,
    File,
    /// A link, a device, a socket.
    Other,
}

/// User and group, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owner(u32, u32);

impl Folder {
    /// Links on the way are the configuration's own.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self(rustix::fs::open(path, flags, Mode::empty())?.into()))
    }

    /// The folder of this name, which is no link.
    pub(super) fn inner(&self, name: &OsStr) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(Self(openat(&self.0, name, flags, Mode::empty())?.into()))
    }

    pub(super) fn find(&self, name: &OsStr) -> io::Result<Option<Found>> {
        let about = match statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(rustix::io::Errno::NOENT) => return Ok(None),
            about => about?,
        };
        let kind = FileType::from_raw_mode(about.st_mode);
        let is = if kind.is_dir() {
            Is::Folder
        } else if kind.is_file() {
            Is::File
        } else {
            Is::Other
        };
        let owner = Owner(about.st_uid, about.st_gid);
        Ok(Some(Found { inode: about.st_ino, is, owner }))
    }

    pub(super) fn owner(&self) -> io::Result<Owner> {
        let about = self.0.metadata()?;
        Ok(Owner(about.uid(), about.gid()))
    }

    /// In one step: at no moment is there neither.
    pub(super) fn exchange(&self, one: &OsStr, other: &OsStr) -> io::Result<()> {
        renameat_with(&self.0, one, &self.0, other, RenameFlags::EXCHANGE)?;
        self.sync()
    }

    /// To a name that nobody has.
    pub(super) fn rename(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        renameat_with(&self.0, from, &self.0, to, RenameFlags::NOREPLACE)?;
        self.sync()
    }

    /// A file or a folder with all that is in it; nothing where there is none.
    pub(super) fn remove(&self, name: &OsStr) -> io::Result<()> {
        let path = self.path().join(name);
        match self.find(name)?.map(|found| found.is) {
            None => return Ok(()),
            Some(Is::Folder) => fs::remove_dir_all(path)?,
            Some(Is::File | Is::Other) => fs::remove_file(path)?,
        }
        self.sync()
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        self.0.sync_all()
    }

    /// Of this very directory, whatever it is called by now.
    fn path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.0.as_raw_fd()))
    }

    /// Copies a staged file or folder to a name that nobody has, durably. What stands at `old` now
    /// says whose each file becomes; what is new there becomes `owner`'s.
    pub(super) fn copy(
        &self,
        from: &Path,
        to: &OsStr,
        old: Option<(&Self, &OsStr)>,
        owner: Owner,
    ) -> io::Result<Copied> {
        let about = fs::symlink_metadata(from)?;
        let found = old.map(|(folder, name)| folder.find(name)).transpose()?.flatten();
        let owner = found.map_or(owner, |found| found.owner);
        let mut copied = Copied::default();
        let made = if about.is_dir() {
            mkdirat(&self.0, to, PRIVATE_FOLDER)?;
            let made = self.inner(to)?;
            let old = match (old, found) {
                (Some((folder, name)), Some(Found { is: Is::Folder, .. })) => {
                    Some(folder.inner(name)?)
                }
                (None | Some(_), _) => None,
            };
            for entry in fs::read_dir(from)? {
                let name = entry?.file_name();
                let old = old.as_ref().map(|old| (old, name.as_os_str()));
                copied.add(made.copy(&from.join(&name), &name, old, owner)?);
            }
            made.0
        } else {
            let flags =
                OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let mut made: File = openat(&self.0, to, flags, PRIVATE_FILE)?.into();
            let bytes = io::copy(&mut crate::listing::open(from)?, &mut made)?;
            copied.add(Copied { files: 1, bytes });
            made
        };
        let is = made.metadata()?;
        if Owner(is.uid(), is.gid()) != owner {
            fchown(&made, Some(owner.0), Some(owner.1))?;
        }
        made.set_permissions(fs::Permissions::from_mode(about.mode() & 0o777))?;
        made.sync_all()?;
        Ok(copied)
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Copied {
    pub(super) files: u64,
    pub(super) bytes: u64,
}

impl Copied {
    pub(super) fn add(&mut self, more: Self) {
        self.files += more.files;
        self.bytes += more.bytes;
    }
}
