//! Whose signatures a batch has, and whose it still needs. Pure.
//!
//! Approvers sign the same batch one after another, on machines that never meet. Their copies
//! come together here: each signature is held against the newest roster before it is added, so
//! that what is stored carries no signature that a terminal would not count. Terminals ask the
//! same questions again and believe nothing of this.

use std::collections::BTreeSet;

use shared::change::{Cancel, Change, Verb};
use shared::digest::KeyId;
use shared::document::roster::{Role, RosterKey};
use shared::document::{Batch, FORMAT, Roster};
use shared::floor::Requirement;
use shared::id::{CampaignId, FleetId};
use shared::limits::short_text;
use shared::message::SignedBytes;
use shared::signature::{Envelope, KnownKeys, Rejected, open};
use shared::time::UnixTime;

use super::paper;
use crate::registry::campaign::{Issue, Purpose, StoredBatch};

/// Why a signature or a cancellation was not taken.
#[derive(Debug, thiserror::Error)]
pub enum ApprovalRefused {
    #[error("what was brought cannot be read")]
    Unreadable(#[source] Rejected),
    #[error("what was brought is not the batch that {campaign} asks for: it is about {found}")]
    OtherBatch { campaign: CampaignId, found: String },
    #[error("its time was over at {0}: no terminal would take it")]
    Expired(UnixTime),
    #[error("key {key} is not in roster {roster}")]
    UnknownKey { key: KeyId, roster: u64 },
    #[error("the key of {owner} is not an approver's key in roster {roster}")]
    NotAnApprover { owner: String, roster: u64 },
    #[error("the signature in the name of {owner} is not by the key of {owner}")]
    FalseSignature { owner: String },
    #[error("{owner} has signed already with another key: one owner counts once")]
    SameOwner { owner: String },
    #[error("it carries no signature that is not here already")]
    NothingNew,
    #[error("what was brought is not a cancellation of what {campaign} asks for")]
    NotItsCancellation { campaign: CampaignId },
    #[error("roster {roster} asks for the signatures of {need} approvers on a cancellation")]
    CancelNeedsMore { roster: u64, need: u8 },
}

impl ApprovalRefused {
    /// What to do about it, in the imperative.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Unreadable(_) | Self::FalseSignature { .. } => {
                Some("somebody changed the file: export it again and have that one signed")
            }
            Self::OtherBatch { .. } | Self::NotItsCancellation { .. } => {
                Some("export the request again and sign that one")
            }
            Self::Expired(_) => Some("create and start another campaign"),
            Self::UnknownKey { .. } | Self::NotAnApprover { .. } => {
                Some("sign with the key of an approver of the newest roster of this fleet")
            }
            Self::SameOwner { .. } => Some("have it signed by somebody else"),
            Self::NothingNew => Some("have it signed by another approver"),
            Self::CancelNeedsMore { .. } => {
                Some("abort the campaign, or have the cancellation signed by more approvers")
            }
        }
    }
}

/// How far a batch has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    pub needed: Requirement,
    /// Approvers whose signatures count by this roster.
    pub owners: BTreeSet<String>,
    /// The keys by which they signed.
    pub keys: BTreeSet<KeyId>,
    pub is_approved: bool,
}

/// Holds a batch's signatures against a roster.
pub fn standing(signed: &[u8], fleet: FleetId, roster: &Roster) -> Result<Standing, Rejected> {
    let opened = open::<Batch>(signed, fleet, &KnownKeys::of_roster(roster))?;
    let Batch { change, terminals, .. } = &opened.document;
    let needed = roster.requirement(change.verb(), *terminals);
    let has_signed = |key: &&RosterKey| opened.signed_by.has(key.public);
    let signers = || roster.holders(Role::Approver).filter(has_signed);
    Ok(Standing {
        needed,
        owners: signers().map(|key| key.owner.clone()).collect(),
        keys: signers().map(|key| key.id).collect(),
        is_approved: opened.signed_by.satisfies(needed),
    })
}

/// A batch with what was brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gathered {
    pub signed: SignedBytes,
    /// Whose signatures are new, in the order in which they signed.
    pub signers: Vec<RosterKey>,
    pub is_approved: bool,
}

/// What signatures are held against.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    pub fleet: FleetId,
    /// The newest one.
    pub roster: &'a Roster,
    pub now: UnixTime,
}

impl Known<'_> {
    /// The approver of this key, or why it is none.
    pub fn approver(&self, key: KeyId) -> Result<&RosterKey, ApprovalRefused> {
        let roster = self.roster.version;
        let found = self.roster.key(key).ok_or(ApprovalRefused::UnknownKey { key, roster })?;
        match found.role {
            Role::Approver => Ok(found),
            Role::Root | Role::Release | Role::Controller => {
                Err(ApprovalRefused::NotAnApprover { owner: found.owner.clone(), roster })
            }
        }
    }
}

