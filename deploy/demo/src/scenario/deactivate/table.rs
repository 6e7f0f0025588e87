//! The end of the scenario: what became of each terminal, and whether its money is where it
//! belongs.

use anyhow::Result;

use super::replace::Case;
use super::{CAST, Section};
use crate::promises::Promises;
use crate::stage::Stage;

pub(super) fn section(
    stage: &Stage,
    case: &Case,
    certificates: &[(usize, String)],
    promises: &mut Promises,
) -> Result<Section> {
    let mut rows = Vec::new();
    let mut unsettled = Vec::new();
    for (at, part) in CAST.into_iter().chain([(case.new, "replacement")]) {
        let serial = stage.world.terminals[at].shop.serial.as_str();
        let shown = stage.world.tillward_json(&["terminal", "show", serial])?;
        let word = |key: &str| shown[key].as_str().unwrap_or("-").to_owned();
        let (mut sales, mut taken, mut settled, mut batches) = (0, 0, 0, 0);
        for host in &stage.world.hosts {
            let books = host.books_of(serial)?;
            sales += host.sales_of(serial)?;
            taken += books.taken_minor;
            settled += books.settled_minor;
            batches += books.batches;
        }
        // Only who sells on has an open batch.
        let is_erased = word("service") == "erased";
        if is_erased && taken != settled {
            unsettled.push(format!("{serial}: {taken} taken, {settled} settled"));
        }
        let certificate = certificates.iter().find(|(of, _)| *of == at);
        rows.push([
            serial.to_owned(),
            part.to_owned(),
            word("service"),
            word("lifecycle"),
            certificate.map_or_else(|| "-".to_owned(), |(_, digest)| digest.clone()),
            sales.to_string(),
            taken.to_string(),
            batches.to_string(),
            settled.to_string(),
        ]);
    }
    promises.equal("all that erased tills took is settled", &unsettled, &Vec::new());
    let header = [
        "terminal",
        "part",
        "service",
        "lifecycle",
        "certificate",
        "sales",
        "hosts took",
        "settlements",
        "settled",
    ];
    let mut section = Section::new(header, 5, rows);
    section.note(format!("{}.", case.in_words()));
    section.note("By both hosts, of all scenarios; amounts in minor units.".to_owned());
    Ok(section)
}
