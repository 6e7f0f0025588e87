//! Removes a file or a directory with all that is in it. No link is followed and no other file
//! system is entered. Contents are overwritten before names go: a removed name leaves the blocks.

use std::ffi::{CStr, CString};
use std::fs::{self, File};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, Dir, FileType, Mode, OFlags, Stat, StatxAttributes, StatxFlags, openat, statat, statx,
    unlinkat,
};
use rustix::io::Errno;

use crate::gate::{Effect, Gate};
use crate::kept::{Kept, place_of};
use crate::record::{Outcome, Seen};

#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    #[error("it holds, or is in, `{}`, which must not go yet", .0.display())]
    Kept(PathBuf),
    #[error("{count} things in it are left, first `{first}`: {why}")]
    Left { count: usize, first: String, why: String, doubt: Option<String> },
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl TreeError {
    /// Of what was removed all the same.
    pub fn doubt(self) -> Option<String> {
        match self {
            Self::Left { doubt, .. } => doubt,
            Self::Kept(_) | Self::Io(_) => None,
        }
    }
}

impl From<Errno> for TreeError {
    fn from(errno: Errno) -> Self {
        Self::Io(errno.into())
    }
}

pub fn remove(path: &Path, kept: &Kept, gate: &dyn Gate) -> Result<Outcome, TreeError> {
    let absent = || Outcome::nothing("there was nothing");
    let Some(place) = place_of(path)? else { return Ok(absent()) };
    if let Some(other) = kept.overlaps(&place) {
        return Err(TreeError::Kept(other.to_owned()));
    }
    let (Some(parent), Some(name)) = (place.parent(), place.file_name()) else {
        return Err(io::Error::from(io::ErrorKind::InvalidInput).into());
    };
    let parent = File::open(parent)?;
    let name = CString::new(name.as_encoded_bytes()).map_err(io::Error::other)?;
    let stat = match statat(&parent, &name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => stat,
        Err(Errno::NOENT) => return Ok(absent()),
        Err(errno) => return Err(errno.into()),
    };
    let outcome = match is(&stat, FileType::Directory) {
        true => remove_directory(&parent, &name, kept, gate)?,
        false => remove_other(&parent, &name, &stat, gate)?,
    };
    parent.sync_all()?;
    Ok(outcome)
}

fn remove_other(
    parent: &File,
    name: &CStr,
    stat: &Stat,
    gate: &dyn Gate,
) -> Result<Outcome, TreeError> {
    let doubt = if is(stat, FileType::Symlink) {
        Some("it was a link; what it led to was left alone".to_owned())
    } else if !is(stat, FileType::RegularFile) {
        None
    } else if stat.st_nlink > 1 {
        Some(OTHER_NAMES.to_owned())
    } else {
        gate.pass(Effect::Overwrite)?;
        let overwritten = overwrite(parent, name).and_then(|()| Ok(rustix::fs::syncfs(parent)?));
        overwritten.err().map(|error| not_overwritten(1, &error))
    };
    gate.pass(Effect::RemoveName)?;
    unlinkat(parent, name, AtFlags::empty())?;
    Ok(Outcome::done("removed".to_owned(), doubt))
}

const OTHER_NAMES: &str = "a file had other names, so that it was not overwritten";

fn not_overwritten(count: u64, first: &io::Error) -> String {
    format!("{count} files could not be overwritten before they were removed: {first}")
}

/// One directory of a tree: its name in its parent. The first is the tree itself.
struct Branch {
    parent: usize,
    name: CString,
}

/// A tree as it is walked. Directories are opened anew from the top each time: however deep it is,
/// few are open at once.
struct Walk<'a> {
    top: OwnedFd,
    branches: Vec<Branch>,
    kept: &'a Kept,
    gate: &'a dyn Gate,
    left: Vec<(String, String)>,
    files: u64,
    is_empty: bool,
    other_names: bool,
    /// How many files, and why the first.
    not_overwritten: Option<(u64, io::Error)>,
}

