//! How the new terminal does after the swap: how long it is watched, and what is wrong with it
//! meanwhile. Pure.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use shared::time::UnixTime;
use utoipa::ToSchema;

use super::ReplacementState;
use super::advance::Facts;
use super::record::Replacement;
use crate::registry::terminal::{Presence, Service};

/// For so long, or for so many payments, whichever is first: a shop with many customers knows
/// sooner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = ReplacementWatch)]
pub struct Watch {
    pub for_s: u64,
    pub payments: u64,
}

impl Default for Watch {
    fn default() -> Self {
        Self { for_s: 72 * 3600, payments: 50 }
    }
}

/// Longer than that nobody watches anything, and a moment far ahead stays one that can be named.
pub const WATCHED_FOR_S_MAX: u64 = 366 * 24 * 3600;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ReplacementWatched)]
pub struct Watched {
    #[schema(value_type = i64)]
    pub until: UnixTime,
    /// Since the swap, as far as snapshots of the new terminal count them.
    pub payments: u64,
    /// With so many it is over before.
    pub payments_wanted: u64,
    /// Only where nothing is wrong, or somebody answers for all of it.
    pub is_over: bool,
    /// What is wrong now, in words.
    pub trouble: Vec<String>,
    /// That of it for which nobody answers.
    pub unanswered: Vec<String>,
}

/// From the swap to the end of the case.
pub fn is_watched(state: ReplacementState) -> bool {
    match state {
        ReplacementState::Live | ReplacementState::Watching => true,
        ReplacementState::Requested
        | ReplacementState::UnitAllocated
        | ReplacementState::Shipped
        | ReplacementState::Received
        | ReplacementState::OldSettled
        | ReplacementState::OldUnreachable
        | ReplacementState::Paired
        | ReplacementState::Provisioned
        | ReplacementState::Commissioned
        | ReplacementState::Closed
        | ReplacementState::Cancelled
        | ReplacementState::SuspectedSubstitution => false,
    }
}

/// `None` before the swap, and when the case is over.
pub fn look(it: &Replacement, facts: &Facts, now: UnixTime) -> Option<Watched> {
    if !is_watched(it.state) {
        return None;
    }
    let (watch, live_at) = (it.progress.watch.unwrap_or_default(), it.progress.live_at?);
    let until = live_at.plus(Duration::from_secs(watch.for_s));
    let payments = facts.counted.saturating_sub(it.progress.counted.unwrap_or_default());
    let trouble = trouble(facts);
    let accepted = it.progress.accepted.as_ref().map(|it| it.trouble.as_slice());
    let is_open = |what: &&String| !accepted.unwrap_or_default().contains(what);
    let unanswered: Vec<_> = trouble.iter().filter(is_open).cloned().collect();
    let is_heard = it.state == ReplacementState::Watching;
    let is_long_enough = now >= until || payments >= watch.payments;
    // A terminal that never worked proves nothing, however long nobody looked.
    let is_over = is_heard && is_long_enough && unanswered.is_empty();
    let payments_wanted = watch.payments;
    Some(Watched { until, payments, payments_wanted, is_over, trouble, unanswered })
}

fn trouble(facts: &Facts) -> Vec<String> {
    let mut found = Vec::new();
    match &facts.new {
        None => found.push("the new terminal is not enrolled any more".to_owned()),
        Some(new) => {
            match new.presence {
                Presence::Online => {}
                Presence::Offline => found.push("the new terminal is offline".to_owned()),
                Presence::NeverSeen => found.push("the new terminal was never heard".to_owned()),
            }
            match new.service {
                Service::InService => {}
                Service::Suspended | Service::SuspendedOwing | Service::Erased => {
                    found.push("the new terminal is out of service".to_owned());
                }
            }
            if new.is_frozen {
                found.push("somebody finds the new terminal suspicious".to_owned());
            }
        }
    }
    if facts.old.service == Service::InService && facts.old.presence == Presence::Online {
        found.push("the old terminal is back, and may sell".to_owned());
    }
    found.extend(facts.alarms.iter().cloned());
    found
}

#[cfg(test)]
mod tests;
