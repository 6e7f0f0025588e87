//! `tillward release`: software is built, signed by people one after another, and published.

mod build;
pub(super) mod describe;
mod publish;
mod sign;
mod verify;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use shared::digest::Digest;
use shared::document::Release;
use shared::signature::Envelope;
use shared::time::UnixTime;

use super::client::Client;
use super::context::ContextArgs;
use super::failure::{Exit, Failure};
use super::measure::{size_text, time_text};
use super::print::Print;
use super::roster::ReadRoster;
use crate::release::ReleaseFiles;

/// Build, sign and publish releases
#[derive(Debug, Subcommand)]
pub(super) enum ReleaseCommand {
    Build(Box<build::Build>),
    Sign(sign::Sign),
    Show(Show),
    Verify(verify::Verify),
    Publish(publish::Publish),
    /// List the releases that are published
    List(List),
}

/// Show what a release says, from a file or from the controller
#[derive(Debug, Args)]
pub(super) struct Show {
    /// The directory or document of a release, or the digest of a published one
    #[arg(value_name = "FILE|DIGEST")]
    pub what: String,
    #[command(flatten)]
    pub roster: RosterArgs,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub(super) struct List {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// By whose word signatures are counted.
#[derive(Debug, Args)]
pub(super) struct RosterArgs {
    /// Count signatures by this roster instead of the one that the context names
    #[arg(long, value_name = "FILE")]
    pub roster: Option<PathBuf>,
}

impl RosterArgs {
    /// The roster, where one is known.
    pub(super) fn read(&self, context: &ContextArgs) -> Result<Option<ReadRoster>, Failure> {
        let path = match &self.roster {
            Some(path) => Some(path.clone()),
            None => context.roster()?,
        };
        path.map(|path| ReadRoster::read_signed(&path)).transpose()
    }
}

impl ReleaseCommand {
    pub(super) async fn run(
        &self,
        context: &ContextArgs,
        now: UnixTime,
        print: &mut Print,
    ) -> Result<Exit, Failure> {
        match self {
            Self::Build(args) => args.run(now, print),
            Self::Sign(args) => args.run(context, now, print),
            Self::Show(args) => args.run(context, print).await,
            Self::Verify(args) => args.run(context, now, print),
            Self::Publish(args) => args.run(context, print).await,
            Self::List(args) => args.run(context, print).await,
        }
    }
}

impl Show {
    async fn run(&self, context: &ContextArgs, print: &mut Print) -> Result<Exit, Failure> {
        if let Ok(digest) = self.what.parse::<Digest>()
            && !Path::new(&self.what).exists()
        {
            let release = Client::new(context.read()?)?.release(digest).await?;
            match self.json {
                true => print.json(&release),
                false => describe::published(&release, print),
            }
            return Ok(Exit::Done);
        }
        let (_, release) = read_named(Path::new(&self.what))?;
        let roster = self.roster.read(context)?;
        match self.json {
            true => print.json(&describe::Document::of(&release, roster.as_ref())),
            false => {
                describe::release(&release.document, release.digest(), print);
                describe::signatures(&release, roster.as_ref(), print);
            }
        }
        Ok(Exit::Done)
    }
}

impl List {
    async fn run(&self, context: &ContextArgs, print: &mut Print) -> Result<Exit, Failure> {
        let releases = Client::new(context.read()?)?.releases().await?;
        if self.json {
            print.json_list(&releases);
            return Ok(Exit::Done);
        }
        let header = ["component", "version", "counter", "models", "size", "published", "digest"];
        let rows = releases.into_iter().map(|release| {
            [
                release.component,
                release.version,
                release.security_counter.to_string(),
                release.models.join(", "),
                size_text(release.artifact.size),
                time_text(release.published_at),
                release.digest.to_string(),
            ]
        });
        print.table(header, rows.collect(), "no release is published");
        Ok(Exit::Done)
    }
}

/// The files of the release that a person named, and its document without believing it.
pub(super) fn read_named(named: &Path) -> Result<(ReleaseFiles, Envelope<Release>), Failure> {
    let unknown = |error: std::io::Error, what: &Path| {
        Failure::new(error)
            .context(format!("cannot read {}", what.display()))
            .context(format!("`{}` is neither a digest nor a release's directory", named.display()))
            .hint("`tillward release list` shows the digests of what is published")
    };
    // What does not exist would stand for whatever release lies in the directory around it.
    std::fs::metadata(named).map_err(|error| unknown(error, named))?;
    let files = ReleaseFiles::at(named);
    let document = files.document();
    let bytes = std::fs::read(&document).map_err(|error| unknown(error, &document))?;
    let release = Envelope::from_bytes(&bytes).map_err(|error| {
        let what = format!("{} is not a release", document.display());
        Failure::new(error).context(what).exit(Exit::NotGenuine)
    })?;
    Ok((files, release))
}
