//! `tillward backup drill`: asks for restores into scratch tills, and shows what came of them.

use std::collections::BTreeSet;

use clap::{Args, Subcommand};
use shared::id::{NotAnId, OrderId, TerminalId};

use super::super::client::Client;
use super::super::failure::{Exit, Failure};
use super::super::measure::time_text;
use super::super::print::Print;
use super::super::words::or_nothing;
use super::ask::Whom;
use super::terminal_id;
use crate::api::model::Drill as Rehearse;
use crate::api::model::{Change, DrillReport, Tally};

/// Ask terminals to restore their newest snapshot into a scratch till and compare the totals
///
/// The till itself is not touched. `list` and `show` say what came of it.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_long_help = "\
Example:
  tillward backup drill --select 'store=north & lane=1'
  tillward backup drill list"
)]
pub(crate) struct Drill {
    #[command(subcommand)]
    command: Option<DrillCommand>,
    #[command(flatten)]
    whom: Option<Whom>,
}

#[derive(Debug, Subcommand)]
enum DrillCommand {
    List(List),
    Show(Show),
}

/// List what came of drills, the latest first
#[derive(Debug, Args)]
struct List {
    /// Only those of this terminal
    #[arg(long, value_name = "TERMINAL", value_parser = terminal_id)]
    terminal: Option<TerminalId>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Show what one drill restored, and what the scratch till counted
#[derive(Debug, Args)]
struct Show {
    /// The order that asked for it, as `list` shows it
    #[arg(value_name = "ORDER", value_parser = order_id)]
    order: OrderId,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn order_id(text: &str) -> Result<OrderId, NotAnId> {
    text.parse()
}

impl Drill {
    pub(super) async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        match (&self.command, &self.whom) {
            (Some(DrillCommand::List(args)), _) => {
                let reports = client.drills(args.terminal).await?;
                match args.json {
                    true => print.json_list(&reports),
                    false => list(&reports, print),
                }
            }
            (Some(DrillCommand::Show(args)), _) => {
                let report = client.drill(args.order).await?;
                match args.json {
                    true => print.json(&report),
                    false => show(&report, print),
                }
            }
            (None, Some(whom)) => {
                let change = Change::Drill(Rehearse { window: whom.window() });
                return whom.ask(change, client, print).await;
            }
            (None, None) => unreachable!("without a command, --select is required"),
        }
        Ok(Exit::Done)
    }
}

fn list(reports: &[DrillReport], print: &mut Print) {
    let row = |it: &DrillReport| {
        [
            time_text(it.at),
            it.terminal.to_string(),
            or_nothing(it.number),
            outcome(it),
            took(it),
            it.order.to_string(),
        ]
    };
    let header = ["at", "terminal", "snapshot", "outcome", "took", "order"];
    print.table(header, reports.iter().map(row).collect(), "no restore was rehearsed");
}

fn show(report: &DrillReport, print: &mut Print) {
    let it = report;
    print.line(format_args!("Restore drill of {} ({})", it.terminal, it.order));
    print.line(format_args!("  outcome   {}", outcome(it)));
    print.line(format_args!("  detail    {}", it.detail));
    print.line(format_args!("  at        {}", time_text(it.at)));
    print.line(format_args!("  took      {}", took(it)));
    let number = it.number.map(|number| format!("number {number}, ")).unwrap_or_default();
    print.line(format_args!("  snapshot  {number}{}", or_nothing(it.snapshot)));
    print.line(format_args!("  campaign  {}", it.campaign));
    if it.sets.is_empty() {
        return;
    }
    print.line("");
    let rows = it.sets.iter().flat_map(|set| {
        let tallies = [&set.expected, &set.found].map(|it| it.clone().unwrap_or_default());
        let currencies: BTreeSet<_> =
            tallies.iter().flat_map(|it| it.totals.keys().cloned()).collect();
        let row = |what: String, of: &dyn Fn(&Tally) -> String| {
            let [expected, found] =
                [&set.expected, &set.found].map(|it| or_nothing(it.as_ref().map(of)));
            [set.name.clone(), what, expected, found]
        };
        let total = |currency: &String, of: &Tally| {
            of.totals.get(currency).copied().unwrap_or_default().to_string()
        };
        let mut rows = vec![row("records".to_owned(), &|of| of.records.to_string())];
        rows.extend(
            currencies.iter().map(|currency| row(currency.clone(), &|of| total(currency, of))),
        );
        rows
    });
    print.table(["data set", "of", "expected", "found"], rows.collect(), "");
}

fn outcome(report: &DrillReport) -> String {
    match &report.code {
        Some(code) => format!("{}: {code}", report.outcome),
        None => report.outcome.clone(),
    }
}

fn took(report: &DrillReport) -> String {
    or_nothing(report.took_ms.map(|millis| format!("{}.{} s", millis / 1000, millis % 1000 / 100)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use shared::digest::Digest;
    use shared::id::CampaignId;

    use super::super::super::golden;
    use super::super::super::samples::{NOW, terminal_id};
    use super::*;
    use crate::api::model::DrillSet;

    fn tally(records: u64, totals: &[(&str, i64)]) -> Option<Tally> {
        let totals = totals.iter().map(|(name, total)| ((*name).to_owned(), *total));
        Some(Tally { records, totals: totals.collect::<BTreeMap<_, _>>() })
    }

    fn reports() -> [DrillReport; 2] {
        let set = |name: &str, expected, found| DrillSet { name: name.to_owned(), expected, found };
        let failed = DrillReport {
            order: OrderId::from_bytes([5; 16]),
            terminal: terminal_id(2),
            campaign: CampaignId::from_bytes([6; 16]),
            snapshot: Some(Digest::of(b"manifest")),
            number: Some(12),
            sets: vec![
                set("sales", tally(3, &[("CNY", 1250)]), tally(4, &[("CNY", 1250), ("EUR", 7)])),
                set("settings", tally(1, &[]), None),
            ],
            took_ms: Some(12_345),
            outcome: "failed".to_owned(),
            code: Some("totals-differ".to_owned()),
            detail: "compare: `sales` was saved with 3 records and has 4".to_owned(),
            at: NOW,
        };
        let expired = DrillReport {
            order: OrderId::from_bytes([7; 16]),
            snapshot: None,
            number: None,
            sets: Vec::new(),
            took_ms: None,
            outcome: "expired".to_owned(),
            code: None,
            detail: String::new(),
            ..failed.clone()
        };
        [failed, expired]
    }

    #[test]
    fn what_was_expected_stands_beside_what_was_found() {
        let [failed, _] = reports();
        golden::check("backup-drill-show", &golden::printed(|print| show(&failed, print)));
    }

    #[test]
    fn drills_are_listed_with_how_they_ended() {
        golden::check("backup-drill-list", &golden::printed(|print| list(&reports(), print)));
    }
}
