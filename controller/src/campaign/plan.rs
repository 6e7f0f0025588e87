//! Whom to release now, and why not the others. Pure: policy, tally, candidates and the time come
//! in; the plan goes out, and is what a test compares and what is carried out.
//!
//! Every rule is a reason to hold a terminal back, and no rule can do anything else: so they
//! compose, and whoever waits has a reason that can be told, with the moment at which time alone
//! changes it where there is one.
//!
//! Reasons are asked in three parts: of the campaign, of the terminal with its store, and of what
//! all members share ([`Room`]). Whatever is shared is asked again in the transaction that stores
//! the orders, so that two controllers, or two campaigns, never take more together than there is.

use std::collections::BTreeMap;
use std::time::Duration;

use shared::document::order::Class;
use shared::id::TerminalId;
use shared::time::UnixTime;

use super::penalty;
use super::policy::Policy;
use super::rate::UsedUntil;
use super::state::CampaignState;
use super::store::{StoreRule, StoreStanding};
use crate::kind::{Disturbs, Terms};
use crate::registry::campaign::{Besides, CampaignTally};
use crate::registry::terminal::{Presence, Service, Terminal, Unit};

/// How long before its shop may be disturbed a terminal is released: time to fetch what it needs.
/// Not earlier, or those that wait for their night would hold the places of those whose night it
/// is.
pub const AHEAD: Duration = Duration::from_secs(2 * 3600);

/// How the campaign stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Situation<'a> {
    pub state: CampaignState,
    pub now: UnixTime,
    /// Orders are void after this.
    pub not_after: UnixTime,
    pub members: u32,
    /// The last wave that is open, from 0.
    pub open_wave: u16,
    /// Somebody finds the request suspicious that it carries out.
    pub is_frozen: bool,
    pub terms: Terms,
    pub class: Class,
    /// Shops are disturbed within hours that the change itself names.
    pub has_window: bool,
    pub max_parallel: u32,
    pub policy: &'a Policy,
    /// Up to where its rate is used up.
    pub used: UsedUntil,
    pub tally: &'a CampaignTally,
}

/// A member that is not at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    pub terminal: TerminalId,
    /// From 0.
    pub wave: u16,
    pub store: String,
    pub unit: Unit,
    pub presence: Presence,
    /// Somebody finds it, its store or its merchant suspicious.
    pub is_frozen: bool,
    /// Its store or its merchant.
    pub is_place_frozen: bool,
    pub is_quarantined: bool,
    pub is_erased: bool,
    /// What else goes on with it.
    pub besides: Besides,
    /// When its shop may be disturbed next.
    pub opening: Opening,
}

/// When windows and freezes let a terminal be disturbed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// Now, or at any time.
    Open,
    /// From then on; `of` is what closes it until then.
    At { at: UnixTime, of: Closing },
    /// Not before its orders run out.
    Never(Closing),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    Window,
    Freeze,
}

impl Candidate {
    pub fn of(terminal: &Terminal, wave: u16, besides: Besides, opening: Opening) -> Self {
        Self {
            terminal: terminal.id,
            wave,
            store: terminal.store.clone(),
            unit: terminal.unit,
            presence: terminal.presence,
            is_frozen: terminal.is_frozen,
            is_place_frozen: terminal.is_place_frozen,
            is_quarantined: terminal.is_quarantined,
            is_erased: terminal.service == Service::Erased,
            besides,
            opening,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// In this order.
    pub release: Vec<TerminalId>,
    pub held: Vec<(TerminalId, HeldBy)>,
}

/// Why a member is held back, and when time alone changes that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HeldBy {
    pub reason: Held,
    pub next: Option<UnixTime>,
}

impl From<Held> for HeldBy {
    fn from(reason: Held) -> Self {
        Self { reason, next: None }
    }
}

/// Why a member is not released.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Held {
    NotStarted,
    NotApproved,
    Paused,
    /// The campaign's own gate has stopped it.
    Halted,
    Aborted,
    Completed,
    /// The campaign's orders would be void.
    TimeOver,
    /// Its operator wants it to begin later.
    NotYet,
    /// The gate of the wave before has not passed.
    WaveClosed,
    /// Somebody has it left out.
    Skipped,
    /// Nothing is released until two people have looked.
    Frozen,
    /// It is sent nothing but what empties it.
    Quarantined,
    /// It is empty, and out of service for good.
    Erased,
    NotEnrolled,
    Revoked,
    NeverSeen,
    /// An order for it would take a place, for nothing.
    Offline,
    /// It has failed again and again, whatever was brought to it.
    Penalty,
    /// Something that goes before this campaign is under way on it.
    Busy,
    /// Nothing may change there now.
    Freeze,
    /// Its shop may not be disturbed now, nor soon.
    Window,
    /// Its store could not sell meanwhile.
    LastSelling,
    /// As many terminals of its store as may be are disturbed.
    StoreBudget,
    /// As many as may be are at it.
    NoPlace,
    /// As many as may be were released in this time.
    Rate,
}

