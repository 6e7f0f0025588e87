//! Whether a replacement goes on as somebody says, and what it is then. Pure.

use shared::id::{CampaignId, PositionId, TerminalId};
use shared::limits::TEXT_BYTES_MAX;

use super::record::{Replacement, Said, UNSETTLED_MAX};
use super::{NotMoved, ReplacementEvent, ReplacementState, step};
use crate::provider::day::Day;
use crate::registry::audit::By;
use crate::registry::terminal::{Presence, Service, Terminal};
use crate::request::{RequestRefused, RequestState, is_same_person};
use crate::unit::record::Unit;
use crate::unit::{UnitRefused, UnitState};

/// What is known when somebody wants it to go on.
#[derive(Clone, Debug)]
pub struct Facts {
    pub request: RequestState,
    /// Who asked for it, by name.
    pub requester: String,
    pub old: Terminal,
    /// What is on the list of units about the old one, if it is on it.
    pub old_unit: Option<UnitState>,
    /// Which terminal fills the position now.
    pub holder: Option<TerminalId>,
    /// The new unit: the one that is named, or that was allocated.
    pub unit: Option<Unit>,
    /// The terminal that the new unit is, once it has enrolled by this replacement's claim.
    pub new: Option<Terminal>,
    /// Onto the new terminal something is to be restored, and is not yet.
    pub unrestored: Option<CampaignId>,
    /// How what was received differs from what was sent.
    pub difference: Option<String>,
}

/// Why a replacement stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplacementRefused {
    #[error(transparent)]
    State(#[from] NotMoved),
    #[error("it is {found} by now, no longer {expected}")]
    Moved { expected: ReplacementState, found: ReplacementState },
    #[error("the terminal, its position or the unit is part of replacement {0}, which is not over")]
    InAnother(u64),
    #[error(transparent)]
    Request(#[from] RequestRefused),
    #[error("unit {serial}: {why}")]
    Unit { serial: String, why: UnitRefused },
    #[error("no unit with the serial number `{0}` is on the list")]
    NoUnit(String),
    #[error("unit {serial} is a {found}, and a {wanted} was asked for")]
    OtherModel { serial: String, found: String, wanted: String },
    #[error("the approval of unit {serial} has run out on {day}")]
    ApprovalExpired { serial: String, day: Day },
    #[error("{0} is what is to be replaced")]
    SameUnit(String),
    #[error("{0} is frozen: somebody finds it suspicious")]
    Frozen(String),
    #[error("the old terminal {serial} has not signed that it is suspended: {}", .service.word())]
    OldSells { serial: String, service: Service },
    #[error("the old terminal {0} is suspended, and has not settled what it owes")]
    OldOwes(String),
    #[error("the old terminal {0} is online: it can settle what it owes itself")]
    OldAnswers(String),
    #[error("nothing is listed that the old terminal may still owe")]
    NothingListed,
    #[error("{name} asks for it, and cannot answer for it too")]
    SamePerson { name: String },
    #[error("unit {0} has not enrolled by the claim of this replacement")]
    NotEnrolled(String),
    #[error("the new terminal is to be restored, and {0} has not succeeded there")]
    NotRestored(CampaignId),
    #[error("nobody has found in order: {}", .0.join(", "))]
    Unchecked(Vec<&'static str>),
    #[error("terminal {old} does not fill {position} any more")]
    PositionMoved { position: PositionId, old: TerminalId },
    #[error("the new terminal has not been heard since it went live")]
    NotHeard,
    #[error("the old unit {serial} is {state}")]
    OldNotBack { serial: String, state: UnitState },
}

impl Service {
    fn word(self) -> &'static str {
        match self {
            Self::InService => "it is in service",
            Self::Suspended => "it is suspended",
            Self::SuspendedOwing => "it is suspended, and not settled",
            Self::Erased => "it is erased",
        }
    }
}

impl ReplacementRefused {
    /// What to do about it, in the imperative.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::State(why) => why.hint(),
            Self::Moved { .. } => "look at it again, and decide again",
            Self::InAnother(_) => "close or cancel that one first: `tillward replace show`",
            Self::Request(why) => why.hint(),
            Self::Unit { why, .. } => why.hint(),
            Self::NoUnit(_) => "put it on the list first: `tillward unit add`",
            Self::OtherModel { .. } => "allocate a unit of that model, or ask anew for this one",
            Self::ApprovalExpired { .. } => "allocate a unit that may still be deployed",
            Self::SameUnit(_) => "allocate another one from stock",
            Self::Frozen(_) => "look into it: `tillward request suspicions`; two people lift it",
            Self::OldSells { .. } => {
                "suspend it: `tillward request new --kind suspend`, then `tillward deactivate \
                 suspend`; where it is dead `tillward replace old-unreachable`"
            }
            Self::OldOwes(_) => "let it settle first: `tillward deactivate settle`",
            Self::OldAnswers(_) => {
                "suspend it: `tillward request new --kind suspend`, then `tillward deactivate \
                 suspend`"
            }
            Self::NothingListed => {
                "close its batch at the provider, and list what is left; where nothing is, say so"
            }
            Self::SamePerson { .. } => "name whoever answers for it: somebody else",
            Self::NotEnrolled(_) => {
                "enrol it with the claim line; where that ran out make another with `tillward \
                 replace pair`"
            }
            Self::NotRestored(_) => "wait for its end, or look at it: `tillward campaign show`",
            Self::Unchecked(_) => {
                "have somebody try it, then name what works and what the unit has none of"
            }
            Self::PositionMoved { .. } => {
                "put the old terminal back into its position, or cancel and begin anew"
            }
            Self::NotHeard => "see that it connects: `tillward terminal show`",
            Self::OldNotBack { .. } => {
                "have it erased and returned: `tillward deactivate wipe`, `tillward unit move`"
            }
        }
    }
}

