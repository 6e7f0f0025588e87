//! Whether a profile is the one that people signed for this terminal: the batch holds the root over
//! all profiles, and the order says which place is this terminal's.

use shared::change::Rebind;
use shared::codec;
use shared::document::Profile;
use shared::document::profile::PROFILE_BYTES_MAX;
use shared::membership::{Proof, profile_holds};
use shared::message::Parcel;
use shared::outcome::Refusal;

use super::{Known, Refused, payload_refusal, refused};

/// `index` and `terminals` are those by which the terminal was proven to be a member.
pub(super) fn check(
    rebind: &Rebind,
    parcel: &Parcel,
    index: u32,
    terminals: u32,
    known: &Known<'_>,
) -> Result<Profile, Refused> {
    let Some(enclosed) = &parcel.profile else {
        let detail = format!("no profile for {} came with the order", rebind.to);
        return Err(refused(Refusal::ProfileMissing, detail));
    };
    let payload = enclosed.profile.as_slice();
    let profile = codec::decode_document::<Profile>(payload, PROFILE_BYTES_MAX);
    let profile = profile.map_err(|unreadable| {
        refused(payload_refusal(&unreadable), format!("the profile: {unreadable}"))
    })?;
    let proof = Proof { index, path: enclosed.path.clone() };
    if !profile_holds(payload, &proof, terminals, rebind.profiles) {
        let detail = "nobody signed for this profile at this terminal's place";
        return Err(refused(Refusal::OtherProfile, detail));
    }
    if profile.terminal != known.terminal || profile.provider != rebind.to {
        let detail = format!(
            "the profile is {}'s with {}, not this terminal's with {}",
            profile.terminal, profile.provider, rebind.to
        );
        return Err(refused(Refusal::OtherProfile, detail));
    }
    profile.check().map_err(|unsound| refused(Refusal::UnsoundProfile, unsound))?;
    Ok(profile)
}
