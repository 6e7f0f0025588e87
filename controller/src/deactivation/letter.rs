//! The written notice that terminals stop, for each party: why, at which moment, until when, and
//! how shops take money meanwhile. Pure.

use std::collections::BTreeSet;

use shared::id::RequestId;
use shared::time::UnixTime;

use super::handover::{Bound, Row, counted, local};
use super::notice::{Party, StopKind};
use crate::request::Asked;
use crate::sheet::Sheet;

#[derive(Clone, Copy, Debug)]
pub struct Letter<'a> {
    pub party: Party,
    pub kind: StopKind,
    pub request: RequestId,
    pub asked: &'a Asked,
    pub cut_off: UnixTime,
    pub resume_expected: Option<UnixTime>,
    pub announced_at: UnixTime,
    pub announced_by: &'a str,
    /// In the order in which they are listed.
    pub rows: &'a [Row],
}

/// What the party reads.
pub fn sheet(letter: &Letter<'_>) -> Sheet {
    let Letter { party, kind, request, asked, announced_at, announced_by, rows, .. } = letter;
    if *party == Party::Customers {
        return page(letter);
    }
    let count = counted(rows);
    let mut sheet = Sheet::new(title(*party, *kind))
        .paragraph(format!("Request {request}, announced at {announced_at} by {announced_by}."))
        .paragraph(format!("{} {}", when(letter), body(*party, *kind)))
        .paragraph(why(asked));
    if let Some(fallback) = &asked.fallback {
        sheet = sheet.paragraph(format!("How the shop takes money meanwhile: {fallback}"));
    }
    if let (Party::Provider, Some(clause)) = (party, &asked.clause) {
        sheet = sheet.paragraph(format!("By clause {clause} of the contract."));
    }
    list(sheet.paragraph(format!("It concerns {count}.")), letter).signatures()
}

/// What hangs at the till: what is closed, from when, until when, and how to pay. What staff and
/// providers need to know stands in other letters.
fn page(letter: &Letter<'_>) -> Sheet {
    let Letter { kind, asked, cut_off, rows, .. } = letter;
    let how = match (&asked.fallback, kind) {
        (Some(fallback), StopKind::Suspend) => format!("How to pay meanwhile: {fallback}"),
        (Some(fallback), StopKind::Decommission) => format!("How to pay instead: {fallback}"),
        (None, _) => "Please ask at the till how to pay.".to_owned(),
    };
    let row = |row: &Row| {
        let lane = row.lane.clone().unwrap_or_else(|| "-".to_owned());
        vec![row.store.clone(), lane, local(*cut_off, &row.zone)]
    };
    let closed: BTreeSet<_> = rows.iter().map(row).collect();
    Sheet::new(title(Party::Customers, *kind))
        .paragraph(when(letter))
        .paragraph(how)
        .table(&["Shop", "Lane", "Closed from"], closed.into_iter().collect())
}

fn title(party: Party, kind: StopKind) -> &'static str {
    match (party, kind) {
        (Party::Customers, StopKind::Suspend) => "For a while no payments at this terminal",
        (Party::Customers, StopKind::Decommission) => "This payment terminal closes",
        (Party::Provider, StopKind::Suspend) => "Notice: payment terminals pause",
        (Party::Provider, StopKind::Decommission) => "Notice: payment terminals are withdrawn",
        (Party::Bank | Party::Suppliers | Party::TaxOffice, StopKind::Suspend) => {
            "Notice that payment terminals pause"
        }
        (Party::Bank | Party::Suppliers | Party::TaxOffice, StopKind::Decommission) => {
            "Notice that payment terminals are withdrawn"
        }
    }
}

fn when(letter: &Letter<'_>) -> String {
    let Letter { party, kind, cut_off, resume_expected, rows, .. } = letter;
    let they = match party {
        Party::Customers => "the payment terminals below",
        Party::Provider | Party::Bank | Party::Suppliers | Party::TaxOffice => "they",
    };
    // Where all shops have one clock, people read their own time.
    let zone = rows.first().map_or("", |row| row.zone.as_str());
    let zone = if rows.iter().all(|row| row.zone == zone) { zone } else { "" };
    let from = local(*cut_off, zone);
    match (kind, resume_expected) {
        (StopKind::Suspend, Some(until)) => {
            let until = local(*until, zone);
            format!("From {from} until about {until} {they} take no payments.")
        }
        (StopKind::Suspend, None) => {
            format!("From {from} {they} take no payments; when they take some again is told later.")
        }
        (StopKind::Decommission, _) => format!("From {from} {they} take no payments any more."),
    }
}

fn body(party: Party, kind: StopKind) -> &'static str {
    match (party, kind) {
        (Party::Provider, StopKind::Suspend) => {
            "Stored payments and reversals are sent to you and the batch is closed with you then. \
             Nothing is erased, and the registrations stay as they are."
        }
        (Party::Provider, StopKind::Decommission) => {
            "Stored payments and reversals are sent to you and the batch is closed with you then. \
             Please cancel the registrations below after that, and give us your reference. \
             Refunds and chargebacks for earlier sales stay with the merchant numbers below."
        }
        (Party::Bank, StopKind::Suspend) => {
            "The last settlement before that may arrive on the following days; none is expected \
             afterwards."
        }
        (Party::Bank, StopKind::Decommission) => {
            "The last settlement may arrive on the following days; afterwards none is expected \
             under the merchant and terminal numbers below."
        }
        // Their page says how to pay.
        (Party::Customers, StopKind::Suspend | StopKind::Decommission) => "",
        (Party::Suppliers, StopKind::Suspend) => {
            "Please agree deliveries and payments at the shop's door with the shop for that time."
        }
        (Party::Suppliers, StopKind::Decommission) => {
            "Please agree with the shop how deliveries are paid at its door from then on."
        }
        (Party::TaxOffice, StopKind::Suspend) => {
            "The records of earlier sales are saved once they have stopped, and are kept; nothing \
             is erased."
        }
        (Party::TaxOffice, StopKind::Decommission) => {
            "The records of earlier sales are saved once they have stopped, before anything is \
             erased, and are kept."
        }
    }
}

