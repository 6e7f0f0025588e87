//! What a signed archive may hold, and a corpus of what it may not.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use shared::digest::Digest;
use tar::EntryType;

use super::*;
use crate::install::crash_disk::CrashDisk;
use crate::install::fs::RealDisk;

type Member<'a> = (&'a [u8], EntryType, u32, &'a [u8]);

fn tar_of<'a>(members: impl IntoIterator<Item = Member<'a>>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, kind, mode, content) in members {
        let mut header = tar::Header::new_ustar();
        header.as_ustar_mut().expect("made as one").name[..name.len()].copy_from_slice(name);
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_size(content.len() as u64);
        header.set_cksum();
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(content);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

fn compressed(bytes: &[u8]) -> Vec<u8> {
    zstd::stream::encode_all(bytes, 3).unwrap()
}

fn signed(entries: u32, unpacked_size: u64) -> Artifact {
    Artifact { sha256: Digest([0; 32]), size: 0, unpacked_size, entries }
}

/// Unpacks into a directory of its own and hands it over for inspection.
fn unpacked(bytes: &[u8], signed: &Artifact) -> (tempfile::TempDir, Result<(), UnpackError>) {
    let directory = tempfile::tempdir().unwrap();
    let into = directory.path().join("slot.part");
    fs::create_dir(&into).unwrap();
    let result = unpack(&RealDisk, bytes, &into, signed);
    (directory, result)
}

#[track_caller]
fn refused<'a>(members: impl IntoIterator<Item = Member<'a>>, because: &str) {
    let members: Vec<_> = members.into_iter().collect();
    let size = members.iter().map(|(_, _, _, content)| content.len() as u64).sum();
    let signed = signed(u32::try_from(members.len()).unwrap(), size);
    let (directory, result) = unpacked(&compressed(&tar_of(members)), &signed);
    let error = result.expect_err("a hostile archive");
    assert!(error.to_string().contains(because), "{error}");
    let names: Vec<_> = fs::read_dir(directory.path()).unwrap().map(|e| e.unwrap()).collect();
    assert_eq!(names.len(), 1, "something lies beside the slot: {names:?}");
}

const FILE: EntryType = EntryType::Regular;

#[test]
fn plain_files_and_directories_arrive_whole_with_their_modes() {
    let archive = compressed(&tar_of([
        (b"bin/".as_slice(), EntryType::Directory, 0o755, b"".as_slice()),
        (b"bin/till", FILE, 0o755, b"run me"),
        (b"share/deep/er/text", FILE, 0o600, b"read me"),
    ]));
    let (directory, result) = unpacked(&archive, &signed(3, 13));
    result.unwrap();
    let slot = directory.path().join("slot.part");
    let mode = |path: &str| fs::metadata(slot.join(path)).unwrap().permissions().mode() & 0o7777;
    assert_eq!(fs::read(slot.join("bin/till")).unwrap(), b"run me");
    assert_eq!(mode("bin/till"), 0o755);
    assert_eq!(fs::read(slot.join("share/deep/er/text")).unwrap(), b"read me");
    assert_eq!(mode("share/deep/er/text") & 0o111, 0);
}

#[test]
fn names_that_lead_out_are_refused() {
    for name in [
        b"../evil".as_slice(),
        b"a/../../evil",
        b"/etc/evil",
        b"//evil",
        b"./evil",
        b"a/./evil",
        b"a//evil",
        b"..",
        b".",
        b"/",
        b"evil/",
        b"",
        b"evil\nline",
    ] {
        refused([(name, FILE, 0o644, b"x".as_slice())], "name");
    }
    refused([(b"../evil".as_slice(), EntryType::Directory, 0o755, b"".as_slice())], "elsewhere");
}

#[test]
fn names_that_are_not_utf_8_are_refused() {
    refused([(b"caf\xe9".as_slice(), FILE, 0o644, b"x".as_slice())], "not UTF-8");
}

#[test]
fn everything_but_files_and_directories_is_refused() {
    let kinds = [
        (EntryType::Symlink, "link"),
        (EntryType::Link, "link"),
        (EntryType::Char, "device"),
        (EntryType::Block, "device"),
        (EntryType::Fifo, "device"),
        (EntryType::Continuous, "neither"),
        (EntryType::GNUSparse, "neither"),
        (EntryType::GNULongName, "neither"),
        (EntryType::GNULongLink, "neither"),
        (EntryType::XHeader, "neither"),
        (EntryType::XGlobalHeader, "neither"),
        (EntryType::new(b'Z'), "neither"),
    ];
    for (kind, because) in kinds {
        refused([(b"evil".as_slice(), kind, 0o644, b"".as_slice())], because);
    }
}

#[test]
fn privileged_modes_are_refused() {
    for mode in [0o4755, 0o2755, 0o1777] {
        refused([(b"evil".as_slice(), FILE, mode, b"x".as_slice())], "bit");
    }
}

