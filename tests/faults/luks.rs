//! Disk images encrypted in place by `cryptsetup` in user space: real LUKS 2 devices, also where
//! the kernel has no dm-crypt.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::disk::TOOLS;

/// What a header of LUKS 2 takes, twice over: so much is added to the image.
const HEADER_BYTES: u64 = 32 << 20;

/// Encrypts an image with the key in this file. What is in it stays where it is, behind a header.
pub(crate) fn encrypt(image: &Path, key: &Path) {
    let file = File::options().write(true).open(image).expect("the image");
    let bytes = file.metadata().expect("the image").len();
    file.set_len(bytes + HEADER_BYTES).expect("room for a header");
    drop(file);
    let mut command = cryptsetup("reencrypt");
    command.args(["--encrypt", "--type", "luks2", "--force-offline-reencrypt"]);
    command.args(["--reduce-device-size", "32M"]);
    // It is not the guessing of passwords that is tried here.
    command.args(["--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000"]);
    said(command.arg("--key-file").arg(key).arg(image)).expect("it is encrypted");
}

/// What a thief with the key has: a copy of the image, decrypted. `Err` is why not.
pub(crate) fn open_copy(image: &Path, key: &Path) -> Result<PathBuf, String> {
    let (opened, header) = (image.with_extension("opened"), image.with_extension("header"));
    fs::copy(image, &opened).expect("a copy");
    fs::remove_file(&header).ok();
    let mut command = cryptsetup("reencrypt");
    command.args(["--decrypt", "--force-offline-reencrypt", "--header"]).arg(header);
    said(command.arg("--key-file").arg(key).arg(&opened))?;
    Ok(opened)
}

fn cryptsetup(action: &str) -> Command {
    let mut command = Command::new("cryptsetup");
    command.args([action, "--batch-mode"]).env("PATH", TOOLS).stdin(Stdio::null());
    command
}

fn said(command: &mut Command) -> Result<(), String> {
    let output = command.output().expect("cryptsetup is needed here");
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}
