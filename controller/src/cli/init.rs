//! `tillward init`: everything that a new fleet needs, from nothing.
//!
//! Three directories come out of it, for three places: a safe, the data centre, and the people who
//! operate the fleet. They appear together or not at all.

mod authority;
pub(super) mod papers;
pub(super) mod tree;
mod wanted;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use shared::digest::{Digest, KeyId};
use shared::id::FleetId;
use shared::time::UnixTime;

use super::failure::{Exit, Failure};
use super::measure;
use super::print::Print;
use super::words::counted;
use crate::key_file::{Asked, KeyRole, PassphraseArgs, Unlock};
use papers::Papers;
use wanted::Wanted;

/// Make the authorities, keys, roster and configuration of a new fleet
///
/// Writes three directories: `offline` belongs in a safe, `controller` goes to the data centre,
/// `operator` to whoever works with `tillward`. An existing directory must be empty. Nothing is
/// sent anywhere.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  tillward init fleet --host fleet.example.com \\
    --root-owners ana,ben,cho --release-owners dev,eva,fen --approver-owners gil,han")]
pub(super) struct Init {
    /// The directory to make
    #[arg(value_name = "DIR")]
    directory: PathBuf,

    /// A name or address at which terminals and operators reach the controller; may be repeated,
    /// and the first one is written into claims
    #[arg(
        long = "host",
        value_name = "HOST",
        default_values = ["localhost", "127.0.0.1"],
        help_heading = "Addresses"
    )]
    hosts: Vec<String>,
    /// Port of the controller's HTTPS listener
    #[arg(long, value_name = "PORT", default_value_t = 8443, help_heading = "Addresses")]
    https_port: u16,
    /// Port of the broker
    #[arg(long, value_name = "PORT", default_value_t = 8883, help_heading = "Addresses")]
    broker_port: u16,

    /// Who holds the root keys, which sign rosters: one key for each name
    #[arg(
        long,
        value_name = "NAMES",
        value_delimiter = ',',
        default_value = "root-1,root-2,root-3",
        help_heading = "People"
    )]
    root_owners: Vec<String>,
    /// Root keys that must sign a roster
    #[arg(long, value_name = "N", default_value_t = 2, help_heading = "People")]
    root_threshold: u8,
    /// Who holds the release keys, which sign software
    #[arg(
        long,
        value_name = "NAMES",
        value_delimiter = ',',
        default_value = "release-1,release-2,release-3",
        help_heading = "People"
    )]
    release_owners: Vec<String>,
    /// Release keys that must sign a release
    #[arg(long, value_name = "N", default_value_t = 2, help_heading = "People")]
    release_threshold: u8,
    /// Who holds the approver keys, which sign what could harm a shop
    #[arg(
        long,
        value_name = "NAMES",
        value_delimiter = ',',
        default_value = "approver-1,approver-2",
        help_heading = "People"
    )]
    approver_owners: Vec<String>,
    /// Who can open backups: a name and an age recipient; may be repeated
    #[arg(long = "recovery-recipient", value_name = "NAME=age1…", help_heading = "People")]
    recovery_recipients: Vec<String>,

    /// Who gets the first token: what the audit log calls them
    #[arg(long, value_name = "NAME", default_value = "operator", help_heading = "People")]
    operator: String,

    /// How long the roster is valid
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "2y",
        value_parser = measure::duration,
        help_heading = "Keys"
    )]
    roster_expires: Duration,
    #[command(flatten)]
    passphrase: PassphraseArgs,
    /// Read another passphrase, for the offline keys, from the first line of this file
    #[arg(long, value_name = "FILE", help_heading = "Keys")]
    offline_passphrase_file: Option<PathBuf>,
    /// Do not protect the keys at all; for development on one machine only
    #[arg(
        long,
        conflicts_with_all = ["passphrase_file", "offline_passphrase_file"],
        help_heading = "Keys"
    )]
    insecure_dev: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// How the new keys are protected.
struct Protection {
    offline: Unlock,
    online: Unlock,
    /// Both have the same passphrase.
    shared: bool,
}

/// What came of it.
#[derive(Debug, Serialize)]
struct Made<'a> {
    fleet: FleetId,
    directory: &'a Path,
    insecure_dev: bool,
    roster: u64,
    roster_digest: Digest,
    server_ca: Digest,
    keys: Vec<MadeKey>,
}

#[derive(Debug, Serialize)]
struct MadeKey {
    file: PathBuf,
    role: KeyRole,
    owner: String,
    id: KeyId,
}

