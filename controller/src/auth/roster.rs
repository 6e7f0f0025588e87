//! Which rosters the controller takes: the first on the word of whoever set it up, each later one
//! signed by enough root keys of the one before it and of its own.

use shared::digest::Digest;
use shared::document::Roster;
use shared::document::roster::{Role, UnsoundRoster};
use shared::id::FleetId;
use shared::message::SignedBytes;
use shared::signature::{Envelope, KnownKeys, Rejected, open};

use crate::registry::audit::By;
use crate::registry::fleet::StoredRoster;
use crate::registry::{Registry, RegistryError};

/// Why a roster was not taken.
#[derive(Debug, thiserror::Error)]
pub enum RosterRefused {
    #[error("the roster cannot be read")]
    Unreadable(#[source] Rejected),
    #[error("the roster cannot be used: {0}")]
    Unsound(UnsoundRoster),
    #[error("the roster is of fleet {found}, this is fleet {ours}")]
    OtherFleet { found: FleetId, ours: FleetId },
    #[error("roster {version} does not follow roster {newest}")]
    DoesNotFollow { version: u64, newest: u64 },
    #[error("roster {version} is signed by {have} root keys of roster {of}, which needs {need}")]
    TooFewSignatures { version: u64, of: u64, have: usize, need: u8 },
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

/// Takes a signed roster into the registry. The newest one again changes nothing.
pub async fn add(
    registry: &dyn Registry,
    fleet: FleetId,
    signed: &[u8],
    by: &By,
) -> Result<StoredRoster, RosterRefused> {
    let envelope = Envelope::<Roster>::from_bytes(signed).map_err(RosterRefused::Unreadable)?;
    let newest = registry.newest_roster().await?;
    if let Some(known) = newest.as_ref().filter(|known| known.digest == envelope.digest()) {
        return Ok(known.clone());
    }
    let before = newest.as_ref().map(|known| {
        let roster = Envelope::<Roster>::from_bytes(known.signed.as_slice());
        roster.map(|roster| (roster.document, known.digest)).map_err(RosterRefused::Unreadable)
    });
    check(fleet, before.transpose()?.as_ref(), &envelope, signed)?;
    registry.add_roster(&envelope, by).await?;
    Ok(StoredRoster {
        version: envelope.document.version,
        digest: envelope.digest(),
        signed: SignedBytes::new(signed.to_vec()),
        added_at: by.at,
    })
}

/// The newest roster, which was checked when it was taken.
pub async fn newest(registry: &dyn Registry) -> Result<Option<Roster>, RegistryError> {
    let Some(stored) = registry.newest_roster().await? else { return Ok(None) };
    let envelope = Envelope::<Roster>::from_bytes(stored.signed.as_slice());
    let unreadable =
        |_| RegistryError::Unreadable { what: "roster", value: stored.version.to_string() };
    envelope.map(|envelope| Some(envelope.document)).map_err(unreadable)
}

fn check(
    fleet: FleetId,
    before: Option<&(Roster, Digest)>,
    envelope: &Envelope<Roster>,
    signed: &[u8],
) -> Result<(), RosterRefused> {
    let roster = &envelope.document;
    if roster.fleet != fleet {
        return Err(RosterRefused::OtherFleet { found: roster.fleet, ours: fleet });
    }
    roster.check().map_err(RosterRefused::Unsound)?;
    let newest = before.map_or(0, |(before, _)| before.version);
    let follows = newest.checked_add(1) == Some(roster.version)
        && roster.previous == before.map(|(_, digest)| *digest);
    if !follows {
        return Err(RosterRefused::DoesNotFollow { version: roster.version, newest });
    }
    let own = std::iter::once(roster);
    for of in own.chain(before.map(|(before, _)| before)) {
        let opened = open::<Roster>(signed, fleet, &KnownKeys::of_roster(of));
        let have = opened.map_err(RosterRefused::Unreadable)?.signed_by.count(Role::Root);
        let need = of.thresholds.root;
        if have < usize::from(need) {
            let (version, of) = (roster.version, of.version);
            return Err(RosterRefused::TooFewSignatures { version, of, have, need });
        }
    }
    Ok(())
}
