//! On a real file system: what is there after each step, wherever it was interrupted.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;

use agent::snapshot::protocol::{AllowedPath, PATHS};
use shared::backup::DataClass;
use shared::outcome::FailureCode;
use tempfile::TempDir;

use super::*;
use agent::snapshot::protocol::Line;

const FIRST: OrderId = OrderId::from_bytes([1; 16]);
const SECOND: OrderId = OrderId::from_bytes([2; 16]);

struct Scene(TempDir);

impl Scene {
    /// Receipts and a plain file of settings, each with an old and a staged version.
    fn new() -> Self {
        let scene = Self(tempfile::tempdir().unwrap());
        fs::create_dir(scene.at("home")).unwrap();
        scene.write("data/receipts/1.txt", "old 1");
        scene.write("data/receipts/only-now.txt", "old");
        scene.write("data/settings.toml", "old = 1");
        scene.write("staged/paths/receipts/1.txt", "saved 1");
        scene.write("staged/paths/receipts/2026/2.txt", "saved 2");
        scene.write("staged/paths/settings", "saved = 1");
        scene
    }

    fn at(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.at(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn allowed(&self, name: &str, path: &str) -> AllowedPath {
        AllowedPath { name: name.to_owned(), class: DataClass::Sales, path: self.at(path) }
    }

    fn request(&self, order: OrderId) -> PlaceFiles {
        let paths = vec![
            self.allowed("receipts", "data/receipts"),
            self.allowed("settings", "data/settings.toml"),
        ];
        PlaceFiles { order, staged: self.at("staged"), paths, only: None }
    }

    fn place(&self, order: OrderId) -> Result<Placed, Failure> {
        place(&self.at("home"), &self.request(order))
    }

    /// Everything below `data`, as `path=text`.
    fn data(&self) -> Vec<String> {
        let mut all = Vec::new();
        let mut folders = vec![self.at("data")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() && !path.is_symlink() {
                    folders.push(path);
                    continue;
                }
                let name = path.strip_prefix(self.at("data")).unwrap().display().to_string();
                all.push(format!("{name}={}", fs::read_to_string(&path).unwrap_or_default()));
            }
        }
        all.sort();
        all
    }
}

const OLD: [&str; 3] =
    ["receipts/1.txt=old 1", "receipts/only-now.txt=old", "settings.toml=old = 1"];
const SAVED: [&str; 3] =
    ["receipts/1.txt=saved 1", "receipts/2026/2.txt=saved 2", "settings.toml=saved = 1"];

#[track_caller]
fn refusal(placed: Result<Placed, Failure>) -> String {
    let failure = placed.unwrap_err();
    let Line::Failed(failed) = failure.answer::<()>() else { panic!("{failure}") };
    assert_eq!((failed.code, failed.again), (FailureCode::NotRestorable, false), "{failure}");
    failed.detail
}

#[test]
fn what_was_staged_is_there_and_comes_and_goes_as_often_as_it_is_asked() {
    let (scene, of) = (Scene::new(), OfOrder { order: FIRST });
    for _twice in 0..2 {
        let placed = scene.place(FIRST).unwrap();
        assert_eq!(placed.paths.len(), 2);
    }
    assert!(SAVED.iter().all(|it| scene.data().contains(&(*it).to_owned())), "{:?}", scene.data());
    for _twice in 0..2 {
        put_back(&scene.at("home"), &of).unwrap();
        assert_eq!(scene.data(), OLD);
    }
    scene.place(FIRST).unwrap();
    for _twice in 0..2 {
        keep(&scene.at("home"), &of).unwrap();
        assert_eq!(scene.data(), SAVED);
        put_back(&scene.at("home"), &of).unwrap();
    }
    assert_eq!(scene.data(), SAVED, "what is kept is kept");
}

#[test]
fn what_was_lost_is_put_where_nothing_is_and_goes_again() {
    let scene = Scene::new();
    fs::remove_dir_all(scene.at("data")).unwrap();
    scene.place(FIRST).unwrap();
    assert_eq!(scene.data(), SAVED);
    put_back(&scene.at("home"), &OfOrder { order: FIRST }).unwrap();
    assert_eq!(scene.data(), Vec::<String>::new());
}

/// As a power cut leaves it: the record as it was written before a step, and the disk after it.
#[test]
fn wherever_it_is_interrupted_each_path_is_old_or_new_and_both_ways_lead_on() {
    for lost in [false, true] {
        for (at, exchanged, goal) in [
            (0, false, "old"),
            (0, true, "old"),
            (1, false, "old"),
            (1, true, "old"),
            (0, false, "new"),
            (0, true, "new"),
            (1, false, "new"),
            (1, true, "new"),
        ] {
            let scene = Scene::new();
            if lost {
                fs::remove_dir_all(scene.at("data")).unwrap();
            }
            let before = scene.data();
            scene.place(FIRST).unwrap();
            let shelf = Shelf::new(&scene.at("home"));
            let mut record = shelf.read().unwrap().unwrap();
            for later in at..2 {
                record.units[later].is_placed = false;
                let unit = record.units[later].clone();
                let folder = folder(&unit).unwrap();
                let (name, beside) = names(&unit);
                if later > at || !exchanged {
                    match unit.ready.unwrap().replaces {
                        true => folder.exchange(beside, name).unwrap(),
                        false => folder.rename(name, beside).unwrap(),
                    }
                }
                if later > at {
                    folder.remove(beside).unwrap();
                    record.units[later].ready = None;
                }
            }
            shelf.write(&record).unwrap();
            let told = format!("lost {lost}, unit {at}, exchanged {exchanged}, {goal}");
            if goal == "old" {
                put_back(&scene.at("home"), &OfOrder { order: FIRST }).unwrap();
                assert_eq!(scene.data(), before, "{told}");
            } else {
                scene.place(FIRST).unwrap();
                keep(&scene.at("home"), &OfOrder { order: FIRST }).unwrap();
                assert_eq!(scene.data(), SAVED, "{told}");
            }
        }
    }
}

#[test]
fn a_restore_that_nobody_finished_is_finished_by_the_next() {
    let scene = Scene::new();
    scene.place(FIRST).unwrap();
    scene.write("staged/paths/settings", "second = 1");
    scene.place(SECOND).unwrap();
    put_back(&scene.at("home"), &OfOrder { order: FIRST }).unwrap();
    put_back(&scene.at("home"), &OfOrder { order: SECOND }).unwrap();
    assert_eq!(scene.data(), OLD);
}

#[test]
fn one_file_takes_its_place_and_what_lies_beside_it_stays() {
    let scene = Scene::new();
    fs::remove_file(scene.at("staged/paths/receipts/1.txt")).unwrap();
    let only = |path: &str| PlaceFiles {
        only: Some(path.to_owned()),
        paths: vec![scene.allowed("receipts", "data/receipts")],
        ..scene.request(FIRST)
    };
    let (home, of) = (scene.at("home"), OfOrder { order: FIRST });
    place(&home, &only("paths/receipts/2026/2.txt")).unwrap();
    let data = scene.data();
    assert!(data.contains(&"receipts/2026/2.txt=saved 2".to_owned()), "{data:?}");
    assert!(data.contains(&OLD[0].to_owned()), "{data:?}");
    put_back(&home, &of).unwrap();
    assert_eq!(scene.data(), OLD);
    scene.write("data/receipts/2026/2.txt", "old 2");
    place(&home, &only("paths/receipts/2026/2.txt")).unwrap();
    keep(&home, &of).unwrap();
    assert_eq!(fs::read_to_string(scene.at("data/receipts/2026/2.txt")).unwrap(), "saved 2");
    assert_eq!(scene.data().len(), 4);
}

#[test]
fn nothing_is_written_outside_of_a_configured_path() {
    let scene = Scene::new();
    scene.write("elsewhere/secret", "untouched");
    let only = |path: &str| PlaceFiles {
        only: Some(path.to_owned()),
        paths: vec![scene.allowed("receipts", "data/receipts")],
        ..scene.request(FIRST)
    };
    let home = scene.at("home");
    for hostile in [
        "paths/receipts/../../elsewhere/secret",
        "/etc/passwd",
        "paths/settings/1.txt",
        "export/sales.db",
        "paths/receipts",
        "paths/receiptsX/1.txt",
        "",
    ] {
        let detail = refusal(place(&home, &only(hostile)));
        assert!(detail.contains(&format!("`{hostile}`")), "{detail}");
    }
    for name in ["..", "../elsewhere", "a/b", "."] {
        let paths = vec![scene.allowed(name, "data/receipts")];
        assert!(place(&home, &PlaceFiles { paths, ..scene.request(FIRST) }).is_err(), "{name}");
    }
    symlink(scene.at("elsewhere"), scene.at("data/receipts/2026")).unwrap();
    scene.write("staged/paths/receipts/2026/secret", "stolen");
    let detail = refusal(place(&home, &only("paths/receipts/2026/secret")));
    assert!(detail.contains("it is no folder"), "{detail}");
    fs::remove_dir_all(scene.at("data/receipts")).unwrap();
    symlink(scene.at("elsewhere"), scene.at("data/receipts")).unwrap();
    let detail = refusal(scene.place(FIRST));
    assert!(detail.contains("a link or a device is there"), "{detail}");
    put_back(&home, &OfOrder { order: FIRST }).unwrap();
    assert_eq!(fs::read_to_string(scene.at("elsewhere/secret")).unwrap(), "untouched");
    assert_eq!(fs::read_dir(scene.at("elsewhere")).unwrap().count(), 1);
}

#[test]
fn what_somebody_else_has_replaced_meanwhile_is_not_swept_away() {
    let scene = Scene::new();
    scene.place(FIRST).unwrap();
    let shelf = Shelf::new(&scene.at("home"));
    let mut record = shelf.read().unwrap().unwrap();
    record.units[1].is_placed = false;
    shelf.write(&record).unwrap();
    scene.write("data/settings.new", "of the till");
    fs::rename(scene.at("data/settings.new"), scene.at("data/settings.toml")).unwrap();
    assert!(refusal(scene.place(FIRST)).contains("somebody else has replaced it"));
    put_back(&scene.at("home"), &OfOrder { order: FIRST }).unwrap();
    assert_eq!(scene.data(), OLD);
}

#[test]
fn who_may_read_a_file_is_as_it_was_saved() {
    let scene = Scene::new();
    let mode = |path: &str| fs::metadata(scene.at(path)).unwrap().permissions().mode() & 0o7777;
    let give = |path: &str, mode| {
        fs::set_permissions(scene.at(path), fs::Permissions::from_mode(mode)).unwrap();
    };
    give("staged/paths/receipts/1.txt", 0o640);
    give("staged/paths/receipts/2026", 0o750);
    scene.place(FIRST).unwrap();
    assert_eq!(mode("data/receipts/1.txt"), 0o640);
    assert_eq!(mode("data/receipts/2026"), 0o750);
}

#[test]
fn nothing_staged_leaves_what_is_there_and_a_damaged_record_stops_everything() {
    let scene = Scene::new();
    fs::remove_dir_all(scene.at("staged").join(PATHS)).unwrap();
    assert_eq!(scene.place(FIRST).unwrap().paths, Vec::<String>::new());
    assert_eq!(scene.data(), OLD);
    scene.write("home/placed.json", "{");
    assert!(
        scene.place(FIRST).is_err()
            && put_back(&scene.at("home"), &OfOrder { order: FIRST }).is_err()
    );
}
