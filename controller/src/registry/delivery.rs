//! Orders on their way to terminals, and what terminals say, as they are stored.

use std::collections::BTreeSet;

use shared::digest::{Digest, PublicKey};
use shared::document::order::Stream;
use shared::document::receipt::Receipt;
use shared::id::{CampaignId, OrderId, TerminalId};
use shared::message::{Hello, Parcel, Progress, SignedBytes, Suspicion, Telemetry};
use shared::time::UnixTime;

use super::campaign::Purpose;

/// A signed order that was never stored before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewOrder {
    pub id: OrderId,
    pub terminal: TerminalId,
    pub epoch: u32,
    pub stream: Stream,
    pub seq: u64,
    pub campaign: CampaignId,
    pub purpose: Purpose,
    /// From 1; see [`super::campaign::Assignment::attempt`].
    pub attempt: u32,
    /// See [`super::campaign::Assignment::issue`].
    pub issue: u16,
    /// Of the campaign, from 0.
    pub wave: u16,
    /// SHA-256 of the payload of its batch.
    pub batch: Digest,
    pub signed: SignedBytes,
    pub not_after: UnixTime,
    /// The fleet's count of upheavals before its calendar was looked up: windows and freezes that
    /// were changed after that it does not know.
    pub upheavals: u64,
}

/// Where the numbers of a terminal's orders stand, and whether it may be given any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbering {
    pub terminal: TerminalId,
    pub epoch: u32,
    /// The highest routine sequence number of this epoch: given out here, or seen over there.
    pub order_seq: u64,
    /// The highest number of an approved order in this epoch.
    pub approved_seq: u64,
    /// When somebody has enrolled it last, with a claim.
    pub claimed_at: Option<UnixTime>,
}

/// An order that the terminal has not answered for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owed {
    pub order: OrderId,
    pub terminal: TerminalId,
    /// How often it was sent on any connection.
    pub sends: u32,
    /// When it was last sent on the present connection.
    pub sent_at: Option<UnixTime>,
    pub parcel: Parcel,
}

/// What was sent to one terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    pub terminal: TerminalId,
    /// What was owed to it when it was looked at, sent or not.
    pub seen: Vec<OrderId>,
    pub orders: Vec<OrderId>,
    /// When to look at this terminal again, unless something happens before.
    pub again_at: Option<UnixTime>,
}

/// Something a terminal said, in the order in which it was spooled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    pub terminal: TerminalId,
    /// When the controller heard it.
    pub at: UnixTime,
    pub saying: Saying,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Saying {
    Hello(Hello),
    /// The broker says that the connection broke.
    Gone,
    Report {
        epoch: u32,
        seq: u64,
        /// Everything of this epoch up to here is durable, this report included if it is not
        /// above: nothing up to here need be applied again.
        up_to: u64,
        report: Report,
    },
}

/// A report whose proof, where it has one, was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    Progress(Progress),
    Receipt {
        receipt: Receipt,
        signed: SignedBytes,
    },
    /// Signed by the key that the terminal had in the epoch that the receipt names, before it
    /// enrolled anew: it speaks of orders of that epoch alone.
    OfEarlierKey {
        receipt: Receipt,
        signed: SignedBytes,
    },
    /// A receipt that the terminal's key did not sign, or that is not what it seems. Kept aside.
    Unproven {
        signed: SignedBytes,
        why: String,
    },
    Telemetry(Telemetry),
    /// Somebody at the terminal does not believe what is ordered.
    Suspicion(Suspicion),
}

/// What a batch of sayings changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Campaigns of which an assignment changed its state.
    pub campaigns: BTreeSet<CampaignId>,
    pub alarms: u64,
    /// Reports that had been applied before.
    pub repeated: u64,
    /// From terminals that are unknown, or not enrolled.
    pub strangers: u64,
}

/// Something a person should look at. Each is kept once, however often it is found. It is of one
/// terminal; among all alarms there are those of none too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm<Of = TerminalId> {
    pub terminal: Of,
    pub kind: AlarmKind,
    /// What it is about: a digest, an order, an epoch.
    pub subject: String,
    pub detail: String,
    pub at: UnixTime,
    /// When it was over by itself; only what is looked after again and again can be.
    pub ended_at: Option<UnixTime>,
}

/// As alarms are listed: `None` for what is about a whole request, or a store without a terminal.
pub type AnyAlarm = Alarm<Option<TerminalId>>;

impl AnyAlarm {
    /// Somebody has the unit, or its key: people look, once for each key.
    pub fn revoked_spoke(terminal: TerminalId, key: PublicKey, detail: &str, at: UnixTime) -> Self {
        Self {
            terminal: Some(terminal),
            kind: AlarmKind::RevokedSpoke,
            subject: key.key_id().to_string(),
            detail: detail.to_owned(),
            at,
            ended_at: None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AlarmKind {
    /// The terminal told two different ends of one order.
    Contradiction,
    /// It lost its ledger: it may have been restored or copied.
    LedgerLost,
    /// Reports were acknowledged and then lost on the controller's side.
    ReportsLost,
    /// A receipt for an order that this registry does not know, or that was another terminal's.
    StrangeReceipt,
    /// A receipt that its terminal did not sign.
    UnprovenReceipt,
    /// It opens maintenance windows in another time zone than it was claimed for.
    OtherZone,
    /// What it saved was not whole in one of the places, or in both.
    BackupDamaged,
    /// It skipped numbers of its snapshots: some were withheld, or are on their way to nowhere.
    BackupMissing,
    /// Its payments or batches end with a lower number than in the snapshot before: the till lost
    /// its data and begins again, or an older snapshot was restored.
    TillDataLost,
    /// Data of some class was not saved for too long.
    BackupOverdue,
    /// What it saved could not be restored into a scratch till.
    DrillFailed,
    /// No restore was rehearsed for too long.
    DrillOverdue,
    /// Somebody at the terminal does not believe what is ordered there.
    Suspicion,
    /// A change could neither be finished nor undone: the shop may not be able to sell there.
    RollbackFailed,
    /// What a till signed about its change of provider, and the bindings as they are written down,
    /// do not agree: somebody finds out with what it sells.
    BindingDiffers,
    /// It was revoked, and somebody has connected with its key.
    RevokedSpoke,
    /// By the list of units it is lost, tampered with or disposed of, and it has connected.
    ClosedUnitSpoke,
    /// It is in quarantine, and nothing empties it any more: its order has run out.
    WipeLapsed,
    /// It is in quarantine, nothing empties it any more, and it has connected.
    QuarantinedSpoke,
    /// Another terminal has its place, and it has connected and may sell, or sells again.
    ReplacedSpoke,
    /// It was told of another audit log than this registry has.
    AuditForked,
    /// The audit log is not what was written.
    AuditBroken,
    /// It had no contact for longer than its lease, and is locked.
    LeaseRanOut,
    /// A unit that never enrolled has another seal or serial number than its record.
    SuspectedSubstitution,
    /// It has signed that it stands still, sells again or is erased, and the list of units says
    /// what does not go with that.
    UnitDiffers,
    /// It has not accepted in time by when it is to stop, or is not saved: it may sell on.
    SuspensionAtRisk,
    /// It stopped and has not signed that it is suspended: its host is away or counts otherwise.
    SuspensionStuck,
    /// It was allowed to settle later, and has not by then.
    SettlementOverdue,
    /// What is to be told or done before terminals stop is late.
    StopLate,
    /// A deposit is held longer than a final settlement takes.
    DepositOverdue,
    /// Too much of a campaign went wrong: it stands still until somebody has decided.
    CampaignHalted,
}
