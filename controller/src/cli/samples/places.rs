//! Stores, and the windows and freezes that concern them.

use crate::api::model::{
    CalendarEffect, CalendarEnd, CalendarEntry, CalendarImportReport, CalendarKind,
    CalendarOccurrence, CalendarScope, ImportedCalendar, OpenOrClosed, Store, StoreDetail,
    StoreHours,
};

use super::{NOW, ago};
use shared::time::UnixTime;

/// One of which everything is said, and one of which nothing is.
pub(in super::super) fn stores() -> Vec<Store> {
    let north = Store {
        name: "north".to_owned(),
        region: Some("coast".to_owned()),
        at_once_max: Some(2),
        fallback: Some("cash, or the counter".to_owned()),
        download_bytes_per_s: Some(256 * 1024),
        version: 3,
        set_at: Some(ago(86_400)),
        set_by: Some("Olga".to_owned()),
    };
    let west = Store {
        name: "west".to_owned(),
        region: None,
        at_once_max: None,
        fallback: None,
        download_bytes_per_s: None,
        version: 0,
        set_at: None,
        set_by: None,
    };
    vec![north, west]
}

pub(in super::super) fn store() -> StoreDetail {
    let closed = |why: &str, in_s: i64| OpenOrClosed {
        is_open: false,
        why: Some(why.to_owned()),
        opens_at: Some(UnixTime(NOW.0 + in_s)),
    };
    let hours = StoreHours {
        zone: "Europe/Berlin".to_owned(),
        download: OpenOrClosed { is_open: true, why: None, opens_at: None },
        activation: closed("window", 11 * 3600),
    };
    let [store, _] = <[Store; 2]>::try_from(stores()).expect("two");
    StoreDetail { store, hours: vec![hours], calendars: calendars() }
}

/// A freeze, nights that are known by one name for both, and a window that was removed.
pub(in super::super) fn calendars() -> Vec<CalendarEntry> {
    let freeze = CalendarEntry {
        number: 1,
        scope: CalendarScope::Store,
        subject: Some("north".to_owned()),
        kind: CalendarKind::Freeze,
        uid: "christmas".to_owned(),
        summary: "Christmas".to_owned(),
        from: "2026-12-20T00:00:00".to_owned(),
        to: "2026-12-27T00:00:00".to_owned(),
        zone: None,
        repeat: None,
        until: None,
        except: vec![],
        next: occurrence("2026-12-20T00:00:00", "2026-12-27T00:00:00", false),
        version: 1,
        set_at: ago(3600),
        set_by: "Olga".to_owned(),
        set_reason: Some("the busiest week".to_owned()),
        ended: None,
    };
    let nights = CalendarEntry {
        number: 2,
        scope: CalendarScope::Fleet,
        subject: None,
        kind: CalendarKind::Activation,
        uid: "nights".to_owned(),
        summary: "Nights".to_owned(),
        from: "2026-11-06T22:00:00".to_owned(),
        to: "2026-11-07T06:00:00".to_owned(),
        repeat: Some("FREQ=DAILY".to_owned()),
        except: vec!["2026-12-24T22:00:00".to_owned()],
        next: occurrence("2026-11-22T22:00:00", "2026-11-23T06:00:00", false),
        set_reason: None,
        ..freeze.clone()
    };
    let downloads = CalendarEntry {
        number: 3,
        scope: CalendarScope::Region,
        subject: Some("coast".to_owned()),
        kind: CalendarKind::Download,
        zone: Some("Europe/Berlin".to_owned()),
        repeat: Some("FREQ=WEEKLY;BYDAY=FR".to_owned()),
        until: Some("2027-01-31T00:00:00".to_owned()),
        except: vec![],
        next: occurrence("2026-11-20T22:00:00", "2026-11-23T06:00:00", true),
        ..nights.clone()
    };
    let removed = CalendarEntry {
        number: 4,
        uid: "sale".to_owned(),
        summary: "Sale".to_owned(),
        next: None,
        ended: Some(CalendarEnd { at: ago(60), by: "Olga".to_owned(), reason: None }),
        ..freeze.clone()
    };
    vec![freeze, nights, downloads, removed]
}

fn occurrence(from: &str, to: &str, is_now: bool) -> Option<CalendarOccurrence> {
    Some(CalendarOccurrence { from: from.to_owned(), to: to.to_owned(), is_now })
}

pub(in super::super) fn calendar_import(dry_run: bool) -> CalendarImportReport {
    let imported = |it: CalendarEntry, what| ImportedCalendar {
        uid: it.uid,
        kind: it.kind,
        summary: it.summary,
        what,
    };
    let effects = [CalendarEffect::New, CalendarEffect::Replaced, CalendarEffect::Unchanged];
    let entries = calendars().into_iter().zip(effects).map(|(it, what)| imported(it, what));
    CalendarImportReport { dry_run, entries: entries.collect() }
}
