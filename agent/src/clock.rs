//! What time it is, as far as a terminal with a dead clock battery can know. Pure.
//!
//! Two things are kept apart. The *floor* is a time that has certainly passed: it is kept over
//! restarts, only signed data raises it, and nothing lowers it. *Attested* time is the floor of a
//! controller that answered this run's own question a moment ago, carried on by the monotonic
//! clock. The machine's own clock is believed for nothing that matters: it opens maintenance
//! windows and stamps reports while there is nothing better.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use shared::digest::{Digest, Nonce};
use shared::document::FleetTime;
use shared::document::roster::Role;
use shared::id::TerminalId;
use shared::message::SignedBytes;
use shared::signature::Rejected;
use shared::time::{ClockConfidence, UnixTime};

use crate::decide::input::Now;
use crate::roster::{RanOut, Trust};

/// No terminal runs this build before it was built: `SOURCE_DATE_EPOCH` where the build sets it
/// (it must, for builds that can be repeated), 2026-11-01T00:00:00Z otherwise.
pub const BUILT_AT: UnixTime = match option_env!("SOURCE_DATE_EPOCH") {
    None => UnixTime(1_793_491_200),
    Some(text) => match i64::from_str_radix(text, 10) {
        Ok(seconds) => UnixTime(seconds),
        Err(_) => panic!("SOURCE_DATE_EPOCH is not a number of seconds"),
    },
};

/// A fleet time that comes later than this after the question attests nothing: whoever carries
/// messages could hold it back together with orders that expire meanwhile. It is also how far an
/// attested time may lag behind the controller's.
pub const LAG_MAX: Duration = Duration::from_secs(5 * 60);

/// Without a fleet time for this long somebody may be holding them back. The terminal says so,
/// and goes on working. Three days is a long weekend; the hour is for the hello that ends it.
pub const STALE_AFTER: Duration = Duration::from_secs(73 * 3600);

/// What outlives a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeFloor {
    /// This moment has certainly passed.
    pub floor: UnixTime,
    /// The newest fleet time ever heard.
    pub heard: Option<UnixTime>,
}

#[derive(Clone, Debug)]
pub struct Clock {
    kept: TimeFloor,
    /// A moment that had certainly passed at this uptime; the monotonic clock carries it on.
    passed: (UnixTime, Duration),
    confidence: ClockConfidence,
    /// From which this run's questions are derived. Never sent.
    nonce_seed: Nonce,
    questions: u64,
    /// The newest question, while it is unanswered, and when it was asked.
    asked: Option<(Nonce, Duration)>,
}

/// The time, at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Certainly passed, and will be after any restart too: signed data alone.
    pub floor: UnixTime,
    /// Certainly passed; how much later it can be depends on `confidence`.
    pub proven: UnixTime,
    pub confidence: ClockConfidence,
    /// For windows, reports and people: the machine's own clock while nothing better is known.
    pub wall: UnixTime,
    /// No fleet time for [`STALE_AFTER`], as far as can be told.
    pub stale: bool,
}

/// Why a fleet time counts for nothing.
#[derive(Debug, thiserror::Error)]
pub enum NotTheTime {
    #[error("the fleet time cannot be read")]
    Unreadable(#[source] Rejected),
    #[error("no controller's key signed the fleet time")]
    NotByController,
    #[error("the fleet time is for {got}, not for {ours}")]
    OtherTerminal { got: TerminalId, ours: TerminalId },
    #[error("the fleet time says {at}, when its signer has no roster any more")]
    AfterRoster {
        at: UnixTime,
        #[source]
        source: RanOut,
    },
}

/// Reads a fleet time. A controller's key counts as long as its roster does: so a stolen one can
/// push the floor no further than to the roster's end, from where a new roster leads on.
pub fn open_fleet_time(
    signed: &SignedBytes,
    terminal: TerminalId,
    trust: &Trust,
) -> Result<FleetTime, NotTheTime> {
    let opened = trust.open::<FleetTime>(signed).map_err(NotTheTime::Unreadable)?;
    let time = opened.document;
    if opened.signed_by.count(Role::Controller) == 0 {
        return Err(NotTheTime::NotByController);
    }
    if time.terminal != terminal {
        return Err(NotTheTime::OtherTerminal { got: time.terminal, ours: terminal });
    }
    match trust.in_force(time.at) {
        Ok(_) => Ok(time),
        Err(source) => Err(NotTheTime::AfterRoster { at: time.at, source }),
    }
}

impl Clock {
    /// A clock at the start of a run. `nonce_seed` is drawn anew for each run.
    pub fn restore(
        built_at: UnixTime,
        kept: Option<TimeFloor>,
        nonce_seed: Nonce,
        now: Now,
    ) -> Self {
        let mut kept = kept.unwrap_or(TimeFloor { floor: built_at, heard: None });
        kept.floor = kept.floor.max(built_at);
        Self {
            kept,
            passed: (kept.floor, now.uptime),
            confidence: ClockConfidence::FloorOnly,
            nonce_seed,
            questions: 0,
            asked: None,
        }
    }

