//! The bytes of everything that travels, as files: terminals in the field wrote and read these,
//! so a change here is a change of the format.
//!
//! `TILLWARD_GOLDEN=write` writes the files anew; the difference is then for a person to judge.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::path::PathBuf;
use std::{env, fs};

use data_encoding::HEXLOWER;
use serde::Serialize;
use serde::de::DeserializeOwned;
use shared::codec;
use shared::document::Document;
use shared::limits::MESSAGE_BYTES_MAX;
use shared::signature::Envelope;

use crate::samples;

/// Bytes in one line of a file.
const LINE: usize = 32;

fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("contract/golden")
}

/// The bytes that are held under this name, after writing `ours` there when that was asked for.
fn held(name: &str, ours: &[u8]) -> Vec<u8> {
    let path = directory().join(format!("{name}.hex"));
    if env::var_os("TILLWARD_GOLDEN").is_some_and(|it| it == "write") {
        let lines: Vec<_> = ours.chunks(LINE).map(|line| HEXLOWER.encode(line) + "\n").collect();
        fs::write(&path, lines.concat()).expect("the directory is there");
    }
    let text = fs::read_to_string(&path);
    let text = text.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    HEXLOWER.decode(text.replace('\n', "").as_bytes()).expect("the file is hexadecimal")
}

#[track_caller]
fn check_bytes(name: &str, ours: &[u8]) {
    let (held, ours) = (HEXLOWER.encode(&held(name, ours)), HEXLOWER.encode(ours));
    assert_eq!(held, ours, "{name}: what is written differs from what is held");
}

/// The old bytes are read by this build, and written back as they were.
#[track_caller]
fn check_message<T: Serialize + DeserializeOwned + PartialEq + Debug>(name: &str, message: &T) {
    let ours = codec::encode(message);
    let held = held(name, &ours);
    let read: T = codec::decode(&held, MESSAGE_BYTES_MAX).expect("old bytes, new reader");
    assert_eq!(&read, message, "{name}");
    assert_eq!(codec::encode(&read), held, "{name}: written back differently");
}

#[track_caller]
fn check_document<D: Document + PartialEq + Debug>(name: &str, document: &D) {
    let held = held(name, &samples_bytes(name));
    let read = Envelope::<D>::from_bytes(&held).expect("old bytes, new reader");
    assert_eq!(&read.document, document, "{name}");
    assert_eq!(read.to_bytes(), held, "{name}: written back differently");
}

fn samples_bytes(name: &str) -> Vec<u8> {
    let signed = samples::signed().into_iter().find(|(other, _)| *other == name);
    signed.expect("every document has a sample").1.as_slice().to_vec()
}

#[test]
fn every_message_is_written_and_read_as_it_ever_was() {
    samples::up().iter().for_each(|(name, message)| check_message(name, message));
    samples::down().iter().for_each(|(name, message)| check_message(name, message));
    samples::profiles().iter().for_each(|(name, profile)| check_message(name, profile));
    samples::clearances().iter().for_each(|(name, clearance)| check_message(name, clearance));
}

#[test]
fn every_document_is_written_and_signed_as_it_ever_was() {
    samples::signed().iter().for_each(|(name, bytes)| check_bytes(name, bytes.as_slice()));
}

#[test]
fn every_document_is_read_as_it_ever_was() {
    samples::rosters().iter().for_each(|(name, document)| check_document(name, document));
    samples::releases().iter().for_each(|(name, document)| check_document(name, document));
    samples::batches().iter().for_each(|(name, document)| check_document(name, document));
    samples::orders().iter().for_each(|(name, document)| check_document(name, document));
    samples::fleet_times().iter().for_each(|(name, document)| check_document(name, document));
    samples::receipts().iter().for_each(|(name, document)| check_document(name, document));
    samples::checkpoints().iter().for_each(|(name, document)| check_document(name, document));
    let certificates = samples::purge_certificates();
    certificates.iter().for_each(|(name, document)| check_document(name, document));
    let certificates = samples::sanitisation_certificates();
    certificates.iter().for_each(|(name, document)| check_document(name, document));
}

#[test]
fn nothing_is_held_that_is_no_longer_written() {
    let files = fs::read_dir(directory()).expect("the directory is there").map(|entry| {
        let path = entry.expect("it is readable").path();
        path.file_stem().expect("a file").to_string_lossy().into_owned()
    });
    let mut written: BTreeSet<_> = samples::signed().iter().map(|it| it.0.to_owned()).collect();
    written.extend(samples::up().iter().map(|it| it.0.to_owned()));
    written.extend(samples::down().iter().map(|it| it.0.to_owned()));
    written.extend(samples::profiles().iter().map(|it| it.0.to_owned()));
    written.extend(samples::clearances().iter().map(|it| it.0.to_owned()));
    assert_eq!(files.collect::<BTreeSet<_>>(), written);
}
