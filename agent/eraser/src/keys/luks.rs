//! The key slots of a LUKS device: without them nobody can open it, whatever they know.
//!
//! The old blocks of the slots may survive inside flash, so the device is worth discarding as
//! well. A header that somebody saved opens it again: backups are part of the request.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt as _, FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use super::{KeyFile, KeyStore, NotDestroyed, stopped};
use crate::gate::{Effect, Gate};
use crate::outside::{self, Answer};
use crate::protocol::KeyMethod;
use crate::record::{Outcome, Seen};

/// Of `luksDump`: 32 slots and as many tokens with 20 lines each.
const DUMP: Answer = Answer { bytes_max: 256 * 1024 };

#[derive(Debug)]
pub struct LuksKeyslots<'a> {
    pub device: &'a Path,
    pub header_backups: &'a [PathBuf],
}

impl KeyStore for LuksKeyslots<'_> {
    fn name(&self) -> String {
        format!("luks:{}", self.device.display())
    }

    fn method(&self) -> KeyMethod {
        KeyMethod::CryptographicErase
    }

    /// Not the backups: what counts is whether the device can be opened by its own header.
    fn is_there(&self) -> bool {
        slots(self.device).is_ok_and(|slots| slots > 0)
    }

    fn destroy(&self, gate: &dyn Gate) -> Result<Outcome, NotDestroyed> {
        for path in self.header_backups {
            KeyFile { path }.destroy(gate).map_err(|error| NotDestroyed {
                why: format!("the header backup `{}`: {}", path.display(), error.why),
                ..error
            })?;
        }
        let hint = "look at the device with `cryptsetup luksDump`";
        let failed = |why: String| NotDestroyed { why, hint };
        let before = match slots(self.device) {
            Ok(0) => return Ok(Outcome::nothing("it had no key slot")),
            Ok(before) => before,
            // The report calls it unverified: the wrong device may have been named.
            Err(Unopened::NoHeader) => return Ok(Outcome::nothing("it had no LUKS header")),
            Err(error) => return Err(failed(error.to_string())),
        };
        gate.pass(Effect::DestroyKey).map_err(stopped)?;
        let erased = cryptsetup(&["erase", "-q"], self.device, Answer::NONE);
        let erased = erased.map_err(|error| failed(error.to_string()))?;
        if !erased.status.success() {
            return Err(failed(erased.why()));
        }
        let left = slots(self.device).map_err(|error| failed(error.to_string()))?;
        if left > 0 {
            return Err(failed(format!("{left} key slots are left after `cryptsetup erase`")));
        }
        let detail = format!("`cryptsetup erase` removed {before} key slots");
        Ok(Outcome::done(detail, None))
    }

    fn is_gone(&self) -> Seen {
        if let Some(path) = self.header_backups.iter().find(|path| path.exists()) {
            return Seen::StillThere(format!("the header backup `{}` is there", path.display()));
        }
        match slots(self.device) {
            Ok(0) => {}
            Ok(left) => return Seen::StillThere(format!("{left} key slots are left")),
            Err(Unopened::NoHeader) => return Seen::Gone("no LUKS header is left".to_owned()),
            Err(error) => return Seen::CannotTell(error.to_string()),
        }
        if is_open(self.device) {
            let why = "it is open: its key is in memory until it is closed or the power is off";
            return Seen::CannotTell(why.to_owned());
        }
        let tried = ["open", "--test-passphrase", "--key-file", "-"];
        match cryptsetup(&tried, self.device, Answer::NONE) {
            Ok(ended) if ended.status.success() => {
                Seen::StillThere("`cryptsetup open` accepts a passphrase".to_owned())
            }
            Ok(_) => Seen::Gone("no key slot is left, and to open it is refused".to_owned()),
            Err(error) => Seen::CannotTell(error.to_string()),
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum Unopened {
    #[error("there is no LUKS header")]
    NoHeader,
    #[error("`cryptsetup luksDump` fails: {0}")]
    Dump(String),
    #[error(transparent)]
    Io(#[from] io::Error),
}

fn slots(device: &Path) -> Result<usize, Unopened> {
    if !has_header(&File::open(device)?)? {
        return Err(Unopened::NoHeader);
    }
    let dump = cryptsetup(&["luksDump"], device, DUMP)?;
    if !dump.status.success() {
        return Err(Unopened::Dump(dump.why()));
    }
    count_slots(&dump.answered).ok_or_else(|| Unopened::Dump("it names no version".to_owned()))
}

/// A device with only the second header of LUKS 2 can be opened as well, so it is looked for
/// wherever it may be.
fn has_header(device: &File) -> io::Result<bool> {
    const KIB: u64 = 1024;
    let seconds =
        [16, 32, 64, 128, 256, 512, 1024, 2048, 4096].map(|at| (at * KIB, b"SKUL\xba\xbe"));
    let mut places = vec![(0, b"LUKS\xba\xbe")];
    places.extend(seconds);
    for (at, magic) in places {
        let mut found = [0; 6];
        match device.read_exact_at(&mut found, at) {
            Ok(()) if found == *magic => return Ok(true),
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(false)
}

/// From what `cryptsetup luksDump` prints of either version.
fn count_slots(dump: &str) -> Option<usize> {
    let mut lines = dump.lines();
    let version = lines.find_map(|line| line.strip_prefix("Version:"))?.trim();
    match version {
        "1" => Some(
            lines
                .filter(|line| line.starts_with("Key Slot") && line.ends_with(": ENABLED"))
                .count(),
        ),
        "2" => {
            lines.find(|line| *line == "Keyslots:")?;
            let section = lines.take_while(|line| line.starts_with([' ', '\t']));
            let begins = |line: &&str| {
                line.strip_prefix("  ")
                    .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
            };
            Some(section.filter(begins).count())
        }
        _ => None,
    }
}

/// A mapping over it holds the key in memory.
fn is_open(device: &Path) -> bool {
    let Ok(metadata) = fs::metadata(device) else { return false };
    if !metadata.file_type().is_block_device() {
        return false;
    }
    let (major, minor) = (rustix::fs::major(metadata.rdev()), rustix::fs::minor(metadata.rdev()));
    let holders = fs::read_dir(format!("/sys/dev/block/{major}:{minor}/holders"));
    holders.is_ok_and(|mut holders| holders.next().is_some())
}

/// Never asks anybody anything: it reads an empty passphrase of one byte.
fn cryptsetup(arguments: &[&str], device: &Path, answer: Answer) -> io::Result<outside::Ended> {
    let program = outside::find("cryptsetup")?;
    let device = device.to_str().ok_or(io::ErrorKind::InvalidInput)?;
    let arguments: Vec<_> = arguments.iter().copied().chain(["--", device]).collect();
    outside::run(&program, &arguments, b"\n", answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: &str = "LUKS header information\nVersion:       \t2\nEpoch: \t3\n\nKeyslots:\n  \
                          0: luks2\n\tKey:        512 bits\n  1: luks2\n\tKey: 1\nTokens:\n  \
                          0: x\nDigests:\n  0: pbkdf2\n";

    #[test]
    fn key_slots_of_both_versions_are_counted() {
        assert_eq!(count_slots(SECOND), Some(2));
        let emptied =
            "Version:       \t2\n\nKeyslots:\nTokens:\nDigests:\n  0: pbkdf2\n\tHash: x\n";
        assert_eq!(count_slots(emptied), Some(0));
        let first = "LUKS header information for x\n\nVersion:       \t1\n\nKey Slot 0: ENABLED\n\t\
                     Iterations: 1000\nKey Slot 1: DISABLED\n";
        assert_eq!(count_slots(first), Some(1));
        assert_eq!(count_slots("Version: \t1\nKey Slot 0: DISABLED\n"), Some(0));
        // What is not understood is never called empty.
        assert_eq!(count_slots("Version:\t3\nKeyslots:\n"), None);
        assert_eq!(count_slots("Version:\t2\n"), None);
        assert_eq!(count_slots(""), None);
    }

    #[test]
    fn what_has_no_header_is_not_called_erased_by_us() {
        let image = tempfile::NamedTempFile::new().unwrap();
        image.as_file().set_len(1 << 20).unwrap();
        let store = LuksKeyslots { device: image.path(), header_backups: &[] };
        assert!(!store.is_there());
        assert!(!store.destroy(&crate::gate::Open).unwrap().done);
        assert!(matches!(store.is_gone(), Seen::Gone(_)));
        image.as_file().write_all_at(b"SKUL\xba\xbe", 32 * 1024).unwrap();
        assert!(has_header(image.as_file()).unwrap(), "the second header counts");
    }
}
