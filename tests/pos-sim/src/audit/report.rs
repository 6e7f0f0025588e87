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
    /// Sales of which another host than their own was told anything.
    pub(super) wrong_host: i64,
    /// Test sales that nobody has voided, reversed or refunded, while the till may sell.
    pub(super) tests_left: i64,
    /// Test sales that were not declined, whatever became of them. They are not among `sales`.
    pub(super) tests: i64,
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
        [self.lost, self.doubled, self.settled_twice, self.wrong_host, self.tests_left] == [0; 5]
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.sales += other.sales;
        self.amount_minor += other.amount_minor;
        self.declined += other.declined;
        self.reversed += other.reversed;
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.settled_twice += other.settled_twice;
        self.wrong_host += other.wrong_host;
        self.tests_left += other.tests_left;
        self.tests += other.tests;
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
    AnotherHost,
    TestLeft,
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
    let mut rows = vec![HEADS.map(str::to_owned)];
    for TillReport { terminal, versions, counts } in &report.tills {
        rows.push(row(terminal, counts, versions.join(" → ")));
    }
    rows.push(row("total", &report.total, String::new()));
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: [usize; COLUMNS] = std::array::from_fn(|column| width(column).unwrap_or(0));
    let mut lines: Vec<_> = rows.iter().map(|row| line(row, &widths)).collect();
    for Finding { terminal, wrong, count, what } in &report.findings {
        lines.push(format!("{terminal}: {wrong:?} ({count}): {what}"));
    }
    if !report.not_audited.is_empty() {
        lines.push(format!("not audited: {}", report.not_audited.join(", ")));
    }
    lines.join("\n")
}

const COLUMNS: usize = 10;

const HEADS: [&str; COLUMNS] = [
    "terminal",
    "sales",
    "amount",
    "lost",
    "doubled",
    "settled 2×",
    "open",
    "down s",
    "worst s",
    "version",
];

fn row(terminal: &str, counts: &Counts, version: String) -> [String; COLUMNS] {
    [
        terminal.to_owned(),
        counts.sales.to_string(),
        format!("{}.{:02} {CURRENCY}", counts.amount_minor / 100, counts.amount_minor % 100),
        counts.lost.to_string(),
        counts.doubled.to_string(),
        counts.settled_twice.to_string(),
        counts.open.to_string(),
        seconds(counts.downtime_ms),
        seconds(counts.longest_gap_ms),
        version,
    ]
}

/// Names at the left of their columns, numbers at the right.
fn line(row: &[String; COLUMNS], widths: &[usize; COLUMNS]) -> String {
    let cells = row.iter().zip(widths).enumerate().map(|(column, (cell, &width))| {
        let is_name = column == 0 || column == COLUMNS - 1;
        if is_name { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
    });
    cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
}

fn seconds(ms: i64) -> String {
    format!("{}.{}", ms / 1000, ms % 1000 / 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_reads_well() {
        let counts = Counts {
            sales: 12,
            amount_minor: 123_405,
            lost: 1,
            open: 3,
            downtime_ms: 2_340,
            longest_gap_ms: 2_000,
            ..Counts::default()
        };
        let versions = vec!["1.0.0".into(), "2.0.0".into()];
        let till = TillReport { terminal: "T1".into(), versions, counts };
        let finding = Finding {
            terminal: "T1".into(),
            wrong: Wrong::Lost,
            count: 1,
            what: "sale 7: charged by a, unknown to the till".into(),
        };
        let report = Report {
            currency: CURRENCY,
            tills: vec![till],
            total: counts,
            findings: vec![finding],
            not_audited: vec!["T9".into()],
        };
        let expected = "
terminal  sales       amount  lost  doubled  settled 2×  open  down s  worst s  version
T1           12  1234.05 CNY     1        0           0     3     2.3      2.0  1.0.0 → 2.0.0
total        12  1234.05 CNY     1        0           0     3     2.3      2.0
T1: Lost (1): sale 7: charged by a, unknown to the till
not audited: T9";
        assert_eq!(table(&report), expected.trim_start());
    }
}
