//! Jobs: what a terminal does about an order, one small verb after another.
//!
//! A job is a table of steps ([`saga::Step`]); one executor ([`saga::Saga`]) works through any
//! table, goes back where it must, and after a power cut finds out what had happened. The tables
//! name actions; the shell carries out one action at a time and reports what came of it. Read
//! [`upgrade`] first.
//!
//! Pure: nothing here acts. Deliberately absent: what an action does (that is `act`), and when a
//! shop may be disturbed (that is [`crate::maintenance`]).

pub mod backup;
pub mod deactivate;
pub mod drill;
pub mod rebind;
pub mod restore;
pub mod saga;
pub mod step;
pub mod upgrade;

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use shared::calendar::Part;
use shared::change::{Backup, Restore};
use shared::digest::Digest;
use shared::document::Release;
use shared::document::release::Settlement;
use shared::id::{OrderId, TerminalId};
use shared::outcome::{FailureCode, Waiting};
use shared::time::{ClockConfidence, UnixTime};

use crate::maintenance::{self, Work};
use deactivate::DeactivateAction;
use rebind::RebindAction;
use step::Table;

/// How long trading stays held without being renewed. Long enough for a slow till to answer
/// three renewals late, short enough that a dead agent closes no shop.
pub const HOLD_LEASE: Duration = Duration::from_secs(120);

/// How often a hold is renewed while a job needs it.
pub const HOLD_RENEWAL: Duration = Duration::from_secs(30);

/// Which table carries out which change.
#[derive(Clone, Copy, Debug)]
pub struct Tables {
    pub upgrade: Table,
    pub backup: Table,
    pub drill: Table,
    pub restore: Table,
    pub rebind: Table,
    /// A rebind whose old registration was released before.
    pub rebind_released: Table,
    pub suspend: Table,
    /// A suspension of a till that may settle later.
    pub suspend_owing: Table,
    pub resume: Table,
    pub wipe: Table,
    /// The wipe of a terminal that is lost.
    pub wipe_lost: Table,
}

impl Tables {
    pub const BUILT_IN: Self = Self {
        upgrade: upgrade::UPGRADE,
        backup: backup::BACKUP,
        drill: drill::DRILL,
        restore: restore::RESTORE,
        rebind: rebind::REBIND,
        rebind_released: rebind::RELEASED,
        suspend: deactivate::SUSPEND,
        suspend_owing: deactivate::SUSPEND_OWING,
        resume: deactivate::RESUME,
        wipe: deactivate::WIPE,
        wipe_lost: deactivate::WIPE_LOST,
    };
}

/// One thing that the shell can do. All may be asked for again after a power cut; those marked
/// *idempotent* are simply repeated then, the others are probed first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Find out whether the job makes sense here: a slot for the component, room on the disk.
    /// When the release is current and committed already, and the application reports its
    /// version: [`Reply::AlreadySo`]. Changes nothing but to make up for a commit of what runs, so
    /// that the way back leads to it. Idempotent.
    Admit,
    /// Download the artifact, resuming what is there. Offline is [`Reply::NotYet`] with
    /// [`Waiting::Network`]. Idempotent.
    Fetch,
    /// Compare size and SHA-256 of the downloaded bytes with the release. Idempotent.
    Verify,
    /// Unpack beside the running slot and make it durable. Idempotent.
    Stage,
    /// Let the staged version look at the machine before it goes live, by a program that it may
    /// bring for that. Idempotent.
    RunPreflight,
    /// Ask the till whether it is free. Answered by [`Reply::Till`]. Idempotent.
    AskTill,
    /// Hold trading for [`HOLD_LEASE`], after the sale in flight. Idempotent: again is a renewal.
    HoldTrading,
    /// Let the shop sell, also when the till takes up an earlier hold only now. Idempotent.
    ReleaseTrading,
    /// Send what can be sent; what is left over is [`Reply::NotYet`]. Idempotent.
    Drain,
    /// Close the open batches; the till answers a repeated request with the same batches.
    /// Idempotent.
    Settle,
    /// Make the staged slot the current one, atomically, keeping the old one as previous.
    SwitchSlot,
    /// Make the previous slot the current one again. When it already is: done. Idempotent.
    SwitchBack,
    /// Find out which slot is current: [`Found::Happened`] when it is the new one.
    ProbeSlot,
    /// Restart the application; done once a new process answers, or surely runs. Idempotent.
    RestartApplication,
    /// Watch the restarted application until the release's checks have held for `stable_s`, or
    /// fail after `within_s`. The reply says which version the application reports. Idempotent.
    ProveHealth,
    /// Keep the new slot for good: its counter becomes the floor, older slots go. A commit that
    /// has happened is done, whatever was left to tidy up. Idempotent.
    CommitSlot,
    /// Remove the staged slot, unless it is the current one. Idempotent.
    DiscardStaged,
    /// Remove the downloaded bytes. Idempotent.
    DiscardDownload,
    Data(DataAction),
    Rebind(RebindAction),
    Deactivate(DeactivateAction),
}

