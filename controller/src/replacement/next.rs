//! What comes next in a replacement, and whose turn it is. Pure.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ReplacementState;
use super::record::Replacement;
use super::watch::Watched;
use crate::unit::UnitState;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ReplacementNext)]
pub struct Next {
    /// `nobody` where it is over and nothing is left.
    pub who: String,
    pub what: String,
}

/// What is to be done, with where the new unit is by the list of units, and how it does.
pub fn next(it: &Replacement, unit: Option<UnitState>, watched: Option<&Watched>) -> Next {
    use ReplacementState as S;
    let (who, what) = match it.state {
        S::Requested => ("stock keeper", "allocate a unit from stock: `tillward replace allocate`"),
        S::UnitAllocated => ("stock keeper", "seal and send it: `tillward replace ship`"),
        S::Shipped => (
            "whoever receives the parcel",
            "read the serial number and the seal on it: `tillward replace receive`",
        ),
        S::Received => (
            "operator",
            "suspend the old terminal (`tillward request new --kind suspend`, `tillward \
             deactivate suspend`) and then `tillward replace settled`; where it is dead `tillward \
             deactivate suspend --given-up`, so that it stops as soon as it is heard again, and \
             `tillward replace old-unreachable`",
        ),
        S::OldSettled | S::OldUnreachable => {
            ("operator", "let the new unit enrol: `tillward replace pair`")
        }
        S::Paired => (
            "person on site",
            "enter the claim line on the new unit; then the operator: `tillward restore plan \
             SNAPSHOT --onto`, and `tillward replace provisioned`",
        ),
        S::Provisioned => (
            "person on site",
            "try everything on the checklist, make a payment and give it back; then `tillward \
             replace commission`",
        ),
        S::Commissioned => ("operator", "swap the two: `tillward replace live`"),
        S::Live => {
            ("operator", "see that the new terminal is heard and sells: `tillward replace watch`")
        }
        S::Watching if watched.is_some_and(|it| !it.is_over) => (
            "operator",
            "watch the new terminal, and keep the old one as it is: it is not erased yet; where \
             something stays wrong with the new one, name who answers for that: `tillward replace \
             accept-trouble`",
        ),
        S::Watching => (
            "operator",
            "decommission the old terminal (`tillward request new --kind decommission`, `tillward \
             deactivate wipe`), have it returned, and `tillward replace close`",
        ),
        S::Closed => ("nobody", "it is done"),
        S::Cancelled => return after_cancelling(it, unit),
        S::SuspectedSubstitution => (
            "two people",
            "keep the unit apart and look into where it was; cancel: `tillward replace cancel`",
        ),
    };
    Next { who: who.to_owned(), what: what.to_owned() }
}

/// Nothing is sent by itself: what a cancelled replacement leaves behind, people put right.
fn after_cancelling(it: &Replacement, unit: Option<UnitState>) -> Next {
    let mut what = Vec::new();
    what.push(
        "if the old terminal is suspended, let it sell again: `tillward request new --kind \
         resume`, then `tillward deactivate resume`; a stop that still waits for it is taken back: \
         `tillward campaign abort`"
            .to_owned(),
    );
    if let (Some(serial), Some(state)) = (&it.progress.unit, unit) {
        let left = match state {
            UnitState::Allocated | UnitState::InTransit | UnitState::AwaitingReturn => {
                Some(format!(
                    "take unit {serial} back, and count it: `tillward unit move {serial} return`"
                ))
            }
            UnitState::Tampered => Some(format!("keep unit {serial} apart")),
            UnitState::InStock
            | UnitState::AtSite
            | UnitState::InService
            | UnitState::Suspended
            | UnitState::OutForRepair
            | UnitState::Returned
            | UnitState::Disposed
            | UnitState::LostStolen
            | UnitState::SwappedOut => None,
        };
        what.extend(left);
    }
    if it.progress.new.is_some() {
        what.push("decommission the new terminal, which had enrolled".to_owned());
    }
    Next { who: "operator".to_owned(), what: what.join("; ") }
}