fn why(asked: &Asked) -> String {
    let note = match asked.note.is_empty() {
        true => String::new(),
        false => format!(" ({})", asked.note),
    };
    format!("Reason: {}{note}. Asked for by {}.", asked.reason.as_str(), asked.requester)
}

/// Each party sees the numbers that are its business.
fn list(sheet: Sheet, letter: &Letter<'_>) -> Sheet {
    let (serials, numbers) = match letter.party {
        Party::Provider | Party::Bank => (true, true),
        Party::TaxOffice => (true, false),
        Party::Customers | Party::Suppliers => (false, false),
    };
    let mut header = vec!["Store", "Lane", "Stops"];
    if serials {
        header.extend(["Serial", "Model"]);
    }
    if numbers {
        header.extend(["Provider", "MID", "TID"]);
    }
    let row = |row: &Row| {
        let lane = row.lane.clone().unwrap_or_else(|| "-".to_owned());
        let mut cells = vec![row.store.clone(), lane, local(letter.cut_off, &row.zone)];
        if serials {
            cells.extend([row.serial.clone(), row.model.clone()]);
        }
        if numbers {
            let each = |part: fn(&Bound) -> &str| match row.bound.is_empty() {
                true => "not known".to_owned(),
                false => row.bound.iter().map(part).collect::<Vec<_>>().join(", "),
            };
            cells.extend([each(|it| &it.provider), each(|it| &it.mid), each(|it| &it.tid)]);
        }
        cells
    };
    sheet.table(&header, letter.rows.iter().map(row).collect())
}

#[cfg(test)]
mod tests {
    use super::super::handover::tests::{CUT_OFF, asked, row};
    use super::*;

    fn said(party: Party, kind: StopKind, resume_expected: Option<UnixTime>) -> String {
        let (asked, rows) = (asked(), [row("PX-1"), row("PX-2")]);
        let letter = Letter {
            party,
            kind,
            request: RequestId::from_bytes([1; 16]),
            asked: &asked,
            cut_off: CUT_OFF,
            resume_expected,
            announced_at: UnixTime(1_795_000_000),
            announced_by: "ana",
            rows: &rows,
        };
        // As one line, however it is wrapped.
        sheet(&letter).text().split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn it_says_why_at_which_moment_until_when_and_what_customers_do() {
        let back = Some(UnixTime(CUT_OFF.0 + 31 * 86_400));
        for party in Party::ALL {
            let pause = said(party, StopKind::Suspend, back);
            let until = "From 2026-12-04 15:00 (Europe/Berlin) until about 2027-01-04 15:00";
            assert!(pause.contains(until), "{pause}");
            let end = said(party, StopKind::Decommission, None);
            assert!(end.contains("take no payments any more"), "{end}");
            assert!(!end.contains("for that time"), "there is none: {end}");
            if party == Party::Customers {
                continue;
            }
            for text in [&pause, &end] {
                assert!(text.contains("Reason: contract-end (the shop moves)."), "{text}");
                assert!(text.contains("meanwhile: Pay at the next till."), "{text}");
                assert!(text.contains("It concerns 2 terminals."), "{text}");
            }
        }
        let open = said(Party::Bank, StopKind::Suspend, None);
        assert!(open.contains("is told later"), "{open}");
    }

    #[test]
    fn what_hangs_at_the_till_says_nothing_internal() {
        for (kind, how) in [
            (StopKind::Suspend, "How to pay meanwhile: Pay at the next till."),
            (StopKind::Decommission, "How to pay instead: Pay at the next till."),
        ] {
            let text = said(Party::Customers, kind, None);
            assert!(text.contains(how) && text.contains("Lane: 2"), "{text}");
            for internal in ["req-", "ana", "Reason", "Cora", "signature", "Whoever works"] {
                assert!(!text.contains(internal), "{internal}: {text}");
            }
        }
    }

    #[test]
    fn the_tax_office_reads_of_what_is_still_to_be_saved() {
        let text = said(Party::TaxOffice, StopKind::Decommission, None);
        assert!(text.contains("are saved once they have stopped, before anything is"), "{text}");
        assert!(!text.contains("were saved"), "{text}");
    }

    #[test]
    fn each_party_reads_the_numbers_that_are_its_business() {
        for (party, serials, numbers) in [
            (Party::Provider, true, true),
            (Party::Bank, true, true),
            (Party::Customers, false, false),
            (Party::Suppliers, false, false),
            (Party::TaxOffice, true, false),
        ] {
            let text = said(party, StopKind::Decommission, None);
            assert_eq!(text.contains("PX-2"), serials, "{party:?}");
            assert_eq!(text.contains("TID: T1"), numbers, "{party:?}");
            assert_eq!(text.contains("By clause 7.2"), party == Party::Provider, "{party:?}");
        }
    }
}
