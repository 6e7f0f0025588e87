//! One terminal takes the place of another: what is asked for, how far it has come, and what must
//! be so before it goes on. Pure.
//!
//! It is one job over two units. Until the new one is live the old one can go back to work; the
//! swap itself is one transaction of the registry, so that never both are in service.

pub mod advance;
pub mod form;
pub mod next;
pub mod record;
pub mod refused;
pub mod watch;

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Requested → UnitAllocated → Shipped → Received → OldSettled or OldUnreachable → Paired →
/// Provisioned → Commissioned → Live → Watching → Closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ReplacementState {
    Requested,
    /// A unit from stock is meant for it.
    UnitAllocated,
    Shipped,
    /// Whoever received it has read its serial number and its seal.
    Received,
    /// The old terminal has signed that it is suspended: settled, saved and stopped.
    OldSettled,
    /// The old terminal is dead: what it may still owe was listed, and somebody answers for it.
    OldUnreachable,
    /// The new unit may enrol, once.
    Paired,
    /// It has enrolled, and what was to be restored onto it is there.
    Provisioned,
    /// Somebody on site has tried all of it.
    Commissioned,
    /// It has taken the place of the old one.
    Live,
    /// It was heard since.
    Watching,
    Closed,
    Cancelled,
    /// What arrived may be another unit than was sent: nothing goes on with it.
    SuspectedSubstitution,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ReplacementEvent {
    Allocate,
    Ship,
    Receive,
    /// What was received differs from what was sent.
    Suspect,
    SettleOld,
    GiveUpOld,
    Pair,
    Provision,
    Commission,
    GoLive,
    Watch,
    /// Somebody answers for what is wrong with the new one.
    AcceptTrouble,
    Close,
    Cancel,
}

impl ReplacementState {
    pub const ALL: [Self; 14] = [
        Self::Requested,
        Self::UnitAllocated,
        Self::Shipped,
        Self::Received,
        Self::OldSettled,
        Self::OldUnreachable,
        Self::Paired,
        Self::Provisioned,
        Self::Commissioned,
        Self::Live,
        Self::Watching,
        Self::Closed,
        Self::Cancelled,
        Self::SuspectedSubstitution,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::UnitAllocated => "unit-allocated",
            Self::Shipped => "shipped",
            Self::Received => "received",
            Self::OldSettled => "old-settled",
            Self::OldUnreachable => "old-unreachable",
            Self::Paired => "paired",
            Self::Provisioned => "provisioned",
            Self::Commissioned => "commissioned",
            Self::Live => "live",
            Self::Watching => "watching",
            Self::Closed => "closed",
            Self::Cancelled => "cancelled",
            Self::SuspectedSubstitution => "suspected-substitution",
        }
    }

    /// Whether it stands still for what may be another unit.
    pub fn is_suspected(self) -> bool {
        self == Self::SuspectedSubstitution
    }

    /// Whether the old terminal can still come back: nothing was swapped yet.
    pub fn is_before_swap(self) -> bool {
        step(self, ReplacementEvent::Cancel).is_ok()
    }

    /// Whether nothing happens to it any more.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Closed | Self::Cancelled)
    }
}

