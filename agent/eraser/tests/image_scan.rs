//! Raw images of disks, looked through for secrets before and after a wipe by the program itself.
//!
//! The encrypted image is made and opened by `cryptsetup` in user space (`reencrypt`), so that it
//! is a real LUKS 2 device with a file system inside also where the kernel has no dm-crypt.
//! Needs root, loop devices, `cryptsetup` and the tools of ext4; it fails where one is missing.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use eraser::protocol::{Line, Method, Report};
use tempfile::TempDir;

const TOOLS: &str = "/usr/sbin:/sbin:/usr/bin:/bin";
const MIB: u64 = 1024 * 1024;
/// What is looked for: as large as a block, so that no file system packs it elsewhere.
const SECRETS: [&str; 3] = ["data/sales.db", "logs/pos.log", "spool/outbox"];

fn canary(name: &str) -> String {
    format!("<canary of {name}: 3f9c51e27ab8d604>\n")
}

/// Which secrets stand in clear in an image.
fn found_in(image: &Path) -> Vec<&'static str> {
    let holds = |text: &str| {
        let mut command = Command::new("grep");
        let output = run(command.args(["-aqF", text.trim_end()]).arg(image));
        let status = output.status.code().expect("grep is not killed");
        assert!(status < 2, "grep failed: {}", String::from_utf8_lossy(&output.stderr));
        status == 0
    };
    SECRETS.into_iter().filter(|name| holds(&canary(name))).collect()
}

fn run(command: &mut Command) -> Output {
    let output = command.env("PATH", TOOLS).output();
    output.unwrap_or_else(|error| panic!("{command:?} is needed here: {error}"))
}

#[track_caller]
fn succeed(command: &mut Command) {
    let output = run(command);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} failed: {said}");
}

fn require_root_and_loop_devices() {
    let user = fs::metadata("/proc/self").expect("this is Linux").uid();
    let loops = Path::new("/dev/loop-control").exists();
    assert!(
        user == 0 && loops,
        "this test mounts file systems: run it as root (tests/run does) on a machine with loop \
         devices; here the user is {user}, and loop devices: {loops}"
    );
}

/// A directory with an ext4 file system in a file.
struct Place {
    directory: TempDir,
}

impl Place {
    fn new() -> Self {
        require_root_and_loop_devices();
        let place = Self { directory: tempfile::tempdir().expect("a directory") };
        fs::create_dir(place.path("mounted")).expect("a mount point");
        fs::create_dir(place.path("identity")).expect("the identity");
        fs::write(place.path("key"), canary("key")).expect("a key");
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// With the secrets in it, each of many blocks, written through a mount.
    fn make_ext4(&self, image: &str, bytes: u64) {
        let file = File::create(self.path(image)).expect("an image file");
        file.set_len(bytes).expect("an image file");
        succeed(Command::new("mkfs.ext4").args(["-q", "-m", "0"]).arg(self.path(image)));
        let _mounted = self.mount(image);
        for name in SECRETS {
            let path = self.path("mounted").join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, canary(name).repeat(2000)).expect("a secret");
        }
    }

    fn mount(&self, image: &str) -> Mounted {
        let at = self.path("mounted");
        succeed(Command::new("mount").args(["-o", "loop"]).arg(self.path(image)).arg(&at));
        Mounted(at)
    }

