//! What a snapshot holds, in numbers that can be compared before and after: said by the terminal
//! that took it, under its own key.
//!
//! It names no file: the listing of the files lies in the snapshot itself, encrypted like them, and
//! here is only its digest. So whoever keeps backups learns how much there is, and not what.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::backup::DataClass;
use crate::digest::Digest;
use crate::id::{OrderId, RepositoryId, TerminalId};
use crate::message::Component;
use crate::time::{ClockConfidence, UnixTime};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    pub format: u8,
    pub terminal: TerminalId,
    pub serial: String,
    pub model: String,
    pub repository: RepositoryId,
    /// Counts the snapshots of this terminal from 1, over all of its repositories; none is left
    /// out, so a snapshot that was withheld leaves a gap.
    pub number: u64,
    /// The snapshot's id in the repository: the SHA-256 of its encrypted record.
    pub snapshot: Digest,
    /// The order that asked for it.
    pub order: OrderId,
    pub taken_at: UnixTime,
    pub clock: ClockConfidence,
    /// What ran when it was taken: who can read the data.
    pub software: Vec<Component>,
    /// The payment providers that the till was set up for, by the till's own names, ascending.
    pub bindings: Vec<String>,
    /// A batch was open: it is part of the data, and settled by nobody yet.
    pub batch_open: bool,
    /// By name, ascending, each once.
    pub data_sets: Vec<DataSet>,
    /// SHA-256 of the listing: each file with its size and SHA-256.
    pub listing: Digest,
    /// SHA-256 of the sealed key of the repository.
    pub sealed_key: Digest,
    /// The roster whose recovery recipients it is sealed to.
    pub roster_version: u64,
}

/// What belongs together on a till: saved, restored and counted as one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataSet {
    pub name: String,
    pub class: DataClass,
    /// Of the data's own format, by the POS application's count.
    pub schema: u32,
    pub files: u64,
    pub bytes: u64,
    pub records: u64,
    /// By currency (ISO 4217), in minor units.
    pub totals: BTreeMap<String, i64>,
    /// Of the numbers that the records carry; `None` where they carry none, or there is no record.
    pub numbers: Option<Numbers>,
}

/// The first and the last number of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Numbers {
    pub first: u64,
    pub last: u64,
}
