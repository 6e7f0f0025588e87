//! What runs out soon.

use clap::Args;

use super::super::client::Client;
use super::super::failure::{Exit, Failure};
use super::super::print::Print;
use super::super::words::{or_nothing, word};
use crate::api::model::ProviderAlert;

/// List what runs out within 90, 30 or 7 days, or has run out
///
/// Licences, certificates, approvals, promos, contracts, and deposits that are not back.
#[derive(Debug, Args)]
pub(crate) struct Alerts {
    /// Say that the one with this id was seen: it is not listed again
    #[arg(long, value_name = "ID")]
    seen: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Alerts {
    pub(super) async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        if let Some(id) = &self.seen {
            client.provider_alert_seen(id).await?;
        }
        let alerts = client.provider_alerts().await?;
        match self.json {
            true => print.json_list(&alerts),
            false => list(alerts, print),
        }
        Ok(Exit::Done)
    }
}

pub(super) fn list(alerts: Vec<ProviderAlert>, print: &mut Print) {
    let row = |it: ProviderAlert| {
        let days = it.days_left.to_string();
        let which = or_nothing(Some(it.which).filter(|which| !which.is_empty()));
        [word(&it.what), it.key, which, it.until.to_string(), days, it.id]
    };
    let header = ["what", "of", "which", "until", "days left", "id"];
    print.table(header, alerts.into_iter().map(row).collect(), "nothing runs out soon");
}
