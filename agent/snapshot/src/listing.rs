//! What a snapshot is going to hold: every file with its size and SHA-256, found by reading once
//! what is not known from the last snapshot, while looking for card data.
//!
//! Only what the POS application told and what the configuration allows is listed. Links are not
//! followed, and nothing outside of the named directories is read.

mod text;
mod walk;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use agent::snapshot::protocol::{EXPORT, Exported, PATHS, Save};
use sha2::{Digest as _, Sha256};
use shared::digest::Digest;
use shared::document::manifest::{DataSet, Numbers};

use crate::known::{KnownFiles, Stat};
use crate::scan::{Hit, Scanner};

pub use text::{Listing, NotAListing};
pub(crate) use walk::inside;

/// Read at once.
const PIECE_BYTES: usize = 128 * 1024;

/// In a manifest, in place of a schema: an allow-listed path that is a folder, and one that is a
/// plain file.
pub const FOLDER: u32 = 0;
pub const PLAIN_FILE: u32 = 1;

/// Why nothing is saved.
#[derive(Debug, thiserror::Error)]
pub enum ListingError {
    #[error("`{path}` holds {what} at byte {offset}")]
    CardData { path: String, what: &'static str, offset: u64 },
    #[error("{what}")]
    NoData { what: String },
    #[error("`{path}` cannot be read")]
    Unreadable { path: String, source: io::Error },
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// In the snapshot: `export/…` or `paths/<name>/…`.
    pub path: String,
    pub data_set: String,
    pub bytes: u64,
    pub sha256: Digest,
}

/// A file that will be listed, and where it lies.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Wanted {
    path: String,
    data_set: String,
    from: PathBuf,
}

/// A listing, and where its files lie on this terminal.
#[derive(Debug)]
pub struct Listed {
    pub listing: Listing,
    /// In the order of the listing.
    pub from: Vec<PathBuf>,
    /// In the same order: how each is recognised, where it can be.
    pub stats: Vec<Option<Stat>>,
    pub data_sets: Vec<DataSet>,
    /// What was left out, and why.
    pub findings: Vec<String>,
}

/// Reads everything that is to be saved and is not known. `progress` is told the bytes of each
/// file.
pub fn list(
    save: &Save,
    known: Option<&KnownFiles>,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Listed, ListingError> {
    let mut findings = Vec::new();
    let mut wanted = exported(save, &mut findings)?;
    for allowed in &save.paths {
        wanted.extend(walk::allowed(allowed, &mut findings)?);
    }
    wanted.sort_by(|a, b| Path::new(&a.path).cmp(Path::new(&b.path)));
    let looked_at = look_at_all(&wanted, known, progress)?;
    let stats = looked_at.iter().map(|it| it.stat).collect();
    let entries = wanted.iter().zip(looked_at).map(|(wanted, Look { bytes, sha256, .. })| Entry {
        path: wanted.path.clone(),
        data_set: wanted.data_set.clone(),
        bytes,
        sha256,
    });
    let listing = Listing(entries.collect());
    let data_sets = data_sets(save, &listing);
    let from = wanted.into_iter().map(|wanted| wanted.from).collect();
    Ok(Listed { listing, from, stats, data_sets, findings })
}

fn no_data(what: String) -> ListingError {
    ListingError::NoData { what }
}

/// Names become part of paths, and of lines of the listing.
pub(crate) fn check_name(name: &str) -> Result<(), ListingError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let is_name = (1..=64).contains(&name.len()) && name.bytes().all(plain);
    match is_name && !name.starts_with('.') {
        true => Ok(()),
        false => Err(no_data(format!("`{name}` is no name for a data set"))),
    }
}

/// What the POS application told, each file once, all of them inside the export.
fn exported(save: &Save, findings: &mut Vec<String>) -> Result<Vec<Wanted>, ListingError> {
    let mut names = BTreeSet::new();
    let all = save.data_sets.iter().map(|set| &set.name).chain(save.paths.iter().map(|p| &p.name));
    for name in all {
        check_name(name)?;
        if !names.insert(name) {
            return Err(no_data(format!("two data sets are called `{name}`")));
        }
    }
    let mut wanted = BTreeMap::new();
    for set in &save.data_sets {
        for file in &set.files {
            let path = walk::inside(file)
                .ok_or_else(|| no_data(format!("`{file}` leads out of the export")))?;
            let from = walk::without_links(&save.export, &path)?;
            let path = format!("{EXPORT}/{path}");
            let data_set = set.name.clone();
            if wanted.insert(path.clone(), Wanted { path, data_set, from }).is_some() {
                return Err(no_data(format!("`{file}` belongs to two data sets")));
            }
        }
    }
    walk::untold(&save.export, &wanted.keys().cloned().collect(), findings)?;
    for set in save.data_sets.iter().filter(|set| !is_backed_up(set)) {
        findings.push(format!("`{}` is {}, which is never saved", set.name, set.class));
        wanted.retain(|_, it| it.data_set != set.name);
    }
    Ok(wanted.into_values().collect())
}