/// One thing that is done with the till's data. All are idempotent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DataAction {
    /// Find out whether this terminal makes backups at all.
    Admit,
    /// Ask the controller for the newest snapshot: [`Reply::AlreadySo`] when one is verified in
    /// both places and young enough for the order.
    Find,
    /// Find out whether the till has no open batch. While it has one: [`Reply::NotYet`], until the
    /// order waits no longer.
    AskSettled,
    /// Let the till write down what it has.
    Export,
    /// Take a snapshot of what was exported.
    Save,
    /// As [`Self::Find`], and failing as long as there is none.
    Confirm,
    DiscardExport,
    /// Find out whether the snapshot belongs on this till. Changes nothing.
    CheckTarget,
    /// Stage the snapshot, all of it checked.
    FetchSnapshot,
    /// Load what is staged into a scratch till, and let it count.
    Rehearse,
    /// Compare what was counted with the manifest.
    Compare,
    /// Settle, if what is imported would replace an open batch.
    SettleFirst,
    /// Let what is staged take the place of what the till has; it can be reverted.
    Import,
    RevertImport,
    /// Let staged files take the places that the configuration allows; it can be reverted.
    PlaceFiles,
    PutFilesBack,
    /// Compare what the till counted with the manifest.
    Reconcile,
    CommitImport,
    /// Remove what the placed files have replaced.
    KeepFiles,
    DiscardStaged,
}

/// What the job is about; the same for all of its actions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    Upgrade {
        /// SHA-256 of the release document's payload.
        digest: Digest,
        release: Box<Release>,
        /// How old the newest verified snapshot may be.
        backup_within_s: Option<u64>,
    },
    Backup(Backup),
    Drill,
    Restore(Box<Restore>),
    Rebind(Box<rebind::Change>),
    Deactivation(Box<deactivate::Deactivation>),
}

/// What the executor and its owner ask of a job, whatever it is about.
impl Subject {
    /// What an answer of the shell is worth to this job.
    pub fn judge(&self, action: Action, reply: Reply) -> Reply {
        let reply = match (action, reply) {
            (Action::AskTill, Reply::Till { work, detail }) => {
                maintenance::till_asked(work, &detail)
            }
            (_, reply) => reply,
        };
        match self {
            Self::Upgrade { release, .. } => upgrade::judge(release, action, reply),
            Self::Deactivation(it) => deactivate::judge(&it.wanted, action, reply),
            Self::Backup(_) | Self::Drill | Self::Restore(_) | Self::Rebind(_) => reply,
        }
    }

    /// Whether the open batches are to be closed first.
    pub fn asks_for_settlement(&self) -> bool {
        match self {
            Self::Upgrade { release, .. } => release.settlement == Settlement::Before,
            Self::Backup(_)
            | Self::Drill
            | Self::Restore(_)
            | Self::Rebind(_)
            | Self::Deactivation(_) => false,
        }
    }

    /// How old the newest verified snapshot may be before the shop is disturbed, where that is
    /// asked for.
    pub fn backup_within_s(&self) -> Option<u64> {
        match self {
            Self::Upgrade { backup_within_s, .. } => *backup_within_s,
            Self::Backup(_)
            | Self::Drill
            | Self::Restore(_)
            | Self::Rebind(_)
            | Self::Deactivation(_) => None,
        }
    }

    /// Whether it is not begun while a batch is open.
    pub fn awaits_settlement(&self) -> bool {
        match self {
            Self::Backup(backup) => backup.settled_by.is_some(),
            Self::Upgrade { .. }
            | Self::Drill
            | Self::Restore(_)
            | Self::Rebind(_)
            | Self::Deactivation(_) => false,
        }
    }

