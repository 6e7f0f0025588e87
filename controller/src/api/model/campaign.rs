//! One change for many terminals, and how it goes on each.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use shared::document::order::Class;
use shared::id::{CampaignId, OrderId, TerminalId};
use shared::time::UnixTime;
use utoipa::ToSchema;

use super::Change;
use crate::campaign::policy::Policy;

/// Asks for one change on many terminals. Nothing is sent before the campaign is started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCampaign {
    pub change: Change,
    /// Which terminals, for example `store=berlin-1 & model=T650`.
    #[serde(rename = "where")]
    pub selector: String,
    /// Terminals that work on it at the same time.
    pub max_parallel: u32,
    /// Its waves, the gate between them, and what becomes of those that are at it when it is
    /// stopped; without it one wave that nothing stops.
    #[serde(default)]
    #[schema(value_type = Option<Object>, example = json!({
        "waves": ["3", "10%", "rest"], "stop": "finish",
        "gate": {
            "sample_min": 3, "success_percent_min": 95, "soak": "1h", "bad_max": "1",
            "reach_percent_min": 80, "reach_after": "1d"
        }
    }))]
    pub policy: Option<Policy>,
    /// How long its orders are valid, in seconds; without it 14 days, or 3 where approvers sign.
    #[serde(default)]
    pub not_after_s: Option<u64>,
    #[serde(default)]
    pub name: Option<String>,
}

/// Why a campaign is started, paused, resumed or aborted; kept in the audit log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    #[serde(default)]
    pub reason: Option<String>,
}

/// Lets a campaign go on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Resumption {
    /// Kept in the audit log.
    #[serde(default)]
    pub reason: Option<String>,
    /// Of one that its gate has stopped: how many terminals have ended badly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledge: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Campaign {
    #[schema(value_type = String, example = "cmp-0192f0c1d2e34f5061728394a5b6c7d8")]
    pub id: CampaignId,
    pub name: Option<String>,
    pub change: Change,
    /// What an upgrade installs.
    pub software: Option<Software>,
    #[serde(rename = "where")]
    pub selector: String,
    pub max_parallel: u32,
    #[schema(value_type = Object)]
    pub policy: Policy,
    /// In the order in which they open; none before it is started.
    pub waves: Vec<Wave>,
    /// Terminals that have ended badly: what `acknowledge` must say to resume a halted campaign.
    pub bad: u64,
    /// Terminals that are at it now: a paused campaign has come to rest when there are none.
    pub at_it: u64,
    /// Before whom it goes.
    #[schema(value_type = String)]
    pub class: Class,
    /// It takes back what this campaign has brought, because that was stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub reverts: Option<CampaignId>,
    /// It is a copy of this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub copy_of: Option<CampaignId>,
    pub state: CampaignState,
    /// Who brought it into this state, when, and why where somebody said so.
    pub state_by: String,
    #[schema(value_type = i64)]
    pub state_at: UnixTime,
    pub state_reason: Option<String>,
    /// Members, fixed when the campaign is started.
    pub terminals: Option<u64>,
    /// …of these, members that joined after the start.
    #[serde(default)]
    pub joined: u64,
    /// How many members are in each state; states without a member are left out.
    #[schema(value_type = BTreeMap<String, u64>)]
    pub by_state: BTreeMap<AssignmentState, u64>,
    /// Why members are held back, most frequent first.
    pub held: Vec<Held>,
    #[schema(value_type = i64)]
    pub created_at: UnixTime,
    pub created_by: String,
    #[schema(value_type = Option<i64>)]
    pub started_at: Option<UnixTime>,
    #[schema(value_type = Option<i64>)]
    pub ended_at: Option<UnixTime>,
    /// How long its orders are valid from its start, in seconds.
    pub not_after_s: u64,
    /// …and until when that is, once it is started.
    #[schema(value_type = Option<i64>)]
    pub not_after: Option<UnixTime>,
    /// Terminals that succeeded after they had been given up, or had told a failure.
    pub late_successes: u64,
    /// Terminals that told two different ends.
    pub contradictions: u64,
}

