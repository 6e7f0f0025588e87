//! What the last snapshot holds, and from which files: so that a file that did not change is
//! neither read nor sent again. One file, `known-files`, which may be lost at any time.
//!
//! **What is believed.** A file is known by its size, both of its times, its inode and its device,
//! all of them as they were before it was read and still were behind its end. Nothing is known of
//! a file that changed shortly before it was read: another change within the same tick of the file
//! system's clock would not show. What was looked through by other rules for card data counts for
//! nothing.
//!
//! **What cannot go wrong.** A digest from here only says what the listing will claim. The engine
//! takes over a file of the snapshot before only where that snapshot's own record of it has the
//! mark of the same digest, and reads it otherwise; what is read must have the digest that is
//! listed. So whatever stands here, no manifest is wrong about its snapshot: a backup is refused,
//! and the next one starts without this file.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use shared::digest::Digest;
use shared::durable::{self, NotWritten, Readers};
use shared::id::RepositoryId;

use crate::listing::Listed;
use crate::scan;

/// Longer than any tick of a file system's clock; FAT has the longest.
const SETTLED: Duration = Duration::from_secs(2);

/// How a file is recognised. Times in nanoseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    bytes: u64,
    modified: i128,
    changed: i128,
    inode: u64,
    device: u64,
}

impl Stat {
    pub fn of(about: &fs::Metadata) -> Self {
        let nanos =
            |seconds: i64, nanos: i64| i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
        Self {
            bytes: about.len(),
            modified: nanos(about.mtime(), about.mtime_nsec()),
            changed: nanos(about.ctime(), about.ctime_nsec()),
            inode: about.ino(),
            device: about.dev(),
        }
    }

    /// Whether a change after `now` must show in the times.
    pub fn is_settled(&self, now: SystemTime) -> bool {
        let before = now.checked_sub(SETTLED).and_then(|it| it.duration_since(UNIX_EPOCH).ok());
        let before = before.and_then(|it| i128::try_from(it.as_nanos()).ok());
        before.is_some_and(|before| self.modified.max(self.changed) < before)
    }
}

/// One file of the snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    pub sha256: Digest,
    pub bytes: u64,
    stat: Option<Stat>,
}

/// The files of one snapshot, by their paths in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownFiles {
    pub repository: RepositoryId,
    pub snapshot: Digest,
    files: BTreeMap<String, Known>,
}

impl KnownFiles {
    /// What was just saved.
    pub fn of(repository: RepositoryId, snapshot: Digest, listed: &Listed) -> Self {
        let files = listed.listing.0.iter().zip(&listed.stats).map(|(entry, stat)| {
            let known = Known { sha256: entry.sha256, bytes: entry.bytes, stat: *stat };
            (entry.path.clone(), known)
        });
        Self { repository, snapshot, files: files.collect() }
    }

    pub fn file(&self, path: &str) -> Option<&Known> {
        self.files.get(path)
    }

    /// The digest of a file that is still as it was when it was read.
    pub fn unchanged(&self, path: &str, stat: &Stat) -> Option<Digest> {
        let known = self.files.get(path)?;
        (known.stat.as_ref() == Some(stat)).then_some(known.sha256)
    }

    /// `None` where the file is missing, damaged, or of other rules.
    pub fn read(home: &Path) -> Option<Self> {
        let text = fs::read_to_string(path(home)).ok()?;
        let (digest, rest) = text.split_once('\n')?;
        if digest.parse::<Digest>().ok()? != Digest::of(rest.as_bytes()) {
            return None;
        }
        let mut lines = rest.lines();
        let mut head = lines.next()?.split(' ');
        if head.next()?.parse::<Digest>().ok()? != scan::rules() {
            return None;
        }
        let (repository, snapshot) = (head.next()?.parse().ok()?, head.next()?.parse().ok()?);
        let files = lines.map(parse).collect::<Option<_>>()?;
        Some(Self { repository, snapshot, files })
    }