    fn erase(&self, arguments: &[&str], input: &str) -> (Vec<Line>, bool) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tillward-erase"));
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the program");
        let mut stdin = child.stdin.take().expect("a pipe");
        stdin.write_all(input.as_bytes()).expect("the request");
        drop(stdin);
        let output = child.wait_with_output().expect("the program ends");
        let text = String::from_utf8(output.stdout).expect("text");
        let lines = text.lines().map(|line| serde_json::from_str(line).expect("a line"));
        (lines.collect(), output.status.success())
    }

    fn wipe(&self, keys: &str, paths: &[PathBuf], image: &str) -> Report {
        let keys: serde_json::Value = serde_json::from_str(keys).expect("keys");
        let request = serde_json::json!({"wipe": {
            "order": "o1",
            "lifecycle": self.path("lifecycle"),
            "keys": keys,
            "paths": paths,
            "devices": [self.path(image)],
            "identity": [self.path("identity")],
        }});
        let (lines, well) = self.erase(&["run"], &format!("{request}\n"));
        assert!(well, "{lines:?}");
        let Some((Line::Report(report), before)) = lines.split_last() else {
            panic!("no report: {lines:?}")
        };
        assert!(before.iter().all(|line| matches!(line, Line::Phase(_))), "{before:?}");
        self.the_other_commands_agree(report);
        report.clone()
    }

    fn the_other_commands_agree(&self, report: &Report) {
        let lifecycle = self.path("lifecycle");
        let lifecycle = lifecycle.to_str().expect("ASCII");
        for command in ["resume", "report"] {
            let said = self.erase(&[command, "--lifecycle", lifecycle], "");
            assert_eq!(said, (vec![Line::Report(report.clone())], true), "{command}");
        }
        let state = |state: &str| {
            let order = Some("o1".to_owned());
            (vec![Line::State { state: state.to_owned(), order }], true)
        };
        assert_eq!(self.erase(&["state", "--lifecycle", lifecycle], ""), state("erased"));
        assert!(self.path("identity").exists());
        assert_eq!(self.erase(&["forget", "--lifecycle", lifecycle], ""), state("forgotten"));
        assert!(!self.path("identity").exists());
        let (lines, well) = self.erase(&["cancel", "--lifecycle", lifecycle, "--order", "o1"], "");
        assert!(matches!(lines[..], [Line::Failed(_)]) && !well, "{lines:?}");
    }

    /// Turns an image into a LUKS 2 device with the same contents, which `key` opens.
    fn encrypt(&self, image: &str) {
        let room = 32 * MIB;
        let file = File::options().write(true).open(self.path(image)).expect("the image");
        let length = file.metadata().expect("the image").len();
        file.set_len(length + room).expect("room for the header");
        let mut command = self.cryptsetup("reencrypt");
        command.args(["--encrypt", "--type", "luks2", "--force-offline-reencrypt"]);
        command.args(["--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000"]);
        command.arg("--reduce-device-size").arg(format!("{}M", room / MIB));
        succeed(command.arg("--key-file").arg(self.path("key")).arg(self.path(image)));
    }

    /// What a thief with the key has: a copy of the image, decrypted. `Err` is why not.
    fn open_copy(&self, image: &str) -> Result<&'static str, String> {
        const OPENED: &str = "opened.img";
        fs::copy(self.path(image), self.path(OPENED)).expect("a copy");
        let header = self.path("header.img");
        fs::remove_file(&header).ok();
        let mut command = self.cryptsetup("reencrypt");
        command.args(["--decrypt", "--force-offline-reencrypt", "--header"]).arg(header);
        let output = run(command.arg("--key-file").arg(self.path("key")).arg(self.path(OPENED)));
        match output.status.success() {
            true => Ok(OPENED),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    }

    fn accepts_the_key(&self, image: &str, key: &str) -> bool {
        let mut command = self.cryptsetup("open");
        command.args(["--test-passphrase", "--key-file"]).arg(self.path(key));
        run(command.arg(self.path(image))).status.success()
    }

    fn cryptsetup(&self, action: &str) -> Command {
        let mut command = Command::new("cryptsetup");
        command.args([action, "--batch-mode"]).stdin(Stdio::null());
        command
    }
}

struct Mounted(PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        succeed(Command::new("umount").arg(&self.0));
    }
}

#[test]
fn an_encrypted_disk_shows_nothing_after_the_wipe_whoever_has_the_key() {
    let place = Place::new();
    place.make_ext4("disk.img", 24 * MIB);
    assert_eq!(found_in(&place.path("disk.img")), SECRETS, "in clear, so that this can fail");
    place.encrypt("disk.img");
    fs::copy(place.path("key"), place.path("stolen-key")).expect("a thief's copy");
    assert!(place.accepts_the_key("disk.img", "stolen-key"));
    assert!(found_in(&place.path("disk.img")).is_empty(), "encrypted");
    let opened = place.open_copy("disk.img").expect("the key opens it");
    assert_eq!(found_in(&place.path(opened)), SECRETS, "and inside they are");
    assert!(place.mount(opened).0.join(SECRETS[0]).exists());

    let keys = format!(
        r#"[{{"luks":{{"device":{:?}}}}},{{"file":{{"path":{:?}}}}}]"#,
        place.path("disk.img"),
        place.path("key"),
    );
    let report = place.wipe(&keys, &[], "disk.img");
    assert!(report.verified, "{:?}", report.not_verified);
    // One of the keys lay in a file, which is less than a purge.
    assert_eq!(report.method, Method::Clear);
    assert!(report.keys.iter().all(|key| key.destroyed && key.verified));
    assert!(found_in(&place.path("disk.img")).is_empty());
    assert!(!place.accepts_the_key("disk.img", "stolen-key"));
    fs::copy(place.path("stolen-key"), place.path("key")).expect("the thief tries it");
    place.open_copy("disk.img").expect_err("there is no header to open it by");
}

