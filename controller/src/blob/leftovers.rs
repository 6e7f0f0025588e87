//! What a process that was killed in the middle of an upload leaves in a directory.
//!
//! The store writes beside the final name, under one that ends with `#` and a number, and gives it
//! the final name when all of it is durable. Such a name is never an object's.

use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// By then its sender has given up, also one that writes through another controller into the same
/// directory: a terminal sends one object in minutes, an operator one artifact in hours.
pub(super) const ABANDONED_AFTER: Duration = Duration::from_secs(24 * 3600);

/// Terminal, repository, kind, and the folder of two digits; deeper lies nothing of ours.
const DEPTH_MAX: usize = 5;

/// Whether a file of this name is the beginning of an upload that nobody goes on with.
fn is_abandoned(name: &str, age: Duration) -> bool {
    let of_an_upload = name.rsplit_once('#').is_some_and(|(object, number)| {
        !object.is_empty() && !number.is_empty() && number.bytes().all(|it| it.is_ascii_digit())
    });
    of_an_upload && age >= ABANDONED_AFTER
}

/// Clears them away below a directory; gives how many there were.
pub(super) fn clear(directory: &Path, now: SystemTime) -> io::Result<u64> {
    clear_below(directory, now, DEPTH_MAX)
}

fn clear_below(directory: &Path, now: SystemTime, depth: usize) -> io::Result<u64> {
    let mut cleared = 0;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        // Of the entry itself: what a link leads to is somebody else's.
        let metadata = match entry.metadata() {
            Ok(metadata) => metadata,
            // An upload that has just ended.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        if metadata.is_dir() && depth > 0 {
            cleared += clear_below(&entry.path(), now, depth - 1)?;
        }
        let age = now.duration_since(metadata.modified()?).unwrap_or_default();
        if metadata.is_file() && is_abandoned(&entry.file_name().to_string_lossy(), age) {
            fs::remove_file(entry.path())?;
            cleared += 1;
        }
    }
    Ok(cleared)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_old_unfinished_uploads_are_abandoned() {
        let object = "0f".repeat(32);
        for name in [format!("{object}#1"), "config#27".to_owned()] {
            assert!(is_abandoned(&name, ABANDONED_AFTER), "{name}");
            assert!(!is_abandoned(&name, ABANDONED_AFTER - Duration::from_secs(1)), "{name}");
        }
        let objects = [object.as_str(), "config", "tillward-place.json", "#1", "a#", "a#b", "a#1b"];
        for name in objects {
            assert!(!is_abandoned(name, ABANDONED_AFTER * 100), "{name}");
        }
    }

    #[test]
    fn they_are_found_however_deep_an_object_may_lie() {
        let directory = tempfile::tempdir().unwrap();
        let folder = directory.path().join("terminal/repository/data/0f");
        fs::create_dir_all(&folder).unwrap();
        let names = [folder.join("0f#1"), folder.join("0f"), directory.path().join("aa#2")];
        for path in &names {
            fs::write(path, "x").unwrap();
        }
        let now = SystemTime::now();
        assert_eq!(clear(directory.path(), now).unwrap(), 0);
        assert_eq!(clear(directory.path(), now + ABANDONED_AFTER).unwrap(), 2);
        assert_eq!(names.map(|path| path.exists()), [false, true, false]);
    }
}
