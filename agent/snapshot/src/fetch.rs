//! Fetches a snapshot into an empty directory, and believes nothing of it that was not compared
//! with the listing whose digest the manifest has, and the manifest with the order's.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use agent::snapshot::protocol::{Damage, EXPORT, Fetch, Fetched, PATHS};
use sha2::{Digest as _, Sha256};
use shared::backup::Selection;
use shared::digest::Digest;
use shared::document::EpochKey;
use shared::document::manifest::{DataSet, Manifest};
use shared::durable;
use shared::signature::Envelope;

use crate::engine::{Engine, EngineError, Node, Reader};
use crate::failure::Failure;
use crate::home::Home;
use crate::keys::{Key, Ring, restore_identity, unseal};
use crate::listing::{Entry, Listing, PLAIN_FILE, path_folder};
use crate::place::PlaceError;
use crate::save::Progress;
use crate::source::LISTING;

/// Named in one message, at most.
const NAMED_MAX: usize = 20;

pub fn fetch(home: &Home, request: &Fetch, progress: Progress<'_>) -> Result<Fetched, Failure> {
    prepare(&request.into)?;
    let manifest = manifest(home, request)?;
    let key = key(home, request)?;
    let engine =
        Engine::open(Arc::clone(home.place()), request.of.repository, &key, Some(home.cache()))
            .and_then(|engine| Ok((engine.snapshot(request.of.snapshot)?, engine.read()?)));
    let (snapshot, reader) = engine.map_err(damaged)?;
    let text = reader.file(&snapshot, LISTING).map_err(damaged)?;
    if Digest::of(&text) != manifest.listing {
        return Err(Failure::Damaged("its listing is not the one of its manifest".to_owned()));
    }
    let listing = Listing::parse(&text).map_err(|error| Failure::Damaged(error.to_string()))?;
    let paths = paths(&listing)?;
    let wanted = select(&listing, &request.selection)?;
    let all = reader.all(&snapshot).map_err(damaged)?;
    let nodes: BTreeMap<_, _> = all.into_iter().collect();
    let total = wanted.iter().map(|entry| entry.bytes).sum();
    let mut left_out = Vec::new();
    for entry in &wanted {
        let to = request.into.join(staged_at(entry, &manifest));
        if restore(&reader, nodes.get(Path::new(&entry.path)), entry, &to)? == Is::Broken {
            left_out.push(entry.path.clone());
        }
        progress(entry.bytes, total);
    }
    if request.damage == Damage::Refuse && !left_out.is_empty() {
        return Err(Failure::Damaged(named(&left_out)));
    }
    give_modes(&nodes, &request.into)?;
    sync(&request.into)?;
    let restored = wanted.iter().filter(|entry| !left_out.contains(&entry.path));
    let bytes = restored.clone().map(|entry| entry.bytes).sum();
    let files = restored.count() as u64;
    Ok(Fetched { manifest, files, bytes, left_out, paths: paths.into_iter().collect() })
}

/// The data sets that are no data of the till. A file that lies outside of its own data set's
/// folder would be put where another's belongs.
fn paths(listing: &Listing) -> Result<BTreeSet<String>, Failure> {
    let mut paths = BTreeSet::new();
    for Entry { path, data_set, .. } in &listing.0 {
        if path.starts_with(&format!("{}/", path_folder(data_set))) {
            paths.insert(data_set.clone());
        } else if !path.starts_with(&format!("{EXPORT}/")) {
            let what = format!("`{path}` does not lie in the folder of `{data_set}`");
            return Err(Failure::Damaged(what));
        }
    }
    Ok(paths)
}

/// As in the listing; but a path that was a plain file is a plain file here.
fn staged_at(entry: &Entry, manifest: &Manifest) -> String {
    let is_file = |set: &DataSet| set.name == entry.data_set && set.schema == PLAIN_FILE;
    let folder = path_folder(&entry.data_set);
    match entry.path.starts_with(&format!("{folder}/")) && manifest.data_sets.iter().any(is_file) {
        true => folder,
        false => entry.path.clone(),
    }
}

