//! Discards whole block devices and images of disks, and reads them back.
//!
//! `blkdiscard` gives the blocks back to the device, which may then answer with anything; so the
//! whole of it is zeroed as well, by the kernel: it lets the device do that where the device can.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek as _, SeekFrom};
use std::os::unix::fs::{FileExt as _, FileTypeExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, OFlags, fallocate};
use rustix::io::Errno;

use crate::gate::{Effect, Gate};
use crate::kept::Kept;
use crate::outside::{self, Answer};
use crate::record::{Outcome, Seen};
use crate::tree::write_zeros;

/// Zeroed at once; between two of these the power may be cut.
const CHUNK_BYTES: u64 = 64 * 1024 * 1024;
/// Read back, evenly spread from the first to the last.
const SAMPLES: u64 = 64;
const BLOCK_BYTES: u64 = 4096;

#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    #[error("it holds, or is in, `{}`, which must not go yet", .0.display())]
    Kept(PathBuf),
    #[error("it is neither a block device nor a file")]
    NoDevice,
    #[error("it is in use, probably mounted")]
    InUse,
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl From<Errno> for DeviceError {
    fn from(errno: Errno) -> Self {
        Self::Io(errno.into())
    }
}

pub fn discard(path: &Path, kept: &Kept, gate: &dyn Gate) -> Result<Outcome, DeviceError> {
    let real = match std::fs::canonicalize(path) {
        Ok(real) => real,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            // Not `nothing`: a device that is not there may come back as it was.
            return Ok(Outcome::failed("there was no such device".to_owned(), None));
        }
        Err(error) => return Err(error.into()),
    };
    if let Some(other) = kept.overlaps(&real) {
        return Err(DeviceError::Kept(other.to_owned()));
    }
    let is_block = match real.metadata()?.file_type() {
        kind if kind.is_block_device() => true,
        kind if kind.is_file() => false,
        _ => return Err(DeviceError::NoDevice),
    };
    let mut file = open(&real, is_block)?;
    let length = file.seek(SeekFrom::End(0))?;
    gate.pass(Effect::ZeroDevice)?;
    let given_back = match is_block {
        true => {
            // The tool opens the device for itself alone, too.
            drop(file);
            let given_back = give_back(&real);
            file = open(&real, is_block)?;
            given_back
        }
        false => String::new(),
    };
    let zeroed = zero(&mut file, length, gate)?;
    file.sync_all()?;
    let detail = format!("{given_back}{length} bytes: {zeroed}");
    Ok(Outcome::done(detail, None))
}

/// A block device for itself alone: what is mounted, or part of something that is, stays.
fn open(real: &Path, is_block: bool) -> Result<File, DeviceError> {
    let alone = i32::try_from(OFlags::EXCL.bits()).expect("flags fit");
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    if is_block {
        options.custom_flags(alone);
    }
    options.open(real).map_err(|error| match error.kind() == io::ErrorKind::ResourceBusy {
        true => DeviceError::InUse,
        false => DeviceError::Io(error),
    })
}

/// What came of it, for the report. Not every device can; the zeros come in any case.
fn give_back(real: &Path) -> String {
    let run = |arguments: &[&str]| {
        let program = outside::find("blkdiscard")?;
        let device = real.to_str().ok_or(io::ErrorKind::InvalidInput)?;
        let arguments: Vec<_> = arguments.iter().copied().chain(["--", device]).collect();
        outside::run(&program, &arguments, b"", Answer::NONE)
    };
    if run(&["--secure"]).is_ok_and(|ended| ended.status.success()) {
        return "securely discarded; ".to_owned();
    }
    match run(&[]) {
        Ok(ended) if ended.status.success() => "discarded; ".to_owned(),
        Ok(_) => "not discarded, which it does not offer; ".to_owned(),
        Err(error) => format!("not discarded, {error}; "),
    }
}

/// How the zeros came about.
fn zero(file: &mut File, length: u64, gate: &dyn Gate) -> Result<&'static str, DeviceError> {
    let punched = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    let zeroed = FallocateFlags::ZERO_RANGE | FallocateFlags::KEEP_SIZE;
    let mut how = "zeroed by the device, or as a hole";
    let mut at = 0;
    while at < length {
        let now = CHUNK_BYTES.min(length - at);
        gate.pass(Effect::ZeroDevice)?;
        match fallocate(&*file, punched, at, now) {
            Ok(()) => {}
            Err(Errno::OPNOTSUPP | Errno::INVAL) => {
                how = "overwritten with zeros";
                overwrite(file, zeroed, at, now)?;
            }
            Err(errno) => return Err(errno.into()),
        }
        at += now;
    }
    Ok(how)
}

