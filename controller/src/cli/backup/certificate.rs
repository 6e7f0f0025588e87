//! `tillward backup certificate`: what became of a repository, as the controller signed for it.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;
use shared::digest::Digest;
use shared::document::PurgeCertificate;
use shared::document::purge_certificate::PurgeReason;
use shared::durable::{Readers, replace_file};
use shared::id::RepositoryId;

use super::super::certificate;
use super::super::client::Client;
use super::super::context::ContextArgs;
use super::super::failure::{Exit, Failure};
use super::super::measure::{size_text, time_text};
use super::super::print::Print;
use super::super::release::RosterArgs;
use super::super::words::counted;

const WHAT: &str = "a purge";

/// Show and check certificates of repositories that were purged
#[derive(Debug, Subcommand)]
pub(crate) enum CertificateCommand {
    Show(Show),
    Verify(Verify),
}

/// Fetch the certificate of a repository that was purged
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The repository
    #[arg(value_name = "REPOSITORY")]
    repository: RepositoryId,
    /// Write the signed certificate into this file
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Check a certificate without a controller: a controller of the roster signed it as it is
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  tillward backup certificate verify purged.cose --roster 1.cose")]
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
    certificate: &'a PurgeCertificate,
}

impl CertificateCommand {
    pub(super) async fn run(
        &self,
        context: &ContextArgs,
        print: &mut Print,
    ) -> Result<Exit, Failure> {
        match self {
            Self::Show(args) => args.run(&Client::new(context.read()?)?, print).await,
            Self::Verify(args) => args.run(context, print),
        }
    }
}

impl Show {
    async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        let path = format!("/v1/backups/{}/certificate", self.repository);
        let bytes = client.bytes(&path).await?.bytes().await.map_err(Failure::new)?;
        let certificate = certificate::read::<PurgeCertificate>(&bytes, Path::new(&path), WHAT)?;
        if certificate.document.repository != self.repository {
            return Err(Failure::because("the controller gave another repository's certificate")
                .exit(Exit::NotGenuine));
        }
        if let Some(file) = &self.output {
            replace_file(file, &bytes, Readers::Owner)?;
        }
        tell(&certificate.document, certificate.digest(), self.json, print);
        Ok(Exit::Done)
    }
}

impl Verify {
    fn run(&self, context: &ContextArgs, print: &mut Print) -> Result<Exit, Failure> {
        let (certificate, signers) =
            certificate::verify::<PurgeCertificate>(&self.file, WHAT, &self.roster, context)?;
        tell(&certificate.document, certificate.digest(), self.json, print);
        if !self.json {
            print.line(format_args!("  signed by   {signers}"));
        }
        Ok(Exit::Done)
    }
}

pub(super) fn tell(of: &PurgeCertificate, digest: Digest, json: bool, print: &mut Print) {
    if json {
        return print.json(&Shown { digest, certificate: of });
    }
    print.line(format_args!("{} of {} ({}) was purged", of.repository, of.serial, of.terminal));
    print.line(format_args!("  certificate {digest}"));
    print.line(format_args!("  sealed key  {}", of.sealed_key));
    print.line(format_args!("  written     {} to {}", time_text(of.opened_at), {
        time_text(of.closed_at)
    }));
    print.line(format_args!("  purged      {} to {}", time_text(of.begun_at), {
        time_text(of.finished_at)
    }));
    print.line(format_args!("  stored      {}, {}", counted(of.objects, "object"), {
        size_text(of.bytes)
    }));
    for place in &of.places {
        let (name, region, at) = (&place.name, &place.region, time_text(place.verified_at));
        print.line(format_args!("  nothing in  {name} ({region}), looked at {at}"));
    }
    let (all, listed) = (of.snapshots, of.listed_count());
    print.line(format_args!("  snapshots   {all}, {listed} of them listed; together {}", {
        of.manifests
    }));
    print.line("");
    let rows = of.listed.iter().flat_map(|group| {
        group.snapshots.iter().map(|it| {
            let taken = time_text(it.taken_at);
            [it.number.to_string(), taken, words(&group.why), it.manifest.to_string()]
        })
    });
    print.table(["number", "taken", "why", "snapshot"], rows.collect(), "it held no snapshot");
}

fn words(why: &PurgeReason) -> String {
    match why {
        PurgeReason::NotKept { rules } => format!(
            "not among the last {}, nor of {} days, {} weeks, {} months",
            rules.last, rules.daily, rules.weekly, rules.monthly
        ),
        PurgeReason::TerminalClosed { closed_at, kept_days } => {
            format!("{kept_days} days after its terminal was revoked, {}", time_text(*closed_at))
        }
        PurgeReason::Asked { by, reason, last_copy } => {
            let even = if *last_copy { ", even for the last copy" } else { "" };
            format!("{by} asked{even}: {reason}")
        }
    }
}

#[cfg(test)]
mod tests {
    use shared::signature::Envelope;

    use super::super::super::{golden, samples};
    use super::*;

    #[test]
    fn a_certificate_is_told_in_full() {
        let certificate = samples::purge_certificate();
        let digest = Envelope::unsigned(certificate.clone()).digest();
        let told = |print: &mut Print| tell(&certificate, digest, false, print);
        golden::check("backup-certificate", &golden::printed(told));
    }
}
