//! Units that are put on the list: everything that is wrong with them at once. Pure.

use std::collections::BTreeSet;

use shared::claim::{SERIAL_BYTES_MAX, is_serial};

use super::record::About;
use crate::position::import::{MISTAKES_MAX, Mistake};
use crate::provider::text::Mistakes;

/// In one import; a larger estate comes in parts, each of which is one transaction.
pub const ROWS_MAX: usize = 5000;

pub const ACCESSORIES_MAX: usize = 32;
const INSPECTION_DAYS_MAX: u16 = 3650;

/// One unit, and the line where it stands in the file, from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewUnit {
    pub line: u32,
    pub about: About,
}

/// What is wrong with these units, by line. `known` are the serial numbers of theirs that are on
/// the list and not disposed of.
pub fn mistakes(rows: &[NewUnit], known: &BTreeSet<String>) -> Vec<Mistake> {
    if rows.is_empty() || rows.len() > ROWS_MAX {
        let what = match rows.len() {
            0 => "there are no units".to_owned(),
            count => format!("there are {count} units: add at most {ROWS_MAX} at a time"),
        };
        return vec![Mistake { line: 0, what }];
    }
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    for NewUnit { line, about } in rows {
        let mut wrong = wrong_fields(about);
        let serial = &about.serial;
        if !seen.insert(serial) {
            wrong.push(format!("an earlier line has serial number `{serial}` too"));
        }
        if known.contains(serial) {
            wrong.push(format!("unit {serial} is on the list already"));
        }
        found.extend(wrong.into_iter().map(|what| Mistake { line: *line, what }));
    }
    found.truncate(MISTAKES_MAX);
    found
}

fn wrong_fields(about: &About) -> Vec<String> {
    let mut wrong = Vec::new();
    if !is_serial(&about.serial) {
        wrong.push(format!(
            "`{}` is not a serial number: printable ASCII without spaces, at most \
             {SERIAL_BYTES_MAX} characters",
            about.serial.chars().take(SERIAL_BYTES_MAX).collect::<String>()
        ));
    }
    let mut lines = Mistakes::default();
    lines.text("model", &about.model);
    lines.text("store", &about.store);
    for (field, line) in [
        ("hardware", &about.hardware),
        ("firmware", &about.firmware),
        ("property_number", &about.property_number),
        ("custodian", &about.custodian),
        ("seal", &about.seal),
        ("pts_approval", &about.pts_approval),
    ] {
        lines.maybe_text(field, line.as_deref());
    }
    for accessory in &about.accessories {
        lines.text("accessories", &accessory.name);
    }
    if let Some(value) = &about.residual_value {
        lines.currency("residual_value", &value.currency);
    }
    wrong.extend(lines.found());
    if about.accessories.len() > ACCESSORIES_MAX {
        wrong.push(format!("there are more than {ACCESSORIES_MAX} accessories"));
    }
    let (from, until) = (about.warranty_from, about.warranty_until);
    if let Some((from, until)) = from.zip(until).filter(|(from, until)| until < from) {
        wrong.push(format!("the warranty ends on {until}, before it begins on {from}"));
    }
    let days = about.inspection_every_days;
    if !(1..=INSPECTION_DAYS_MAX).contains(&days) {
        wrong.push(format!("`inspection_every_days` is {days}: choose 1 to {INSPECTION_DAYS_MAX}"));
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::super::record::Money;
    use super::super::record::samples::about;
    use super::*;

    fn told(rows: &[NewUnit], known: &[&str]) -> Vec<(u32, String)> {
        let known = known.iter().map(|it| (*it).to_owned()).collect();
        mistakes(rows, &known).into_iter().map(|it| (it.line, it.what)).collect()
    }

    #[test]
    fn a_list_without_mistakes_is_taken() {
        let rows =
            [NewUnit { line: 2, about: about("PX-1") }, NewUnit { line: 3, about: about("PX-2") }];
        assert!(told(&rows, &["PX-3"]).is_empty());
    }

    #[test]
    fn every_mistake_of_every_line_is_told() {
        let mut odd = about("PX 2");
        odd.store = " depot".to_owned();
        odd.inspection_every_days = 0;
        odd.residual_value = Some(Money { minor: 1, currency: "eur".to_owned() });
        odd.warranty_from = "2026-02-01".parse().ok();
        odd.warranty_until = "2026-01-01".parse().ok();
        let rows = [
            NewUnit { line: 2, about: about("PX-1") },
            NewUnit { line: 3, about: odd },
            NewUnit { line: 4, about: about("PX-1") },
        ];
        let told = told(&rows, &["PX-1"]);
        let lines: Vec<_> = told.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [2, 3, 3, 3, 3, 3, 4, 4], "{told:?}");
    }

    #[test]
    fn a_hostile_list_costs_no_more_than_its_limits() {
        assert_eq!(told(&[], &[]).len(), 1);
        let many = vec![NewUnit { line: 1, about: about("PX 1") }; ROWS_MAX + 1];
        assert_eq!(told(&many, &[]).len(), 1);
        assert_eq!(told(&many[1..], &[]).len(), MISTAKES_MAX);
    }
}
