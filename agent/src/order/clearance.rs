//! Whether a wipe means this terminal as it is now, and whether what must come before it is so by
//! the terminal's own books.

use shared::change::Decommission;
use shared::codec;
use shared::document::Clearance;
use shared::document::clearance::CLEARANCE_BYTES_MAX;
use shared::membership::{Proof, profile_holds};
use shared::message::Parcel;
use shared::outcome::Refusal;

use super::{Known, Refused, check_suspended, payload_refusal, refused};
use crate::journal::facts::Standing;

/// `place`: where the terminal was proven to stand among the batch's members, and their count.
pub(super) fn check(
    wipe: &Decommission,
    parcel: &Parcel,
    place: (u32, u32),
    known: &Known<'_>,
) -> Result<Clearance, Refused> {
    let Some(enclosed) = &parcel.profile else {
        let detail = "no clearance for the wipe came with the order";
        return Err(refused(Refusal::ClearanceMissing, detail));
    };
    let payload = enclosed.profile.as_slice();
    let clearance = codec::decode_document::<Clearance>(payload, CLEARANCE_BYTES_MAX);
    let clearance = clearance.map_err(|unreadable| {
        refused(payload_refusal(&unreadable), format!("the clearance: {unreadable}"))
    })?;
    let (index, terminals) = place;
    let proof = Proof { index, path: enclosed.path.clone() };
    if !profile_holds(payload, &proof, terminals, wipe.clearances) {
        let detail = "nobody signed for this clearance at this terminal's place";
        return Err(refused(Refusal::OtherClearance, detail));
    }
    if clearance.terminal != known.terminal {
        let detail = format!("the clearance is {}'s", clearance.terminal);
        return Err(refused(Refusal::OtherClearance, detail));
    }
    if clearance.challenge != known.challenge {
        let detail = "the wipe was approved for what this terminal was before";
        return Err(refused(Refusal::OtherChallenge, detail));
    }
    if wipe.is_lost && !matches!(known.standing, Standing::Erased { .. }) {
        return Ok(clearance);
    }
    check_suspended(known)?;
    by_our_books(&clearance, known.standing)?;
    if clearance.deregistered.is_empty() {
        let detail = "the clearance names nobody who has deregistered this terminal";
        return Err(refused(Refusal::NotDeregistered, detail));
    }
    Ok(clearance)
}

/// Whether people mean just the suspension that this terminal knows of, and just what it has saved.
fn by_our_books(clearance: &Clearance, standing: Standing) -> Result<(), Refused> {
    let (by, is_settled, saved) = match standing {
        Standing::Suspended { by, is_settled, manifest } => (by, is_settled, manifest),
        Standing::InService | Standing::Erased { .. } => return Ok(()),
    };
    if !is_settled {
        let detail = format!("it was suspended by {by} before it had settled what it owes");
        return Err(refused(Refusal::NotSettled, detail));
    }
    if clearance.suspended_by != Some(by) {
        let detail = format!("it was suspended by {by}, which the clearance does not name");
        return Err(refused(Refusal::OtherSuspension, detail));
    }
    match (clearance.manifest, saved) {
        (Some(named), Some(saved)) if named == saved => Ok(()),
        (Some(named), Some(saved)) => {
            let detail = format!("it was saved as {saved}, and the clearance names {named}");
            Err(refused(Refusal::OtherSnapshot, detail))
        }
        (None, _) => Err(refused(Refusal::NotSaved, "the clearance does not name what was saved")),
        (Some(_), None) => {
            Err(refused(Refusal::NotSaved, "this terminal does not know what it has saved"))
        }
    }
}
