//! Whether a replacement goes on as somebody says, and what it is then. Pure.

use shared::digest::Digest;
use shared::id::{CampaignId, TerminalId};
use shared::limits::TEXT_BYTES_MAX;
use shared::time::UnixTime;

use super::record::{AcceptedTrouble, LastBackup, Replacement, Said, UNSETTLED_MAX, Unsettled};
use super::refused::ReplacementRefused;
use super::watch;
use super::{ReplacementEvent, ReplacementState, step};
use crate::provider::day::Day;
use crate::registry::audit::By;
use crate::registry::terminal::{Presence, Service, Terminal, Unit as Life};
use crate::request::{RequestRefused, RequestState, is_same_person};
use crate::unit::UnitState;
use crate::unit::record::Unit;

/// What is known when somebody wants it to go on.
#[derive(Clone, Debug)]
pub struct Facts {
    pub request: RequestState,
    /// Who asked for it, by name.
    pub requester: String,
    pub old: Terminal,
    /// What is on the list of units about the old one, if it is on it.
    pub old_unit: Option<UnitState>,
    /// The campaign by which the old one may sell again before long, or does so unheard.
    pub resuming: Option<CampaignId>,
    /// Which terminal fills the position now.
    pub holder: Option<TerminalId>,
    /// The new unit: the one that is named, or that was allocated.
    pub unit: Option<Unit>,
    /// The terminal that the new unit is, once it has enrolled by this replacement's claim.
    pub new: Option<Terminal>,
    /// The newest verified snapshot of the old one.
    pub saved: Option<LastBackup>,
    pub restored: Restored,
    /// Payments in the data of the new terminal: by its newest snapshot, or what was restored.
    pub counted: u64,
    /// Of the new terminal, that are open, in words.
    pub alarms: Vec<String>,
    /// How what was received differs from what was sent.
    pub difference: Option<String>,
}

/// What has become of the newest restore onto the new terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restored {
    /// Nobody asked for one.
    Nothing,
    /// It has not succeeded, or not yet.
    Open(CampaignId),
    /// The manifest of what is there now.
    Done(Digest),
}

type Refused<T> = Result<T, ReplacementRefused>;

/// What becomes of it, and by which event. Who, why and when are written into it; what else has to
/// change with it (the units, the position, the claim) is for the registry, in the same
/// transaction.
pub fn advance(
    it: &Replacement,
    said: &Said,
    seen: Option<ReplacementState>,
    facts: &Facts,
    by: &By,
) -> Refused<(Replacement, ReplacementEvent)> {
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
            (progress.unsettled, progress.last_backup) = (None, None);
        }
        Said::GiveUpOld(unsettled) => {
            given_up(facts, unsettled, by)?;
            progress.unsettled = Some(unsettled.clone());
            progress.last_backup = facts.saved;
        }
        Said::Pair { .. } => {
            old_not_frozen(&facts.old)?;
            not_frozen(&[facts.new.as_ref()])?;
        }
        Said::Provision { nothing_to_restore } => {
            let new = enrolled(it, facts)?;
            progress.restored = restored(&new.serial, facts.restored, *nothing_to_restore)?;
            progress.new = Some(new.id);
        }
        Said::Commission(found) => {
            let new = enrolled(it, facts)?;
            let open = found.open();
            if !open.is_empty() {
                return Err(ReplacementRefused::Unchecked(open));
            }
            if found.tested.trim().is_empty() {
                return Err(ReplacementRefused::NotTested(new.serial.clone()));
            }
            progress.commissioned = Some(found.clone());
        }
        Said::GoLive { watch } => {
            may_go_live(it, facts)?;
            if !(1..=watch::WATCHED_FOR_S_MAX).contains(&watch.for_s) {
                return Err(ReplacementRefused::WatchTooLong);
            }
            progress.live_at = Some(by.at);
            (progress.watch, progress.counted) = (Some(*watch), Some(facts.counted));
        }
        Said::Watch => {
            let heard = enrolled(it, facts)?.last_seen_at;
            if heard.zip(it.progress.live_at).is_none_or(|(heard, live)| heard <= live) {
                return Err(ReplacementRefused::NotHeard);
            }
        }
        Said::AcceptTrouble { accepted_by } => {
            progress.accepted = Some(accepted(it, facts, accepted_by, by)?);
        }
        Said::Close => may_close(it, facts, by.at)?,
        Said::Cancel => {}
    }
    (after.state, after.state_at) = (state, by.at);
    (after.state_by, after.state_why) = (by.who.clone(), by.why.clone());
    Ok((after, event))
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

fn given_up(facts: &Facts, unsettled: &Unsettled, by: &By) -> Refused<()> {
    let Unsettled { items, closed_at_host, without_backup, accepted_by } = unsettled;
    if facts.old.presence == Presence::Online {
        return Err(ReplacementRefused::OldAnswers(facts.old.serial.clone()));
    }
    let is_said = |it: &String| !it.trim().is_empty() && it.len() <= TEXT_BYTES_MAX;
    if items.is_empty() || items.len() > UNSETTLED_MAX || !items.iter().all(is_said) {
        return Err(ReplacementRefused::NothingListed);
    }
    if closed_at_host.trim().is_empty() {
        return Err(ReplacementRefused::NotClosedAtHost);
    }
    if facts.saved.is_none() && !without_backup {
        return Err(ReplacementRefused::NoBackup(facts.old.serial.clone()));
    }
    somebody_else(accepted_by, facts, by)
}

