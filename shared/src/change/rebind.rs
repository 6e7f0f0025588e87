//! The parameters of a change of provider: what is the same for all terminals of a batch. What
//! differs from one to the next (MID, TID, name, secrets) is each terminal's
//! [`crate::document::Profile`], which the batch binds by a Merkle root.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::id::RequestId;
use crate::window::Window;

/// Change the provider that clears a position's payments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rebind {
    /// The verified request that this carries out.
    pub request: RequestId,
    /// The provider that the terminal is bound to now; one that is bound to another refuses.
    pub from: String,
    pub to: String,
    /// Merkle root over the members' profiles: [`crate::membership::Profiles`].
    pub profiles: Digest,
    pub reason: Reason,
    /// Shown on the terminal before anything happens: who ordered the change, and why.
    pub ordered_by: String,
    pub note: String,
    pub registry_order: RegistryOrder,
    /// In this order, on the new binding, before the shop sells there.
    pub tests: Vec<Test>,
    pub watch: Watch,
    /// When the shop may be disturbed, in the terminal's local time; `None` is any time.
    pub window: Option<Window>,
}

/// Why a provider, a unit or a version is changed: a closed list, so that it can be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    Fee,
    Service,
    Upgrade,
    Business,
    ContractEnd,
    FaultHardware,
    FaultSoftware,
    Policy,
    Standard,
    LostStolen,
    Tampered,
    CustomerFeedback,
    /// The note says what.
    Other,
}

impl Reason {
    pub const ALL: [Self; 13] = [
        Self::Fee,
        Self::Service,
        Self::Upgrade,
        Self::Business,
        Self::ContractEnd,
        Self::FaultHardware,
        Self::FaultSoftware,
        Self::Policy,
        Self::Standard,
        Self::LostStolen,
        Self::Tampered,
        Self::CustomerFeedback,
        Self::Other,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fee => "fee",
            Self::Service => "service",
            Self::Upgrade => "upgrade",
            Self::Business => "business",
            Self::ContractEnd => "contract-end",
            Self::FaultHardware => "fault-hardware",
            Self::FaultSoftware => "fault-software",
            Self::Policy => "policy",
            Self::Standard => "standard",
            Self::LostStolen => "lost-stolen",
            Self::Tampered => "tampered",
            Self::CustomerFeedback => "customer-feedback",
            Self::Other => "other",
        }
    }
}

/// Which registration comes first at the clearing registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RegistryOrder {
    /// The new binding is registered before the old one is released: everything before the commit
    /// can be undone.
    NewFirst,
    /// The old registration has to be released before the new one is accepted, as where one
    /// terminal may have one merchant only. There is no quick way back from the release on, which
    /// comes before the switch.
    ReleaseOldFirst,
}

/// One test on the new binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Test {
    pub kind: TestKind,
    /// In the profile's currency, in its smallest unit; 0 where the kind moves no money.
    pub amount_minor: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TestKind {
    /// The host answers for this merchant and terminal.
    Diagnosis,
    Sale,
    /// Voids the test sale before it.
    Void,
    /// Refunds the test sale before it.
    Refund,
    /// A sale by QR code.
    Qr,
    /// A receipt with the new merchant's name is printed.
    Receipt,
    /// The batch with the tests is closed, and both sides count the same.
    BatchClose,
}

impl TestKind {
    pub const ALL: [Self; 7] = [
        Self::Diagnosis,
        Self::Sale,
        Self::Void,
        Self::Refund,
        Self::Qr,
        Self::Receipt,
        Self::BatchClose,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Diagnosis => "diagnosis",
            Self::Sale => "sale",
            Self::Void => "void",
            Self::Refund => "refund",
            Self::Qr => "qr",
            Self::Receipt => "receipt",
            Self::BatchClose => "batch-close",
        }
    }
}

/// How the new provider is watched while the shop sells with it, and what ends it early. The
/// baseline is what the same till did with the old provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Watch {
    /// How long at least, in seconds.
    pub for_s: u32,
    /// Until so many payments were tried, at least.
    pub payments_min: u32,
    /// A shop with few customers is not watched for longer than this, in seconds.
    pub at_most_s: u32,
    /// How far the approval rate may fall below the baseline, in percentage points.
    pub approval_drop_max: u8,
    /// How many of 100 payments may end in an error of the host.
    pub host_errors_max: u8,
    /// How much longer a payment may take than in the baseline, in percent.
    pub slower_max: u16,
    /// How often the POS application may crash.
    pub crashes_max: u16,
}
