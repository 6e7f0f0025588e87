//! What became of a repository that nobody wanted any more: said by the controller that deleted it,
//! under its own key, once neither of the two places showed anything of it.
//!
//! It outlives what it speaks of: whoever holds it and a roster can show, without any other system,
//! which snapshots were deleted, by whose word, and where that was looked after.

use serde::{Deserialize, Serialize};

use crate::codec;
use crate::digest::Digest;
use crate::id::{RepositoryId, TerminalId};
use crate::limits::DOCUMENT_BYTES_MAX;
use crate::time::UnixTime;

/// What is left of [`DOCUMENT_BYTES_MAX`] for the payload: one signature and its headers take some
/// 200 bytes.
const PAYLOAD_BYTES_MAX: usize = DOCUMENT_BYTES_MAX - 1024;

/// A snapshot takes at least 70 bytes, so that no more than this fit.
const LISTED_MAX: usize = PAYLOAD_BYTES_MAX / 70;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PurgeCertificate {
    pub format: u8,
    pub terminal: TerminalId,
    pub serial: String,
    pub repository: RepositoryId,
    /// SHA-256 of the sealed key of the repository.
    pub sealed_key: Digest,
    pub opened_at: UnixTime,
    /// When the terminal went on to a newer repository, or was revoked.
    pub closed_at: UnixTime,
    /// How many snapshots were in it.
    pub snapshots: u64,
    /// SHA-256 over the digests of all of their manifests, one after another as they are numbered.
    pub manifests: Digest,
    /// The snapshots and why they went. Where they are more than one document holds, the newest.
    pub listed: Vec<Purged>,
    /// Objects that were stored in it, and their bytes together, in each of the places.
    pub objects: u64,
    pub bytes: u64,
    /// When it was decided for good; from then on nothing could be read from it.
    pub begun_at: UnixTime,
    pub finished_at: UnixTime,
    /// The first place, and the second.
    pub places: Vec<Emptied>,
}

/// Snapshots that went for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Purged {
    pub why: PurgeReason,
    /// By number, ascending.
    pub snapshots: Vec<PurgedSnapshot>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PurgedSnapshot {
    pub number: u64,
    /// SHA-256 of the payload of its manifest.
    pub manifest: Digest,
    /// By the terminal's clock.
    pub taken_at: UnixTime,
}

/// By whose word a snapshot goes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PurgeReason {
    /// No rule kept it.
    NotKept { rules: KeepRules },
    /// Its terminal was closed then, and so many days are over.
    TerminalClosed { closed_at: UnixTime, kept_days: u32 },
    /// An operator asked for it, in these words; `last_copy` where the terminal was to be left
    /// without any.
    Asked { by: String, reason: String, last_copy: bool },
}

/// How many snapshots of a terminal are kept, as restic counts: the newest ones, and the newest one
/// of each of the last days, weeks and months that have any.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeepRules {
    pub last: u32,
    pub daily: u32,
    pub weekly: u32,
    pub monthly: u32,
}

/// A place that showed nothing of the repository any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Emptied {
    pub name: String,
    pub region: String,
    /// When it was looked through and nothing was found.
    pub verified_at: UnixTime,
}

impl PurgeCertificate {
    /// The digest that [`Self::manifests`] is, of digests as their snapshots are numbered.
    pub fn digest_of(manifests: impl IntoIterator<Item = Digest>) -> Digest {
        Digest::of(&manifests.into_iter().flat_map(|it| it.0).collect::<Vec<_>>())
    }

    /// Lists these snapshots, which are all, by number ascending: every one, or as many of the
    /// newest as one document holds.
    pub fn list(&mut self, all: &[(PurgedSnapshot, PurgeReason)]) {
        self.snapshots = all.len() as u64;
        self.manifests = Self::digest_of(all.iter().map(|(it, _)| it.manifest));
        let mut from = all.len().saturating_sub(LISTED_MAX);
        loop {
            self.listed = grouped(&all[from..]);
            if codec::encode(self).len() <= PAYLOAD_BYTES_MAX || from == all.len() {
                return;
            }
            from += (all.len() - from).div_ceil(8);
        }
    }

    /// How many snapshots are listed; fewer than [`Self::snapshots`] where they were too many.
    pub fn listed_count(&self) -> u64 {
        self.listed.iter().map(|it| it.snapshots.len() as u64).sum()
    }
}

fn grouped(all: &[(PurgedSnapshot, PurgeReason)]) -> Vec<Purged> {
    let mut groups: Vec<Purged> = Vec::new();
    for (snapshot, why) in all {
        match groups.iter_mut().find(|group| group.why == *why) {
            Some(group) => group.snapshots.push(*snapshot),
            None => groups.push(Purged { why: why.clone(), snapshots: vec![*snapshot] }),
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::FORMAT;

    fn empty() -> PurgeCertificate {
        PurgeCertificate {
            format: FORMAT,
            terminal: TerminalId::from_bytes([1; 16]),
            serial: "PX-1".to_owned(),
            repository: RepositoryId::from_bytes([2; 16]),
            sealed_key: Digest([3; 32]),
            opened_at: UnixTime(1),
            closed_at: UnixTime(2),
            snapshots: 0,
            manifests: Digest::of(&[]),
            listed: Vec::new(),
            objects: 10,
            bytes: 1000,
            begun_at: UnixTime(3),
            finished_at: UnixTime(4),
            places: Vec::new(),
        }
    }

    fn snapshots(
        count: u64,
        why: impl Fn(u64) -> PurgeReason,
    ) -> Vec<(PurgedSnapshot, PurgeReason)> {
        let snapshot = |number| {
            let manifest = Digest::of(&u64::to_be_bytes(number));
            (PurgedSnapshot { number, manifest, taken_at: UnixTime(1_900_000_000) }, why(number))
        };
        (1..=count).map(snapshot).collect()
    }

    fn asked(number: u64) -> PurgeReason {
        let reason = format!("{number}{}", "x".repeat(500));
        PurgeReason::Asked { by: "ana".to_owned(), reason, last_copy: false }
    }

    #[test]
    fn snapshots_that_went_for_one_reason_stand_together() {
        let rules = KeepRules { last: 1, daily: 2, weekly: 3, monthly: 4 };
        let why = |number| match number % 2 {
            0 => PurgeReason::NotKept { rules },
            _ => PurgeReason::TerminalClosed { closed_at: UnixTime(5), kept_days: 90 },
        };
        let mut certificate = empty();
        certificate.list(&snapshots(5, why));
        let numbers =
            |group: &Purged| group.snapshots.iter().map(|it| it.number).collect::<Vec<_>>();
        assert_eq!(
            certificate.listed.iter().map(numbers).collect::<Vec<_>>(),
            [vec![1, 3, 5], vec![2, 4]]
        );
        assert_eq!((certificate.snapshots, certificate.listed_count()), (5, 5));
    }

    #[test]
    fn what_is_too_much_for_one_document_is_still_covered_by_the_digest() {
        let mut certificate = empty();
        let all = snapshots(2_000, asked);
        certificate.list(&all);
        assert_eq!(certificate.snapshots, 2_000);
        assert!((1..2_000).contains(&certificate.listed_count()));
        assert!(codec::encode(&certificate).len() <= PAYLOAD_BYTES_MAX);
        let newest = certificate.listed.last().and_then(|group| group.snapshots.last());
        assert_eq!(newest.map(|it| it.number), Some(2_000));
        let digests = all.iter().map(|(it, _)| it.manifest);
        assert_eq!(certificate.manifests, PurgeCertificate::digest_of(digests));
    }
}
