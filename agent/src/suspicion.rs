//! A report that something is not as it should be, made at the terminal by command line: a file
//! that the running agent finds. An agent that does not run finds it when it starts.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use serde_json::json;
use shared::durable::{self, NotWritten, Readers};
use shared::limits::short_text;
use shared::time::UnixTime;

use crate::pos::Suspicion;

/// A longer file is none of ours.
const BYTES_MAX: u64 = 8 * 1024;

/// Replaces the report before: the newest is what people look at.
pub fn report(path: &Path, at: UnixTime, note: &str) -> Result<(), NotWritten> {
    let report = json!({ "at": at.0, "note": short_text(note) }).to_string();
    durable::replace_file(path, report.as_bytes(), Readers::Anyone)
}

/// The newest report, if there ever was one.
pub fn read(path: &Path) -> Option<Suspicion> {
    let mut text = Vec::new();
    File::open(path).ok()?.take(BYTES_MAX).read_to_end(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_report_is_found_and_nothing_else_is_taken_for_one() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("suspicion.json");
        assert_eq!(read(&path), None);
        for (at, note) in [(5, "a stranger called"), (6, "and again")] {
            report(&path, UnixTime(at), note).unwrap();
            assert_eq!(read(&path), Some(Suspicion { at, note: note.to_owned() }));
        }
        for broken in ["", "{", "{\"note\":\"when?\"}", &format!("{:>9000}", "{\"at\":1}")] {
            std::fs::write(&path, broken).unwrap();
            assert_eq!(read(&path), None, "{} bytes", broken.len());
        }
    }
}
