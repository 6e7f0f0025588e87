//! Terminals that stop, sell again, or are emptied.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use shared::change::SettlementDelay;
use shared::change::rebind::Test;
use shared::digest::Digest;
use shared::id::{OrderId, RequestId, TerminalId};
use shared::time::UnixTime;
use shared::window::Window;
use utoipa::ToSchema;

use super::campaign::Campaign;
use super::{Base64, Stop, StopParty, text};
use crate::finding::Weight;

/// Asks for what an accepted request is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDeactivation {
    /// It says which terminals, why, and how the shops take money meanwhile.
    #[schema(value_type = String)]
    pub request: RequestId,
    pub wanted: WantedService,
    #[serde(default)]
    pub name: Option<String>,
    /// How long its orders are valid from now; else three days, and 90 for what is lost: as long as
    /// may be.
    #[serde(default)]
    pub not_after_s: Option<u64>,
    /// Who answers for stores in which nobody sells any more: not whoever asks for it.
    #[serde(default)]
    pub close_store: Option<String>,
    /// Who answers for parties that do not know of it.
    #[serde(default)]
    pub untold: Option<Untold>,
}

/// Somebody answers for parties that were not told: not whoever asks for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Untold {
    pub by: String,
    pub why: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WantedService {
    Suspend(SuspendWish),
    Settle(SettleWish),
    Resume(ResumeWish),
    Wipe(WipeWish),
}

/// Stop, settle and save; nothing is erased.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SuspendWish {
    /// From then on no terminal takes a payment. Within three days.
    #[schema(value_type = i64)]
    pub cut_off: UnixTime,
    /// After the cut-off. Without it they stay stopped until they are resumed or decommissioned.
    #[serde(default)]
    #[schema(value_type = Option<i64>)]
    pub resume_expected: Option<UnixTime>,
    /// What is accepted of a terminal that cannot settle; else it waits until it has. Where it
    /// waits already, by another request, it goes on by this one. Who accepts it does not ask.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub delay: Option<SettlementDelay>,
    /// The one terminal of the request answers nobody, and a replacement is about it: its order
    /// waits for it for 90 days.
    #[serde(default)]
    pub given_up: bool,
}

/// Settle what suspended terminals owe, and save them anew: those of the request that owe any.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SettleWish {
    /// Without it they stay stopped until they are resumed or decommissioned.
    #[serde(default)]
    #[schema(value_type = Option<i64>)]
    pub resume_expected: Option<UnixTime>,
}

/// Sell again after a suspension.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResumeWish {
    /// In this order; a diagnosis and a sale are among them.
    #[schema(value_type = Vec<Object>)]
    pub tests: Vec<Test>,
    pub checked: CheckedOnSite,
    #[serde(default, with = "text::optional")]
    #[schema(value_type = Option<String>, example = "22:00-06:00")]
    pub window: Option<Window>,
    /// By component, the lowest version with which a terminal sells again.
    #[serde(default)]
    pub at_least: BTreeMap<String, String>,
    /// Who answers for a finding of the plan, by its code: not whoever asks for it.
    #[serde(default)]
    pub overrides: BTreeMap<String, String>,
    /// Who answers for everything that nobody has told this controller.
    #[serde(default)]
    pub vouch: Option<String>,
}

/// What a person has looked at: `screen`, `printer`, `reader`, `scanner` and `battery`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckedOnSite {
    pub what: BTreeSet<String>,
    pub by: String,
}

/// Erase everything, for good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WipeWish {
    /// How long each terminal waits, so that any one approver can cancel. What is lost does not
    /// wait: then it is 0, and refused if not.
    pub cool_off_s: u32,
    /// Of terminals in the wrong hands: at once, and though they were never suspended.
    #[serde(default)]
    pub is_lost: bool,
}