/// The key slots alone: what is left is random to everybody.
#[test]
fn without_its_key_slots_the_encrypted_data_cannot_be_read_even_before_it_is_discarded() {
    let place = Place::new();
    place.make_ext4("disk.img", 24 * MIB);
    place.encrypt("disk.img");
    File::create(place.path("other.img")).and_then(|file| file.set_len(MIB)).expect("an image");
    let header = place.path("header.bak");
    let mut backup = place.cryptsetup("luksHeaderBackup");
    succeed(backup.arg("--header-backup-file").arg(&header).arg(place.path("disk.img")));
    let before = fs::read(place.path("disk.img")).expect("the image");

    let keys = format!(
        r#"[{{"luks":{{"device":{:?},"header_backups":[{header:?}]}}}}]"#,
        place.path("disk.img"),
    );
    let report = place.wipe(&keys, &[], "other.img");
    assert!(report.verified, "{:?}", report.not_verified);
    assert!(!header.exists());
    let after = fs::read(place.path("disk.img")).expect("the image");
    assert!(before[20 * MIB as usize..] == after[20 * MIB as usize..], "data was left as it was");
    assert!(!place.accepts_the_key("disk.img", "key"));
    let refused = place.open_copy("disk.img").expect_err("no key slot is left");
    assert!(!refused.is_empty());
    assert!(found_in(&place.path("disk.img")).is_empty());
    // A device in clear was discarded beside it, which nobody can call a purge.
    assert_eq!(report.method, Method::Clear);
}

#[test]
fn an_encrypted_disk_alone_is_purged() {
    let place = Place::new();
    place.make_ext4("disk.img", 24 * MIB);
    place.encrypt("disk.img");
    let keys = format!(r#"[{{"luks":{{"device":{:?}}}}}]"#, place.path("disk.img"));
    // As at boot: nothing is mounted where the data would be.
    let report = place.wipe(&keys, &[place.path("mounted")], "disk.img");
    assert!(!report.paths[0].removed, "it was the place of a mount");
    assert_eq!((report.verified, report.method), (true, Method::Purge), "{report:?}");
}

#[test]
fn a_disk_in_clear_shows_nothing_after_its_files_and_then_the_whole_of_it_were_wiped() {
    let place = Place::new();
    place.make_ext4("disk.img", 24 * MIB);
    assert_eq!(found_in(&place.path("disk.img")), SECRETS);
    let keys = format!(r#"[{{"file":{{"path":{:?}}}}}]"#, place.path("key"));
    // Files alone, on the mounted disk: their blocks were overwritten before they were freed.
    let other = place.path("other.img");
    File::create(&other).and_then(|file| file.set_len(MIB)).expect("an image");
    let mounted = place.mount("disk.img");
    let paths = ["data", "logs", "spool"].map(|name| place.path("mounted").join(name));
    let report = place.wipe(&keys, &paths, "other.img");
    drop(mounted);
    assert_eq!((report.verified, report.method), (true, Method::Clear), "{report:?}");
    assert!(found_in(&place.path("disk.img")).is_empty());

    // And the whole disk, of which nobody removed anything before.
    let place = Place::new();
    place.make_ext4("disk.img", 24 * MIB);
    let keys = format!(r#"[{{"file":{{"path":{:?}}}}}]"#, place.path("key"));
    let report = place.wipe(&keys, &[], "disk.img");
    assert_eq!((report.verified, report.method), (true, Method::Clear), "{report:?}");
    assert!(found_in(&place.path("disk.img")).is_empty());
    assert_eq!(fs::metadata(place.path("disk.img")).expect("the image").blocks(), 0);
}

/// A real block device: for itself alone, so that nothing mounted is discarded.
#[test]
fn a_block_device_is_emptied_but_not_while_it_is_mounted() {
    let place = Place::new();
    place.make_ext4("disk.img", 24 * MIB);
    let attached = Attached::to(&place.path("disk.img"));
    let kept = eraser::kept::Kept::default();
    let discard = || eraser::device::discard(&attached.0, &kept, &eraser::gate::Open);
    succeed(Command::new("mount").arg(&attached.0).arg(place.path("mounted")));
    let mounted = Mounted(place.path("mounted"));
    let refused = discard().expect_err("it is mounted").to_string();
    assert_eq!(refused, "it is in use, probably mounted");
    assert!(mounted.0.join(SECRETS[0]).exists());
    drop(mounted);
    assert_eq!(found_in(&place.path("disk.img")), SECRETS);
    let outcome = discard().expect("it is free");
    assert!(outcome.done, "{}", outcome.detail);
    let seen = eraser::device::look_at(&attached.0);
    assert!(matches!(seen, eraser::record::Seen::Sampled(_)), "{seen:?}");
    // One block that is not zero, where a sample is taken.
    let disk = File::options().write(true).open(&attached.0).expect("the device");
    disk.write_all_at(b"left", 24 * MIB - 4096).expect("the last block");
    let seen = eraser::device::look_at(&attached.0);
    assert!(matches!(seen, eraser::record::Seen::StillThere(_)), "{seen:?}");
    drop(attached);
    assert!(found_in(&place.path("disk.img")).is_empty());
}

struct Attached(PathBuf);

impl Attached {
    fn to(image: &Path) -> Self {
        let output = run(Command::new("losetup").args(["--find", "--show"]).arg(image));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "losetup failed: {said}");
        Self(String::from_utf8_lossy(&output.stdout).trim().into())
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        succeed(Command::new("losetup").arg("--detach").arg(&self.0));
    }
}
