//! Where a terminal stands in a store, and what it is bound to there. Pure.
//!
//! What life a unit leads, whether its place is filled, what the place is bound to, whether the
//! unit can be reached and what it works on are kept apart: no one status mixes them.

pub mod binding;
pub mod import;
pub mod tuple;

use std::fmt;

use shared::id::{PositionId, TerminalId};
use shared::time::UnixTime;

/// Of a fallback, a merchant or a merchant class, in characters: a line on a screen.
pub const LINE_CHARS_MAX: usize = 200;

/// A lane or counter of a store, whichever unit stands there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    pub id: PositionId,
    pub store: String,
    pub lane: String,
    /// Whose shop it is, as contracts name the merchant.
    pub merchant: Option<String>,
    /// The band of fees that its trade belongs to.
    pub merchant_class: Option<String>,
    /// How the shop takes money while the terminal cannot.
    pub fallback: Option<String>,
    pub state: PositionState,
    pub state_at: UnixTime,
    /// The unit that fills it; no unit fills two.
    pub terminal: Option<TerminalId>,
    pub created_at: UnixTime,
}

/// Planned → Occupied ⇄ Vacant → Closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PositionState {
    /// No unit has filled it yet.
    Planned,
    Occupied,
    /// No unit fills it any more.
    Vacant,
    /// The lane is gone.
    Closed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PositionEvent {
    Fill,
    Vacate,
    Close,
    Reopen,
}

impl PositionState {
    pub const ALL: [Self; 4] = [Self::Planned, Self::Occupied, Self::Vacant, Self::Closed];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Occupied => "occupied",
            Self::Vacant => "vacant",
            Self::Closed => "closed",
        }
    }
}

impl PositionEvent {
    pub const ALL: [Self; 4] = [Self::Fill, Self::Vacate, Self::Close, Self::Reopen];

    /// How the audit log names it.
    pub fn audited_as(self) -> &'static str {
        match self {
            Self::Fill => "position-filled",
            Self::Vacate => "position-vacated",
            Self::Close => "position-closed",
            Self::Reopen => "position-reopened",
        }
    }

    fn in_the_past(self) -> &'static str {
        match self {
            Self::Fill => "filled",
            Self::Vacate => "vacated",
            Self::Close => "closed",
            Self::Reopen => "reopened",
        }
    }
}

impl fmt::Display for PositionState {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a position that is {state} cannot be {}", event.in_the_past())]
pub struct NotMoved {
    pub state: PositionState,
    pub event: PositionEvent,
}

pub fn step(state: PositionState, event: PositionEvent) -> Result<PositionState, NotMoved> {
    use PositionEvent as On;
    use PositionState::{Closed, Occupied, Planned, Vacant};
    match (event, state) {
        (On::Fill, Planned | Vacant) => Ok(Occupied),
        (On::Vacate, Occupied) => Ok(Vacant),
        (On::Close, Planned | Vacant) => Ok(Closed),
        (On::Reopen, Closed) => Ok(Vacant),
        (On::Fill, Occupied | Closed)
        | (On::Vacate, Planned | Vacant | Closed)
        | (On::Close, Occupied | Closed)
        | (On::Reopen, Planned | Occupied | Vacant) => Err(NotMoved { state, event }),
    }
}

/// Why something about a position stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PositionRefused {
    #[error(transparent)]
    State(#[from] NotMoved),
    #[error("terminal {by} fills {position} already")]
    Taken { position: PositionId, by: TerminalId },
    #[error("{terminal} fills {other}, and one unit fills one position")]
    Elsewhere { terminal: TerminalId, other: PositionId },
    #[error("{terminal} was revoked")]
    Revoked { terminal: TerminalId },
    #[error("binding {binding} of it is {state}")]
    Bound { binding: shared::id::BindingId, state: binding::BindingState },
}

impl PositionRefused {
    /// What to do about it, in the imperative.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::State(_) => "look at the position with `tillward position list`",
            Self::Taken { .. } => "vacate the position first, or choose another one",
            Self::Elsewhere { .. } => "vacate the other position first",
            Self::Revoked { .. } => "enrol the unit again with a new claim",
            Self::Bound { .. } => "retire its bindings, or let them fail, before it is closed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_that_is_not_in_the_table_is_refused() {
        use PositionEvent::*;
        use PositionState::*;
        let table = [
            (Planned, Fill, Occupied),
            (Vacant, Fill, Occupied),
            (Occupied, Vacate, Vacant),
            (Planned, Close, Closed),
            (Vacant, Close, Closed),
            (Closed, Reopen, Vacant),
        ];
        for state in PositionState::ALL {
            for event in PositionEvent::ALL {
                let row = table.iter().find(|(from, on, _)| (*from, *on) == (state, event));
                let expected = row.map(|(.., to)| *to).ok_or(NotMoved { state, event });
                assert_eq!(step(state, event), expected);
            }
        }
    }
}