fn overwrite(file: &mut File, zeroed: FallocateFlags, at: u64, length: u64) -> io::Result<()> {
    // For a file this would only mark the blocks as unwritten; for a device it writes.
    let is_block = file.metadata()?.file_type().is_block_device();
    if is_block && fallocate(&*file, zeroed, at, length).is_ok() {
        return Ok(());
    }
    file.seek(SeekFrom::Start(at))?;
    write_zeros(file, length)
}

/// Reads it back.
pub fn look_at(path: &Path) -> Seen {
    let sampled = File::open(path).and_then(|mut file| {
        let length = file.seek(SeekFrom::End(0))?;
        sample(&file, length)
    });
    match sampled {
        Ok(Sampled { blocks: 0, .. }) => Seen::CannotTell("it has no length".to_owned()),
        Ok(Sampled { blocks, of, other: None }) if blocks < of => {
            Seen::Sampled(format!("{blocks} of {of} blocks read as zeros"))
        }
        Ok(Sampled { blocks, other: None, .. }) => {
            Seen::Gone(format!("{blocks} blocks read as zeros"))
        }
        Ok(Sampled { other: Some(at), .. }) => {
            Seen::StillThere(format!("the block at {at} does not read as zeros"))
        }
        Err(error) => Seen::CannotTell(format!("it cannot be read: {error}")),
    }
}

struct Sampled {
    blocks: u64,
    of: u64,
    /// Where something else than zeros was read.
    other: Option<u64>,
}

fn sample(file: &File, length: u64) -> io::Result<Sampled> {
    let offsets = offsets(length);
    let (blocks, of) = (offsets.len() as u64, length.div_ceil(BLOCK_BYTES));
    for at in &offsets {
        let mut block = [0; BLOCK_BYTES as usize];
        let in_it = usize::try_from(BLOCK_BYTES.min(length - at)).unwrap_or(block.len());
        file.read_exact_at(&mut block[..in_it], *at)?;
        if block.iter().any(|byte| *byte != 0) {
            return Ok(Sampled { blocks, of, other: Some(*at) });
        }
    }
    Ok(Sampled { blocks, of, other: None })
}

fn offsets(length: u64) -> Vec<u64> {
    let blocks = length.div_ceil(BLOCK_BYTES);
    match blocks {
        0 => Vec::new(),
        few if few <= SAMPLES => (0..few).map(|block| block * BLOCK_BYTES).collect(),
        many => {
            let spread = |at: u64| u128::from(at) * u128::from(many - 1) / u128::from(SAMPLES - 1);
            (0..SAMPLES).map(|at| spread(at) as u64 * BLOCK_BYTES).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::gate::Open;

    #[test]
    fn samples_are_spread_from_the_first_block_to_the_last() {
        assert!(offsets(0).is_empty());
        assert_eq!(offsets(1), [0]);
        assert_eq!(offsets(3 * 4096 + 1), [0, 4096, 8192, 12288]);
        let spread = offsets(1 << 40);
        assert_eq!((spread.len(), spread[0], spread[63]), (64, 0, (1 << 40) - 4096));
        assert!(spread.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn an_image_is_emptied_and_what_is_left_in_one_is_seen() {
        let directory = tempfile::tempdir().unwrap();
        let image = directory.path().join("image");
        fs::write(&image, vec![7; 100_000]).unwrap();
        assert!(matches!(look_at(&image), Seen::StillThere(_)));
        let outcome = discard(&image, &Kept::default(), &Open).unwrap();
        assert!(outcome.done, "{}", outcome.detail);
        assert_eq!(fs::read(&image).unwrap(), vec![0; 100_000]);
        assert_eq!(look_at(&image), Seen::Gone("25 blocks read as zeros".to_owned()));
        fs::write(&image, vec![0; 65 * 4096]).unwrap();
        assert_eq!(look_at(&image), Seen::Sampled("64 of 65 blocks read as zeros".to_owned()));
    }

    #[test]
    fn what_is_missing_is_not_called_verified_and_what_is_kept_stays() {
        let directory = tempfile::tempdir().unwrap();
        let (image, link) = (directory.path().join("image"), directory.path().join("link"));
        assert!(!discard(&image, &Kept::default(), &Open).unwrap().done);
        assert!(matches!(look_at(&image), Seen::CannotTell(_)));
        fs::write(&image, "identity").unwrap();
        std::os::unix::fs::symlink(&image, &link).unwrap();
        let kept = Kept::new([&image]);
        assert!(matches!(discard(&link, &kept, &Open), Err(DeviceError::Kept(_))));
        assert_eq!(fs::read(&image).unwrap(), b"identity");
        let folder = discard(directory.path(), &Kept::default(), &Open);
        assert!(matches!(folder, Err(DeviceError::NoDevice)));
    }
}
