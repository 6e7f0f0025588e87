//! The life of each physical device, from stock to disposal: where it is, in whose hands, and
//! whether it is still the one that was bought. Pure.
//!
//! A unit is known by its serial number before it has an identity to connect with, and after. What
//! it is as a terminal (enrolled, online, frozen) is told apart from what it is as a thing.

pub mod custody;
pub mod follow;
pub mod import;
pub mod inspection;
pub mod record;
pub mod remains;

use std::fmt;

use remains::Left;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// InStock → Allocated → InTransit → AtSite → InService ⇄ Suspended → … → Returned → InStock, or
/// Disposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum UnitState {
    InStock,
    /// Meant for a shop, and still on the shelf.
    Allocated,
    InTransit,
    /// Received, and not set to work yet.
    AtSite,
    InService,
    /// It stands where it stood, and nothing on it was erased.
    Suspended,
    OutForRepair,
    /// Nothing of a shop is on it any more; it waits to be fetched.
    AwaitingReturn,
    Returned,
    /// Gone for good. Its serial number may be added anew.
    Disposed,
    /// Somebody opened it, or it may not be the unit that was bought.
    Tampered,
    LostStolen,
    /// Another unit has taken its place.
    SwappedOut,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum UnitEvent {
    Allocate,
    Ship,
    Receive,
    Commission,
    Suspend,
    Resume,
    SendForRepair,
    /// To the depot: nothing of a shop is left on it.
    BackFromRepair,
    /// To where it stood, with what its shop left on it.
    BackInPlace,
    SwapOut,
    AwaitReturn,
    Return,
    Restock,
    Dispose,
    ReportTampered,
    ReportLost,
    Found,
}

impl UnitState {
    pub const ALL: [Self; 13] = [
        Self::InStock,
        Self::Allocated,
        Self::InTransit,
        Self::AtSite,
        Self::InService,
        Self::Suspended,
        Self::OutForRepair,
        Self::AwaitingReturn,
        Self::Returned,
        Self::Disposed,
        Self::Tampered,
        Self::LostStolen,
        Self::SwappedOut,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::InStock => "in-stock",
            Self::Allocated => "allocated",
            Self::InTransit => "in-transit",
            Self::AtSite => "at-site",
            Self::InService => "in-service",
            Self::Suspended => "suspended",
            Self::OutForRepair => "out-for-repair",
            Self::AwaitingReturn => "awaiting-return",
            Self::Returned => "returned",
            Self::Disposed => "disposed",
            Self::Tampered => "tampered",
            Self::LostStolen => "lost-stolen",
            Self::SwappedOut => "swapped-out",
        }
    }

    /// Whether nobody should hear from it: it is gone, or in nobody's right hands.
    pub fn is_closed(self) -> bool {
        match self {
            Self::Disposed | Self::Tampered | Self::LostStolen => true,
            Self::InStock
            | Self::Allocated
            | Self::InTransit
            | Self::AtSite
            | Self::InService
            | Self::Suspended
            | Self::OutForRepair
            | Self::AwaitingReturn
            | Self::Returned
            | Self::SwappedOut => false,
        }
    }

    /// Whether somebody has to look at it now and then: whether it is where that is possible.
    pub fn is_inspected(self) -> bool {
        match self {
            Self::InStock
            | Self::Allocated
            | Self::AtSite
            | Self::InService
            | Self::Suspended
            | Self::AwaitingReturn
            | Self::Returned
            | Self::SwappedOut => true,
            Self::InTransit
            | Self::OutForRepair
            | Self::Disposed
            | Self::Tampered
            | Self::LostStolen => false,
        }
    }
}