    /// What must be kept, whenever it changed.
    pub fn kept(&self) -> TimeFloor {
        self.kept
    }

    /// The nonce for a hello that is said now. Each hello has its own: an answer to an older one
    /// proves nothing about how late it is.
    pub fn ask(&mut self, now: Now) -> Nonce {
        let digest = Digest::of_parts(&[&self.nonce_seed.0, &self.questions.to_be_bytes()]);
        let mut nonce = [0; 16];
        nonce.copy_from_slice(&digest.0[..16]);
        self.questions += 1;
        self.asked = Some((Nonce(nonce), now.uptime));
        Nonce(nonce)
    }

    /// Takes in a fleet time that [`open_fleet_time`] found good. Whatever it answers, its moment
    /// has passed; only a prompt answer to the newest question attests the time.
    pub fn hear(&mut self, time: &FleetTime, now: Now) {
        self.kept.heard = self.kept.heard.max(Some(time.at));
        self.raise_floor(time.at);
        if time.at > self.passed_by(now) {
            self.passed = (time.at, now.uptime);
        }
        if let Some((_, asked_at)) = self.asked.take_if(|(nonce, _)| *nonce == time.nonce)
            && now.uptime.saturating_sub(asked_at) <= LAG_MAX
        {
            self.confidence = ClockConfidence::Attested;
        }
    }

    /// An order was accepted: by the word of those who signed it, its time had come.
    pub fn accepted(&mut self, not_before: UnixTime) {
        self.raise_floor(not_before);
    }

    pub fn reading(&self, now: Now) -> Reading {
        let proven = self.passed_by(now).max(self.kept.floor);
        let wall = match self.confidence {
            ClockConfidence::Attested => proven,
            ClockConfidence::FloorOnly => proven.max(now.rtc),
        };
        let silence = match self.kept.heard {
            Some(heard) => wall.since(heard),
            // Never in this terminal's life: then only this run is known to be without.
            None => now.uptime.saturating_sub(self.passed.1),
        };
        let stale = silence >= STALE_AFTER;
        Reading { floor: self.kept.floor, proven, confidence: self.confidence, wall, stale }
    }

    fn raise_floor(&mut self, to: UnixTime) {
        self.kept.floor = self.kept.floor.max(to);
    }

    fn passed_by(&self, now: Now) -> UnixTime {
        let (moment, uptime) = self.passed;
        moment.plus(now.uptime.saturating_sub(uptime))
    }
}

#[cfg(test)]
mod tests {
    use shared::document::FORMAT;

    use super::*;

    const BUILT: UnixTime = UnixTime(1_790_000_000);
    const NOW: UnixTime = UnixTime(1_800_000_000);
    const HOUR: Duration = Duration::from_secs(3600);
    const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
    const SEED: Nonce = Nonce([1; 16]);

    /// This long after the start, with a clock battery that died in 1970.
    fn after(uptime: Duration) -> Now {
        Now { uptime, rtc: UnixTime(0).plus(uptime) }
    }

    fn start() -> Clock {
        Clock::restore(BUILT, None, SEED, after(Duration::ZERO))
    }

    fn answer(nonce: Nonce, at: UnixTime) -> FleetTime {
        let terminal = TerminalId::from_bytes([0; 16]);
        let broker = String::new();
        FleetTime { format: FORMAT, terminal, nonce, at, roster_version: 1, epoch: 1, broker }
    }

    fn attested() -> Clock {
        let mut clock = start();
        let nonce = clock.ask(after(Duration::ZERO));
        clock.hear(&answer(nonce, NOW), after(Duration::ZERO));
        clock
    }

    #[test]
    fn until_a_controller_answers_only_the_build_is_known_to_lie_in_the_past() {
        let reading = start().reading(after(Duration::ZERO));
        assert_eq!((reading.floor, reading.proven, reading.wall), (BUILT, BUILT, BUILT));
        assert_eq!(reading.confidence, ClockConfidence::FloorOnly);
    }

    #[test]
    fn the_machines_clock_is_shown_but_moves_nothing() {
        for rtc in [UnixTime(0), NOW.minus(YEAR * 30), NOW.plus(YEAR * 30), UnixTime(i64::MAX)] {
            let now = Now { uptime: HOUR, rtc };
            let mut clock = start();
            let before = clock.reading(now);
            assert_eq!((before.floor, before.proven), (BUILT, BUILT.plus(HOUR)));
            assert_eq!(before.wall, rtc.max(BUILT.plus(HOUR)));
            let nonce = clock.ask(now);
            clock.hear(&answer(nonce, NOW), now);
            let then = clock.reading(now);
            assert_eq!((then.floor, then.proven, then.wall), (NOW, NOW, NOW));
            assert_eq!(clock.kept().floor, NOW);
        }
    }

