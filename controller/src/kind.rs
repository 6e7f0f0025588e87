//! What a kind of change means for whoever brings it to many terminals. Pure.
//!
//! A campaign goes by these terms alone: whether people must sign, whom it may disturb, how long it
//! waits for a last word. So a further kind of change has its rows here, and waves, gates, budgets
//! and calendars serve it as they serve all others.

use std::time::Duration;

use shared::change::{Change, Upgrade};
use shared::digest::Digest;
use shared::document::order::Class;
use shared::floor;
use shared::id::RepositoryId;
use shared::time::UnixTime;

/// After the end of its order an accepted job may still be under way, or its terminal may be on
/// its way back; after this it counts as silent.
const REPORT_PATIENCE: Duration = Duration::from_secs(24 * 3600);

/// Whoever holds its shop comes back by itself within minutes, and tells so as soon as it has a
/// line: longer than any step from there on may take, and a restart after each.
const HOLDING_PATIENCE: Duration = Duration::from_secs(2 * 3600);

/// Whoever only fetches may be switched off for the night with its shop.
const PREPARING_PATIENCE: Duration = Duration::from_secs(13 * 3600);

/// The step of a job from which on its shop does not sell.
const HOLD: &str = "hold";

/// When a change keeps a till from selling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disturbs {
    Never,
    /// When its turn comes: what keeps a store selling decides about that.
    InItsTurn,
    /// At a moment that people have fixed, or because that is what it is for: what keeps a store
    /// selling was decided when it was planned.
    AsPlanned,
}

/// How a campaign comes to bring a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wished {
    /// Somebody wants it on terminals.
    ByItself,
    /// It is a wave of a change of provider.
    ByRebind,
    /// It carries out a request for another state of service.
    ByRequest,
    /// It ends another change, and is a part of that one's campaign.
    ByAbort,
}

/// Who is a member of a campaign that brings it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chosen {
    /// Whoever its selector means.
    BySelector,
    /// Whoever has a profile or a clearance under the root that it names.
    ByProfile,
    /// Whoever the request names.
    ByRequest,
}

/// What has to be there when it is brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    Nothing,
    Release(Digest),
    Repository(RepositoryId),
}

/// For how long a terminal that has begun may be away and say nothing, before that is taken for a
/// bad end. What it says later still counts for more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Silence {
    /// Before it has disturbed its shop.
    pub preparing: Duration,
    /// From then on.
    pub disturbing: Duration,
    /// The step with which it begins to disturb its shop, in the words of the job's table.
    pub disturbs_from: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    pub wished: Wished,
    pub chosen: Chosen,
    /// Approvers sign its batch, and nothing is done under another batch than theirs.
    pub needs_people: bool,
    /// How long orders may live, as terminals see it.
    pub lifetime_s_max: u64,
    /// How long after its orders have run out a terminal may still be at it.
    pub patience: Duration,
    /// How long whoever is at it may be away while its order lives; `None` where nothing is taken
    /// from that.
    pub silence: Option<Silence>,
    /// Whoever is there is waited for, however long: it says itself what it waits for, and where it
    /// were given up nobody could take that back any more.
    pub is_waited_for: bool,
    /// Before whom it goes, unless its operator says otherwise.
    pub class: Class,
    pub disturbs: Disturbs,
    /// It waits for windows and freezes of fleet, region and store.
    pub keeps_calendars: bool,
    /// It empties terminals that are lost, stolen or tampered with.
    pub is_of_lost: bool,
}

impl Terms {
    pub fn of(change: &Change) -> Self {
        let needs_people = floor::needs_people(change.verb());
        let (class, disturbs) = match change {
            Change::Ping(_) => (Class::Normal, Disturbs::Never),
            Change::Backup(_) | Change::Drill(_) => (Class::Background, Disturbs::Never),
            Change::Upgrade(_) => (Class::Normal, Disturbs::InItsTurn),
            // Approvers sign these for terminals that they know.
            Change::Restore(_) | Change::Rebind(_) | Change::Suspend(_) | Change::Resume(_) => {
                (Class::Normal, Disturbs::AsPlanned)
            }
            Change::Decommission(_) | Change::Cancel(_) => {
                (Class::Decommission, Disturbs::AsPlanned)
            }
        };
        let (wished, chosen) = match change {
            Change::Ping(_)
            | Change::Backup(_)
            | Change::Drill(_)
            | Change::Upgrade(_)
            | Change::Restore(_) => (Wished::ByItself, Chosen::BySelector),
            Change::Rebind(_) => (Wished::ByRebind, Chosen::ByProfile),
            Change::Suspend(_) | Change::Resume(_) => (Wished::ByRequest, Chosen::ByRequest),
            Change::Decommission(_) => (Wished::ByRequest, Chosen::ByProfile),
            Change::Cancel(_) => (Wished::ByAbort, Chosen::BySelector),
        };
        Self {
            wished,
            chosen,
            needs_people,
            lifetime_s_max: change.lifetime_s_max(),
            patience: patience(change),
            silence: silence(change),
            is_waited_for: is_waited_for(change),
            class,
            disturbs,
            keeps_calendars: disturbs == Disturbs::InItsTurn,
            is_of_lost: change.is_of_lost(),
        }
    }

    /// What was taken back when its campaign was stopped is released again once that goes on.
    pub fn comes_again(&self) -> bool {
        !self.needs_people
    }

