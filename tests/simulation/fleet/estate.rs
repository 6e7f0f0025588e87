//! A fleet as it is drawn: stores of one to twelve tills in twelve zones, with the hours that
//! people keep for them, and what sort of till each is. What people meant by those hours is read
//! off the wall clock here, and not by the code that is tried.

use std::ops::Range;

use controller::calendar::scope::Scope;
use controller::calendar::{Clock, Entry, Kind, Repeat};
use controller::registry::calendar::Kept;
use harness::dice::Dice;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use shared::id::TerminalId;
use shared::time::UnixTime;

/// By its number in the fleet.
pub(crate) type TillNumber = u32;

const ZONES: [&str; 12] = [
    "Europe/Lisbon",
    "Europe/London",
    "Europe/Berlin",
    "Europe/Helsinki",
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Los_Angeles",
    "America/Sao_Paulo",
    "Asia/Kolkata",
    "Asia/Tokyo",
    "Australia/Sydney",
];

/// The region that is frozen for two days: stores of these zones.
const FROZEN: [&str; 3] = ["Europe/Lisbon", "America/Denver", "America/Los_Angeles"];

/// The region with a window of its own.
const EARLY: [&str; 1] = ["Europe/Helsinki"];

/// The change of clocks that a run goes across.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Span {
    America,
    Europe,
}

impl Span {
    pub(crate) fn of(seed: u64) -> Self {
        if seed.is_multiple_of(2) { Self::America } else { Self::Europe }
    }

    /// Two days before the clocks change.
    pub(crate) fn begins(self) -> UnixTime {
        let noon = match self {
            Self::America => "2027-03-12T12:00:00Z",
            Self::Europe => "2027-03-26T12:00:00Z",
        };
        UnixTime(noon.parse::<Timestamp>().expect("it is a time").as_second())
    }

    /// On each till's own clock.
    fn freeze(self) -> (DateTime, DateTime) {
        let days = match self {
            Self::America => ["2027-03-13T18:00", "2027-03-15T12:00"],
            Self::Europe => ["2027-03-27T18:00", "2027-03-29T12:00"],
        };
        let [from, to] = days.map(|it| it.parse().expect("it is a time"));
        (from, to)
    }
}

/// What sort of till it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nature {
    Well,
    /// Offline for good from the beginning.
    Gone,
    /// Comes and goes.
    Flaps,
    /// Takes an hour or two for what others do in minutes.
    Slow,
    /// Fails at whatever it is to do.
    Sick,
    /// Does not come back from the restart at the end of its first job.
    Dies,
}

/// Minutes of a day, as a daily window has them.
pub(crate) type Minutes = (u16, u16);

/// When a store may be disturbed, as people mean it.
#[derive(Clone, Debug)]
pub(crate) struct House {
    window: Minutes,
    freeze: Option<(DateTime, DateTime)>,
}

/// Why a moment is none at which a shop may be disturbed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shut {
    OutOfTheWindow,
    InAFreeze,
}

#[derive(Clone, Debug)]
pub(crate) struct Store {
    pub(crate) name: String,
    pub(crate) region: Option<String>,
    pub(crate) zone: TimeZone,
    pub(crate) zone_name: &'static str,
    pub(crate) tills: Range<TillNumber>,
    pub(crate) at_once_max: Option<u32>,
    pub(crate) has_fallback: bool,
    pub(crate) house: House,
    /// What the registry keeps for it.
    pub(crate) kept: Vec<Kept>,
}

#[derive(Debug)]
pub(crate) struct Estate {
    pub(crate) stores: Vec<Store>,
    /// Of each till: its store and its nature.
    pub(crate) tills: Vec<(usize, Nature)>,
}

impl House {
    pub(crate) fn shut_at(&self, zone: &TimeZone, at: UnixTime) -> Option<Shut> {
        let at = Timestamp::from_second(at.0).expect("within what a calendar has");
        let local = zone.to_datetime(at);
        if self.freeze.is_some_and(|(from, to)| from <= local && local < to) {
            return Some(Shut::InAFreeze);
        }
        let minute = u16::try_from(i16::from(local.hour()) * 60 + i16::from(local.minute()));
        let (minute, (from, to)) = (minute.expect("of a day"), self.window);
        let is_open = match from < to {
            true => from <= minute && minute < to,
            false => from <= minute || minute < to,
        };
        (!is_open).then_some(Shut::OutOfTheWindow)
    }
}

