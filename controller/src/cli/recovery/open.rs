//! `tillward recovery open`: from an exported copy to a repository that stock restic opens.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Args;
use shared::digest::PublicKey;
use shared::document::Manifest;
use shared::durable::{Readers, replace_file};
use shared::id::FleetId;
use shared::time::UnixTime;

use super::super::failure::Failure;
use super::super::measure::size_text;
use super::super::print::Print;
use super::super::words::counted;
use super::copy::Copy;
use super::{IdentityArgs, Signer, restic};

/// Beside the repository's own files.
const PASSWORD_FILE: &str = "restic-password";

/// Open the local copy of a repository for stock restic
///
/// Needs no network and no controller. Writes a key file and a random password into the copy; the
/// sealed original stays as it is.
///
/// With --terminal-key the key and every manifest must be signed by that terminal, and nothing is
/// written if one is not. Without it nothing says that they are a terminal's at all. Either way the
/// files are checked only as they are restored: by restic against the key, and by `sha256sum`
/// against `listing`, whose digest is in the manifest.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  tillward backup export SNAPSHOT --to rescued       # on a machine with a network
  tillward recovery open --repository rescued --identity ana.recovery.age
  restic -r rescued --password-file rescued/restic-password restore latest --target restored")]
pub(crate) struct OpenCopy {
    /// The copy that `tillward backup export` made
    #[arg(long, value_name = "DIR")]
    repository: PathBuf,
    #[command(flatten)]
    identity: IdentityArgs,
    /// The terminal's public key, to check that the key and the manifests are its own
    #[arg(long, value_name = "KEY", requires = "fleet")]
    terminal_key: Option<PublicKey>,
    /// The fleet that the terminal signed in
    #[arg(long, value_name = "FLEET", requires = "terminal_key")]
    fleet: Option<FleetId>,
}

impl OpenCopy {
    pub(super) fn run(&self, print: &mut Print) -> Result<(), Failure> {
        let signer = match (self.fleet, self.terminal_key) {
            (Some(fleet), Some(key)) => Some(Signer { fleet, key }),
            (None, _) | (_, None) => None,
        };
        let copy = Copy(&self.repository);
        let said = copy.key(&self.identity.open()?, signer)?;
        let manifests = copy.manifests(&said, signer)?;
        let key = said.key.as_slice().try_into().expect("the copy gives keys of 64 bytes");
        let now = UnixTime(jiff::Timestamp::now().as_second());
        let password = restic::password();
        restic::write_key(&self.repository, key, &password, now).map_err(Failure::new)?;
        let password_file = self.repository.join(PASSWORD_FILE);
        replace_file(&password_file, format!("{}\n", *password).as_bytes(), Readers::Owner)
            .map_err(Failure::new)?;
        print.line(format_args!(
            "{} of terminal {} is open, with {}",
            said.repository,
            said.terminal,
            counted(manifests.len() as u64, "snapshot")
        ));
        if let Some(newest) = manifests.first() {
            describe(newest, print);
        }
        match signer {
            Some(signer) => print.line(format_args!(
                "Checked: the key and {} are signed by {}",
                counted(manifests.len() as u64, "manifest"),
                signer.key.key_id()
            )),
            None => print.warning(
                "no signature was checked, neither of the key nor of a manifest: name the \
                 terminal's key with --terminal-key",
            ),
        }
        let signed: BTreeSet<_> = manifests.iter().map(|it| it.snapshot.to_string()).collect();
        let there = copy.snapshots()?;
        for (names, what) in [
            (there.difference(&signed), "is in the copy, and no manifest speaks of it"),
            (signed.difference(&there), "has a manifest, and is not in the copy"),
        ] {
            names.for_each(|name| print.warning(format_args!("snapshot {name} {what}")));
        }
        let (repository, password) = (self.repository.display(), password_file.display());
        print.line("Restore with stock restic:");
        for command in ["check --read-data", "snapshots", "restore latest --target DIRECTORY"] {
            print.line(format_args!(
                "  restic -r {repository} --password-file {password} {command}"
            ));
        }
        print
            .remark("whoever reads the password file reads the backups: erase the copy afterwards");
        Ok(())
    }
}

fn describe(newest: &Manifest, print: &mut Print) {
    let batch = if newest.batch_open { ", with a batch open" } else { "" };
    print.line(format_args!(
        "  number {} of {}, taken at {}{batch}",
        newest.number, newest.serial, newest.taken_at
    ));
    for set in &newest.data_sets {
        let totals = set.totals.iter().map(|(currency, minor)| format!(", {minor} {currency}"));
        print.line(format_args!(
            "  {}: {}, {}, {}{}",
            set.name,
            counted(set.files, "file"),
            size_text(set.bytes),
            counted(set.records, "record"),
            totals.collect::<String>()
        ));
    }
}
