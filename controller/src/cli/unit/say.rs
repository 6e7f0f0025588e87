//! `tillward unit move` and `inspect`: what somebody says who has a unit in hand.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use shared::digest::Digest;
use shared::id::PositionId;

use super::super::client::Client;
use super::super::failure::{Exit, Failure};
use super::super::print::Print;
use super::add::Grade;
use super::show::unit_lines;
use super::{accessory, event, state};
use crate::api::model::{
    NewUnitEvent, NewUnitInspection, UnitAccessory, UnitChanged, UnitEvent, UnitSaid, UnitState,
};

/// Say what happens to a unit
#[derive(Debug, Args)]
#[command(after_long_help = "\
Events: allocate, ship, receive, commission, suspend, resume, send-for-repair, back-from-repair,
back-in-place, swap-out, await-return, return, restock, dispose, report-tampered, report-lost, found

`receive` asks for the seal where one is on record. A seal or a serial number that differs, there or
on `return`, freezes the unit as tampered, and its terminal until two people have looked; so do
`report-tampered` and `report-lost`. `return` and `back-from-repair` ask for the accessories that
are there, and for the condition. What has served waits for its return, comes back from repair to
the depot, goes into stock, to another shop or away for good only once it is erased:
`tillward unit show` says whether. With all that is on it, it goes from repair `back-in-place`, to
the lane in which it stood when it was suspended. A unit whose terminal signs that it is suspended,
or sells again, moves by itself.

Example:
  tillward unit move PX-1 ship --why 'order 12' --seal BAG-7 --courier parcels --tracking 1Z99
  tillward unit move PX-1 receive --why 'order 12' --seal BAG-7 --serial-read PX-1 --store north
  tillward unit move PX-1 return --why 'contract over' --accessory base --condition worn")]
pub(crate) struct Move {
    serial: String,
    #[arg(value_parser = event)]
    event: UnitEvent,
    /// Why; kept in the audit log
    #[arg(long, value_name = "TEXT")]
    why: String,
    /// Do nothing where the unit is in another state by now
    #[arg(long, value_name = "STATE", value_parser = state)]
    if_state: Option<UnitState>,
    /// Who answers for it from now on
    #[arg(long, value_name = "NAME")]
    custodian: Option<String>,
    /// What the seal reads: as it was found, or as it was applied
    #[arg(long, value_name = "TEXT")]
    seal: Option<String>,
    /// There is no seal
    #[arg(long, conflicts_with = "seal")]
    no_seal: bool,
    /// The serial number as it is read on the unit that is received
    #[arg(long, value_name = "SERIAL")]
    serial_read: Option<String>,
    /// Where it is from now on
    #[arg(long, value_name = "NAME")]
    store: Option<String>,
    /// The lane that it is meant for, or stands in
    #[arg(long)]
    position: Option<PositionId>,
    #[arg(long, value_name = "NAME")]
    courier: Option<String>,
    /// The courier's number
    #[arg(long, value_name = "NUMBER")]
    tracking: Option<String>,
    #[arg(long, value_name = "VERSION")]
    firmware: Option<String>,
    /// What is there of what belongs to it; may be repeated
    #[arg(long, value_name = "NAME[=COUNT]", value_parser = accessory)]
    accessory: Vec<UnitAccessory>,
    /// Nothing is there of what belongs to it
    #[arg(long, conflicts_with = "accessory")]
    no_accessories: bool,
    #[arg(long, value_enum)]
    condition: Option<Grade>,
    /// A picture, of which the digest is kept; may be repeated
    #[arg(long, value_name = "FILE", num_args = 1..)]
    photo: Vec<PathBuf>,
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Say what was found by who looked at a unit
///
/// A seal or a serial number that differs from the record freezes the unit as tampered, and its
/// terminal until two people have looked.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  tillward unit inspect PX-1 --serial confirmed --seal S-1041 --surface untouched \\
      --connections as-expected --technician T-7 --photo front.jpg back.jpg")]
pub(crate) struct Inspect {
    #[arg(value_name = "SERIAL")]
    unit: String,
    /// Whether the serial number on it is this one
    #[arg(long, value_enum)]
    serial: SerialWord,
    /// What the seal reads
    #[arg(long, value_name = "TEXT")]
    seal: Option<String>,
    /// There is no seal
    #[arg(long, conflicts_with = "seal")]
    no_seal: bool,
    /// Whether somebody has opened, drilled or covered it
    #[arg(long, value_enum)]
    surface: SurfaceWord,
    /// Whether what is connected to it is what should be
    #[arg(long, value_enum)]
    connections: ConnectionsWord,
    /// The identity code of who looked
    #[arg(long, value_name = "CODE")]
    technician: Option<String>,
    /// As the unit shows it
    #[arg(long, value_name = "VERSION")]
    firmware: Option<String>,
    /// A picture, of which the digest is kept; may be repeated
    #[arg(long, value_name = "FILE", num_args = 1..)]
    photo: Vec<PathBuf>,
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum SerialWord {
    Confirmed,
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum SurfaceWord {
    Untouched,
    Marked,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ConnectionsWord {
    AsExpected,
    Other,
}

pub(super) fn digest_of(path: &Path) -> Result<Digest, Failure> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Digest::of(&bytes)),
        Err(error) => Err(Failure::new(error).context(format!("cannot read {}", path.display()))),
    }
}

fn photos(files: &[PathBuf]) -> Result<Vec<Digest>, Failure> {
    files.iter().map(|path| digest_of(path)).collect()
}

impl Move {
    pub(super) async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        let counted = self.no_accessories || !self.accessory.is_empty();
        let said = UnitSaid {
            custodian: self.custodian.clone(),
            seal: self.seal.clone(),
            seal_missing: self.no_seal,
            serial: self.serial_read.clone(),
            store: self.store.clone(),
            position: self.position,
            courier: self.courier.clone(),
            tracking: self.tracking.clone(),
            firmware: self.firmware.clone(),
            accessories: counted.then(|| self.accessory.clone()),
            condition: self.condition.map(Into::into),
            photos: photos(&self.photo)?,
            note: self.note.clone(),
        };
        let (event, reason, if_state) = (self.event, self.why.clone(), self.if_state);
        let asked = NewUnitEvent { event, reason, if_state, said };
        Ok(show(&client.move_unit(&self.serial, &asked).await?, self.json, print))
    }
}