/// What speaks against it, and what must be so by when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ServicePlan {
    /// Whether anything speaks against it for which nobody answers.
    pub is_blocked: bool,
    pub terminals: Vec<ServicePart>,
    pub deadlines: Vec<ServiceDeadline>,
    /// Of a return to service: what is not valid any more, or not known.
    pub findings: Vec<ServiceFinding>,
    /// Who answers for which of them, by their codes.
    pub answered: BTreeMap<String, String>,
    /// Of a suspension: whether all who must know of it do.
    pub told: Option<ServiceTold>,
    /// Of a suspension: where it differs from what was announced, whose place it takes.
    #[serde(default)]
    pub differs: Vec<String>,
    /// Of a return to service: what nobody has checked on site.
    #[serde(default)]
    pub unchecked: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ServiceTold {
    /// Nobody is told beforehand: it is lost, stolen or tampered with.
    pub is_exempt: bool,
    pub lacking: Vec<StopParty>,
    /// Who answers for that.
    pub answer: Option<Untold>,
    /// What to do, where it is not enough.
    pub hint: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ServiceFinding {
    /// For example `licence-lapsed`.
    pub code: String,
    pub weight: Weight,
    /// A terminal's serial number, a provider or a paper.
    pub about: String,
    pub detail: String,
    pub hint: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ServicePart {
    #[schema(value_type = String)]
    pub terminal: TerminalId,
    pub serial: String,
    pub store: String,
    pub obstacles: Vec<ServiceObstacle>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ServiceObstacle {
    /// For example `not-saved`.
    pub code: String,
    pub detail: String,
    pub hint: String,
    /// Who answers for it, so that it holds nothing back.
    #[serde(default)]
    pub answered_by: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ServiceDeadline {
    /// `notice`, `cleared` or `armed`.
    pub what: String,
    #[schema(value_type = i64)]
    pub by: UnixTime,
    pub is_late: bool,
}

/// A change of service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Deactivation {
    #[schema(value_type = String)]
    pub request: RequestId,
    /// `suspend`, `resume` or `decommission`.
    pub kind: String,
    pub campaign: Campaign,
    pub terminals: Vec<DeactivatedTerminal>,
    /// As it was planned.
    pub planned: ServicePlan,
    pub checked: Option<CheckedOnSite>,
    /// By component, the lowest version that was asked for.
    pub at_least: BTreeMap<String, String>,
    /// Terminals that may not stop when they should.
    pub at_risk: u64,
    /// Terminals that owe something for longer than was accepted.
    pub late: u64,
    /// Who was told, what people are to do, and what is owed; none of a return to service.
    pub stop: Option<Stop>,
    /// Of a return to service: from the moment at which terminals stopped to the one at which they
    /// sell, all together, in seconds. Only where one change is looked at.
    pub downtime_s: Option<u64>,
}

/// A change of service, as it is listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeactivationSummary {
    #[schema(value_type = String)]
    pub request: RequestId,
    /// `suspend`, `resume` or `decommission`.
    pub kind: String,
    pub campaign: Campaign,
    /// How many take part.
    pub terminals: u64,
    /// How many may not stop when they should, as it was found last.
    pub at_risk: u64,
    /// How many owe something for longer than was accepted, as it was found last.
    pub late: u64,
    /// What people have not done in time; none of a return to service.
    pub late_items: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeactivatedTerminal {
    #[schema(value_type = String)]
    pub terminal: TerminalId,
    pub serial: String,
    pub store: String,
    /// `in-service`, `suspended`, `suspended-owing` or `erased`, by the terminal's own signed word.
    pub service: String,
    /// Of one that is `suspended-owing`.
    pub owing: Option<Owing>,
    /// Of a wipe: `requested`, `delivered`, `wiping`, `erased-proven`, `erased-unproven`,
    /// `indeterminate`, `presumed-lost` or `not-erased`.
    pub wipe: Option<String>,
    #[schema(value_type = Option<String>)]
    pub order: Option<OrderId>,
    /// What it does, or waits for.
    pub detail: Option<String>,
    pub at_risk: bool,
    /// How long it stood still, by what it has signed; of a return to service.
    pub downtime_s: Option<u64>,
}

/// What a suspended terminal has not settled, by its own signed word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Owing {
    /// Empty where the till says that it owes nothing, and its host has not confirmed it.
    pub owed: Vec<OwedOfBinding>,
    #[schema(value_type = i64)]
    pub settled_by: UnixTime,
    /// That time has passed.
    pub is_late: bool,
    pub reason: String,
    pub accepted_by: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OwedOfBinding {
    pub binding: String,
    /// In batches that are not settled.
    pub sales: u64,
    pub total_minor: i64,
    /// Three times X where there is no such batch.
    pub currency: String,
    /// A till tells how many were not sent, not how much.
    pub unsent_reversals: u64,
    pub stored_offline: u64,
}

/// A party that no longer knows a terminal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Deregistration {
    /// The provider's key, or the registry's name.
    pub with: String,
    /// It is a registry of terminals: a scheme's, or a country's.
    #[serde(default)]
    pub registry: bool,
    /// Theirs.
    #[serde(default)]
    pub reference: Option<String>,
    /// Why there is nothing to deregister there, in place of a reference, by the name of whoever
    /// asks.
    #[serde(default)]
    pub none_needed: Option<String>,
    /// It was written down by mistake, with exactly this reference.
    #[serde(default)]
    pub withdraw: bool,
    #[serde(default)]
    pub reason: Option<String>,
}

/// A certificate of sanitisation, as the controller signed it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Sanitisation {
    #[schema(value_type = String)]
    pub terminal: TerminalId,
    #[schema(value_type = String)]
    pub order: OrderId,
    #[schema(value_type = String)]
    pub digest: Digest,
    #[schema(value_type = i64)]
    pub created_at: UnixTime,
    /// The signed document.
    pub signed: Base64,
}
