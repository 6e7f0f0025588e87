//! `tillward replace pair`: the new unit may enrol, once.

use clap::Args;
use serde::Serialize;
use shared::time::UnixTime;
use zeroize::Zeroizing;

use super::super::client::Client;
use super::super::failure::{Exit, Failure};
use super::super::measure::{rough_text, time_text};
use super::super::print::Print;
use super::super::qr;
use super::super::terminal::claim;
use super::say::Which;
use crate::api::model::{Replacement, ReplacementStep};

/// Let exactly the new unit enrol, once and within a day
///
/// Prints a claim as one line and, in a terminal, as a QR code. The line holds a secret that is
/// shown only here. The new terminal takes no lane by it: that is the old one's until `live`.
#[derive(Debug, Args)]
pub(crate) struct Pair {
    #[command(flatten)]
    which: Which,
    /// Show no QR code
    #[arg(long)]
    no_qr: bool,
}

#[derive(Serialize)]
struct Paired<'a> {
    replacement: &'a Replacement,
    expires_at: UnixTime,
    /// Secret.
    line: &'a str,
}

impl Pair {
    pub(super) async fn run(
        &self,
        client: &Client,
        now: UnixTime,
        print: &mut Print,
    ) -> Result<Exit, Failure> {
        let seed = claim::draw();
        let said = ReplacementStep::Pair { claim_key: seed.claim_key().public() };
        let moved = self.which.say(said, client).await?;
        let issued = moved.claim.ok_or_else(|| {
            Failure::because("the controller made no claim").hint("pair it again")
        })?;
        let line = Zeroizing::new(claim::line(&issued, seed));
        if self.which.json {
            let (replacement, expires_at) = (&moved.replacement, issued.expires_at);
            print.json(&Paired { replacement, expires_at, line: &line });
            return Ok(Exit::Done);
        }
        print.remark(format_args!(
            "Unit {} may enrol until {}, which is in {}.\n",
            issued.serial,
            time_text(issued.expires_at),
            rough_text(issued.expires_at.since(now))
        ));
        print.line(&*line);
        if print.person_reads() && !self.no_qr {
            let picture = qr::picture(&line)
                .map_err(|error| Failure::new(error).context("the claim fits no QR code"))?;
            print.line(format_args!("\n{picture}"));
        }
        print.hint(&moved.replacement.next.what);
        Ok(Exit::Done)
    }
}