type Refused<T> = Result<T, ReplacementRefused>;

/// What becomes of it. Who, why and when are written into it; what else has to change with it (the
/// units, the position, the claim) is for the registry, in the same transaction.
pub fn advance(
    it: &Replacement,
    said: &Said,
    seen: Option<ReplacementState>,
    facts: &Facts,
    by: &By,
) -> Refused<Replacement> {
    if let Some(expected) = seen.filter(|seen| *seen != it.state) {
        return Err(ReplacementRefused::Moved { expected, found: it.state });
    }
    let event = match (&facts.difference, said) {
        (Some(_), Said::Receive { .. }) => ReplacementEvent::Suspect,
        (Some(_) | None, said) => said.event(),
    };
    let state = step(it.state, event)?;
    if event != ReplacementEvent::Cancel {
        requested(facts.request)?;
    }
    let mut after = it.clone();
    let progress = &mut after.progress;
    match said {
        Said::Allocate { serial } => {
            may_allocate(it, serial, facts, by)?;
            progress.unit = Some(serial.clone());
        }
        Said::Ship(parcel) => progress.parcel = Some(parcel.clone()),
        Said::Receive { .. } => progress.difference.clone_from(&facts.difference),
        Said::SettleOld => {
            settled(facts)?;
            progress.unsettled = None;
        }
        Said::GiveUpOld(unsettled) => {
            given_up(facts, &unsettled.items, &unsettled.accepted_by, by)?;
            progress.unsettled = Some(unsettled.clone());
        }
        Said::Pair { .. } => not_frozen(&[Some(&facts.old), facts.new.as_ref()])?,
        Said::Provision => {
            let new = enrolled(it, facts)?;
            if let Some(campaign) = facts.unrestored {
                return Err(ReplacementRefused::NotRestored(campaign));
            }
            progress.new = Some(new.id);
        }
        Said::Commission(found) => {
            enrolled(it, facts)?;
            let open = found.open();
            if !open.is_empty() {
                return Err(ReplacementRefused::Unchecked(open));
            }
            progress.commissioned = Some(found.clone());
        }
        Said::GoLive => {
            may_go_live(it, facts)?;
            progress.live_at = Some(by.at);
        }
        Said::Watch => {
            let heard = enrolled(it, facts)?.last_seen_at;
            if heard.zip(it.progress.live_at).is_none_or(|(heard, live)| heard <= live) {
                return Err(ReplacementRefused::NotHeard);
            }
        }
        Said::Close => gone(it, facts)?,
        Said::Cancel => {}
    }
    (after.state, after.state_at) = (state, by.at);
    (after.state_by, after.state_why) = (by.who.clone(), by.why.clone());
    Ok(after)
}

/// A replacement goes on while its request does.
fn requested(state: RequestState) -> Refused<()> {
    match state {
        RequestState::Scheduled => Ok(()),
        RequestState::Frozen => Err(RequestRefused::Frozen.into()),
        RequestState::Requested
        | RequestState::Verified
        | RequestState::Accepted
        | RequestState::Closed
        | RequestState::Rejected
        | RequestState::Cancelled => Err(RequestRefused::NotAccepted.into()),
    }
}