    /// Why trading is held, for the people at the till.
    pub fn reason(&self) -> String {
        match self {
            Self::Upgrade { release, .. } => format!("upgrade to {}", release.version),
            Self::Backup(_) | Self::Drill => "backup".to_owned(),
            Self::Restore(_) => "restore of a backup".to_owned(),
            Self::Rebind(change) => format!("change of provider to {}", change.rebind.to),
            Self::Deactivation(_) => "this till is taken out of service".to_owned(),
        }
    }

    /// Which part of its order's calendar the job's window lies in.
    pub fn keeps_to(&self) -> Part {
        match self {
            Self::Backup(_) => Part::Download,
            Self::Upgrade { .. }
            | Self::Drill
            | Self::Restore(_)
            | Self::Rebind(_)
            | Self::Deactivation(_) => Part::Activation,
        }
    }

    /// How long the job's documents allow for [`step::Deadline::AsStated`].
    pub fn stated(&self) -> Duration {
        match self {
            Self::Upgrade { release, .. } => Duration::from_secs(release.health.within_s.into()),
            Self::Backup(_)
            | Self::Drill
            | Self::Restore(_)
            | Self::Rebind(_)
            | Self::Deactivation(_) => Duration::ZERO,
        }
    }

    /// The component that may not go below this counter any more once the job has succeeded.
    pub fn raises_floor(&self) -> Option<(&str, u64)> {
        match self {
            Self::Upgrade { release, .. } => {
                release.raise_floor_to.map(|floor| (release.component.as_str(), floor))
            }
            Self::Backup(_)
            | Self::Drill
            | Self::Restore(_)
            | Self::Rebind(_)
            | Self::Deactivation(_) => None,
        }
    }
}

/// Tells one request to the shell from the next, so that a late answer is recognised. Rises
/// while the agent runs and begins again when it restarts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// One request to the shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    pub ticket: Ticket,
    pub order: OrderId,
    pub action: Action,
    pub subject: Arc<Subject>,
    pub given: Given,
}

/// What the core knows and an action may need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// The best known time of day, and what it is worth.
    pub at: UnixTime,
    pub clock: ClockConfidence,
    /// Certainly passed.
    pub floor: UnixTime,
    /// The same, and carried on since by the time awake: no restart remembers it.
    pub proven: UnixTime,
    pub terminal: TerminalId,
    /// Of the roster that is trusted.
    pub roster_version: u64,
    /// To whom it has backup keys sealed.
    pub recipients: Arc<[String]>,
    /// How many attempts of this action have failed, since the agent started.
    pub attempt: u32,
    /// The till stands still, by an order that people signed: nothing but another one lets it sell.
    pub suspended: bool,
    /// What the job has established so far, in the words of its receipt.
    pub established: Option<String>,
    /// The till stands still until the controller is heard: what a job gives back goes no further.
    pub locked: bool,
}

/// What came of an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    Done(Proof),
    /// To a step that knows what to do about it ([`step::AlreadySo`]): what it is there for is so
    /// already.
    AlreadySo(Proof),
    /// Not now, and nobody is to blame: the step's time stands still. `again_in` is the shell's
    /// advice; `None` leaves it to the job.
    NotYet {
        waiting: Waiting,
        detail: String,
        again_in: Option<Duration>,
    },
    Failed {
        code: FailureCode,
        detail: String,
        again: Again,
    },
    /// The answer to a probe.
    Found(Found),
    /// The answer to [`Action::AskTill`].
    Till {
        work: Work,
        detail: String,
    },
}

/// What an action established.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proof {
    /// The version that the running application reported; [`Action::ProveHealth`] and
    /// [`Reply::AlreadySo`] must say it.
    pub version: Option<String>,
    pub findings: Vec<Finding>,
}

/// One fact for the receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// For people: totals, host references, versions. Never card data.
    pub note: String,
    /// Of the full record, where the terminal keeps one.
    pub digest: Option<Digest>,
}

/// Whether trying a failed action again could help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    Worthwhile,
    Pointless,
}

/// What a probe found about an action whose outcome was not written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    Happened,
    DidNot,
    Unknown,
}
