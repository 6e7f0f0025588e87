//! A unit passes from hand to hand: what must be said with it, and what it comes to. Pure.

use shared::digest::Digest;
use shared::id::PositionId;
use shared::time::UnixTime;

use super::inspection::{SealSeen, joined, seal_difference};
use super::record::{Accessory, Condition, Unit};
use super::remains::{self, Remains};
use super::{UnitEvent, UnitRefused, UnitState, step};

/// Something that happens to a unit, and what is said with it; what is `None` stays as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitStep {
    pub event: UnitEvent,
    /// The state in which whoever decides has seen it.
    pub seen: Option<UnitState>,
    /// Who answers for it from now on.
    pub custodian: Option<String>,
    /// As it was applied or, by who receives the unit, as it was found.
    pub seal: SealSeen,
    /// As who receives the unit reads it on the unit.
    pub serial: Option<String>,
    pub store: Option<String>,
    pub position: Option<PositionId>,
    pub courier: Option<String>,
    pub tracking: Option<String>,
    pub firmware: Option<String>,
    /// Those that are there.
    pub accessories: Option<Vec<Accessory>>,
    pub condition: Option<Condition>,
    pub photos: Vec<Digest>,
    pub note: Option<String>,
}

impl UnitStep {
    /// Nothing is said with it.
    pub fn plain(event: UnitEvent) -> Self {
        Self {
            event,
            seen: None,
            custodian: None,
            seal: SealSeen::Unsaid,
            serial: None,
            store: None,
            position: None,
            courier: None,
            tracking: None,
            firmware: None,
            accessories: None,
            condition: None,
            photos: Vec::new(),
            note: None,
        }
    }
}

/// One step of a unit, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitMove {
    /// Of its unit, from 1.
    pub number: u64,
    pub step: UnitStep,
    pub from: UnitState,
    pub to: UnitState,
    pub by: String,
    pub why: String,
    pub at: UnixTime,
}

/// What a step comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// The unit afterwards.
    pub unit: Unit,
    /// How it differs from its record: it may be another unit, and is frozen.
    pub difference: Option<String>,
}

/// What an event does with a seal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sealing {
    /// It is held against the record.
    Compared,
    /// The same, by who looks at it: what is back at the depot may be without one.
    ComparedIfSaid,
    /// A new one may be applied.
    Applied,
    Untouched,
}

fn sealing(event: UnitEvent) -> Sealing {
    use UnitEvent as On;
    match event {
        On::Receive => Sealing::Compared,
        On::Return => Sealing::ComparedIfSaid,
        On::Allocate
        | On::Ship
        | On::SendForRepair
        | On::BackFromRepair
        | On::BackInPlace
        | On::AwaitReturn
        | On::Restock => Sealing::Applied,
        On::Commission
        | On::Suspend
        | On::Resume
        | On::SwapOut
        | On::Dispose
        | On::ReportTampered
        | On::ReportLost
        | On::Found => Sealing::Untouched,
    }
}

/// Whether it stands in no lane afterwards. What was tampered with has no way back there.
fn leaves_its_lane(state: UnitState, event: UnitEvent) -> bool {
    use UnitEvent as On;
    match event {
        On::SendForRepair => state != UnitState::Suspended,
        On::BackFromRepair
        | On::SwapOut
        | On::AwaitReturn
        | On::Return
        | On::Restock
        | On::Dispose
        | On::Found => true,
        On::Allocate
        | On::Ship
        | On::Receive
        | On::Commission
        | On::Suspend
        | On::Resume
        | On::BackInPlace
        | On::ReportTampered
        | On::ReportLost => false,
    }
}

