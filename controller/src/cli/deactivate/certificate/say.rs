//! `tillward deactivate certificate say`.

use clap::Args;

use super::super::super::client::Client;
use super::super::super::failure::{Exit, Failure};
use super::super::super::print::Print;
use super::super::case::{self, CaseArgs};
use crate::api::model::{StopParticulars, StopPerson};

/// Say before a wipe what certificates are to say beside what terminals sign
///
/// It takes the place of what was said before. What nobody says is `not stated`. The manufacturer
/// is the model's, the property number the unit's; and where nobody is named, the unit's custodian
/// answers for it.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  tillward deactivate certificate say REQUEST --confidentiality-before confidential \\
    --confidentiality-after public --destination 'the provider, for repair' \\
    --responsible Cora --responsible-title 'shop manager' --responsible-contact '+49 30 1' \\
    --validator Tess --validator-title auditor")]
pub(crate) struct Say {
    #[command(flatten)]
    of: CaseArgs,
    /// What is erased, if not the storage of a payment terminal
    #[arg(long, value_name = "TEXT")]
    media: Option<String>,
    /// How confidential its data was
    #[arg(long, value_name = "TEXT")]
    confidentiality_before: Option<String>,
    /// How confidential what is left is
    #[arg(long, value_name = "TEXT")]
    confidentiality_after: Option<String>,
    /// Where units go
    #[arg(long, value_name = "TEXT")]
    destination: Option<String>,
    /// Who answers for the sanitisation
    #[arg(long, value_name = "NAME")]
    responsible: Option<String>,
    /// Their position
    #[arg(long, value_name = "TEXT", requires = "responsible")]
    responsible_title: Option<String>,
    /// Where they are
    #[arg(long, value_name = "TEXT", requires = "responsible")]
    responsible_location: Option<String>,
    /// Their telephone number, for example
    #[arg(long, value_name = "TEXT", requires = "responsible")]
    responsible_contact: Option<String>,
    /// Who says on the page, and signs, that what was verified is good enough: somebody else
    #[arg(long, value_name = "NAME")]
    validator: Option<String>,
    /// Their position
    #[arg(long, value_name = "TEXT", requires = "validator")]
    validator_title: Option<String>,
    /// Where they are
    #[arg(long, value_name = "TEXT", requires = "validator")]
    validator_location: Option<String>,
    /// Their telephone number, for example
    #[arg(long, value_name = "TEXT", requires = "validator")]
    validator_contact: Option<String>,
}

impl Say {
    pub(super) async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        let responsible = self.responsible.clone().map(|name| StopPerson {
            name,
            title: self.responsible_title.clone(),
            location: self.responsible_location.clone(),
            contact: self.responsible_contact.clone(),
        });
        let validator = self.validator.clone().map(|name| StopPerson {
            name,
            title: self.validator_title.clone(),
            location: self.validator_location.clone(),
            contact: self.validator_contact.clone(),
        });
        let said = StopParticulars {
            media_type: self.media.clone(),
            confidentiality_before: self.confidentiality_before.clone(),
            confidentiality_after: self.confidentiality_after.clone(),
            destination: self.destination.clone(),
            responsible,
            validator,
        };
        let stop = client.put_particulars(self.of.request, &said).await?;
        self.of.show(&stop, case::particulars, print)
    }
}
