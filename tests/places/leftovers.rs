//! A writer that is killed in the middle of an object.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use controller::blob::{Memory, Place};
use controller::config::{PlaceConfig, PlaceUrl};
use shared::id::FleetId;

pub(crate) fn files(directory: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).expect("it is a directory") {
        let path = entry.expect("it is read").path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path.display().to_string()),
        }
    }
    found
}

#[tokio::test]
async fn what_a_killed_upload_left_is_cleared_away_when_it_is_old() {
    let directory = tempfile::tempdir().unwrap();
    let (root, memory) = (directory.path().join("place"), directory.path().join("memory"));
    let mut writer = Command::new(env!("CARGO_BIN_EXE_half-upload"));
    let mut writer = writer.arg(&root).arg(&memory).stdout(Stdio::piped()).spawn().unwrap();
    let mut said = [0; 5];
    writer.stdout.take().unwrap().read_exact(&mut said).unwrap();
    assert_eq!(&said, b"half\n");
    writer.kill().unwrap();
    writer.wait().unwrap();
    let left: Vec<_> = files(&root).into_iter().filter(|path| path.contains('#')).collect();
    assert_eq!(left.len(), 1, "{left:?}");
    assert!(fs::metadata(&left[0]).unwrap().len() > 0, "part of the object was written");

    let (name, region) = ("north".to_owned(), "north".to_owned());
    let url = PlaceUrl::Directory(root.clone());
    let fleet = FleetId::from_bytes([1; 16]);
    let memory = Memory { fleet, directory: memory };
    let place = Place::open(&PlaceConfig { name, region, url }, &memory).unwrap();
    assert_eq!(place.clear_leftovers().await.unwrap(), 0, "another controller may write it");
    let days_ago = SystemTime::now() - Duration::from_secs(2 * 24 * 3600);
    File::options().write(true).open(&left[0]).unwrap().set_modified(days_ago).unwrap();
    let marker = root.join("tillward-place.json");
    File::options().write(true).open(&marker).unwrap().set_modified(days_ago).unwrap();
    assert_eq!(place.clear_leftovers().await.unwrap(), 1);
    assert_eq!(files(&root), [marker.display().to_string()]);
}
