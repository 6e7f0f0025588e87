//! `tillward backup coverage` and `classes`: how well data of each class is saved, and what is done
//! with it at all.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde::Serialize;
use shared::backup::{DataClass, Policy};
use shared::time::UnixTime;

use super::super::client::Client;
use super::super::failure::{Exit, Failure};
use super::super::measure::{duration, duration_text, time_text};
use super::super::print::Print;
use super::super::words::or_nothing;
use crate::api::model;

/// Show by class of data how many terminals have a recent snapshot of it, and which have none
///
/// A snapshot counts once it was read back from both places. A class counts for a terminal once
/// one of its snapshots held such data; a terminal that never saved anything is without all.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  tillward backup coverage --older-than 1d --store north")]
pub(crate) struct Coverage {
    /// How old is too old
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "1d")]
    older_than: Duration,
    /// Only terminals of this store
    #[arg(long)]
    store: Option<String>,
    /// Only data of this class
    #[arg(long, value_enum)]
    class: Option<Class>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Show what is done with data of each class
#[derive(Debug, Args)]
pub(crate) struct Classes {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Class {
    Transactions,
    Batch,
    Journal,
    Config,
    Sales,
    Inventory,
    Customers,
    Logs,
}

impl From<Class> for DataClass {
    fn from(class: Class) -> Self {
        match class {
            Class::Transactions => Self::Transactions,
            Class::Batch => Self::Batch,
            Class::Journal => Self::Journal,
            Class::Config => Self::Config,
            Class::Sales => Self::Sales,
            Class::Inventory => Self::Inventory,
            Class::Customers => Self::Customers,
            Class::Logs => Self::Logs,
        }
    }
}

/// One terminal without a recent snapshot of a class.
#[derive(Clone, Debug, Serialize)]
struct Gap {
    class: DataClass,
    terminal: String,
    serial: String,
    store: String,
    /// `null` when there is none.
    newest_at: Option<UnixTime>,
}

#[derive(Debug, Default, Serialize)]
struct Count {
    terminals: u64,
    recent: u64,
    older: u64,
    none: u64,
}

#[derive(Debug, Serialize)]
struct Report {
    older_than_s: u64,
    classes: BTreeMap<DataClass, Count>,
    gaps: Vec<Gap>,
}

impl Coverage {
    pub(super) async fn run(
        &self,
        client: &Client,
        now: UnixTime,
        print: &mut Print,
    ) -> Result<Exit, Failure> {
        let mut coverage = client.coverage().await?;
        coverage.retain(|it| self.store.as_ref().is_none_or(|store| it.store == *store));
        let report = report(&coverage, self.class.map(Into::into), now, self.older_than);
        match self.json {
            true => print.json(&report),
            false => show(report, now, print),
        }
        Ok(Exit::Done)
    }
}

fn report(
    coverage: &[model::Coverage],
    only: Option<DataClass>,
    now: UnixTime,
    older_than: Duration,
) -> Report {
    let since = now.minus(older_than);
    let mut classes = BTreeMap::<DataClass, Count>::new();
    let mut gaps = Vec::new();
    let wanted = DataClass::ALL.into_iter().filter(|class| class.policy().back_up);
    let wanted = wanted.filter(|class| only.is_none_or(|only| *class == only));
    for (class, of) in wanted.flat_map(|class| coverage.iter().map(move |of| (class, of))) {
        let newest_at = match of.classes.get(&class) {
            Some(newest_at) => *newest_at,
            None if of.classes.is_empty() => None,
            None => continue,
        };
        let count = classes.entry(class).or_default();
        count.terminals += 1;
        match newest_at {
            Some(at) if at >= since => count.recent += 1,
            Some(_) => count.older += 1,
            None => count.none += 1,
        }
        if newest_at.is_none_or(|at| at < since) {
            gaps.push(Gap {
                class,
                terminal: of.terminal.to_string(),
                serial: of.serial.clone(),
                store: of.store.clone(),
                newest_at,
            });
        }
    }
    Report { older_than_s: older_than.as_secs(), classes, gaps }
}

fn show(report: Report, now: UnixTime, print: &mut Print) {
    let within = duration_text(Duration::from_secs(report.older_than_s));
    let row = |(class, it): (DataClass, Count)| {
        [
            class.to_string(),
            it.terminals.to_string(),
            it.recent.to_string(),
            it.older.to_string(),
            it.none.to_string(),
        ]
    };
    let header = ["class", "terminals", "recent", "older", "none"];
    let rows = report.classes.into_iter().map(row).collect();
    print.table(header, rows, "no terminal is enrolled");
    print.line("");
    let row = |it: Gap| {
        let age = it.newest_at.map(|at| duration_text(now.since(at)));
        [
            it.class.to_string(),
            it.serial,
            it.store,
            or_nothing(it.newest_at.map(time_text)),
            or_nothing(age),
            it.terminal,
        ]
    };
    let header = ["class", "serial", "store", "newest verified", "age", "terminal"];
    let rows = report.gaps.into_iter().map(row).collect();
    print.table(header, rows, &format!("everything was saved and verified in the last {within}"));
}

/// One class and what is done with it.
#[derive(Debug, Serialize)]
struct ClassPolicy {
    class: DataClass,
    backed_up: bool,
    /// To a terminal that takes this one's place.
    migrated: bool,
    /// When the terminal is decommissioned.
    wiped: bool,
    /// How long a shop has to keep it; 0 where nothing asks for it.
    retain_days: u32,
    recovery_point_s: Option<u64>,
}

impl Classes {
    pub(super) fn run(&self, print: &mut Print) -> Exit {
        let classes: Vec<_> = DataClass::ALL.into_iter().map(of_class).collect();
        match self.json {
            true => print.json_list(&classes),
            false => classes_table(&classes, print),
        }
        Exit::Done
    }
}

fn of_class(class: DataClass) -> ClassPolicy {
    let Policy { back_up, migrate, wipe, retain_days, recovery_point_s } = class.policy();
    ClassPolicy {
        class,
        backed_up: back_up,
        migrated: migrate,
        wiped: wipe,
        retain_days,
        recovery_point_s,
    }
}

fn classes_table(classes: &[ClassPolicy], print: &mut Print) {
    let yes = |it: bool| if it { "yes" } else { "no" }.to_owned();
    let row = |it: &ClassPolicy| {
        [
            it.class.to_string(),
            yes(it.backed_up),
            yes(it.migrated),
            yes(it.wiped),
            match it.retain_days {
                0 => "as long as it is used".to_owned(),
                days => format!("{days} days"),
            },
            or_nothing(it.recovery_point_s.map(|s| duration_text(Duration::from_secs(s)))),
        ]
    };
    let header = ["class", "backed up", "migrated", "wiped", "retained", "at most lost"];
    print.table(header, classes.iter().map(row).collect(), "");
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::super::golden;
    use super::super::super::samples::{NOW, terminal_id};
    use super::*;

    fn of(number: u8, store: &str, classes: &[(DataClass, Option<u64>)]) -> model::Coverage {
        let at = |hours: u64| NOW.minus(Duration::from_secs(hours * 3600));
        let classes = classes.iter().map(|(class, hours)| (*class, hours.map(at)));
        model::Coverage {
            terminal: terminal_id(number),
            serial: format!("PX-{number}"),
            store: store.to_owned(),
            covered_at: None,
            classes: classes.collect(),
            overdue: BTreeSet::new(),
        }
    }

    #[test]
    fn a_class_that_a_till_never_had_is_no_gap() {
        use DataClass::{Batch, Customers, Transactions};
        let coverage = [
            of(1, "north", &[(Transactions, Some(2)), (Batch, Some(2))]),
            of(2, "north", &[(Transactions, Some(30)), (Customers, None)]),
            of(3, "south", &[]),
        ];
        let day = Duration::from_secs(24 * 3600);
        let print = |print: &mut Print| show(report(&coverage, None, NOW, day), NOW, print);
        golden::check("backup-coverage", &golden::printed(print));
        let batch = report(&coverage, Some(Batch), NOW, day);
        let serials: Vec<_> = batch.gaps.iter().map(|it| it.serial.as_str()).collect();
        assert_eq!(serials, ["PX-3"], "the second till keeps no batches");
    }

    #[test]
    fn every_class_has_its_line() {
        let classes: Vec<_> = DataClass::ALL.into_iter().map(of_class).collect();
        let print = |print: &mut Print| classes_table(&classes, print);
        golden::check("backup-classes", &golden::printed(print));
    }
}
