//! The files beside a configuration that the controller reads at start: whether they are there.
//!
//! Deliberately absent: what is in them. That is compared with a configuration that is right.

use std::fs;
use std::io;
use std::path::Path;

use super::defaults;
use super::reader::{Mistakes, Reader};

const CERTIFICATES: [&str; 4] = ["device_ca", "server_ca", "server", "controller"];

/// Of a place in a bucket.
const PLACE_FILES: [&str; 2] = ["credentials_file", "ca_file"];

/// One sentence for each file that cannot be read, as far as the configuration can be: what is
/// wrong with the configuration itself is not said here.
pub(super) fn unreadable(text: &str, base: &Path) -> Vec<String> {
    let Ok(given) = text.parse() else { return Vec::new() };
    let (elsewhere, mistakes) = (Mistakes::default(), Mistakes::default());
    let mut file = Reader::new(given, defaults(), &elsewhere);
    let look = |key: String, name: String, read: fn(&Path) -> io::Result<()>| {
        let path = base.join(name);
        if let Err(error) = read(&path) {
            mistakes.add(format!("`{key}`: cannot read {}: {error}", path.display()));
        }
    };
    let mut certificates = file.table("certificates");
    for key in CERTIFICATES {
        if let Some(name) = certificates.text(key) {
            look(format!("certificates.{key}"), name, |path| fs::read(path).map(drop));
        }
    }
    for (at, mut place) in file.table("backups").tables("places").into_iter().enumerate() {
        for key in PLACE_FILES.into_iter().filter(|key| place.names(key)).collect::<Vec<_>>() {
            if let Some(name) = place.text(key) {
                let key = format!("backups.places[{}].{key}", at + 1);
                look(key, name, |path| fs::read(path).map(drop));
            }
        }
    }
    if let Some(name) = file.table("rosters").text("directory") {
        look("rosters.directory".to_owned(), name, |path| fs::read_dir(path).map(drop));
    }
    mistakes.into_vec()
}
