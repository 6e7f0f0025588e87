//! Who holds which key in which role. Signed by a threshold of the old **and** the new root keys;
//! versions follow one another without a gap.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::change::Verb;
use crate::digest::{Digest, KeyId, PublicKey};
use crate::floor::{self, Requirement};
use crate::id::FleetId;
use crate::limits;
use crate::time::UnixTime;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Roster {
    pub format: u8,
    pub fleet: FleetId,
    pub version: u64,
    pub issued_at: UnixTime,
    pub expires_at: UnixTime,
    /// By id, ascending, each once.
    pub keys: Vec<RosterKey>,
    pub thresholds: Thresholds,
    /// Where the fleet asks for more than the compiled floor.
    pub requirements: BTreeMap<Verb, Requirement>,
    /// `age` recipients to whom backup keys are sealed.
    pub recovery_recipients: Vec<RecoveryRecipient>,
    /// SHA-256 of the previous roster's payload; `None` only in version 1.
    pub previous: Option<Digest>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RosterKey {
    pub id: KeyId,
    pub role: Role,
    /// The person or machine that holds the private half; approvals count distinct owners.
    pub owner: String,
    /// Ed25519 (COSE algorithm −19); the only algorithm that this format knows.
    pub public: PublicKey,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    Root,
    Release,
    Approver,
    Controller,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Thresholds {
    pub root: u8,
    pub release: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecoveryRecipient {
    pub owner: String,
    pub recipient: String,
}

/// What makes a roster unusable, however well it is signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnsoundRoster {
    #[error("the roster has {0} keys, more than {max}", max = limits::ROSTER_KEYS_MAX)]
    TooManyKeys(usize),
    #[error("the keys are not in ascending order of their ids, each once")]
    KeysOutOfOrder,
    #[error("key {0} is not named after its public half")]
    MisnamedKey(KeyId),
    #[error("the {role:?} threshold is {got}, below the compiled floor of {floor}")]
    ThresholdBelowFloor { role: Role, got: u8, floor: u8 },
    #[error("{have} {role:?} keys cannot reach a threshold of {need}")]
    ThresholdOutOfReach { role: Role, have: usize, need: u8 },
    #[error("only version 1 has no previous roster")]
    BrokenChain,
}

impl Roster {
    pub fn key(&self, id: KeyId) -> Option<&RosterKey> {
        self.keys.binary_search_by(|key| key.id.cmp(&id)).ok().map(|at| &self.keys[at])
    }

    pub fn holders(&self, role: Role) -> impl Iterator<Item = &RosterKey> {
        self.keys.iter().filter(move |key| key.role == role)
    }

    /// What a batch must carry: the compiled floor, raised by this roster where it says so.
    pub fn requirement(&self, verb: Verb, terminals: u32) -> Requirement {
        let floor = floor::floor(verb, terminals);
        match self.requirements.get(&verb) {
            None => floor,
            Some(asked) => Requirement {
                signers: match floor.signers {
                    floor::Signers::Controller => floor::Signers::Controller,
                    floor::Signers::ControllerOrApprover => asked.signers,
                },
                approvers: asked.approvers.max(floor.approvers),
            },
        }
    }

    /// Checks what signatures cannot: names, order, thresholds.
    pub fn check(&self) -> Result<(), UnsoundRoster> {
        if self.keys.len() > limits::ROSTER_KEYS_MAX {
            return Err(UnsoundRoster::TooManyKeys(self.keys.len()));
        }
        if !self.keys.is_sorted_by(|a, b| a.id < b.id) {
            return Err(UnsoundRoster::KeysOutOfOrder);
        }
        if let Some(key) = self.keys.iter().find(|key| key.public.key_id() != key.id) {
            return Err(UnsoundRoster::MisnamedKey(key.id));
        }
        if (self.version == 1) != self.previous.is_none() {
            return Err(UnsoundRoster::BrokenChain);
        }
        let thresholds = [
            (Role::Root, self.thresholds.root, floor::ROOT_THRESHOLD_MIN),
            (Role::Release, self.thresholds.release, floor::RELEASE_THRESHOLD_MIN),
        ];
        for (role, got, floor) in thresholds {
            if got < floor {
                return Err(UnsoundRoster::ThresholdBelowFloor { role, got, floor });
            }
            let have = self.holders(role).count();
            if have < usize::from(got) {
                return Err(UnsoundRoster::ThresholdOutOfReach { role, have, need: got });
            }
        }
        Ok(())
    }
}
