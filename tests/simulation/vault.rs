//! What the till's data is, where it is exported and staged, and what is saved of it.
//!
//! Deliberately unkind: an import that was committed cannot be taken back, nor can files whose old
//! versions were removed, a snapshot is verified only a while after it was taken, and nothing that
//! was not exported or staged can be used.

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
    /// In the places that the configuration allows.
    pub(crate) files: Data,
    /// What stands by for files that were placed.
    files_aside: Option<Data>,
    /// When what is in the export directory was exported, and how many sales there were by then.
    exported: Option<(Duration, usize)>,
    pub(crate) staged: bool,
    /// What a scratch till counted lies with what is staged.
    pub(crate) counted: bool,
    saved: Vec<Saved>,
}

/// One snapshot.
#[derive(Clone, Copy, Debug)]
struct Saved {
    exported_at: Duration,
    saved_at: Duration,
    sales: usize,
}

impl Vault {
    pub(crate) fn new() -> Self {
        Self {
            data: Data::OfBefore,
            set_aside: None,
            files: Data::OfBefore,
            files_aside: None,
            exported: None,
            staged: false,
            counted: false,
            saved: Vec::new(),
        }
    }

    pub(crate) fn export(&mut self, now: Duration, sales: usize) {
        self.exported = Some((now, sales));
    }

    pub(crate) fn discard_export(&mut self) {
        self.exported = None;
    }

    /// One export is one snapshot, however often it is saved.
    pub(crate) fn save(&mut self, now: Duration) -> bool {
        let Some((exported_at, sales)) = self.exported else { return false };
        if !self.saved.iter().any(|it| it.exported_at == exported_at) {
            self.saved.push(Saved { exported_at, saved_at: now, sales });
        }
        true
    }

    pub(crate) fn snapshots(&self) -> usize {
        self.saved.len()
    }

    /// How many sales are in the snapshot that has the most.
    pub(crate) fn sales_saved(&self) -> usize {
        self.saved.iter().map(|it| it.sales).max().unwrap_or(0)
    }

    /// Whether a verified snapshot is no older than that.
    pub(crate) fn has_verified(&self, within: Duration, now: Duration) -> bool {
        let good =
            |it: &Saved| it.exported_at + within >= now && it.saved_at + VERIFIED_AFTER <= now;
        self.saved.iter().any(good)
    }

    pub(crate) fn stage(&mut self) {
        (self.staged, self.counted) = (true, false);
    }

    pub(crate) fn rehearse(&mut self) -> bool {
        self.counted = self.staged;
        self.staged
    }

    pub(crate) fn discard_staged(&mut self) {
        (self.staged, self.counted) = (false, false);
    }

    /// Whether what is exported now is saved and verified.
    pub(crate) fn is_kept_verified(&self, now: Duration) -> bool {
        self.exported.is_some_and(|(at, _)| self.is_verified_since(at, now))
    }

    /// Whether what was there at that moment is saved and verified.
    pub(crate) fn is_verified_since(&self, since: Duration, now: Duration) -> bool {
        let good = |it: &Saved| it.exported_at >= since && it.saved_at + VERIFIED_SOON <= now;
        self.saved.iter().any(good)
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

    pub(crate) fn place_files(&mut self) -> bool {
        if self.staged && self.files_aside.is_none() {
            self.files_aside = Some(self.files);
            self.files = Data::Restored;
        }
        self.staged
    }

    pub(crate) fn put_files_back(&mut self) {
        self.files = self.files_aside.take().unwrap_or(self.files);
    }

    pub(crate) fn keep_files(&mut self) {
        self.files_aside = None;
    }

    /// What a job that is over has left lying about.
    pub(crate) fn leftovers(&self) -> Vec<&'static str> {
        let left = [
            (self.set_aside.is_some(), "data set aside"),
            (self.files_aside.is_some(), "files set aside"),
            (self.exported.is_some(), "an export"),
            (self.staged, "a staged snapshot"),
        ];
        left.into_iter().filter(|(is_left, _)| *is_left).map(|(_, what)| what).collect()
    }
}
