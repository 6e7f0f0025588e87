//! `tillward provider` and `tillward compat`: who clears payments, and what works together.

mod alerts;
mod compat;
mod files;
mod show;
#[cfg(test)]
mod tests;

use clap::{Args, Subcommand};

use super::client::Client;
use super::context::ContextArgs;
use super::failure::{Exit, Failure};
use super::print::Print;
use crate::api::model::{DocumentKind, Matter, NewVouch};
pub(super) use compat::CompatCommand;

/// Keep providers, their fees and contracts
#[derive(Debug, Subcommand)]
pub(super) enum ProviderCommand {
    List(show::List),
    Show(show::Show),
    History(show::History),
    Vouch(Vouch),
    Alerts(alerts::Alerts),
    Import(files::Import),
    Export(files::Export),
}

/// Say in your own name that a part of a document is as it should be
///
/// It counts until that part changes:
///   licence   the provider's licence was looked up in the regulator's register
///   clearing  a provider that clears through somebody else is used all the same
///   fees      rates outside of their band are meant
///   legal     a contract was read by somebody who knows the law
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, visible_alias = "accept")]
pub(crate) struct Vouch {
    /// What for
    #[arg(value_parser = matter)]
    matter: Matter,
    /// The provider, fee schedule or contract
    key: String,
    /// How you know
    #[arg(long, value_name = "TEXT")]
    why: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl ProviderCommand {
    pub(super) async fn run(
        &self,
        context: &ContextArgs,
        print: &mut Print,
    ) -> Result<Exit, Failure> {
        let client = Client::new(context.read()?)?;
        match self {
            Self::List(args) => args.run(&client, print).await,
            Self::Show(args) => args.run(&client, print).await,
            Self::History(args) => args.run(&client, print).await,
            Self::Vouch(args) => args.run(&client, print).await,
            Self::Alerts(args) => args.run(&client, print).await,
            Self::Import(args) => args.run(&client, print).await,
            Self::Export(args) => args.run(None, &client, print).await,
        }
    }
}

impl Vouch {
    async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        let kind = self.matter.kind();
        let seen = client.provider_record(kind, &self.key, None).await?;
        let asked =
            NewVouch { matter: self.matter, seen_version: seen.version, why: self.why.clone() };
        let record = client.vouch(kind, &self.key, &asked).await?;
        match self.json {
            true => print.json(&record),
            false => show::whole(&record, print),
        }
        Ok(Exit::Done)
    }
}

pub(crate) fn kind(text: &str) -> Result<DocumentKind, String> {
    text.parse().map_err(|error: crate::provider::NotAKind| error.to_string())
}

fn matter(text: &str) -> Result<Matter, String> {
    text.parse().map_err(|error: crate::provider::NotAMatter| error.to_string())
}
