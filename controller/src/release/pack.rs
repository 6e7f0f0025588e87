//! A directory becomes one archive: tar (POSIX ustar), compressed with zstd.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File, Metadata};
use std::io::{self, BufReader, BufWriter, Read, Write as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use shared::document::release::Artifact;
use shared::durable::{parent_of, sync_directory};
use tar::{EntryType, Header};

use super::{Hashing, PATH_BYTES_MAX};

/// Part of what makes the bytes the same everywhere; changing it changes every digest. Measured on
/// a program of 43 MB: level 19 saves another 11 % and takes fifty times as long.
const LEVEL: i32 = 9;

/// The time of every entry, in seconds since 1970.
const MTIME: u64 = 0;

/// Entries of one archive: the largest application we have met has a tenth of this.
const ENTRIES_MAX: usize = 100_000;

/// An entry that cannot be released.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedEntry {
    /// Relative to the directory that is released.
    pub path: PathBuf,
    pub why: Why,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    SymbolicLink,
    Device,
    Pipe,
    Socket,
    NameNotText,
    NameTooLong,
}

impl fmt::Display for RefusedEntry {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.why {
            Why::SymbolicLink => "is a symbolic link",
            Why::Device => "is a device",
            Why::Pipe => "is a named pipe",
            Why::Socket => "is a socket",
            Why::NameNotText => "has a name that is not UTF-8, or has a control character in it",
            Why::NameTooLong => "has a path of more than 255 bytes, or a name of more than 99",
        };
        write!(out, "{} {what}", self.path.display())
    }
}

/// Why a directory was not packed.
#[derive(Debug, thiserror::Error)]
pub enum NotPacked {
    #[error("{path} is not a directory", path = .0.display())]
    NotADirectory(PathBuf),
    #[error("cannot read {path}", path = path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{directory} holds what no release may hold:{list}", directory = directory.display(),
        list = entries.iter().map(|entry| format!("\n  - {entry}")).collect::<String>())]
    Refused { directory: PathBuf, entries: Vec<RefusedEntry> },
    #[error("{path} holds no file", path = .0.display())]
    Empty(PathBuf),
    #[error("{path} has more than {ENTRIES_MAX} entries", path = .0.display())]
    TooMany(PathBuf),
    #[error("{path} changed while it was read", path = .0.display())]
    Changed(PathBuf),
    #[error("{output} lies in the directory that it is made of", output = .0.display())]
    OutputInside(PathBuf),
    #[error("cannot write {path}", path = path.display())]
    Write { path: PathBuf, source: io::Error },
}

impl NotPacked {
    /// What to do about it, in the imperative.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Refused { .. } => {
                Some("a release is made of plain files and directories: copy what a link names")
            }
            Self::Changed(_) => Some("build the software first, then release it"),
            Self::OutputInside(_) => Some("choose an output directory elsewhere"),
            Self::NotADirectory(_)
            | Self::Read { .. }
            | Self::Empty(_)
            | Self::TooMany(_)
            | Self::Write { .. } => None,
        }
    }
}

/// What is packed, by its path as text with `/`; a directory before what is in it.
type Entries = BTreeMap<String, Entry>;

#[derive(Clone, Copy)]
enum Entry {
    Directory,
    File { size: u64, executable: bool },
}

/// Packs the content of `directory` into the file `output`, which is replaced if it is there.
pub fn pack(directory: &Path, output: &Path) -> Result<Artifact, NotPacked> {
    if !directory.is_dir() {
        return Err(NotPacked::NotADirectory(directory.to_owned()));
    }
    refuse_output_inside(directory, output)?;
    let entries = collect(directory)?;
    let failed = |source| NotPacked::Write { path: output.to_owned(), source };
    let file = tempfile::Builder::new()
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
        .tempfile_in(parent_of(output))
        .map_err(failed)?;
    let hashing = Hashing::new(BufWriter::new(file));
    let mut encoder = zstd::Encoder::new(hashing, LEVEL).map_err(failed)?;
    encoder.include_checksum(true).map_err(failed)?;
    let mut archive = tar::Builder::new(encoder);
    let mut unpacked_size = 0;
    for (name, entry) in &entries {
        unpacked_size += append(&mut archive, directory, name, *entry, output)?;
    }
    let encoder = archive.into_inner().map_err(failed)?;
    let (mut written, sha256, size) = encoder.finish().map_err(failed)?.finish();
    written.flush().map_err(failed)?;
    let file = written.into_inner().map_err(|error| failed(error.into_error()))?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(output).map_err(|error| failed(error.error))?;
    sync_directory(parent_of(output)).map_err(failed)?;
    let entries = u32::try_from(entries.len()).expect("ENTRIES_MAX is below 2^32");
    Ok(Artifact { sha256, size, unpacked_size, entries })
}

