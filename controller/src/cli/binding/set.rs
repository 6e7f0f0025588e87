//! `tillward binding set`: the whole tuple of a position at a provider.

use clap::Args;

use super::super::client::Client;
use super::super::failure::Failure;
use crate::api::model::{Binding, BindingChange, BindingTuple, NewBinding, NewPosition};

/// Set what a provider knows a position by: all of it, as one version
///
/// It makes a draft where the position is not bound to the provider yet, and the position where
/// that is not known.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  tillward binding set --store north --lane 3 --provider beta --mid M-1 --tid T-3 \\
    --name 'Corner shop' --mcc 5411 --currency EUR --host beta.example:9001")]
pub(crate) struct Set {
    #[arg(long, value_name = "NAME")]
    store: String,
    #[arg(long, value_name = "NAME")]
    lane: String,
    /// The provider's key
    #[arg(long, value_name = "KEY")]
    provider: String,
    #[arg(long)]
    mid: String,
    #[arg(long)]
    tid: String,
    /// As it stands on receipts
    #[arg(long)]
    name: String,
    /// Four digits
    #[arg(long)]
    mcc: String,
    /// Three letters
    #[arg(long)]
    currency: String,
    /// Where the provider's host is; again for the next to try
    #[arg(long = "host", value_name = "HOST:PORT")]
    hosts: Vec<String>,
    /// Three digits, where the MID begins with them
    #[arg(long, value_name = "DIGITS")]
    acquirer_code: Option<String>,
    /// Unified social credit code of the merchant
    #[arg(long)]
    uscc: Option<String>,
    /// What the merchant's bank calls the account; never its number
    #[arg(long, value_name = "TEXT")]
    settlement_account: Option<String>,
    #[arg(long, value_name = "TEXT")]
    install_address: Option<String>,
    /// Why; kept with the version
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Set {
    pub(super) fn is_json(&self) -> bool {
        self.json
    }

    pub(super) async fn run(&self, client: &Client) -> Result<Binding, Failure> {
        let position = NewPosition {
            store: self.store.clone(),
            lane: self.lane.clone(),
            merchant: None,
            merchant_class: None,
            fallback: None,
        };
        let position = client.set_position(&position).await?.id;
        let (tuple, reason) = (self.tuple(), self.reason.clone());
        let theirs = client.bindings(Some(position), Some(&self.provider)).await?;
        let in_hand = |it: &&Binding| !["retiring", "retired", "failed"].contains(&&*it.state);
        let binding = match theirs.iter().find(in_hand) {
            Some(known) => {
                let asked = BindingChange { seen: known.version.number, tuple, reason };
                client.change_binding(known.id, &asked).await?
            }
            None => {
                let provider = self.provider.clone();
                client.make_binding(&NewBinding { position, provider, tuple, reason }).await?
            }
        };
        Ok(binding)
    }

    fn tuple(&self) -> BindingTuple {
        BindingTuple {
            mid: self.mid.clone(),
            tid: self.tid.clone(),
            name: self.name.clone(),
            mcc: self.mcc.clone(),
            currency: self.currency.clone(),
            hosts: self.hosts.clone(),
            acquirer_code: self.acquirer_code.clone(),
            uscc: self.uscc.clone(),
            settlement_account: self.settlement_account.clone(),
            install_address: self.install_address.clone(),
        }
    }
}
