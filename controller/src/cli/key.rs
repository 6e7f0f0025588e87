//! `tillward key`: key files, without their secrets.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Serialize;
use shared::digest::{KeyId, PublicKey};
use shared::id::FleetId;

use super::failure::{Exit, Failure};
use super::print::Print;
use crate::key_file::{Asked, KeyFile, KeyRole, Passphrase, PassphraseArgs, Unlock};

/// Look at key files, and hand them over
#[derive(Debug, Subcommand)]
pub(super) enum KeyCommand {
    /// Show whose key a file holds; needs no passphrase
    Show(ShowKey),
    /// Copy a key under a new passphrase
    ///
    /// For handing a key to its owner: one who knows all passphrases holds all keys. Erase the old
    /// file when the new one has been tried.
    Reseal(Reseal),
}

#[derive(Debug, Args)]
pub(super) struct ShowKey {
    /// A key file, for example fleet/offline/keys/release-1.key.age
    pub file: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Reseal {
    /// The key file as it is
    pub file: PathBuf,
    /// The new file; must not exist yet
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    #[command(flatten)]
    pub passphrase: PassphraseArgs,
    /// Read the new passphrase from the first line of this file
    #[arg(long, value_name = "FILE", help_heading = "Keys")]
    pub new_passphrase_file: Option<PathBuf>,
}

#[derive(Debug, Serialize)]
struct Shown<'a> {
    fleet: FleetId,
    role: KeyRole,
    owner: &'a str,
    id: KeyId,
    public: PublicKey,
    sealed: bool,
}

impl KeyCommand {
    pub(super) fn run(&self, print: &mut Print) -> Result<Exit, Failure> {
        match self {
            Self::Show(args) => show(args, print)?,
            Self::Reseal(args) => reseal(args, print)?,
        }
        Ok(Exit::Done)
    }
}

fn show(args: &ShowKey, print: &mut Print) -> Result<(), Failure> {
    let key = KeyFile::read(&args.file)?;
    if args.json {
        print.json(&Shown {
            fleet: key.fleet,
            role: key.role,
            owner: &key.owner,
            id: key.id(),
            public: key.public,
            sealed: key.is_sealed(),
        });
        return Ok(());
    }
    print.line(format_args!("A {} key of {}", key.role, key.owner));
    print.line(format_args!("  id      {}", key.id()));
    print.line(format_args!("  public  {}", key.public));
    print.line(format_args!("  fleet   {}", key.fleet));
    match key.is_sealed() {
        true => print.line("  sealed with a passphrase"),
        false => print.warning("it is not protected: for development only"),
    }
    Ok(())
}

fn reseal(args: &Reseal, print: &mut Print) -> Result<(), Failure> {
    let key = KeyFile::read(&args.file)?;
    if !key.is_sealed() {
        return Err(Failure::because(format_args!("{} is not sealed", args.file.display()))
            .hint("it was made for development; make a new key for a real fleet"));
    }
    let what = format!("{} ({})", args.file.display(), key.owner);
    let old = args.passphrase.passphrase(Asked::Existing(&what))?;
    let secret = key.open(&Unlock::Passphrase(old))?;
    let new: Passphrase = PassphraseArgs { passphrase_file: args.new_passphrase_file.clone() }
        .passphrase(Asked::New(&args.output.display().to_string()))?;
    let protect = Unlock::Passphrase(new);
    KeyFile::create(&args.output, key.fleet, key.role, &key.owner, &secret, &protect)?;
    print.remark(format_args!(
        "{} holds the key of {} under its new passphrase; try it, then erase {}",
        args.output.display(),
        key.owner,
        args.file.display()
    ));
    Ok(())
}
