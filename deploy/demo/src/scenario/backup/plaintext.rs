//! Whether anything readable of a till is where only ciphertext may be.
//!
//! The formats on the way compress before they encrypt, so that a search for text alone would miss
//! what is compressed and not encrypted: every zstd frame is searched as well.

use std::fs;
use std::io::{self, Read as _};
use std::path::Path;

use anyhow::{Context as _, Result};

use super::RECEIPT;
use super::places::files;
use crate::promises::Promises;
use crate::stage::Stage;

/// At the beginning of a frame.
const ZSTD: [u8; 4] = 0xfd2f_b528_u32.to_le_bytes();

/// Of one frame. No pack and no artifact of the demo is larger than that when it is unpacked.
const FRAME_BYTES_MAX: u64 = 64 * 1024 * 1024;

pub(super) fn promise_none(stage: &Stage, tills: &[usize], promises: &mut Promises) -> Result<()> {
    stage.tell.step("searching for a receipt of the tills in all that the controller keeps");
    let own = tills.iter().map(|at| stage.world.terminals[*at].till_directory());
    let missed = own.map(|own| is_in(&own, RECEIPT)).collect::<Result<Vec<_>>>()?;
    promises.check(
        "a search for a known receipt finds it in every till that has printed it",
        missed.into_iter().collect(),
    );
    let places = stage.world.places()?.map(|place| place.directory);
    let controller = stage.world.directory().join("fleet/controller");
    let mut leaked = Vec::new();
    for directory in places.iter().chain([&controller]) {
        leaked.extend(found(directory, RECEIPT)?);
    }
    promises.equal(
        "…and nowhere in what the controller keeps, nor in either place",
        &leaked,
        &Vec::new(),
    );
    Ok(())
}

pub(super) fn is_in(directory: &Path, text: &str) -> Result<Result<(), String>> {
    Ok(match found(directory, text)?.is_empty() {
        true => Err(format!("not in {}", directory.display())),
        false => Ok(()),
    })
}

/// The files below a directory that hold the text.
fn found(directory: &Path, text: &str) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for path in files(directory)? {
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            // A database's log can be gone by now.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => {
                return Err(error).with_context(|| format!("reading {}", path.display()));
            }
        };
        if holds(&bytes, text.as_bytes()) {
            found.push(path.display().to_string());
        }
    }
    Ok(found)
}

/// As it is, or in a zstd frame that begins anywhere.
fn holds(bytes: &[u8], text: &[u8]) -> bool {
    has(bytes, text) || places_of(bytes, &ZSTD).any(|at| has(&unpacked(&bytes[at..]), text))
}

fn has(bytes: &[u8], text: &[u8]) -> bool {
    places_of(bytes, text).next().is_some()
}

fn places_of(bytes: &[u8], part: &[u8]) -> impl Iterator<Item = usize> {
    let pieces = bytes.windows(part.len()).enumerate();
    pieces.filter(move |(_, piece)| *piece == part).map(|(at, _)| at)
}

/// As far as it is a frame: four bytes of ciphertext can look like the beginning of one.
fn unpacked(frame: &[u8]) -> Vec<u8> {
    let mut unpacked = Vec::new();
    if let Ok(decoder) = zstd::stream::read::Decoder::with_buffer(frame) {
        let _until_it_is_none =
            decoder.single_frame().take(FRAME_BYTES_MAX).read_to_end(&mut unpacked);
    }
    unpacked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_found_as_it_is_and_compressed_wherever_it_begins() {
        let plain = format!("{}{RECEIPT}{}", "a".repeat(5000), "b".repeat(5000));
        let packed = zstd::encode_all(plain.as_bytes(), 19).unwrap();
        assert!(packed.len() < plain.len() / 10, "it is compressed");
        let shifted = [b"noise".as_slice(), &ZSTD, &packed, b"noise"].concat();
        for bytes in [plain.as_bytes(), &packed, &shifted] {
            assert!(holds(bytes, RECEIPT.as_bytes()));
            assert!(!holds(bytes, b"another receipt"));
        }
        let cut = &packed[..packed.len() / 4];
        assert!(!holds(cut, b"another receipt"), "no panic");
        assert!(!holds(&[], RECEIPT.as_bytes()));
    }
}
