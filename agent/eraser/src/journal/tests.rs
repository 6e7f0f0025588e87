//! Torn, damaged, cut and locked journals.

use tempfile::TempDir;

use super::*;
use crate::gate::Open;
use crate::phase::State;
use crate::protocol::Wipe;

fn record(state: State) -> Record {
    let wipe = Wipe {
        order: "o1".to_owned(),
        lifecycle: "/l".into(),
        keys: vec![],
        paths: vec!["/p".into()],
        devices: vec![],
        identity: vec![],
    };
    let (phases, keys, paths, devices) = (vec![], vec![], vec![], vec![]);
    Record { state, wipe, tool_version: "1".to_owned(), phases, keys, paths, devices }
}

fn begun() -> (TempDir, Journal) {
    let directory = tempfile::tempdir().unwrap();
    let journal = Journal::in_directory(directory.path());
    assert_eq!(journal.read().unwrap(), Found::Nothing);
    journal.begin(&record(State::Accepted), &Open).unwrap();
    (directory, journal)
}

#[track_caller]
fn says(journal: &Journal, state: State, is_sole: bool) {
    let record = Box::new(record(state));
    assert_eq!(journal.read().unwrap(), Found::Record { record, is_sole });
}

#[test]
fn the_newest_record_counts() {
    let (_directory, journal) = begun();
    for state in [State::Keys, State::Data, State::Discard, State::Verify] {
        journal.write(&record(state), &Open).unwrap();
        says(&journal, state, false);
    }
}

#[test]
fn copies_keep_the_size_that_they_were_made_with() {
    let (directory, journal) = begun();
    journal.write(&record(State::Keys), &Open).unwrap();
    for name in COPIES {
        let length = fs::metadata(directory.path().join(name)).unwrap().len();
        assert_eq!(length, COPY_BYTES as u64);
    }
}

#[test]
fn a_torn_write_leaves_the_older_record() {
    let (directory, journal) = begun();
    journal.write(&record(State::Keys), &Open).unwrap();
    journal.write(&record(State::Data), &Open).unwrap();
    let newest = COPIES.map(|name| directory.path().join(name)).into_iter().find(|path| {
        let (_, record) = decode(&fs::read(path).unwrap()).unwrap();
        record.state == State::Data
    });
    let newest = newest.expect("one of them is the newest");
    let whole = fs::read(&newest).unwrap();
    let written = HEAD_BYTES + serde_json::to_vec(&record(State::Data)).unwrap().len() + CRC_BYTES;
    for cut in 0..written {
        let mut torn = whole.clone();
        torn[cut..written].fill(b'#');
        fs::write(&newest, &torn).unwrap();
        says(&journal, State::Keys, true);
        fs::write(&newest, &whole[..cut]).unwrap();
        says(&journal, State::Keys, true);
    }
    for bit in 0..written * 8 {
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        fs::write(&newest, &flipped).unwrap();
        says(&journal, State::Keys, true);
    }
    // The next write goes over the damage, not over the record that is left.
    journal.write(&record(State::Data), &Open).unwrap();
    says(&journal, State::Data, false);
}

#[test]
fn two_damaged_copies_are_never_nothing() {
    let (directory, journal) = begun();
    for bytes in [&b"TWE1"[..], b"", &[0; 64]] {
        for name in COPIES {
            fs::write(directory.path().join(name), bytes).unwrap();
        }
        assert!(matches!(journal.read(), Err(JournalError::Unreadable(_))));
    }
    fs::remove_file(directory.path().join(COPIES[0])).unwrap();
    assert!(matches!(journal.read(), Err(JournalError::Unreadable(_))));
}

#[test]
fn a_record_of_the_most_that_is_allowed_fits() {
    use crate::protocol::Key;
    use crate::record::{Fate, Seen};
    let text = "x".repeat(DETAIL_BYTES_MAX);
    let fate = Fate {
        was_there: false,
        done: false,
        detail: text.clone(),
        doubt: Some(text.clone()),
        seen: Seen::CannotTell(text),
    };
    let mut record = record(State::Verify);
    let long = (REQUEST_BYTES_MAX / 2) as usize;
    record.wipe.keys = vec![Key::File { path: "k".repeat(long).into() }];
    record.wipe.paths = vec!["p".repeat(long).into()];
    record.keys = vec![fate.clone(); KEYS_MAX];
    record.paths = vec![fate.clone(); PATHS_MAX];
    record.devices = vec![fate; DEVICES_MAX];
    let bytes = encode(u64::MAX, &record);
    assert!(bytes.len() <= COPY_BYTES);
    assert_eq!(decode(&bytes), Some((u64::MAX, Box::new(record))));
}

#[test]
fn one_process_writes_at_a_time() {
    let (_directory, journal) = begun();
    let held = journal.lock().unwrap();
    assert!(matches!(journal.lock(), Err(JournalError::InUse(_))));
    drop(held);
    journal.lock().unwrap();
}

#[test]
fn a_wipe_that_was_cancelled_leaves_nothing() {
    let (directory, journal) = begun();
    journal.remove(&Open).unwrap();
    assert_eq!(journal.read().unwrap(), Found::Nothing);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}