/// What the step comes to; who, why and when are for the caller to write into it. `remains`: what
/// its shop left on it.
pub fn decide(unit: &Unit, said: &UnitStep, remains: &Remains) -> Result<Decided, UnitRefused> {
    if let Some(expected) = said.seen.filter(|seen| *seen != unit.state) {
        return Err(UnitRefused::Moved { expected, found: unit.state });
    }
    let to = step(unit.state, said.event)?;
    // What serves already is put on the list like everything else, and goes from there to its
    // place.
    let is_taken_over = said.event == UnitEvent::Allocate && unit.state_at == unit.created_at;
    if !is_taken_over {
        remains::check(unit.state, said.event, remains)?;
    }
    if said.event == UnitEvent::BackInPlace {
        in_place(unit, said, remains)?;
    }
    let mut after = unit.clone();
    let difference = look(unit, said, &mut after)?;
    if let Some(accessories) = &said.accessories {
        after.about.accessories.clone_from(accessories);
    }
    after.about.condition = said.condition.unwrap_or(unit.about.condition);
    let is_graded = said.accessories.is_some() && said.condition.is_some();
    if to == UnitState::Returned && !is_graded {
        return Err(UnitRefused::NotGraded);
    }
    if to == UnitState::InStock && after.about.condition == Condition::Damaged {
        return Err(UnitRefused::Damaged);
    }
    if leaves_its_lane(unit.state, said.event) {
        after.position = None;
    }
    after.position = said.position.or(after.position);
    if let Some(store) = &said.store {
        after.about.store.clone_from(store);
    }
    after.about.custodian = said.custodian.clone().or(after.about.custodian);
    after.about.firmware = said.firmware.clone().or(after.about.firmware);
    after.state = match difference {
        Some(_) => step(unit.state, UnitEvent::ReportTampered)?,
        None => to,
    };
    Ok(Decided { unit: after, difference })
}

/// What is not erased goes back to the lane from which it went to be repaired, and to no other.
fn in_place(unit: &Unit, said: &UnitStep, remains: &Remains) -> Result<(), UnitRefused> {
    let is_elsewhere = said.position.is_some_and(|it| Some(it) != unit.position)
        || said.store.as_ref().is_some_and(|it| *it != unit.about.store);
    if is_elsewhere {
        return Err(UnitRefused::NotInPlace("that is another place"));
    }
    if unit.position.is_none() {
        return Err(UnitRefused::NotInPlace("it stood in no lane when it went"));
    }
    match remains {
        Remains::Left(_) => Ok(()),
        Remains::Nothing | Remains::Erased { .. } | Remains::Sanitised { .. } => {
            Err(UnitRefused::NotInPlace("nothing is left on it with which it could sell"))
        }
    }
}

/// What is seen of seal and serial number, against the record.
fn look(unit: &Unit, said: &UnitStep, after: &mut Unit) -> Result<Option<String>, UnitRefused> {
    let sealing = sealing(said.event);
    let is_looked_at = said.serial.is_some() || said.seal != SealSeen::Unsaid;
    if (sealing == Sealing::Untouched && is_looked_at)
        || (sealing == Sealing::Applied && said.serial.is_some())
    {
        return Err(UnitRefused::NotLookedAt(said.event));
    }
    let difference = match sealing {
        Sealing::Compared | Sealing::ComparedIfSaid => {
            let serial = said.serial.as_ref().filter(|it| **it != unit.about.serial);
            let serial = serial.map(|it| format!("its serial number reads `{it}`"));
            let is_unsaid = sealing == Sealing::ComparedIfSaid && said.seal == SealSeen::Unsaid;
            let seal = if is_unsaid { None } else { seal_difference(unit, &said.seal)? };
            joined([serial, seal])
        }
        Sealing::Applied | Sealing::Untouched => None,
    };
    // The record keeps what the seal should be.
    if difference.is_none() {
        match &said.seal {
            SealSeen::Unsaid => {}
            SealSeen::Missing => after.about.seal = None,
            SealSeen::Reads(seal) => after.about.seal = Some(seal.clone()),
        }
    }
    Ok(difference)
}

#[cfg(test)]
mod tests;
