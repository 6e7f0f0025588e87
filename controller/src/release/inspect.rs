//! Reads an archive as a terminal would, without unpacking it: what it is, and whether it holds
//! only what a terminal takes.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Component, Path, PathBuf};

use shared::document::release::Artifact;
use tar::EntryType;

use super::{Hashing, PATH_BYTES_MAX};

/// What is wrong with an archive.
#[derive(Debug, thiserror::Error)]
pub enum BadArchive {
    #[error("cannot read {path}", path = path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{path} is not an archive of this kind (tar, compressed with zstd)",
        path = path.display())]
    Malformed { path: PathBuf, source: io::Error },
    #[error("{path} holds `{entry}`, which {why}", path = path.display())]
    Entry { path: PathBuf, entry: String, why: &'static str },
    #[error("{path} goes on after its end", path = .0.display())]
    Tail(PathBuf),
    #[error("{path} unpacks to more than the {allowed} bytes that it may have",
        path = path.display())]
    TooLarge { path: PathBuf, allowed: u64 },
}

/// Describes the archive at `path`; stops at the first byte beyond `unpacked_max`.
pub fn inspect(path: &Path, unpacked_max: u64) -> Result<Artifact, BadArchive> {
    let read = |source| BadArchive::Read { path: path.to_owned(), source };
    let malformed = |source| BadArchive::Malformed { path: path.to_owned(), source };
    let file = File::open(path).map_err(read)?;
    let mut hashing = Hashing::new(BufReader::new(file));
    let (unpacked_size, entries) = {
        let decoder = zstd::Decoder::new(&mut hashing).map_err(malformed)?;
        let mut archive = tar::Archive::new(decoder);
        let found = walk(path, &mut archive, unpacked_max)?;
        check_tail(path, archive.into_inner())?;
        found
    };
    io::copy(&mut hashing, &mut io::sink()).map_err(read)?;
    let (_, sha256, size) = hashing.finish();
    Ok(Artifact { sha256, size, unpacked_size, entries })
}

/// Zeroes that a tar archive may end with: one record of twenty blocks.
const TAIL_BYTES_MAX: u64 = 20 * 512;

/// What follows the last entry is padding, not a second archive that another reader would find.
fn check_tail(path: &Path, rest: impl Read) -> Result<(), BadArchive> {
    let mut tail = Vec::new();
    let read = rest.take(TAIL_BYTES_MAX + 1).read_to_end(&mut tail);
    read.map_err(|source| BadArchive::Malformed { path: path.to_owned(), source })?;
    let padding = tail.len() as u64 <= TAIL_BYTES_MAX && tail.iter().all(|byte| *byte == 0);
    match padding {
        true => Ok(()),
        false => Err(BadArchive::Tail(path.to_owned())),
    }
}

fn walk(
    path: &Path,
    archive: &mut tar::Archive<impl Read>,
    unpacked_max: u64,
) -> Result<(u64, u32), BadArchive> {
    let malformed = |source| BadArchive::Malformed { path: path.to_owned(), source };
    let mut names = BTreeSet::new();
    let (mut unpacked_size, mut entries) = (0_u64, 0_u32);
    for entry in archive.entries().map_err(malformed)?.raw(true) {
        let mut entry = entry.map_err(malformed)?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let refused = |why| BadArchive::Entry { path: path.to_owned(), entry: name.clone(), why };
        if !matches!(entry.header().entry_type(), EntryType::Regular | EntryType::Directory) {
            return Err(refused("is neither a file nor a directory"));
        }
        check_name(&name).map_err(refused)?;
        if !names.insert(name.trim_end_matches('/').to_owned()) {
            return Err(refused("is there twice"));
        }
        let allowed = unpacked_max - unpacked_size;
        let got = io::copy(&mut (&mut entry).take(allowed.saturating_add(1)), &mut io::sink())
            .map_err(malformed)?;
        if got > allowed {
            return Err(BadArchive::TooLarge { path: path.to_owned(), allowed: unpacked_max });
        }
        unpacked_size += got;
        entries = entries.saturating_add(1);
    }
    Ok((unpacked_size, entries))
}

fn check_name(name: &str) -> Result<(), &'static str> {
    let plain = |part: Component<'_>| matches!(part, Component::Normal(_));
    match name {
        _ if name.contains(char::REPLACEMENT_CHARACTER) => Err("has a name that is not UTF-8"),
        _ if name.is_empty() || !Path::new(name).components().all(plain) => {
            Err("leads out of the directory")
        }
        _ if name.len() > PATH_BYTES_MAX + 1 => Err("has a path that is too long"),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tar::Header;

    use super::*;

    fn archive(entries: &[(&str, EntryType, &[u8])]) -> Vec<u8> {
        let mut builder = tar::Builder::new(zstd::Encoder::new(Vec::new(), 3).unwrap());
        for (name, kind, content) in entries {
            let mut header = Header::new_ustar();
            // Past the library's own checks: what a hostile archive may say.
            header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
            header.set_entry_type(*kind);
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            header.set_cksum();
            builder.append(&header, *content).unwrap();
        }
        builder.into_inner().unwrap().finish().unwrap()
    }

    fn look(bytes: &[u8], unpacked_max: u64) -> Result<Artifact, BadArchive> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("artifact.tar.zst");
        fs::write(&path, bytes).unwrap();
        inspect(&path, unpacked_max)
    }

    #[test]
    fn an_archive_that_a_terminal_would_refuse_is_refused_by_name() {
        use EntryType::{Directory, Fifo, Link, Regular, Symlink};
        let cases: [(&str, EntryType); 8] = [
            ("link", Symlink),
            ("hard", Link),
            ("pipe", Fifo),
            ("../up", Regular),
            ("/etc/passwd", Regular),
            ("a/../../b", Regular),
            ("./here", Regular),
            ("..", Directory),
        ];
        for (name, kind) in cases {
            let error = look(&archive(&[(name, kind, b"")]), 100).unwrap_err();
            assert!(matches!(&error, BadArchive::Entry { entry, .. } if entry == name), "{error}");
        }
        let twice = archive(&[("a", Regular, b"1"), ("a", Regular, b"2")]);
        assert!(look(&twice, 100).unwrap_err().to_string().contains("is there twice"));
    }

    #[test]
    fn an_archive_that_grows_without_end_is_left_at_the_signed_size() {
        let bytes = archive(&[("zeros", EntryType::Regular, &[0; 1 << 20])]);
        assert!(bytes.len() < 4096);
        assert!(matches!(look(&bytes, 1000), Err(BadArchive::TooLarge { allowed: 1000, .. })));
        assert_eq!(look(&bytes, 1 << 20).unwrap().unpacked_size, 1 << 20);
    }

    #[test]
    fn nothing_hides_behind_the_end_of_an_archive() {
        let mut bytes = archive(&[("a", EntryType::Regular, b"1")]);
        assert!(look(&bytes, 100).is_ok());
        bytes.extend(archive(&[("b", EntryType::Regular, b"2")]));
        assert!(matches!(look(&bytes, 100), Err(BadArchive::Tail(_))));
    }

    #[test]
    fn broken_and_foreign_bytes_are_refused() {
        let good = archive(&[("a", EntryType::Regular, &[7; 3000])]);
        for cut in 0..good.len() - 1 {
            assert!(look(&good[..cut], 10_000).is_err(), "cut at {cut}");
        }
        for foreign in [b"".as_slice(), b"PK\x03\x04", b"hello, world"] {
            assert!(matches!(look(foreign, 10), Err(BadArchive::Malformed { .. })));
        }
    }
}