/// Of what lies in configured paths. Its owner can always read, write and remove it.
fn give_modes(nodes: &BTreeMap<PathBuf, Node>, into: &Path) -> Result<(), Failure> {
    for (path, node) in nodes.iter().filter(|(path, _)| path.starts_with(PATHS)) {
        let (least, mut at) = (if node.is_dir() { 0o700 } else { 0o600 }, into.join(path));
        // A path that was a plain file is one here: see [`staged_at`].
        if let Some(folder) = at.parent().filter(|folder| folder.is_file()) {
            at = folder.to_owned();
        }
        let mode = node.meta.mode.unwrap_or(least) & 0o777 | least;
        match fs::set_permissions(&at, fs::Permissions::from_mode(mode)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(Failure::Directory { path: at, source: error });
            }
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

/// Missing and rotten pieces are damage; a controller that cannot be reached is none.
fn damaged(error: EngineError) -> Failure {
    match error {
        EngineError::Place(error @ (PlaceError::Missing { .. } | PlaceError::Damaged { .. })) => {
            Failure::Damaged(error.to_string())
        }
        EngineError::Place(error) => error.into(),
        error @ (EngineError::PacksMissing | EngineError::Library { .. }) => {
            Failure::Damaged(error.to_string())
        }
    }
}

fn prepare(into: &Path) -> Result<(), Failure> {
    let failed = |source| Failure::Directory { path: into.to_owned(), source };
    fs::create_dir_all(into).map_err(failed)?;
    match fs::read_dir(into).map_err(failed)?.next() {
        None => Ok(()),
        Some(_) => Err(Failure::NotEmpty(into.to_owned())),
    }
}

fn manifest(home: &Home, request: &Fetch) -> Result<Manifest, Failure> {
    let of = &request.of;
    let bytes = home.place().manifest(of.repository, of.manifest)?;
    let envelope = Envelope::<Manifest>::from_bytes(&bytes)
        .map_err(|error| Failure::Damaged(format!("its manifest is unreadable: {error}")))?;
    let said = &envelope.document;
    let is_it = envelope.digest() == of.manifest
        && said.terminal == of.terminal
        && said.repository == of.repository
        && said.snapshot == of.snapshot;
    match is_it {
        true => Ok(envelope.document),
        false => Err(Failure::Damaged("its manifest is not the one of the order".to_owned())),
    }
}

/// The terminal's own, or the one that was sealed to it.
fn key(home: &Home, request: &Fetch) -> Result<Key, Failure> {
    let Some(sealed) = &request.key else {
        return Ring::new(home.path()).key(request.of.repository)?.ok_or(Failure::NoKey);
    };
    let identity = restore_identity(&home.restore_identity()).map_err(Failure::Unsealed)?;
    let opened = unseal(&sealed.0, &identity).map_err(Failure::Unsealed)?;
    let envelope = Envelope::<EpochKey>::from_bytes(&opened).map_err(|_| Failure::OtherKey)?;
    let said = envelope.document;
    let is_it = said.repository == request.of.repository && said.terminal == request.of.terminal;
    is_it.then(|| Key::from_bytes(&said.key)).flatten().ok_or(Failure::OtherKey)
}

fn select(listing: &Listing, selection: &Selection) -> Result<Vec<Entry>, Failure> {
    let chosen = |keep: &dyn Fn(&Entry) -> bool| -> Vec<Entry> {
        listing.0.iter().filter(|entry| keep(entry)).cloned().collect()
    };
    match selection {
        Selection::Everything => Ok(listing.0.clone()),
        Selection::File(path) => match chosen(&|entry| entry.path == *path) {
            none if none.is_empty() => Err(Failure::NotInside(format!("file `{path}`"))),
            one => Ok(one),
        },
        Selection::DataSets(names) => {
            let known = |name: &&String| listing.0.iter().any(|entry| entry.data_set == **name);
            match names.iter().find(|name| !known(name)) {
                Some(name) => Err(Failure::NotInside(format!("file of the data set `{name}`"))),
                None => Ok(chosen(&|entry| names.contains(&entry.data_set))),
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Is {
    AsListed,
    Broken,
}

/// Writes one file, and removes it again where it is not what was listed.
fn restore(
    reader: &Reader,
    node: Option<&Node>,
    entry: &Entry,
    path: &Path,
) -> Result<Is, Failure> {
    let Some(node) = node else { return Ok(Is::Broken) };
    let failed = |source| Failure::Directory { path: path.to_owned(), source };
    fs::create_dir_all(durable::parent_of(path)).map_err(failed)?;
    let file = fs::File::create_new(path).map_err(failed)?;
    let mut file = Hashed { file, hasher: Sha256::new(), failure: None };
    let copied = reader.copy(node, &mut file);
    if let Some(source) = file.failure {
        return Err(failed(source));
    }
    match copied {
        Err(EngineError::Place(
            error @ (PlaceError::Unreachable { .. }
            | PlaceError::Stopped
            | PlaceError::Refused { .. }),
        )) => return Err(error.into()),
        Ok(()) if Digest(file.hasher.finalize().into()) == entry.sha256 => return Ok(Is::AsListed),
        Ok(()) | Err(_) => {}
    }
    fs::remove_file(path).map_err(failed)?;
    Ok(Is::Broken)
}

/// Hashes what it writes, and remembers why it could not.
struct Hashed {
    file: fs::File,
    hasher: Sha256,
    failure: Option<io::Error>,
}

impl io::Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match io::Write::write_all(&mut self.file, bytes) {
            Ok(()) => {
                self.hasher.update(bytes);
                Ok(bytes.len())
            }
            Err(error) => {
                self.failure = Some(error.kind().into());
                Err(error)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        io::Write::flush(&mut self.file)
    }
}

fn named(lost: &[String]) -> String {
    let names: Vec<_> = lost.iter().take(NAMED_MAX).map(|path| format!("`{path}`")).collect();
    let more = lost.len().saturating_sub(NAMED_MAX);
    let and = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("{}{and} cannot be restored", names.join(", "))
}

/// What is staged survives a power cut before the till is told of it.
fn sync(into: &Path) -> Result<(), Failure> {
    let synced = fs::File::open(into).and_then(|directory| Ok(rustix::fs::syncfs(directory)?));
    synced.map_err(|source| Failure::Directory { path: into.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_lies_in_the_folder_of_its_own_data_set_or_nothing_is_restored() {
        let listing = |path: &str| {
            let (data_set, path) = ("receipts".to_owned(), path.to_owned());
            Listing(vec![Entry { path, data_set, bytes: 1, sha256: Digest([1; 32]) }])
        };
        let found = |path: &str| paths(&listing(path)).map(Vec::from_iter);
        assert_eq!(found("paths/receipts/1.txt").unwrap(), ["receipts"]);
        assert_eq!(found("export/sales.db").unwrap(), Vec::<String>::new());
        for hostile in
            ["paths/settings/pos.toml", "paths/receipts", "paths/1.txt", "listing", "etc/x"]
        {
            assert!(matches!(found(hostile), Err(Failure::Damaged(_))), "{hostile}");
        }
    }
}
