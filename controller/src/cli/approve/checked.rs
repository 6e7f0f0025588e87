//! A request for approval that was checked without the controller that wrote it. Pure.
//!
//! What a stolen controller could write into the file is held against what its own key cannot
//! sign: the rosters against the one that is pinned, the batch against the newest of them, the
//! members against the batch's root, the release against its keys.

use std::collections::{BTreeMap, BTreeSet};

use shared::change::Change;
use shared::digest::Digest;
use shared::document::roster::{Role, RosterKey};
use shared::document::{Batch, Clearance, Profile, Release, Roster};
use shared::id::TerminalId;
use shared::membership::{Membership, Profiles};
use shared::signature::{Envelope, KnownKeys, open};

use super::super::failure::{Exit, Failure};
use super::super::roster::ReadRoster;
use crate::api::model::ApprovalRequest;
use crate::campaign::approval::{self, Standing};
use crate::deactivation::clearance;
use crate::rebind::draft;

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
    /// For a change of provider: of every member.
    pub profiles: BTreeMap<TerminalId, Profile>,
    /// For a wipe: of every member.
    pub clearances: BTreeMap<TerminalId, Clearance>,
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
        let profiles = profiles(&request, &batch.document)?;
        let clearances = clearances(&request, &batch.document)?;
        let standing = approval::standing(&request.batch.0, roster.fleet, &roster);
        let standing = standing.map_err(unreadable)?;
        Ok(Self { request, batch, roster, roster_digest, release, profiles, clearances, standing })
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
    let believed = ReadRoster::follow(request.rosters.iter().map(|it| it.0.as_slice()), pin)?;
    let newest = believed.into_iter().next_back().ok_or_else(|| wrong("it has no roster"))?;
    Ok((newest.roster, newest.digest))
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

/// The members' clearances, if they are exactly those whose root the batch names.
fn clearances(
    request: &ApprovalRequest,
    batch: &Batch,
) -> Result<BTreeMap<TerminalId, Clearance>, Failure> {
    let Change::Decommission(wipe) = &batch.change else { return Ok(BTreeMap::new()) };
    let mut clearances = BTreeMap::new();
    let mut payloads = BTreeMap::new();
    for payload in &request.profiles {
        let clearance = clearance::read(&payload.0)
            .map_err(|why| wrong(format_args!("a clearance of the file cannot be read: {why}")))?;
        let terminal = clearance.terminal;
        payloads.insert(terminal, payload.0.clone());
        if clearances.insert(terminal, clearance).is_some() {
            return Err(wrong(format_args!("{terminal} has two clearances in the file")));
        }
    }
    let members: BTreeSet<_> = request.members.iter().map(|member| member.terminal).collect();
    if clearances.keys().copied().collect::<BTreeSet<_>>() != members {
        return Err(wrong("the clearances of the file are not those of its members"));
    }
    if Profiles::of(&payloads).root() != wipe.clearances {
        return Err(wrong("a clearance of the file is not one that the batch names"));
    }
    Ok(clearances)
}

/// The members' profiles, if they are exactly those whose root the batch names.
fn profiles(
    request: &ApprovalRequest,
    batch: &Batch,
) -> Result<BTreeMap<TerminalId, Profile>, Failure> {
    let rebind = match &batch.change {
        Change::Rebind(rebind) => rebind,
        // They are clearances then.
        Change::Decommission(_) => return Ok(BTreeMap::new()),
        Change::Ping(_)
        | Change::Backup(_)
        | Change::Drill(_)
        | Change::Upgrade(_)
        | Change::Restore(_)
        | Change::Suspend(_)
        | Change::Resume(_)
        | Change::Cancel(_) => {
            return match request.profiles.is_empty() {
                true => Ok(BTreeMap::new()),
                false => Err(wrong("the file has profiles, and the batch changes no provider")),
            };
        }
    };
    let mut profiles = BTreeMap::new();
    let mut payloads = BTreeMap::new();
    for payload in &request.profiles {
        let profile = draft::read(&payload.0)
            .map_err(|why| wrong(format_args!("a profile of the file cannot be read: {why}")))?;
        let terminal = profile.terminal;
        profile.check().map_err(|why| wrong(format_args!("the profile of {terminal}: {why}")))?;
        if profile.provider != rebind.to {
            let (found, to) = (&profile.provider, &rebind.to);
            return Err(wrong(format_args!(
                "the profile of {terminal} is with `{found}`, and the change is to `{to}`"
            )));
        }
        payloads.insert(terminal, payload.0.clone());
        if profiles.insert(terminal, profile).is_some() {
            return Err(wrong(format_args!("{terminal} has two profiles in the file")));
        }
    }
    let members: BTreeSet<_> = request.members.iter().map(|member| member.terminal).collect();
    if let Some(lacking) = members.iter().find(|member| !profiles.contains_key(member)) {
        return Err(wrong(format_args!("the profile of {lacking} is not in the file")));
    }
    if let Some(stranger) = profiles.keys().find(|terminal| !members.contains(terminal)) {
        return Err(wrong(format_args!("{stranger} has a profile and is no member")));
    }
    if Profiles::of(&payloads).root() != rebind.profiles {
        return Err(wrong("a profile of the file is not one that the batch names"));
    }
    Ok(profiles)
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
        | Change::Suspend(_)
        | Change::Resume(_)
        | Change::Decommission(_)
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
