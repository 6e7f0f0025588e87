//! Units in the words of the API.

use shared::time::UnixTime;

use super::super::model::{
    NewUnitInspection, Unit, UnitHistory, UnitInspected, UnitInspection, UnitRemains, UnitSaid,
    UnitSanitisation, UnitSanitised,
};
use crate::unit::custody::UnitMove;
use crate::unit::inspection::{
    Connections, Inspection, NewInspection, SealSeen, SerialSeen, Surface,
};
use crate::unit::record as stored;
use crate::unit::remains::{Facts, Remains};

fn reason(why: String) -> Option<String> {
    Some(why).filter(|why| !why.is_empty())
}

pub(super) fn unit(it: stored::Unit, now: UnixTime) -> Unit {
    let inspection_due_at = it.inspection_due_at();
    let inspected =
        it.inspected.map(|it| UnitInspected { at: it.at, by: it.by, verdict: it.verdict });
    Unit {
        about: it.about,
        state: it.state,
        state_at: it.state_at,
        state_by: it.state_by,
        state_reason: reason(it.state_why),
        position: it.position,
        inspected,
        inspection_due_at,
        is_inspection_due: inspection_due_at.is_some_and(|at| at <= now),
        created_at: it.created_at,
        created_by: it.created_by,
    }
}

fn seal(seen: SealSeen) -> (Option<String>, bool) {
    match seen {
        SealSeen::Unsaid => (None, false),
        SealSeen::Missing => (None, true),
        SealSeen::Reads(seal) => (Some(seal), false),
    }
}

pub(super) fn event(it: UnitMove) -> UnitHistory {
    let step = it.step;
    let (seal, seal_missing) = seal(step.seal);
    UnitHistory {
        number: it.number,
        event: step.event,
        from: it.from,
        to: it.to,
        at: it.at,
        by: it.by,
        reason: reason(it.why),
        said: UnitSaid {
            custodian: step.custodian,
            seal,
            seal_missing,
            serial: step.serial,
            store: step.store,
            position: step.position,
            courier: step.courier,
            tracking: step.tracking,
            firmware: step.firmware,
            accessories: step.accessories,
            condition: step.condition,
            photos: step.photos,
            note: step.note,
        },
    }
}

pub(super) fn found(asked: NewUnitInspection, seal: SealSeen) -> NewInspection {
    NewInspection {
        technician: asked.technician,
        seal,
        surface: if asked.surface_ok { Surface::Untouched } else { Surface::Marked },
        connections: match asked.connections_ok {
            true => Connections::AsExpected,
            false => Connections::Other,
        },
        serial: if asked.serial_confirmed { SerialSeen::Confirmed } else { SerialSeen::Other },
        firmware: asked.firmware,
        photos: asked.photos,
        note: asked.note,
    }
}

pub(super) fn inspection(it: Inspection) -> UnitInspection {
    let found = it.found;
    let (seal, seal_missing) = seal(found.seal);
    UnitInspection {
        number: it.number,
        at: it.at,
        by: it.by,
        verdict: it.verdict,
        found: NewUnitInspection {
            technician: found.technician,
            seal,
            seal_missing,
            surface_ok: found.surface == Surface::Untouched,
            connections_ok: found.connections == Connections::AsExpected,
            serial_confirmed: found.serial == SerialSeen::Confirmed,
            firmware: found.firmware,
            photos: found.photos,
            note: found.note,
        },
    }
}

pub(super) fn sanitisation(known: Facts) -> UnitSanitisation {
    let (remains, left) = match known.remains() {
        Remains::Nothing => (UnitRemains::Nothing, None),
        Remains::Erased { .. } => (UnitRemains::Erased, None),
        Remains::Sanitised { .. } => (UnitRemains::Sanitised, None),
        Remains::Left(left) => (UnitRemains::Left, Some(left)),
    };
    let said = known.words.iter().map(|word| UnitSanitised {
        reference: word.said.reference.clone(),
        paper: word.said.paper,
        at: word.at,
        by: word.by.clone(),
        reason: reason(word.why.clone()),
        counts: known.counts(word),
    });
    UnitSanitisation {
        remains,
        detail: left.map(|left| left.detail().to_owned()),
        hint: left.map(|left| left.hint().to_owned()),
        certificate: known.certificate.map(|(digest, _)| digest),
        said: said.collect(),
    }
}