impl Held {
    /// It holds whoever it is: another one's turn comes no sooner.
    pub fn is_shared(self) -> bool {
        matches!(self, Self::NoPlace | Self::Rate)
    }

    /// What happens in its store changes it.
    pub fn is_by_store(self) -> bool {
        matches!(self, Self::LastSelling | Self::StoreBudget)
    }

    pub const ALL: [Self; 25] = [
        Self::NotStarted,
        Self::NotApproved,
        Self::Paused,
        Self::Halted,
        Self::Aborted,
        Self::Completed,
        Self::TimeOver,
        Self::NotYet,
        Self::WaveClosed,
        Self::Skipped,
        Self::Frozen,
        Self::Quarantined,
        Self::Erased,
        Self::NotEnrolled,
        Self::Revoked,
        Self::NeverSeen,
        Self::Offline,
        Self::Penalty,
        Self::Busy,
        Self::Freeze,
        Self::Window,
        Self::LastSelling,
        Self::StoreBudget,
        Self::NoPlace,
        Self::Rate,
    ];

    /// Stable across releases.
    pub fn code(self) -> &'static str {
        match self {
            Self::NotStarted => "not-started",
            Self::NotApproved => "not-approved",
            Self::Paused => "paused",
            Self::Halted => "halted",
            Self::Aborted => "aborted",
            Self::Completed => "completed",
            Self::TimeOver => "time-over",
            Self::WaveClosed => "wave-closed",
            Self::Skipped => "skipped",
            Self::Frozen => "frozen",
            Self::Quarantined => "quarantined",
            Self::Erased => "erased",
            Self::NotEnrolled => "not-enrolled",
            Self::Revoked => "revoked",
            Self::NeverSeen => "never-seen",
            Self::Offline => "offline",
            Self::NoPlace => "no-place",
            Self::NotYet => "not-yet",
            Self::Penalty => "penalty",
            Self::Busy => "busy",
            Self::Freeze => "freeze",
            Self::Window => "window",
            Self::LastSelling => "last-selling",
            Self::StoreBudget => "store-budget",
            Self::Rate => "rate",
        }
    }

    /// For people.
    pub fn detail(self) -> &'static str {
        match self {
            Self::NotStarted => "the campaign has not been started",
            Self::NotApproved => "the campaign waits for the signatures of its approvers",
            Self::Paused => "the campaign is paused",
            Self::Halted => "more has failed than the campaign's policy lets pass",
            Self::Aborted => "the campaign was aborted before its turn came",
            Self::Completed => "the campaign was over before its turn came",
            Self::TimeOver => "the campaign's time is over",
            Self::Skipped => "somebody had it left out",
            Self::WaveClosed => "its wave begins once the one before has passed its gate",
            Self::Frozen => "somebody finds it, its store or the request suspicious",
            Self::Quarantined => "it is in quarantine: to be emptied, or another one has its place",
            Self::Erased => "it was erased, and is out of service for good",
            Self::NotEnrolled => "it has not enrolled yet",
            Self::Revoked => "it was revoked",
            Self::NeverSeen => "it has never connected",
            Self::Offline => "it is offline; its turn comes when it connects",
            Self::NoPlace => "as many terminals as the campaign allows are at it already",
            Self::NotYet => "the campaign is to begin later",
            Self::Penalty => "it has failed three times in a row, whatever was brought to it",
            Self::Busy => "something that goes before this campaign is under way on it",
            Self::Freeze => "nothing may change there now",
            Self::Window => "its shop may not be disturbed now, nor soon",
            Self::LastSelling => "nobody else in its store could sell meanwhile",
            Self::StoreBudget => "as many terminals of its store as may be are disturbed already",
            Self::Rate => "as many terminals as the campaign's rate allows were just released",
        }
    }

    /// What to do about it, in the imperative, where there is something to do.
    pub fn hint(self) -> Option<&'static str> {
        match self {
            Self::NotStarted => Some("start the campaign"),
            Self::NotApproved => Some("have its approvers sign it: `tillward approve export`"),
            Self::Paused => Some("resume the campaign"),
            Self::Halted => Some(
                "look at what has failed, and resume with `--acknowledge` or abort the campaign",
            ),
            Self::Aborted | Self::Completed | Self::TimeOver => {
                Some("create another campaign for these terminals")
            }
            Self::Frozen => Some("look into it: `tillward request suspicions`; two people lift it"),
            Self::Quarantined => {
                Some("leave it out; where it is found, take its wipe back, or enrol it anew")
            }
            Self::NotEnrolled => Some("enrol the terminal with its claim"),
            Self::Erased | Self::Revoked => {
                Some("leave it out, or enrol it again with a new claim")
            }
            Self::NeverSeen | Self::Offline => Some("look at the terminal's power and network"),
            Self::Skipped => Some("`tillward campaign skip --undo` takes it in again"),
            Self::Penalty => {
                Some("look at the terminal, then `tillward terminal pardon` it, or wait")
            }
            Self::LastSelling => Some(
                "say how the store sells meanwhile: `tillward store set --fallback`, or give the \
                 campaign a window or a `--fallback`",
            ),
            Self::WaveClosed
            | Self::NoPlace
            | Self::NotYet
            | Self::Busy
            | Self::Freeze
            | Self::Window
            | Self::StoreBudget
            | Self::Rate => None,
        }
    }
}

