//! What is written down about a replacement, and what people say as it goes on. Pure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use shared::digest::{Digest, PublicKey};
use shared::id::{ClaimId, PositionId, RequestId, TerminalId};
use shared::time::UnixTime;
use utoipa::ToSchema;

use super::form::Form;
use super::watch::Watch;
use super::{ReplacementEvent, ReplacementState};

/// How long a unit may be paired after it was allowed to, in seconds.
pub const PAIRING_S: u64 = 24 * 3600;

/// Things that a dead terminal may still owe, in one replacement.
pub const UNSETTLED_MAX: usize = 100;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replacement {
    /// In the order in which they were begun.
    pub number: u64,
    pub request: RequestId,
    pub form: Form,
    pub old: TerminalId,
    /// The lane that one leaves and the other takes.
    pub position: PositionId,
    pub state: ReplacementState,
    pub state_at: UnixTime,
    pub state_by: String,
    pub state_why: String,
    pub progress: Progress,
    pub created_at: UnixTime,
    pub created_by: String,
}

/// What was said so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// The serial number of the new unit.
    pub unit: Option<String>,
    pub parcel: Option<Parcel>,
    /// How what was received differs from what was sent.
    pub difference: Option<String>,
    pub unsettled: Option<Unsettled>,
    /// What there is of a dead terminal's data; `None` where it was given up without any.
    pub last_backup: Option<LastBackup>,
    /// Lets the new unit enrol.
    pub claim: Option<ClaimId>,
    /// The new unit, from its enrolment on.
    pub new: Option<TerminalId>,
    /// The manifest of what was restored onto it; `None` where there was nothing to restore.
    pub restored: Option<Digest>,
    pub commissioned: Option<Commissioned>,
    pub live_at: Option<UnixTime>,
    /// How it is watched since.
    pub watch: Option<Watch>,
    /// The payments that its data held at the swap, by the newest snapshot.
    pub counted: Option<u64>,
    /// What was wrong with it when somebody answered for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<AcceptedTrouble>,
}

/// Trouble of the new terminal for which somebody answers; what else goes wrong is not covered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ReplacementAcceptedTrouble)]
pub struct AcceptedTrouble {
    pub trouble: Vec<String>,
    /// Somebody else than whoever says so.
    pub accepted_by: String,
}

/// The newest verified snapshot of a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ReplacementLastBackup)]
pub struct LastBackup {
    #[schema(value_type = String)]
    pub manifest: Digest,
    #[schema(value_type = i64)]
    pub taken_at: UnixTime,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ReplacementParcel)]
pub struct Parcel {
    pub courier: String,
    pub tracking: String,
    /// As it was applied; without one the unit's own counts.
    #[serde(default)]
    pub seal: Option<String>,
}

/// What a dead terminal may still owe, and who answers for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ReplacementUnsettled)]
pub struct Unsettled {
    /// Batches, receipts, refunds: one each.
    pub items: Vec<String>,
    /// What the provider calls the closing of the batch at its side.
    pub closed_at_host: String,
    /// No verified snapshot of it exists: what it held is lost.
    #[serde(default)]
    pub without_backup: bool,
    /// Somebody else than whoever says so.
    pub accepted_by: String,
}

/// What was tried on site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ReplacementCommissioned)]
pub struct Commissioned {
    pub found: BTreeMap<Check, Found>,
    /// What the provider calls the test payment that was made and given back.
    pub tested: String,
    /// Who tried it.
    pub by: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = ReplacementCheck)]
pub enum Check {
    Screen,
    Reader,
    Contactless,
    Scanner,
    Printer,
    Network,
    /// To the shop's own till.
    EcrLink,
    Clock,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = ReplacementFound)]
pub enum Found {
    Works,
    /// The unit has none.
    Absent,
    Fails,
}

impl Check {
    pub const ALL: [Self; 8] = [
        Self::Screen,
        Self::Reader,
        Self::Contactless,
        Self::Scanner,
        Self::Printer,
        Self::Network,
        Self::EcrLink,
        Self::Clock,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Screen => "screen",
            Self::Reader => "reader",
            Self::Contactless => "contactless",
            Self::Scanner => "scanner",
            Self::Printer => "printer",
            Self::Network => "network",
            Self::EcrLink => "ecr-link",
            Self::Clock => "clock",
        }
    }
}

impl Commissioned {
    /// What nobody has tried, or what does not work.
    pub fn open(&self) -> Vec<&'static str> {
        let is_open = |check: &Check| match self.found.get(check) {
            Some(Found::Works | Found::Absent) => false,
            Some(Found::Fails) | None => true,
        };
        Check::ALL.into_iter().filter(is_open).map(Check::as_str).collect()
    }
}

/// What somebody says that moves a replacement on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[schema(as = ReplacementStep)]
pub enum Said {
    /// This unit is meant for it.
    Allocate {
        serial: String,
    },
    Ship(Parcel),
    /// As they are read on what arrived.
    Receive {
        serial: String,
        #[serde(default)]
        seal: Option<String>,
        /// There is none on it.
        #[serde(default)]
        seal_missing: bool,
        /// Who answers for it from now on.
        #[serde(default)]
        custodian: Option<String>,
    },
    /// The old terminal has signed that it is suspended.
    SettleOld,
    GiveUpOld(Unsettled),
    Pair {
        /// The public half of the claim's key, 64 hexadecimal digits.
        #[schema(value_type = String)]
        claim_key: PublicKey,
    },
    Provision {
        /// Somebody says that the new unit needs nothing of the old one.
        #[serde(default)]
        nothing_to_restore: bool,
    },
    Commission(Commissioned),
    GoLive {
        #[serde(default)]
        watch: Watch,
    },
    Watch,
    /// The watch may be over though something is wrong with the new terminal now.
    AcceptTrouble {
        accepted_by: String,
    },
    Close,
    Cancel,
}

impl Said {
    pub fn event(&self) -> ReplacementEvent {
        match self {
            Self::Allocate { .. } => ReplacementEvent::Allocate,
            Self::Ship(_) => ReplacementEvent::Ship,
            Self::Receive { .. } => ReplacementEvent::Receive,
            Self::SettleOld => ReplacementEvent::SettleOld,
            Self::GiveUpOld(_) => ReplacementEvent::GiveUpOld,
            Self::Pair { .. } => ReplacementEvent::Pair,
            Self::Provision { .. } => ReplacementEvent::Provision,
            Self::Commission(_) => ReplacementEvent::Commission,
            Self::GoLive { .. } => ReplacementEvent::GoLive,
            Self::Watch => ReplacementEvent::Watch,
            Self::AcceptTrouble { .. } => ReplacementEvent::AcceptTrouble,
            Self::Close => ReplacementEvent::Close,
            Self::Cancel => ReplacementEvent::Cancel,
        }
    }
}

/// One step of a replacement, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplacementMove {
    /// Of its replacement, from 1.
    pub number: u64,
    pub event: ReplacementEvent,
    pub from: ReplacementState,
    pub to: ReplacementState,
    pub by: String,
    pub why: String,
    pub at: UnixTime,
}
