//! `tillward approve sign`: one approver puts a name to a batch, without a network.

use std::path::PathBuf;

use clap::Args;
use inquire::{InquireError, Text};
use shared::time::UnixTime;

use super::super::context::ContextArgs;
use super::super::failure::{Exit, Failure};
use super::super::print::Print;
use super::checked::Checked;
use super::{KeyArgs, TrustArgs, describe, read_request, write_request};
use crate::api::model::Base64;
use crate::campaign::approval::ApprovalRefused;
use crate::key_file::KeyFile;

/// Sign a request as an approver, on a machine of your own
///
/// Checks the file by the roster that you hold, shows in words what is signed and for how many
/// terminals, asks for that number, and adds your signature to the file. Needs no controller.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  tillward approve sign request.json --key /media/gil/approver-1.key.age --roster 1.cose")]
pub(crate) struct Sign {
    /// The file that was exported
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    key: KeyArgs,
    #[command(flatten)]
    trust: TrustArgs,
    /// Do not ask, if it is for exactly so many terminals
    #[arg(long, value_name = "N")]
    yes_for: Option<u32>,
}

impl Sign {
    pub(super) fn run(
        &self,
        context: &ContextArgs,
        now: UnixTime,
        print: &mut Print,
    ) -> Result<Exit, Failure> {
        let mut request = Checked::of(read_request(&self.file)?, self.trust.pin(context)?)?;
        let key = self.key.read(&request)?;
        describe::checked(&request, now, print);
        refuse_in_vain(&request, &key, now)?;
        if !self.is_meant(request.batch.document.terminals)? {
            print.remark("Nothing was signed.");
            return Ok(Exit::Failed);
        }
        let private = self.key.open(&key)?;
        request.batch.sign(key.fleet, &private);
        request.request.batch = Base64(request.batch.to_bytes());
        write_request(&self.file, &request.request)?;
        let signed = Checked::of(request.request, request.roster_digest)?;
        print.line(format_args!("\n{} has signed.", key.owner));
        print.line(format_args!("  signed by   {}", describe::progress(&signed)));
        let file = self.file.display();
        match signed.standing.is_approved {
            true => print.remark(format_args!("\nNext:\n  tillward approve import {file}")),
            false => print.remark("\nNext: have another approver sign it, or a copy of it."),
        }
        Ok(Exit::Done)
    }

    /// Whether the person who signs knows for how many terminals.
    fn is_meant(&self, terminals: u32) -> Result<bool, Failure> {
        if let Some(meant) = self.yes_for {
            return match meant == terminals {
                true => Ok(true),
                false => Err(Failure::because(format_args!(
                    "it is for {}, not for {meant}: nothing was signed",
                    describe::how_many(terminals)
                ))
                .hint("read again what you are asked to sign")),
            };
        }
        let asked = "Type the number of terminals to sign for them, or nothing to stop:";
        match Text::new(asked).prompt() {
            Ok(answer) => {
                Ok(answer.split_whitespace().collect::<String>() == terminals.to_string())
            }
            Err(InquireError::OperationCanceled | InquireError::OperationInterrupted) => Ok(false),
            Err(error) => Err(Failure::new(error)
                .context("nobody could be asked for how many terminals it is")
                .hint("pass --yes-for N with the number that you expect")),
        }
    }
}

/// A signature that would change nothing, or that no terminal would count.
fn refuse_in_vain(request: &Checked, key: &KeyFile, now: UnixTime) -> Result<(), Failure> {
    let batch = &request.batch.document;
    if batch.not_after <= now {
        return Err(ApprovalRefused::Expired(batch.not_after).into());
    }
    if request.roster.expires_at <= now {
        let what = format!("roster {} has expired: no terminal follows it", request.roster.version);
        return Err(Failure::because(what).hint("have the root keys sign the next roster first"));
    }
    if request.request.cancellation.is_some() {
        let what = "the file carries a cancellation: it is not signed any more";
        return Err(Failure::because(what).hint("export it again if it shall be done after all"));
    }
    // A file may hold a false signature in this key's name, which signing replaces.
    for signer in request.signers() {
        if signer.id == key.id() {
            return Err(Failure::because(format_args!("{} has signed it already", key.owner))
                .hint("hand it to another approver, or import it"));
        }
        let listed = request.roster.key(key.id()).map(|it| it.owner.as_str());
        if listed == Some(signer.owner.as_str()) {
            return Err(ApprovalRefused::SameOwner { owner: signer.owner.clone() }.into());
        }
    }
    Ok(())
}
