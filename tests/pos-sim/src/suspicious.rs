//! The button with which a person at the till says that something is not right: a letter, a caller,
//! a device. It is a file of its own, so that it works whether or not the till runs.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::exit::Exit;
use crate::protocol::Suspicion;
use crate::{clock, file, print};

const FILE: &str = "suspicion.json";

/// What a person types in a hurry, and what fits into a report.
const NOTE_CHARACTERS_MAX: usize = 500;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The till's data directory.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// What is suspicious.
    #[arg(long, value_name = "TEXT")]
    note: String,
}

/// Presses the button; the till tells of it from its next `status` on.
pub(crate) fn run(arguments: &Arguments) -> Result<Exit> {
    let Arguments { data, note } = arguments;
    let printable = note.chars().filter(|letter| !letter.is_control());
    let note = printable.take(NOTE_CHARACTERS_MAX).collect();
    let suspicion = Suspicion { at: clock::unix_ms() / 1000, note };
    std::fs::create_dir_all(data).with_context(|| format!("cannot make {}", data.display()))?;
    file::replace(&data.join(FILE), &serde_json::to_vec(&suspicion)?)?;
    Ok(Exit::Done)
}

/// The last time that somebody pressed it. A file that cannot be read is no suspicion, and stderr
/// says so: the rest of the status matters more.
pub(crate) fn last(data: &Path) -> Option<Suspicion> {
    let path = data.join(FILE);
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        Err(error) => {
            print::note(&format!("cannot read {}: {error}", path.display()));
            return None;
        }
    };
    serde_json::from_slice(&bytes)
        .inspect_err(|error| {
            print::note(&format!("cannot understand {}: {error}", path.display()));
        })
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_button_can_be_pressed_before_there_is_a_till_and_the_last_press_counts() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("till");
        assert_eq!(last(&data), None);
        for note in ["a letter\nwith a line", &"x".repeat(900)] {
            run(&Arguments { data: data.clone(), note: note.to_owned() }).unwrap();
        }
        let note = last(&data).unwrap().note;
        assert_eq!(note, "x".repeat(500));
        std::fs::write(data.join(FILE), "{\"at\":").unwrap();
        assert_eq!(last(&data), None, "a torn file blinds nobody");
    }
}
