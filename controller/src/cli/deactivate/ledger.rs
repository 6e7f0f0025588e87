//! `tillward deactivate ledger`: what merchant and provider owe each other at the end.

use clap::{Args, Subcommand};

use super::super::client::Client;
use super::super::failure::{Exit, Failure};
use super::super::print::Print;
use super::case::{self, CaseArgs};
use crate::api::model::{
    Cause, Damage, EntryKind, LedgerAmount, LedgerReversal, Liability, NewLedgerEntry,
};

/// Deposits, fees and damage of a decommissioning, and what is left of them
///
/// Entries are only ever added. What is left must be 0 in every currency, or accepted by name,
/// before the case is closed.
#[derive(Debug, Subcommand)]
pub(crate) enum LedgerCommand {
    List(List),
    Add(Add),
    Reverse(Reverse),
}

/// List what was entered, and what is left
#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    of: CaseArgs,
}

/// Enter what is owed, or what was paid
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  tillward deactivate ledger add REQUEST deposit-paid EUR 30000 --reference C-7
  tillward deactivate ledger add REQUEST damage EUR 4500 --unit PX-1 --cause man-made \\
    --liable merchant --reference R-12 --note 'screen broken'")]
pub(crate) struct Add {
    #[command(flatten)]
    of: CaseArgs,
    /// deposit-paid, deposit-returned, fee-outstanding, early-termination-fee, damage,
    /// residual-value, paid (by the merchant) or received (by the merchant)
    #[arg(value_name = "KIND", value_parser = kind)]
    kind: EntryKind,
    /// As in ISO 4217
    #[arg(value_name = "CURRENCY")]
    currency: String,
    /// In minor units, without a sign: the kind says who owes it
    #[arg(value_name = "MINOR")]
    amount: i64,
    /// The receipt, invoice or report
    #[arg(long, value_name = "TEXT")]
    reference: String,
    /// The serial number of the unit that it is about
    #[arg(long, value_name = "SERIAL")]
    unit: Option<String>,
    /// Of damage: natural, man-made or unknown
    #[arg(long, requires = "liable", value_parser = cause)]
    cause: Option<Cause>,
    /// Who pays for damage: merchant, provider or nobody
    #[arg(long, requires = "cause", value_parser = liability)]
    liable: Option<Liability>,
    /// What people should know
    #[arg(long, value_name = "TEXT", default_value = "")]
    note: String,
}

/// Take back an entry that was wrong
#[derive(Debug, Args)]
pub(crate) struct Reverse {
    #[command(flatten)]
    of: CaseArgs,
    /// The entry's number
    entry: u32,
    /// The receipt, invoice or report that shows it
    #[arg(long, value_name = "TEXT")]
    reference: String,
    /// What was wrong
    #[arg(long, value_name = "TEXT", default_value = "")]
    note: String,
}

fn kind(text: &str) -> Result<EntryKind, String> {
    named(text, &EntryKind::ALL, EntryKind::as_str)
}

fn cause(text: &str) -> Result<Cause, String> {
    named(text, &Cause::ALL, Cause::as_str)
}

fn liability(text: &str) -> Result<Liability, String> {
    named(text, &Liability::ALL, Liability::as_str)
}

fn named<T: Copy>(text: &str, all: &[T], name: fn(T) -> &'static str) -> Result<T, String> {
    let found = all.iter().copied().find(|it| name(*it) == text);
    found.ok_or_else(|| {
        let all: Vec<_> = all.iter().copied().map(name).collect();
        format!("write one of {}", all.join(", "))
    })
}

impl LedgerCommand {
    pub(super) async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        let (of, stop) = match self {
            Self::List(args) => (&args.of, client.stop(args.of.request).await?),
            Self::Add(args) => {
                let damage = args.cause.zip(args.liable);
                let new = NewLedgerEntry::New(LedgerAmount {
                    kind: args.kind,
                    amount_minor: args.amount,
                    currency: args.currency.clone(),
                    serial: args.unit.clone(),
                    damage: damage.map(|(cause, liability)| Damage { cause, liability }),
                    reference: args.reference.clone(),
                    note: args.note.clone(),
                });
                (&args.of, client.enter(args.of.request, &new).await?)
            }
            Self::Reverse(args) => {
                let new = NewLedgerEntry::Reversal(LedgerReversal {
                    of: args.entry,
                    reference: args.reference.clone(),
                    note: args.note.clone(),
                });
                (&args.of, client.enter(args.of.request, &new).await?)
            }
        };
        of.show(&stop, case::ledger, print)
    }
}
