//! `tillward roster`: who holds which key, as signed by the root keys.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;
use shared::digest::{Digest, KeyId};
use shared::document::Roster;
use shared::document::roster::{Role, RosterKey};
use shared::signature::{self, Envelope, KnownKeys};
use shared::time::UnixTime;

use super::context::ContextArgs;
use super::failure::{Exit, Failure};
use super::print::Print;

/// Look at rosters: who holds which key in which role
#[derive(Debug, Subcommand)]
pub(super) enum RosterCommand {
    /// Show what a roster says
    Show(RosterFile),
    /// Check that a roster is signed by enough root keys
    ///
    /// Version 1 answers for itself: compare its digest with the one that `tillward init` printed.
    /// A later version must also be signed by the root keys of the one before it. Where the context
    /// names a roster, both must be of one fleet.
    Verify(VerifyRoster),
}

#[derive(Debug, Args)]
pub(super) struct RosterFile {
    /// A roster, for example fleet/controller/rosters/1.cose
    pub file: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub(super) struct VerifyRoster {
    #[command(flatten)]
    pub roster: RosterFile,
    /// The version before it
    #[arg(long, value_name = "FILE")]
    pub previous: Option<PathBuf>,
}

/// A roster that was read, and which root keys are found to have signed it.
#[derive(Debug)]
pub(super) struct ReadRoster {
    pub roster: Roster,
    pub digest: Digest,
    bytes: Vec<u8>,
    /// The keys that its signatures say they are by.
    claimed: Vec<KeyId>,
}

/// What is shown of a roster.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    digest: Digest,
    signed_by: Vec<String>,
    #[serde(flatten)]
    roster: &'a Roster,
}

impl ReadRoster {
    /// Reads a roster without believing it.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let shown = path.display();
        let bytes = fs::read(path)
            .map_err(|error| Failure::new(error).context(format!("cannot read {shown}")))?;
        Self::of(bytes, shown)
    }

    /// Reads a roster that came in something else, without believing it.
    pub(super) fn of(bytes: Vec<u8>, shown: impl std::fmt::Display) -> Result<Self, Failure> {
        let envelope = Envelope::<Roster>::from_bytes(&bytes).map_err(|error| {
            Failure::new(error).context(format!("{shown} is not a roster")).exit(Exit::NotGenuine)
        })?;
        let digest = envelope.digest();
        let claimed = envelope.claimed_signers().collect();
        Ok(Self { roster: envelope.document, digest, bytes, claimed })
    }

    /// Reads a roster and checks that its own root keys signed it: what an operator's copy must
    /// at least show.
    pub(super) fn read_signed(path: &Path) -> Result<Self, Failure> {
        let read = Self::read(path)?;
        read.check(None)
            .map_err(|failure| failure.context(format!("{} is not usable", path.display())))?;
        Ok(read)
    }

    /// The pinned one of these, and all that follow from it, ascending.
    pub(super) fn follow<'a>(
        rosters: impl Iterator<Item = &'a [u8]>,
        pin: Digest,
    ) -> Result<Vec<Self>, Failure> {
        let rosters = rosters.map(|bytes| Self::of(bytes.to_vec(), "a roster"));
        let mut rosters = rosters.collect::<Result<Vec<_>, _>>()?;
        let pinned = rosters.iter().position(|roster| roster.digest == pin).ok_or_else(|| {
            Failure::because("the roster that you hold is not among those of the file")
                .exit(Exit::NotGenuine)
                .hint("is it of another fleet, or older than your roster? Export it again")
        })?;
        rosters.drain(..pinned);
        rosters[0].check(None)?;
        for pair in rosters.windows(2) {
            pair[1]
                .check(Some(&pair[0]))
                .map_err(|failure| failure.context("a roster of the file is not genuine"))?;
        }
        Ok(rosters)
    }

    /// Names of the root keys of this roster that signed it.
    pub(super) fn signed_by(&self) -> Vec<&RosterKey> {
        let keys = KnownKeys::of_roster(&self.roster);
        let Ok(opened) = signature::open::<Roster>(&self.bytes, self.roster.fleet, &keys) else {
            return Vec::new();
        };
        self.roster.holders(Role::Root).filter(|key| opened.signed_by.has(key.public)).collect()
    }

    /// Keys of `known` in whose name there is a signature, and none of theirs.
    fn falsely_signed_by<'a>(&self, known: &'a Roster) -> Vec<&'a RosterKey> {
        let keys = KnownKeys::of_roster(known);
        let Ok(opened) = signature::open::<Roster>(&self.bytes, self.roster.fleet, &keys) else {
            return Vec::new();
        };
        let named = |key: &&RosterKey| self.claimed.contains(&key.public.key_id());
        let named = known.keys.iter().filter(named);
        named.filter(|key| !opened.signed_by.has(key.public)).collect()
    }

    /// Soundness, its own root threshold, and the one of the version before it.
    pub(super) fn check(&self, previous: Option<&Self>) -> Result<(), Failure> {
        let wrong = |what: String| Failure::because(what).exit(Exit::NotGenuine);
        let roster = &self.roster;
        roster.check().map_err(|error| Failure::new(error).exit(Exit::NotGenuine))?;
        let own = self.signed_by().len();
        if own < usize::from(roster.thresholds.root) {
            let need = roster.thresholds.root;
            return Err(wrong(format!("{own} of its own root keys signed it, {need} must")));
        }
        match (roster.version, previous) {
            (0 | 1, None) => Ok(()),
            (0 | 1, Some(_)) => Err(wrong("version 1 has no previous version".to_owned())),
            (_, None) => Ok(()),
            (version, Some(before)) => {
                let follows = before.roster.version.checked_add(1) == Some(version)
                    && roster.previous == Some(before.digest)
                    && roster.fleet == before.roster.fleet;
                if !follows {
                    let seen = before.roster.version;
                    return Err(wrong(format!("version {version} does not follow {seen}")));
                }
                let keys = KnownKeys::of_roster(&before.roster);
                let opened = signature::open::<Roster>(&self.bytes, roster.fleet, &keys)
                    .map_err(|error| Failure::new(error).exit(Exit::NotGenuine))?;
                let old = opened.signed_by.count(Role::Root);
                let need = before.roster.thresholds.root;
                match old >= usize::from(need) {
                    true => Ok(()),
                    false => Err(wrong(format!(
                        "{old} root keys of the previous version signed it, {need} must"
                    ))),
                }
            }
        }
    }

    fn show(&self, json: bool, print: &mut Print) {
        let roster = &self.roster;
        let signers = self.signed_by();
        if json {
            let signed_by = signers.iter().map(|key| key.owner.clone()).collect();
            return print.json(&Shown { digest: self.digest, signed_by, roster });
        }
        let owners: Vec<_> = signers.iter().map(|key| key.owner.as_str()).collect();
        print.line(format_args!("Roster {} of fleet {}", roster.version, roster.fleet));
        print.line(format_args!("  digest      {}", self.digest));
        print.line(format_args!("  valid       {} to {}", roster.issued_at, roster.expires_at));
        print.line(format_args!(
            "  thresholds  {} root keys, {} release keys",
            roster.thresholds.root, roster.thresholds.release
        ));
        let names = if owners.is_empty() { "nobody".to_owned() } else { owners.join(", ") };
        print.line(format_args!("  signed by   {names}"));
        for recipient in &roster.recovery_recipients {
            print.line(format_args!("  recovery    {} {}", recipient.owner, recipient.recipient));
        }
        print.line("");
        let mut keys: Vec<_> = roster.keys.iter().collect();
        keys.sort_by(|a, b| (a.role, &a.owner).cmp(&(b.role, &b.owner)));
        let row = |key: &&RosterKey| [role_text(key.role), key.owner.clone(), key.id.to_string()];
        let rows = keys.iter().map(row).collect();
        print.table(["role", "owner", "key"], rows, "it names no key");
    }
}

