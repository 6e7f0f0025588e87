//! Campaigns and what came of them on each terminal, as they are stored.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use shared::change::Change;
use shared::digest::{Digest, KeyId, Nonce};
use shared::document::order::Class;
use shared::id::{BatchId, CampaignId, OrderId, TerminalId};
use shared::message::SignedBytes;
use shared::outcome::Waiting;
use shared::time::UnixTime;

use crate::campaign::assignment::{AssignmentState, Standing};
use crate::campaign::frontier::UpTo;
use crate::campaign::gate::{Tried, Trip};
use crate::campaign::plan::Held;
use crate::campaign::policy::Policy;
use crate::campaign::rate::UsedUntil;
use crate::campaign::state::CampaignState;
use crate::campaign::wave::Wave;
use crate::kind::Terms;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCampaign {
    pub id: CampaignId,
    pub name: Option<String>,
    pub change: Change,
    /// As the operator wrote it: see [`crate::selector`].
    pub selector: String,
    pub max_parallel: u32,
    pub policy: Policy,
    /// How long its orders are valid from its start, in seconds.
    pub lifetime_s: u64,
    /// Decides, with the terminal's id, in which order members are released.
    pub salt: Nonce,
    pub origin: Origin,
}

/// Where a campaign comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// Somebody's wish.
    #[default]
    Itself,
    /// It is a copy of this one.
    CopyOf(CampaignId),
    /// It takes back what this one has brought, because that was stopped.
    Reverts(CampaignId),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Campaign {
    pub id: CampaignId,
    pub name: Option<String>,
    pub change: Change,
    pub selector: String,
    pub max_parallel: u32,
    pub policy: Policy,
    pub lifetime_s: u64,
    pub salt: Nonce,
    pub state: CampaignState,
    /// Who brought it into this state, when and why.
    pub state_at: UnixTime,
    pub state_by: String,
    pub state_why: String,
    pub created_at: UnixTime,
    pub created_by: String,
    /// From its start.
    pub frozen: Option<Frozen>,
    pub ended_at: Option<UnixTime>,
    /// Why members were held back when the campaign was last looked at.
    pub held: BTreeMap<Held, u64>,
    /// …and when time alone changes that for somebody.
    pub held_next: BTreeMap<Held, UnixTime>,
    /// What stopped it when it was stopped last.
    pub tripped: Option<Tripped>,
    /// Up to where its rate of release is used up.
    pub used: UsedUntil,
    pub origin: Origin,
}

impl Campaign {
    pub fn terms(&self) -> Terms {
        Terms::of(&self.change)
    }

    /// Before whom it goes.
    pub fn class(&self) -> Class {
        self.policy.class.unwrap_or_else(|| self.terms().class)
    }
}

/// What else goes on with a terminal, beside one campaign.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Besides {
    /// The highest class of whatever else is expected of it.
    pub busy: Option<Class>,
    /// It has failed again and again, and is left alone until then.
    pub penalty_until: Option<UnixTime>,
    /// The campaign leaves it out by somebody's word.
    pub is_skipped: bool,
}

/// What is changed about a campaign's place among others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reprioritised {
    pub class: Option<Class>,
    pub max_parallel: Option<u32>,
    /// What these were when somebody decided: where one that is changed is another by now, nothing
    /// is.
    pub seen_class: Option<Class>,
    pub seen_max_parallel: Option<u32>,
}

/// Why a member is not tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NotAgain {
    /// It was not tried yet.
    NotReleased,
    UnderWay,
    Succeeded,
    /// Its turn comes again already.
    Already,
    /// Somebody has it left out.
    Skipped,
    /// As often as the policy lets it be.
    TooOften {
        max: u32,
    },
}

/// What has changed about terminals by which plans decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes {
    /// Up to where these are all.
    pub up_to: UpTo,
    /// Each with its store; `None` where it may be anybody.
    pub of: Option<Vec<(TerminalId, String)>>,
}

/// What was fixed when the campaign was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frozen {
    pub started_at: UnixTime,
    pub not_after: UnixTime,
    /// Those who have joined since among them.
    pub members: u32,
    pub joined: u32,
    /// Merkle root over the members of the start: see [`shared::membership`].
    pub root: Digest,
    /// SHA-256 of the payload of the batch that says so.
    pub batch: Digest,
}

/// The members of a campaign, sorted by id, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    pub members: Vec<TerminalId>,
    pub root: Digest,
    pub batch: StoredBatch,
    pub not_after: UnixTime,
    pub then: AfterStart,
    /// Into which the members are cut.
    pub waves: Vec<Wave>,
}

/// By which rule, of which wave, a campaign was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tripped {
    /// From 0.
    pub wave: u16,
    pub trip: Trip,
    pub at: UnixTime,
}

/// How a wave of a started campaign stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaveStanding {
    /// From 0.
    pub number: u16,
    pub wave: Wave,
    /// Its members may be released.
    pub opened_at: Option<UnixTime>,
    /// Enough of it was attempted; it soaks since.
    pub reached_at: Option<UnixTime>,
    pub passed_at: Option<UnixTime>,
    pub tally: CampaignTally,
}

