//! The handover list of terminals that stop: what each one is, where it is known, what is saved of
//! it, what is open, and what belongs to it. Pure.
//!
//! What nobody knows is said to be unknown; it is never left out.

use std::collections::{BTreeMap, BTreeSet};

use shared::digest::Digest;
use shared::document::clearance::Deregistered;
use shared::id::RequestId;
use shared::time::UnixTime;

use super::notice::StopKind;
use super::parties;
use crate::measure;
use crate::money::text;
use crate::registry::terminal::Service;
use crate::request::{Asked, Attachment};
use crate::sheet::Sheet;
use crate::unit::record::About;

const UNKNOWN: &str = "not known";
const UTC: &str = "UTC";

/// One terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub serial: String,
    pub model: String,
    pub store: String,
    pub lane: Option<String>,
    /// IANA name of the shop's time zone.
    pub zone: String,
    pub bound: Vec<Bound>,
    pub saved: Option<Saved>,
    pub service: Service,
    pub service_at: Option<UnixTime>,
    /// The providers with which it has to be deregistered.
    pub bound_with: BTreeSet<String>,
    pub deregistered: Vec<Deregistered>,
    /// As it stands on the list of units; `None` where it does not.
    pub unit: Option<About>,
}

/// By what one provider knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    pub provider: String,
    pub mid: String,
    pub tid: String,
}

/// Its newest snapshot that is verified in both places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved {
    pub manifest: Digest,
    pub taken_at: UnixTime,
    /// A batch was open then; `None` where the manifest cannot be read.
    pub batch_open: Option<bool>,
}

#[derive(Clone, Copy, Debug)]
pub struct Handover<'a> {
    pub kind: StopKind,
    pub request: RequestId,
    pub asked: &'a Asked,
    pub cut_off: UnixTime,
    /// In the order in which they are listed.
    pub rows: &'a [Row],
    /// By currency, what the merchant is still to get, or below 0 to pay.
    pub balances: &'a BTreeMap<String, i64>,
    /// What people are still to do, with who sees to it.
    pub to_do: &'a [(String, String)],
}

/// The list, whole.
pub fn sheet(of: &Handover<'_>) -> Sheet {
    let Handover { kind: _, request, asked, cut_off: _, rows, balances, to_do } = of;
    let (count, zone) = (counted(rows), zone(rows));
    let mut sheet = Sheet::new("Handover list of payment terminals")
        .paragraph(format!("Request {request} of {}. {count}.", asked.requester))
        .table(
            &[
                "Serial",
                "Model",
                "Store",
                "Stops",
                "Known as",
                "Saved",
                "Open items",
                "Belongs to it",
                "Unit",
            ],
            rows.iter().map(|row| cells(of, row, zone)).collect(),
        )
        .heading("Papers")
        .paragraph(joined(asked.attachments.iter().map(|it| paper(it, zone)).collect()));
    sheet = sheet.heading("Money between merchant and provider").paragraph(money(balances));
    let to_do = to_do.iter().map(|(what, owner)| format!("{what} ({owner})")).collect();
    sheet.heading("Still to be done").paragraph(joined(to_do)).signatures()
}

pub(super) fn counted(rows: &[Row]) -> String {
    measure::counted(rows.len() as u64, "terminal")
}

/// One zone for all moments of the list: the shops', where they have one clock.
fn zone(rows: &[Row]) -> &str {
    let zone = rows.first().map_or(UTC, |row| row.zone.as_str());
    let is_known = jiff::tz::TimeZone::get(zone).is_ok();
    if is_known && rows.iter().all(|row| row.zone == zone) { zone } else { UTC }
}

fn cells(of: &Handover<'_>, row: &Row, zone: &str) -> Vec<String> {
    let lane = row.lane.as_ref().map_or_else(String::new, |lane| format!(", lane {lane}"));
    let bound = |it: &Bound| format!("{}: MID {}, TID {}", it.provider, it.mid, it.tid);
    let bound: Vec<_> = row.bound.iter().map(bound).collect();
    let saved = match &row.saved {
        Some(saved) => format!("{} at {}", saved.manifest.short(), local(saved.taken_at, zone)),
        None => "nothing that is verified in both places".to_owned(),
    };
    vec![
        row.serial.clone(),
        row.model.clone(),
        format!("{}{lane}", row.store),
        local(of.cut_off, zone),
        if bound.is_empty() { UNKNOWN.to_owned() } else { bound.join("; ") },
        saved,
        open_items(of.kind, row, zone),
        row.unit.as_ref().map_or_else(|| UNKNOWN.to_owned(), belongs),
        row.unit.as_ref().map_or_else(|| UNKNOWN.to_owned(), unit),
    ]
}