/// Adds the signatures that another copy of the stored batch brings: all that are new, or none.
pub fn gather(
    stored: &StoredBatch,
    brought: &[u8],
    known: Known<'_>,
) -> Result<Gathered, ApprovalRefused> {
    let unreadable = ApprovalRefused::Unreadable;
    let theirs = Envelope::<Batch>::from_bytes(brought).map_err(unreadable)?;
    if theirs.digest() != stored.digest {
        let found = match theirs.document.id == stored.id {
            true => format!("a changed form of {}", stored.id),
            false => theirs.document.id.to_string(),
        };
        return Err(ApprovalRefused::OtherBatch { campaign: stored.campaign, found });
    }
    if stored.not_after <= known.now {
        return Err(ApprovalRefused::Expired(stored.not_after));
    }
    let Known { fleet, roster, .. } = known;
    let mut ours = Envelope::<Batch>::from_bytes(stored.signed.as_slice()).map_err(unreadable)?;
    let before = standing(stored.signed.as_slice(), fleet, roster).map_err(unreadable)?;
    let here: BTreeSet<_> = ours.claimed_signers().collect();
    let mut owners = before.owners;
    let mut signers = Vec::new();
    for signer in theirs.claimed_signers().filter(|signer| !here.contains(signer)) {
        let key = known.approver(signer)?;
        if !owners.insert(key.owner.clone()) {
            return Err(ApprovalRefused::SameOwner { owner: key.owner.clone() });
        }
        ours.adopt(signer, &theirs);
        signers.push(key.clone());
    }
    if signers.is_empty() {
        return Err(ApprovalRefused::NothingNew);
    }
    let signed = SignedBytes::new(ours.to_bytes());
    let opened = open::<Batch>(signed.as_slice(), fleet, &KnownKeys::of_roster(roster));
    let signed_by = opened.map_err(unreadable)?.signed_by;
    if let Some(key) = signers.iter().find(|key| !signed_by.has(key.public)) {
        return Err(ApprovalRefused::FalseSignature { owner: key.owner.clone() });
    }
    Ok(Gathered { signed, signers, is_approved: signed_by.satisfies(before.needed) })
}

/// What an approver signs to end a campaign: for the same terminals as what it asks for, so that
/// each of them can prove that it is meant, and for longer. There is one way to write it.
pub fn cancellation(campaign: CampaignId, asked: &Batch, reason: &str) -> Batch {
    let cancel = Cancel { batch: asked.id, reason: short_text(reason) };
    Batch {
        format: FORMAT,
        id: paper::batch_id(campaign, Purpose::Cancel, Issue::FIRST),
        change: Change::Cancel(cancel),
        terminals: asked.terminals,
        root: asked.root,
        not_before: asked.not_before,
        not_after: paper::cancelled_until(asked.not_before),
    }
}

/// A cancellation that terminals will take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cancelled {
    pub batch: StoredBatch,
    pub approver: RosterKey,
    pub reason: String,
}

/// Checks a cancellation that approvers signed.
pub fn check_cancellation(
    stored: &StoredBatch,
    brought: &[u8],
    known: Known<'_>,
) -> Result<Cancelled, ApprovalRefused> {
    let campaign = stored.campaign;
    let unreadable = ApprovalRefused::Unreadable;
    let asked = Envelope::<Batch>::from_bytes(stored.signed.as_slice()).map_err(unreadable)?;
    let theirs = Envelope::<Batch>::from_bytes(brought).map_err(unreadable)?;
    let Change::Cancel(Cancel { batch: _, reason }) = theirs.document.change.clone() else {
        return Err(ApprovalRefused::NotItsCancellation { campaign });
    };
    if theirs.document != cancellation(campaign, &asked.document, &reason) {
        return Err(ApprovalRefused::NotItsCancellation { campaign });
    }
    let Batch { not_before, not_after, .. } = theirs.document;
    if not_after <= known.now {
        return Err(ApprovalRefused::Expired(not_after));
    }
    let opened = open::<Batch>(brought, known.fleet, &KnownKeys::of_roster(known.roster));
    let signed_by = opened.map_err(unreadable)?.signed_by;
    let mut approver = None;
    for signer in theirs.claimed_signers() {
        let key = known.approver(signer)?;
        if !signed_by.has(key.public) {
            return Err(ApprovalRefused::FalseSignature { owner: key.owner.clone() });
        }
        approver.get_or_insert_with(|| key.clone());
    }
    let approver = approver.ok_or(ApprovalRefused::NothingNew)?;
    let needed = known.roster.requirement(Verb::Cancel, theirs.document.terminals);
    if !signed_by.satisfies(needed) {
        let roster = known.roster.version;
        return Err(ApprovalRefused::CancelNeedsMore { roster, need: needed.approvers.max(1) });
    }
    let batch = StoredBatch {
        digest: theirs.digest(),
        id: theirs.document.id,
        campaign,
        purpose: Purpose::Cancel,
        issue: Issue::FIRST,
        signed: SignedBytes::new(brought.to_vec()),
        not_before,
        not_after,
    };
    Ok(Cancelled { batch, approver, reason })
}

#[cfg(test)]
mod tests;
