//! What travels over MQTT. Messages carry; only the signed documents inside them have power.
//!
//! Unlike documents, messages may gain fields: a reader ignores what it does not know.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::digest::{Digest, Nonce};
use crate::document::profile::Enclosed;
use crate::id::OrderId;
use crate::outcome::Waiting;
use crate::time::UnixTime;

/// A signed document as it came: the exact bytes that the signatures cover.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SignedBytes(pub ByteBuf);

impl SignedBytes {
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(ByteBuf::from(bytes))
    }

    pub fn as_slice(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for SignedBytes {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} signed bytes {}", self.0.len(), Digest::of(&self.0).short())
    }
}

/// Terminal → controller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Up {
    Hello(Hello),
    Record(Record),
    /// The last will: the connection broke without a goodbye.
    Gone,
}

/// Said on every connect and every quarter of an hour: enough for the controller to see what the
/// terminal lacks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    pub boot_nonce: Nonce,
    pub epoch: u32,
    /// The highest routine sequence number ever seen.
    pub order_seq: u64,
    /// SHA-256 over the ledger's entries: see the agent's `journal`. For people who look into a
    /// difference; what was lost on either side shows in the numbers beside it.
    pub ledger: Digest,
    /// Records that wait to be acknowledged.
    pub outbox_depth: u64,
    /// Everything up to this sequence number was acknowledged: the terminal will not send it
    /// again, so a controller that lost its own count may go on from here.
    pub outbox_acknowledged: u64,
    pub outbox_dropped: u64,
    pub roster_version: u64,
    pub agent_version: String,
    pub components: Vec<Component>,
    /// IANA name of the time zone that windows are meant in.
    pub zone: String,
    /// The ledger was lost since the last epoch: nothing will be accepted until a new one.
    pub ledger_lost: bool,
    /// An order is being carried out.
    pub working_on: Option<OrderId>,
    /// A signed [`crate::document::RecipientStatement`]: said on a connection until a hello was
    /// answered, and not again, because it is as long as everything else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipient: Option<SignedBytes>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<LogHead>,
    /// What a wipe of this terminal must name: said as [`Self::recipient`] is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub challenge: Option<Digest>,
    /// It sells nothing, because it had no contact for longer than its lease.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locked: Option<Locked>,
    /// What orders that people signed have made of it; `None` while it is in service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stands: Option<Stands>,
}

/// By the terminal's own books. What it may be wiped for is in its receipts, which it signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stands {
    /// Stopped, settled and saved.
    Suspended,
    /// Stopped; that it has settled and what it has saved it does not know, or not any more.
    SuspendedOwing,
    Erased,
}

/// By its own count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Locked {
    pub since: UnixTime,
    pub for_s: u64,
    /// What keeps it from being locked, or unlocked, as a whole.
    pub trouble: Option<String>,
}

/// The newest root of the controller's audit log that a terminal believed: see
/// [`crate::document::Checkpoint`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogHead {
    pub size: u64,
    pub root: Digest,
}

/// Installed software.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Component {
    pub name: String,
    pub version: String,
    pub security_counter: u64,
}

/// One entry of the terminal's outbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub epoch: u32,
    pub seq: u64,
    /// The sequence number of the entry before this one in the outbox, or of the last one that
    /// was acknowledged. A reader that has everything up to `previous` has missed nothing.
    pub previous: u64,
    pub body: Body,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Body {
    Progress(Progress),
    /// A signed [`crate::document::Receipt`].
    Receipt(SignedBytes),
    /// Somebody at the till does not believe what is ordered: see [`Suspicion`].
    Suspicion(Suspicion),
    Telemetry(Telemetry),
}

/// Where a job stands. Not signed: it moves a progress bar, never a decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    pub order: OrderId,
    /// Rises with every report of the order; a lower one that arrives late is ignored.
    pub ordinal: u64,
    /// In the words of the job's table.
    pub step: String,
    pub state: StepState,
    pub at: UnixTime,
    pub bytes_done: Option<u64>,
    pub bytes_total: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepState {
    Running,
    Waiting { reason: Waiting, detail: String },
    Undoing { detail: String },
}

/// Raised by a person at the terminal. Freezes what is ordered there until people have looked; it
/// stops nothing that has begun to disturb the shop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspicion {
    pub at: UnixTime,
    /// The order that is doubted, where it is one.
    pub order: Option<OrderId>,
    pub note: String,
}

/// How the terminal does. Dropped first when the outbox is full.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Telemetry {
    pub at: UnixTime,
    pub disk_free_bytes: u64,
    pub orders_refused: u64,
    pub messages_unreadable: u64,
    /// `None` where the terminal has none, or cannot tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub battery: Option<Battery>,
    /// `None` until the agent has looked, and from agents that do not look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub till: Option<TillHealth>,
}

/// How the POS application does between changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TillHealth {
    /// It answers when it is asked how it does.
    pub answers: bool,
    /// How often its process became another within the last day, since its version is what it is,
    /// and while nothing was done to it: crashes, as a rule.
    pub restarts: u8,
}

impl fmt::Display for TillHealth {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(if self.answers { "answers" } else { "does not answer" })?;
        match self.restarts {
            0 => Ok(()),
            1 => out.write_str(", restarted by itself once within a day"),
            times => write!(out, ", restarted by itself {times} times within a day"),
        }
    }
}

/// What keeps a portable terminal going.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Battery {
    /// What it holds, 0 to 100.
    pub percent: u8,
    /// What it has to hold, on this terminal, before a change disturbs its shop.
    pub floor_percent: u8,
    /// It is on mains, or being charged.
    pub is_powered: bool,
}

impl Battery {
    /// A change waits for it to be charged.
    pub fn is_low(self) -> bool {
        !self.is_powered && self.percent < self.floor_percent
    }
}

impl fmt::Display for Battery {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { percent, floor_percent, is_powered } = self;
        match (is_powered, self.is_low()) {
            (true, _) => write!(out, "{percent} %, charged"),
            (false, false) => write!(out, "{percent} %, not charged"),
            (false, true) => write!(
                out,
                "{percent} %, not charged: changes wait until it holds {floor_percent} % or is \
                 charged"
            ),
        }
    }
}

/// Controller → terminal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Down {
    /// A signed [`crate::document::FleetTime`].
    FleetTime(SignedBytes),
    /// Signed [`crate::document::Roster`]s, ascending, without a gap.
    Rosters(Vec<SignedBytes>),
    Order(Parcel),
    Ack(Ack),
    Checkpoint(Growth),
}

/// How far the audit log has come since the terminal told its [`LogHead`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Growth {
    /// A signed [`crate::document::Checkpoint`].
    pub checkpoint: SignedBytes,
    /// What shows that it is of the same log: see [`crate::log_tree::extends`].
    pub path: Vec<Digest>,
}

/// An order with everything that is needed to check it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parcel {
    pub order: SignedBytes,
    pub batch: SignedBytes,
    /// For an upgrade: the signed [`crate::document::Release`].
    pub release: Option<SignedBytes>,
    /// For a rebind: this terminal's [`crate::document::Profile`]; for a wipe its
    /// [`crate::document::Clearance`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<Enclosed>,
}

/// Everything up to here is durable on the controller's side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ack {
    pub epoch: u32,
    pub up_to: u64,
}
