//! Saves and fetches between local directories, without a controller: what `tests/backup-speed`
//! measures beside programs that work on local directories too.
//!
//! `local ROOT save N` saves `ROOT/export` into `ROOT/stored` as order N; `local ROOT fetch`
//! restores the last snapshot into `ROOT/restored`. Both print what they did.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;

use agent::identity::{Facts, Identity, TerminalKey};
use agent::snapshot::protocol::{Damage, Exported, Fetch, Reach, Save, Saved};
use shared::backup::{DataClass, Selection, SnapshotOf};
use shared::change::Extent;
use shared::digest::Digest;
use shared::id::{FleetId, OrderId, TerminalId};
use shared::message::SignedBytes;
use shared::time::{ClockConfidence, UnixTime};
use snapshot::home::Home;
use snapshot::place::Directory;
use snapshot::{fetch, save};

type Anything = Box<dyn std::error::Error>;

fn main() -> Result<(), Anything> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let words: Vec<_> = arguments.iter().map(String::as_str).collect();
    let (root, text) = match words.as_slice() {
        [root, "save", number] => (root, saved(Path::new(root), number.parse()?)?),
        [root, "fetch"] => (root, fetched(Path::new(root))?),
        _ => return Err("local ROOT save N, or local ROOT fetch".into()),
    };
    writeln!(io::stdout(), "{root}: {text}")?;
    Ok(())
}

fn home(root: &Path) -> Result<Home, Anything> {
    let key = root.join("terminal-key");
    if !key.exists() {
        fs::create_dir_all(root.join("state"))?;
        TerminalKey::generate()?.write(&key)?;
    }
    let place = Arc::new(Directory::new(root.join("stored")));
    Ok(Home::at(&root.join("state"), identity(&key)?, place)?)
}

fn identity(key: &Path) -> Result<Identity, Anything> {
    Ok(Identity {
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
        key: TerminalKey::read(key)?,
        certificate: String::new(),
        server_ca: String::new(),
        roster: SignedBytes::new(Vec::new()),
    })
}

fn reach() -> Reach {
    Reach { url: String::new(), time_floor: UnixTime(0) }
}

fn saved(root: &Path, number: u8) -> Result<String, Anything> {
    let export = root.join("export");
    let mut files = Vec::new();
    below(&export, &export, &mut files)?;
    let recipients = root.join("recipients");
    if !recipients.exists() {
        let mut text = String::new();
        for name in ["recovery-1", "recovery-2"] {
            let identity = snapshot::keys::restore_identity(&root.join(name))?;
            text += &format!("{}\n", identity.to_public());
        }
        fs::write(&recipients, text)?;
    }
    let request = Save {
        reach: reach(),
        order: OrderId::from_bytes([number; 16]),
        extent: Extent::Incremental,
        export,
        data_sets: vec![Exported {
            name: "all".to_owned(),
            class: DataClass::Journal,
            schema: 1,
            files,
            records: 0,
            totals: BTreeMap::new(),
            first: None,
            last: None,
        }],
        paths: Vec::new(),
        serial: "T-1".to_owned(),
        model: "sim".to_owned(),
        software: Vec::new(),
        bindings: Vec::new(),
        batch_open: false,
        taken_at: UnixTime(1_800_000_000 + i64::from(number)),
        clock: ClockConfidence::Attested,
        recipients: fs::read_to_string(recipients)?.lines().map(str::to_owned).collect(),
        roster_version: 1,
    };
    let saved = save::save(&home(root)?, &request, &|_, _| {})?;
    fs::write(root.join("saved.json"), serde_json::to_vec(&saved)?)?;
    Ok(format!("{} bytes sent, {} files", saved.bytes_sent, saved.files))
}

fn fetched(root: &Path) -> Result<String, Anything> {
    let saved: Saved = serde_json::from_slice(&fs::read(root.join("saved.json"))?)?;
    let home = home(root)?;
    let of = SnapshotOf {
        terminal: home.identity().facts.terminal,
        repository: saved.repository,
        snapshot: saved.snapshot,
        manifest: saved.manifest,
    };
    let into = root.join("restored");
    let selection = Selection::Everything;
    let request = Fetch { reach: reach(), of, selection, into, key: None, damage: Damage::Refuse };
    let fetched = fetch::fetch(&home, &request, &|_, _| {})?;
    Ok(format!("{} bytes in {} files", fetched.bytes, fetched.files))
}

fn below(root: &Path, folder: &Path, files: &mut Vec<String>) -> Result<(), Anything> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        if kind.is_dir() {
            below(root, &path, files)?;
        } else if kind.is_file() {
            let name = path.strip_prefix(root)?.to_str().ok_or("a name is no text")?;
            files.push(name.to_owned());
        }
    }
    Ok(())
}
