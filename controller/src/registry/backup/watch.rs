//! How the backups and drills of one terminal stand, as the registry knows it.

use std::collections::{BTreeMap, BTreeSet};

use shared::backup::DataClass;
use shared::digest::Digest;
use shared::drill::Counted;
use shared::id::{CampaignId, OrderId, TerminalId};
use shared::time::UnixTime;

use crate::registry::delivery::{Alarm, AlarmKind};
use crate::registry::terminal::Terminal;

/// By class, for each of which a snapshot ever held data: when the newest available one with such
/// data was taken; `None` when none is left.
pub type Covered = BTreeMap<DataClass, Option<UnixTime>>;

/// What decides about the alarms of an enrolled terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    pub terminal: Terminal,
    /// When it enrolled.
    pub since_at: UnixTime,
    /// When its first snapshot became available.
    pub saved_at: Option<UnixTime>,
    pub covered: Covered,
    /// Its newest backup job that has ended.
    pub tried: Option<Tried>,
    /// When it last rehearsed a restore that added up.
    pub drilled_at: Option<UnixTime>,
    /// Its newest drill, if that failed.
    pub drill_failed: Option<FailedDrill>,
    /// Noted by the look before this one.
    pub overdue: BTreeSet<DataClass>,
    /// Tells whether any of this has changed since.
    pub changes: u64,
}

/// How a backup job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    pub at: UnixTime,
    /// The code and the words of its failure; `None` where it did not fail.
    pub failure: Option<(String, String)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedDrill {
    pub order: OrderId,
    pub at: UnixTime,
    /// The code of its failure.
    pub failed_as: String,
    pub detail: String,
}

/// What a look at a terminal has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    pub terminal: TerminalId,
    /// Of the [`Watched`] that was judged. What has changed since is judged anew.
    pub changes: u64,
    pub overdue: BTreeSet<DataClass>,
    /// Each kind that is looked after, with the alarm that stands from now on, if any.
    pub alarms: [(AlarmKind, Option<Alarm>); 3],
    /// When time alone may change this.
    pub look_at: Option<UnixTime>,
}

/// How one terminal is covered, and what of that is overdue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    pub covered: Covered,
    pub overdue: BTreeSet<DataClass>,
}

/// What came of one rehearsed restore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrillReport {
    /// In the order in which they were first heard of.
    pub seq: u64,
    pub order: OrderId,
    pub terminal: TerminalId,
    pub campaign: CampaignId,
    /// The snapshot that was restored, by the digest of its manifest; `None` when it did not come
    /// so far.
    pub manifest: Option<Digest>,
    pub counted: Vec<Counted>,
    /// Fetching and rehearsing together.
    pub took_ms: Option<u64>,
    /// In the words of [`shared::outcome::Outcome`].
    pub outcome: String,
    /// The code of its failure.
    pub failed_as: Option<String>,
    pub detail: String,
    pub at: UnixTime,
}
