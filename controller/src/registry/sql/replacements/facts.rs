//! What a replacement is decided on.

use shared::change::Change;
use shared::id::{CampaignId, TerminalId};

use super::super::session::Transaction;
use super::super::{assignments, campaigns, claims, positions, requests, terminals, units};
use super::effects::received;
use crate::campaign::assignment::AssignmentState;
use crate::registry::RegistryError;
use crate::registry::page::Page;
use crate::registry::terminal::{ClaimState, Terminal, Unit as Life};
use crate::replacement::advance::{Facts, ReplacementRefused};
use crate::replacement::record::{Replacement, Said};
use crate::unit::custody;
use crate::unit::record::Unit;

type Result<T> = std::result::Result<T, RegistryError>;

/// What was asked of one terminal, of which the newest restore counts.
const ASSIGNMENTS_MAX: u32 = 200;

pub(super) async fn gather(
    tx: &mut Transaction,
    it: &Replacement,
    said: &Said,
) -> Result<std::result::Result<Facts, ReplacementRefused>> {
    let missing = || RegistryError::Missing { what: "terminal", which: it.old.to_string() };
    let old = terminals::by_id(tx, it.old).await?.ok_or_else(missing)?;
    let request = requests::known(tx, it.request).await?;
    let serial = match said {
        Said::Allocate { serial } => Some(serial),
        Said::Ship(_)
        | Said::Receive { .. }
        | Said::SettleOld
        | Said::GiveUpOld(_)
        | Said::Pair { .. }
        | Said::Provision
        | Said::Commission(_)
        | Said::GoLive
        | Said::Watch
        | Said::Close
        | Said::Cancel => it.progress.unit.as_ref(),
    };
    let unit = match serial {
        Some(serial) => units::by_serial(tx, serial).await?,
        None => None,
    };
    let difference = match difference(tx, it, unit.as_ref(), said).await? {
        Ok(difference) => difference,
        Err(refused) => return Ok(Err(refused)),
    };
    let new = enrolled(tx, it).await?;
    let unrestored = match &new {
        Some(new) => unrestored(tx, new.id).await?,
        None => None,
    };
    Ok(Ok(Facts {
        request: request.state,
        requester: request.asked.requester,
        old_unit: units::by_serial(tx, &it.form.old_serial).await?.map(|unit| unit.state),
        old,
        holder: positions::known(tx, it.position).await?.terminal,
        unit,
        new,
        unrestored,
        difference,
    }))
}

/// What was received against what was sent.
async fn difference(
    tx: &mut Transaction,
    it: &Replacement,
    unit: Option<&Unit>,
    said: &Said,
) -> Result<std::result::Result<Option<String>, ReplacementRefused>> {
    let store = positions::known(tx, it.position).await?.store;
    let Some((unit, step)) = unit.zip(received(said, &store)) else { return Ok(Ok(None)) };
    let remains = units::remains::of(tx, unit).await?;
    Ok(match custody::decide(unit, &step, &remains) {
        Ok(decided) => Ok(decided.difference),
        Err(why) => Err(ReplacementRefused::Unit { serial: unit.about.serial.clone(), why }),
    })
}

/// The new unit as a terminal: it used the claim that was made for it here, and is still enrolled.
async fn enrolled(tx: &mut Transaction, it: &Replacement) -> Result<Option<Terminal>> {
    let Some(claim) = it.progress.claim else { return Ok(None) };
    let Some(claim) = claims::by_id(tx, claim).await? else { return Ok(None) };
    let is_used = matches!(claim.state, ClaimState::Used { .. });
    let terminal = terminals::by_id(tx, claim.terminal).await?;
    Ok(terminal.filter(|terminal| is_used && terminal.unit == Life::Enrolled))
}

/// The newest restore onto it, unless it has succeeded.
async fn unrestored(tx: &mut Transaction, new: TerminalId) -> Result<Option<CampaignId>> {
    for assignment in assignments::on(tx, new, &Page::first(ASSIGNMENTS_MAX)).await? {
        let campaign = campaigns::known(tx, assignment.campaign).await?;
        if matches!(campaign.change, Change::Restore(_)) {
            let is_done = assignment.standing.state() == AssignmentState::Succeeded;
            return Ok((!is_done).then_some(assignment.campaign));
        }
    }
    Ok(None)
}
