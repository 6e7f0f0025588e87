//! `tillward restore start`, and what of which snapshot goes where.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use shared::backup::Selection;
use shared::digest::Digest;
use shared::id::TerminalId;
use shared::window::Window;

use super::super::backup::snapshot;
use super::super::campaign::show::summary;
use super::super::client::Client;
use super::super::failure::{Exit, Failure};
use super::super::measure;
use super::super::print::Print;
use super::super::terminal::identify;
use crate::api::model::{Base64, CampaignState, Change, NewCampaign, Restore, SnapshotDetail};

/// What is restored, and where.
#[derive(Debug, Args)]
pub(super) struct What {
    /// The digest of the snapshot's manifest, as `tillward backup list` shows it
    #[arg(value_name = "SNAPSHOT", value_parser = snapshot)]
    pub(super) snapshot: Digest,
    /// Another terminal than the one that saved it, by its serial number or id
    #[arg(long, value_name = "TERMINAL")]
    onto: Option<String>,
    /// Only this data set; may be repeated
    #[arg(long = "data-set", value_name = "NAME")]
    data_sets: Vec<String>,
    /// Only this file of a configured path, as `paths/<name>/<path>`
    ///
    /// As it is named in the snapshot's listing; the till's own data is restored by data set.
    #[arg(long, value_name = "PATH", conflicts_with = "data_sets", value_parser = file)]
    pub(super) file: Option<String>,
}

/// A terminal looks again; this finds what cannot be meant.
fn file(text: &str) -> Result<String, &'static str> {
    let mut parts = text.split('/');
    let is_inside = parts.next() == Some("paths") && parts.clone().count() >= 2;
    let is_plain = |part: &str| !matches!(part, "" | "." | "..") && !part.contains(['\n', '\0']);
    match is_inside && parts.all(is_plain) {
        true => Ok(text.to_owned()),
        false => Err("write `paths/<data set>/<path of the file in it>`"),
    }
}

impl What {
    /// The terminal that restores.
    pub(super) async fn target(
        &self,
        of: &SnapshotDetail,
        client: &Client,
    ) -> Result<TerminalId, Failure> {
        match &self.onto {
            Some(onto) => identify(onto, client).await,
            None => Ok(of.snapshot.terminal),
        }
    }

    pub(super) fn selection(&self) -> Selection {
        match (&self.file, self.data_sets.as_slice()) {
            (Some(file), _) => Selection::File(file.clone()),
            (None, []) => Selection::Everything,
            (None, names) => Selection::DataSets(names.to_vec()),
        }
    }

    /// A misspelt name is found here, and not by a terminal after two people have signed.
    pub(super) fn check(&self, of: &SnapshotDetail) -> Result<(), Failure> {
        let is_there = |name: &&String| of.data_sets.iter().any(|set| set.name == **name);
        let of_file = self.file.as_deref().and_then(|path| path.split('/').nth(1));
        let of_file = of_file.map(str::to_owned);
        let mut names = self.data_sets.iter().chain(&of_file);
        let Some(unknown) = names.find(|name| !is_there(name)) else {
            return Ok(());
        };
        let names: Vec<_> = of.data_sets.iter().map(|set| set.name.as_str()).collect();
        Err(Failure::because(format!("the snapshot holds no data set `{unknown}`"))
            .hint(format!("it holds {}", names.join(", "))))
    }
}

/// Ask for a restore; it begins when the approvers have signed
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  tillward restore start SNAPSHOT --window 22:00-06:00")]
pub(crate) struct Start {
    #[command(flatten)]
    what: What,
    /// When the shop may be disturbed, in the terminal's local time; else at any time
    #[arg(long, value_name = "HH:MM-HH:MM")]
    window: Option<Window>,
    /// The repository's key, sealed to the terminal that restores
    ///
    /// Needed where that terminal does not have the key itself: it is another one, or the key's
    /// term is over.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// How long the approvers and the terminal have; else 3 days
    #[arg(long, value_name = "DURATION", value_parser = measure::duration)]
    not_after: Option<Duration>,
    /// What people call it
    #[arg(long)]
    name: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Start {
    pub(super) async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        let detail = client.snapshot(self.what.snapshot).await?;
        self.what.check(&detail)?;
        let it = &detail.snapshot;
        let restore = Restore {
            terminal: it.terminal,
            repository: it.repository,
            snapshot: it.snapshot,
            manifest: it.manifest,
            selection: self.what.selection(),
            key: self.sealed_key()?,
            window: self.window,
        };
        let asked = NewCampaign {
            change: Change::Restore(restore),
            selector: format!("id={}", self.what.target(&detail, client).await?),
            max_parallel: 1,
            policy: None,
            not_after_s: self.not_after.map(|lifetime| lifetime.as_secs()),
            name: self.name.clone(),
        };
        let campaign = client.begin_campaign(&asked).await?;
        if self.json {
            print.json(&campaign);
            return Ok(Exit::Done);
        }
        summary(&campaign, print);
        let id = campaign.id;
        if campaign.state == CampaignState::AwaitingApproval {
            print.remark(format_args!(
                "\nNext, for the approvers:\n  tillward approve export {id} --to request.json"
            ));
        }
        print.remark(format_args!("\nNext:\n  tillward restore watch {id}"));
        Ok(Exit::Done)
    }

    fn sealed_key(&self) -> Result<Option<Base64>, Failure> {
        let Some(path) = &self.key else { return Ok(None) };
        let read = fs::read(path).map_err(|error| {
            Failure::new(error).context(format!("the sealed key {} cannot be read", path.display()))
        })?;
        Ok(Some(Base64(read)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_named_as_the_listing_has_it() {
        for path in ["paths/receipts/1.txt", "paths/receipts/2026/a b.txt"] {
            assert_eq!(file(path).as_deref(), Ok(path));
        }
        for path in [
            "",
            "paths",
            "paths/receipts",
            "paths/receipts/",
            "/paths/receipts/1",
            "paths/../etc/passwd",
            "paths/receipts/../../x",
            "paths/receipts/./x",
            "paths//x",
            "export/sales.db",
            "paths/receipts/a\nb",
        ] {
            assert!(file(path).is_err(), "{path:?}");
        }
    }
}