/// What members share, and what is left of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Room {
    places: u64,
    at_this_rate: Option<(u64, UnixTime)>,
}

impl Room {
    pub fn of(situation: Situation<'_>) -> Self {
        let Situation { max_parallel, tally, policy, used, now, .. } = situation;
        Self::new(max_parallel, policy, used, tally, now)
    }

    pub fn new(
        max_parallel: u32,
        policy: &Policy,
        used: UsedUntil,
        tally: &CampaignTally,
        now: UnixTime,
    ) -> Self {
        let places = u64::from(max_parallel).saturating_sub(tally.places_taken());
        let at_this_rate =
            policy.rate.map(|rate| (rate.free(used, now), rate.next(rate.used(used, now, 0))));
        Self { places, at_this_rate }
    }

    /// How many there is room for.
    pub fn free(&self) -> u64 {
        self.at_this_rate.map_or(self.places, |(left, _)| left.min(self.places))
    }

    /// Why nobody can be released, whoever it is.
    pub fn why_not(&self) -> Option<HeldBy> {
        match self.at_this_rate {
            _ if self.places == 0 => Some(Held::NoPlace.into()),
            Some((0, next)) => Some(HeldBy { reason: Held::Rate, next: Some(next) }),
            Some(_) | None => None,
        }
    }

    pub fn take(&mut self) {
        self.places = self.places.saturating_sub(1);
        if let Some((left, _)) = &mut self.at_this_rate {
            *left = left.saturating_sub(1);
        }
    }
}

/// Decides about these candidates, which come in the order in which they should be released.
/// Stores are as they stand, and afterwards as they stand with those that are released.
pub fn plan(
    situation: Situation<'_>,
    candidates: &[Candidate],
    stores: &mut BTreeMap<String, StoreStanding>,
) -> Plan {
    let mut room = Room::of(situation);
    let mut plan = Plan { release: vec![], held: vec![] };
    for candidate in candidates {
        let why = why_held(candidate, situation, stores).or_else(|| room.why_not());
        match why {
            Some(why) => plan.held.push((candidate.terminal, why)),
            None => {
                room.take();
                if situation.terms.disturbs == Disturbs::InItsTurn {
                    stores.entry(candidate.store.clone()).or_default().disturb(candidate.terminal);
                }
                plan.release.push(candidate.terminal);
            }
        }
    }
    plan
}

/// Why this member would not be released even if there were room for it: something about the
/// whole campaign, or else something about the terminal and its store.
pub fn why_held(
    candidate: &Candidate,
    situation: Situation<'_>,
    stores: &BTreeMap<String, StoreStanding>,
) -> Option<HeldBy> {
    held_as_a_whole(situation)
        .or_else(|| (candidate.wave > situation.open_wave).then_some(Held::WaveClosed.into()))
        .or_else(|| held_by_itself(candidate, situation))
        .or_else(|| held_by_its_store(candidate, situation, stores).map(HeldBy::from))
}

