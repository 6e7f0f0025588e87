//! What an operator's wish to purge comes to: what would go and what stays, and what it is refused
//! for. Pure.

use std::collections::BTreeSet;

use shared::digest::Digest;
use shared::id::RepositoryId;

use super::{Candidate, Holding};
use crate::backup::state::SnapshotState;

/// What an operator wants to go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    pub repositories: BTreeSet<RepositoryId>,
    pub snapshots: BTreeSet<Digest>,
    /// The terminal may be left without anything that can be restored.
    pub last_copy: bool,
}

/// Why something that is wished for is not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WishRefused {
    #[error("snapshot {0} is held")]
    Held(Digest),
    #[error("snapshot {0} is the last one that can be restored of a terminal that goes on")]
    LastCopy(Digest),
    #[error("its terminal still writes into {0}")]
    Open(RepositoryId),
    #[error("{0} is being purged already")]
    Purging(RepositoryId),
}

impl WishRefused {
    /// What to do about it, in the imperative.
    pub fn hint(self) -> &'static str {
        match self {
            Self::Held(_) => "let it go first with `tillward backup unhold`",
            Self::LastCopy(_) => "take another backup first, or say that it is the last copy",
            Self::Open(_) => {
                "begin a new repository with `tillward backup now --full`, or name snapshots"
            }
            Self::Purging(_) => "wait for its certificate",
        }
    }
}

/// What becomes of one terminal's snapshots.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The snapshots that would expire, and those that do already for another reason.
    pub going: BTreeSet<Digest>,
    pub refused: Vec<WishRefused>,
}

/// Holds what of the wish is about this terminal against what it has.
pub fn plan(of: &Holding, wish: &Wish) -> Plan {
    let mut plan = Plan::default();
    for repository in &of.repositories {
        let id = repository.id;
        let whole = wish.repositories.contains(&id);
        let inside = of.snapshots.iter().filter(|it| it.repository == id);
        let meant = inside.filter(|it| whole || wish.snapshots.contains(&it.manifest));
        let meant: Vec<_> = meant.collect();
        if repository.purging_at.is_some() {
            if whole || !meant.is_empty() {
                plan.refused.push(WishRefused::Purging(id));
            }
            continue;
        }
        if whole && repository.closed_at.is_none() {
            plan.refused.push(WishRefused::Open(id));
        }
        for it in meant {
            match it.is_held {
                true => plan.refused.push(WishRefused::Held(it.manifest)),
                false => drop(plan.going.insert(it.manifest)),
            }
        }
    }
    if of.closed_at.is_none() && !wish.last_copy {
        plan.refused.extend(last_copy(of, &plan.going).map(WishRefused::LastCopy));
    }
    plan
}

/// The newest of those that would go, where none is left that can be restored.
fn last_copy(of: &Holding, going: &BTreeSet<Digest>) -> Option<Digest> {
    let restorable = |it: &&Candidate| it.is_whole && it.state == SnapshotState::Available;
    let is_left = of.snapshots.iter().filter(restorable).any(|it| !going.contains(&it.manifest));
    let goes = |it: &&Candidate| it.is_whole && going.contains(&it.manifest);
    match is_left {
        true => None,
        false => of.snapshots.iter().rfind(goes).map(|it| it.manifest),
    }
}
