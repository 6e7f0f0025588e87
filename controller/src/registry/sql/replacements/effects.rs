//! What happens to units, positions, claims and requests when a replacement goes on.

use super::super::session::{Transaction, code, maybe_text, text};
use super::super::{audit, claims, code::ClaimWord, positions, requests, units};
use crate::position::{PositionEvent, PositionState};
use crate::registry::RegistryError;
use crate::registry::audit::By;
use crate::registry::replacement::ReplacementStep;
use crate::replacement::advance::Facts;
use crate::replacement::record::{Replacement, Said};
use crate::replacement::refused::ReplacementRefused;
use crate::request::{RequestEvent, RequestState};
use crate::unit::custody::{self, UnitStep};
use crate::unit::inspection::SealSeen;
use crate::unit::{UnitEvent, UnitRefused, UnitState};

type Result<T> = std::result::Result<T, RegistryError>;

/// What is said about the unit where it is received.
pub(super) fn received(said: &Said, store: &str) -> Option<UnitStep> {
    let Said::Receive { serial, seal, seal_missing, custodian } = said else { return None };
    let seal = match (seal, seal_missing) {
        (Some(seal), _) => SealSeen::Reads(seal.clone()),
        (None, true) => SealSeen::Missing,
        (None, false) => SealSeen::Unsaid,
    };
    Some(UnitStep {
        serial: Some(serial.clone()),
        seal,
        custodian: custodian.clone(),
        store: Some(store.to_owned()),
        ..UnitStep::plain(UnitEvent::Receive)
    })
}

/// What happens to the new unit, if anything.
async fn on_new_unit(
    tx: &mut Transaction,
    it: &Replacement,
    said: &Said,
    state: Option<UnitState>,
) -> Result<Option<UnitStep>> {
    let position = Some(it.position);
    Ok(match said {
        Said::Allocate { .. } => {
            Some(UnitStep { position, ..UnitStep::plain(UnitEvent::Allocate) })
        }
        Said::Ship(parcel) => Some(UnitStep {
            courier: Some(parcel.courier.clone()),
            tracking: Some(parcel.tracking.clone()),
            seal: parcel.seal.clone().map_or(SealSeen::Unsaid, SealSeen::Reads),
            ..UnitStep::plain(UnitEvent::Ship)
        }),
        Said::Receive { .. } => received(said, &positions::known(tx, it.position).await?.store),
        Said::GoLive { .. } => {
            Some(UnitStep { position, ..UnitStep::plain(UnitEvent::Commission) })
        }
        // Where it is on a shelf or on its way, somebody has to count what comes back.
        Said::Cancel if state == Some(UnitState::AtSite) => {
            Some(UnitStep::plain(UnitEvent::AwaitReturn))
        }
        Said::Cancel
        | Said::SettleOld
        | Said::GiveUpOld(_)
        | Said::Pair { .. }
        | Said::Provision { .. }
        | Said::Commission(_)
        | Said::Watch
        | Said::AcceptTrouble { .. }
        | Said::Close => None,
    })
}

/// Whether the units let it happen.
pub(super) async fn may_happen(
    tx: &mut Transaction,
    it: &Replacement,
    step: &ReplacementStep,
    facts: &Facts,
) -> Result<std::result::Result<(), ReplacementRefused>> {
    let state = facts.unit.as_ref().map(|unit| unit.state);
    if let Some(said) = on_new_unit(tx, it, &step.said, state).await? {
        let serial = it.progress.unit.clone().unwrap_or_default();
        let Some(unit) = &facts.unit else { return Ok(Err(ReplacementRefused::NoUnit(serial))) };
        let remains = units::remains::of(tx, unit).await?;
        if let Err(why) = custody::decide(unit, &said, &remains) {
            let serial = unit.about.serial.clone();
            return Ok(Err(ReplacementRefused::Unit { serial, why }));
        }
    }
    if !matches!(step.said, Said::GoLive { .. }) {
        return Ok(Ok(()));
    }
    let old = &it.form.old_serial;
    if let Some(unit) = units::by_serial(tx, old).await?
        && !has_left_service(unit.state)
    {
        let remains = units::remains::of(tx, &unit).await?;
        let swapped = UnitStep::plain(UnitEvent::SwapOut);
        if let Err(why) = custody::decide(&unit, &swapped, &remains) {
            return Ok(Err(ReplacementRefused::Unit { serial: old.clone(), why }));
        }
    }
    let taken = "SELECT serial FROM units
         WHERE position = $1 AND state = 'in-service' AND serial <> $2 LIMIT 1";
    if let Some(mut row) = tx.row(taken, vec![text(it.position), text(old)]).await? {
        let by = row.text()?;
        let serial = it.progress.unit.clone().unwrap_or_default();
        let why = UnitRefused::PositionTaken { by };
        return Ok(Err(ReplacementRefused::Unit { serial, why }));
    }
    Ok(Ok(()))
}

