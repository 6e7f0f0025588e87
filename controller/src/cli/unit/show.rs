//! `tillward unit show`.

use serde::Serialize;

use super::super::client::Client;
use super::super::failure::Failure;
use super::super::measure::time_text;
use super::super::print::Print;
use super::super::words::{NOTHING, or_nothing, word};
use super::{Show, sanitised};
use crate::api::model::{Unit, UnitAccessory, UnitHistory, UnitInspection, UnitSanitisation};

/// All that is known of one unit.
#[derive(Debug, Serialize)]
pub(super) struct Whole {
    pub(super) unit: Unit,
    pub(super) events: Vec<UnitHistory>,
    pub(super) inspections: Vec<UnitInspection>,
    pub(super) sanitisation: UnitSanitisation,
}

impl Show {
    pub(super) async fn run(&self, client: &Client, print: &mut Print) -> Result<(), Failure> {
        let whole = Whole {
            unit: client.unit(&self.serial).await?,
            events: client.unit_history(&self.serial).await?,
            inspections: client.unit_inspections(&self.serial).await?,
            sanitisation: client.unit_sanitisation(&self.serial).await?,
        };
        match self.json {
            true => print.json(&whole),
            false => show(&whole, print),
        }
        Ok(())
    }
}

pub(super) fn accessories_text(accessories: &[UnitAccessory]) -> String {
    let each = accessories.iter().map(|it| format!("{}={}", it.name, it.count));
    each.collect::<Vec<_>>().join("; ")
}

fn show(Whole { unit, events, inspections, sanitisation }: &Whole, print: &mut Print) {
    unit_lines(unit, print);
    sanitised::lines(sanitisation, print);
    if !events.is_empty() {
        print.line("");
        print.table(["what happened", "to", "at", "by", "why", "with"], history(events), "");
    }
    if !inspections.is_empty() {
        print.line("");
        let header = ["inspection", "at", "by", "technician", "verdict", "seal", "note"];
        print.table(header, looked(inspections), "");
    }
}

pub(super) fn unit_lines(it: &Unit, print: &mut Print) {
    let about = &it.about;
    let why = it.state_reason.as_deref().unwrap_or(NOTHING);
    let value = about.residual_value.as_ref();
    let due = it.inspection_due_at.map(time_text);
    let late = if it.is_inspection_due { ", which is now" } else { "" };
    let between =
        format!("{} to {}", or_nothing(about.warranty_from), or_nothing(about.warranty_until));
    let lines = [
        ("serial", about.serial.clone()),
        (
            "state",
            format!("{} since {} by {}: {why}", it.state, time_text(it.state_at), it.state_by),
        ),
        ("model", about.model.clone()),
        ("hardware", or_nothing(about.hardware.as_ref())),
        ("firmware", or_nothing(about.firmware.as_ref())),
        ("store", about.store.clone()),
        ("position", or_nothing(it.position)),
        ("custodian", or_nothing(about.custodian.as_ref())),
        ("property", or_nothing(about.property_number.as_ref())),
        ("seal", or_nothing(about.seal.as_ref())),
        ("connections", or_nothing(about.connections)),
        (
            "accessories",
            or_nothing(Some(accessories_text(&about.accessories)).filter(|it| !it.is_empty())),
        ),
        ("condition", word(&about.condition)),
        ("warranty", between),
        (
            "pts",
            format!(
                "{} until {}",
                or_nothing(about.pts_approval.as_ref()),
                or_nothing(about.pts_expires_on)
            ),
        ),
        (
            "worth",
            or_nothing(value.map(|it| format!("{} {} (minor units)", it.minor, it.currency))),
        ),
        (
            "look at by",
            format!("{}{late}, every {} days", or_nothing(due), about.inspection_every_days),
        ),
    ];
    for (name, value) in lines {
        print.line(format_args!("{name:<11} {value}"));
    }
}

fn history(events: &[UnitHistory]) -> Vec<[String; 6]> {
    let row = |it: &UnitHistory| {
        let said = &it.said;
        let seal = if said.seal_missing { Some("none") } else { said.seal.as_deref() };
        let told = [
            ("custodian", said.custodian.as_deref()),
            ("seal", seal),
            ("serial read", said.serial.as_deref()),
            ("store", said.store.as_deref()),
            ("courier", said.courier.as_deref()),
            ("tracking", said.tracking.as_deref()),
            ("note", said.note.as_deref()),
        ];
        let told = told.into_iter().filter_map(|(name, it)| Some(format!("{name} {}", it?)));
        let counted = said.accessories.as_deref().map(|all| match all {
            [] => "no accessories".to_owned(),
            all => format!("accessories {}", accessories_text(all)),
        });
        let condition = said.condition.map(|it| format!("condition {}", word(&it)));
        let photos = said.photos.len();
        let photos = (photos > 0).then(|| format!("photos {photos}"));
        let told: Vec<_> = told.chain([counted, condition, photos].into_iter().flatten()).collect();
        [
            it.event.to_string(),
            it.to.to_string(),
            time_text(it.at),
            it.by.clone(),
            or_nothing(it.reason.as_ref()),
            or_nothing(Some(told.join(", ")).filter(|it| !it.is_empty())),
        ]
    };
    events.iter().map(row).collect()
}

fn looked(inspections: &[UnitInspection]) -> Vec<[String; 7]> {
    let row = |it: &UnitInspection| {
        let seal = if it.found.seal_missing { Some("none") } else { it.found.seal.as_deref() };
        [
            it.number.to_string(),
            time_text(it.at),
            it.by.clone(),
            or_nothing(it.found.technician.as_ref()),
            word(&it.verdict),
            or_nothing(seal),
            or_nothing(it.found.note.as_ref()),
        ]
    };
    inspections.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::super::super::{golden, samples};
    use super::*;

    #[test]
    fn a_unit_is_shown_with_all_that_happened_to_it() {
        let mut units = samples::units();
        let (events, inspections) = samples::unit_past();
        let sanitisation = samples::unit_sanitisation();
        let whole = Whole { unit: units.remove(0), events, inspections, sanitisation };
        golden::check("unit-show", &golden::printed(|print| show(&whole, print)));
    }
}