fn role_text(role: Role) -> String {
    let text = match role {
        Role::Root => "root",
        Role::Release => "release",
        Role::Approver => "approver",
        Role::Controller => "controller",
    };
    text.to_owned()
}

impl RosterCommand {
    pub(super) fn run(
        &self,
        context: &ContextArgs,
        now: UnixTime,
        print: &mut Print,
    ) -> Result<Exit, Failure> {
        match self {
            Self::Show(args) => ReadRoster::read(&args.file)?.show(args.json, print),
            Self::Verify(args) => args.run(context, now, print)?,
        }
        Ok(Exit::Done)
    }
}

impl VerifyRoster {
    fn run(&self, context: &ContextArgs, now: UnixTime, print: &mut Print) -> Result<(), Failure> {
        let Self { roster: RosterFile { file, json }, previous } = self;
        let read = ReadRoster::read(file)?;
        let previous = previous.as_deref().map(ReadRoster::read_signed).transpose()?;
        warn_of_false_signatures(&read, previous.as_ref(), print);
        read.check(previous.as_ref())
            .map_err(|failure| failure.context(format!("{} is not genuine", file.display())))?;
        if let Some(known) = context.roster()? {
            of_the_fleet_of(&ReadRoster::read_signed(&known)?, &read)
                .map_err(|failure| failure.context(format!("{} is refused", file.display())))?;
        }
        read.show(*json, print);
        if !json {
            let (own, need) = (read.signed_by().len(), read.roster.thresholds.root);
            let follows = previous.as_ref().map(|before| before.roster.version);
            let follows = follows.map(|before| format!(", and it follows version {before}"));
            print.line(format_args!(
                "\nVerified: {own} of its own root keys signed it, {need} must{}",
                follows.unwrap_or_default()
            ));
        }
        if read.roster.version > 1 && previous.is_none() {
            print.warning(
                "only its own root keys were checked; name the version before it with --previous",
            );
        }
        if read.roster.expires_at <= now {
            print.warning(format_args!("it expired at {}", read.roster.expires_at));
        }
        Ok(())
    }
}

/// Others may be good and suffice; somebody changed the file nevertheless.
fn warn_of_false_signatures(read: &ReadRoster, previous: Option<&ReadRoster>, print: &mut Print) {
    let own = read.falsely_signed_by(&read.roster);
    let before = previous.map(|before| read.falsely_signed_by(&before.roster)).unwrap_or_default();
    let mut warned = BTreeSet::new();
    for key in own.into_iter().chain(before).filter(|key| warned.insert(key.public.key_id())) {
        print.warning(format_args!(
            "the signature in the name of {}, key {}, is false",
            key.owner, key.id
        ));
    }
}

fn of_the_fleet_of(known: &ReadRoster, read: &ReadRoster) -> Result<(), Failure> {
    let (ours, theirs) = (known.roster.fleet, read.roster.fleet);
    if ours == theirs {
        return Ok(());
    }
    Err(Failure::because(format_args!("it is of fleet {theirs}, the context is of fleet {ours}"))
        .exit(Exit::NotGenuine)
        .hint("name the context of its fleet with --context FILE"))
}
