//! `tillward unit export`: the list of devices as an assessor reads it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use shared::durable::{Readers, replace_file};
use shared::time::UnixTime;

use super::super::client::Client;
use super::super::failure::Failure;
use super::super::measure::time_text;
use super::super::print::Print;
use super::super::words::{counted, word};
use crate::api::model::{Document, DocumentKind, Position, Unit, UnitState};
use crate::provider::model::Model;

/// Write the list of devices that PCI DSS 9.5.1.1 asks for, as CSV
///
/// Units that are disposed of are not on it. What a model is comes from what was written down
/// about it: `tillward provider list --kind model`.
#[derive(Debug, Args)]
pub(crate) struct Export {
    #[arg(value_name = "FILE.csv")]
    file: PathBuf,
    /// Replace a file that is there
    #[arg(long)]
    force: bool,
}

/// One device, as an assessor reads the list.
#[derive(Debug, Serialize)]
struct Listed {
    make_model: String,
    description: String,
    location: String,
    lane: String,
    serial: String,
    property_number: String,
    hardware: String,
    firmware: String,
    seal: String,
    connections: String,
    state: String,
    custodian: String,
    last_inspected_at: String,
    last_inspected_by: String,
    last_verdict: String,
    next_inspection_due_at: String,
    pts_approval: String,
    pts_expires_on: String,
}

/// What was written down of a model.
#[derive(Debug)]
struct Described {
    manufacturer: Option<String>,
    form_factor: String,
}

impl Described {
    fn of(model: Model) -> Self {
        let Model { manufacturer, form_factor, .. } = model;
        Self { manufacturer, form_factor }
    }
}

impl Export {
    pub(super) async fn run(&self, client: &Client, print: &mut Print) -> Result<(), Failure> {
        self.may_write()?;
        let to = self.file.display().to_string();
        let units = client.units(None, None, None, false).await?;
        let positions = client.positions().await?;
        let models = client.provider_records(DocumentKind::Model).await?;
        let described = models.into_iter().filter_map(|it| match it.document {
            Document::Model(model) => Some((it.key, Described::of(model))),
            Document::Provider(_)
            | Document::Fees(_)
            | Document::Band(_)
            | Document::Contract(_)
            | Document::Compatibility(_) => None,
        });
        let lines = lines(&units, &positions, &described.collect());
        let text = written(&lines)
            .map_err(|error| Failure::new(error).context("the list cannot be written"))?;
        replace_file(&self.file, text.as_bytes(), Readers::Owner)
            .map_err(|error| Failure::new(error).context(format!("cannot write {to}")))?;
        print.line(format_args!("{} written to {to}", counted(lines.len() as u64, "unit")));
        Ok(())
    }

    /// The list may be somebody's last proof: it is not replaced unasked.
    fn may_write(&self) -> Result<(), Failure> {
        match !self.force && self.file.exists() {
            true => Err(Failure::because(format_args!("{} is there already", self.file.display()))
                .hint("choose another name, or replace it with --force")),
            false => Ok(()),
        }
    }
}

fn lines(
    units: &[Unit],
    positions: &[Position],
    described: &BTreeMap<String, Described>,
) -> Vec<Listed> {
    let lanes: BTreeMap<_, _> = positions.iter().map(|it| (it.id, &it.lane)).collect();
    let text = |it: &Option<String>| it.clone().unwrap_or_default();
    let time = |at: Option<UnixTime>| at.map(time_text).unwrap_or_default();
    let listed = units.iter().filter(|it| it.state != UnitState::Disposed);
    let line = |it: &Unit| {
        let (about, inspected) = (&it.about, it.inspected.as_ref());
        let model = described.get(&about.model);
        Listed {
            make_model: match model.and_then(|it| it.manufacturer.as_ref()) {
                Some(make) => format!("{make} {}", about.model),
                None => about.model.clone(),
            },
            description: model.map(|it| it.form_factor.clone()).unwrap_or_default(),
            location: about.store.clone(),
            lane: it
                .position
                .and_then(|id| lanes.get(&id))
                .map(|it| (*it).clone())
                .unwrap_or_default(),
            serial: about.serial.clone(),
            property_number: text(&about.property_number),
            hardware: text(&about.hardware),
            firmware: text(&about.firmware),
            seal: text(&about.seal),
            connections: about.connections.map(|it| it.to_string()).unwrap_or_default(),
            state: it.state.to_string(),
            custodian: text(&about.custodian),
            last_inspected_at: time(inspected.map(|it| it.at)),
            last_inspected_by: inspected.map(|it| it.by.clone()).unwrap_or_default(),
            last_verdict: inspected.map(|it| word(&it.verdict)).unwrap_or_default(),
            next_inspection_due_at: time(it.inspection_due_at),
            pts_approval: text(&about.pts_approval),
            pts_expires_on: about.pts_expires_on.map(|it| it.to_string()).unwrap_or_default(),
        }
    };
    listed.map(line).collect()
}

fn written(lines: &[Listed]) -> Result<String, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for line in lines {
        writer.serialize(line)?;
    }
    let bytes = writer.into_inner().map_err(|error| error.into_error())?;
    Ok(String::from_utf8(bytes).expect("what is written is text"))
}

#[cfg(test)]
mod tests {
    use super::super::super::{golden, samples};
    use super::*;

    #[test]
    fn the_list_has_a_line_for_each_device_that_is_not_gone() {
        let (manufacturer, form_factor) = (Some("Paxton".to_owned()), "countertop".to_owned());
        let model = Described { manufacturer, form_factor };
        let described = BTreeMap::from([("px7".to_owned(), model)]);
        let lines = lines(&samples::units(), &samples::positions(), &described);
        golden::check("unit-export", &written(&lines).unwrap());
    }

    #[test]
    fn a_file_that_is_there_is_not_replaced_by_accident() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("list.csv");
        let export = |force| Export { file: file.clone(), force };
        assert!(export(false).may_write().is_ok());
        std::fs::write(&file, "serial\n").unwrap();
        assert!(export(false).may_write().is_err());
        assert!(export(true).may_write().is_ok());
    }
}
