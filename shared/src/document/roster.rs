//! Who holds which key in which role. Signed by a threshold of the old **and** the new root keys;
//! versions follow one another without a gap.

use std::collections::{BTreeMap, BTreeSet};

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
    #[error("key {0} has no owner, or one with space around the name")]
    OwnerUnclear(KeyId),
    #[error("the {role:?} threshold is {got}, below the compiled floor of {floor}")]
    ThresholdBelowFloor { role: Role, got: u8, floor: u8 },
    #[error("{have} {role:?} keys cannot reach a threshold of {need}")]
    ThresholdOutOfReach { role: Role, have: usize, need: u8 },
    #[error("{verb:?} asks for {need} approvers, but only {have} owners have an approver's key")]
    ApproversOutOfReach { verb: Verb, have: usize, need: u8 },
    #[error("versions begin at 1, and only version 1 has no previous roster")]
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
        match (self.version, self.previous) {
            (1, None) | (2.., Some(_)) => {}
            (0, _) | (1, Some(_)) | (2.., None) => return Err(UnsoundRoster::BrokenChain),
        }
        self.check_keys()?;
        self.check_thresholds()
    }

    fn check_keys(&self) -> Result<(), UnsoundRoster> {
        if self.keys.len() > limits::ROSTER_KEYS_MAX {
            return Err(UnsoundRoster::TooManyKeys(self.keys.len()));
        }
        if !self.keys.is_sorted_by(|a, b| a.id < b.id) {
            return Err(UnsoundRoster::KeysOutOfOrder);
        }
        for key in &self.keys {
            if key.public.key_id() != key.id {
                return Err(UnsoundRoster::MisnamedKey(key.id));
            }
            // Approvals count owners: `Ann` and `Ann ` must not be two people.
            if key.owner.is_empty() || key.owner.trim() != key.owner {
                return Err(UnsoundRoster::OwnerUnclear(key.id));
            }
        }
        Ok(())
    }

    fn check_thresholds(&self) -> Result<(), UnsoundRoster> {
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
        let approvers = self.holders(Role::Approver).map(|key| key.owner.as_str());
        let have = approvers.collect::<BTreeSet<_>>().len();
        let out_of_reach =
            self.requirements.iter().find(|(_, it)| usize::from(it.approvers) > have);
        if let Some((&verb, asked)) = out_of_reach {
            return Err(UnsoundRoster::ApproversOutOfReach { verb, have, need: asked.approvers });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::FORMAT;
    use crate::floor::Signers;

    fn key(number: u8, role: Role) -> RosterKey {
        let public = PublicKey([number; 32]);
        RosterKey { id: public.key_id(), role, owner: format!("person {number}"), public }
    }

    fn sound() -> Roster {
        let mut keys: Vec<_> = (0..12)
            .map(|n| {
                let roles = [Role::Root, Role::Release, Role::Approver, Role::Controller];
                key(n, roles[usize::from(n) % 4])
            })
            .collect();
        keys.sort_by_key(|key| key.id);
        Roster {
            format: FORMAT,
            fleet: FleetId::from_bytes([1; 16]),
            version: 1,
            issued_at: UnixTime(0),
            expires_at: UnixTime(1),
            keys,
            thresholds: Thresholds { root: 2, release: 2 },
            requirements: BTreeMap::new(),
            recovery_recipients: Vec::new(),
            previous: None,
        }
    }

    #[track_caller]
    fn check(change: impl FnOnce(&mut Roster), wanted: &UnsoundRoster) {
        let mut roster = sound();
        change(&mut roster);
        assert_eq!(roster.check().as_ref(), Err(wanted));
    }

    #[test]
    fn a_careless_roster_is_refused_by_name() {
        assert_eq!(sound().check(), Ok(()));
        check(|it| it.keys.swap(0, 1), &UnsoundRoster::KeysOutOfOrder);
        check(|it| it.keys[1] = it.keys[0].clone(), &UnsoundRoster::KeysOutOfOrder);
        check(|it| it.version = 0, &UnsoundRoster::BrokenChain);
        check(|it| it.version = 2, &UnsoundRoster::BrokenChain);
        check(|it| it.previous = Some(Digest::of(b"")), &UnsoundRoster::BrokenChain);
        let first = sound().keys[0].id;
        check(|it| it.keys[0].owner.push(' '), &UnsoundRoster::OwnerUnclear(first));
        check(|it| it.keys[0].owner.clear(), &UnsoundRoster::OwnerUnclear(first));
        check(|it| it.keys[0].public.0[0] ^= 0xff, &UnsoundRoster::MisnamedKey(first));
        let many = |it: &mut Roster| it.keys = vec![it.keys[0].clone(); 257];
        check(many, &UnsoundRoster::TooManyKeys(257));
    }

    #[test]
    fn thresholds_stay_between_the_compiled_floor_and_the_keys_there_are() {
        check(
            |it| it.thresholds.release = 1,
            &UnsoundRoster::ThresholdBelowFloor { role: Role::Release, got: 1, floor: 2 },
        );
        check(
            |it| it.thresholds.root = 4,
            &UnsoundRoster::ThresholdOutOfReach { role: Role::Root, have: 3, need: 4 },
        );
        let four = Requirement { signers: Signers::Controller, approvers: 4 };
        check(
            |it| it.requirements = BTreeMap::from([(Verb::Ping, four)]),
            &UnsoundRoster::ApproversOutOfReach { verb: Verb::Ping, have: 3, need: 4 },
        );
    }

    #[test]
    fn a_roster_raises_what_a_verb_needs_and_never_lowers_it() {
        let nobody = Requirement { signers: Signers::ControllerOrApprover, approvers: 0 };
        let mut roster = sound();
        roster.requirements = Verb::ALL.into_iter().map(|verb| (verb, nobody)).collect();
        for verb in Verb::ALL {
            for terminals in [1, 25, 26, u32::MAX] {
                assert_eq!(roster.requirement(verb, terminals), floor::floor(verb, terminals));
            }
        }
        let two = Requirement { signers: Signers::Controller, approvers: 2 };
        roster.requirements = Verb::ALL.into_iter().map(|verb| (verb, two)).collect();
        assert_eq!(roster.requirement(Verb::Cancel, 1), two);
        assert_eq!(roster.requirement(Verb::Upgrade, 1), two);
        assert_eq!(roster.requirement(Verb::Decommission, 26).approvers, 3);
    }
}
