//! Documents as they are, and as they were.

use clap::Args;

use super::super::client::Client;
use super::super::failure::{Exit, Failure};
use super::super::measure::time_text;
use super::super::print::Print;
use super::super::words::{or_nothing, word};
use super::kind;
use crate::api::model::{Document, DocumentKind, Exposure, ProviderRecord};

/// List documents of a kind: providers, fees, bands, contracts, models, compatibility
#[derive(Debug, Args)]
pub(crate) struct List {
    #[arg(long, value_parser = kind, default_value = "provider")]
    kind: DocumentKind,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Show a document: what it says, what people vouched for, and what is in the way
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// As `list` shows it
    key: String,
    #[arg(long, value_parser = kind, default_value = "provider")]
    kind: DocumentKind,
    /// An older version
    #[arg(long, value_name = "N")]
    version: Option<u32>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// List the versions of a document: who changed it, when and why
#[derive(Debug, Args)]
pub(crate) struct History {
    /// As `list` shows it
    key: String,
    #[arg(long, value_parser = kind, default_value = "provider")]
    kind: DocumentKind,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl List {
    pub(super) async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        let records = client.provider_records(self.kind).await?;
        match self.json {
            true => print.json_list(&records),
            false => list(&records, print),
        }
        Ok(Exit::Done)
    }
}

impl Show {
    pub(super) async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        let record = client.provider_record(self.kind, &self.key, self.version).await?;
        match self.json {
            true => print.json(&record),
            false => whole(&record, print),
        }
        Ok(Exit::Done)
    }
}

impl History {
    pub(super) async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        let records = client.provider_history(self.kind, &self.key).await?;
        match self.json {
            true => print.json_list(&records),
            false => versions(records, print),
        }
        Ok(Exit::Done)
    }
}

pub(super) fn list(records: &[ProviderRecord], print: &mut Print) {
    let row = |it: &ProviderRecord| {
        let way =
            if it.findings.is_empty() { "-".to_owned() } else { it.findings.len().to_string() };
        [it.key.clone(), it.version.to_string(), about(&it.document), way, it.set_by.clone()]
    };
    let header = ["key", "version", "about", "in the way", "set by"];
    print.table(header, records.iter().map(row).collect(), "there are none");
}

/// In a few words.
fn about(document: &Document) -> String {
    match document {
        Document::Provider(it) => {
            let licence = it.licence.as_ref().map(|it| format!("licence until {}", it.valid_until));
            let licence = licence.unwrap_or_else(|| "no licence".to_owned());
            format!("{}, {} clearing, {licence}", it.name, word(&it.clearing))
        }
        Document::Fees(it) => {
            let rate = |it: &crate::provider::fees::Rate| {
                let (percent, rest) = (it.hundredths / 100, it.hundredths % 100);
                format!("{} {} {percent}.{rest:02} %", it.class, word(&it.method))
            };
            let rates: Vec<_> = it.rates.iter().map(rate).collect();
            format!("{} from {}: {}", it.provider, it.effective_from, rates.join(", "))
        }
        Document::Band(it) => format!("{} to {} hundredths of a percent", it.lowest, it.highest),
        Document::Contract(it) => {
            format!("{} with {}, {} to {}", it.merchant, it.provider, it.starts_on, it.ends_on)
        }
        Document::Model(it) => {
            let pts = it.pts.as_ref().map(|it| format!("{} until {}", it.number, it.valid_until));
            format!("rebind {}, {} slots, pts {}", word(&it.rebind), it.key_slots, or_nothing(pts))
        }
        Document::Compatibility(it) => {
            let provider = it.provider.as_deref().unwrap_or("any provider");
            format!("{} with {provider}: {}", it.model, word(&it.status))
        }
    }
}

pub(super) fn whole(record: &ProviderRecord, print: &mut Print) {
    let kind = record.document.kind();
    let (at, by) = (time_text(record.set_at), &record.set_by);
    print.line(format_args!("{kind} {}, version {}, set {at} by {by}", record.key, record.version));
    if !record.why.is_empty() {
        print.line(format_args!("why: {}", record.why));
    }
    let text = toml::to_string(&record.document).expect("documents have text keys");
    print.line(format_args!("\n{}", text.trim_end()));
    if let Some(exposure) = &record.exposure {
        print.line(format_args!("\n{}", exposure_text(exposure)));
    }
    for it in &record.vouches {
        let counts = if it.counts { "" } else { " (counts no more: it has changed since)" };
        let (matter, at) = (word(&it.matter), time_text(it.at));
        print.line(format_args!("\n{matter}: {} vouched {at}{counts}: {}", it.by, it.why));
    }
    for finding in &record.findings {
        print.warning(&finding.what);
        print.hint(&finding.hint);
    }
}

fn exposure_text(exposure: &Exposure) -> String {
    match exposure {
        Exposure::Missing => "there is no contract".to_owned(),
        Exposure::NotBegun { starts_on } => format!("not in force before {starts_on}"),
        Exposure::Expired { ended_on } => format!("expired on {ended_on}"),
        Exposure::InForce {
            penalty_minor,
            currency,
            months_left,
            ends_by_notice_on,
            notice_by,
            deposit_held_minor,
            deposit_is_overdue,
        } => {
            let overdue = if *deposit_is_overdue { ", overdue" } else { "" };
            format!(
                "ended today: {penalty_minor} {currency} (smallest unit), {months_left} months \
                 left\nby notice: ends on {ends_by_notice_on}; notice for its end by {notice_by}\n\
                 deposit: {deposit_held_minor} {currency} held{overdue}"
            )
        }
    }
}

pub(super) fn versions(records: Vec<ProviderRecord>, print: &mut Print) {
    let row =
        |it: ProviderRecord| [it.version.to_string(), time_text(it.set_at), it.set_by, it.why];
    let header = ["version", "set", "by", "why"];
    print.table(header, records.into_iter().map(row).collect(), "there are none");
}
