//! `tillward calendar import` and `export`: files of other programs.

use std::fs;
use std::path::PathBuf;

use clap::Args;
use shared::durable::{Readers, replace_file};

use super::super::client::Client;
use super::super::failure::{Exit, Failure};
use super::super::print::Print;
use super::super::words::{counted, word};
use super::{MaybeScope, Scope, kind};
use crate::api::model::{CalendarImportReport, CalendarKind, ImportedCalendar};
use crate::calendar::ics::FILE_BYTES_MAX;

/// Take windows and freezes from a file (.ics): all of them, or none and everything that is wrong
///
/// An event takes the place of the one that is there with its kind and uid. What is there besides
/// stays. An event whose category is download, activation or freeze is that, whatever --kind says.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  tillward calendar import holidays.ics --kind freeze --region coast --dry-run
  tillward calendar import nights.ics --kind activation --fleet --reason 'as agreed for 2027'")]
pub(crate) struct Import {
    #[arg(value_name = "FILE.ics")]
    file: PathBuf,
    /// What its events are: download, activation or freeze
    #[arg(long, value_parser = kind)]
    kind: CalendarKind,
    #[command(flatten)]
    scope: Scope,
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
    /// Why; kept in the audit log
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Write what stands as a file (.ics) that can be imported again
#[derive(Debug, Args)]
pub(crate) struct Export {
    #[arg(value_name = "FILE.ics")]
    file: PathBuf,
    #[command(flatten)]
    scope: MaybeScope,
    /// Only of this kind: download, activation or freeze
    #[arg(long, value_parser = kind)]
    kind: Option<CalendarKind>,
}

impl Import {
    pub(super) async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        let mut query = self.scope.query();
        query.extend(self.dry_run.then_some(("dry_run", "true")));
        query.extend(self.reason.as_deref().map(|reason| ("reason", reason)));
        let report = client.import_calendars(self.kind, &query, self.read()?).await?;
        match self.json {
            true => print.json(&report),
            false => imported(report, print),
        }
        Ok(Exit::Done)
    }

    fn read(&self) -> Result<Vec<u8>, Failure> {
        let reading = || format!("cannot read {}", self.file.display());
        let failed = |error| Failure::new(error).context(reading());
        if fs::metadata(&self.file).map_err(failed)?.len() > FILE_BYTES_MAX as u64 {
            return Err(Failure::because(format_args!("{} is too large", self.file.display()))
                .hint("import the calendar in parts"));
        }
        fs::read(&self.file).map_err(failed)
    }
}

fn imported(report: CalendarImportReport, print: &mut Print) {
    let count = report.entries.len() as u64;
    let row = |it: ImportedCalendar| [word(&it.what), word(&it.kind), it.summary, it.uid];
    let rows = report.entries.into_iter().map(row).collect();
    print.table(["what", "kind", "summary", "uid"], rows, "the file has no events");
    match report.dry_run {
        true => print.remark("\nnothing was changed: leave `--dry-run` out to do it"),
        false => print.remark(format_args!("\n{} taken", counted(count, "event"))),
    }
}

impl Export {
    pub(super) async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        let mut query = self.scope.query();
        query.extend(self.kind.map(|kind| ("kind", kind.word())));
        let text = client.export_calendars(&query).await?;
        replace_file(&self.file, text.as_bytes(), Readers::Anyone).map_err(|error| {
            Failure::new(error).context(format!("cannot write {}", self.file.display()))
        })?;
        print.remark(format_args!("written: {}", self.file.display()));
        Ok(Exit::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::{golden, samples};
    use super::*;

    #[test]
    fn an_import_says_what_became_of_each_event() {
        let report = |dry_run| samples::calendar_import(dry_run);
        let shown = golden::printed(|print| imported(report(false), print));
        let dry = golden::printed(|print| imported(report(true), print));
        golden::check("calendar-import", &format!("{shown}\n{dry}"));
    }
}
