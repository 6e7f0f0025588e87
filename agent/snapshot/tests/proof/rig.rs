//! A terminal with a till's export, and a directory for a controller.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use age::x25519::Identity as Recovery;
use agent::identity::{Facts, Identity, TerminalKey};
use agent::snapshot::protocol::{Damage, Exported, Fetch, Reach, Save, Saved};
use shared::backup::{DataClass, Selection, SnapshotOf};
use shared::change::Extent;
use shared::digest::Digest;
use shared::id::{FleetId, OrderId, RepositoryId, TerminalId};
use shared::message::SignedBytes;
use shared::time::{ClockConfidence, UnixTime};
use snapshot::failure::Failure;
use snapshot::home::Home;
use snapshot::keys::{Key, Ring};
use snapshot::place::{Directory, Place};
use tempfile::TempDir;

const LOCK_PATIENCE: Duration = Duration::from_secs(30);

pub(crate) const TAKEN_AT: i64 = 1_800_000_000;

pub(crate) struct Rig {
    root: PathBuf,
    /// Removed at the end, where it is of this rig alone.
    _directory: Option<TempDir>,
    pub(crate) recovery: [Recovery; 2],
}

pub(crate) fn order(number: u8) -> OrderId {
    OrderId::from_bytes([number; 16])
}

impl Rig {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().to_owned();
        let recovery = [Recovery::generate(), Recovery::generate()];
        Self { _directory: Some(directory), ..Self::make(root, recovery) }
    }

    /// A new terminal in a directory that is there.
    pub(crate) fn make(root: PathBuf, recovery: [Recovery; 2]) -> Self {
        fs::create_dir_all(root.join("export")).unwrap();
        fs::create_dir_all(root.join("state")).unwrap();
        TerminalKey::generate().unwrap().write(&root.join("terminal-key")).unwrap();
        Self::at(root, recovery)
    }

    /// The terminal that was made there.
    pub(crate) fn at(root: PathBuf, recovery: [Recovery; 2]) -> Self {
        Self { root, _directory: None, recovery }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// What the till exported, by path.
    pub(crate) fn export(&self, path: &str, bytes: &[u8]) {
        let path = self.path("export").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    pub(crate) fn identity(&self) -> Identity {
        identity(&self.path("terminal-key"))
    }

    pub(crate) fn stored(&self) -> Directory {
        Directory::new(self.path("stored"))
    }

    pub(crate) fn request(&self, number: u8) -> Save {
        let recipients = self.recovery.iter().map(|it| it.to_public().to_string()).collect();
        request(&self.path("export"), number, recipients)
    }

    pub(crate) fn save(&self, number: u8) -> Result<Saved, Failure> {
        self.save_at(Arc::new(self.stored()), &self.request(number))
    }

    pub(crate) fn save_at(&self, place: Arc<dyn Place>, request: &Save) -> Result<Saved, Failure> {
        let home = home(&self.path("state"), || self.identity(), &place)?;
        snapshot::save::save(&home, request, &|_, _| {})
    }

    /// Into `into`, with the terminal's own key.
    pub(crate) fn fetch(
        &self,
        saved: &Saved,
        selection: Selection,
        damage: Damage,
        into: &str,
    ) -> Result<agent::snapshot::protocol::Fetched, Failure> {
        let of = SnapshotOf {
            terminal: self.identity().facts.terminal,
            repository: saved.repository,
            snapshot: saved.snapshot,
            manifest: saved.manifest,
        };
        let reach = Reach { url: String::new(), time_floor: UnixTime(0) };
        let into = self.path(into);
        let request = Fetch { reach, of, selection, into, key: None, damage };
        self.fetch_as("state", || self.identity(), &request)
    }

    pub(crate) fn fetch_as(
        &self,
        state: &str,
        identity: impl Fn() -> Identity,
        request: &Fetch,
    ) -> Result<agent::snapshot::protocol::Fetched, Failure> {
        let place: Arc<dyn Place> = Arc::new(self.stored());
        let home = home(&self.path(state), identity, &place)?;
        snapshot::fetch::fetch(&home, request, &|_, _| {})
    }

    pub(crate) fn key(&self, repository: RepositoryId) -> Key {
        Ring::new(&self.path("state/backup")).key(repository).unwrap().expect("it has the key")
    }

    /// The repository, opened for restic.
    pub(crate) fn for_restic(&self, repository: RepositoryId) -> PathBuf {
        let path = self.stored().repository(repository);
        super::restic::open(&path, &self.key(repository));
        path
    }
}

pub(crate) fn identity(key: &Path) -> Identity {
    Identity {
        facts: Facts {
            terminal: TerminalId::from_bytes([2; 16]),
            fleet: FleetId::from_bytes([1; 16]),
            serial: "T-1".to_owned(),
            epoch: 1,
            url: String::new(),
            broker: String::new(),
            roster: Digest([0; 32]),
            zone: "UTC".to_owned(),
            suspended_by: None,
            claim: None,
        },
        key: TerminalKey::read(key).unwrap(),
        certificate: String::new(),
        server_ca: String::new(),
        roster: SignedBytes::new(Vec::new()),
    }
}

/// Two data sets: everything below `export/sales`, and everything else.
pub(crate) fn request(export: &Path, number: u8, recipients: Vec<String>) -> Save {
    let files = files_below(export);
    let of = |name: &str, class, is_in: &dyn Fn(&str) -> bool| Exported {
        name: name.to_owned(),
        class,
        schema: 1,
        files: files.keys().filter(|path| is_in(path)).cloned().collect(),
        records: 3,
        totals: BTreeMap::from([("EUR".to_owned(), 4200)]),
        first: Some(1),
        last: Some(3),
    };
    let sales = |path: &str| path.starts_with("sales/");
    Save {
        reach: Reach { url: String::new(), time_floor: UnixTime(0) },
        order: order(number),
        extent: Extent::Incremental,
        export: export.to_owned(),
        data_sets: vec![
            of("sales", DataClass::Sales, &sales),
            of("journal", DataClass::Journal, &|path| !sales(path)),
        ],
        paths: Vec::new(),
        serial: "T-1".to_owned(),
        model: "sim".to_owned(),
        software: Vec::new(),
        bindings: vec!["north".to_owned()],
        batch_open: true,
        taken_at: UnixTime(TAKEN_AT + i64::from(number)),
        clock: ClockConfidence::Attested,
        recipients,
        roster_version: 1,
    }
}

/// Contents by relative path.
pub(crate) fn files_below(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten() {
            let entry = entry.unwrap();
            let (path, kind) = (entry.path(), entry.file_type().unwrap());
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                files.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    files
}

/// Another test may start a program at any time, which holds a copy of every lock of this process
/// for the instant until it has begun.
fn home(
    state: &Path,
    identity: impl Fn() -> Identity,
    place: &Arc<dyn Place>,
) -> Result<Home, Failure> {
    let begun = Instant::now();
    loop {
        match Home::at(state, identity(), Arc::clone(place)) {
            Err(Failure::InUse(_)) if begun.elapsed() < LOCK_PATIENCE => thread::yield_now(),
            other => return other,
        }
    }
}

/// Bytes that hardly compress: the same for one seed, and others for another.
pub(crate) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed << 1 | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    // No digits in a row, so that nothing looks like a card.
    (0..length).map(|_| next() | 0x80).collect()
}