/// What is known to be open with it.
fn open_items(kind: StopKind, row: &Row, zone: &str) -> String {
    let mut open = Vec::new();
    match (row.service, row.service_at, &row.saved) {
        (Service::Suspended, Some(at), _) => {
            let at = local(at, zone);
            open.push(format!("none: it has signed that it settled, at {at}"));
        }
        // Its own receipt says what: the case shows it.
        (Service::SuspendedOwing, _, _) => {
            open.push("it stands still and has not settled, as was accepted".to_owned());
        }
        (Service::Erased, Some(at), _) => {
            open.push(format!("none: it was erased at {}", local(at, zone)));
        }
        (Service::Suspended | Service::Erased, None, _) => {
            open.push("none, by its own word".to_owned());
        }
        (Service::InService, _, None) => open.push("payments: not known".to_owned()),
        (Service::InService, _, Some(saved)) => {
            let batch = match saved.batch_open {
                Some(true) => "a batch was open",
                Some(false) => "no batch was open",
                None => "whether a batch was open is not known",
            };
            let at = local(saved.taken_at, zone);
            open.push(format!("{batch} at {at}; it has sold since"));
        }
    }
    // What only pauses stays registered.
    let lacking = parties::lacking(&row.bound_with, &row.deregistered);
    if !lacking.is_empty() && kind == StopKind::Decommission {
        open.push(format!("not deregistered with {}", lacking.join(", ")));
    }
    let told = row.deregistered.iter();
    open.extend(told.map(|it| format!("deregistered with {}", parties::words(it))));
    open.join("; ")
}

fn belongs(unit: &About) -> String {
    joined(unit.accessories.iter().map(|it| format!("{} × {}", it.count, it.name)).collect())
}

fn unit(unit: &About) -> String {
    let mut said = vec![format!("condition {}", unit.condition.as_str())];
    let maybe = [("seal", &unit.seal), ("property", &unit.property_number)];
    said.extend(maybe.iter().filter_map(|(name, it)| Some(format!("{name} {}", it.as_ref()?))));
    said.join(", ")
}

fn paper(it: &Attachment, zone: &str) -> String {
    let until = it.expires_at.map(|at| format!(", until {}", local(at, zone)));
    let until = until.unwrap_or_default();
    format!("{} ({}{until})", it.name, it.sha256.short())
}

fn money(balances: &BTreeMap<String, i64>) -> String {
    let open = balances.iter().filter(|(_, minor)| **minor != 0);
    let said = open.map(|(currency, minor)| match *minor < 0 {
        true => format!("the merchant has to pay {}", text(minor.saturating_neg(), currency)),
        false => format!("the merchant is to get {}", text(*minor, currency)),
    });
    match (said.collect::<Vec<_>>(), balances.is_empty()) {
        (said, _) if !said.is_empty() => said.join("; "),
        (_, true) => "nothing was entered".to_owned(),
        (_, false) => "balanced".to_owned(),
    }
}

fn joined(all: Vec<String>) -> String {
    if all.is_empty() { "none".to_owned() } else { all.join("; ") }
}