    pub fn write(&self, home: &Path) -> Result<(), NotWritten> {
        let mut text = format!("{} {} {}\n", scan::rules(), self.repository, self.snapshot);
        for (path, Known { sha256, bytes, stat }) in &self.files {
            write!(text, "{sha256} {bytes} ").expect("text grows in memory");
            match stat {
                Some(Stat { bytes: _, modified, changed, inode, device }) => {
                    writeln!(text, "{modified} {changed} {inode} {device} {path}")
                }
                None => writeln!(text, "- - - - {path}"),
            }
            .expect("text grows in memory");
        }
        let text = format!("{}\n{text}", Digest::of(text.as_bytes()));
        durable::replace_file(&path(home), text.as_bytes(), Readers::Owner)
    }
}

fn parse(line: &str) -> Option<(String, Known)> {
    let mut words = line.splitn(7, ' ');
    let sha256 = words.next()?.parse().ok()?;
    let bytes = words.next()?.parse().ok()?;
    let [modified, changed, inode, device] =
        [words.next()?, words.next()?, words.next()?, words.next()?];
    let stat = match modified {
        "-" => None,
        modified => Some(Stat {
            bytes,
            modified: modified.parse().ok()?,
            changed: changed.parse().ok()?,
            inode: inode.parse().ok()?,
            device: device.parse().ok()?,
        }),
    };
    Some((words.next()?.to_owned(), Known { sha256, bytes, stat }))
}

pub fn path(home: &Path) -> PathBuf {
    home.join("known-files")
}

/// The next backup reads everything.
pub fn forget(home: &Path) -> io::Result<()> {
    match fs::remove_file(path(home)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stat(changed: i128) -> Stat {
        Stat { bytes: 5, modified: 1_000, changed, inode: 7, device: 8 }
    }

    fn known() -> KnownFiles {
        let of = |stat| Known { sha256: Digest([3; 32]), bytes: 5, stat };
        let files =
            [("export/a b".to_owned(), of(Some(stat(2_000)))), ("paths/ü".to_owned(), of(None))];
        KnownFiles {
            repository: RepositoryId::from_bytes([1; 16]),
            snapshot: Digest([2; 32]),
            files: files.into(),
        }
    }

    #[test]
    fn it_reads_back_as_it_was_written_and_nothing_of_it_where_a_byte_is_another() {
        let home = tempfile::tempdir().unwrap();
        assert_eq!(KnownFiles::read(home.path()), None);
        known().write(home.path()).unwrap();
        assert_eq!(KnownFiles::read(home.path()), Some(known()));
        let whole = fs::read(path(home.path())).unwrap();
        for at in [0, 70, 140, whole.len() - 2] {
            let mut other = whole.clone();
            other[at] ^= 1;
            fs::write(path(home.path()), other).unwrap();
            assert_eq!(KnownFiles::read(home.path()), None, "byte {at}");
        }
        let rest = str::from_utf8(&whole).unwrap().split_once('\n').unwrap().1;
        let rest = rest.replace(&scan::rules().to_string(), &"ab".repeat(32));
        fs::write(path(home.path()), format!("{}\n{rest}", Digest::of(rest.as_bytes()))).unwrap();
        assert_eq!(KnownFiles::read(home.path()), None, "of other rules");
        forget(home.path()).unwrap();
        forget(home.path()).unwrap();
        assert_eq!(KnownFiles::read(home.path()), None);
    }

    #[test]
    fn a_file_is_known_only_while_everything_about_it_is_the_same() {
        let known = known();
        assert!(known.unchanged("export/a b", &stat(2_000)).is_some());
        assert!(known.unchanged("export/a b", &stat(2_001)).is_none());
        assert!(known.unchanged("export/a b", &Stat { inode: 9, ..stat(2_000) }).is_none());
        assert!(known.unchanged("export/a b", &Stat { bytes: 6, ..stat(2_000) }).is_none());
        assert!(known.unchanged("paths/ü", &stat(2_000)).is_none(), "it was not settled");
        assert!(known.unchanged("export/other", &stat(2_000)).is_none());
    }

    #[test]
    fn a_file_that_just_changed_or_changes_tomorrow_is_not_settled() {
        let at = |seconds: u64| UNIX_EPOCH + Duration::from_secs(seconds);
        let of = |seconds: i128| stat(seconds * 1_000_000_000);
        assert!(of(100).is_settled(at(103)));
        assert!(!of(100).is_settled(at(102)));
        assert!(!of(100).is_settled(at(50)), "the clock was set back");
        assert!(!of(100).is_settled(at(1)));
    }
}
