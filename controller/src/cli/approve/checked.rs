//! A request for approval that was checked without the controller that wrote it. Pure.
//!
//! What a stolen controller could write into the file is held against what its own key cannot
//! sign: the rosters against the one that is pinned, the batch against the newest of them, the
//! members against the batch's root, the release against its keys.

use std::collections::BTreeMap;

use shared::change::Change;
use shared::digest::Digest;
use shared::document::roster::{Role, RosterKey};
use shared::document::{Batch, Release, Roster};
use shared::membership::Membership;
use shared::signature::{Envelope, KnownKeys, open};

use super::super::failure::{Exit, Failure};
use super::super::roster::ReadRoster;
use crate::api::model::ApprovalRequest;
use crate::campaign::approval::{self, Standing};

/// A request whose every part fits.
#[derive(Debug)]
pub(super) struct Checked {
    pub request: ApprovalRequest,
    pub batch: Envelope<Batch>,
    /// The newest one of the file.
    pub roster: Roster,
    pub roster_digest: Digest,
    /// For an upgrade.
    pub release: Option<Envelope<Release>>,
    pub standing: Standing,
}

fn wrong(what: impl std::fmt::Display) -> Failure {
    Failure::because(what)
        .exit(Exit::NotGenuine)
        .hint("sign nothing: somebody changed the file, or wrote it without the right to")
}

impl Checked {
    /// Believes the roster of this digest, and what follows from it.
    pub(super) fn of(request: ApprovalRequest, pin: Digest) -> Result<Self, Failure> {
        if request.format != ApprovalRequest::FORMAT {
            let what = format!("the file is of format {}", request.format);
            return Err(Failure::because(what).hint("take the `tillward` that fits the controller"));
        }
        let (roster, roster_digest) = newest_roster(&request, pin)?;
        if roster.fleet != request.fleet {
            let (theirs, ours) = (request.fleet, roster.fleet);
            return Err(wrong(format_args!("it is of fleet {theirs}, the roster of {ours}")));
        }
        let keys = KnownKeys::of_roster(&roster);
        let opened = open::<Batch>(&request.batch.0, roster.fleet, &keys);
        let opened = opened.map_err(|error| Failure::new(error).exit(Exit::NotGenuine))?;
        if opened.signed_by.count(Role::Controller) == 0 {
            let version = roster.version;
            return Err(wrong(format_args!(
                "no controller of roster {version} signed the batch: it was changed"
            )));
        }
        let unreadable = |error| Failure::new(error).exit(Exit::NotGenuine);
        let batch = Envelope::<Batch>::from_bytes(&request.batch.0).map_err(unreadable)?;
        batch.document.check().map_err(|error| Failure::new(error).exit(Exit::NotGenuine))?;
        check_members(&request, &batch.document)?;
        let release = release(&request, &batch.document, &roster)?;
        let standing = approval::standing(&request.batch.0, roster.fleet, &roster);
        let standing = standing.map_err(unreadable)?;
        Ok(Self { request, batch, roster, roster_digest, release, standing })
    }

    /// Approvers of the roster whose signatures are in the file.
    pub(super) fn signers(&self) -> impl Iterator<Item = &RosterKey> {
        self.standing.keys.iter().filter_map(|key| self.roster.key(*key))
    }

    /// How many terminals of each store it is for.
    pub(super) fn stores(&self) -> BTreeMap<&str, u64> {
        let mut stores = BTreeMap::new();
        for member in &self.request.members {
            *stores.entry(member.store.as_str()).or_default() += 1;
        }
        stores
    }
}

/// The newest roster that follows from the pinned one.
fn newest_roster(request: &ApprovalRequest, pin: Digest) -> Result<(Roster, Digest), Failure> {
    let rosters = request.rosters.iter().map(|roster| ReadRoster::of(roster.0.clone(), "a roster"));
    let rosters = rosters.collect::<Result<Vec<_>, _>>()?;
    let pinned = rosters.iter().position(|roster| roster.digest == pin).ok_or_else(|| {
        Failure::because("the roster that you hold is not among those of the file")
            .exit(Exit::NotGenuine)
            .hint("is it a request of another fleet, or older than your roster? Export it again")
    })?;
    let mut believed = &rosters[pinned];
    believed.check(None)?;
    for next in &rosters[pinned + 1..] {
        next.check(Some(believed))
            .map_err(|failure| failure.context("a roster of the file is not genuine"))?;
        believed = next;
    }
    Ok((believed.roster.clone(), believed.digest))
}

fn check_members(request: &ApprovalRequest, batch: &Batch) -> Result<(), Failure> {
    let members = Membership::of(request.members.iter().map(|member| member.terminal));
    let listed = request.members.len();
    let counted = u32::try_from(members.count()).unwrap_or(u32::MAX);
    if counted != batch.terminals || members.count() != listed || members.root() != batch.root {
        let signed = batch.terminals;
        return Err(wrong(format_args!(
            "the file lists {listed} terminals, which are not the {signed} of the batch"
        )));
    }
    Ok(())
}

/// The release that an upgrade names, signed as terminals ask for.
fn release(
    request: &ApprovalRequest,
    batch: &Batch,
    roster: &Roster,
) -> Result<Option<Envelope<Release>>, Failure> {
    let named = match &batch.change {
        Change::Upgrade(upgrade) => upgrade.release,
        Change::Ping(_)
        | Change::Backup(_)
        | Change::Drill(_)
        | Change::Restore(_)
        | Change::Rebind(_)
        | Change::Cancel(_) => return Ok(None),
    };
    let bytes = request.release.as_ref().ok_or_else(|| wrong("the release is not in the file"))?;
    let unreadable = |error| Failure::new(error).exit(Exit::NotGenuine);
    let opened = open::<Release>(&bytes.0, roster.fleet, &KnownKeys::of_roster(roster));
    let opened = opened.map_err(unreadable)?;
    if opened.digest != named {
        return Err(wrong("the release in the file is not the one that the batch names"));
    }
    let (have, need) = (opened.signed_by.count(Role::Release), roster.thresholds.release);
    if have < usize::from(need) {
        return Err(wrong(format_args!("{have} release keys signed the release, {need} must")));
    }
    Envelope::from_bytes(&bytes.0).map(Some).map_err(unreadable)
}
