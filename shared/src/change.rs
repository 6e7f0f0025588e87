//! What can be asked of a terminal: the verbs, and the parameters of each change.

pub mod deactivate;
pub mod rebind;

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::backup::{Selection, SnapshotOf};
use crate::digest::Digest;
use crate::id::BatchId;
use crate::time::UnixTime;
use crate::window::Window;
use crate::{floor, limits};

pub use deactivate::{Covers, Decommission, Resume, SettlementDelay, Suspend};
pub use rebind::Rebind;

/// The kinds of instruction. Whose signatures each needs is said in [`crate::floor`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verb {
    Ping,
    Backup,
    Collect,
    RenewCertificate,
    Upgrade,
    Suspend,
    Resume,
    Restore,
    Rebind,
    Decommission,
    Cancel,
}

impl Verb {
    /// In the order of their danger.
    pub const ALL: [Self; 11] = [
        Self::Ping,
        Self::Backup,
        Self::Collect,
        Self::RenewCertificate,
        Self::Upgrade,
        Self::Suspend,
        Self::Resume,
        Self::Restore,
        Self::Rebind,
        Self::Decommission,
        Self::Cancel,
    ];
}

/// One change, the same for every terminal of a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Change {
    /// Answer, to show that orders arrive.
    Ping(Ping),
    Backup(Backup),
    Drill(Drill),
    Upgrade(Upgrade),
    Restore(Restore),
    Rebind(Box<Rebind>),
    Suspend(Box<Suspend>),
    Resume(Box<Resume>),
    Decommission(Box<Decommission>),
    /// Undo what has not begun of an earlier batch; a rebind is undone until it is committed.
    Cancel(Cancel),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ping {
    pub note: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Upgrade {
    /// SHA-256 of the release document's payload. The document itself travels beside the order.
    pub release: Digest,
    /// When the shop may be disturbed, in the terminal's local time; `None` is any time.
    pub window: Option<Window>,
    /// Before the shop is disturbed there must be a snapshot in both places, verified, that is no
    /// older than so many seconds; `None` asks for none.
    pub backup_within_s: Option<u64>,
}

/// Save what the till has: see [`crate::document::Manifest`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Backup {
    pub extent: Extent,
    /// When the terminal may begin; `None` is any time. A backup disturbs no sale.
    pub window: Option<Window>,
    /// It is not begun while the till has an open batch, until then; afterwards it is taken all
    /// the same, and says so. `None` waits for no settlement. The terminal never settles for it.
    pub settled_by: Option<UnixTime>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Extent {
    /// What is not in the repository yet.
    Incremental,
    /// Everything, into a new repository under a new key.
    Full,
}

/// Restore the newest snapshot into a scratch till and compare the totals; the till itself is not
/// touched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drill {
    pub window: Option<Window>,
}

/// Put saved data back into a till.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Restore {
    pub of: SnapshotOf,
    pub selection: Selection,
    /// The repository's key, sealed to the terminal that restores; `None` where that still has it.
    pub key: Option<ByteBuf>,
    /// When the shop may be disturbed.
    pub window: Option<Window>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cancel {
    pub batch: BatchId,
    pub reason: String,
}

impl Change {
    pub fn verb(&self) -> Verb {
        match self {
            Self::Ping(_) => Verb::Ping,
            Self::Backup(_) | Self::Drill(_) => Verb::Backup,
            Self::Upgrade(_) => Verb::Upgrade,
            Self::Restore(_) => Verb::Restore,
            Self::Rebind(_) => Verb::Rebind,
            Self::Suspend(_) => Verb::Suspend,
            Self::Resume(_) => Verb::Resume,
            Self::Decommission(_) => Verb::Decommission,
            Self::Cancel(_) => Verb::Cancel,
        }
    }

    /// When the terminal may begin, or be disturbed; `None` is any time.
    pub fn window(&self) -> Option<Window> {
        match self {
            Self::Backup(backup) => backup.window,
            Self::Drill(drill) => drill.window,
            Self::Upgrade(upgrade) => upgrade.window,
            Self::Restore(restore) => restore.window,
            Self::Rebind(rebind) => rebind.window,
            Self::Resume(resume) => resume.window,
            Self::Ping(_) | Self::Suspend(_) | Self::Decommission(_) | Self::Cancel(_) => None,
        }
    }

    /// Whether it empties terminals that are lost, stolen or tampered with: it goes before all
    /// else, and they are told nothing else.
    pub fn is_of_lost(&self) -> bool {
        matches!(self, Self::Decommission(wipe) if wipe.is_lost)
    }

    /// Whether it stops a terminal that answers nobody, whenever that is heard again.
    pub fn is_of_given_up(&self) -> bool {
        matches!(self, Self::Suspend(suspend) if suspend.is_given_up)
    }

    /// How long orders that bring it may live.
    pub fn lifetime_s_max(&self) -> u64 {
        match floor::needs_people(self.verb()) {
            true if self.is_of_lost() || self.is_of_given_up() => limits::LOST_WIPE_LIFETIME_S_MAX,
            true => limits::APPROVED_ORDER_LIFETIME_S_MAX,
            false => limits::ROUTINE_ORDER_LIFETIME_S_MAX,
        }
    }

    /// Merkle root over what the batch encloses for each member: profiles, or clearances.
    pub fn enclosed(&self) -> Option<Digest> {
        match self {
            Self::Rebind(rebind) => Some(rebind.profiles),
            Self::Decommission(wipe) => Some(wipe.clearances),
            Self::Ping(_)
            | Self::Backup(_)
            | Self::Drill(_)
            | Self::Upgrade(_)
            | Self::Restore(_)
            | Self::Suspend(_)
            | Self::Resume(_)
            | Self::Cancel(_) => None,
        }
    }
}
