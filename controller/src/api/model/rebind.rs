//! Changes of provider: what they would come to, what is asked for, and how far they are.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use shared::change as signed;
use shared::change::rebind::{Reason, RegistryOrder, Test, Watch};
use shared::digest::Digest;
use shared::id::{BindingId, CampaignId, PositionId, RequestId, TerminalId};
use shared::time::UnixTime;
use shared::window::Window;
use utoipa::ToSchema;

use super::{Base64, Campaign, Notice, text};

pub use crate::rebind::plan::{
    Finding, How, Plan, PlannedBinding, PlannedFee, PlannedTerminal, Weight,
};
pub use crate::rebind::usual::WatchWish;

/// What is the same for all terminals of a change of provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RebindTerms {
    /// The verified request that this carries out.
    #[schema(value_type = String)]
    pub request: RequestId,
    pub from: String,
    pub to: String,
    #[schema(value_type = String, example = "fee")]
    pub reason: Reason,
    /// Shown on every terminal before anything happens.
    pub ordered_by: String,
    pub note: String,
    #[schema(value_type = String, example = "new-first")]
    pub registry_order: RegistryOrder,
    /// Left out, they are those that the new provider wants.
    #[serde(default)]
    #[schema(value_type = Option<Vec<Object>>)]
    pub tests: Option<Vec<Test>>,
    #[serde(default)]
    pub watch: WatchWish,
    #[serde(default, with = "text::optional")]
    #[schema(value_type = Option<String>, example = "22:00-06:00")]
    pub window: Option<Window>,
    /// Which terminals may take part; one with a profile that it does not match is refused.
    #[serde(rename = "where")]
    pub selector: String,
    /// When the first shop may be disturbed; at once where it is left out. Parties are to be told
    /// some days before.
    #[serde(default)]
    #[schema(value_type = Option<i64>)]
    pub begins_at: Option<UnixTime>,
    /// How a store is paid meanwhile, by store.
    #[serde(default)]
    pub fallbacks: BTreeMap<String, String>,
    #[serde(default)]
    pub notices: Vec<Notice>,
}

/// Asks what a change of provider would come to. Nothing is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanRebind {
    pub terms: RebindTerms,
    /// The terminals of each wave.
    pub waves: Vec<Vec<WantedTerminal>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WantedTerminal {
    pub serial: String,
    /// Its profile brings secrets, which are sealed to it.
    pub has_secret: bool,
    /// The MID and TID that it is thought to have now.
    pub replaces_mid: String,
    pub replaces_tid: String,
    /// What it is to be bound to.
    pub mid: String,
    pub tid: String,
    pub name: String,
    pub mcc: String,
    pub currency: String,
    pub hosts: Vec<String>,
    /// Where it is not the one on record.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub position: Option<PositionId>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub binding: Option<BindingId>,
}

/// Asks for a change of provider. Its first wave waits for approvers at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRebind {
    pub terms: RebindTerms,
    #[serde(default)]
    pub name: Option<String>,
    pub max_parallel: u32,
    /// How long orders of a wave are valid from its start, in seconds; without it 3 days.
    #[serde(default)]
    pub not_after_s: Option<u64>,
    /// Profiles of the terminals of each wave, as CBOR. Their secrets are sealed to the terminals:
    /// the controller cannot read them.
    pub waves: Vec<Vec<Base64>>,
    /// Who answers for a finding of the plan, by its code.
    #[serde(default)]
    pub overrides: BTreeMap<String, String>,
}

/// A change of provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RebindShown {
    /// The campaign of the first wave.
    #[schema(value_type = String)]
    pub id: CampaignId,
    #[schema(value_type = i64)]
    pub created_at: UnixTime,
    pub created_by: String,
    /// The plan as it was when this was created, and who answered for what.
    #[schema(value_type = Object)]
    pub planned: serde_json::Value,
    pub waves: Vec<Campaign>,
    pub notices: Vec<Notice>,
}

/// What a member of a wave is bound to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MemberProfile {
    #[schema(value_type = String)]
    pub terminal: TerminalId,
    /// The profile as it is signed for.
    pub profile: Base64,
    /// The siblings that prove it.
    #[schema(value_type = Vec<String>)]
    pub path: Vec<Digest>,
    /// Six words that the terminal shows too, once the wave was started.
    pub code: Option<String>,
}

/// Why the next wave is started, and who answers for it where the one before did not go well.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NextWave {
    #[serde(default)]
    pub reason: Option<String>,
    #[serde(default)]
    pub despite: Option<String>,
}

impl RebindTerms {
    /// What is signed for, with these tests and this watch.
    pub fn signed(self, tests: Vec<Test>, watch: Watch) -> signed::Rebind {
        let terms = self;
        signed::Rebind {
            request: terms.request,
            from: terms.from,
            to: terms.to,
            // Over the profiles of each wave, once they are read.
            profiles: Digest([0; 32]),
            reason: terms.reason,
            ordered_by: terms.ordered_by,
            note: terms.note,
            registry_order: terms.registry_order,
            tests,
            watch,
            window: terms.window,
        }
    }
}
