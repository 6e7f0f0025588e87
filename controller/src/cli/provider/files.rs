//! Documents as files, in and out.

use std::fs;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use shared::durable::{Readers, replace_file};

use super::super::client::Client;
use super::super::failure::{Exit, Failure};
use super::super::print::Print;
use super::super::words::word;
use super::kind;
use crate::api::model::{DocumentKind, FileFormat, ImportedChange, ProviderImportReport};

/// Take documents from a file (.csv or .toml): all of them, or none and everything that is wrong
///
/// A document that says which `version` it was made from is refused if there is another by now.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  tillward provider export --format toml --to providers.toml
  tillward provider import providers.toml --dry-run
  tillward provider import providers.toml --why 'new licence of alpha'")]
pub(crate) struct Import {
    /// Its name ends with `.csv` or `.toml`
    file: PathBuf,
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
    /// For the audit log
    #[arg(long, value_name = "TEXT")]
    why: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Write documents as a file that can be taken again
#[derive(Debug, Args)]
pub(crate) struct Export {
    #[arg(long, value_enum)]
    format: Written,
    /// Only of this kind
    #[arg(long, value_parser = kind)]
    kind: Option<DocumentKind>,
    /// Where to; else to standard output
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Written {
    /// One table, for spreadsheets
    Csv,
    /// Lists, for reviews
    Toml,
}

impl Import {
    pub(super) async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        let format = match self.file.extension().and_then(|it| it.to_str()) {
            Some("csv") => FileFormat::Csv,
            Some("toml") => FileFormat::Toml,
            Some(_) | None => {
                let file = self.file.display();
                return Err(Failure::because(format_args!("{file} is neither .csv nor .toml"))
                    .hint("give it a name by which its form is known"));
            }
        };
        let read = fs::read(&self.file);
        let text = read.map_err(|error| {
            Failure::new(error).context(format!("cannot read {}", self.file.display()))
        })?;
        let report = client.import_file(format, self.dry_run, self.why.as_deref(), text).await?;
        match self.json {
            true => print.json(&report),
            false => imported(report, print),
        }
        Ok(Exit::Done)
    }
}

pub(super) fn imported(report: ProviderImportReport, print: &mut Print) {
    let row = |it: ImportedChange| {
        let fields = it.fields.join(", ");
        [it.kind.to_string(), it.key, word(&it.what), it.version.to_string(), fields]
    };
    let rows = report.changes.into_iter().map(row).collect();
    print.table(["kind", "key", "what", "version", "fields"], rows, "the file has no documents");
    if report.dry_run {
        print.remark("\nnothing was changed: leave `--dry-run` out to do it");
    }
}

impl Export {
    /// Of this kind where the command is about it alone.
    pub(super) async fn run(
        &self,
        only: Option<DocumentKind>,
        client: &Client,
        print: &mut Print,
    ) -> Result<Exit, Failure> {
        let format = match self.format {
            Written::Csv => FileFormat::Csv,
            Written::Toml => FileFormat::Toml,
        };
        let text = client.export_file(format, self.kind.or(only)).await?;
        match &self.to {
            None => print.line(text.trim_end()),
            Some(path) => {
                replace_file(path, text.as_bytes(), Readers::Anyone).map_err(|error| {
                    Failure::new(error).context(format!("cannot write {}", path.display()))
                })?
            }
        }
        Ok(Exit::Done)
    }
}