impl Inspect {
    pub(super) async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        let asked = NewUnitInspection {
            technician: self.technician.clone(),
            seal: self.seal.clone(),
            seal_missing: self.no_seal,
            surface_ok: self.surface == SurfaceWord::Untouched,
            connections_ok: self.connections == ConnectionsWord::AsExpected,
            serial_confirmed: self.serial == SerialWord::Confirmed,
            firmware: self.firmware.clone(),
            photos: photos(&self.photo)?,
            note: self.note.clone(),
        };
        Ok(show(&client.inspect_unit(&self.unit, &asked).await?, self.json, print))
    }
}

/// It was written down either way; a unit that may be another is not a success.
fn show(changed: &UnitChanged, json: bool, print: &mut Print) -> Exit {
    match json {
        true => print.json(changed),
        false => unit_lines(&changed.unit, print),
    }
    match &changed.difference {
        None => Exit::Done,
        Some(difference) => {
            print.warning(format_args!("it may be another unit: {difference}"));
            print.hint("it is frozen; keep it apart, and look into where it was");
            Exit::Failed
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::{golden, samples};
    use super::*;

    #[test]
    fn a_unit_that_may_be_another_is_told_apart() {
        let unit = samples::units().remove(1);
        let difference = Some("its seal reads `S-9`, not `S-1`".to_owned());
        let changed = UnitChanged { unit, difference };
        let shown = golden::printed(|print| {
            assert_eq!(show(&changed, false, print), Exit::Failed);
        });
        golden::check("unit-frozen", &shown);
    }

    #[test]
    fn a_photo_is_known_by_its_digest() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("front.jpg");
        std::fs::write(&path, b"picture").unwrap();
        assert_eq!(photos(&[path]).unwrap(), [Digest::of(b"picture")]);
        assert!(photos(&[directory.path().join("gone.jpg")]).is_err());
    }
}
