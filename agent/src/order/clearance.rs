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
    if wipe.is_lost {
        return Ok(clearance);
    }
    check_suspended(known)?;
    let Clearance { suspended_by, manifest, deregistered, .. } = &clearance;
    let by_our_books = match known.standing {
        Standing::Suspended { by, is_settled: false } => {
            let detail = format!("it was suspended by {by} before it had settled what it owes");
            return Err(refused(Refusal::NotSettled, detail));
        }
        Standing::Suspended { by, is_settled: true } => *suspended_by == Some(by),
        Standing::InService | Standing::Erased { .. } => false,
    };
    if !by_our_books || manifest.is_none() || deregistered.is_empty() {
        let detail = "the clearance does not name the order by which this terminal was suspended, \
                      its last snapshot, or where it was deregistered";
        return Err(refused(Refusal::NotSuspended, detail));
    }
    Ok(clearance)
}
