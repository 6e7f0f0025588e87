//! Whether a decommissioning is behind everybody: each unit is back or gone, what it held is
//! certified, and nobody owes anything. Pure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use shared::digest::Digest;
use shared::id::CampaignId;
use shared::limits::TEXT_BYTES_MAX;
use shared::time::UnixTime;

use crate::money::text;
use crate::request::{Request, RequestEvent, RequestKind, RequestRefused, is_same_person};
use crate::unit::UnitState;

/// What is known of the case when somebody wants to close it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseFacts {
    pub request: Request,
    /// Of all campaigns that carried it out, by serial number.
    pub units: Vec<UnitFacts>,
    /// By currency: see [`super::ledger::balances`].
    pub balances: BTreeMap<String, i64>,
    /// A campaign of it that is not over.
    pub in_motion: Option<CampaignId>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnitFacts {
    pub serial: String,
    /// `None` where nobody has put it on the list of units.
    pub state: Option<UnitState>,
    pub state_at: Option<UnixTime>,
    /// When it came back last.
    pub returned_at: Option<UnixTime>,
    /// Of a wipe that the request asked for.
    pub certificate: Option<Digest>,
    /// Its terminal is in service: it was never stopped, or sells again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sells: bool,
}

impl UnitFacts {
    /// Whether it is there and sells, so that nothing comes back of it.
    fn stays(&self) -> bool {
        self.sells && matches!(self.state, None | Some(UnitState::InService))
    }
}

/// What whoever closes it says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CloseOut {
    /// What came of it, and what is to be done otherwise next time.
    pub note: String,
    /// Who answers for units that are lost.
    pub presumed_lost: Option<String>,
    /// Why there is none, where there is none.
    pub no_certificate: Option<String>,
    /// Who accepts what is still owed.
    pub accept_balance: Option<String>,
    /// Who answers for terminals that stay where they are and sell.
    pub staying: Option<String>,
}

/// What keeps it open.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Point {
    /// No campaign was about any terminal.
    NothingStopped,
    InMotion {
        campaign: CampaignId,
    },
    NotOnTheList {
        serial: String,
    },
    NotBack {
        serial: String,
        state: UnitState,
    },
    /// It is in stock, and was never returned since it was asked for.
    NeverReturned {
        serial: String,
    },
    /// It is lost, and nobody answers for that.
    Lost {
        serial: String,
    },
    NoCertificate {
        serial: String,
    },
    /// It sells, and nobody says that it may stay.
    Sells {
        serial: String,
    },
    Owed {
        currency: String,
        minor: i64,
    },
}

impl Point {
    pub fn detail(&self) -> String {
        match self {
            Self::NothingStopped => "nothing was stopped for it yet".to_owned(),
            Self::InMotion { campaign } => {
                format!("campaign {campaign} carries it out, and is not over")
            }
            Self::NotOnTheList { serial } => format!("{serial} is not on the list of units"),
            Self::NotBack { serial, state } => format!("{serial} is {state}"),
            Self::NeverReturned { serial } => {
                format!("{serial} is in stock, and was not returned since this was asked for")
            }
            Self::Lost { serial } => format!("{serial} is lost, and nobody answers for that"),
            Self::NoCertificate { serial } => {
                format!("{serial} has no certificate of what it held")
            }
            Self::Sells { serial } => format!("{serial} is in service, and nobody lets it stay"),
            Self::Owed { currency, minor } if *minor < 0 => {
                format!("the merchant still has to pay {}", text(minor.saturating_neg(), currency))
            }
            Self::Owed { currency, minor } => {
                format!("the merchant is still to get {}", text(*minor, currency))
            }
        }
    }

    /// What to do about it, in the imperative.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NothingStopped => "stop them, or cancel it: `tillward request cancel`",
            Self::InMotion { .. } => "wait for its end: `tillward deactivate show`",
            Self::NotOnTheList { .. } => "put it there: `tillward unit add`",
            Self::NotBack { .. } => {
                "have it returned, then restocked or disposed of: `tillward unit`; one that is \
                 gone is reported as lost"
            }
            Self::NeverReturned { .. } => "look at it with `tillward unit show`",
            Self::Lost { .. } => "name who answers for it: `--presumed-lost NAME`",
            Self::NoCertificate { .. } => {
                "wait for it, or say why it does not apply: `--no-certificate TEXT`"
            }
            Self::Sells { .. } => {
                "suspend and wipe it: `tillward deactivate suspend`; or name who answers for it if \
                 it stays: `--staying NAME`"
            }
            Self::Owed { .. } => {
                "enter what was paid: `tillward deactivate ledger add`; or name who accepts it: \
                 `--accept-balance NAME`"
            }
        }
    }
}

/// What was found when it was closed, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Found {
    pub units: Vec<UnitFacts>,
    pub balances: BTreeMap<String, i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub presumed_lost: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_certificate: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted_by: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub staying: Option<String>,
}

/// A decommissioning that is behind everybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closing {
    pub note: String,
    pub found: Found,
    pub at: UnixTime,
    pub by: String,
}