/// Whether the old unit serves nowhere any more, by whichever way: it stays where the list says.
fn has_left_service(state: UnitState) -> bool {
    match state {
        UnitState::SwappedOut
        | UnitState::OutForRepair
        | UnitState::AwaitingReturn
        | UnitState::Returned
        | UnitState::InStock
        | UnitState::Disposed
        | UnitState::Tampered
        | UnitState::LostStolen => true,
        UnitState::Allocated
        | UnitState::InTransit
        | UnitState::AtSite
        | UnitState::InService
        | UnitState::Suspended => false,
    }
}

/// All of it was found possible; what turns out not to be undoes everything.
pub(super) async fn happen(
    tx: &mut Transaction,
    before: &Replacement,
    mut after: Replacement,
    step: &ReplacementStep,
    by: &By,
) -> Result<Replacement> {
    if matches!(step.said, Said::GoLive { .. }) {
        swap(tx, before, by).await?;
    }
    if let Some(serial) = after.progress.unit.clone() {
        let state = units::by_serial(tx, &serial).await?.map(|unit| unit.state);
        if let Some(said) = on_new_unit(tx, before, &step.said, state).await? {
            undone(units::move_on(tx, &serial, &said, by).await?)?;
        }
    }
    match &step.said {
        Said::Pair { .. } => {
            let claim = step.claim.as_ref().ok_or(RegistryError::Contended)?;
            after.progress.claim = Some(claims::add(tx, claim, by).await?.id);
        }
        Said::Close => end_request(tx, before, RequestEvent::Close, by).await?,
        Said::Cancel => {
            close_claim(tx, before).await?;
            end_request(tx, before, RequestEvent::Unschedule, by).await?;
        }
        Said::Allocate { .. }
        | Said::Ship(_)
        | Said::Receive { .. }
        | Said::SettleOld
        | Said::GiveUpOld(_)
        | Said::Provision { .. }
        | Said::Commission(_)
        | Said::GoLive { .. }
        | Said::Watch
        | Said::AcceptTrouble { .. } => {}
    }
    Ok(after)
}

fn undone<T>(moved: std::result::Result<T, UnitRefused>) -> Result<T> {
    moved.map_err(|_| RegistryError::Contended)
}

/// The position, and with it all that it is bound to, is the new terminal's from now on.
async fn swap(tx: &mut Transaction, it: &Replacement, by: &By) -> Result<()> {
    let new = it.progress.new.ok_or(RegistryError::Contended)?;
    let position = positions::known(tx, it.position).await?;
    let old = units::by_serial(tx, &it.form.old_serial).await?;
    if old.is_some_and(|unit| !has_left_service(unit.state)) {
        undone(units::step_unit(tx, &it.form.old_serial, UnitEvent::SwapOut, by).await?)?;
    }
    let update = "UPDATE terminals SET lane = $2 WHERE id = $1";
    tx.execute(update, vec![text(it.old), maybe_text(None::<&str>)]).await?;
    let update = "UPDATE terminals SET store = $2, lane = $3 WHERE id = $1";
    let values = vec![text(new), text(&position.store), text(&position.lane)];
    tx.execute(update, values).await?;
    positions::vacate_of(tx, it.old, by.at).await?;
    positions::vacate_of(tx, new, by.at).await?;
    positions::write(tx, it.position, PositionState::Occupied, Some(new), by.at).await?;
    audit::append(tx, by, PositionEvent::Fill.audited_as(), it.position).await
}

/// The new unit may not enrol any more, if it has not.
async fn close_claim(tx: &mut Transaction, it: &Replacement) -> Result<()> {
    let Some(claim) = it.progress.claim else { return Ok(()) };
    let update = "UPDATE claims SET state = $2 WHERE id = $1 AND state = $3";
    let values = vec![text(claim), code(ClaimWord::Replaced), code(ClaimWord::Open)];
    tx.execute(update, values).await?;
    Ok(())
}

/// A request that people froze or ended meanwhile stays as they left it.
async fn end_request(
    tx: &mut Transaction,
    it: &Replacement,
    event: RequestEvent,
    by: &By,
) -> Result<()> {
    let mut request = requests::known(tx, it.request).await?;
    if request.state == RequestState::Scheduled {
        request.state = request.step(event).map_err(|_| RegistryError::Contended)?;
        requests::put(tx, &request, event, by).await?;
    }
    Ok(())
}
