//! Whom to release now, and why not the others. Pure: policy, tally, candidates and the time come
//! in; the plan goes out, and is what a test compares and what is carried out.
//!
//! Waves, gates, calendars and budgets are further [`Held`] reasons and further fields of
//! [`Policy`]: each can only hold a terminal back, so they compose.

use shared::digest::{Digest, Nonce};
use shared::id::TerminalId;
use shared::time::UnixTime;

use super::state::CampaignState;
use crate::registry::campaign::CampaignTally;
use crate::registry::terminal::{Presence, Unit};

/// How fast, as the operator wants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Terminals that may be at it at the same time.
    pub max_parallel: u32,
}

/// How the campaign stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Situation<'a> {
    pub state: CampaignState,
    pub now: UnixTime,
    /// Orders are void after this.
    pub not_after: UnixTime,
    pub members: u32,
    pub tally: &'a CampaignTally,
}

/// A member that was not released yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    pub terminal: TerminalId,
    pub unit: Unit,
    pub presence: Presence,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// In this order.
    pub release: Vec<TerminalId>,
    pub held: Vec<(TerminalId, Held)>,
}

/// Why a member is not released.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Held {
    NotStarted,
    Paused,
    Aborted,
    Completed,
    /// The campaign's orders would be void.
    TimeOver,
    NotEnrolled,
    Revoked,
    NeverSeen,
    /// An order for it would take a place, for nothing.
    Offline,
    /// As many as may be are at it.
    NoPlace,
}

impl Held {
    pub const ALL: [Self; 10] = [
        Self::NotStarted,
        Self::Paused,
        Self::Aborted,
        Self::Completed,
        Self::TimeOver,
        Self::NotEnrolled,
        Self::Revoked,
        Self::NeverSeen,
        Self::Offline,
        Self::NoPlace,
    ];

    /// Stable across releases.
    pub fn code(self) -> &'static str {
        match self {
            Self::NotStarted => "not-started",
            Self::Paused => "paused",
            Self::Aborted => "aborted",
            Self::Completed => "completed",
            Self::TimeOver => "time-over",
            Self::NotEnrolled => "not-enrolled",
            Self::Revoked => "revoked",
            Self::NeverSeen => "never-seen",
            Self::Offline => "offline",
            Self::NoPlace => "no-place",
        }
    }

    /// For people.
    pub fn detail(self) -> &'static str {
        match self {
            Self::NotStarted => "the campaign has not been started",
            Self::Paused => "the campaign is paused",
            Self::Aborted => "the campaign was aborted before its turn came",
            Self::Completed => "the campaign was over before its turn came",
            Self::TimeOver => "the campaign's time is over",
            Self::NotEnrolled => "it has not enrolled yet",
            Self::Revoked => "it was revoked",
            Self::NeverSeen => "it has never connected",
            Self::Offline => "it is offline; its turn comes when it connects",
            Self::NoPlace => "as many terminals as the campaign allows are at it already",
        }
    }

    /// What to do about it, in the imperative, where there is something to do.
    pub fn hint(self) -> Option<&'static str> {
        match self {
            Self::NotStarted => Some("start the campaign"),
            Self::Paused => Some("resume the campaign"),
            Self::Aborted | Self::Completed | Self::TimeOver => {
                Some("create another campaign for these terminals")
            }
            Self::NotEnrolled => Some("enrol the terminal with its claim"),
            Self::Revoked => Some("leave it out, or enrol it again with a new claim"),
            Self::NeverSeen | Self::Offline => Some("look at the terminal's power and network"),
            Self::NoPlace => None,
        }
    }
}

/// Decides about these candidates, which come in the order in which they should be released.
pub fn plan(policy: Policy, situation: Situation<'_>, candidates: &[Candidate]) -> Plan {
    let mut places = u64::from(policy.max_parallel).saturating_sub(situation.tally.places_taken());
    let all = held_as_a_whole(situation.state, situation.now, situation.not_after);
    let mut plan = Plan::default();
    for candidate in candidates {
        match all.or_else(|| held_by_itself(*candidate)) {
            Some(reason) => plan.held.push((candidate.terminal, reason)),
            None if places == 0 => plan.held.push((candidate.terminal, Held::NoPlace)),
            None => {
                places -= 1;
                plan.release.push(candidate.terminal);
            }
        }
    }
    plan
}

/// Why nobody at all is released.
pub fn held_as_a_whole(state: CampaignState, now: UnixTime, not_after: UnixTime) -> Option<Held> {
    match state {
        CampaignState::Draft => Some(Held::NotStarted),
        CampaignState::Paused => Some(Held::Paused),
        CampaignState::Aborted => Some(Held::Aborted),
        CampaignState::Completed => Some(Held::Completed),
        CampaignState::Running => (now >= not_after).then_some(Held::TimeOver),
    }
}

fn held_by_itself(candidate: Candidate) -> Option<Held> {
    match (candidate.unit, candidate.presence) {
        (Unit::Claimed, _) => Some(Held::NotEnrolled),
        (Unit::Revoked, _) => Some(Held::Revoked),
        (Unit::Enrolled, Presence::NeverSeen) => Some(Held::NeverSeen),
        (Unit::Enrolled, Presence::Offline) => Some(Held::Offline),
        (Unit::Enrolled, Presence::Online) => None,
    }
}

/// Nothing more is expected of anybody: every member was released and has ended, or the time for
/// releasing is over and everything that was released has ended.
pub fn is_over(situation: Situation<'_>) -> bool {
    let all_released = situation.tally.released() >= u64::from(situation.members);
    situation.tally.open() == 0 && (all_released || situation.now >= situation.not_after)
}

/// The order in which members are released: even over stores and models, the same after every
/// restart, and another one in every campaign, so that it is not always the same shops that try
/// things first.
pub fn release_order(salt: Nonce, members: &[TerminalId]) -> Vec<TerminalId> {
    let place = |id: &TerminalId| Digest::of_parts(&[&salt.0, id.to_string().as_bytes()]);
    let mut order: Vec<_> = members.iter().map(|id| (place(id), *id)).collect();
    order.sort_unstable();
    order.into_iter().map(|(_, id)| id).collect()
}