impl WaveStanding {
    pub fn tried(&self) -> Tried {
        Tried {
            size: u64::from(self.wave.size)
                .saturating_sub(self.tally.skipped + self.tally.left_out),
            released: self.tally.released().saturating_sub(self.tally.left_out),
            open: self.tally.open(),
            succeeded: self.tally.in_state(AssignmentState::Succeeded),
            bad: self.tally.bad(),
            acknowledged: self.tally.acknowledged,
        }
    }
}

/// What happens to an open wave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaveEvent {
    /// Enough of it was attempted.
    Reached,
    /// Its gate has passed: the next one opens, if there is one.
    Passed,
}

/// What a started campaign does first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterStart {
    Run,
    AwaitApproval,
}

/// One approver's signature on a batch, and who brought it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    pub key: KeyId,
    pub owner: String,
    /// The version of the roster by whose word the key is this owner's.
    pub roster: u64,
    pub imported_at: UnixTime,
    pub imported_by: String,
}

/// A batch with signatures that it did not have before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedAnew {
    pub signed: SignedBytes,
    /// Whose they are.
    pub approvals: Vec<Approval>,
    /// Whether that is everybody whose signature is needed.
    pub is_approved: bool,
}

/// A signed [`shared::document::Batch`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredBatch {
    /// SHA-256 of the document's payload.
    pub digest: Digest,
    pub id: BatchId,
    pub campaign: CampaignId,
    pub purpose: Purpose,
    pub issue: Issue,
    pub signed: SignedBytes,
    pub not_before: UnixTime,
    pub not_after: UnixTime,
}

/// Which of a campaign's batches for one purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Issue {
    /// See [`Assignment::issue`].
    pub number: u16,
    /// The one terminal that it is for, if that joined later; else it is for all members of the
    /// start.
    pub joiner: Option<TerminalId>,
}

impl Issue {
    /// That which a start makes.
    pub const FIRST: Self = Self { number: 0, joiner: None };
}

/// What a batch or an order of a campaign is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// The campaign's change.
    Change,
    /// To cancel it where it has not begun.
    Cancel,
    /// To cancel it where it has not begun, on terminals that somebody finds suspicious: the
    /// campaign goes on for the others.
    Recall,
    /// To take it back where it has not begun, because the campaign was stopped: its turn comes
    /// again.
    Withdraw,
}

/// A campaign on one terminal, from its release on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    pub campaign: CampaignId,
    pub terminal: TerminalId,
    /// The order of the newest attempt.
    pub order: OrderId,
    /// From 1. Another one is made when an epoch voided the last, or when it was taken back and the
    /// campaign goes on.
    pub attempt: u32,
    /// From 0: how often it was taken back before. Terminals refuse for good what a batch says that
    /// was cancelled, so whoever is released again is so under another one.
    pub issue: u16,
    /// Of the campaign, from 0.
    pub wave: u16,
    /// The epoch of the newest attempt.
    pub epoch: u32,
    /// How often somebody had it tried again.
    pub retries: u32,
    /// Somebody wants it tried again.
    pub again: bool,
    pub standing: Standing,
}

/// How many assignments are in each state, and what stands out. Kept up to date with every
/// change, never counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CampaignTally {
    pub by_state: BTreeMap<AssignmentState, u64>,
    pub late_successes: u64,
    pub contradictions: u64,
    /// Assignments of which an earlier attempt has ended badly, and none has ended well since.
    pub retried: u64,
    /// Bad ends that a person has let pass.
    pub acknowledged: u64,
    /// Ended ones that somebody wants tried again, and that have not been yet.
    pub again: u64,
    /// Members that are left out by somebody's word and were never released.
    pub skipped: u64,
    /// The same of those that were released, and have ended without having been tried.
    pub left_out: u64,
    /// Why those wait that have begun, by the word of their terminals.
    pub waiting: BTreeMap<Waiting, u64>,
}

impl CampaignTally {
    /// Members that were ever released.
    pub fn released(&self) -> u64 {
        self.by_state.values().sum()
    }

    pub fn in_state(&self, state: AssignmentState) -> u64 {
        self.by_state.get(&state).copied().unwrap_or_default()
    }

    fn sum(&self, of: impl Fn(AssignmentState) -> bool) -> u64 {
        self.by_state.iter().filter(|(state, _)| of(**state)).map(|(_, count)| count).sum()
    }

    /// Assignments from which something is still expected.
    pub fn open(&self) -> u64 {
        self.sum(|state| !state.is_end())
    }

    /// Bad ends; neither trying again alone nor taking that back makes any of them good.
    pub fn bad(&self) -> u64 {
        self.sum(AssignmentState::is_bad) + self.retried
    }

    /// Terminals that have begun, or may at any moment.
    pub fn under_way(&self) -> u64 {
        self.open() - self.in_state(AssignmentState::Unanswered)
    }

    /// Those whose turn comes again.
    pub fn come_again(&self) -> u64 {
        self.in_state(AssignmentState::Withdrawn) + self.in_state(AssignmentState::Reverted)
    }

    /// Places of `max_parallel` that are taken.
    pub fn places_taken(&self) -> u64 {
        self.sum(AssignmentState::takes_a_place)
    }

    /// Those that have succeeded or ended badly: what a rate of success is a rate of.
    pub fn attempted(&self) -> u64 {
        self.in_state(AssignmentState::Succeeded) + self.bad()
    }
}