impl Init {
    pub(super) fn run(&self, now: UnixTime, print: &mut Print) -> Result<Exit, Failure> {
        let wanted = Wanted::of(self).map_err(|mistakes| {
            let list: String = mistakes.iter().map(|mistake| format!("\n  - {mistake}")).collect();
            let count = counted(mistakes.len() as u64, "mistake");
            Failure::because(format_args!("{count} in the options{list}"))
        })?;
        tree::refuse_existing(&self.directory)?;
        if self.insecure_dev {
            print.warning(LOUD);
        }
        let protection = self.protection()?;
        let papers = Papers::draw(&wanted, now)?;
        if !self.insecure_dev {
            print.remark("Sealing the keys takes a few seconds.");
        }
        tree::write(&self.directory, &wanted, &papers, &protection)?;
        self.report(&wanted, &papers, &protection, print);
        Ok(Exit::Done)
    }

    fn protection(&self) -> Result<Protection, Failure> {
        if self.insecure_dev {
            let (offline, online) = (Unlock::InsecureDev, Unlock::InsecureDev);
            return Ok(Protection { offline, online, shared: false });
        }
        let offline = PassphraseArgs { passphrase_file: self.offline_passphrase_file.clone() };
        let shared = offline.passphrase_file.is_none() && self.passphrase.passphrase_file.is_some();
        let of_offline = match shared {
            true => self.passphrase.passphrase(Asked::New("the offline keys"))?,
            false => offline.passphrase(Asked::New("the offline keys"))?,
        };
        let of_online = self.passphrase.passphrase(Asked::New("the controller's keys"))?;
        let (offline, online) = (Unlock::Passphrase(of_offline), Unlock::Passphrase(of_online));
        Ok(Protection { offline, online, shared })
    }

    fn report(&self, wanted: &Wanted, papers: &Papers, protection: &Protection, print: &mut Print) {
        let made = Made {
            fleet: papers.fleet,
            directory: &self.directory,
            insecure_dev: self.insecure_dev,
            roster: papers.roster.document.version,
            roster_digest: papers.roster.digest(),
            server_ca: papers.certificates.server_ca_digest,
            keys: papers
                .offline_keys()
                .map(|key| MadeKey {
                    file: self.directory.join(tree::key_path(key, &protection.offline)),
                    role: key.role,
                    owner: key.owner.clone(),
                    id: key.secret.public().key_id(),
                })
                .collect(),
        };
        match self.json {
            true => print.json(&made),
            false => made.tell(wanted, print),
        }
        if protection.shared {
            print.warning(
                "the offline keys and the controller's have the same passphrase; give each owner \
                 a key of their own with `tillward key reseal`",
            );
        }
    }
}

const LOUD: &str = "\
--insecure-dev: THE KEYS OF THIS FLEET ARE NOT PROTECTED.
         Whoever reads these files can sign software, and become any terminal.
         Use it for development on one machine, never for a terminal in a shop.";

impl Made<'_> {
    fn tell(&self, wanted: &Wanted, print: &mut Print) {
        let at = |name: &str| self.directory.join(name).display().to_string();
        print.line(format_args!("Fleet {} is made.\n", self.fleet));
        print.line(format_args!(
            "{}\n  belongs in a safe: nothing else can sign rosters, releases and approvals.\n  \
             Hand each owner their key, under a passphrase of their own: `tillward key reseal`.\n",
            at("offline")
        ));
        let rows = self.keys.iter().map(|key| {
            let file = key.file.strip_prefix(self.directory).unwrap_or(&key.file);
            [format!("  {}", file.display()), key.role.to_string(), key.owner.clone()]
        });
        print.table(["  file", "role", "owner"], rows.collect(), "no keys were made");
        print.line(format_args!(
            "\n{}\n  goes to the data centre, and with it the passphrase of the controller's \
             keys.\n",
            at("controller")
        ));
        print.line(format_args!(
            "{}\n  goes to whoever works with `tillward`. The token in it opens the API at\n  {}\n",
            at("operator"),
            wanted.url()
        ));
        print.line(format_args!(
            "Roster 1 has the digest\n  {}\nWrite it down: every terminal is told to believe it \
             when it enrols.\n",
            self.roster_digest
        ));
        print.line(format_args!(
            "Next:\n  tillward-controller serve --config {}\n  tillward --context {} status",
            at("controller/controller.toml"),
            at("operator")
        ));
    }
}
