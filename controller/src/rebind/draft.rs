//! Profiles as they are brought, made into what a batch binds. Pure.
//!
//! The secrets in them are sealed to their terminals before they come here: nothing of this can
//! open one. Whatever a terminal would refuse is refused here first, by name.

use std::collections::{BTreeMap, BTreeSet};

use shared::change::{Change, Rebind};
use shared::codec;
use shared::digest::Digest;
use shared::document::batch::UnsoundBatch;
use shared::document::profile::{Enclosed, PROFILE_BYTES_MAX, UnsoundProfile};
use shared::document::{Batch, FORMAT, Profile};
use shared::id::{BatchId, TerminalId};
use shared::limits::MEMBERSHIP_PATH_MAX;
use shared::membership::Profiles;
use shared::time::UnixTime;

/// One rebind's terminals, all waves together: a batch's paths are no longer, and nobody reads a
/// longer table before signing.
pub const TERMINALS_MAX: usize = 10_000;

/// Why profiles cannot be what people sign for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DraftRefused {
    #[error("there is no wave, or one without a terminal")]
    Nobody,
    #[error("{0} terminals are too many for one change: at most {TERMINALS_MAX}")]
    TooMany(usize),
    #[error("profile {at} of wave {wave} cannot be read: {why}")]
    Unreadable { wave: usize, at: usize, why: String },
    #[error("the profile of {terminal}: {why}")]
    Unsound { terminal: TerminalId, why: UnsoundProfile },
    #[error("the profile of {terminal} is with `{found}`, and the change is to `{to}`")]
    OtherProvider { terminal: TerminalId, found: String, to: String },
    #[error("{0} has two profiles")]
    Twice(TerminalId),
    #[error("{terminal} gets {what} `{value}`, which another terminal of this change gets")]
    Shared { terminal: TerminalId, what: &'static str, value: String },
    #[error("the change itself: {0}")]
    Batch(UnsoundBatch),
}

/// A profile, and the bytes that its root is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drafted {
    pub profile: Profile,
    pub payload: Vec<u8>,
}

/// The members of one wave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    pub members: BTreeMap<TerminalId, Drafted>,
}

impl Draft {
    fn tree(&self) -> Profiles {
        Profiles::of(&self.members.iter().map(|(id, it)| (*id, it.payload.clone())).collect())
    }

    /// The change that this wave's batch asks for.
    pub fn change(&self, asked: &Rebind) -> Change {
        Change::Rebind(Box::new(Rebind { profiles: self.tree().root(), ..asked.clone() }))
    }

    /// Each profile with what proves that it was signed for.
    pub fn enclosed(&self) -> BTreeMap<TerminalId, Enclosed> {
        let tree = self.tree();
        let enclosed = |(id, it): (&TerminalId, &Drafted)| {
            let path = tree.path(*id).unwrap_or_default();
            (*id, Enclosed { profile: it.payload.clone().into(), path })
        };
        self.members.iter().map(enclosed).collect()
    }
}

/// Reads one profile as it was brought: in its one form, and sound.
pub fn read(payload: &[u8]) -> Result<Profile, String> {
    codec::decode_document::<Profile>(payload, PROFILE_BYTES_MAX).map_err(|why| why.to_string())
}

/// Checks all waves of one change.
pub fn waves(brought: &[Vec<Vec<u8>>], asked: &Rebind) -> Result<Vec<Draft>, DraftRefused> {
    let count = brought.iter().map(Vec::len).sum();
    if brought.is_empty() || brought.iter().any(Vec::is_empty) {
        return Err(DraftRefused::Nobody);
    }
    if count > TERMINALS_MAX {
        return Err(DraftRefused::TooMany(count));
    }
    check_change(asked)?;
    let mut taken = Taken::default();
    let mut drafts = Vec::new();
    for (wave, payloads) in (1..).zip(brought) {
        let mut members = BTreeMap::new();
        for (at, payload) in (1..).zip(payloads) {
            let unreadable = |why| DraftRefused::Unreadable { wave, at, why };
            let profile = read(payload).map_err(unreadable)?;
            check(&profile, asked)?;
            taken.take(&profile)?;
            members.insert(profile.terminal, Drafted { profile, payload: payload.clone() });
        }
        drafts.push(Draft { members });
    }
    Ok(drafts)
}

fn check(profile: &Profile, asked: &Rebind) -> Result<(), DraftRefused> {
    let terminal = profile.terminal;
    profile.check().map_err(|why| DraftRefused::Unsound { terminal, why })?;
    if profile.provider != asked.to {
        let (found, to) = (profile.provider.clone(), asked.to.clone());
        return Err(DraftRefused::OtherProvider { terminal, found, to });
    }
    Ok(())
}

/// What a terminal would say of the batch, whoever signs it.
/// Whether terminals would take it at all, whatever their profiles are.
pub fn check_change(asked: &Rebind) -> Result<(), DraftRefused> {
    let batch = Batch {
        format: FORMAT,
        id: BatchId::from_bytes([0; 16]),
        change: Change::Rebind(Box::new(asked.clone())),
        terminals: 1,
        root: Digest([0; 32]),
        not_before: UnixTime(0),
        not_after: UnixTime(0),
    };
    batch.check().map_err(DraftRefused::Batch)
}

/// What no two terminals may share.
#[derive(Default)]
struct Taken {
    terminals: BTreeSet<TerminalId>,
    rest: BTreeSet<(&'static str, String)>,
}

impl Taken {
    fn take(&mut self, profile: &Profile) -> Result<(), DraftRefused> {
        let terminal = profile.terminal;
        if !self.terminals.insert(terminal) {
            return Err(DraftRefused::Twice(terminal));
        }
        let values = [
            ("MID and TID", format!("{} / {}", profile.merchant.mid, profile.merchant.tid)),
            ("binding", profile.binding.to_string()),
            ("position", profile.position.to_string()),
        ];
        for (what, value) in values {
            if !self.rest.insert((what, value.clone())) {
                return Err(DraftRefused::Shared { terminal, what, value });
            }
        }
        Ok(())
    }
}

const _: () = assert!(TERMINALS_MAX <= 1 << MEMBERSHIP_PATH_MAX);

#[cfg(test)]
pub(crate) mod tests;
