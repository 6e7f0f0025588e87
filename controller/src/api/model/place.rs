//! Stores as people describe them, and the windows and freezes that people keep.

use serde::{Deserialize, Serialize};
use shared::time::UnixTime;
use utoipa::ToSchema;

pub use crate::calendar::Kind as CalendarKind;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Store {
    pub name: String,
    /// Which windows and freezes it shares with others.
    pub region: Option<String>,
    /// How many of its terminals may be disturbed at once.
    pub at_once_max: Option<u32>,
    /// How it sells while its last selling terminal is at it.
    pub fallback: Option<String>,
    /// Bytes of software a second that its terminals fetch together; `null` for the controller's
    /// default.
    pub download_bytes_per_s: Option<u64>,
    /// Counts descriptions; 0 before the first.
    pub version: u32,
    #[schema(value_type = Option<i64>)]
    pub set_at: Option<UnixTime>,
    pub set_by: Option<String>,
}

/// All that is said of a store from now on. What is left out is said no more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StoreDescription {
    /// `version` of the store as whoever describes it saw it.
    pub seen_version: u32,
    #[serde(default)]
    pub region: Option<String>,
    #[serde(default)]
    pub at_once_max: Option<u32>,
    #[serde(default)]
    pub fallback: Option<String>,
    /// Bytes of software a second that its terminals fetch together, at least 4096.
    #[serde(default)]
    pub download_bytes_per_s: Option<u64>,
    /// Kept in the audit log.
    #[serde(default)]
    pub reason: Option<String>,
}

/// A store, and when its terminals may be disturbed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StoreDetail {
    pub store: Store,
    /// For each zone of its enrolled terminals.
    pub hours: Vec<StoreHours>,
    /// That concern it: of the fleet, of its region, and its own.
    pub calendars: Vec<CalendarEntry>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StoreHours {
    pub zone: String,
    /// Whether bytes may be fetched.
    pub download: OpenOrClosed,
    /// Whether a shop may be disturbed, as far as calendars say.
    pub activation: OpenOrClosed,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OpenOrClosed {
    pub is_open: bool,
    /// `freeze`, `window`, or `margin` where what is open ends too soon to begin.
    pub why: Option<String>,
    /// When it opens; `null` while it is open, and where it does not within 90 days.
    #[schema(value_type = Option<i64>)]
    pub opens_at: Option<UnixTime>,
}

/// Whom a window or a freeze concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CalendarScope {
    Fleet,
    Region,
    Store,
}

/// A window or a freeze. In its scope it is known again by its kind and its uid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CalendarEntry {
    /// Counts what was ever kept, each version.
    pub number: u64,
    pub scope: CalendarScope,
    /// Which region or store.
    pub subject: Option<String>,
    pub kind: CalendarKind,
    pub uid: String,
    pub summary: String,
    /// On a wall clock: `2026-12-20T00:00:00`.
    pub from: String,
    pub to: String,
    /// The clock's IANA zone; `null` for each terminal's own.
    pub zone: Option<String>,
    /// As `RRULE` of RFC 5545.
    pub repeat: Option<String>,
    /// The last moment at which it may begin again.
    pub until: Option<String>,
    /// Beginnings that are left out.
    pub except: Vec<String>,
    /// When it is now or next; `null` where it is over.
    pub next: Option<CalendarOccurrence>,
    /// Of this entry, from 1.
    pub version: u32,
    #[schema(value_type = i64)]
    pub set_at: UnixTime,
    pub set_by: String,
    pub set_reason: Option<String>,
    /// `null` while it stands.
    pub ended: Option<CalendarEnd>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CalendarOccurrence {
    pub from: String,
    pub to: String,
    pub is_now: bool,
}

/// Another version took an entry's place, or somebody removed it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CalendarEnd {
    #[schema(value_type = i64)]
    pub at: UnixTime,
    pub by: String,
    pub reason: Option<String>,
}

/// One window or freeze, without a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCalendarEntry {
    pub scope: CalendarScope,
    #[serde(default)]
    pub subject: Option<String>,
    pub kind: CalendarKind,
    /// Left out, it is made. One that is there takes the new one in its place.
    #[serde(default)]
    pub uid: Option<String>,
    #[serde(default)]
    pub summary: String,
    /// On a wall clock: `2026-12-20 00:00`, or a day.
    pub from: String,
    pub to: String,
    /// The clock's IANA zone; left out, it is each terminal's own.
    #[serde(default)]
    pub zone: Option<String>,
    /// As `RRULE` of RFC 5545, without `UNTIL`.
    #[serde(default)]
    pub repeat: Option<String>,
    #[serde(default)]
    pub until: Option<String>,
    #[serde(default)]
    pub except: Vec<String>,
    /// Kept in the audit log.
    #[serde(default)]
    pub reason: Option<String>,
}

/// What an import came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CalendarImportReport {
    /// Nothing was changed: it was only asked.
    pub dry_run: bool,
    /// In the order of the file.
    pub entries: Vec<ImportedCalendar>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImportedCalendar {
    pub uid: String,
    pub kind: CalendarKind,
    pub summary: String,
    pub what: CalendarEffect,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CalendarEffect {
    New,
    Replaced,
    Unchanged,
}
