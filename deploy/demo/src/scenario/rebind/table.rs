//! The end of the scenario: to whom each till was and is bound, and the books of both hosts beside
//! the till's own.

use anyhow::Result;

use super::{Cast, Section};
use crate::books::Books;
use crate::promises::Promises;
use crate::stage::Stage;

pub(super) fn section(
    stage: &Stage,
    cast: &Cast,
    outcome: impl Fn(&str) -> String,
    before: &Books,
    after: &Books,
    promises: &mut Promises,
) -> Result<Section> {
    let mut rows = Vec::new();
    let mut differ = Vec::new();
    let mut unsettled = Vec::new();
    for at in cast.all() {
        let terminal = &stage.world.terminals[at];
        let serial = terminal.shop.serial.as_str();
        let mut cells = Vec::new();
        for host in &stage.world.hosts {
            let (there, here) = (host.books_of(serial)?, terminal.books_with(host.name())?);
            if there != here {
                differ.push(format!("{serial}: {} has {there:?}, it {here:?}", host.name()));
            }
            if there.taken_minor != there.settled_minor {
                unsettled.push(format!("{serial} with {}: {there:?}", host.name()));
            }
            cells.push(there.taken_minor.to_string());
            cells.push(there.batches.to_string());
            cells.push(if there == here { "yes" } else { "NO" }.to_owned());
        }
        let (was, is) = (before.of(serial)?, after.of(serial)?);
        let wave = if cast.first.contains(&at) { "1" } else { "2" };
        let row = [
            serial.to_owned(),
            wave.to_owned(),
            "alpha".to_owned(),
            terminal.provider(&stage.world.programs)?,
            outcome(serial),
            cells[0].clone(),
            cells[1].clone(),
            cells[2].clone(),
            cells[3].clone(),
            cells[4].clone(),
            cells[5].clone(),
            format!("{:.1} s", (is.downtime_ms - was.downtime_ms) as f64 / 1000.0),
        ];
        rows.push(row);
    }
    promises.equal("both hosts took and settled what the tills' journals say", &differ, &vec![]);
    promises.equal("…and settled all that they took", &unsettled, &Vec::new());
    let header = [
        "terminal",
        "wave",
        "before",
        "after",
        "outcome",
        "alpha\ntook",
        "alpha\nbatches",
        "as the\ntill says",
        "beta\ntook",
        "beta\nbatches",
        "as the\ntill says",
        "downtime",
    ];
    let mut section = Section::new(header, 5, rows);
    section.note(format!("{} sales so far.", after.sales()));
    section.note("Amounts in minor units; downtime of this scenario alone.".to_owned());
    Ok(section)
}
