//! What the till's data is, where it is exported and staged, and what is saved of it.
//!
//! Deliberately unkind: an import that was committed cannot be taken back, a snapshot is verified
//! only a while after it was taken, and nothing that was not exported or staged can be used.

use std::time::Duration;

/// How long both places take to verify a snapshot.
const VERIFIED_AFTER: Duration = Duration::from_secs(400);

/// The same, where a shop waits for it.
const VERIFIED_SOON: Duration = Duration::from_secs(60);

/// Which data the till works with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Data {
    OfBefore,
    Restored,
}

#[derive(Clone, Debug)]
pub(crate) struct Vault {
    pub(crate) data: Data,
    /// What an import that is neither committed nor reverted has replaced.
    set_aside: Option<Data>,
    /// When what is in the export directory was exported.
    exported_at: Option<Duration>,
    pub(crate) staged: bool,
    /// When each snapshot was exported and saved.
    saved: Vec<(Duration, Duration)>,
}

impl Vault {
    pub(crate) fn new() -> Self {
        Self {
            data: Data::OfBefore,
            set_aside: None,
            exported_at: None,
            staged: false,
            saved: Vec::new(),
        }
    }

    pub(crate) fn export(&mut self, now: Duration) {
        self.exported_at = Some(now);
    }

    pub(crate) fn discard_export(&mut self) {
        self.exported_at = None;
    }

    /// One export is one snapshot, however often it is saved.
    pub(crate) fn save(&mut self, now: Duration) -> bool {
        let Some(exported_at) = self.exported_at else { return false };
        if !self.saved.iter().any(|(at, _)| *at == exported_at) {
            self.saved.push((exported_at, now));
        }
        true
    }

    pub(crate) fn snapshots(&self) -> usize {
        self.saved.len()
    }

    /// Whether a verified snapshot is no older than that.
    pub(crate) fn has_verified(&self, within: Duration, now: Duration) -> bool {
        let good = |(taken, saved): &(Duration, Duration)| {
            *taken + within >= now && *saved + VERIFIED_AFTER <= now
        };
        self.saved.iter().any(good)
    }

    /// Whether what is exported now is saved and verified.
    pub(crate) fn is_kept_verified(&self, now: Duration) -> bool {
        self.exported_at.is_some_and(|at| self.is_verified_since(at, now))
    }

    /// Whether what was there at that moment is saved and verified.
    pub(crate) fn is_verified_since(&self, since: Duration, now: Duration) -> bool {
        self.saved.iter().any(|(taken, saved)| *taken >= since && *saved + VERIFIED_SOON <= now)
    }

    pub(crate) fn import(&mut self) -> bool {
        if self.staged && self.set_aside.is_none() {
            self.set_aside = Some(self.data);
            self.data = Data::Restored;
        }
        self.staged
    }

    pub(crate) fn revert(&mut self) {
        self.data = self.set_aside.take().unwrap_or(self.data);
    }

    pub(crate) fn commit(&mut self) {
        self.set_aside = None;
    }

    /// What a job that is over has left lying about.
    pub(crate) fn leftovers(&self) -> Vec<&'static str> {
        let left = [
            (self.set_aside.is_some(), "data set aside"),
            (self.exported_at.is_some(), "an export"),
            (self.staged, "a staged snapshot"),
        ];
        left.into_iter().filter(|(is_left, _)| *is_left).map(|(_, what)| what).collect()
    }
}
