//! An ext4 file system in a file, mounted while the value lives.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the tools of an administrator are, which is not on everybody's path.
pub(crate) const TOOLS: &str = "/usr/sbin:/sbin:/usr/bin:/bin";

/// The file system writes its journal only when it is asked: what survives a cut does not survive
/// by the chance of its timer.
const OPTIONS: &str = "loop,commit=3600";

#[derive(Debug)]
pub(crate) struct Disk {
    pub(crate) image: PathBuf,
    mount: PathBuf,
}

impl Disk {
    /// Makes `<directory>/<name>.img` and mounts it.
    pub(crate) fn make(directory: &Path, name: &str, bytes: u64) -> Self {
        require_root_and_loop_devices();
        let image = directory.join(format!("{name}.img"));
        File::create(&image).and_then(|file| file.set_len(bytes)).expect("an image file");
        // No blocks are kept back for root, who is the one who fills it here.
        run(Command::new("mkfs.ext4").args(["-q", "-m", "0"]).arg(&image));
        Self::mount(image)
    }

    /// Mounts an image as it is; the file system replays its journal, as after a power cut.
    pub(crate) fn mount(image: PathBuf) -> Self {
        let mount = image.with_extension("mounted");
        fs::create_dir_all(&mount).expect("a mount point");
        run(Command::new("mount").args(["-o", OPTIONS]).arg(&image).arg(&mount));
        Self { image, mount }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.mount
    }
}

impl Drop for Disk {
    /// Also when the test has failed: a loop device that stays is lost until the next start.
    #[expect(clippy::print_stderr, reason = "a destructor has nobody to return it to")]
    fn drop(&mut self) {
        let unmounted = Command::new("umount").env("PATH", TOOLS).arg(&self.mount).status();
        if !unmounted.is_ok_and(|status| status.success()) {
            eprintln!("`{}` is busy: it is unmounted when it is no longer", self.mount.display());
            run(Command::new("umount").arg("--lazy").arg(&self.mount));
        }
    }
}

fn require_root_and_loop_devices() {
    let user = fs::metadata("/proc/self").expect("this is Linux").uid();
    assert!(
        user == 0 && Path::new("/dev/loop-control").exists(),
        "this test mounts file systems: run it as root (tests/run does) on a machine with loop \
         devices; here the user is {user}, and /dev/loop-control {}",
        if Path::new("/dev/loop-control").exists() { "exists" } else { "is missing" },
    );
}

fn run(command: &mut Command) {
    let output = command.env("PATH", TOOLS).output();
    let output = output.unwrap_or_else(|error| panic!("{command:?} is needed here: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} failed: {said}");
}