impl Estate {
    pub(crate) fn draw(tills: TillNumber, span: Span, dice: &mut Dice) -> Self {
        let mut estate = Self { stores: vec![], tills: vec![] };
        let mut next = 0;
        while next < tills {
            let count = u32::try_from(1 + dice.below(12)).expect("few").min(tills - next);
            let number = estate.stores.len();
            estate.stores.push(store(number, next..next + count, span, dice));
            estate.tills.extend((0..count).map(|_| (number, nature(dice))));
            next += count;
        }
        estate
    }

    pub(crate) fn store_of(&self, till: TillNumber) -> &Store {
        &self.stores[self.tills[till as usize].0]
    }

    pub(crate) fn nature(&self, till: TillNumber) -> Nature {
        self.tills[till as usize].1
    }
}

fn nature(dice: &mut Dice) -> Nature {
    match dice.below(1_000) {
        0..10 => Nature::Gone,
        10..30 => Nature::Flaps,
        30..50 => Nature::Slow,
        50..55 => Nature::Sick,
        55..56 => Nature::Dies,
        _ => Nature::Well,
    }
}

fn store(number: usize, tills: Range<TillNumber>, span: Span, dice: &mut Dice) -> Store {
    let zone_name = ZONES[dice.place(ZONES.len())];
    let name = format!("store-{number}");
    let own = match dice.below(10) {
        0 => Some((60, 4 * 60 + 30)),
        1 => Some((13 * 60, 15 * 60)),
        _ => None,
    };
    let is_frozen = FROZEN.contains(&zone_name);
    let is_early = EARLY.contains(&zone_name);
    let region = match (is_frozen, is_early) {
        (true, _) => Some("frozen"),
        (false, true) => Some("early"),
        (false, false) => None,
    };
    let fleets = (22 * 60, 6 * 60);
    let regions = is_early.then_some((20 * 60, 23 * 60));
    let freeze = is_frozen.then(|| span.freeze());
    let region = region.map(str::to_owned);
    let in_region = |region: &Option<String>| {
        Scope::Region(region.clone().expect("what is kept for a region is kept for its stores"))
    };
    let mut kept = vec![daily(Scope::Fleet, fleets)];
    kept.extend(regions.map(|window| daily(in_region(&region), window)));
    kept.extend(own.map(|window| daily(Scope::Store(name.clone()), window)));
    kept.extend(freeze.map(|(from, to)| frozen(in_region(&region), from, to)));
    let at_once_max = [None, Some(1), Some(2), Some(3)][dice.place(4)];
    Store {
        name,
        region,
        zone: TimeZone::get(zone_name).expect("the machine knows it"),
        zone_name,
        tills,
        at_once_max,
        has_fallback: dice.percent(40),
        house: House { window: own.or(regions).unwrap_or(fleets), freeze },
        kept,
    }
}

fn kept(scope: Scope, kind: Kind, from: DateTime, to: DateTime, repeat: Option<Repeat>) -> Kept {
    let entry = Entry {
        uid: format!("{scope} {}", kind.word()),
        summary: String::new(),
        kind,
        from,
        to,
        clock: Clock::EachTerminals,
        repeat,
        except: vec![],
    };
    let (set_by, why) = ("op".to_owned(), String::new());
    Kept { number: 1, scope, entry, version: 1, set_at: UnixTime(0), set_by, why, ended: None }
}

fn daily(scope: Scope, (from_min, to_min): Minutes) -> Kept {
    let time = |day: i8, minute: u16| {
        let [hour, minute] =
            [minute / 60, minute % 60].map(|it| i8::try_from(it).expect("of a day"));
        jiff::civil::date(2027, 3, day).at(hour, minute, 0, 0)
    };
    let from = time(1, from_min);
    let to = if from_min < to_min { time(1, to_min) } else { time(2, to_min) };
    let repeat = Repeat::new("FREQ=DAILY", None, from).expect("it is kept");
    kept(scope, Kind::Activation, from, to, Some(repeat))
}

fn frozen(scope: Scope, from: DateTime, to: DateTime) -> Kept {
    kept(scope, Kind::Freeze, from, to, None)
}

pub(crate) fn id(till: TillNumber) -> TerminalId {
    let mut id = [0; 16];
    id[..4].copy_from_slice(&till.to_be_bytes());
    TerminalId::from_bytes(id)
}

/// What [`id`] was made of.
pub(crate) fn number(id: TerminalId) -> TillNumber {
    let [a, b, c, d, ..] = *id.as_bytes();
    TillNumber::from_be_bytes([a, b, c, d])
}
