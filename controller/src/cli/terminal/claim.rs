//! `tillward terminal claim`: permission for one terminal to enrol, once.
//!
//! The seed is drawn here and goes to the terminal only; the controller hears the public half of
//! the key that is derived from it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args};
use serde::Serialize;
use shared::claim::{Claim, Seed, is_serial};
use shared::id::{ClaimId, TerminalId};
use shared::time::UnixTime;
use zeroize::Zeroizing;

use super::super::client::Client;
use super::super::failure::{Exit, Failure};
use super::super::measure::{self, rough_text, time_text};
use super::super::print::Print;
use super::super::qr;
use super::super::words::word;
use crate::api::model::{IssuedClaim, NewClaim};
use crate::key_file;

/// Let one terminal enrol, once
///
/// Prints a claim as one line of text and, in a terminal, as a QR code. The line holds a secret
/// that is shown only here: whoever has it can enrol in this terminal's place until it is used or
/// runs out. A new claim for the same serial number takes the place of the old one.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  tillward terminal claim --serial PX-1 --store north --model px7 --zone Europe/Berlin
  tillward terminal claim --serial PX-1 --store north --model px7 -o px-1.claim

On the terminal, with the line in a file:
  tillward-agent enrol --claim-file px-1.claim")]
pub(crate) struct ClaimTerminal {
    /// Serial number, as printed on the terminal
    #[arg(long)]
    serial: String,
    /// The store that it belongs to
    #[arg(long)]
    store: String,
    /// Its model, as releases name it
    #[arg(long)]
    model: String,
    /// Its place in the store; a place has one terminal
    #[arg(long)]
    lane: Option<String>,
    /// To select terminals by; may be repeated. A known terminal keeps its others
    #[arg(long = "label", value_name = "KEY=VALUE", action = ArgAction::Append)]
    labels: Vec<String>,
    /// Time zone that its maintenance windows are meant in, unless its agent.toml says another
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    zone: String,
    /// How long the claim lives
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "72h",
        value_parser = measure::duration
    )]
    ttl: Duration,

    /// Also write the line to this file, readable by its owner alone
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    output: Option<PathBuf>,
    /// Show no QR code
    #[arg(long, help_heading = "Output")]
    no_qr: bool,
    /// Print JSON
    #[arg(long, help_heading = "Output")]
    json: bool,
}

/// List claims and what became of them
#[derive(Debug, Args)]
pub(crate) struct ListClaims {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Made<'a> {
    claim: ClaimId,
    terminal: TerminalId,
    serial: &'a str,
    expires_at: UnixTime,
    /// Secret.
    line: &'a str,
}

impl ClaimTerminal {
    pub(crate) async fn run(
        &self,
        client: &Client,
        now: UnixTime,
        print: &mut Print,
    ) -> Result<Exit, Failure> {
        let labels = self.check()?;
        let seed = draw();
        let issued = client
            .claim(&NewClaim {
                serial: self.serial.clone(),
                store: self.store.clone(),
                model: self.model.clone(),
                lane: self.lane.clone(),
                labels,
                zone: self.zone.clone(),
                claim_key: seed.claim_key().public(),
                ttl_s: self.ttl.as_secs(),
            })
            .await?;
        let line = Zeroizing::new(line(&issued, seed));
        self.show(&issued, &line, now, print)?;
        if let Some(path) = &self.output {
            key_file::create(path, &format!("{}\n", *line))?;
            print.remark(format_args!("The line is in {}.", path.display()));
        }
        Ok(Exit::Done)
    }

    /// Everything that can be known to be wrong without asking.
    fn check(&self) -> Result<BTreeMap<String, String>, Failure> {
        if !is_serial(&self.serial) {
            return Err(Failure::because(format_args!("`{}` is no serial number", self.serial))
                .hint("1 to 64 printable ASCII characters without space, as on the terminal"));
        }
        if jiff::tz::TimeZone::get(&self.zone).is_err() {
            return Err(Failure::because(format_args!("`{}` is no time zone", self.zone))
                .hint("name it as in the IANA database, for example Europe/Berlin"));
        }
        if let Some(path) = self.output.as_ref().filter(|path| path.exists()) {
            return Err(Failure::because(format_args!("{} exists already", path.display()))
                .hint("choose another name: claims are not overwritten"));
        }
        let pair = |text: &String| {
            let (key, value) = text.split_once('=').filter(|(key, _)| !key.is_empty())?;
            Some((key.to_owned(), value.to_owned()))
        };
        let read = |text: &String| {
            pair(text).ok_or_else(|| {
                Failure::because(format_args!("`{text}` is no label")).hint("write KEY=VALUE")
            })
        };
        self.labels.iter().map(read).collect()
    }

    fn show(
        &self,
        issued: &IssuedClaim,
        line: &str,
        now: UnixTime,
        print: &mut Print,
    ) -> Result<(), Failure> {
        if self.json {
            let IssuedClaim { claim, terminal, ref serial, expires_at, .. } = *issued;
            print.json(&Made { claim, terminal, serial, expires_at, line });
            return Ok(());
        }
        print.remark(format_args!(
            "Terminal {} ({}) may enrol until {}, which is in {}.",
            issued.serial,
            issued.terminal,
            time_text(issued.expires_at),
            rough_text(issued.expires_at.since(now))
        ));
        print.remark(format_args!("Its windows are meant in the zone {}.\n", self.zone));
        print.line(line);
        if print.person_reads() && !self.no_qr {
            let picture = qr::picture(line)
                .map_err(|error| Failure::new(error).context("the claim fits no QR code"))?;
            print.line(format_args!("\n{picture}"));
        }
        Ok(())
    }
}

/// 160 random bits, which leave this process only in the line.
pub(crate) fn draw() -> Seed {
    let mut bytes = Zeroizing::new([0; 20]);
    getrandom::fill(&mut *bytes).expect("the operating system gives randomness");
    Seed::new(*bytes)
}

pub(crate) fn line(issued: &IssuedClaim, seed: Seed) -> String {
    let claim = Claim {
        url: issued.url.clone(),
        fleet: issued.fleet,
        serial: issued.serial.clone(),
        seed,
        server_ca: issued.ca,
        roster: issued.roster,
        expires_at: issued.expires_at,
    };
    claim.to_string()
}

impl ListClaims {
    pub(crate) async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        let claims = client.claims().await?;
        if self.json {
            print.json_list(&claims);
            return Ok(Exit::Done);
        }
        let header = ["serial", "store", "model", "state", "wrong guesses", "expires", "by"];
        let rows = claims.into_iter().map(|claim| {
            [
                claim.serial,
                claim.store,
                claim.model,
                word(&claim.state),
                claim.wrong_guesses.to_string(),
                time_text(claim.expires_at),
                claim.created_by,
            ]
        });
        print.table(header, rows.collect(), "no claim was made");
        Ok(Exit::Done)
    }
}
