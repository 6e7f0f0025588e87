//! The life of a snapshot. Pure.
//!
//! That somebody holds a snapshot is no state: it is kept beside, and keeps it from expiring.

use std::fmt;

/// Received → Copied → Available → Expiring → Purged; Damaged while an object of it is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SnapshotState {
    /// Its terminal has signed for it, and all of it is in the first place.
    Received,
    /// It is in both places.
    Copied,
    /// All of it was read back from both places.
    Available,
    /// Part of it is whole in neither place.
    Damaged,
    /// Nobody wants it any more: it goes together with its repository.
    Expiring,
    /// It was deleted from both places.
    Purged,
}

/// How the objects are that a snapshot is made of: the least of what holds for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Objects {
    Lost,
    /// One is in the first place only.
    Uncopied,
    /// One was not read back from both places yet.
    Unproven,
    Proven,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotEvent {
    Seen(Objects),
    /// No rule keeps it, or an operator asked for it to go.
    Expire,
    /// It is kept after all: what its objects make of it is found out anew.
    Keep,
    Purge,
}

impl SnapshotState {
    pub const ALL: [Self; 6] = [
        Self::Received,
        Self::Copied,
        Self::Available,
        Self::Damaged,
        Self::Expiring,
        Self::Purged,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Copied => "copied",
            Self::Available => "available",
            Self::Damaged => "damaged",
            Self::Expiring => "expiring",
            Self::Purged => "purged",
        }
    }
}

impl fmt::Display for SnapshotState {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// What the event makes of it. What it does not concern leaves it as it is: only what expires
/// is purged, and nothing comes back from there.
pub fn step(state: SnapshotState, event: SnapshotEvent) -> SnapshotState {
    use Objects::{Lost, Proven, Uncopied, Unproven};
    use SnapshotEvent::{Expire, Keep, Purge, Seen};
    use SnapshotState::{Available, Copied, Damaged, Expiring, Purged, Received};
    match (state, event) {
        (Expiring, Purge) => Purged,
        (Expiring, Keep) => Received,
        (Expiring | Purged, _) => state,
        (_, Purge | Keep) => state,
        (_, Expire) => Expiring,
        (_, Seen(Lost)) => Damaged,
        (_, Seen(Proven)) => Available,
        (Received | Damaged, Seen(Unproven)) => Copied,
        // What was proven once stays so until something is found to be lost.
        (Received | Copied | Available | Damaged, Seen(Uncopied | Unproven)) => state,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_in_every_state() {
        use SnapshotState::{Available, Copied, Damaged, Expiring, Purged, Received};
        let events = [
            SnapshotEvent::Seen(Objects::Lost),
            SnapshotEvent::Seen(Objects::Uncopied),
            SnapshotEvent::Seen(Objects::Unproven),
            SnapshotEvent::Seen(Objects::Proven),
            SnapshotEvent::Expire,
            SnapshotEvent::Keep,
            SnapshotEvent::Purge,
        ];
        #[rustfmt::skip]
        let table = [
            //          lost      uncopied   unproven   proven     expire    keep       purge
            (Received, [Damaged,  Received,  Copied,    Available, Expiring, Received,  Received]),
            (Copied,   [Damaged,  Copied,    Copied,    Available, Expiring, Copied,    Copied]),
            (Available,
                       [Damaged,  Available, Available, Available, Expiring, Available, Available]),
            (Damaged,  [Damaged,  Damaged,   Copied,    Available, Expiring, Damaged,   Damaged]),
            (Expiring, [Expiring, Expiring,  Expiring,  Expiring,  Expiring, Received,  Purged]),
            (Purged,   [Purged,   Purged,    Purged,    Purged,    Purged,   Purged,    Purged]),
        ];
        assert_eq!(table.map(|(state, _)| state), SnapshotState::ALL);
        for (state, expected) in table {
            for (event, expected) in events.into_iter().zip(expected) {
                assert_eq!(step(state, event), expected, "{state} on {event:?}");
            }
        }
    }
}