    #[test]
    fn attested_time_runs_on_by_the_monotonic_clock_and_the_floor_stays() {
        let reading = attested().reading(after(HOUR * 50));
        assert_eq!((reading.floor, reading.proven), (NOW, NOW.plus(HOUR * 50)));
        assert_eq!(reading.confidence, ClockConfidence::Attested);
    }

    #[test]
    fn an_answer_attests_only_when_it_is_prompt_and_to_the_newest_question() {
        let heard = |pick: fn(Nonce, Nonce) -> Nonce, delay: Duration| {
            let mut clock = start();
            let (older, newest) = (clock.ask(after(HOUR)), clock.ask(after(HOUR)));
            clock.hear(&answer(pick(older, newest), NOW), after(HOUR + delay));
            clock.reading(after(HOUR + delay))
        };
        let second = Duration::from_secs(1);
        assert_eq!(heard(|_, newest| newest, LAG_MAX).confidence, ClockConfidence::Attested);
        for reading in [
            heard(|_, newest| newest, LAG_MAX + second),
            heard(|older, _| older, Duration::ZERO),
            heard(|_, _| SEED, Duration::ZERO),
        ] {
            assert_eq!(reading.confidence, ClockConfidence::FloorOnly);
            assert_eq!(reading.proven, NOW, "it was signed, so it has passed");
        }
    }

    #[test]
    fn old_fleet_times_that_are_sent_again_never_move_time_back() {
        let mut clock = attested();
        let nonce = clock.ask(after(HOUR));
        clock.hear(&answer(nonce, NOW.minus(HOUR * 9)), after(HOUR));
        clock.accepted(NOW.minus(HOUR * 9));
        let reading = clock.reading(after(HOUR));
        assert_eq!((reading.floor, reading.proven), (NOW, NOW.plus(HOUR)));
    }

    #[test]
    fn a_restart_keeps_the_floor_and_forgets_the_attestation() {
        let kept = attested().kept();
        let clock = Clock::restore(BUILT, Some(kept), Nonce([2; 16]), after(HOUR));
        let reading = clock.reading(after(HOUR));
        assert_eq!((reading.floor, reading.proven), (NOW, NOW));
        assert_eq!(reading.confidence, ClockConfidence::FloorOnly);
        let newer_build = Clock::restore(NOW.plus(YEAR), Some(kept), SEED, after(HOUR));
        assert_eq!(newer_build.kept().floor, NOW.plus(YEAR));
    }

    #[test]
    fn an_accepted_order_raises_the_floor_to_its_beginning() {
        let mut clock = attested();
        clock.accepted(NOW.plus(HOUR));
        assert_eq!(clock.kept().floor, NOW.plus(HOUR));
        assert_eq!(clock.reading(after(Duration::ZERO)).proven, NOW.plus(HOUR));
        assert_eq!(clock.kept().heard, Some(NOW), "but nobody has told the time by it");
    }

    #[test]
    fn a_terminal_from_which_time_is_withheld_says_so_after_73_hours() {
        let (mut clock, second) = (attested(), Duration::from_secs(1));
        assert!(!clock.reading(after(STALE_AFTER - second)).stale);
        clock.accepted(NOW.plus(HOUR * 72));
        assert!(clock.reading(after(STALE_AFTER)).stale);
        let nonce = clock.ask(after(HOUR * 74));
        clock.hear(&answer(nonce, NOW.plus(HOUR * 74)), after(HOUR * 74));
        assert!(!clock.reading(after(HOUR * 74)).stale);
    }

    #[test]
    fn a_terminal_that_was_just_enrolled_is_not_stale_yet() {
        let now = Now { uptime: STALE_AFTER, rtc: BUILT.plus(YEAR) };
        let clock = Clock::restore(BUILT, None, SEED, now);
        assert!(!clock.reading(now).stale);
        let later = Now { uptime: now.uptime + STALE_AFTER, rtc: now.rtc.plus(STALE_AFTER) };
        assert!(clock.reading(later).stale);
    }

    #[test]
    fn staleness_is_seen_over_a_restart_when_the_machines_clock_goes() {
        let kept = attested().kept();
        let now = Now { uptime: Duration::ZERO, rtc: NOW.plus(STALE_AFTER) };
        assert!(Clock::restore(BUILT, Some(kept), SEED, now).reading(now).stale);
    }

    #[test]
    fn no_question_is_asked_twice() {
        let (mut clock, mut next_run) = (start(), start());
        next_run.nonce_seed = Nonce([2; 16]);
        let asked = [clock.ask(after(HOUR)), clock.ask(after(HOUR)), next_run.ask(after(HOUR))];
        assert!(asked[0] != asked[1] && asked[0] != asked[2] && !asked.contains(&SEED));
    }
}