/// By the policy of its class. A path of the configuration is saved whatever its class: somebody
/// asked for it by name.
fn is_backed_up(set: &Exported) -> bool {
    set.class.policy().back_up
}

/// What one file is.
struct Look {
    bytes: u64,
    sha256: Digest,
    stat: Option<Stat>,
}

/// On two threads: one waits for the disk while the other looks.
fn look_at_all(
    wanted: &[Wanted],
    known: Option<&KnownFiles>,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Vec<Look>, ListingError> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new(BTreeMap::new());
    let failure = Mutex::new(None);
    let work = || {
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(wanted) = wanted.get(at) else { return };
            match known
                .and_then(|known| recognise(wanted, known))
                .map_or_else(|| read(wanted, &mut piece), Ok)
            {
                Ok(look) => {
                    progress(look.bytes);
                    results.lock().expect("no thread panics here").insert(at, look);
                }
                Err(error) => {
                    // The others find nothing more to do.
                    next.store(usize::MAX / 2, Ordering::Relaxed);
                    failure.lock().expect("no thread panics here").get_or_insert(error);
                    return;
                }
            }
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(work);
        work();
    });
    match failure.into_inner().expect("no thread panics here") {
        Some(error) => Err(error),
        None => Ok(results.into_inner().expect("no thread panics here").into_values().collect()),
    }
}

/// A file that is as it was when it was last read, and looked through by the same rules.
fn recognise(wanted: &Wanted, known: &KnownFiles) -> Option<Look> {
    let about = fs::symlink_metadata(&wanted.from).ok().filter(fs::Metadata::is_file)?;
    let stat = Stat::of(&about);
    let sha256 = known.unchanged(&wanted.path, &stat)?;
    Some(Look { bytes: about.len(), sha256, stat: Some(stat) })
}

fn read(wanted: &Wanted, piece: &mut [u8]) -> Result<Look, ListingError> {
    let unreadable = |source| ListingError::Unreadable { path: wanted.path.clone(), source };
    let now = SystemTime::now();
    let mut file = open(&wanted.from).map_err(unreadable)?;
    let stat_of = |file: &File| file.metadata().map(|about| Stat::of(&about)).map_err(unreadable);
    let before = stat_of(&file)?;
    let mut scanner = Scanner::new();
    let mut hasher = Sha256::new();
    let mut bytes = 0;
    loop {
        let count = match file.read(piece) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(unreadable(error)),
        };
        let read = &piece[..count];
        if let Some(hit) = scanner.feed(read) {
            return Err(card_data(wanted, hit));
        }
        hasher.update(read);
        bytes += count as u64;
    }
    let after = stat_of(&file)?;
    match scanner.finish() {
        Some(hit) => Err(card_data(wanted, hit)),
        None => {
            let stat = Some(before).filter(|it| it.is_settled(now) && *it == after);
            Ok(Look { bytes, sha256: Digest(hasher.finalize().into()), stat })
        }
    }
}

fn card_data(wanted: &Wanted, hit: Hit) -> ListingError {
    let what = hit.found.as_str();
    ListingError::CardData { path: wanted.path.clone(), what, offset: hit.offset }
}

/// Opens a regular file, and never the target of a link.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).expect("the system's flags are an int");
    let file = fs::OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::other("it is no plain file")),
    }
}

/// In numbers, as the manifest has them.
fn data_sets(save: &Save, listing: &Listing) -> Vec<DataSet> {
    let size_of = |name: &str| {
        let of_it = listing.0.iter().filter(|entry| entry.data_set == name);
        of_it.fold((0, 0), |(files, bytes), entry| (files + 1, bytes + entry.bytes))
    };
    let told = save.data_sets.iter().filter(|set| is_backed_up(set)).map(|set| {
        let (files, bytes) = size_of(&set.name);
        let numbers = match (set.first, set.last) {
            (Some(first), Some(last)) => Some(Numbers { first, last }),
            (None, _) | (_, None) => None,
        };
        DataSet {
            name: set.name.clone(),
            class: set.class,
            schema: set.schema,
            files,
            bytes,
            records: set.records,
            totals: set.totals.clone(),
            numbers,
        }
    });
    let allowed = save.paths.iter().filter_map(|allowed| {
        let (files, bytes) = size_of(&allowed.name);
        // Of what is not there nothing can be restored.
        (files > 0).then(|| DataSet {
            name: allowed.name.clone(),
            class: allowed.class,
            schema: if allowed.path.is_file() { PLAIN_FILE } else { FOLDER },
            files,
            bytes,
            records: 0,
            totals: BTreeMap::new(),
            numbers: None,
        })
    });
    let mut all: Vec<_> = told.chain(allowed).collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}

/// The folder of an allow-listed path.
pub(crate) fn path_folder(name: &str) -> String {
    format!("{PATHS}/{name}")
}
