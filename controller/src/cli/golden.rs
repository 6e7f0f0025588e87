//! For tests: what the command line prints, compared with files that people review.
//!
//! `TILLWARD_GOLDEN=write` writes the files anew; the difference is then for a person to judge.

use std::env;
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use shared::durable::{Readers, parent_of, replace_file};

use super::print::Print;

/// Compares `ours` with `controller/tests/golden/<name>.txt`.
#[track_caller]
pub(super) fn check(name: &str, ours: &str) {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let path = folder.join(format!("{name}.txt"));
    if env::var_os("TILLWARD_GOLDEN").is_some_and(|it| it == "write") {
        fs::create_dir_all(parent_of(&path)).expect("the folder can be made");
        replace_file(&path, ours.as_bytes(), Readers::Anyone).expect("the file can be written");
    }
    let held = fs::read_to_string(&path);
    let held = held.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert_eq!(ours, held, "{name}: what is printed differs from what is held");
}

/// What `show` prints: the result, and below it what is said about it.
pub(super) fn printed(show: impl FnOnce(&mut Print)) -> String {
    let (out, err) = (Shared::default(), Shared::default());
    show(&mut Print::to(out.clone(), err.clone()));
    match (out.text(), err.text()) {
        (out, err) if err.is_empty() => out,
        (out, err) => format!("{out}--- standard error\n{err}"),
    }
}

/// Bytes that two can see.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Shared {
    fn text(&self) -> String {
        let bytes = self.0.lock().expect("no writer panics").clone();
        String::from_utf8(bytes).expect("what is printed is text")
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no writer panics").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
