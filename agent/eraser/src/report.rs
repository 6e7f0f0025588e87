//! What is said of a wipe that has ended. Pure. Never more than was tried and seen.

use std::path::Path;

use crate::keys;
use crate::protocol::{DeviceReport, Key, KeyMethod, KeyReport, Method, PathReport, Report, Wipe};
use crate::record::{Fate, Record, Seen};

pub const TOOL: &str = "tillward-erase";

/// The same record gives the same report.
pub fn report(record: &Record) -> Report {
    let wipe = &record.wipe;
    let mut not_verified = Vec::new();
    let mut verified = |name: &str, why: Option<String>| {
        let is_verified = why.is_none();
        not_verified.extend(why.map(|why| format!("`{name}`: {why}")));
        is_verified
    };
    let keys = wipe.keys.iter().zip(&record.keys).map(|(key, fate)| {
        let store = keys::store(key);
        let name = store.name();
        let verified = verified(&name, why_not(fate).or_else(|| not_there(fate)));
        KeyReport {
            method: store.method(),
            destroyed: fate.done,
            verified,
            detail: said(fate),
            name,
        }
    });
    let keys: Vec<_> = keys.collect();
    let paths = wipe.paths.iter().zip(&record.paths).map(|(path, fate)| {
        let verified = verified(&path.display().to_string(), why_not(fate));
        PathReport { path: path.clone(), removed: fate.done, verified, detail: said(fate) }
    });
    let paths = paths.collect();
    let devices = wipe.devices.iter().zip(&record.devices).map(|(device, fate)| {
        let verified = verified(&device.display().to_string(), why_not(fate));
        DeviceReport { device: device.clone(), discarded: fate.done, verified, detail: said(fate) }
    });
    let devices = devices.collect();
    Report {
        order: wipe.order.clone(),
        phases: record.phases.clone(),
        method: method(wipe, record, &keys),
        keys,
        paths,
        devices,
        verified: not_verified.is_empty(),
        in_full: not_verified.is_empty() && is_in_full(wipe, record),
        tool: TOOL.to_owned(),
        tool_version: record.tool_version.clone(),
        not_verified,
    }
}

fn why_not(fate: &Fate) -> Option<String> {
    if let Some(doubt) = &fate.doubt {
        return Some(doubt.clone());
    }
    match &fate.seen {
        Seen::Gone(_) | Seen::Sampled(_) => None,
        Seen::StillThere(why) | Seen::CannotTell(why) => Some(why.clone()),
        Seen::NotLookedFor => Some("it was not looked for".to_owned()),
    }
}

/// A key that was never found may have been looked for in the wrong place.
fn not_there(fate: &Fate) -> Option<String> {
    (!fate.was_there).then(|| "no key was found there when the wipe began".to_owned())
}

fn said(fate: &Fate) -> String {
    match &fate.seen {
        Seen::Gone(seen)
        | Seen::Sampled(seen)
        | Seen::StillThere(seen)
        | Seen::CannotTell(seen) => {
            format!("{}; looked for: {seen}", fate.detail)
        }
        Seen::NotLookedFor => fate.detail.clone(),
    }
}

/// Whether all of what is gone was looked at. Of files only the names are, and of a large device
/// some blocks.
fn is_in_full(wipe: &Wipe, record: &Record) -> bool {
    let is_whole_key = |key: &Key| match key {
        Key::Luks { header_backups, .. } => header_backups.is_empty(),
        Key::Program { .. } => true,
        Key::File { .. } => false,
    };
    let is_sampled = |fate: &Fate| matches!(fate.seen, Seen::Sampled(_));
    wipe.keys.iter().all(is_whole_key)
        && !record.paths.iter().any(held_something)
        && !record.devices.iter().any(is_sampled)
}

fn held_something(path: &Fate) -> bool {
    path.was_there || path.done
}

