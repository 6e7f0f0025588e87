//! The journal: intentions before, outcomes after, so that a restart never has to assume.
//!
//! Pure: says which records are kept and what they mean when they are read back; the store under
//! it is the shell's. Three shelves: the [`log`]s of jobs that are not over, the [`ledger`] of
//! all orders that were accepted, and [`facts`] about the agent itself.

pub mod facts;
pub mod ledger;
pub mod log;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use shared::codec;
use shared::document::receipt::Evidence;
use shared::message::Parcel;
use shared::outcome::{Failure, Outcome};
use shared::time::UnixTime;

use crate::job::Action;

/// One line of a job's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Entry {
    /// The order was found good. Always the first line; `turn` orders the jobs that wait.
    Accepted {
        turn: u64,
        parcel: Box<Parcel>,
    },
    /// The agent started again while the job was under way.
    Resumed,
    /// The step's action is about to begin; `noted` is what the step was to take note of.
    Intended {
        step: String,
        noted: Option<bool>,
    },
    Happened {
        step: String,
        evidence: Vec<Evidence>,
        version: Option<String>,
    },
    /// Established on the way back.
    Noted {
        piece: Evidence,
    },
    /// The step was not called for.
    Skipped {
        step: String,
    },
    /// The step failed where there is no way back any more.
    PassedOver {
        failure: Failure,
        at: UnixTime,
    },
    /// The step failed, and everything is to be undone.
    Failed {
        failure: Failure,
        disturbed: bool,
    },
    /// Nothing was disturbed, and the job is to end like this.
    Withdrawn {
        outcome: Outcome,
    },
    /// Everything back to this step is to be undone, and the job waits there.
    Retreating {
        to: String,
    },
    Undoing {
        step: String,
        action: Action,
    },
    Undone {
        step: String,
    },
    NotUndone {
        step: String,
        failure: Failure,
        at: UnixTime,
    },
    /// The job waits at this step again. What was established so far stays established.
    Retreated {
        to: String,
        evidence: Vec<Evidence>,
    },
}

/// What this build writes in front of every record that it keeps.
const FORMAT: u8 = 1;

/// A record as it is kept; documents inside keep their own format.
#[derive(Serialize, Deserialize)]
struct Framed<T> {
    format: u8,
    record: T,
}

fn encode<T: Serialize>(record: &T) -> Vec<u8> {
    codec::encode(&Framed { format: FORMAT, record })
}

/// `None` when it was written by another build, or is damaged: then it is as good as lost.
fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let framed: Framed<T> = codec::decode(bytes, bytes.len()).ok()?;
    (framed.format == FORMAT).then_some(framed.record)
}
