//! `tillward unit sanitised`: people answer for what a terminal could not prove.

use std::path::PathBuf;

use clap::Args;

use super::super::client::Client;
use super::super::failure::{Exit, Failure};
use super::super::measure::time_text;
use super::super::print::Print;
use super::super::words::or_nothing;
use super::say::digest_of;
use crate::api::model::{NewUnitSanitisation, UnitRemains, UnitSanitisation, UnitSanitised};

/// Answer for a sanitisation of a unit by hand
///
/// A unit that has served waits for its return only once its terminal has signed that it is erased
/// and verified, or two people have said this, with the same reference and paper. What enrols or
/// sells again after that has something on it again.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  tillward unit sanitised PX-1 --reference SHRED-2026-117 --paper certificate.pdf \\
      --why 'its storage was shredded'")]
pub(crate) struct Sanitised {
    serial: String,
    /// The reference of whoever sanitised it
    #[arg(long, value_name = "TEXT")]
    reference: String,
    /// Their certificate, of which the digest is kept
    #[arg(long, value_name = "FILE")]
    paper: PathBuf,
    /// Why; kept in the audit log
    #[arg(long, value_name = "TEXT")]
    why: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Sanitised {
    pub(super) async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        let asked = NewUnitSanitisation {
            reference: self.reference.clone(),
            paper: digest_of(&self.paper)?,
            reason: self.why.clone(),
        };
        let known = client.sanitise_unit(&self.serial, &asked).await?;
        match self.json {
            true => print.json(&known),
            false => told(&known, print),
        }
        Ok(Exit::Done)
    }
}

fn told(known: &UnitSanitisation, print: &mut Print) {
    lines(known, print);
    if let Some(hint) = &known.hint {
        print.hint(hint);
    }
}

/// Without what to do: who only looks at a unit that sells need do nothing about it.
pub(super) fn lines(known: &UnitSanitisation, print: &mut Print) {
    let what = match (known.remains, known.certificate, &known.detail) {
        (UnitRemains::Nothing, ..) => "nothing: it never had an identity".to_owned(),
        (UnitRemains::Erased, certificate, _) => {
            format!("nothing: erased, by certificate {}", or_nothing(certificate))
        }
        (UnitRemains::Sanitised, ..) => "nothing: sanitised by hand".to_owned(),
        (UnitRemains::Left, _, detail) => or_nothing(detail.as_ref()),
    };
    print.line(format_args!("{:<11} {what}", "left on it"));
    let row = |it: &UnitSanitised| {
        let counts = if it.counts { "yes" } else { "no: it sold or enrolled since" };
        [
            it.reference.clone(),
            it.paper.to_string(),
            time_text(it.at),
            it.by.clone(),
            or_nothing(it.reason.as_ref()),
            counts.to_owned(),
        ]
    };
    if !known.said.is_empty() {
        print.line("");
        let header = ["sanitised", "paper", "at", "by", "why", "counts"];
        print.table(header, known.said.iter().map(row).collect(), "");
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::{golden, samples};
    use super::*;

    #[test]
    fn what_is_on_a_unit_is_told_with_everybody_who_answers_for_it() {
        let mut known = samples::unit_sanitisation();
        golden::check("unit-sanitised", &golden::printed(|print| told(&known, print)));
        known.said.truncate(2);
        (known.remains, known.hint) = (UnitRemains::Left, Some("let somebody else say so".into()));
        known.detail = Some("nobody has shown that it is erased".to_owned());
        golden::check("unit-left", &golden::printed(|print| told(&known, print)));
    }
}
