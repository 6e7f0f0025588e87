//! What an audit says, as data and as a table.

use serde::Serialize;

use crate::till::CURRENCY;

#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) currency: &'static str,
    pub(super) tills: Vec<TillReport>,
    pub(super) total: Counts,
    /// Everything that is wrong, one by one.
    pub(super) findings: Vec<Finding>,
    /// Terminals in the hosts' books whose tills were not given: nothing is said about them.
    pub(super) not_audited: Vec<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct TillReport {
    pub(super) terminal: String,
    /// The versions that sold, in the order in which they did.
    pub(super) versions: Vec<String>,
    #[serde(flatten)]
    pub(super) counts: Counts,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Counts {
    /// Sales the customers walked away with, and their amount.
    pub(super) sales: i64,
    pub(super) amount_minor: i64,
    pub(super) declined: i64,
    pub(super) reversed: i64,
    /// Approved on the till and missing at the host, or charged at the host and no sale on the
    /// till; also where the two disagree about amount, host or batch.
    pub(super) lost: i64,
    /// Charged more than once, or given back more than once.
    pub(super) doubled: i64,
    /// Settlements of a batch after the first.
    pub(super) settled_twice: i64,
    /// Sales that are in no settled batch yet: neither lost nor doubled.
    pub(super) open: i64,
    /// Nobody knows yet: asked and unanswered, or reversed and the host not told.
    pub(super) in_doubt: i64,
    pub(super) open_preauthorisations: i64,
    pub(super) batches_settled: i64,
    /// Settlements asked for again and answered again: harmless.
    pub(super) settlement_repeats: i64,
    /// Between the first and the last moment of selling, how long the till could not.
    pub(super) downtime_ms: i64,
    pub(super) longest_gap_ms: i64,
}

impl Counts {
    pub(super) fn is_right(&self) -> bool {
        self.lost == 0 && self.doubled == 0 && self.settled_twice == 0
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.sales += other.sales;
        self.amount_minor += other.amount_minor;
        self.declined += other.declined;
        self.reversed += other.reversed;
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.settled_twice += other.settled_twice;
        self.open += other.open;
        self.in_doubt += other.in_doubt;
        self.open_preauthorisations += other.open_preauthorisations;
        self.batches_settled += other.batches_settled;
        self.settlement_repeats += other.settlement_repeats;
        self.downtime_ms += other.downtime_ms;
        self.longest_gap_ms = self.longest_gap_ms.max(other.longest_gap_ms);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Wrong {
    Lost,
    Doubled,
    SettledTwice,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    pub(super) terminal: String,
    pub(super) wrong: Wrong,
    /// How many sales, or settlements, it concerns.
    pub(super) count: i64,
    /// Which, and what the two sides say.
    pub(super) what: String,
}

/// The report for people.
pub(super) fn table(report: &Report) -> String {
    let heads = ["sales", "amount", "lost", "doubled", "settled 2×", "open", "down s", "worst s"];
    let mut lines = vec![line("terminal", &heads.map(str::to_owned), "version")];
    for TillReport { terminal, versions, counts } in &report.tills {
        lines.push(line(terminal, &cells(counts), &versions.join(" → ")));
    }
    lines.push(line("total", &cells(&report.total), ""));
    for Finding { terminal, wrong, count, what } in &report.findings {
        lines.push(format!("{terminal}: {wrong:?} ({count}): {what}"));
    }
    if !report.not_audited.is_empty() {
        lines.push(format!("not audited: {}", report.not_audited.join(", ")));
    }
    lines.join("\n")
}

fn line(first: &str, cells: &[String; 8], last: &str) -> String {
    let mut line = format!("{first:16}");
    for cell in cells {
        line.push_str(&format!("{cell:>12}"));
    }
    format!("{line}  {last}").trim_end().to_owned()
}

fn cells(counts: &Counts) -> [String; 8] {
    [
        counts.sales.to_string(),
        format!("{}.{:02} {CURRENCY}", counts.amount_minor / 100, counts.amount_minor % 100),
        counts.lost.to_string(),
        counts.doubled.to_string(),
        counts.settled_twice.to_string(),
        counts.open.to_string(),
        seconds(counts.downtime_ms),
        seconds(counts.longest_gap_ms),
    ]
}

fn seconds(ms: i64) -> String {
    format!("{}.{}", ms / 1000, ms % 1000 / 100)
}