impl UnitEvent {
    pub const ALL: [Self; 17] = [
        Self::Allocate,
        Self::Ship,
        Self::Receive,
        Self::Commission,
        Self::Suspend,
        Self::Resume,
        Self::SendForRepair,
        Self::BackFromRepair,
        Self::BackInPlace,
        Self::SwapOut,
        Self::AwaitReturn,
        Self::Return,
        Self::Restock,
        Self::Dispose,
        Self::ReportTampered,
        Self::ReportLost,
        Self::Found,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allocate => "allocate",
            Self::Ship => "ship",
            Self::Receive => "receive",
            Self::Commission => "commission",
            Self::Suspend => "suspend",
            Self::Resume => "resume",
            Self::SendForRepair => "send-for-repair",
            Self::BackFromRepair => "back-from-repair",
            Self::BackInPlace => "back-in-place",
            Self::SwapOut => "swap-out",
            Self::AwaitReturn => "await-return",
            Self::Return => "return",
            Self::Restock => "restock",
            Self::Dispose => "dispose",
            Self::ReportTampered => "report-tampered",
            Self::ReportLost => "report-lost",
            Self::Found => "found",
        }
    }

    /// How the audit log names it.
    pub fn audited_as(self) -> &'static str {
        match self {
            Self::Allocate => "unit-allocated",
            Self::Ship => "unit-shipped",
            Self::Receive => "unit-received",
            Self::Commission => "unit-commissioned",
            Self::Suspend => "unit-suspended",
            Self::Resume => "unit-resumed",
            Self::SendForRepair => "unit-sent-for-repair",
            Self::BackFromRepair => "unit-back-from-repair",
            Self::BackInPlace => "unit-back-in-place",
            Self::SwapOut => "unit-swapped-out",
            Self::AwaitReturn => "unit-awaits-return",
            Self::Return => "unit-returned",
            Self::Restock => "unit-restocked",
            Self::Dispose => "unit-disposed",
            Self::ReportTampered => "unit-tampered",
            Self::ReportLost => "unit-lost",
            Self::Found => "unit-found",
        }
    }

    /// What it did to a unit that was so.
    pub fn in_the_past(self) -> &'static str {
        match self {
            Self::Allocate => "allocated",
            Self::Ship => "shipped",
            Self::Receive => "received",
            Self::Commission => "commissioned",
            Self::Suspend => "suspended",
            Self::Resume => "resumed",
            Self::SendForRepair => "sent for repair",
            Self::BackFromRepair => "taken back from repair",
            Self::BackInPlace => "put back where it stood",
            Self::SwapOut => "swapped out",
            Self::AwaitReturn => "left to wait for its return",
            Self::Return => "returned",
            Self::Restock => "restocked",
            Self::Dispose => "disposed of",
            Self::ReportTampered => "reported as tampered with",
            Self::ReportLost => "reported as lost",
            Self::Found => "found",
        }
    }

    /// Where it must be for that to happen, as a hint.
    fn needs(self) -> &'static str {
        match self {
            Self::Allocate => "allocate one that is in stock",
            Self::Ship => "allocate it first",
            Self::Receive => "ship it first",
            Self::Commission => "receive it first, and check its seal",
            Self::Suspend => "only what is in service is suspended",
            Self::Resume => "only what is suspended resumes",
            Self::SendForRepair => "suspend it or swap it out first",
            Self::BackFromRepair | Self::BackInPlace => {
                "only what is out for repair comes back from it"
            }
            Self::SwapOut => "only what is in service or suspended is swapped out",
            Self::AwaitReturn => "suspend it or swap it out first",
            Self::Return => "let it await its return first, with nothing of the shop left on it",
            Self::Restock => "return it first: accessories counted, condition graded",
            Self::Dispose => "return it first, with nothing of the shop left on it",
            Self::ReportTampered | Self::ReportLost => "look at it with `tillward unit show`",
            Self::Found => "only what is lost is found",
        }
    }
}

