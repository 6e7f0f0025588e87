//! `tillward backup list`, `show`, `hold` and `unhold`.

use std::time::Duration;

use clap::Args;
use shared::digest::Digest;
use shared::document::manifest::DataSet;
use shared::id::TerminalId;
use shared::time::UnixTime;

use super::super::client::Client;
use super::super::failure::{Exit, Failure};
use super::super::measure::{duration, duration_text, size_text, time_text};
use super::super::print::Print;
use super::super::words::{counted, or_nothing, word};
use super::{snapshot, terminal_id};
use crate::api::model::{Coverage, HoldReason, Snapshot, SnapshotDetail};

/// List snapshots, or the terminals that have no recent one
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  tillward backup list --overdue")]
pub(crate) struct List {
    /// Only those of this terminal
    #[arg(long, value_name = "TERMINAL", value_parser = terminal_id, conflicts_with = "overdue")]
    terminal: Option<TerminalId>,
    /// Instead: enrolled terminals whose newest available snapshot is too old, or that have none
    #[arg(long)]
    overdue: bool,
    /// How old is too old
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "1d",
        requires = "overdue")]
    within: Duration,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Show a snapshot, what it holds, and how its repository is
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The digest of its manifest
    #[arg(value_name = "SNAPSHOT", value_parser = snapshot)]
    snapshot: Digest,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Hold {
    /// The digest of its manifest
    #[arg(value_name = "SNAPSHOT", value_parser = snapshot)]
    snapshot: Digest,
    /// Why; kept in the audit log
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl List {
    pub(super) async fn run(
        &self,
        client: &Client,
        now: UnixTime,
        print: &mut Print,
    ) -> Result<Exit, Failure> {
        if self.overdue {
            let since = now.minus(self.within);
            let mut coverage = client.coverage().await?;
            coverage.retain(|it| it.covered_at.is_none_or(|at| at < since));
            match self.json {
                true => print.json_list(&coverage),
                false => uncovered(coverage, now, self.within, print),
            }
            return Ok(Exit::Done);
        }
        let snapshots = client.snapshots(self.terminal).await?;
        match self.json {
            true => print.json_list(&snapshots),
            false => list(snapshots, print),
        }
        Ok(Exit::Done)
    }
}

fn list(snapshots: Vec<Snapshot>, print: &mut Print) {
    let row = |it: Snapshot| {
        [
            it.terminal.to_string(),
            it.number.to_string(),
            time_text(it.taken_at),
            size_text(it.bytes),
            word(&it.state),
            or_nothing(it.purge_at.map(time_text)),
            or_nothing(it.held_for),
            it.manifest.to_string(),
        ]
    };
    let header =
        ["terminal", "number", "taken", "size", "state", "goes at", "held for", "snapshot"];
    print.table(header, snapshots.into_iter().map(row).collect(), "nothing was saved");
}

fn uncovered(coverage: Vec<Coverage>, now: UnixTime, within: Duration, print: &mut Print) {
    let row = |it: Coverage| {
        let age = it.covered_at.map(|at| duration_text(now.since(at)));
        [it.serial, it.store, or_nothing(it.covered_at.map(time_text)), or_nothing(age), {
            it.terminal.to_string()
        }]
    };
    let covered = format!("every terminal has an available snapshot of the last {}", {
        duration_text(within)
    });
    let header = ["serial", "store", "newest available", "age", "terminal"];
    print.table(header, coverage.into_iter().map(row).collect(), &covered);
}

impl Show {
    pub(super) async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        let detail = client.snapshot(self.snapshot).await?;
        match self.json {
            true => print.json(&detail),
            false => whole(detail, print),
        }
        Ok(Exit::Done)
    }
}

impl Hold {
    pub(super) async fn run(
        &self,
        action: &str,
        client: &Client,
        print: &mut Print,
    ) -> Result<Exit, Failure> {
        let reason = HoldReason { reason: self.reason.clone() };
        let detail = client.hold_snapshot(self.snapshot, action, &reason).await?;
        match self.json {
            true => print.json(&detail),
            false => whole(detail, print),
        }
        Ok(Exit::Done)
    }
}

fn whole(detail: SnapshotDetail, print: &mut Print) {
    let SnapshotDetail { snapshot: it, data_sets, sealed_key, roster_version, objects } = detail;
    print.line(format_args!("Snapshot {} of {}", it.number, it.terminal));
    print.line(format_args!("  state       {}, since {}", word(&it.state), time_text(it.state_at)));
    if let Some(why) = &it.expires_for {
        print.line(format_args!("  expires     {why}"));
    }
    if let Some(at) = it.purge_at {
        print.line(format_args!("  goes        with its repository at {}", time_text(at)));
    }
    if let Some((reason, by)) = it.held_for.as_ref().zip(it.held_by.as_ref()) {
        print.line(format_args!("  held        by {by}: {reason}"));
    }
    print.line(format_args!("  taken       {}", time_text(it.taken_at)));
    print.line(format_args!("  order       {}", it.order));
    print.line(format_args!("  batch       {}", if it.batch_open { "open" } else { "closed" }));
    print.line(format_args!("  manifest    {}", it.manifest));
    print.line(format_args!("  snapshot    {}", it.snapshot));
    print.line(format_args!("  repository  {}", it.repository));
    print.line(format_args!("  sealed key  {sealed_key}, for the recipients of roster {}", {
        roster_version
    }));
    let mut stored = format!("{}, {}", counted(objects.count, "object"), size_text(objects.bytes));
    if objects.waiting > 0 {
        stored = format!("{stored}; {} to be read", objects.waiting);
    }
    if objects.lost > 0 {
        stored = format!("{stored}; {} LOST", objects.lost);
    }
    print.line(format_args!("  stored      {stored}"));
    print.line("");
    let row = |set: DataSet| {
        let (totals, numbers) = (totals(&set), numbers(&set));
        [
            set.name,
            set.class.to_string(),
            set.records.to_string(),
            totals,
            numbers,
            set.files.to_string(),
            size_text(set.bytes),
        ]
    };
    let header = ["data set", "class", "records", "totals (minor)", "numbers", "files", "size"];
    print.table(header, data_sets.into_iter().map(row).collect(), "it holds no data set");
}

/// `1250 CNY, 300 EUR`, in minor units.
pub(in super::super) fn totals(of: &DataSet) -> String {
    let totals = of.totals.iter().map(|(currency, minor)| format!("{minor} {currency}"));
    let totals = totals.collect::<Vec<_>>().join(", ");
    or_nothing(Some(totals).filter(|text| !text.is_empty()))
}

/// `1-400`: the first and the last number of its records.
pub(in super::super) fn numbers(of: &DataSet) -> String {
    or_nothing(of.numbers.map(|it| format!("{}-{}", it.first, it.last)))
}