/// A moment as the shop's clock shows it.
pub(super) fn local(at: UnixTime, zone: &str) -> String {
    let there = jiff::Timestamp::from_second(at.0).ok().and_then(|it| it.in_tz(zone).ok());
    match there {
        Some(there) => format!("{} ({zone})", there.strftime("%Y-%m-%d %H:%M")),
        None => at.to_string(),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use shared::change::rebind::Reason;

    use super::*;
    use crate::request::Channel;
    use crate::unit::record::samples;

    pub(in super::super) const CUT_OFF: UnixTime = UnixTime(1_796_392_800);

    pub(in super::super) fn asked() -> Asked {
        Asked {
            requester: "Cora Merchant".to_owned(),
            channel: Channel::Telephone,
            reason: Reason::ContractEnd,
            note: "the shop moves".to_owned(),
            from: String::new(),
            to: String::new(),
            selector: "store=north".to_owned(),
            fallback: Some("Pay at the next till.".to_owned()),
            clause: Some("7.2".to_owned()),
            waiver: None,
            attachments: vec![Attachment {
                name: "contract".to_owned(),
                sha256: Digest([5; 32]),
                expires_at: None,
                reviewer: Some("ben".to_owned()),
            }],
        }
    }

    pub(in super::super) fn row(serial: &str) -> Row {
        Row {
            serial: serial.to_owned(),
            model: "px7".to_owned(),
            store: "north".to_owned(),
            lane: Some("2".to_owned()),
            zone: "Europe/Berlin".to_owned(),
            bound: vec![Bound {
                provider: "alpha".to_owned(),
                mid: "M1".to_owned(),
                tid: "T1".to_owned(),
            }],
            saved: Some(Saved {
                manifest: Digest([6; 32]),
                taken_at: UnixTime(1_796_300_000),
                batch_open: Some(true),
            }),
            service: Service::InService,
            service_at: None,
            bound_with: BTreeSet::from(["alpha".to_owned()]),
            deregistered: vec![],
            unit: Some(samples::about(serial)),
        }
    }

    fn said(rows: &[Row], balances: &[(&str, i64)]) -> String {
        said_of(StopKind::Decommission, rows, balances)
    }

    fn said_of(kind: StopKind, rows: &[Row], balances: &[(&str, i64)]) -> String {
        let balances = balances.iter().map(|&(it, minor)| (it.to_owned(), minor)).collect();
        let to_do = [("stock is counted".to_owned(), "tess".to_owned())];
        let (request, asked) = (RequestId::from_bytes([1; 16]), asked());
        let of = Handover {
            kind,
            request,
            asked: &asked,
            cut_off: CUT_OFF,
            rows,
            balances: &balances,
            to_do: &to_do,
        };
        sheet(&of).text()
    }

    #[test]
    fn each_terminal_is_listed_with_what_it_is_and_what_is_open() {
        let text = said(&[row("PX-1")], &[("EUR", -500), ("USD", 0)]);
        for line in [
            "Serial:        PX-1",
            "Store:         north, lane 2",
            "Stops:         2026-12-04 15:00 (Europe/Berlin)",
            "Known as:      alpha: MID M1, TID T1",
            "Saved:         06060606 at 2026-12-03 13:13 (Europe/Berlin)",
            "Belongs to it: 1 × base",
            "Unit:          condition new, seal S-1, property P-100",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
        assert!(text.contains("a batch was open at"), "{text}");
        assert!(text.contains("has to pay 5.00 EUR") && !text.contains("USD"), "{text}");
        assert!(text.contains("not deregistered with alpha, a registry"), "{text}");
        assert!(text.contains("contract (") && text.contains("stock is counted (tess)"), "{text}");
    }

    #[test]
    fn what_nobody_knows_is_said_to_be_unknown() {
        let stranger = Row {
            lane: None,
            zone: "nowhere".to_owned(),
            bound: vec![],
            bound_with: BTreeSet::new(),
            saved: None,
            unit: None,
            ..row("PX-2")
        };
        let text = said(&[stranger], &[]);
        for line in [
            "Stops:         2026-12-04 14:00 (UTC)",
            "Known as:      not known",
            "Saved:         nothing that is verified in both places",
            "Open items:    payments: not known; not deregistered with a",
            "Belongs to it: not known",
            "nothing was entered",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
    }

    #[test]
    fn a_terminal_that_has_stopped_owes_nothing_by_its_own_word() {
        let told = [("alpha", "D-1"), ("registry DE", "none needed: there is none, says ana")];
        let told = told.map(|(with, reference)| Deregistered {
            with: with.to_owned(),
            reference: reference.to_owned(),
        });
        let stopped = Row {
            service: Service::Suspended,
            service_at: Some(CUT_OFF),
            deregistered: told.to_vec(),
            ..row("PX-1")
        };
        let text = said(&[stopped], &[("EUR", 0)]);
        let expected = "none: it has signed that it settled, at 2026-12-04 15:00 (Europe/Berlin); \
                        deregistered with alpha (D-1); deregistered with registry DE: none \
                        needed, says ana: there is none";
        let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(line.contains(expected), "{text}");
        assert!(text.contains("balanced"), "{text}");
    }

    #[test]
    fn amounts_have_their_places_and_what_only_pauses_stays_registered() {
        let text = said_of(StopKind::Suspend, &[row("PX-1")], &[("EUR", 25_500), ("JPY", 70)]);
        assert!(text.contains("is to get 255.00 EUR; the merchant is to get 70 JPY"), "{text}");
        assert!(!text.contains("not deregistered") && !text.contains("minor"), "{text}");
    }

    #[test]
    fn shops_with_several_clocks_are_listed_by_one() {
        let abroad = Row { zone: "Asia/Tokyo".to_owned(), ..row("PX-2") };
        let text = said(&[row("PX-1"), abroad], &[]);
        assert_eq!(text.matches("2026-12-04 14:00 (UTC)").count(), 2, "{text}");
        assert!(!text.contains("Berlin") && !text.contains("Tokyo"), "{text}");
    }
}