fn remove_directory(
    parent: &File,
    name: &CStr,
    kept: &Kept,
    gate: &dyn Gate,
) -> Result<Outcome, TreeError> {
    let top = open_directory(parent, name)?;
    let is_mount = is_mount(&top, c"", AtFlags::EMPTY_PATH)?
        || rustix::fs::fstat(&top)?.st_dev != rustix::fs::fstat(parent)?.st_dev;
    let branches = vec![Branch { parent: 0, name: name.to_owned() }];
    let mut walk = Walk {
        top,
        branches,
        kept,
        gate,
        left: Vec::new(),
        files: 0,
        is_empty: true,
        other_names: false,
        not_overwritten: None,
    };
    walk.overwrite_all()?;
    rustix::fs::syncfs(&walk.top)?;
    walk.remove_all()?;
    let doubt = walk.doubt();
    let Walk { left, files, is_empty, top, .. } = walk;
    let count = left.len();
    if let Some((first, why)) = left.into_iter().next() {
        return Err(TreeError::Left { count, first, why, doubt });
    }
    let what = match is_mount {
        // The place of a mount cannot be removed, and is nothing that was stored.
        true => "the mount was emptied",
        false => {
            drop(top);
            gate.pass(Effect::RemoveName)?;
            unlinkat(parent, name, AtFlags::REMOVEDIR)?;
            "removed"
        }
    };
    if is_empty {
        // The place where an encrypted file system is mounted when it is open.
        return Ok(Outcome::nothing("an empty folder"));
    }
    let detail = format!("{what}; it held {files} files");
    Ok(Outcome::done(detail, doubt))
}

impl Walk<'_> {
    fn doubt(&self) -> Option<String> {
        let failed = self.not_overwritten.as_ref().map(|(count, why)| not_overwritten(*count, why));
        failed.or_else(|| self.other_names.then(|| OTHER_NAMES.to_owned()))
    }

    /// Finds every directory, and overwrites every file on the way.
    fn overwrite_all(&mut self) -> Result<(), TreeError> {
        let device = rustix::fs::fstat(&self.top)?.st_dev;
        let mut at = 0;
        while at < self.branches.len() {
            let directory = self.open(at)?;
            for (name, stat) in entries(&directory)? {
                self.is_empty = false;
                if is(&stat, FileType::Directory) {
                    self.enter(at, &directory, name, &stat, device)?;
                } else if is(&stat, FileType::RegularFile) {
                    self.overwrite(&directory, &name, &stat)?;
                }
            }
            at += 1;
        }
        Ok(())
    }

    fn overwrite(
        &mut self,
        directory: &OwnedFd,
        name: &CStr,
        stat: &Stat,
    ) -> Result<(), TreeError> {
        self.files += 1;
        if stat.st_nlink > 1 {
            self.other_names = true;
            return Ok(());
        }
        self.gate.pass(Effect::Overwrite)?;
        if let Err(error) = overwrite(directory, name) {
            let (count, _) = self.not_overwritten.get_or_insert((0, error));
            *count += 1;
        }
        Ok(())
    }

    fn enter(
        &mut self,
        at: usize,
        directory: &OwnedFd,
        name: CString,
        stat: &Stat,
        device: u64,
    ) -> Result<(), TreeError> {
        if stat.st_dev != device || is_mount(directory, &name, AtFlags::SYMLINK_NOFOLLOW)? {
            let why = "a file system of its own is mounted there";
            self.leave(at, &name, why.to_owned());
        } else if self.kept.is_inode(stat.st_dev, stat.st_ino) {
            self.leave(at, &name, "it must not go yet".to_owned());
        } else {
            self.branches.push(Branch { parent: at, name });
        }
        Ok(())
    }

    /// Removes what was found, the deepest first. What is left has been noted.
    fn remove_all(&mut self) -> Result<(), TreeError> {
        for at in (0..self.branches.len()).rev() {
            let directory = self.open(at)?;
            for (name, stat) in entries(&directory)? {
                if is(&stat, FileType::Directory) {
                    continue;
                }
                self.gate.pass(Effect::RemoveName)?;
                if let Err(errno) = unlinkat(&directory, &name, AtFlags::empty()) {
                    self.leave(at, &name, errno.to_string());
                }
            }
            if at == 0 {
                rustix::fs::fsync(&directory)?;
                continue;
            }
            let Branch { parent, name } = &self.branches[at];
            let (parent, name) = (*parent, name.clone());
            self.gate.pass(Effect::RemoveName)?;
            if let Err(errno) = unlinkat(self.open(parent)?, &name, AtFlags::REMOVEDIR) {
                self.leave(parent, &name, errno.to_string());
            }
        }
        Ok(())
    }

    fn leave(&mut self, at: usize, name: &CStr, why: String) {
        let mut path = PathBuf::new();
        for part in self.names_to(at) {
            path.push(part.to_string_lossy().as_ref());
        }
        path.push(name.to_string_lossy().as_ref());
        self.left.push((path.display().to_string(), why));
    }

    /// From the top, without the top.
    fn names_to(&self, at: usize) -> Vec<&CStr> {
        let mut names = Vec::new();
        let mut at = at;
        while at != 0 {
            names.push(self.branches[at].name.as_c_str());
            at = self.branches[at].parent;
        }
        names.reverse();
        names
    }

    fn open(&self, at: usize) -> io::Result<OwnedFd> {
        let mut directory = open_directory(&self.top, c".")?;
        for name in self.names_to(at) {
            directory = open_directory(&directory, name)?;
        }
        Ok(directory)
    }
}

