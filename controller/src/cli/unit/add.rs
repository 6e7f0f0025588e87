//! `tillward unit add`.

use clap::{Args, ValueEnum};

use super::super::client::Client;
use super::super::failure::{Exit, Failure};
use super::super::print::Print;
use super::accessory;
use super::show::unit_lines;
use crate::api::model::{NewUnit, NewUnits, UnitAbout, UnitAccessory, UnitCondition, UnitValue};
use crate::provider::day::Day;
use crate::unit::record::INSPECTION_EVERY_DAYS;

/// Put one unit on the list, in stock
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  tillward unit add PX-1 --model px7 --store depot --seal S-1041 --property-number P-77 \\
      --accessory base --accessory cable=2 --why 'delivery of 22 November'")]
pub(crate) struct Add {
    serial: String,
    /// The model's key
    #[arg(long, value_name = "KEY")]
    model: String,
    /// Where it is: a shop, or the place where stock is kept
    #[arg(long, value_name = "NAME")]
    store: String,
    /// The revision of its hardware
    #[arg(long, value_name = "TEXT")]
    hardware: Option<String>,
    #[arg(long, value_name = "VERSION")]
    firmware: Option<String>,
    /// As its owner counts it
    #[arg(long, value_name = "TEXT")]
    property_number: Option<String>,
    /// Who answers for it
    #[arg(long, value_name = "NAME")]
    custodian: Option<String>,
    /// What its seal reads
    #[arg(long, value_name = "TEXT")]
    seal: Option<String>,
    /// How many cables and other things are connected to it
    #[arg(long, value_name = "COUNT")]
    connections: Option<u32>,
    /// What belongs to it; may be repeated
    #[arg(long, value_name = "NAME[=COUNT]", value_parser = accessory)]
    accessory: Vec<UnitAccessory>,
    #[arg(long, value_name = "DAY")]
    warranty_from: Option<Day>,
    /// The last day of it
    #[arg(long, value_name = "DAY")]
    warranty_until: Option<Day>,
    /// The approval of its keypad
    #[arg(long, value_name = "NUMBER")]
    pts_approval: Option<String>,
    #[arg(long, value_name = "DAY")]
    pts_expires_on: Option<Day>,
    #[arg(long, value_enum, default_value = "new")]
    condition: Grade,
    /// What it is worth, in minor units
    #[arg(long, value_name = "MINOR", requires = "currency")]
    residual_value: Option<u32>,
    #[arg(long, value_name = "CODE", requires = "residual_value")]
    currency: Option<String>,
    /// How often somebody looks at it, in days
    #[arg(long, value_name = "DAYS", default_value_t = INSPECTION_EVERY_DAYS)]
    inspection_every: u16,
    /// Why; kept in the audit log
    #[arg(long, value_name = "TEXT")]
    why: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Grade {
    New,
    Good,
    Worn,
    Damaged,
}

impl From<Grade> for UnitCondition {
    fn from(grade: Grade) -> Self {
        match grade {
            Grade::New => Self::New,
            Grade::Good => Self::Good,
            Grade::Worn => Self::Worn,
            Grade::Damaged => Self::Damaged,
        }
    }
}

impl Add {
    pub(super) async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        let value = self.residual_value.zip(self.currency.clone());
        let about = UnitAbout {
            serial: self.serial.clone(),
            model: self.model.clone(),
            store: self.store.clone(),
            hardware: self.hardware.clone(),
            firmware: self.firmware.clone(),
            property_number: self.property_number.clone(),
            custodian: self.custodian.clone(),
            seal: self.seal.clone(),
            connections: self.connections,
            accessories: self.accessory.clone(),
            warranty_from: self.warranty_from,
            warranty_until: self.warranty_until,
            pts_approval: self.pts_approval.clone(),
            pts_expires_on: self.pts_expires_on,
            condition: self.condition.into(),
            residual_value: value.map(|(minor, currency)| UnitValue { minor, currency }),
            inspection_every_days: self.inspection_every,
        };
        let rows = vec![NewUnit { line: 1, about }];
        let asked = NewUnits { rows, dry_run: false, reason: self.why.clone() };
        let added = client.add_units(&asked).await?;
        if !added.mistakes.is_empty() {
            let told: Vec<_> = added.mistakes.into_iter().map(|it| it.what).collect();
            let failure = Failure::because(format_args!("not added: {}", told.join("; ")));
            return Err(failure.exit(Exit::Refused));
        }
        let unit = client.unit(&self.serial).await?;
        match self.json {
            true => print.json(&unit),
            false => unit_lines(&unit, print),
        }
        Ok(Exit::Done)
    }
}