/// Why it stays open.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotClosed {
    #[error("only a decommissioning is closed with its units, and this asks to {}", .0.as_str())]
    OtherKind(RequestKind),
    #[error(transparent)]
    Request(#[from] RequestRefused),
    #[error("a note of what came of it has 1 to {TEXT_BYTES_MAX} bytes")]
    NoNote,
    #[error("{name} closes it or asked for it, and cannot answer for it too")]
    SamePerson { name: String },
    #[error("it is not behind everybody: {}", details(.0))]
    Open(Vec<Point>),
}

fn details(points: &[Point]) -> String {
    let some: Vec<_> = points.iter().take(8).map(Point::detail).collect();
    match points.len().saturating_sub(some.len()) {
        0 => some.join("; "),
        more => format!("{}; and {more} more", some.join("; ")),
    }
}

impl NotClosed {
    /// What to do about it, in the imperative.
    pub fn hint(&self) -> String {
        let fixed = match self {
            Self::OtherKind(_) => "close it with `tillward request close`",
            Self::Request(why) => why.hint(),
            Self::NoNote => "say what came of it: `--note TEXT`",
            Self::SamePerson { .. } => "name somebody else",
            Self::Open(points) => {
                let mut hints: Vec<_> = points.iter().map(Point::hint).collect();
                hints.sort_unstable();
                hints.dedup();
                return hints.join("; ");
            }
        };
        fixed.to_owned()
    }
}

/// What keeps it open, whatever its request says.
pub fn points(facts: &CaseFacts, said: &CloseOut) -> Vec<Point> {
    let asked_at = facts.request.created_at;
    let mut found = Vec::new();
    if facts.units.is_empty() {
        found.push(Point::NothingStopped);
    }
    found.extend(facts.in_motion.map(|campaign| Point::InMotion { campaign }));
    for unit in &facts.units {
        if unit.stays() {
            let serial = unit.serial.clone();
            found.extend(said.staying.is_none().then_some(Point::Sells { serial }));
            continue;
        }
        found.extend(where_it_is(unit, asked_at, said.presumed_lost.is_some()));
        if unit.certificate.is_none() && said.no_certificate.is_none() {
            found.push(Point::NoCertificate { serial: unit.serial.clone() });
        }
    }
    if said.accept_balance.is_none() {
        let owed = facts.balances.iter().filter(|(_, minor)| **minor != 0);
        found.extend(
            owed.map(|(currency, minor)| Point::Owed { currency: currency.clone(), minor: *minor }),
        );
    }
    found
}

fn where_it_is(unit: &UnitFacts, asked_at: UnixTime, is_answered: bool) -> Option<Point> {
    let serial = unit.serial.clone();
    let is_since = |at: Option<UnixTime>| at.is_some_and(|at| at >= asked_at);
    match unit.state {
        None => Some(Point::NotOnTheList { serial }),
        Some(UnitState::InStock) if is_since(unit.returned_at) => None,
        Some(UnitState::InStock) => Some(Point::NeverReturned { serial }),
        Some(UnitState::Disposed) if is_since(unit.state_at) => None,
        // That was an earlier unit with its serial number.
        Some(UnitState::Disposed) => Some(Point::NotOnTheList { serial }),
        Some(UnitState::LostStolen) if is_answered => None,
        Some(UnitState::LostStolen) => Some(Point::Lost { serial }),
        Some(
            state @ (UnitState::Allocated
            | UnitState::InTransit
            | UnitState::AtSite
            | UnitState::InService
            | UnitState::Suspended
            | UnitState::OutForRepair
            | UnitState::AwaitingReturn
            | UnitState::Returned
            | UnitState::Tampered
            | UnitState::SwappedOut),
        ) => Some(Point::NotBack { serial, state }),
    }
}

/// Whether this person may close it now, and what is kept of it then.
pub fn decide(facts: &CaseFacts, said: &CloseOut, by: &str) -> Result<Found, NotClosed> {
    let request = &facts.request;
    if request.kind != RequestKind::Decommission {
        return Err(NotClosed::OtherKind(request.kind));
    }
    request.step(RequestEvent::Close)?;
    if said.note.trim().is_empty() || said.note.len() > TEXT_BYTES_MAX {
        return Err(NotClosed::NoNote);
    }
    let asks = [by, request.asked.requester.as_str()];
    let names = said.presumed_lost.iter().chain(&said.accept_balance).chain(&said.staying);
    for name in names {
        if name.trim().is_empty() || asks.iter().any(|who| is_same_person(name, who)) {
            return Err(NotClosed::SamePerson { name: name.clone() });
        }
    }
    let open = points(facts, said);
    if !open.is_empty() {
        return Err(NotClosed::Open(open));
    }
    // Nobody is named for what was as it should be.
    let is_lost = |it: &UnitFacts| it.state == Some(UnitState::LostStolen);
    let (units, balances) = (facts.units.clone(), facts.balances.clone());
    Ok(Found {
        presumed_lost: said.presumed_lost.clone().filter(|_| units.iter().any(is_lost)),
        no_certificate: said
            .no_certificate
            .clone()
            .filter(|_| units.iter().any(|it| it.certificate.is_none() && !it.stays())),
        accepted_by: said
            .accept_balance
            .clone()
            .filter(|_| balances.values().any(|minor| *minor != 0)),
        staying: said.staying.clone().filter(|_| units.iter().any(UnitFacts::stays)),
        units,
        balances,
    })
}

#[cfg(test)]
pub(crate) mod tests;
