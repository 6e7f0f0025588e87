//! `tillward deactivate certificate`: what became of what a terminal held, as the controller signed
//! for it.

mod page;
mod say;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;
use shared::digest::Digest;
use shared::document::SanitisationCertificate;
use shared::durable::{Readers, replace_file};

use super::super::certificate;
use super::super::client::Client;
use super::super::context::ContextArgs;
use super::super::failure::{Exit, Failure};
use super::super::print::Print;
use super::super::release::RosterArgs;
use super::super::terminal;
use page::Field;

const WHAT: &str = "sanitisation";

/// Certificates of terminals that were erased: what they say, and whether they are genuine
#[derive(Debug, Subcommand)]
pub(crate) enum CertificateCommand {
    Say(Box<say::Say>),
    Show(Show),
    Verify(Verify),
}

/// Fetch the newest certificate of a terminal
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  tillward deactivate certificate show PX-1 --output px-1.cose --html px-1.html")]
pub(crate) struct Show {
    /// Its id (`trm-…`) or its serial number
    terminal: String,
    /// Write the signed certificate into this file
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Write a page to be printed into this file
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Check a certificate without a controller: a controller of the roster signed it as it is
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  tillward deactivate certificate verify px-1.cose --roster 1.cose")]
pub(crate) struct Verify {
    /// The signed certificate
    file: PathBuf,
    #[command(flatten)]
    roster: RosterArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Shown<'a> {
    digest: Digest,
    #[serde(flatten)]
    certificate: &'a SanitisationCertificate,
}

impl CertificateCommand {
    pub(super) async fn run(
        &self,
        context: &ContextArgs,
        print: &mut Print,
    ) -> Result<Exit, Failure> {
        match self {
            Self::Say(args) => args.run(&Client::new(context.read()?)?, print).await,
            Self::Show(args) => args.run(&Client::new(context.read()?)?, print).await,
            Self::Verify(args) => args.run(context, print),
        }
    }
}

impl Show {
    async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        let id = terminal::identify(&self.terminal, client).await?;
        let newest = client.sanitisations(id).await?.into_iter().next();
        let newest = newest.ok_or_else(|| {
            let why =
                format!("{} has no certificate: nothing says that it is erased", self.terminal);
            Failure::because(why).hint("look at its wipe: `tillward deactivate list`")
        })?;
        let certificate = certificate::read::<SanitisationCertificate>(
            &newest.signed.0,
            Path::new(&self.terminal),
            WHAT,
        )?;
        if certificate.document.terminal != id {
            return Err(Failure::because("the controller gave another terminal's certificate")
                .exit(Exit::NotGenuine));
        }
        if let Some(file) = &self.output {
            replace_file(file, &newest.signed.0, Readers::Owner)?;
        }
        if let Some(file) = &self.html {
            let html = page::html(&certificate.document, certificate.digest());
            replace_file(file, html.as_bytes(), Readers::Owner)?;
        }
        tell(&certificate.document, certificate.digest(), self.json, print);
        Ok(Exit::Done)
    }
}

impl Verify {
    fn run(&self, context: &ContextArgs, print: &mut Print) -> Result<Exit, Failure> {
        let (certificate, signers) = certificate::verify::<SanitisationCertificate>(
            &self.file,
            WHAT,
            &self.roster,
            context,
        )?;
        tell(&certificate.document, certificate.digest(), self.json, print);
        if !self.json {
            print.line(format_args!("  signed by             {signers}"));
        }
        Ok(Exit::Done)
    }
}

fn tell(of: &SanitisationCertificate, digest: Digest, json: bool, print: &mut Print) {
    if json {
        return print.json(&Shown { digest, certificate: of });
    }
    print.line(format_args!("{} ({}) was erased", of.serial, of.terminal));
    for Field { name, value } in page::fields(of, digest) {
        print.line(format_args!("  {name:<20}  {value}"));
    }
    if !of.is_verified() {
        print.warning("not all of it was verified: see what was erased");
    }
}

#[cfg(test)]
mod tests {
    use shared::document::sanitisation::Verification;
    use shared::signature::Envelope;

    use super::super::super::{golden, samples};
    use super::*;

    #[test]
    fn a_certificate_is_told_in_full_and_says_what_is_not_verified() {
        let mut certificate = samples::sanitisation_certificate();
        let digest = Envelope::unsigned(certificate.clone()).digest();
        let told = |print: &mut Print| tell(&certificate, digest, false, print);
        golden::check("sanitisation-certificate", &golden::printed(told));
        let html = page::html(&certificate, digest);
        golden::check("sanitisation-certificate-page", &html);
        certificate.verification = Verification::NotVerified;
        (certificate.verified_by, certificate.verified_at) = (None, None);
        (certificate.responsible, certificate.validator) = (None, None);
        let told = golden::printed(|print| tell(&certificate, digest, false, print));
        for part in ["NOT VERIFIED", "not verified", "not stated"] {
            assert!(told.contains(part), "{told}");
        }
    }

    #[test]
    fn what_was_verified_is_told_by_what_was_erased() {
        const NAMES: &str = "the names of its files are gone";
        const DEVICES: &str = "read as zeros";
        const KEYS: &str = "its keys open nothing any more";
        let cases: [(&[&str], &[&str]); 4] = [
            (&["the till says that it has erased", "/var/pos: removed, verified; "], &[NAMES]),
            (
                &["file:/k: destroyed, verified; d", "/dev/x: discarded, verified; "],
                &[NAMES, DEVICES],
            ),
            (&["luks:/dev/x: destroyed, verified; no key slot is left"], &[KEYS]),
            (&["gone"], &[]),
        ];
        let mut certificate = samples::sanitisation_certificate();
        certificate.verification = Verification::Sampled;
        for (erased, expected) in cases {
            certificate.erased = erased.iter().map(|&it| it.to_owned()).collect();
            let digest = Envelope::unsigned(certificate.clone()).digest();
            let told = golden::printed(|print| tell(&certificate, digest, false, print));
            assert!(told.contains("by quick sampling: the terminal looked for it"), "{told}");
            for part in [NAMES, DEVICES, KEYS] {
                assert_eq!(told.contains(part), expected.contains(&part), "{part}: {told}");
            }
        }
        certificate.verification = Verification::Full;
        certificate.erased = vec!["/dev/x: discarded, verified; ".to_owned()];
        let digest = Envelope::unsigned(certificate.clone()).digest();
        let told = golden::printed(|print| tell(&certificate, digest, false, print));
        assert!(told.contains("in full: the terminal looked for all of it, and its devices"));
        assert!(told.contains("from end to end"), "{told}");
    }
}
