//! May this shop be disturbed now, and if not, why not, and when to ask again? Pure.
//!
//! Two must agree: the hours in which the job may be carried out, in the terminal's own zone, and
//! the till. The hours are the change's own window, which people may have signed, and what the
//! order's calendar leaves of it; without a calendar, the window alone. Nobody is asked twice in a
//! hurry, and nobody waits so long that a clock that was set goes unnoticed.

use std::time::Duration;

use jiff::tz::TimeZone;
use shared::calendar::{Calendar, Closed, ClosedUntil, Hours, Jitter, Part};
use shared::change::Change;
use shared::document::Order;
use shared::outcome::Waiting;
use shared::time::UnixTime;
use shared::window::Window;

use crate::job::saga::circumstances::Answer;
use crate::job::{Proof, Reply};

/// When one job may be carried out.
#[derive(Clone, Debug)]
pub struct OpeningHours {
    /// Of the change.
    window: Option<Window>,
    /// Of the order, and this terminal's place in its spread.
    calendar: Option<(Calendar, Jitter)>,
}

/// What the till says about itself. No answer means not ready, never yes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    Free,
    /// A sale is under way; it takes seconds.
    Busy,
    /// Somebody at the till asked for later.
    Postpone,
    NoAnswer,
    /// It was not asked: the terminal has to be charged first.
    LowBattery,
}

/// A sale takes seconds: asking this often finds the gap between two.
const BUSY_AGAIN: Duration = Duration::from_secs(2);

/// Who asked for later is left alone for a while, but not until the window has passed.
const POSTPONE_AGAIN: Duration = Duration::from_secs(5 * 60);

/// A till that starts or hangs.
const NO_ANSWER_AGAIN: Duration = Duration::from_secs(30);

/// Once it is charged it does not wait for the percents as well.
const BATTERY_AGAIN: Duration = Duration::from_secs(30);

/// However far the window is: the clock may be set meanwhile.
const WINDOW_AGAIN_MAX: Duration = Duration::from_secs(15 * 60);

/// The same while bytes are moved, for which it matters more.
const CLOSING_LOOK: Duration = Duration::from_secs(60);

impl OpeningHours {
    pub fn of(order: &Order, change: &Change) -> Self {
        let jitter = Jitter::of(order.id, order.terminal);
        let calendar = order.calendar.clone().map(|calendar| (calendar, jitter));
        Self { window: change.window(), calendar }
    }

    /// Whether it may begin what its table keeps to the window, by that part of the calendar.
    pub fn window(&self, part: Part, at: UnixTime, zone: &TimeZone) -> Answer {
        match self.of_calendar(part, zone) {
            Some(hours) => hours_open(&hours.within(self.window), at),
            None => window_open(self.window, at, zone),
        }
    }

    /// Whether bytes may be moved. The window is not asked: it is about the shop.
    pub fn download(&self, at: UnixTime, zone: &TimeZone) -> Answer {
        let hours = self.of_calendar(Part::Download, zone);
        hours.map_or(Answer::Yes, |hours| hours_open(&hours, at))
    }

    /// How long bytes may be moved before it is asked again, where a calendar says when.
    pub fn download_for(&self, at: UnixTime, zone: &TimeZone) -> Option<Duration> {
        let until = at.plus(CLOSING_LOOK);
        let closes = self.of_calendar(Part::Download, zone)?.next_closing(at, until);
        Some(closes.unwrap_or(until).since(at))
    }

    fn of_calendar<'a>(&'a self, part: Part, zone: &'a TimeZone) -> Option<Hours<'a>> {
        let (calendar, jitter) = self.calendar.as_ref()?;
        Some(calendar.hours(part, zone, *jitter))
    }
}

fn hours_open(hours: &Hours<'_>, at: UnixTime) -> Answer {
    let ClosedUntil { why, until } = match hours.is_open(at) {
        Ok(()) => return Answer::Yes,
        Err(closed) => closed,
    };
    let (waiting, what) = match why {
        Closed::Freeze => (Waiting::Freeze, "nothing may change now"),
        Closed::Window => (Waiting::Window, "its order's calendar is closed"),
        Closed::Spread => (Waiting::Window, "others of its campaign go first"),
        Closed::Margin => (Waiting::Window, "too little is left of what is open"),
    };
    let (detail, left) = match until {
        Some(opens) => (format!("{what}; it opens at {opens}"), opens.since(at)),
        None => (format!("{what}; it does not open in its order's time"), WINDOW_AGAIN_MAX),
    };
    let again_in = left.clamp(Duration::from_secs(1), WINDOW_AGAIN_MAX);
    Answer::NotYet { waiting, detail, again_in }
}

/// Whether the window is open. No window is always open.
fn window_open(window: Option<Window>, at: UnixTime, zone: &TimeZone) -> Answer {
    let Some(window) = window else { return Answer::Yes };
    if window.is_open(at, zone) {
        return Answer::Yes;
    }
    let opens = window.next_opening(at, zone);
    Answer::NotYet {
        waiting: Waiting::Window,
        detail: format!("the maintenance window {window} opens at {opens}"),
        again_in: opens.since(at).clamp(Duration::from_secs(1), WINDOW_AGAIN_MAX),
    }
}

/// The till's own word, weighed.
pub fn till_asked(work: Work, detail: &str) -> Reply {
    match till_free(work, detail) {
        Answer::Yes | Answer::Pending => Reply::Done(Proof::default()),
        Answer::NotYet { waiting, detail, again_in } => {
            Reply::NotYet { waiting, detail, again_in: Some(again_in) }
        }
    }
}

/// Whether the till lets itself be disturbed. `detail` is the till's own word, if it gave one.
pub fn till_free(work: Work, detail: &str) -> Answer {
    let (what, again_in) = match work {
        Work::Free => return Answer::Yes,
        Work::Busy => ("the till is busy", BUSY_AGAIN),
        Work::Postpone => ("the till asked for later", POSTPONE_AGAIN),
        Work::NoAnswer => ("the till does not answer", NO_ANSWER_AGAIN),
        Work::LowBattery => ("the battery is low", BATTERY_AGAIN),
    };
    let waiting = match work {
        Work::LowBattery => Waiting::Battery,
        Work::Free | Work::Busy | Work::Postpone | Work::NoAnswer => Waiting::Till,
    };
    let detail = match detail {
        "" => what.to_owned(),
        words => format!("{what}: {words}"),
    };
    Answer::NotYet { waiting, detail, again_in }
}

#[cfg(test)]
mod tests;