/// Why nobody is released, whatever there is room for.
pub fn held_as_a_whole(situation: Situation<'_>) -> Option<HeldBy> {
    let not_before = situation.policy.not_before.filter(|at| situation.now < *at);
    let reason = match situation.state {
        CampaignState::Draft => Held::NotStarted,
        CampaignState::AwaitingApproval => Held::NotApproved,
        CampaignState::Paused => Held::Paused,
        CampaignState::Halted => Held::Halted,
        CampaignState::Aborted => Held::Aborted,
        CampaignState::Completed => Held::Completed,
        CampaignState::Running if situation.now >= situation.not_after => Held::TimeOver,
        CampaignState::Running if situation.is_frozen => Held::Frozen,
        CampaignState::Running => {
            return not_before.map(|at| HeldBy { reason: Held::NotYet, next: Some(at) });
        }
    };
    Some(reason.into())
}

/// What empties those in the wrong hands is not kept from a terminal that is suspicious itself.
fn held_by_itself(candidate: &Candidate, situation: Situation<'_>) -> Option<HeldBy> {
    let Situation { terms, now, class, .. } = situation;
    let is_of_lost = terms.is_of_lost;
    let is_frozen = if is_of_lost { candidate.is_place_frozen } else { candidate.is_frozen };
    let unit = match (candidate.unit, candidate.presence) {
        _ if candidate.besides.is_skipped => Some(Held::Skipped),
        (Unit::Claimed, _) => Some(Held::NotEnrolled),
        (Unit::Revoked, _) => Some(Held::Revoked),
        (Unit::Enrolled, _) if candidate.is_erased => Some(Held::Erased),
        (Unit::Enrolled, _) if candidate.is_quarantined && !is_of_lost => Some(Held::Quarantined),
        (Unit::Enrolled, _) if is_frozen => Some(Held::Frozen),
        (Unit::Enrolled, Presence::NeverSeen) => Some(Held::NeverSeen),
        (Unit::Enrolled, Presence::Offline) => Some(Held::Offline),
        (Unit::Enrolled, Presence::Online) => None,
    };
    if let Some(reason) = unit {
        return Some(reason.into());
    }
    let Besides { busy, penalty_until, .. } = candidate.besides;
    let penalty = penalty_until.filter(|until| now < *until && !penalty::spares(class));
    if let Some(until) = penalty {
        return Some(HeldBy { reason: Held::Penalty, next: Some(until) });
    }
    if busy.is_some_and(|other| other > class) {
        return Some(Held::Busy.into());
    }
    let (of, next) = match candidate.opening {
        Opening::Open => return None,
        Opening::At { at, .. } if now >= at.minus(AHEAD) => return None,
        Opening::At { at, of } => (of, Some(at.minus(AHEAD))),
        Opening::Never(of) => (of, None),
    };
    let reason = match of {
        Closing::Window => Held::Window,
        Closing::Freeze => Held::Freeze,
    };
    Some(HeldBy { reason, next })
}

fn held_by_its_store(
    candidate: &Candidate,
    situation: Situation<'_>,
    stores: &BTreeMap<String, StoreStanding>,
) -> Option<Held> {
    if situation.terms.disturbs != Disturbs::InItsTurn {
        return None;
    }
    let rule = store_rule(situation.policy, situation.has_window);
    stores.get(&candidate.store)?.why_not(candidate.terminal, rule)
}

/// Whoever said when shops may be disturbed has said when they need not sell.
pub fn store_rule(policy: &Policy, has_window: bool) -> StoreRule {
    StoreRule {
        at_once_max: policy.store_at_once,
        has_fallback: has_window || policy.fallback.is_some(),
    }
}

/// Nothing more is expected of anybody: every member was released and has ended and nobody joins
/// any more, or the time for releasing is over and everything that was released has ended.
pub fn is_over(situation: Situation<'_>) -> bool {
    let tally = situation.tally;
    let comes_again = match situation.terms.comes_again() {
        true => tally.come_again() + tally.again,
        false => 0,
    };
    let done = tally.released().saturating_sub(comes_again) + tally.skipped;
    let all_done = !situation.policy.is_continuous() && done >= u64::from(situation.members);
    tally.open() == 0 && (all_done || situation.now >= situation.not_after)
}

#[cfg(test)]
mod tests;