impl fmt::Display for UnitState {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

impl fmt::Display for UnitEvent {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// Why a unit stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnitRefused {
    #[error("a unit that is {state} cannot be {}", event.in_the_past())]
    State { state: UnitState, event: UnitEvent },
    #[error("nobody has counted its accessories and graded its condition")]
    NotGraded,
    #[error("its condition is `damaged`")]
    Damaged,
    #[error("its seal is `{recorded}` by the record, and nobody says what it reads now")]
    SealUnsaid { recorded: String },
    #[error("nobody looks at a seal or a serial number when a unit is {}", .0.in_the_past())]
    NotLookedAt(UnitEvent),
    #[error("unit {by} is in service at its position")]
    PositionTaken { by: String },
    #[error("nobody can inspect a unit that is {0}")]
    NotInspected(UnitState),
    #[error("it is {found} by now, no longer {expected}")]
    Moved { expected: UnitState, found: UnitState },
    #[error("it cannot be {}: {}", event.in_the_past(), left.detail())]
    NotErased { event: UnitEvent, left: Left },
    #[error("it cannot be put back where it stood: {0}")]
    NotInPlace(&'static str),
    #[error("nobody can have sanitised a unit that is {0}")]
    NotInHand(UnitState),
    #[error("a unit that is {0} enrols as no terminal")]
    Closed(UnitState),
    #[error("{name} has said so already")]
    SamePerson { name: String },
}

impl UnitRefused {
    /// What to do about it, in the imperative.
    pub fn hint(&self) -> &'static str {
        use UnitState as At;
        match self {
            Self::State { state: At::Disposed, .. } | Self::Closed(At::Disposed) => {
                "it is gone for good: if this serial number is back, add it as another unit"
            }
            Self::State { state: At::Tampered, .. } => {
                "nothing clears this from afar: send it for repair, let it await its return, or \
                 dispose of it"
            }
            Self::State { state: At::LostStolen, .. } => "say first that it was found",
            Self::Closed(At::LostStolen) => {
                "if it was found, say so: `tillward unit move SERIAL found`; it enrols again once \
                 somebody has it in hand"
            }
            Self::Closed(_) => {
                "whoever has it in hand says so first: `tillward unit move SERIAL \
                 send-for-repair`, or `await-return`"
            }
            Self::State { event, .. } => event.needs(),
            Self::NotGraded => "name the accessories that are there, and its condition",
            Self::Damaged => "send it for repair, or dispose of it",
            Self::SealUnsaid { .. } => "say what the seal reads, or that there is none",
            Self::NotLookedAt(_) => "write it down as an inspection: `tillward unit inspect`",
            Self::PositionTaken { .. } => "swap the other unit out first",
            Self::NotInspected(_) => "look at it with `tillward unit show`",
            Self::Moved { .. } => "look at it again, and decide again",
            Self::NotErased { event: UnitEvent::BackFromRepair, .. } => {
                "put it back where it stood: `back-in-place`; or have its storage sanitised or \
                 replaced, and let two people say so with the paper: `tillward unit sanitised`"
            }
            Self::NotErased { left, .. } => left.hint(),
            Self::NotInPlace(_) => {
                "take it to the depot, with nothing of its shop left on it: `back-from-repair`"
            }
            Self::NotInHand(_) => "say first where it is: `tillward unit move`",
            Self::SamePerson { .. } => {
                "somebody else must say so too, with the same reference and paper"
            }
        }
    }
}

/// What becomes of a unit to which this happens.
pub fn step(state: UnitState, event: UnitEvent) -> Result<UnitState, UnitRefused> {
    use UnitEvent as On;
    use UnitState::{
        Allocated, AtSite, AwaitingReturn, Disposed, InService, InStock, InTransit, LostStolen,
        OutForRepair, Returned, Suspended, SwappedOut, Tampered,
    };
    match (event, state) {
        (On::Allocate, InStock) => Ok(Allocated),
        (On::Ship, Allocated) => Ok(InTransit),
        (On::Receive, InTransit) => Ok(AtSite),
        (On::Commission, AtSite) => Ok(InService),
        (On::Suspend, InService) => Ok(Suspended),
        (On::Resume, Suspended) => Ok(InService),
        (
            On::SendForRepair,
            InStock | AtSite | Suspended | AwaitingReturn | Returned | Tampered | SwappedOut,
        ) => Ok(OutForRepair),
        (On::BackFromRepair, OutForRepair) => Ok(Returned),
        (On::BackInPlace, OutForRepair) => Ok(Suspended),
        (On::SwapOut, InService | Suspended) => Ok(SwappedOut),
        (On::AwaitReturn, AtSite | Suspended | Tampered | SwappedOut) => Ok(AwaitingReturn),
        (On::Return, Allocated | InTransit | AwaitingReturn) => Ok(Returned),
        (On::Restock, Returned) => Ok(InStock),
        (On::Dispose, InStock | OutForRepair | Returned | Tampered) => Ok(Disposed),
        (
            On::ReportTampered,
            InStock | Allocated | InTransit | AtSite | InService | Suspended | OutForRepair
            | AwaitingReturn | Returned | SwappedOut,
        ) => Ok(Tampered),
        (
            On::ReportLost,
            InStock | Allocated | InTransit | AtSite | InService | Suspended | OutForRepair
            | AwaitingReturn | Returned | Tampered | SwappedOut,
        ) => Ok(LostStolen),
        // It was in nobody's hands that are known: it may have been opened.
        (On::Found, LostStolen) => Ok(Tampered),
        (
            On::Allocate,
            Allocated | InTransit | AtSite | InService | Suspended | OutForRepair | AwaitingReturn
            | Returned | Disposed | Tampered | LostStolen | SwappedOut,
        )
        | (
            On::Ship,
            InStock | InTransit | AtSite | InService | Suspended | OutForRepair | AwaitingReturn
            | Returned | Disposed | Tampered | LostStolen | SwappedOut,
        )
        | (
            On::Receive,
            InStock | Allocated | AtSite | InService | Suspended | OutForRepair | AwaitingReturn
            | Returned | Disposed | Tampered | LostStolen | SwappedOut,
        )
        | (
            On::Commission,
            InStock | Allocated | InTransit | InService | Suspended | OutForRepair | AwaitingReturn
            | Returned | Disposed | Tampered | LostStolen | SwappedOut,
        )
        | (
            On::Suspend,
            InStock | Allocated | InTransit | AtSite | Suspended | OutForRepair | AwaitingReturn
            | Returned | Disposed | Tampered | LostStolen | SwappedOut,
        )
        | (
            On::Resume,
            InStock | Allocated | InTransit | AtSite | InService | OutForRepair | AwaitingReturn
            | Returned | Disposed | Tampered | LostStolen | SwappedOut,
        )
        | (
            On::SendForRepair,
            Allocated | InTransit | InService | OutForRepair | Disposed | LostStolen,
        )
        | (
            On::BackFromRepair | On::BackInPlace,
            InStock | Allocated | InTransit | AtSite | InService | Suspended | AwaitingReturn
            | Returned | Disposed | Tampered | LostStolen | SwappedOut,
        )
        | (
            On::SwapOut,
            InStock | Allocated | InTransit | AtSite | OutForRepair | AwaitingReturn | Returned
            | Disposed | Tampered | LostStolen | SwappedOut,
        )
        | (
            On::AwaitReturn,
            InStock | Allocated | InTransit | InService | OutForRepair | AwaitingReturn | Returned
            | Disposed | LostStolen,
        )
        | (
            On::Return,
            InStock | AtSite | InService | Suspended | OutForRepair | Returned | Disposed
            | Tampered | LostStolen | SwappedOut,
        )
        | (
            On::Restock,
            InStock | Allocated | InTransit | AtSite | InService | Suspended | OutForRepair
            | AwaitingReturn | Disposed | Tampered | LostStolen | SwappedOut,
        )
        | (
            On::Dispose,
            Allocated | InTransit | AtSite | InService | Suspended | AwaitingReturn | Disposed
            | LostStolen | SwappedOut,
        )
        | (On::ReportTampered, Disposed | Tampered | LostStolen)
        | (On::ReportLost, Disposed | LostStolen)
        | (
            On::Found,
            InStock | Allocated | InTransit | AtSite | InService | Suspended | OutForRepair
            | AwaitingReturn | Returned | Disposed | Tampered | SwappedOut,
        ) => Err(UnitRefused::State { state, event }),
    }
}

#[cfg(test)]
mod tests;