/// Some members of a campaign, which begin together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Wave {
    /// From 1.
    pub number: u64,
    pub terminals: u64,
    pub state: WaveState,
    #[schema(value_type = Option<i64>)]
    pub opened_at: Option<UnixTime>,
    #[schema(value_type = Option<i64>)]
    pub passed_at: Option<UnixTime>,
    /// Of its terminals, ever released…
    pub released: u64,
    /// …and not ended yet.
    pub under_way: u64,
    pub succeeded: u64,
    pub bad: u64,
    /// Bad ends that a person has let pass.
    pub acknowledged: u64,
    /// What its gate waits for.
    pub waits_for: Vec<String>,
    /// When time alone changes that.
    #[schema(value_type = Option<i64>)]
    pub next_at: Option<UnixTime>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WaveState {
    Closed,
    Open,
    /// Enough of it was attempted; it must stand for a while.
    Soaking,
    /// The next one has begun.
    Passed,
}

/// A release, by the words that people have for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Software {
    pub component: String,
    pub version: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CampaignState {
    Draft,
    /// Nothing is sent before its approvers have signed: `GET /v1/approvals/{id}`.
    AwaitingApproval,
    Running,
    /// No terminal is released and no order is sent; what a terminal has accepted goes on.
    Paused,
    /// Stopped by its gate: as paused, and what has not begun is taken back.
    Halted,
    /// Nothing more will come of any member.
    Completed,
    /// No terminal is released; what has not begun is being cancelled.
    Aborted,
}

/// Members that wait for the same thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Held {
    #[serde(flatten)]
    pub reason: Reason,
    pub terminals: u64,
    /// When time alone changes that for the first of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>)]
    pub next_at: Option<UnixTime>,
    /// One of them, in its own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub example: Option<HeldExample>,
}

/// A terminal that waits, shown for all that wait for the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HeldExample {
    #[schema(value_type = String)]
    pub terminal: TerminalId,
    pub serial: String,
    /// For people; may be empty.
    pub detail: String,
}

/// Why nothing moves, or not faster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WhyNot {
    #[schema(value_type = String)]
    pub campaign: CampaignId,
    pub state: CampaignState,
    /// What the gate of the open wave waits for.
    pub gate: Vec<String>,
    /// When time alone changes what it waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>)]
    pub gate_next_at: Option<UnixTime>,
    /// Why members are not released, most frequent first.
    pub held: Vec<Held>,
    /// For what those wait that are at it, by their own word, most frequent first.
    pub waiting: Vec<Held>,
    /// How it stands on the terminal that was asked about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terminal: Option<Assignment>,
}

/// Gives a campaign another place among others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reprioritise {
    /// Before whom it goes: `decommission`, `security`, `normal`, `background`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub class: Option<Class>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_parallel: Option<u32>,
    /// What its class was when that was decided: where it is another by now, nothing is changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub seen_class: Option<Class>,
    /// The same of `max_parallel`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen_max_parallel: Option<u32>,
    #[serde(default)]
    pub reason: Option<String>,
}

/// What is other about a copy of a campaign.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCopy {
    /// Which terminals; without it those that the original means now.
    #[serde(default, rename = "where", skip_serializing_if = "Option::is_none")]
    pub selector: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Who is to go first; without it those of the original that would still be members.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub canary: Vec<TerminalId>,
}

/// A campaign that was made as a copy of another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CopiedCampaign {
    #[serde(flatten)]
    pub campaign: Campaign,
    /// Who went first in the original and would be no member of this one.
    pub canary_dropped: Vec<DroppedCanary>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DroppedCanary {
    #[schema(value_type = String)]
    pub terminal: TerminalId,
    pub serial: String,
}

/// Has members left out, or taken in again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SkipMembers {
    #[schema(value_type = Vec<String>)]
    pub terminals: Vec<TerminalId>,
    /// They are taken in again.
    #[serde(default)]
    pub undo: bool,
    #[serde(default)]
    pub reason: Option<String>,
}