fn somebody_else(name: &str, facts: &Facts, by: &By) -> Refused<()> {
    let asks = [by.who.as_str(), facts.requester.as_str()];
    if name.trim().is_empty() || asks.iter().any(|who| is_same_person(who, name)) {
        return Err(ReplacementRefused::SamePerson { name: name.to_owned() });
    }
    Ok(())
}

/// What is wrong with the new terminal now, and nothing that comes later.
fn accepted(it: &Replacement, facts: &Facts, name: &str, by: &By) -> Refused<AcceptedTrouble> {
    somebody_else(name, facts, by)?;
    let trouble = watch::look(it, facts, by.at).map(|it| it.trouble).unwrap_or_default();
    if trouble.is_empty() {
        return Err(ReplacementRefused::NoTrouble);
    }
    Ok(AcceptedTrouble { trouble, accepted_by: name.to_owned() })
}

fn not_frozen(terminals: &[Option<&Terminal>]) -> Refused<()> {
    match terminals.iter().copied().flatten().find(|it| it.is_frozen) {
        Some(it) => Err(ReplacementRefused::Frozen(it.serial.clone())),
        None => Ok(()),
    }
}

/// What was tampered with or is lost raises a suspicion of its own terminal: once people have
/// revoked that, or ordered it to be emptied as such, only a suspicion of its place holds the new
/// one up.
fn old_not_frozen(old: &Terminal) -> Refused<()> {
    let is_given_up = old.unit == Life::Revoked || old.is_quarantined;
    match if is_given_up { old.is_place_frozen } else { old.is_frozen } {
        true => Err(ReplacementRefused::Frozen(old.serial.clone())),
        false => Ok(()),
    }
}

fn enrolled<'a>(it: &Replacement, facts: &'a Facts) -> Refused<&'a Terminal> {
    let serial = || it.progress.unit.clone().unwrap_or_default();
    let new = facts.new.as_ref().ok_or_else(|| ReplacementRefused::NotEnrolled(serial()))?;
    not_frozen(&[Some(new)])?;
    Ok(new)
}

/// Whether the new terminal is there to sell: what has stood still since it was tried on site would
/// leave the place with nobody who does.
fn sells(new: &Terminal) -> Refused<()> {
    if new.service != Service::InService {
        let (serial, service) = (new.serial.clone(), new.service);
        return Err(ReplacementRefused::NewStandsStill { serial, service });
    }
    match new.is_quarantined {
        true => Err(ReplacementRefused::NewQuarantined(new.serial.clone())),
        false => Ok(()),
    }
}

/// What is there of the old terminal's data: configuration is restored, keys never are.
fn restored(serial: &str, found: Restored, is_nothing_meant: bool) -> Refused<Option<Digest>> {
    match (found, is_nothing_meant) {
        (Restored::Done(manifest), _) => Ok(Some(manifest)),
        (Restored::Open(campaign), _) => Err(ReplacementRefused::NotRestored(campaign)),
        (Restored::Nothing, true) => Ok(None),
        (Restored::Nothing, false) => Err(ReplacementRefused::NothingRestored(serial.to_owned())),
    }
}

/// Never two in service at one position, and none without the old one settled or given up.
fn may_go_live(it: &Replacement, facts: &Facts) -> Refused<()> {
    sells(enrolled(it, facts)?)?;
    old_not_frozen(&facts.old)?;
    if let Some(campaign) = facts.resuming {
        let serial = facts.old.serial.clone();
        return Err(ReplacementRefused::OldResumes { serial, campaign });
    }
    let is_erased = facts.old.service == Service::Erased;
    if it.progress.unsettled.is_none() && !is_erased {
        settled(facts)?;
    } else if facts.old.service == Service::InService && facts.old.presence == Presence::Online {
        // It was dead, and sells again.
        return Err(ReplacementRefused::OldAnswers(facts.old.serial.clone()));
    }
    // A revoked terminal has left its position, which is vacant until the swap.
    let is_vacated = facts.holder.is_none() && facts.old.unit == Life::Revoked;
    match facts.holder == Some(it.old) || is_vacated {
        true => Ok(()),
        false => Err(ReplacementRefused::PositionMoved { position: it.position, old: it.old }),
    }
}

/// The new one has proven itself, and the old one is erased and gone.
fn may_close(it: &Replacement, facts: &Facts, now: UnixTime) -> Refused<()> {
    if let Some(watched) = watch::look(it, facts, now).filter(|it| !it.is_over) {
        let payments = watched.payments_wanted.saturating_sub(watched.payments);
        if !watched.unanswered.is_empty() && (payments == 0 || now >= watched.until) {
            return Err(ReplacementRefused::Trouble(watched.unanswered));
        }
        return Err(ReplacementRefused::StillWatched { until: watched.until, payments });
    }
    // What is dead can sign nothing: whoever gave it up answers for it. Nor can what is gone.
    let is_gone = matches!(facts.old_unit, Some(UnitState::Disposed | UnitState::LostStolen));
    let is_answered_for = it.progress.unsettled.is_some() || is_gone;
    if facts.old.service != Service::Erased && !is_answered_for {
        return Err(ReplacementRefused::OldNotErased(facts.old.serial.clone()));
    }
    gone(it, facts)
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
pub(super) mod tests;
