//! The few things an installation asks of a file system, so that a test can cut the power after
//! each of them. Nothing here decides; the order of the calls is what survives a power cut.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt as _, symlink};
use std::path::{Path, PathBuf};

use shared::durable;

/// What an entry of a directory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    File,
    Directory,
    Symlink,
}

/// Whether an unpacked file can be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// 0644
    Plain,
    /// 0755
    Executable,
}

/// A file system as an installer sees it. What was not synchronised may be gone after a power cut.
pub trait Disk {
    type File: Write;

    /// Bytes that an ordinary user could still write near `path`.
    fn free_bytes(&self, path: &Path) -> io::Result<u64>;

    /// Makes one directory; that it exists already is an error.
    fn make_directory(&self, path: &Path) -> io::Result<()>;

    /// Makes a file that did not exist.
    fn create_file(&self, path: &Path, mode: Mode) -> io::Result<Self::File>;

    /// Makes the file's bytes durable.
    fn sync_file(&self, file: &mut Self::File) -> io::Result<()>;

    /// Makes the names in a directory durable.
    fn sync_directory(&self, path: &Path) -> io::Result<()>;

    /// Renames, replacing what was there; atomic in what a reader sees.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    fn symlink(&self, target: &Path, link: &Path) -> io::Result<()>;

    /// The target of a symbolic link, `None` where nothing is.
    fn read_link(&self, path: &Path) -> io::Result<Option<PathBuf>>;

    /// A whole file of at most `bytes_max`, `None` where nothing is.
    fn read_file(&self, path: &Path, bytes_max: u64) -> io::Result<Option<Vec<u8>>>;

    /// The names in a directory in ascending order; empty where nothing is. Names that are not
    /// UTF-8 are not ours and are left out.
    fn list(&self, path: &Path) -> io::Result<Vec<(String, Kind)>>;

    /// Removes a file or link; that nothing is there is no error.
    fn remove_file(&self, path: &Path) -> io::Result<()>;

    /// Removes a directory and what is in it, following no links; that nothing is there is no
    /// error.
    fn remove_tree(&self, path: &Path) -> io::Result<()>;
}

/// The terminal's own file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    type File = File;

    fn free_bytes(&self, path: &Path) -> io::Result<u64> {
        let stat = rustix::fs::statvfs(path)?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    fn make_directory(&self, path: &Path) -> io::Result<()> {
        fs::create_dir(path)
    }

    fn create_file(&self, path: &Path, mode: Mode) -> io::Result<File> {
        let mode = match mode {
            Mode::Plain => 0o644,
            Mode::Executable => 0o755,
        };
        OpenOptions::new().write(true).create_new(true).mode(mode).open(path)
    }

    fn sync_file(&self, file: &mut File) -> io::Result<()> {
        file.sync_all()
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        durable::sync_directory(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn symlink(&self, target: &Path, link: &Path) -> io::Result<()> {
        symlink(target, link)
    }

    fn read_link(&self, path: &Path) -> io::Result<Option<PathBuf>> {
        unless_absent(fs::read_link(path))
    }

    fn read_file(&self, path: &Path, bytes_max: u64) -> io::Result<Option<Vec<u8>>> {
        let Some(file) = unless_absent(File::open(path))? else { return Ok(None) };
        let mut bytes = Vec::new();
        file.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes)?;
        match bytes.len() as u64 > bytes_max {
            true => Err(io::ErrorKind::FileTooLarge.into()),
            false => Ok(Some(bytes)),
        }
    }

    fn list(&self, path: &Path) -> io::Result<Vec<(String, Kind)>> {
        let Some(entries) = unless_absent(fs::read_dir(path))? else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry?;
            let kind = entry.file_type()?;
            let kind = match (kind.is_symlink(), kind.is_dir()) {
                (true, _) => Kind::Symlink,
                (false, true) => Kind::Directory,
                (false, false) => Kind::File,
            };
            if let Ok(name) = entry.file_name().into_string() {
                found.push((name, kind));
            }
        }
        found.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        Ok(found)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        unless_absent(fs::remove_file(path)).map(drop)
    }

    fn remove_tree(&self, path: &Path) -> io::Result<()> {
        unless_absent(fs::remove_dir_all(path)).map(drop)
    }
}

fn unless_absent<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