fn may_allocate(it: &Replacement, serial: &str, facts: &Facts, by: &By) -> Refused<()> {
    let unit = facts.unit.as_ref();
    let unit = unit.ok_or_else(|| ReplacementRefused::NoUnit(serial.to_owned()))?;
    if serial == it.form.old_serial {
        return Err(ReplacementRefused::SameUnit(serial.to_owned()));
    }
    let (found, wanted) = (&unit.about.model, &it.form.new_model);
    if found != wanted {
        let (serial, found, wanted) = (serial.to_owned(), found.clone(), wanted.clone());
        return Err(ReplacementRefused::OtherModel { serial, found, wanted });
    }
    match unit.about.pts_expires_on.filter(|day| *day < Day::of(by.at)) {
        Some(day) => Err(ReplacementRefused::ApprovalExpired { serial: serial.to_owned(), day }),
        None => Ok(()),
    }
}

/// By its own signed word; nothing else counts.
fn settled(facts: &Facts) -> Refused<()> {
    match facts.old.service {
        Service::Suspended => Ok(()),
        Service::SuspendedOwing => Err(ReplacementRefused::OldOwes(facts.old.serial.clone())),
        service @ (Service::InService | Service::Erased) => {
            Err(ReplacementRefused::OldSells { serial: facts.old.serial.clone(), service })
        }
    }
}

fn given_up(facts: &Facts, items: &[String], accepted_by: &str, by: &By) -> Refused<()> {
    if facts.old.presence == Presence::Online {
        return Err(ReplacementRefused::OldAnswers(facts.old.serial.clone()));
    }
    let is_said = |it: &String| !it.trim().is_empty() && it.len() <= TEXT_BYTES_MAX;
    if items.is_empty() || items.len() > UNSETTLED_MAX || !items.iter().all(is_said) {
        return Err(ReplacementRefused::NothingListed);
    }
    let asks = [by.who.as_str(), facts.requester.as_str()];
    if accepted_by.trim().is_empty() || asks.iter().any(|who| is_same_person(who, accepted_by)) {
        return Err(ReplacementRefused::SamePerson { name: accepted_by.to_owned() });
    }
    Ok(())
}

fn not_frozen(terminals: &[Option<&Terminal>]) -> Refused<()> {
    match terminals.iter().copied().flatten().find(|it| it.is_frozen) {
        Some(it) => Err(ReplacementRefused::Frozen(it.serial.clone())),
        None => Ok(()),
    }
}

fn enrolled<'a>(it: &Replacement, facts: &'a Facts) -> Refused<&'a Terminal> {
    let serial = || it.progress.unit.clone().unwrap_or_default();
    let new = facts.new.as_ref().ok_or_else(|| ReplacementRefused::NotEnrolled(serial()))?;
    not_frozen(&[Some(new)])?;
    Ok(new)
}

/// Never two in service at one position, and none without the old one settled or given up.
fn may_go_live(it: &Replacement, facts: &Facts) -> Refused<()> {
    enrolled(it, facts)?;
    not_frozen(&[Some(&facts.old)])?;
    let is_erased = facts.old.service == Service::Erased;
    if it.progress.unsettled.is_none() && !is_erased {
        settled(facts)?;
    } else if facts.old.service == Service::InService && facts.old.presence == Presence::Online {
        // It was dead, and sells again.
        return Err(ReplacementRefused::OldAnswers(facts.old.serial.clone()));
    }
    match facts.holder == Some(it.old) {
        true => Ok(()),
        false => Err(ReplacementRefused::PositionMoved { position: it.position, old: it.old }),
    }
}

/// Whether the old unit has left the shop, as far as the list of units knows it.
fn gone(it: &Replacement, facts: &Facts) -> Refused<()> {
    use UnitState as At;
    match facts.old_unit {
        None
        | Some(
            At::InStock
            | At::OutForRepair
            | At::Returned
            | At::Disposed
            | At::Tampered
            | At::LostStolen,
        ) => Ok(()),
        Some(
            state @ (At::Allocated
            | At::InTransit
            | At::AtSite
            | At::InService
            | At::Suspended
            | At::AwaitingReturn
            | At::SwappedOut),
        ) => {
            let serial = it.form.old_serial.clone();
            Err(ReplacementRefused::OldNotBack { serial, state })
        }
    }
}

#[cfg(test)]
mod tests;
