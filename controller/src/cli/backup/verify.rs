//! `tillward backup verify`: everything is read again in both places, now.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use shared::digest::Digest;
use shared::id::TerminalId;
use shared::time::UnixTime;

use super::super::client::Client;
use super::super::failure::{Exit, Failure};
use super::super::print::Print;
use super::super::words::{counted, word};
use crate::api::model::{Snapshot, SnapshotDetail, SnapshotState};

/// How often it is asked how far it is.
const ASK_EVERY: Duration = Duration::from_millis(500);

/// Read what a terminal saved again, in both places, and say whether it is whole
///
/// A copy that is not whole is repaired from the other, which raises an alarm.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// A terminal, or the digest of a snapshot's manifest
    #[arg(value_name = "TERMINAL|SNAPSHOT", value_parser = what)]
    what: What,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug)]
enum What {
    Terminal(TerminalId),
    Snapshot(Digest),
}

fn what(text: &str) -> Result<What, String> {
    let terminal = text.parse().map(What::Terminal);
    let wrong = |_| format!("`{text}` is neither a terminal's id nor a digest");
    terminal.or_else(|_| text.parse().map(What::Snapshot)).map_err(wrong)
}

impl Verify {
    pub(super) async fn run(
        &self,
        client: &Client,
        now: UnixTime,
        print: &mut Print,
    ) -> Result<Exit, Failure> {
        // One snapshot of each repository stands for it.
        let snapshots = match self.what {
            What::Snapshot(manifest) => vec![manifest],
            What::Terminal(terminal) => {
                let there = client.snapshots(Some(terminal)).await?;
                // What is being deleted, or is to be by now, is not read any more.
                let goes = |it: &Snapshot| it.purge_at.is_some_and(|at| at <= now);
                let there = there.into_iter();
                let there = there.filter(|it| it.state != SnapshotState::Purged && !goes(it));
                let newest = there.rev().map(|it| (it.repository, it.manifest));
                newest.collect::<BTreeMap<_, _>>().into_values().collect()
            }
        };
        if snapshots.is_empty() {
            return Err(Failure::because("the terminal has saved nothing"));
        }
        let mut ended = Vec::new();
        for manifest in snapshots {
            ended.push(read_again(client, manifest).await?);
        }
        let whole = ended.iter().all(|it| it.objects.lost == 0);
        match self.json {
            true => print.json_list(&ended),
            false => ended.iter().for_each(|it| tell(it, print)),
        }
        Ok(if whole { Exit::Done } else { Exit::NotGenuine })
    }
}

async fn read_again(client: &Client, manifest: Digest) -> Result<SnapshotDetail, Failure> {
    let mut detail = client.verify_snapshot(manifest).await?;
    let bar = bar(detail.objects.count);
    while detail.objects.waiting > 0 {
        bar.set_position(detail.objects.count.saturating_sub(detail.objects.waiting));
        tokio::time::sleep(ASK_EVERY).await;
        detail = client.snapshot(manifest).await?;
    }
    bar.finish_and_clear();
    Ok(detail)
}

fn tell(detail: &SnapshotDetail, print: &mut Print) {
    let SnapshotDetail { snapshot, objects, .. } = detail;
    let count = counted(objects.count, "object");
    let (repository, number, state) = (snapshot.repository, snapshot.number, &snapshot.state);
    match objects.lost {
        0 => print.line(format_args!(
            "{repository}: {count} whole in both places; snapshot {number} is {}",
            word(state)
        )),
        lost => print.line(format_args!(
            "{repository}: {lost} of {count} whole in neither place; snapshot {number} is {}",
            word(state)
        )),
    }
}

fn bar(objects: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("  {bar:30} {pos} of {len} objects, {eta} left")
        .expect("the template is well formed");
    ProgressBar::new(objects).with_style(style)
}
