//! `tillward release build`: from a directory to an archive and an unsigned document.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args};
use shared::document::Release;
use shared::document::release::Settlement;
use shared::durable::{Readers, replace_file};
use shared::signature::Envelope;
use shared::time::UnixTime;

use super::super::failure::{Exit, Failure};
use super::super::measure::{self, unix_time};
use super::super::print::Print;
use super::describe;
use crate::release::{Draft, NotARelease, ReleaseFiles, pack};

/// Build a release from a directory
///
/// Writes `artifact.tar.zst` and `release.cose`, which nobody has signed yet. The same directory
/// and options give the same bytes on every machine, if --issued-at (or SOURCE_DATE_EPOCH) is the
/// same too: two people can build apart and compare digests before they sign.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  tillward release build target/pos --component pos --version 2.0.0 --model px7 --model px8 \\
    --counter 12 --settle-first -o pos-2.0.0")]
pub(crate) struct Build {
    /// The software: plain files and directories
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// Where the two files go; made if it is not there
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,

    /// Which slot of the terminal it goes into, for example `pos`
    #[arg(long, value_name = "NAME", help_heading = "What it is")]
    component: String,
    /// What the running application will report
    #[arg(long, value_name = "VERSION", help_heading = "What it is")]
    version: String,
    /// A terminal model that it is for; may be given several times
    #[arg(
        long = "model",
        value_name = "MODEL",
        required = true,
        action = ArgAction::Append,
        help_heading = "What it is"
    )]
    models: Vec<String>,
    /// Security counter: never goes down on a terminal
    #[arg(long, value_name = "N", help_heading = "What it is")]
    counter: u64,

    /// Settle open batches with the provider before the switch
    #[arg(long, help_heading = "How it is installed")]
    settle_first: bool,
    /// All health checks must hold this long without a break
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "10s",
        value_parser = measure::duration,
        help_heading = "How it is installed"
    )]
    health_stable: Duration,
    /// …and must have done so this soon after the restart, or the old version returns
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "5m",
        value_parser = measure::duration,
        help_heading = "How it is installed"
    )]
    health_within: Duration,
    /// Only over versions with at least this counter
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "How it is installed")]
    from_counter: u64,
    /// Once it is committed, delete versions below this counter: there is no way back to them
    #[arg(long, value_name = "N", help_heading = "How it is installed")]
    raise_floor_to: Option<u64>,

    /// How long it may be installed
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "1y",
        value_parser = measure::duration,
        help_heading = "Validity"
    )]
    expires: Duration,
    /// When it counts as issued: RFC 3339, or seconds since 1970; else now
    #[arg(
        long,
        value_name = "TIME",
        env = "SOURCE_DATE_EPOCH",
        hide_env_values = true,
        value_parser = unix_time,
        help_heading = "Validity"
    )]
    issued_at: Option<UnixTime>,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Build {
    pub(super) fn run(&self, now: UnixTime, print: &mut Print) -> Result<Exit, Failure> {
        let draft = self.draft(now);
        let mistakes = draft.mistakes();
        if !mistakes.is_empty() {
            return Err(NotARelease::Mistakes(mistakes).into());
        }
        std::fs::create_dir_all(&self.output).map_err(|error| {
            Failure::new(error).context(format!("cannot make {}", self.output.display()))
        })?;
        let files = ReleaseFiles { directory: self.output.clone() };
        if files.document().exists() {
            let document = files.document();
            return Err(Failure::because(format_args!("{} exists already", document.display()))
                .hint("it may carry signatures: remove it yourself, or choose another directory"));
        }
        let artifact = pack(&self.directory, &files.artifact())?;
        let release = Envelope::<Release>::unsigned(draft.release(artifact)?);
        replace_file(&files.document(), &release.to_bytes(), Readers::Anyone)?;
        match self.json {
            true => print.json(&describe::Document::of(&release, None)),
            false => {
                describe::release(&release.document, release.digest(), print);
                print.remark(format_args!(
                    "\nNext: each holder of a release key compares the digest and runs\n  \
                     tillward release sign {} --key FILE",
                    files.document().display()
                ));
            }
        }
        Ok(Exit::Done)
    }

    fn draft(&self, now: UnixTime) -> Draft {
        Draft {
            component: self.component.clone(),
            version: self.version.clone(),
            models: self.models.clone(),
            security_counter: self.counter,
            from_counter_min: self.from_counter,
            raise_floor_to: self.raise_floor_to,
            settlement: match self.settle_first {
                true => Settlement::Before,
                false => Settlement::NotNeeded,
            },
            health_stable: self.health_stable,
            health_within: self.health_within,
            issued_at: self.issued_at.unwrap_or(now),
            lifetime: self.expires,
        }
    }
}