impl ReplacementEvent {
    pub const ALL: [Self; 14] = [
        Self::Allocate,
        Self::Ship,
        Self::Receive,
        Self::Suspect,
        Self::SettleOld,
        Self::GiveUpOld,
        Self::Pair,
        Self::Provision,
        Self::Commission,
        Self::GoLive,
        Self::Watch,
        Self::AcceptTrouble,
        Self::Close,
        Self::Cancel,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allocate => "allocate",
            Self::Ship => "ship",
            Self::Receive => "receive",
            Self::Suspect => "suspect",
            Self::SettleOld => "settle-old",
            Self::GiveUpOld => "give-up-old",
            Self::Pair => "pair",
            Self::Provision => "provision",
            Self::Commission => "commission",
            Self::GoLive => "go-live",
            Self::Watch => "watch",
            Self::AcceptTrouble => "accept-trouble",
            Self::Close => "close",
            Self::Cancel => "cancel",
        }
    }

    /// How the audit log names it.
    pub fn audited_as(self) -> &'static str {
        match self {
            Self::Allocate => "replacement-allocated",
            Self::Ship => "replacement-shipped",
            Self::Receive => "replacement-received",
            Self::Suspect => "replacement-suspected",
            Self::SettleOld => "replacement-old-settled",
            Self::GiveUpOld => "replacement-old-given-up",
            Self::Pair => "replacement-paired",
            Self::Provision => "replacement-provisioned",
            Self::Commission => "replacement-commissioned",
            Self::GoLive => "replacement-live",
            Self::Watch => "replacement-watched",
            Self::AcceptTrouble => "replacement-trouble-accepted",
            Self::Close => "replacement-closed",
            Self::Cancel => "replacement-cancelled",
        }
    }

    fn in_the_past(self) -> &'static str {
        match self {
            Self::Allocate => "given a unit",
            Self::Ship => "shipped",
            Self::Receive => "received",
            Self::Suspect => "suspected",
            Self::SettleOld => "rid of its old terminal",
            Self::GiveUpOld => "continued without its old terminal",
            Self::Pair => "paired",
            Self::Provision => "provisioned",
            Self::Commission => "commissioned",
            Self::GoLive => "made live",
            Self::Watch => "watched",
            Self::AcceptTrouble => "answered for",
            Self::Close => "closed",
            Self::Cancel => "cancelled",
        }
    }

    /// What comes before it, as a hint.
    fn needs(self) -> &'static str {
        match self {
            Self::Allocate => "a unit is allocated once, at the beginning",
            Self::Ship => "allocate a unit first: `tillward replace allocate`",
            Self::Receive | Self::Suspect => "ship the unit first: `tillward replace ship`",
            Self::SettleOld | Self::GiveUpOld => {
                "receive the unit first, and look at its seal: `tillward replace receive`"
            }
            Self::Pair => {
                "suspend the old terminal first, then `tillward replace settled`; or where it is \
                 dead `tillward replace old-unreachable`"
            }
            Self::Provision => "let the unit enrol first: `tillward replace pair`",
            Self::Commission => "the unit must be provisioned: `tillward replace provisioned`",
            Self::GoLive => "go through the checklist first: `tillward replace commission`",
            Self::Watch => "the unit must be live first: `tillward replace live`",
            Self::AcceptTrouble | Self::Close => "watch the unit first: `tillward replace watch`",
            Self::Cancel => {
                "the new terminal is in service: to go back, replace it by another request"
            }
        }
    }
}

impl fmt::Display for ReplacementState {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

impl fmt::Display for ReplacementEvent {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a replacement that is {state} cannot be {}", event.in_the_past())]
pub struct NotMoved {
    pub state: ReplacementState,
    pub event: ReplacementEvent,
}

impl NotMoved {
    /// What to do about it, in the imperative.
    pub fn hint(&self) -> &'static str {
        match self.state {
            ReplacementState::Closed | ReplacementState::Cancelled => {
                "it is over: begin another one with `tillward replace new`"
            }
            ReplacementState::SuspectedSubstitution => {
                "nothing goes on with a unit that may be another: cancel it, and look into where \
                 the parcel was"
            }
            ReplacementState::Requested
            | ReplacementState::UnitAllocated
            | ReplacementState::Shipped
            | ReplacementState::Received
            | ReplacementState::OldSettled
            | ReplacementState::OldUnreachable
            | ReplacementState::Paired
            | ReplacementState::Provisioned
            | ReplacementState::Commissioned
            | ReplacementState::Live
            | ReplacementState::Watching => self.event.needs(),
        }
    }
}

/// Where the event leads.
pub fn step(
    state: ReplacementState,
    event: ReplacementEvent,
) -> Result<ReplacementState, NotMoved> {
    use ReplacementEvent as On;
    use ReplacementState as S;
    let (from, to): (&[S], S) = match event {
        On::Allocate => (&[S::Requested], S::UnitAllocated),
        On::Ship => (&[S::UnitAllocated], S::Shipped),
        On::Receive => (&[S::Shipped], S::Received),
        On::Suspect => (&[S::Shipped], S::SuspectedSubstitution),
        // What was dead may come back, and is then settled after all.
        On::SettleOld => (&[S::Received, S::OldUnreachable], S::OldSettled),
        On::GiveUpOld => (&[S::Received], S::OldUnreachable),
        // A claim that ran out is made anew.
        On::Pair => (&[S::OldSettled, S::OldUnreachable, S::Paired], S::Paired),
        On::Provision => (&[S::Paired], S::Provisioned),
        On::Commission => (&[S::Provisioned], S::Commissioned),
        On::GoLive => (&[S::Commissioned], S::Live),
        On::Watch => (&[S::Live], S::Watching),
        On::AcceptTrouble => (&[S::Watching], S::Watching),
        On::Close => (&[S::Watching], S::Closed),
        On::Cancel => (
            &[
                S::Requested,
                S::UnitAllocated,
                S::Shipped,
                S::Received,
                S::OldSettled,
                S::OldUnreachable,
                S::Paired,
                S::Provisioned,
                S::Commissioned,
                S::SuspectedSubstitution,
            ],
            S::Cancelled,
        ),
    };
    if from.contains(&state) { Ok(to) } else { Err(NotMoved { state, event }) }
}

#[cfg(test)]
mod tests;
