//! The audit log: who decided what, when and why. Append-only, and each entry carries the digest
//! of the one before, so that a changed, missing or moved entry shows. Over the entries grows a
//! tree ([`shared::log_tree`]), whose roots are signed now and then.
//!
//! Deliberately absent: most of what terminals report. Their signed receipts are kept as they came;
//! here is only what a receipt changed in the registry, and what was refused of orders that could
//! harm a shop.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::Serialize;
use shared::codec;
use shared::digest::Digest;
use shared::id::CampaignId;
use shared::log_tree::{self, At};
use shared::message::SignedBytes;
use shared::time::UnixTime;

use super::RegistryError;
use super::delivery::AnyAlarm;

/// Who does something, when and why. Written down in the same transaction as what it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct By {
    /// An operator's name, or the part of the controller that acts.
    pub who: String,
    /// In the words of who acts; may be empty.
    pub why: String,
    pub at: UnixTime,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// Ascending from 1, without a gap.
    pub seq: u64,
    pub at: UnixTime,
    pub who: String,
    /// For example `campaign-started`.
    pub what: String,
    /// The id of what it was done to.
    pub object: String,
    pub detail: String,
    /// Of the entry before; of the first: the digest of nothing.
    pub previous: Digest,
    pub digest: Digest,
}

impl AuditEntry {
    /// The next entry of a log whose newest one has this sequence number and digest.
    pub fn after(newest: Option<(u64, Digest)>, by: &By, what: &str, object: &str) -> Self {
        let (seq, previous) = newest.unwrap_or((0, Digest::of(&[])));
        let mut entry = Self {
            seq: seq + 1,
            at: by.at,
            who: by.who.clone(),
            what: what.to_owned(),
            object: object.to_owned(),
            detail: by.why.clone(),
            previous,
            digest: previous,
        };
        entry.digest = Digest::of(&entry.record());
        entry
    }

    /// What its digest is of: everything but that, as CBOR.
    fn record(&self) -> Vec<u8> {
        #[derive(Serialize)]
        struct Content<'a>(u64, UnixTime, &'a str, &'a str, &'a str, &'a str, Digest);
        codec::encode(&Content(
            self.seq,
            self.at,
            &self.who,
            &self.what,
            &self.object,
            &self.detail,
            self.previous,
        ))
    }

    /// Whether its digest is of what it says.
    pub fn is_as_written(&self) -> bool {
        Digest::of(&self.record()) == self.digest
    }

    /// Its leaf in the tree, where it is record `seq` - 1.
    pub fn leaf(&self) -> Digest {
        log_tree::leaf(&self.record())
    }
}

/// A root of the tree that was signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredCheckpoint {
    /// How many entries it is over.
    pub size: u64,
    pub root: Digest,
    /// The digest of the newest of them, which the next entry follows.
    pub head: Digest,
    pub at: UnixTime,
    /// A [`shared::document::Checkpoint`].
    pub signed: SignedBytes,
}

/// The part of the registry that is about the tree over the audit log.
#[async_trait]
pub trait AuditRegistry {
    async fn newest_checkpoint(&self) -> Result<Option<StoredCheckpoint>, RegistryError>;

    /// The one that was signed at this size.
    async fn checkpoint_at(&self, size: u64) -> Result<Option<StoredCheckpoint>, RegistryError>;

    /// Keeps what came to the tree since the newest checkpoint, and a checkpoint over it, unless
    /// somebody else did so first; gives whether it was kept.
    async fn grow_audit_tree(
        &self,
        from: u64,
        nodes: &[(At, Digest)],
        checkpoint: &StoredCheckpoint,
    ) -> Result<bool, RegistryError>;

    /// Those of these subtrees that are kept.
    async fn audit_nodes(&self, of: &[At]) -> Result<BTreeMap<At, Digest>, RegistryError>;

    /// What was decided about a campaign: the newest `most` entries, oldest first.
    async fn audit_of_campaign(
        &self,
        campaign: CampaignId,
        most: u32,
    ) -> Result<Vec<AuditEntry>, RegistryError>;

    /// Raises an alarm that nothing which is applied raises; gives whether it is new.
    async fn raise_alarm(&self, alarm: &AnyAlarm) -> Result<bool, RegistryError>;
}

/// Where a log is not what was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    #[error("audit entry {wanted} is missing, {got} is in its place")]
    Gap { wanted: u64, got: u64 },
    #[error("audit entry {0} was changed after it was written")]
    Changed(u64),
    #[error("audit entry {0} does not follow the entry before it")]
    OtherPast(u64),
}

impl Broken {
    /// The number of the entry that is not right.
    pub fn seq(&self) -> u64 {
        match self {
            Self::Gap { wanted, .. } => *wanted,
            Self::Changed(seq) | Self::OtherPast(seq) => *seq,
        }
    }
}

/// Checks entries that follow one another, and gives what the next ones must follow.
pub fn check_chain(
    mut newest: Option<(u64, Digest)>,
    entries: &[AuditEntry],
) -> Result<Option<(u64, Digest)>, Broken> {
    for entry in entries {
        let (seq, previous) = newest.unwrap_or((0, Digest::of(&[])));
        if entry.seq != seq + 1 {
            return Err(Broken::Gap { wanted: seq + 1, got: entry.seq });
        }
        if entry.previous != previous {
            return Err(Broken::OtherPast(entry.seq));
        }
        if !entry.is_as_written() {
            return Err(Broken::Changed(entry.seq));
        }
        newest = Some((entry.seq, entry.digest));
    }
    Ok(newest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log() -> Vec<AuditEntry> {
        let mut newest = None;
        let mut entries = Vec::new();
        for number in 0..4 {
            let by = By { who: format!("op-{number}"), why: "test".into(), at: UnixTime(number) };
            let entry = AuditEntry::after(newest, &by, "claim-made", "clm-1");
            newest = Some((entry.seq, entry.digest));
            entries.push(entry);
        }
        entries
    }

    #[test]
    fn an_untouched_log_holds_in_pieces_too() {
        let log = log();
        let middle = check_chain(None, &log[..2]).unwrap();
        assert_eq!(check_chain(middle, &log[2..]), Ok(Some((4, log[3].digest))));
    }

    #[test]
    fn a_changed_missing_or_moved_entry_shows() {
        let mut changed = log();
        changed[1].who = "somebody else".into();
        assert_eq!(check_chain(None, &changed), Err(Broken::Changed(2)));
        let mut missing = log();
        missing.remove(2);
        assert_eq!(check_chain(None, &missing), Err(Broken::Gap { wanted: 3, got: 4 }));
        let mut rewritten = log();
        let by = By { who: "op-1".into(), why: "other".into(), at: UnixTime(1) };
        rewritten[1] = AuditEntry::after(Some((1, log()[0].digest)), &by, "claim-made", "clm-1");
        assert_eq!(check_chain(None, &rewritten), Err(Broken::OtherPast(3)));
    }
}
