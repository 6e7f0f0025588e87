//! Whether terminals may be stopped, may sell again, or may be emptied: what speaks against it, for
//! whom, and what must be done by when. Pure.
//!
//! Terminals judge by their own books too; here people are told before they sign.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use shared::id::{OrderId, TerminalId};
use shared::step_names::ERASE;
use shared::time::UnixTime;

use super::notice::Told;
use super::parties;
use crate::campaign::assignment::AssignmentState;
use crate::finding::{self, Finding};
use crate::registry::deactivation::ServiceFacts;
use crate::registry::terminal::{Presence, Service, Unit};

/// What shops owe is to be cleared, and their data saved, so long before the cut-off: who stops on
/// a Friday at 15:00 has that behind them on Wednesday at 9:00.
pub const CLEARED_BEFORE: Duration = Duration::from_secs(54 * 3600);

/// A terminal that has not accepted its order by then may not stop when it should.
pub const ARMED_BEFORE: Duration = Duration::from_secs(24 * 3600);

/// Parties are told so long before.
pub const NOTICE_BEFORE: Duration = Duration::from_secs(7 * 24 * 3600);

/// What people check on a terminal before it sells again.
pub const CHECKED: [&str; 5] = ["screen", "printer", "reader", "scanner", "battery"];

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Suspend {
        cut_off: UnixTime,
        /// It answers nobody, and its order waits until it is heard again.
        is_given_up: bool,
    },
    /// What is suspended and owes something settles, and is saved anew.
    Settle,
    Resume,
    Wipe {
        is_lost: bool,
    },
}

/// Why one terminal cannot take part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Obstacle {
    NotEnrolled,
    Revoked,
    Frozen,
    /// It is suspended or erased already.
    NotInService,
    NotSuspended,
    /// It was suspended before it had settled, and has not settled since.
    NotSettled,
    /// It has nothing to settle that is known.
    NothingOwed,
    /// It has not told what a wipe of it must name.
    NoChallenge,
    /// No snapshot of it is verified in both places.
    NotSaved,
    /// Its newest verified snapshot was taken before it stopped.
    SavedTooEarly,
    NotDeregistered,
    /// Nobody in its store would sell any more.
    LastInStore,
    /// Another terminal has its place: the two would sell there.
    Replaced,
    /// No replacement is about it: nobody has given it up.
    NotGivenUp,
}

impl Obstacle {
    pub fn detail(self) -> &'static str {
        match self {
            Self::NotEnrolled => "it is not enrolled",
            Self::Revoked => "it is revoked",
            Self::Frozen => "somebody finds it suspicious",
            Self::NotInService => "it is out of service already",
            Self::NotSuspended => "it is not suspended",
            Self::NotSettled => "it has not settled what it owes",
            Self::NothingOwed => "it owes nothing that anybody knows of",
            Self::NoChallenge => "it has not told what a wipe of it must name",
            Self::NotSaved => "no snapshot of it is verified in both places",
            Self::SavedTooEarly => "its newest verified snapshot is older than its last sale",
            Self::NotDeregistered => "nobody wrote down that it is deregistered with",
            Self::LastInStore => "nobody in its store would sell any more",
            Self::Replaced => "another terminal has its place",
            Self::NotGivenUp => "it answers, or no replacement is about it: nobody has given it up",
        }
    }

    /// What to do about it, in the imperative.
    pub fn hint(self) -> &'static str {
        match self {
            Self::NotEnrolled | Self::Revoked => "leave it out",
            Self::Frozen => "look into it; two people lift it with `tillward request unfreeze`",
            Self::NotInService => "leave it out, or resume it first",
            Self::NotSuspended => "suspend it first: `tillward deactivate suspend`",
            Self::NotSettled => "let it settle first: `tillward deactivate settle`",
            Self::NothingOwed => "leave it out",
            Self::NoChallenge => "wait until it has connected with a newer agent",
            Self::NotSaved | Self::SavedTooEarly => {
                "wait until its backup is verified: `tillward backup show`"
            }
            Self::NotDeregistered => {
                "deregister it with each provider and a registry, then write that down: `tillward \
                 deactivate deregister`; where there is nothing to deregister: `--none-needed WHY`"
            }
            Self::LastInStore => {
                "name who answers for closing the store's tills: `--close-store NAME`"
            }
            Self::NotGivenUp => {
                "suspend it without `--given-up`; where it is dead begin with `tillward replace \
                 new`"
            }
            Self::Replaced => {
                "decommission it: `tillward deactivate wipe`; to sell elsewhere it is enrolled \
                 anew with a claim: `tillward terminal claim`"
            }
        }
    }
}

