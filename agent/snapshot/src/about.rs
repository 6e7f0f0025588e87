//! What a manifest says beside the listing, kept in the snapshot itself: so whoever finds the
//! snapshot of an interrupted run can sign for what is in it, and not for what lies on the till
//! by now.

use agent::identity::Identity;
use agent::snapshot::protocol::Save;
use serde::{Deserialize, Serialize};
use shared::digest::Digest;
use shared::document::manifest::DataSet;
use shared::document::{FORMAT, Manifest};
use shared::id::OrderId;
use shared::message::Component;
use shared::time::{ClockConfidence, UnixTime};

use crate::books::Current;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    pub order: OrderId,
    pub serial: String,
    pub model: String,
    pub taken_at: UnixTime,
    pub clock: ClockConfidence,
    pub software: Vec<Component>,
    pub bindings: Vec<String>,
    pub batch_open: bool,
    pub data_sets: Vec<DataSet>,
}

impl About {
    pub fn new(save: &Save, data_sets: Vec<DataSet>) -> Self {
        let mut bindings = save.bindings.clone();
        bindings.sort();
        Self {
            order: save.order,
            serial: save.serial.clone(),
            model: save.model.clone(),
            taken_at: save.taken_at,
            clock: save.clock,
            software: save.software.clone(),
            bindings,
            batch_open: save.batch_open,
            data_sets,
        }
    }

    pub fn manifest(
        self,
        identity: &Identity,
        current: &Current,
        snapshot: Digest,
        listing: Digest,
        number: u64,
    ) -> Manifest {
        Manifest {
            format: FORMAT,
            terminal: identity.facts.terminal,
            serial: self.serial,
            model: self.model,
            repository: current.repository,
            number,
            snapshot,
            order: self.order,
            taken_at: self.taken_at,
            clock: self.clock,
            software: self.software,
            bindings: self.bindings,
            batch_open: self.batch_open,
            data_sets: self.data_sets,
            listing,
            sealed_key: current.sealed_key,
            roster_version: current.roster_version,
        }
    }
}