fn is(stat: &Stat, kind: FileType) -> bool {
    FileType::from_raw_mode(stat.st_mode) == kind
}

fn open_directory(parent: impl AsFd, name: &CStr) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(openat(parent, name, flags, Mode::empty())?)
}

fn entries(directory: &OwnedFd) -> io::Result<Vec<(CString, Stat)>> {
    let mut found = Vec::new();
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        if name != c"." && name != c".." {
            found.push((name.to_owned(), statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)?));
        }
    }
    Ok(found)
}

/// Also of a directory that is bound from the same file system. Kernels before 5.8 cannot tell;
/// there the number of the device has to do.
fn is_mount(at: impl AsFd, name: &CStr, flags: AtFlags) -> io::Result<bool> {
    match statx(at, name, flags, StatxFlags::empty()) {
        Ok(found) => Ok(found.stx_attributes.contains(StatxAttributes::MOUNT_ROOT)),
        Err(Errno::NOSYS) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}

/// Writes zeros where the file has data, in place. Durable once its file system is synchronised.
fn overwrite(directory: impl AsFd, name: &CStr) -> io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let mut file = File::from(openat(directory, name, flags, Mode::empty())?);
    let length = file.metadata()?.len();
    let mut at = 0;
    while at < length {
        // A hole holds nothing, and filling it could fill the disk.
        let begin = match rustix::fs::seek(&file, rustix::fs::SeekFrom::Data(at)) {
            Ok(begin) => begin,
            Err(Errno::NXIO) => break,
            Err(errno) => return Err(errno.into()),
        };
        let end = rustix::fs::seek(&file, rustix::fs::SeekFrom::Hole(begin))?;
        file.seek(SeekFrom::Start(begin))?;
        write_zeros(&mut file, end - begin)?;
        at = end;
    }
    Ok(())
}

pub fn write_zeros(file: &mut File, length: u64) -> io::Result<()> {
    let zeros = [0; 64 * 1024];
    let mut left = length;
    while left > 0 {
        let now = zeros.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        file.write_all(&zeros[..now])?;
        left -= now as u64;
    }
    Ok(())
}

/// Whether anything is stored at a path. An empty folder is nothing that was stored.
pub fn holds_something(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|metadata| !metadata.is_dir() || !is_empty(path))
}

fn is_empty(path: &Path) -> bool {
    fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none())
}

/// Looks for what was to be removed.
pub fn look_for(path: &Path) -> Seen {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Seen::Gone("there is nothing".to_owned());
        }
        Err(error) => return Seen::CannotTell(error.to_string()),
    };
    let up = path.parent().and_then(|parent| fs::metadata(parent).ok());
    let on_its_own = up.is_some_and(|up| up.dev() != metadata.dev());
    match metadata.is_dir() && (on_its_own || is_mount_path(path)) && is_empty(path) {
        true => Seen::Gone("a mount with nothing in it".to_owned()),
        false => Seen::StillThere("it is there".to_owned()),
    }
}

fn is_mount_path(path: &Path) -> bool {
    let opened = File::open(path);
    opened.is_ok_and(|opened| is_mount(&opened, c"", AtFlags::EMPTY_PATH).unwrap_or(false))
}

#[cfg(test)]
mod tests;
