//! Calendars as files (iCalendar, RFC 5545), in and out.
//!
//! A file is taken whole or not at all: each event becomes an [`Entry`] that means what the event
//! means, or is refused with its line and the reason, and then nothing of the file is taken. What
//! only adorns an event (its place, its guests, its alarms, its description) is passed over.
//!
//! - A time without a zone, and a whole day, is one on each terminal's own clock.
//! - Zones are taken by their name: the rules that a file brings for them are not read. A name of
//!   Windows is translated ([`zones`]).
//! - An end follows the wall clock, as its beginning does: a night is from ten to six even when
//!   the clock jumps.
//! - The category `download`, `activation` or `freeze` says what an event is; without one it is
//!   what the caller says.
//!
//! Deliberately absent: a single occurrence that was moved (`RECURRENCE-ID`), extra dates
//! (`RDATE`), to-dos, journals. They are refused.

mod lines;
mod read;
mod write;
mod zones;

#[cfg(test)]
mod tests;

use super::said::UID_CHARS_MAX;
use super::{Entry, Kind, NotARepeat};

pub use write::export;

/// A file: ten times what a year of all bank holidays of a continent takes.
pub const FILE_BYTES_MAX: usize = 1024 * 1024;

/// Events in one file.
pub const ENTRIES_MAX: usize = 1_000;

/// Reads a file. What has no category of ours is of this kind. On failure all events that are not
/// kept are named, in the order of their lines.
pub fn import(text: &str, kind: Kind) -> Result<Vec<Entry>, Vec<NotKept>> {
    if text.len() > FILE_BYTES_MAX {
        return Err(vec![NotKept { line: 1, why: Why::TooLarge(text.len()) }]);
    }
    let calendars = lines::components(text).map_err(|it| vec![it])?;
    read::entries(&calendars, kind)
}

/// What keeps a file from being taken: where, counted from 1, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct NotKept {
    pub line: usize,
    pub why: Why,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    #[error("{0} bytes, more than the {FILE_BYTES_MAX} that are read")]
    TooLarge(usize),
    #[error("more than {ENTRIES_MAX} events")]
    TooMany,
    #[error("this is no line of a calendar: it has a name, a colon and a value")]
    NotALine,
    #[error("`{found}` where `{wanted}` should stand")]
    Nesting { wanted: String, found: String },
    #[error("`BEGIN:{0}` is never closed")]
    NotClosed(String),
    #[error("version `{0}` is not read: export it as iCalendar 2.0")]
    Version(String),
    #[error("`{0}` is not read: it is no event")]
    NotAnEvent(String),
    #[error("an event has one `{0}`, and this one has none")]
    Missing(&'static str),
    #[error("an event has one `{0}`, and this is the second")]
    Second(&'static str),
    #[error("`{0}` is not kept: make an event of its own of what it means")]
    NotMeant(String),
    #[error("a uid has 1 to {UID_CHARS_MAX} characters, and none that cannot be seen")]
    Uid,
    #[error("the event `{0}` stands in the file twice")]
    SameUid(String),
    #[error("an event is one of `download`, `activation`, `freeze`; this one is several")]
    SeveralKinds,
    #[error("the event is `{0}`: import it once it is decided")]
    Undecided(String),
    #[error("`{0}` is neither a day nor a time between 1970 and 2199")]
    NotATime(String),
    #[error("the zone `{0}` is not known")]
    UnknownZone(String),
    #[error("`{0}` is no duration of weeks, days, hours, minutes and seconds")]
    NotADuration(String),
    #[error("the event lasts no time")]
    LastsNoTime,
    #[error("the event begins with a day or on a clock, and `{0}` is not of the same sort")]
    OtherSort(String),
    #[error("{0}")]
    Repeat(NotARepeat),
}