/// One terminal of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    pub terminal: TerminalId,
    pub serial: String,
    pub store: String,
    pub obstacles: Vec<Obstacle>,
    /// With whom nobody has deregistered it, where it is to be wiped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_deregistered: Vec<String>,
    /// The order by which it stopped, where it is to sell again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspended_by: Option<OrderId>,
}

impl Part {
    /// Why this one cannot take part, in words.
    pub fn detail(&self, obstacle: Obstacle) -> String {
        match (obstacle, self.not_deregistered.as_slice()) {
            (Obstacle::NotDeregistered, lacking @ [_, ..]) => {
                format!("{} {}", obstacle.detail(), lacking.join(", "))
            }
            (obstacle, _) => obstacle.detail().to_owned(),
        }
    }
}

/// What has to be so by when, and whether it is late.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deadline {
    pub what: Due,
    pub by: UnixTime,
    pub is_late: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Due {
    /// Parties are told.
    Notice,
    /// What is owed is cleared, and everything is saved.
    Cleared,
    /// Every terminal has accepted its order.
    Armed,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// By serial number.
    pub terminals: Vec<Part>,
    pub deadlines: Vec<Deadline>,
    /// Who answers for stores in which nobody sells any more.
    pub close_store: Option<String>,
    /// Of a suspension: whether all who must know of it do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<Told>,
    /// Of a return to service: see [`super::validity`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// Who answers for which of them, by their codes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub answered: BTreeMap<String, String>,
    /// Of a suspension: where it differs from what was announced, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differs: Vec<String>,
    /// Of a return to service: what nobody has checked on site.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unchecked: Vec<String>,
}

impl Plan {
    /// Whether anything speaks against it for which nobody answers.
    pub fn is_blocked(&self) -> bool {
        let untold = self.told.as_ref().is_some_and(|told| !told.is_enough());
        let held_back = self.terminals.iter().any(|part| self.is_held_back(part));
        untold || held_back || !self.unchecked.is_empty() || !self.open_findings().is_empty()
    }

    fn is_held_back(&self, part: &Part) -> bool {
        part.obstacles.iter().any(|it| self.answer(*it).is_none())
    }

    /// What was found that nobody may answer for, or nobody does.
    pub fn open_findings(&self) -> Vec<Finding> {
        finding::open(&self.findings, &self.answered)
    }

    /// Who answers for this, where anybody may.
    pub fn answer(&self, obstacle: Obstacle) -> Option<&str> {
        self.close_store.as_deref().filter(|_| obstacle == Obstacle::LastInStore)
    }

    /// Terminals by what speaks against them and nobody answers for, in words.
    pub fn open(&self) -> Vec<(String, Vec<&str>)> {
        let mut open: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for part in &self.terminals {
            for obstacle in part.obstacles.iter().filter(|it| self.answer(**it).is_none()) {
                let found = (*obstacle, part.detail(*obstacle));
                open.entry(found).or_default().push(part.serial.as_str());
            }
        }
        open.into_iter().map(|((_, detail), serials)| (detail, serials)).collect()
    }

    pub fn open_obstacles(&self) -> BTreeSet<Obstacle> {
        let all = self.terminals.iter().flat_map(|part| &part.obstacles).copied();
        all.filter(|it| self.answer(*it).is_none()).collect()
    }
}

