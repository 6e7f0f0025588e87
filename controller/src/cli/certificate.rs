//! Certificates that the controller signs: read from a file, and checked without a controller.

use std::path::Path;

use shared::document::Document;
use shared::document::roster::Role;
use shared::signature::{Envelope, KnownKeys, open};

use super::context::ContextArgs;
use super::failure::{Exit, Failure};
use super::release::RosterArgs;

/// Unverified. `path` is where it comes from, `what` is what it should be, both for the error.
pub(super) fn read<D: Document>(
    bytes: &[u8],
    path: &Path,
    what: &str,
) -> Result<Envelope<D>, Failure> {
    Envelope::from_bytes(bytes).map_err(|error| {
        Failure::new(error)
            .context(format!("{} is not a certificate of {what}", path.display()))
            .exit(Exit::NotGenuine)
    })
}

/// What the file holds, and which controllers of the roster signed it as it is: one or more.
pub(super) fn verify<D: Document>(
    file: &Path,
    what: &str,
    roster: &RosterArgs,
    context: &ContextArgs,
) -> Result<(Envelope<D>, String), Failure> {
    let roster = roster.read(context)?.ok_or_else(|| {
        Failure::because("no roster says whose signatures count")
            .hint("name one with --roster FILE, or a context with --context FILE")
    })?;
    let bytes = std::fs::read(file)
        .map_err(|error| Failure::new(error).context(format!("cannot read {}", file.display())))?;
    let certificate = read(&bytes, file, what)?;
    let roster = &roster.roster;
    let opened = open::<D>(&bytes, roster.fleet, &KnownKeys::of_roster(roster));
    let opened = opened.map_err(|error| Failure::new(error).exit(Exit::NotGenuine))?;
    if opened.signed_by.count(Role::Controller) == 0 {
        return Err(Failure::because(format_args!(
            "no controller of roster {} signed it as it is",
            roster.version
        ))
        .exit(Exit::NotGenuine)
        .hint("take the roster of its time; else somebody changed it, or made it up"));
    }
    let owners: Vec<_> = opened.signed_by.owners(Role::Controller).into_iter().collect();
    Ok((certificate, owners.join(", ")))
}
