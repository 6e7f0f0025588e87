//! Links, other names, deep trees, what must stay, and (as root) mounts.

use std::os::unix::fs::symlink;

use super::*;
use crate::gate::Open;

fn removed(path: &Path) -> Outcome {
    remove(path, &Kept::default(), &Open).unwrap()
}

#[test]
fn a_tree_is_removed_with_all_that_is_in_it() {
    let directory = tempfile::tempdir().unwrap();
    let tree = directory.path().join("data");
    fs::create_dir_all(tree.join("a/b/c")).unwrap();
    for name in ["one", "a/two", "a/b/three", "a/b/c/.hidden"] {
        fs::write(tree.join(name), b"secret").unwrap();
    }
    assert!(matches!(look_for(&tree), Seen::StillThere(_)));
    let outcome = removed(&tree);
    assert_eq!((outcome.done, outcome.doubt), (true, None));
    assert_eq!(outcome.detail, "removed; it held 4 files");
    assert!(matches!(look_for(&tree), Seen::Gone(_)));
    assert!(!removed(&tree).done);
    assert!(!removed(Path::new("/no/such/folder/anywhere")).done);
}

#[test]
fn an_empty_folder_is_removed_and_held_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("place-of-a-mount");
    fs::create_dir(&place).unwrap();
    assert!(!holds_something(&place) && holds_something(directory.path()));
    assert!(!removed(&place).done);
    assert!(!place.exists() && !holds_something(&place));
}

#[test]
fn links_are_removed_and_not_followed() {
    let directory = tempfile::tempdir().unwrap();
    let (tree, outside) = (directory.path().join("data"), directory.path().join("outside"));
    fs::create_dir(&tree).unwrap();
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("file"), b"stays").unwrap();
    symlink(&outside, tree.join("folder")).unwrap();
    symlink(outside.join("file"), tree.join("file")).unwrap();
    symlink("/", tree.join("root")).unwrap();
    assert_eq!(removed(&tree).doubt, None);
    assert_eq!(fs::read(outside.join("file")).unwrap(), b"stays");
    let link = directory.path().join("link");
    symlink(&outside, &link).unwrap();
    let outcome = removed(&link);
    assert!(outcome.doubt.unwrap().starts_with("it was a link"), "the data behind it is left");
    assert_eq!(fs::read(outside.join("file")).unwrap(), b"stays");
}

#[test]
fn contents_go_before_names_but_not_those_of_files_with_other_names() {
    let directory = tempfile::tempdir().unwrap();
    let tree = directory.path().join("data");
    fs::create_dir(&tree).unwrap();
    fs::write(tree.join("file"), b"secret").unwrap();
    let mut open = File::open(tree.join("file")).unwrap();
    fs::write(directory.path().join("program"), b"needed").unwrap();
    fs::hard_link(directory.path().join("program"), tree.join("program")).unwrap();
    assert_eq!(removed(&tree).doubt.unwrap(), OTHER_NAMES);
    let mut left = Vec::new();
    io::Read::read_to_end(&mut open, &mut left).unwrap();
    assert_eq!(left, [0; 6]);
    assert_eq!(fs::read(directory.path().join("program")).unwrap(), b"needed");
}

#[test]
fn holes_are_not_filled() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sparse");
    let mut file = File::create(&path).unwrap();
    file.set_len(1 << 40).unwrap();
    file.write_all(b"secret").unwrap();
    file.seek(SeekFrom::Start(1 << 39)).unwrap();
    file.write_all(b"secret").unwrap();
    assert_eq!(removed(&path).doubt, None);
    assert!(file.metadata().unwrap().blocks() < 4096, "a terabyte was not written");
}

#[test]
fn a_deep_tree_is_removed() {
    let directory = tempfile::tempdir().unwrap();
    let tree = directory.path().join("data");
    fs::create_dir(&tree).unwrap();
    let mut at = open_directory(File::open(&tree).unwrap(), c".").unwrap();
    for _ in 0..300 {
        rustix::fs::mkdirat(&at, c"deep", Mode::RWXU).unwrap();
        at = open_directory(&at, c"deep").unwrap();
    }
    assert!(removed(&tree).done);
    assert!(!tree.exists());
}

#[test]
fn what_must_stay_stays_by_whatever_name_it_is_reached() {
    let directory = tempfile::tempdir().unwrap();
    let (lifecycle, other) = (directory.path().join("var/lifecycle"), directory.path().join("x"));
    fs::create_dir_all(&lifecycle).unwrap();
    fs::write(lifecycle.join("wipe.a"), b"journal").unwrap();
    symlink(directory.path(), &other).unwrap();
    let kept = Kept::new([&lifecycle]);
    for path in ["var", "var/lifecycle", "var/lifecycle/wipe.a", "x/var", "x/var/lifecycle"] {
        let error = remove(&directory.path().join(path), &kept, &Open).unwrap_err();
        assert!(matches!(error, TreeError::Kept(_)), "{path}: {error}");
    }
    assert!(lifecycle.join("wipe.a").exists());
}

/// Mounting takes root.
#[test]
fn another_file_system_is_not_entered_unless_it_is_the_path_itself() {
    let directory = tempfile::tempdir().unwrap();
    let tree = directory.path().join("data");
    let inside = tree.join("inside");
    fs::create_dir_all(&inside).unwrap();
    fs::write(tree.join("file"), b"secret").unwrap();
    fs::write(directory.path().join("bound"), b"").unwrap();
    let _mount = Mounted::tmpfs(&inside);
    fs::write(inside.join("file"), b"mounted").unwrap();
    let error = remove(&tree, &Kept::default(), &Open).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("first `inside`: a file system of its own"), "{text}");
    assert!(!tree.join("file").exists(), "the rest went all the same");
    assert_eq!(fs::read(inside.join("file")).unwrap(), b"mounted");
    let outcome = removed(&inside);
    assert_eq!(outcome.detail, "the mount was emptied; it held 1 files");
    assert!(matches!(look_for(&inside), Seen::Gone(_)));
}

#[test]
fn a_folder_that_is_bound_from_the_same_file_system_is_not_entered() {
    let directory = tempfile::tempdir().unwrap();
    let (tree, outside) = (directory.path().join("data"), directory.path().join("outside"));
    fs::create_dir_all(tree.join("bound")).unwrap();
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("file"), b"stays").unwrap();
    let _mount = Mounted::bind(&outside, &tree.join("bound"));
    let error = remove(&tree, &Kept::default(), &Open).unwrap_err();
    assert!(matches!(error, TreeError::Left { count: 1, .. }), "{error}");
    assert_eq!(fs::read(outside.join("file")).unwrap(), b"stays");
}

struct Mounted(PathBuf);

impl Mounted {
    fn tmpfs(at: &Path) -> Self {
        Self::mount(&["-t", "tmpfs", "tmpfs"], at)
    }

    fn bind(what: &Path, at: &Path) -> Self {
        Self::mount(&["--bind", what.to_str().unwrap()], at)
    }

    fn mount(arguments: &[&str], at: &Path) -> Self {
        let status = std::process::Command::new("mount").args(arguments).arg(at).status().unwrap();
        assert!(status.success(), "this test mounts: run it as root, as tests/run does");
        Self(at.to_owned())
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let status = std::process::Command::new("umount").arg(&self.0).status().unwrap();
        assert!(status.success(), "`{}` is left mounted", self.0.display());
    }
}