/// `besides`: how many terminals of each store sell on that are none of these.
pub fn plan(
    step: Step,
    facts: &[ServiceFacts],
    besides: &BTreeMap<String, u64>,
    close_store: Option<String>,
    now: UnixTime,
) -> Plan {
    let part = |it: &ServiceFacts| {
        let mut obstacles = obstacles(step, it);
        let sells_on = besides.get(&it.store).copied().unwrap_or(0);
        // What answers nobody sells nothing that could be missed.
        let stops = matches!(step, Step::Suspend { is_given_up: false, .. })
            && it.service == Service::InService;
        if stops && sells_on == 0 {
            obstacles.push(Obstacle::LastInStore);
        }
        let (terminal, serial, store) = (it.terminal, it.serial.clone(), it.store.clone());
        let suspended_by = match step {
            Step::Resume => it.stopped_by.or(it.service_order),
            Step::Suspend { .. } | Step::Settle | Step::Wipe { .. } => None,
        };
        let not_deregistered = match step {
            Step::Wipe { is_lost: false } => parties::lacking(&it.bound_with, &it.deregistered),
            Step::Wipe { is_lost: true } | Step::Suspend { .. } | Step::Settle | Step::Resume => {
                Vec::new()
            }
        };
        Part { terminal, serial, store, obstacles, not_deregistered, suspended_by }
    };
    let mut terminals: Vec<_> = facts.iter().map(part).collect();
    terminals.sort_by(|a, b| a.serial.cmp(&b.serial));
    let deadlines = match step {
        Step::Suspend { is_given_up: true, .. } => Vec::new(),
        Step::Suspend { cut_off, .. } => deadlines(cut_off, now).into(),
        Step::Settle | Step::Resume | Step::Wipe { .. } => Vec::new(),
    };
    Plan {
        terminals,
        deadlines,
        close_store,
        told: None,
        findings: Vec::new(),
        answered: BTreeMap::new(),
        differs: Vec::new(),
        unchecked: Vec::new(),
    }
}

/// Counted back from the cut-off.
pub fn deadlines(cut_off: UnixTime, now: UnixTime) -> [Deadline; 3] {
    [(Due::Notice, NOTICE_BEFORE), (Due::Cleared, CLEARED_BEFORE), (Due::Armed, ARMED_BEFORE)].map(
        |(what, before)| {
            let by = cut_off.minus(before);
            Deadline { what, by, is_late: now > by }
        },
    )
}

fn obstacles(step: Step, it: &ServiceFacts) -> Vec<Obstacle> {
    let mut found = Vec::new();
    match it.unit {
        Unit::Claimed => found.push(Obstacle::NotEnrolled),
        Unit::Revoked => found.push(Obstacle::Revoked),
        Unit::Enrolled => {}
    }
    // Whoever has a terminal that is to be emptied could say that it is suspicious.
    let is_frozen = match step {
        Step::Wipe { is_lost: true } => it.is_place_frozen,
        Step::Wipe { is_lost: false } | Step::Suspend { .. } | Step::Settle | Step::Resume => {
            it.is_frozen
        }
    };
    if is_frozen {
        found.push(Obstacle::Frozen);
    }
    found.extend(wrong_service(step, it.service));
    match step {
        Step::Resume if it.is_replaced => found.push(Obstacle::Replaced),
        Step::Suspend { is_given_up: true, .. }
            if !it.is_being_replaced || it.presence == Presence::Online =>
        {
            found.push(Obstacle::NotGivenUp);
        }
        Step::Suspend { .. } | Step::Settle | Step::Resume => {}
        Step::Wipe { is_lost } => {
            if it.challenge.is_none() {
                found.push(Obstacle::NoChallenge);
            }
            if !is_lost {
                found.extend(what_a_wipe_lacks(it));
            }
        }
    }
    found
}

fn wrong_service(step: Step, service: Service) -> Option<Obstacle> {
    use Service as Is;
    match (step, service) {
        (Step::Suspend { .. }, Is::Suspended | Is::SuspendedOwing | Is::Erased)
        | (Step::Wipe { is_lost: true }, Is::Erased) => Some(Obstacle::NotInService),
        (
            Step::Settle | Step::Resume | Step::Wipe { is_lost: false },
            Is::InService | Is::Erased,
        ) => Some(Obstacle::NotSuspended),
        (Step::Settle, Is::Suspended) => Some(Obstacle::NothingOwed),
        (Step::Wipe { is_lost: false }, Is::SuspendedOwing) => Some(Obstacle::NotSettled),
        (Step::Suspend { .. }, Is::InService)
        | (Step::Settle, Is::SuspendedOwing)
        | (Step::Resume, Is::Suspended | Is::SuspendedOwing)
        | (Step::Wipe { is_lost: false }, Is::Suspended)
        | (Step::Wipe { is_lost: true }, Is::InService | Is::Suspended | Is::SuspendedOwing) => {
            None
        }
    }
}