    /// Whoever has accepted it and says nothing more may be at it: it goes on by itself at the
    /// moment for which people have signed it, and what it does keeps it from speaking.
    pub fn may_begin_unheard(&self) -> bool {
        self.wished == Wished::ByRequest
    }
}

pub fn needs(change: &Change) -> Needs {
    match change {
        Change::Upgrade(upgrade) => Needs::Release(upgrade.release),
        Change::Restore(restore) => Needs::Repository(restore.of.repository),
        Change::Ping(_)
        | Change::Backup(_)
        | Change::Drill(_)
        | Change::Rebind(_)
        | Change::Suspend(_)
        | Change::Resume(_)
        | Change::Decommission(_)
        | Change::Cancel(_) => Needs::Nothing,
    }
}

/// The release that this change installs, if it installs one.
pub fn release_of(change: &Change) -> Option<Digest> {
    match needs(change) {
        Needs::Release(digest) => Some(digest),
        Needs::Repository(_) | Needs::Nothing => None,
    }
}

/// What brings a terminal back on which this change has succeeded, where something can: `to` is
/// what its operator wants back.
pub fn undo(change: &Change, to: Digest) -> Option<Change> {
    match change {
        Change::Upgrade(upgrade) => {
            let window = upgrade.window;
            Some(Change::Upgrade(Upgrade { release: to, window, backup_within_s: None }))
        }
        Change::Ping(_)
        | Change::Backup(_)
        | Change::Drill(_)
        | Change::Rebind(_)
        | Change::Suspend(_)
        | Change::Resume(_)
        | Change::Restore(_)
        | Change::Decommission(_)
        | Change::Cancel(_) => None,
    }
}

/// Whether what a terminal has accepted is taken back once somebody finds it suspicious. Not a stop
/// from its moment on, nor one of a terminal that was given up: taken back it would let a till sell
/// of which people fear the worst.
pub fn yields_to_suspicion(change: &Change, now: UnixTime) -> bool {
    match change {
        Change::Suspend(suspend) => !suspend.is_given_up && now < suspend.cut_off,
        Change::Ping(_)
        | Change::Backup(_)
        | Change::Drill(_)
        | Change::Upgrade(_)
        | Change::Rebind(_)
        | Change::Restore(_)
        | Change::Resume(_)
        | Change::Decommission(_)
        | Change::Cancel(_) => true,
    }
}

/// A till that is watched has nothing to say for as long as its watch may last, and can be undone
/// until its end.
fn patience(change: &Change) -> Duration {
    match change {
        Change::Rebind(rebind) => {
            REPORT_PATIENCE.saturating_add(Duration::from_secs(rebind.watch.at_most_s.into()))
        }
        Change::Ping(_)
        | Change::Backup(_)
        | Change::Drill(_)
        | Change::Upgrade(_)
        | Change::Restore(_)
        | Change::Suspend(_)
        | Change::Resume(_)
        | Change::Decommission(_)
        | Change::Cancel(_) => REPORT_PATIENCE,
    }
}

/// A till that has stopped stays so until its host is there and counts as it does.
fn is_waited_for(change: &Change) -> bool {
    match change {
        Change::Suspend(_) => true,
        Change::Ping(_)
        | Change::Backup(_)
        | Change::Drill(_)
        | Change::Upgrade(_)
        | Change::Restore(_)
        | Change::Rebind(_)
        | Change::Resume(_)
        | Change::Decommission(_)
        | Change::Cancel(_) => false,
    }
}

/// Only where nothing else watches over what a terminal does unheard.
fn silence(change: &Change) -> Option<Silence> {
    let of = |watched: Duration| Silence {
        preparing: PREPARING_PATIENCE.saturating_add(watched),
        disturbing: HOLDING_PATIENCE.saturating_add(watched),
        disturbs_from: HOLD,
    };
    match change {
        Change::Upgrade(_) | Change::Restore(_) => Some(of(Duration::ZERO)),
        Change::Rebind(rebind) => Some(of(Duration::from_secs(rebind.watch.at_most_s.into()))),
        Change::Ping(_)
        | Change::Backup(_)
        | Change::Drill(_)
        | Change::Suspend(_)
        | Change::Resume(_)
        | Change::Decommission(_)
        | Change::Cancel(_) => None,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use shared::change::rebind::Reason;
    use shared::change::{Ping, Suspend};
    use shared::id::RequestId;

    use super::*;

    /// With its cut-off at 100.
    pub(crate) fn suspend(is_given_up: bool) -> Change {
        Change::Suspend(Box::new(Suspend {
            request: RequestId::from_bytes([1; 16]),
            reason: Reason::ContractEnd,
            ordered_by: String::new(),
            note: String::new(),
            cut_off: UnixTime(100),
            fallback: String::new(),
            resume_expected: None,
            delay: None,
            is_given_up,
        }))
    }

    #[test]
    fn what_has_stopped_a_till_stays_whoever_finds_it_suspicious() {
        let ping = Change::Ping(Ping { note: String::new() });
        for (change, at, yields) in [
            (suspend(false), 99, true),
            (suspend(false), 100, false),
            (suspend(true), 0, false),
            (ping, 1_000, true),
        ] {
            assert_eq!(yields_to_suspicion(&change, UnixTime(at)), yields, "{change:?} at {at}");
        }
    }
}