/// Purge only where all that was there was readable by keys alone, and each of them is gone: no
/// path was there to be removed in clear, and no device was discarded that was not such a store.
fn method(wipe: &Wipe, record: &Record, keys: &[KeyReport]) -> Method {
    let erased = |key: &KeyReport| match key.method {
        KeyMethod::CryptographicErase | KeyMethod::Program => key.destroyed && key.verified,
        KeyMethod::FileRemoved => false,
    };
    let is_luks = |device: &Path| {
        wipe.keys.iter().any(|key| match key {
            Key::Luks { device: its, .. } => its == device,
            Key::File { .. } | Key::Program { .. } => false,
        })
    };
    let in_clear = record.paths.iter().any(held_something)
        || !wipe.devices.iter().all(|device| is_luks(device));
    match !keys.is_empty() && keys.iter().all(erased) && !in_clear {
        true => Method::Purge,
        false => Method::Clear,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phase::State;

    fn fate(was_there: bool, seen: Seen) -> Fate {
        Fate { done: was_there, detail: "done".to_owned(), seen, ..Fate::before(was_there) }
    }

    fn gone() -> Seen {
        Seen::Gone("gone".to_owned())
    }

    /// A LUKS device whose paths were not mounted, as it is at boot.
    fn encrypted() -> Record {
        let luks = Key::Luks { device: "/dev/x".into(), header_backups: vec![] };
        Record {
            state: State::Erased,
            wipe: Wipe {
                order: "o1".to_owned(),
                lifecycle: "/l".into(),
                keys: vec![luks],
                paths: vec!["/data".into()],
                devices: vec!["/dev/x".into()],
                identity: vec![],
            },
            tool_version: "1".to_owned(),
            phases: vec![],
            keys: vec![fate(true, gone())],
            paths: vec![fate(false, gone())],
            devices: vec![fate(true, gone())],
        }
    }

    #[track_caller]
    fn expect(record: &Record, method: Method, not_verified: &[&str]) {
        let report = report(record);
        assert_eq!(report.method, method);
        assert_eq!(report.not_verified, not_verified);
        assert_eq!(report.verified, not_verified.is_empty());
    }

    #[test]
    fn an_encrypted_store_that_lost_its_key_is_purged() {
        expect(&encrypted(), Method::Purge, &[]);
    }

    #[test]
    fn what_was_looked_at_by_name_or_in_parts_is_not_verified_in_full() {
        assert!(report(&encrypted()).in_full);
        let spoilt: [fn(&mut Record); 5] = [
            |it| it.devices[0].seen = Seen::Sampled("64 of 65 blocks".to_owned()),
            |it| it.paths[0] = fate(true, gone()),
            |it| it.wipe.keys[0] = Key::File { path: "/k".into() },
            |it| {
                let (device, header_backups) = ("/dev/x".into(), vec!["/b".into()]);
                it.wipe.keys[0] = Key::Luks { device, header_backups };
            },
            |it| it.keys[0].seen = Seen::CannotTell("it is open".to_owned()),
        ];
        for (at, spoil) in spoilt.iter().enumerate() {
            let mut record = encrypted();
            spoil(&mut record);
            let report = report(&record);
            assert_eq!((report.in_full, report.verified), (false, at < 4), "{report:?}");
        }
    }

    #[test]
    fn what_was_in_clear_is_cleared() {
        let mut record = encrypted();
        record.paths[0] = fate(true, gone());
        expect(&record, Method::Clear, &[]);
        let mut record = encrypted();
        record.wipe.devices[0] = "/dev/y".into();
        expect(&record, Method::Clear, &[]);
        let mut record = encrypted();
        record.wipe.keys[0] = Key::File { path: "/k".into() };
        expect(&record, Method::Clear, &[]);
        let mut record = encrypted();
        record.wipe.keys.clear();
        record.keys.clear();
        expect(&record, Method::Clear, &[]);
    }

    #[test]
    fn one_key_in_a_file_makes_the_whole_less_than_a_purge() {
        let mut record = encrypted();
        record.wipe.keys.push(Key::File { path: "/k".into() });
        record.keys.push(fate(true, gone()));
        expect(&record, Method::Clear, &[]);
    }

    #[test]
    fn what_cannot_be_told_is_said_and_is_no_purge() {
        let mut record = encrypted();
        record.keys[0].seen = Seen::CannotTell("it is open".to_owned());
        record.devices[0].seen = Seen::StillThere("the block at 0".to_owned());
        record.paths[0].doubt = Some("it was a link".to_owned());
        let why =
            ["`luks:/dev/x`: it is open", "`/data`: it was a link", "`/dev/x`: the block at 0"];
        expect(&record, Method::Clear, &why);
    }

    #[test]
    fn a_key_that_was_never_there_proves_nothing() {
        let mut record = encrypted();
        record.keys[0] = fate(false, gone());
        let why = ["`luks:/dev/x`: no key was found there when the wipe began"];
        expect(&record, Method::Clear, &why);
        assert!(!report(&record).keys[0].destroyed);
    }
}