fn refuse_output_inside(directory: &Path, output: &Path) -> Result<(), NotPacked> {
    let real = |path: &Path| {
        let read = |source| NotPacked::Read { path: path.to_owned(), source };
        fs::canonicalize(path).map_err(read)
    };
    match real(parent_of(output))?.starts_with(real(directory)?) {
        true => Err(NotPacked::OutputInside(output.to_owned())),
        false => Ok(()),
    }
}

/// Looks at everything before anything is written, so that all that is wrong is said at once.
fn collect(directory: &Path) -> Result<Entries, NotPacked> {
    let mut entries = Entries::new();
    let mut refused = Vec::new();
    let mut pending = vec![directory.to_owned()];
    while let Some(current) = pending.pop() {
        let read = |source| NotPacked::Read { path: current.clone(), source };
        for found in fs::read_dir(&current).map_err(read)? {
            let path = found.map_err(read)?.path();
            let metadata = fs::symlink_metadata(&path)
                .map_err(|source| NotPacked::Read { path: path.clone(), source })?;
            let relative = path.strip_prefix(directory).expect("it was found below").to_owned();
            match (name_of(&relative), kind_of(&metadata)) {
                (Ok(name), Ok(entry)) => drop(entries.insert(name, entry)),
                (Err(why), Ok(_) | Err(_)) | (Ok(_), Err(why)) => {
                    refused.push(RefusedEntry { path: relative, why });
                }
            }
            if metadata.is_dir() {
                pending.push(path);
            }
            if entries.len() > ENTRIES_MAX {
                return Err(NotPacked::TooMany(directory.to_owned()));
            }
        }
    }
    if !refused.is_empty() {
        refused.sort_by(|a, b| a.path.cmp(&b.path));
        return Err(NotPacked::Refused { directory: directory.to_owned(), entries: refused });
    }
    match entries.values().any(|entry| matches!(entry, Entry::File { .. })) {
        true => Ok(entries),
        false => Err(NotPacked::Empty(directory.to_owned())),
    }
}

fn name_of(relative: &Path) -> Result<String, Why> {
    let name = relative.to_str().ok_or(Why::NameNotText)?;
    match name {
        _ if name.contains(char::is_control) => Err(Why::NameNotText),
        _ if name.len() > PATH_BYTES_MAX || !fits_header(name) => Err(Why::NameTooLong),
        _ => Ok(name.to_owned()),
    }
}

/// Whether the name can be written, with the slash of a directory.
fn fits_header(name: &str) -> bool {
    Header::new_ustar().set_path(format!("{name}/")).is_ok()
}

fn kind_of(metadata: &Metadata) -> Result<Entry, Why> {
    let kind = metadata.file_type();
    match () {
        () if kind.is_dir() => Ok(Entry::Directory),
        () if kind.is_file() => {
            let executable = metadata.mode() & 0o100 != 0;
            Ok(Entry::File { size: metadata.len(), executable })
        }
        () if kind.is_symlink() => Err(Why::SymbolicLink),
        () if kind.is_fifo() => Err(Why::Pipe),
        () if kind.is_socket() => Err(Why::Socket),
        () => Err(Why::Device),
    }
}

/// Adds one entry, and says how many bytes it will have when it is unpacked.
fn append(
    archive: &mut tar::Builder<impl io::Write>,
    directory: &Path,
    name: &str,
    entry: Entry,
    output: &Path,
) -> Result<u64, NotPacked> {
    let write = |source| NotPacked::Write { path: output.to_owned(), source };
    let path = directory.join(name);
    let Entry::File { size, executable } = entry else {
        let header = header(&format!("{name}/"), EntryType::Directory, 0, 0o755).map_err(write)?;
        archive.append(&header, io::empty()).map_err(write)?;
        return Ok(0);
    };
    let mode = if executable { 0o755 } else { 0o644 };
    let header = header(name, EntryType::Regular, size, mode).map_err(write)?;
    let file =
        File::open(&path).map_err(|source| NotPacked::Read { path: path.clone(), source })?;
    let mut content = Counted { inner: BufReader::new(file).take(size + 1), bytes: 0 };
    archive.append(&header, &mut content).map_err(write)?;
    match content.bytes == size {
        true => Ok(size),
        false => Err(NotPacked::Changed(path)),
    }
}

fn header(name: &str, kind: EntryType, size: u64, mode: u32) -> io::Result<Header> {
    let mut header = Header::new_ustar();
    header.set_path(name)?;
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(MTIME);
    header.set_cksum();
    Ok(header)
}

