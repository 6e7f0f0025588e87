//! `tillward compat`: what works together.

use clap::{Args, Subcommand};

use super::super::client::Client;
use super::super::context::ContextArgs;
use super::super::failure::{Exit, Failure};
use super::super::print::Print;
use super::super::words::{or_nothing, word};
use super::{files, show};
use crate::api::model::{CompatibilityAnswer, Document, DocumentKind, ProviderRecord, Way};
use crate::provider::compatibility::Row;

/// Keep what was seen to work together
#[derive(Debug, Subcommand)]
pub(crate) enum CompatCommand {
    List(List),
    Show(Show),
    Check(Check),
    #[command(after_long_help = "\
Example:
  tillward compat export --format toml --to compatibility.toml
  tillward compat import compatibility.toml --dry-run
  tillward compat import compatibility.toml --why 'tried in the laboratory'")]
    Import(files::Import),
    Export(files::Export),
}

/// List the rows of the matrix
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Show a row of the matrix
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// As `list` shows it
    row: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Say whether a till may be brought to a provider; what is left out is not known
#[derive(Debug, Args)]
pub(crate) struct Check {
    #[arg(long)]
    model: String,
    #[arg(long)]
    provider: String,
    /// The hardware's revision
    #[arg(long)]
    hardware: Option<String>,
    /// Its version
    #[arg(long)]
    firmware: Option<String>,
    /// Its version
    #[arg(long)]
    application: Option<String>,
    /// The EMV kernel
    #[arg(long)]
    kernel: Option<String>,
    #[arg(long)]
    key_set: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl CompatCommand {
    pub(in super::super) async fn run(
        &self,
        context: &ContextArgs,
        print: &mut Print,
    ) -> Result<Exit, Failure> {
        let client = Client::new(context.read()?)?;
        let kind = DocumentKind::Compatibility;
        match self {
            Self::Import(args) => return args.run(&client, print).await,
            Self::Export(args) => return args.run(Some(kind), &client, print).await,
            Self::List(args) => {
                let rows = client.provider_records(kind).await?;
                match args.json {
                    true => print.json_list(&rows),
                    false => list(&rows, print),
                }
            }
            Self::Show(args) => {
                let row = client.provider_record(kind, &args.row, None).await?;
                match args.json {
                    true => print.json(&row),
                    false => show::whole(&row, print),
                }
            }
            Self::Check(args) => {
                let answer = client.check_compatibility(&args.query()).await?;
                match args.json {
                    true => print.json(&answer),
                    false => verdict(&answer, print),
                }
            }
        }
        Ok(Exit::Done)
    }
}

impl Check {
    fn query(&self) -> Vec<(&str, &str)> {
        let maybe = [
            ("hardware", &self.hardware),
            ("firmware", &self.firmware),
            ("application", &self.application),
            ("kernel", &self.kernel),
            ("key_set", &self.key_set),
        ];
        let maybe = maybe.into_iter().filter_map(|(name, it)| Some((name, it.as_deref()?)));
        [("model", &*self.model), ("provider", &*self.provider)].into_iter().chain(maybe).collect()
    }
}

pub(super) fn list(records: &[ProviderRecord], print: &mut Print) {
    let rows = records.iter().filter_map(|record| {
        let Document::Compatibility(row) = &record.document else { return None };
        Some(line(&record.key, row))
    });
    let header = [
        "row",
        "model",
        "hardware",
        "firmware",
        "application",
        "kernel",
        "provider",
        "keys",
        "status",
        "evidence",
    ];
    print.table(header, rows.collect(), "nothing is known of anything");
}

fn line(key: &str, row: &Row) -> [String; 10] {
    [
        key.to_owned(),
        row.model.clone(),
        or_nothing(row.hardware.as_ref()),
        or_nothing(row.firmware.as_ref()),
        or_nothing(row.application.as_ref()),
        or_nothing(row.kernel.as_ref()),
        or_nothing(row.provider.as_ref()),
        or_nothing(row.key_set.as_ref()),
        word(&row.status),
        or_nothing(row.evidence.as_ref().map(|it| &it.name)),
    ]
}

pub(super) fn verdict(answer: &CompatibilityAnswer, print: &mut Print) {
    answer.remarks.iter().for_each(|it| print.warning(it));
    let by = answer.verdict.row.as_ref();
    let by = by.map_or_else(|| "no row decides".to_owned(), |row| format!("by {row}"));
    print.line(format_args!("{}, {by}", word(&answer.verdict.status)));
    print.line(match answer.way {
        Way::InPlace => "it can be brought over where it stands",
        Way::PilotOnly => "only in a pilot: nobody has seen it work",
        Way::ReplaceUnit => "only by another unit: this model cannot",
        Way::ApprovalExpired => "not with this model: its approval has run out",
        Way::Blocked => "not at all: it is blocked",
    });
    if !answer.verdict.not_known.is_empty() {
        let missing = answer.verdict.not_known.join(", ");
        print.hint(format_args!("a row may block it: say {missing}"));
    }
}
