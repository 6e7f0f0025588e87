//! What a replacement is decided on.

use shared::backup::DataClass;
use shared::change::Change;
use shared::document::Manifest;
use shared::id::TerminalId;
use shared::signature::Envelope;

use super::super::backup::snapshots;
use super::super::session::Transaction;
use super::super::{
    alarms, assignments, campaigns, claims, guards, positions, requests, terminals, units,
};
use super::effects::received;
use crate::campaign::assignment::AssignmentState;
use crate::registry::RegistryError;
use crate::registry::backup::snapshot::Snapshot;
use crate::registry::page::Page;
use crate::registry::terminal::{ClaimState, Terminal, Unit as Life};
use crate::replacement::advance::{Facts, Restored};
use crate::replacement::record::{LastBackup, Replacement, Said};
use crate::replacement::refused::ReplacementRefused;
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
    let old = terminals::known(tx, it.old).await?;
    let request = requests::known(tx, it.request).await?;
    let serial = match said {
        Said::Allocate { serial } => Some(serial),
        Said::Ship(_)
        | Said::Receive { .. }
        | Said::SettleOld
        | Said::GiveUpOld(_)
        | Said::Pair { .. }
        | Said::Provision { .. }
        | Said::Commission(_)
        | Said::GoLive { .. }
        | Said::Watch
        | Said::AcceptTrouble { .. }
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
    let (restored, counted, alarms) = match &new {
        Some(new) => {
            let restored = restored(tx, new.id).await?;
            (restored, counted(tx, new.id, restored).await?, alarms::open_of(tx, new.id).await?)
        }
        None => (Restored::Nothing, 0, Vec::new()),
    };
    Ok(Ok(Facts {
        request: request.state,
        requester: request.asked.requester,
        old_unit: units::by_serial(tx, &it.form.old_serial).await?.map(|unit| unit.state),
        old,
        resuming: guards::resuming(tx, it.old).await?,
        holder: positions::known(tx, it.position).await?.terminal,
        unit,
        new,
        saved: saved(tx, it.old).await?,
        restored,
        counted,
        alarms: alarms.into_iter().map(|it| format!("an alarm: {}", it.detail)).collect(),
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

async fn saved(tx: &mut Transaction, old: TerminalId) -> Result<Option<LastBackup>> {
    let newest = snapshots::newest(tx, old).await?.available;
    Ok(newest.map(|it| LastBackup { manifest: it.manifest, taken_at: it.taken_at }))
}

/// Payments in what was restored or saved last, whichever has more: a restore saves what is there
/// first, which counts nothing.
async fn counted(tx: &mut Transaction, new: TerminalId, restored: Restored) -> Result<u64> {
    let own = snapshots::newest(tx, new).await?.available.map(|it| it.manifest);
    let brought = match restored {
        Restored::Done(manifest) => Some(manifest),
        Restored::Nothing | Restored::Open(_) => None,
    };
    let mut most = 0;
    for manifest in own.into_iter().chain(brought) {
        if let Some(snapshot) = snapshots::by_manifest(tx, manifest).await? {
            most = most.max(payments(&snapshot)?);
        }
    }
    Ok(most)
}

fn payments(snapshot: &Snapshot) -> Result<u64> {
    let manifest = Envelope::<Manifest>::from_bytes(snapshot.signed.as_slice());
    let manifest = manifest.map_err(|error| RegistryError::Unreadable {
        what: "manifest",
        value: format!("{}: {error}", snapshot.manifest),
    })?;
    let sets = manifest.document.data_sets.into_iter();
    Ok(sets.filter(|set| set.class == DataClass::Transactions).map(|set| set.records).sum())
}

/// The newest restore onto it.
async fn restored(tx: &mut Transaction, new: TerminalId) -> Result<Restored> {
    for assignment in assignments::on(tx, new, &Page::first(ASSIGNMENTS_MAX)).await? {
        let campaign = campaigns::known(tx, assignment.campaign).await?;
        if let Change::Restore(restore) = &campaign.change {
            let is_done = assignment.standing.state() == AssignmentState::Succeeded;
            return Ok(match is_done {
                true => Restored::Done(restore.of.manifest),
                false => Restored::Open(assignment.campaign),
            });
        }
    }
    Ok(Restored::Nothing)
}