/// Has members tried again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RetryMembers {
    /// Without it all that have ended badly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>)]
    pub terminals: Option<Vec<TerminalId>>,
    #[serde(default)]
    pub reason: Option<String>,
}

/// What came of a decision about members.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MembersMoved {
    /// For how many it changed something.
    pub changed: u64,
    /// Those for which it did not, and why.
    pub not: Vec<NotMoved>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NotMoved {
    #[schema(value_type = String)]
    pub terminal: TerminalId,
    pub why: String,
}

/// Why something is as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reason {
    /// Stable across releases.
    pub code: String,
    /// For people.
    pub detail: String,
    /// What to do about it, in the imperative.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// A campaign on one terminal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Assignment {
    #[schema(value_type = String)]
    pub campaign: CampaignId,
    #[schema(value_type = String)]
    pub terminal: TerminalId,
    pub serial: String,
    pub store: String,
    pub model: String,
    pub state: AssignmentState,
    /// Why it is held back, waits, was refused or did not succeed.
    pub reason: Option<Reason>,
    /// Once it has been released.
    #[schema(value_type = Option<String>)]
    pub order: Option<OrderId>,
    /// The step of the job, in the words of the job's table.
    pub step: Option<String>,
    pub bytes_done: Option<u64>,
    pub bytes_total: Option<u64>,
    /// What the terminal reported to be running when the job was over.
    pub version_now: Option<String>,
    #[schema(value_type = Option<i64>)]
    pub updated_at: Option<UnixTime>,
    /// When time alone changes why it is held back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>)]
    pub next_at: Option<UnixTime>,
}

/// In the order in which they can follow one another; everything from `unreached` is an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AssignmentState {
    /// Not released yet.
    Held,
    /// There is an order; the terminal has not accepted it yet.
    Ordered,
    /// …and has not for so long that it holds up nobody else. The order is still owed.
    Unanswered,
    /// The terminal has the order in its ledger.
    Accepted,
    /// The terminal waits, for its window or its till for example.
    Waiting,
    Working,
    Undoing,
    /// The order ran out before the terminal accepted it.
    Unreached,
    /// The terminal has begun and is away for too long; it counts as bad until it speaks.
    Silent,
    Refused,
    /// The order ran out before the terminal began.
    Expired,
    Superseded,
    Cancelled,
    /// Taken back when the campaign was stopped; its turn comes again when that goes on.
    Withdrawn,
    /// It had succeeded, and was brought back to what it was; its turn comes again, too.
    Reverted,
    Failed,
    RolledBack,
    RollbackFailed,
    Succeeded,
}

impl AssignmentState {
    /// Nothing more is expected of it; a late word of the terminal is still heard.
    pub fn is_end(self) -> bool {
        self >= Self::Unreached
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_campaign_is_asked_for_as_people_write_it() {
        let json = r#"{"change":{"drill":{"window":"22:00-06:00"}},"where":"store=b",
                       "max_parallel":2}"#;
        let campaign: NewCampaign = serde_json::from_str(json).unwrap();
        let window = campaign.change.window();
        assert_eq!(window.map(|window| window.to_string()), Some("22:00-06:00".into()));
        let again = serde_json::to_value(&campaign).unwrap();
        assert_eq!(again["change"]["drill"]["window"], "22:00-06:00");
        assert!(serde_json::from_str::<NewCampaign>(&json.replace("22:00", "25:00")).is_err());
        assert!(serde_json::from_str::<NewCampaign>(&json.replace("where", "filter")).is_err());
    }

    #[test]
    fn counters_are_keyed_by_the_state_as_it_is_written_elsewhere() {
        let counters = BTreeMap::from([(AssignmentState::RolledBack, 2_u64)]);
        assert_eq!(serde_json::to_string(&counters).unwrap(), r#"{"rolled-back":2}"#);
    }
}
