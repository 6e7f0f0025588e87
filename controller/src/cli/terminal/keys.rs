//! `tillward terminal keys`: what people say of a terminal's payment keys.

use clap::{Args, ValueEnum};

use super::super::client::Client;
use super::super::failure::{Exit, Failure};
use super::super::print::Print;
use crate::api::model::{NewPaymentKeys, PaymentKeyKind, PaymentKeys};
use crate::provider::day::Day;

/// See what people say of a terminal's payment keys, or say until when they are good
///
/// Keys lie in the till's secure processor, where no agent sees them: whoever loads them says until
/// which day they are good, for each kind. `tillward deactivate resume` asks for it. It is
/// forgotten when the terminal enrols anew.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  tillward terminal keys PX-1
  tillward terminal keys PX-1 --kind pin,sred --until 2027-06-30 --said-by Kim
  tillward terminal keys PX-1 --kind dukpt --gone --said-by Kim")]
pub(in super::super) struct Keys {
    /// Its id (`trm-…`) or its serial number
    terminal: String,
    /// Which keys are meant
    #[arg(long, value_name = "KIND", value_delimiter = ',', requires = "said_by")]
    kind: Vec<Kind>,
    /// The last day on which they are good
    #[arg(long, value_name = "DAY", requires = "kind", conflicts_with = "gone")]
    until: Option<Day>,
    /// They are erased, or nobody may rely on them
    #[arg(long, requires = "kind")]
    gone: bool,
    /// Who says so: whoever loads the keys, or looks after them
    #[arg(long, value_name = "NAME", requires = "kind")]
    said_by: Option<String>,
    /// Kept in the audit log
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// For the PINs of customers
    Pin,
    /// For what readers read of cards
    Sred,
    /// From which a key of its own is derived for each payment
    Dukpt,
}

impl From<Kind> for PaymentKeyKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Pin => Self::Pin,
            Kind::Sred => Self::Sred,
            Kind::Dukpt => Self::Dukpt,
        }
    }
}

impl Keys {
    pub(super) async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        let id = super::identify(&self.terminal, client).await?;
        let keys = match &self.said_by {
            None => client.payment_keys(id).await?,
            Some(said_by) => {
                let said = NewPaymentKeys {
                    kinds: self.kind.iter().map(|it| (*it).into()).collect(),
                    until: self.until,
                    gone: self.gone,
                    said_by: said_by.clone(),
                    reason: self.reason.clone(),
                };
                client.say_payment_keys(id, &said).await?
            }
        };
        match self.json {
            true => print.json(&keys),
            false => list(&keys, print),
        }
        Ok(Exit::Done)
    }
}

pub(in super::super) fn list(keys: &[PaymentKeys], print: &mut Print) {
    let rows = keys.iter().map(|it| {
        let until = it.until.map_or("GONE".to_owned(), |day| day.to_string());
        let kind = it.kind.as_str().to_owned();
        [kind, until, it.said_by.clone(), it.recorded_by.clone()]
    });
    let header = ["keys", "good until", "says", "written down by"];
    print.table(header, rows.collect(), "nobody has said anything of its payment keys");
}
