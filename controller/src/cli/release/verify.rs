//! `tillward release verify`: whether terminals will believe a release.

use std::path::PathBuf;

use clap::Args;
use shared::document::Release;
use shared::time::UnixTime;

use super::super::context::ContextArgs;
use super::super::failure::{Exit, Failure};
use super::super::print::Print;
use super::{RosterArgs, describe, read_named};
use crate::release::{ReleaseFiles, inspect};

/// Check a release as a terminal would
///
/// The document says nothing impossible, the artifact beside it is the one that it names and holds
/// only plain files and directories, and enough release keys of the roster signed it.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// The release, or the directory that it is in
    file: PathBuf,
    #[command(flatten)]
    roster: RosterArgs,
}

impl Verify {
    pub(super) fn run(
        &self,
        context: &ContextArgs,
        now: UnixTime,
        print: &mut Print,
    ) -> Result<Exit, Failure> {
        let (files, release) = read_named(&self.file)?;
        let roster = self.roster.read(context)?.ok_or_else(|| {
            Failure::because("no roster says whose signatures count")
                .hint("name one with --roster FILE, or a context with --context FILE")
        })?;
        describe::release(&release.document, release.digest(), print);
        sound(&release.document)?;
        artifact(&files, &release.document)?;
        print.line("  artifact    is the one that is named, and holds only files and directories");
        describe::signatures(&release, Some(&roster), print);
        let signatures = describe::Signatures::of(&release, &roster);
        if !signatures.suffice() {
            return Err(Failure::because(format_args!(
                "not enough signatures: {}",
                describe::progress(&signatures)
            ))
            .exit(Exit::NotGenuine));
        }
        if release.document.expires_at <= now {
            return Err(Failure::because(format_args!(
                "it expired at {}",
                release.document.expires_at
            ))
            .exit(Exit::NotGenuine));
        }
        Ok(Exit::Done)
    }
}

/// Whether the document says nothing impossible.
pub(super) fn sound(release: &Release) -> Result<(), Failure> {
    release.check().map_err(|error| {
        Failure::new(error).context("terminals would refuse this release").exit(Exit::NotGenuine)
    })
}

/// Whether the artifact beside the document is the one that the document names.
pub(super) fn artifact(files: &ReleaseFiles, release: &Release) -> Result<(), Failure> {
    let named = &release.artifact;
    let found = inspect(&files.artifact(), named.unpacked_size)?;
    if found == *named {
        return Ok(());
    }
    let path = files.artifact();
    let difference = match () {
        () if found.sha256 != named.sha256 => {
            format!("its SHA-256 is {}, the release names {}", found.sha256, named.sha256)
        }
        () if found.size != named.size => {
            format!("it has {} bytes, the release names {}", found.size, named.size)
        }
        () => format!(
            "it unpacks to {} bytes in {} entries, the release names {} in {}",
            found.unpacked_size, found.entries, named.unpacked_size, named.entries
        ),
    };
    Err(Failure::because(difference)
        .context(format!("{} is not the artifact of this release", path.display()))
        .exit(Exit::NotGenuine))
}
