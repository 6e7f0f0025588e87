//! Terminals. What kind of life it leads, whether it can be reached and what it works on are
//! three questions with three answers.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use shared::digest::PublicKey;
use shared::id::{OrderId, TerminalId};
use shared::time::UnixTime;
use utoipa::ToSchema;

use super::campaign::Assignment;
use super::{Alarm, Base64};
use crate::provider::day::Day;
pub use crate::terminal::keys::KeyKind as PaymentKeyKind;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Terminal {
    #[schema(value_type = String, example = "trm-0192f0c1d2e34f5061728394a5b6c7d8")]
    pub id: TerminalId,
    pub serial: String,
    pub store: String,
    pub model: String,
    /// Its place in the store.
    pub lane: Option<String>,
    pub labels: BTreeMap<String, String>,
    /// IANA name of the time zone that windows are meant in.
    pub zone: String,
    pub lifecycle: Lifecycle,
    pub presence: Presence,
    /// Somebody finds it or its store suspicious: nothing is released or sent to it until two
    /// people have lifted that (`GET /v1/suspicions`).
    pub is_frozen: bool,
    /// It is to be emptied as lost, stolen or tampered with, or may sell though another one has its
    /// place and nothing stops it: it is sent nothing else, and may fetch and store nothing.
    pub is_quarantined: bool,
    /// `in-service`, `suspended`, `suspended-owing` or `erased`, by its own signed word.
    pub service: String,
    /// Counts enrolments and lost ledgers; 0 before the first enrolment.
    pub epoch: u32,
    #[schema(value_type = Option<i64>)]
    pub last_seen_at: Option<UnixTime>,
    /// What it is carrying out, as it said last.
    #[schema(value_type = Option<String>)]
    pub working_on: Option<OrderId>,
    #[schema(value_type = Option<i64>)]
    pub certificate_expires_at: Option<UnixTime>,
    /// What it said about itself when it was last connected.
    pub agent_version: Option<String>,
    pub components: Vec<Component>,
    pub roster_version: Option<u64>,
    /// Reports that waited on the terminal.
    pub outbox_depth: Option<u64>,
    /// Telemetry that the terminal had to drop, ever.
    pub outbox_dropped: Option<u64>,
    /// IANA name of the time zone in which it opens windows, as it said last. An alarm is raised
    /// where it is not `zone`.
    pub zone_used: Option<String>,
    pub telemetry: Option<Telemetry>,
    /// To whom a backup's key is sealed that it needs; `None` where it makes no backups.
    pub recipient: Option<Recipient>,
}

/// A terminal's own words, which nobody else could have signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Recipient {
    /// `age1…`
    pub recipient: String,
    /// The signed statement, as `tillward recovery reseal` reads it.
    pub statement: Base64,
    /// The key that signed it. Compare it with what the terminal itself shows.
    #[schema(value_type = String)]
    pub key: PublicKey,
}

/// What it reported last about how it does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Telemetry {
    #[schema(value_type = i64)]
    pub at: UnixTime,
    /// Of the file system on which the agent keeps everything.
    pub disk_free_bytes: u64,
    /// Since the agent started.
    pub orders_refused: u64,
    /// Since the agent started.
    pub messages_unreadable: u64,
    /// `None` where the terminal has none, or cannot tell.
    pub battery: Option<Battery>,
    /// `None` until its agent has looked.
    pub till: Option<TillHealth>,
}

/// How the POS application does between changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TillHealth {
    /// It answers when it is asked how it does.
    pub answers: bool,
    /// How often its process became another within a day, of this version, while nothing was done
    /// to it.
    pub restarts: u8,
}

/// What keeps a portable terminal going.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Battery {
    /// What it holds, 0 to 100.
    pub percent: u8,
    /// What it has to hold before an upgrade, a change of provider or a restore disturbs its shop.
    pub floor_percent: u8,
    /// It is on mains, or being charged.
    pub is_powered: bool,
    /// Such changes wait for its charger.
    pub is_low: bool,
}

/// Why a terminal is listened to no more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Revocation {
    /// Kept in the audit log; not empty.
    pub reason: String,
}

/// Labels of a terminal, by key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Labels {
    /// One whose value is `null` is taken away; one that is left out stays as it is.
    pub labels: BTreeMap<String, Option<String>>,
    /// Kept in the audit log.
    #[serde(default)]
    pub reason: Option<String>,
}

/// What somebody says of a terminal's payment keys of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PaymentKeys {
    pub kind: PaymentKeyKind,
    /// The last day on which they are good; without it they are gone.
    pub until: Option<Day>,
    pub said_by: String,
    #[schema(value_type = i64)]
    pub recorded_at: UnixTime,
    pub recorded_by: String,
}

/// What somebody says of a terminal's payment keys: either until when they are good, or that they
/// are gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPaymentKeys {
    pub kinds: BTreeSet<PaymentKeyKind>,
    /// The last day on which they are good.
    #[serde(default)]
    pub until: Option<Day>,
    /// They are erased, or nobody may rely on them.
    #[serde(default)]
    pub gone: bool,
    /// Whoever loads the keys, or looks after them.
    pub said_by: String,
    /// Kept in the audit log.
    #[serde(default)]
    pub reason: Option<String>,
}

/// As somebody has written it down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeregisteredWith {
    /// The provider, or `registry NAME`.
    pub with: String,
    /// Theirs; or `none needed: WHY, says NAME`.
    pub reference: String,
}

/// One terminal, and what was asked of it, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TerminalDetail {
    #[serde(flatten)]
    pub terminal: Terminal,
    /// The last time that it locked itself, for it had no contact for longer than its lease.
    pub locked: Option<Alarm>,
    /// By whom it is no longer known, since it enrolled last.
    pub deregistered: Vec<DeregisteredWith>,
    /// What people say of its payment keys, since it enrolled last.
    pub payment_keys: Vec<PaymentKeys>,
    pub assignments: Vec<Assignment>,
}

/// The life of the unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Lifecycle {
    /// Announced; has no certificate yet.
    Claimed,
    Enrolled,
    /// Its certificates are refused.
    Revoked,
}

/// Whether it can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Presence {
    NeverSeen,
    Online,
    Offline,
}

/// Software that the terminal reports as running.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Component {
    pub name: String,
    pub version: String,
    pub security_counter: u64,
}