fn what_a_wipe_lacks(it: &ServiceFacts) -> Vec<Obstacle> {
    let mut found = Vec::new();
    // Saved while it stood still: the snapshot is part of the suspension, which ends with it.
    match (it.saved, it.service_at) {
        (None, _) => found.push(Obstacle::NotSaved),
        (Some((_, taken_at)), Some(suspended_at)) if taken_at.plus(SAVED_WITHIN) < suspended_at => {
            found.push(Obstacle::SavedTooEarly);
        }
        (Some(_), _) => {}
    }
    if !parties::lacking(&it.bound_with, &it.deregistered).is_empty() {
        found.push(Obstacle::NotDeregistered);
    }
    found
}

/// From the export of a suspension to its end: to be sent, stored and verified in both places.
const SAVED_WITHIN: Duration = Duration::from_secs(24 * 3600);

/// What a wipe has come to, in words that never claim more than is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WipeState {
    /// Approvers have not all signed, or it has not been sent.
    Requested,
    /// The terminal has accepted it.
    Delivered,
    /// It has begun and not said how it ended.
    Wiping,
    /// The terminal has signed that it could read nothing any more.
    ErasedProven,
    /// The terminal has signed that it is erased, and nobody has seen yet that all of it could be
    /// verified.
    ErasedUnproven,
    /// It had begun, and nothing was heard for longer than it takes.
    Indeterminate,
    /// It was sent, and nothing was ever heard.
    PresumedLost,
    /// Withdrawn, refused, or failed before anything was erased.
    NotErased,
}

impl WipeState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Delivered => "delivered",
            Self::Wiping => "wiping",
            Self::ErasedProven => "erased-proven",
            Self::ErasedUnproven => "erased-unproven",
            Self::Indeterminate => "indeterminate",
            Self::PresumedLost => "presumed-lost",
            Self::NotErased => "not-erased",
        }
    }
}

/// What is known of a wipe on one terminal: `None` before it was ordered. `has_proven`: it has
/// signed that it is erased and verified. `step`: the one that it told of last.
pub fn wipe_state(
    state: Option<AssignmentState>,
    has_proven: bool,
    step: Option<&str>,
) -> WipeState {
    use AssignmentState as Is;
    match state {
        None => WipeState::Requested,
        Some(Is::Ordered | Is::Unanswered) => WipeState::Requested,
        Some(Is::Accepted | Is::Waiting) => WipeState::Delivered,
        Some(Is::Working | Is::Undoing) if step == Some(ERASE) => WipeState::Wiping,
        Some(Is::Working | Is::Undoing) => WipeState::Delivered,
        Some(Is::Succeeded) if has_proven => WipeState::ErasedProven,
        Some(Is::Succeeded) => WipeState::ErasedUnproven,
        // It began what cannot be undone, and says that it did not come to its end.
        Some(Is::RollbackFailed | Is::Silent) => WipeState::Indeterminate,
        Some(Is::Unreached) => WipeState::PresumedLost,
        Some(
            Is::Refused
            | Is::Expired
            | Is::Superseded
            | Is::Cancelled
            | Is::Withdrawn
            | Is::Reverted
            | Is::Failed
            | Is::RolledBack,
        ) => WipeState::NotErased,
    }
}

#[cfg(test)]
pub(super) mod samples {
    use shared::digest::Digest;

    use super::*;

    pub(in super::super) fn selling() -> ServiceFacts {
        ServiceFacts {
            terminal: TerminalId::from_bytes([1; 16]),
            serial: "PX-1".to_owned(),
            model: "px7".to_owned(),
            store: "north".to_owned(),
            lane: None,
            unit: Unit::Enrolled,
            presence: Presence::Online,
            epoch: 1,
            key: None,
            service: Service::InService,
            service_order: None,
            service_at: None,
            stopped_by: None,
            owing: None,
            challenge: Some(Digest([7; 32])),
            saved: None,
            bound_with: BTreeSet::new(),
            deregistered: Vec::new(),
            keys: Vec::new(),
            is_frozen: false,
            is_place_frozen: false,
            is_replaced: false,
            is_being_replaced: false,
        }
    }
}

/// Whether what was to be settled by then is late.
pub fn is_late(settled_by: UnixTime, now: UnixTime) -> bool {
    now > settled_by
}

#[cfg(test)]
mod tests;