struct Counted<R> {
    inner: R,
    bytes: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let got = self.inner.read(into)?;
        self.bytes += got as u64;
        Ok(got)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::os::unix::net::UnixListener;
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::release::inspect;

    fn put(directory: &Path, name: &str, content: &[u8], mode: u32) {
        let path = directory.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }

    const FILES: [(&str, &[u8], u32); 5] = [
        ("bin/till", b"#!/bin/sh\n", 0o755),
        ("bin-extra", b"x", 0o640),
        ("etc/a.toml", b"", 0o600),
        ("etc/deep/er/b.toml", b"b = 1\n", 0o666),
        ("README", b"hello", 0o444),
    ];

    #[test]
    fn the_same_content_gives_the_same_bytes_whatever_the_order_times_and_modes() {
        let dir = tempfile::tempdir().unwrap();
        let (one, two) = (dir.path().join("one"), dir.path().join("two"));
        FILES.iter().for_each(|(name, content, mode)| put(&one, name, content, *mode));
        for (name, content, mode) in FILES.iter().rev() {
            // Only the owner's executable bit counts.
            put(&two, name, content, mode & 0o700 | 0o401);
            let file = File::options().write(true).open(two.join(name));
            let past = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
            // A file that its owner may not write keeps its time; it has one of its own anyway.
            file.map_or(Ok(()), |file| file.set_modified(past)).unwrap();
        }
        fs::set_permissions(two.join("etc"), fs::Permissions::from_mode(0o700)).unwrap();
        let (a, b) = (dir.path().join("a.tar.zst"), dir.path().join("b.tar.zst"));
        let packed = pack(&one, &a).unwrap();
        assert_eq!(packed, pack(&two, &b).unwrap());
        assert_eq!(fs::read(&a).unwrap(), fs::read(&b).unwrap());
        assert_eq!((packed.entries, packed.unpacked_size), (9, 22));
        assert_eq!(inspect(&a, packed.unpacked_size).unwrap(), packed);
    }

    #[test]
    fn the_bytes_are_the_ones_that_they_always_were() {
        let dir = tempfile::tempdir().unwrap();
        let source = dir.path().join("source");
        FILES.iter().for_each(|(name, content, mode)| put(&source, name, content, *mode));
        let packed = pack(&source, &dir.path().join("a.tar.zst")).unwrap();
        // People compare digests across machines. An update of the compression library may change
        // them: a reason to say so in the changelog, and to update both builders together.
        let golden = "f08288b9c3c32b71747866879456e018df38dc93ffeecbb486b59eb678d8931f";
        assert_eq!(packed.sha256.to_string(), golden);
    }

    #[test]
    fn all_that_is_neither_file_nor_directory_is_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let source = dir.path().join("source");
        put(&source, "bin/till", b"x", 0o755);
        symlink("till", source.join("bin/current")).unwrap();
        symlink("/etc", source.join("etc")).unwrap();
        let _socket = UnixListener::bind(source.join("socket")).unwrap();
        let long = "x".repeat(100);
        put(&source, &long, b"", 0o644);
        put(&source, &format!("{}file", "deep/".repeat(49)), b"", 0o644);
        put(&source, "new\nline", b"", 0o644);
        let refused = pack(&source, &dir.path().join("a.tar.zst")).unwrap_err();
        let NotPacked::Refused { entries, .. } = &refused else { panic!("{refused}") };
        let seen: Vec<_> =
            entries.iter().map(|entry| (entry.path.to_str().unwrap(), entry.why)).collect();
        let expected = [
            ("bin/current", Why::SymbolicLink),
            ("etc", Why::SymbolicLink),
            ("new\nline", Why::NameNotText),
            ("socket", Why::Socket),
            (&long, Why::NameTooLong),
        ];
        assert_eq!(seen, expected);
        assert!(refused.to_string().contains("\n  - bin/current is a symbolic link"), "{refused}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing was written");
    }

    #[test]
    fn a_directory_without_a_file_or_with_the_output_in_it_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let source = dir.path().join("source");
        fs::create_dir_all(source.join("empty")).unwrap();
        let output = dir.path().join("a.tar.zst");
        assert!(matches!(pack(&source, &output), Err(NotPacked::Empty(_))));
        assert!(matches!(pack(&source.join("no"), &output), Err(NotPacked::NotADirectory(_))));
        let inside = source.join("empty/a.tar.zst");
        assert!(matches!(pack(&source, &inside), Err(NotPacked::OutputInside(_))));
    }
}