#[test]
fn a_name_is_there_once() {
    let file = (b"a".as_slice(), FILE, 0o644, b"x".as_slice());
    let directory = (b"a".as_slice(), EntryType::Directory, 0o755, b"".as_slice());
    refused([file, file], "twice");
    refused([directory, directory], "twice");
    refused([file, directory], "twice");
    refused([directory, file], "twice");
    refused([file, (b"a/b", FILE, 0o644, b"x")], "below something that is a file");
}

#[test]
fn a_tree_that_is_too_deep_is_refused() {
    let name = [b"d/".repeat(40), b"f".to_vec()].concat();
    refused([(name.as_slice(), FILE, 0o644, b"x".as_slice())], "too deep");
}

#[test]
fn a_directory_has_no_content() {
    refused([(b"d".as_slice(), EntryType::Directory, 0o755, b"x".as_slice())], "content");
}

#[test]
fn of_a_million_entries_no_more_are_unpacked_than_were_signed_or_are_ever_allowed() {
    let mut archive = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    let mut last = Vec::new();
    for number in 0..=ENTRIES_MAX {
        let name = format!("{number}/");
        last = tar_of([(name.as_bytes(), EntryType::Directory, 0o755, b"".as_slice())]);
        io::Write::write_all(&mut archive, &last[..512]).unwrap();
    }
    let thousand = last[..512].repeat(1000);
    for _thousand in 0..1000 {
        io::Write::write_all(&mut archive, &thousand).unwrap();
    }
    let archive = archive.finish().unwrap();
    for entries in [2, 1_000_000] {
        let disk = CrashDisk::new();
        let result = unpack(&disk, archive.as_slice(), Path::new(""), &signed(entries, 0));
        assert!(matches!(result, Err(UnpackError::TooManyEntries { .. })), "{result:?}");
        let made = disk.list(Path::new("")).unwrap().len();
        assert_eq!(made, entries.min(ENTRIES_MAX) as usize);
    }
}

#[test]
fn a_bomb_stops_at_the_signed_size() {
    let zeros = vec![0; 8 << 20];
    let bomb = tar_of([(b"zeros".as_slice(), FILE, 0o644, zeros.as_slice())]);
    let (directory, result) = unpacked(&compressed(&bomb), &signed(1, 1000));
    assert!(matches!(result, Err(UnpackError::TooLarge { signed: 1000 })), "{result:?}");
    let written = fs::metadata(directory.path().join("slot.part/zeros")).unwrap().len();
    assert!(written <= 1000 + 64 * 1024, "{written} bytes were written");
}

#[test]
fn a_bomb_behind_the_end_of_the_archive_is_found_too() {
    let mut bytes = tar_of([(b"f".as_slice(), FILE, 0o644, b"x".as_slice())]);
    bytes.resize(bytes.len() + (8 << 20), 0);
    let (_directory, result) = unpacked(&compressed(&bytes), &signed(1, 1));
    assert!(matches!(result, Err(UnpackError::TooLarge { .. })), "{result:?}");
}

#[test]
fn a_decompressor_that_wants_much_memory_is_refused() {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(27).unwrap();
    encoder.include_contentsize(false).unwrap();
    let bytes = tar_of([(b"f".as_slice(), FILE, 0o644, vec![7; 64].as_slice())]);
    io::copy(&mut bytes.as_slice(), &mut encoder).unwrap();
    let (_directory, result) = unpacked(&encoder.finish().unwrap(), &signed(1, 64));
    assert!(matches!(result, Err(UnpackError::Unreadable(_))), "{result:?}");
}

#[test]
fn an_archive_cut_at_any_block_is_not_taken_for_whole() {
    let bytes = tar_of([
        (b"a".as_slice(), FILE, 0o644, vec![1; 700].as_slice()),
        (b"b", FILE, 0o644, &[2; 700]),
    ]);
    let end_of_files = bytes.len() - 1024;
    for length in (0..end_of_files).step_by(256) {
        let (_directory, result) = unpacked(&compressed(&bytes[..length]), &signed(2, 1400));
        assert!(result.is_err(), "cut at {length}");
    }
    let whole = compressed(&bytes);
    for length in 0..whole.len() {
        let (_directory, result) = unpacked(&whole[..length], &signed(2, 1400));
        assert!(result.is_err(), "compressed, cut at {length}");
    }
    unpacked(&whole, &signed(2, 1400)).1.unwrap();
}

#[test]
fn what_was_signed_and_what_is_there_must_agree() {
    let archive = compressed(&tar_of([(b"f".as_slice(), FILE, 0o644, b"four".as_slice())]));
    let result = unpacked(&archive, &signed(2, 4)).1;
    assert!(matches!(result, Err(UnpackError::TooFewEntries { got: 1, signed: 2 })));
    let result = unpacked(&archive, &signed(1, 5)).1;
    assert!(matches!(result, Err(UnpackError::OtherSize { got: 4, signed: 5 })));
}

#[test]
fn bytes_that_are_no_archive_are_refused_by_name() {
    for bytes in [b"".as_slice(), b"PK\x03\x04", &[0; 4096], &compressed(&[7; 2048])] {
        assert!(unpacked(bytes, &signed(1, 1)).1.is_err());
    }
}
