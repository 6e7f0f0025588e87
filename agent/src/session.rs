//! Connected or not, when to try again, what to say on return. Pure.
//!
//! A fleet that comes back after a power cut must not arrive together: every wait is drawn from
//! the whole of a range that doubles ("full jitter"), and it goes on doubling until a connection
//! has stood for a while and the controller was heard on it, so that neither a broker which
//! accepts and hangs up is hammered nor a line that breaks after every hello.

use std::time::Duration;

use shared::limits::HELLO_EVERY_S;

const BACKOFF_MIN: Duration = Duration::from_secs(1);
const BACKOFF_MAX: Duration = Duration::from_secs(5 * 60);

/// A connection that stood this long, and on which the controller was heard, was a good one.
const STABLE_AFTER: Duration = Duration::from_secs(60);

/// For a broker to take the connection and the subscription.
const CONNECT_PATIENCE: Duration = Duration::from_secs(60);

/// After this many failures in a row, each further one also asks where the broker is now.
const FAILURES_BEFORE_ASKING: u32 = 4;

/// A hello that the controller did not answer is said again after this, then after twice this,
/// and so on up to the usual distance.
const HELLO_PATIENCE: Duration = Duration::from_secs(30);

/// Hellos come later by up to this part of their distance, so that a fleet's hellos spread.
const HELLO_JITTER_PART: u32 = 5;

/// SplitMix64 (Steele, Lea, Flood 2014): spreads well, and repeats when its seed does. Used for
/// waiting times only.
#[derive(Clone, Debug)]
pub struct Jitter(u64);

impl Jitter {
    pub fn from_seed(seed: u64) -> Self {
        Self(seed)
    }

    /// Evenly between zero and `max`.
    pub fn up_to(&mut self, max: Duration) -> Duration {
        let millis = u64::try_from(max.as_millis()).unwrap_or(u64::MAX - 1);
        Duration::from_millis(self.next() % (millis + 1))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Not connected, and trying again then.
    Away {
        until: Duration,
    },
    Connecting {
        until: Duration,
    },
    Connected {
        since: Duration,
        heard: bool,
        hello_at: Duration,
        unanswered: u32,
    },
    /// Leaving one broker for another, or for good.
    Leaving,
    /// Leaving a broker that has not taken the connection in time.
    GivingUp,
}

/// What the session wants done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    Connect,
    Leave,
    LocateBroker,
    SayHello,
}

/// How soon an unanswered hello is said again, and a broken connection made anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Ever more patiently.
    Usual,
    /// Always after the shortest time: something waits for the answer.
    Urgent,
}

#[derive(Clone, Debug)]
pub struct Session {
    broker: String,
    state: State,
    /// Connections that were not good ones, in a row.
    failures: u32,
    pace: Pace,
    jitter: Jitter,
}

impl Session {
    /// Not connected yet; the first attempt comes within a second.
    pub fn new(broker: String, mut jitter: Jitter, uptime: Duration) -> Self {
        let until = uptime + jitter.up_to(BACKOFF_MIN);
        Self { broker, state: State::Away { until }, failures: 0, pace: Pace::Usual, jitter }
    }

    pub fn broker(&self) -> &str {
        &self.broker
    }

    pub fn is_connected(&self) -> bool {
        matches!(self.state, State::Connected { .. })
    }

    /// The connection stands.
    pub fn connected(&mut self, uptime: Duration) -> Option<Wish> {
        if !matches!(self.state, State::Connecting { .. }) {
            return None;
        }
        self.state =
            State::Connected { since: uptime, heard: false, hello_at: uptime, unanswered: 0 };
        self.say_hello(uptime)
    }

    /// The connection broke, or was not to be had.
    pub fn disconnected(&mut self, uptime: Duration) -> Option<Wish> {
        let planned = self.state == State::Leaving;
        if let State::Connected { since, heard: true, .. } = self.state
            && since + STABLE_AFTER <= uptime
        {
            self.failures = 0;
        }
        let doublings = self.failures.min(16);
        let max = match self.pace {
            Pace::Usual => BACKOFF_MAX,
            Pace::Urgent => HELLO_PATIENCE,
        };
        let range = (BACKOFF_MIN * 2_u32.pow(doublings)).min(max);
        let until = uptime + self.jitter.up_to(range);
        self.state = State::Away { until };
        if planned {
            return None;
        }
        self.failures = self.failures.saturating_add(1);
        (self.failures >= FAILURES_BEFORE_ASKING).then_some(Wish::LocateBroker)
    }

    /// The controller answered: this broker leads to it.
    pub fn heard(&mut self, uptime: Duration) {
        if let State::Connected { since, .. } = self.state {
            let hello_at = uptime + self.spread(Duration::from_secs(HELLO_EVERY_S));
            self.state = State::Connected { since, heard: true, hello_at, unanswered: 0 };
        }
    }

    /// Something is lacking that the controller sends in answer to a hello, or what a hello tells
    /// has changed: the next one does not wait its whole turn.
    pub fn greet_soon(&mut self, uptime: Duration) {
        let soon = uptime + self.spread(HELLO_PATIENCE);
        if let State::Connected { hello_at, .. } = &mut self.state {
            *hello_at = soon.min(*hello_at);
        }
    }

    /// This broker serves the terminal. Whether that is news.
    pub fn serve_at(&mut self, broker: &str) -> Option<Wish> {
        broker.clone_into(&mut self.broker);
        match self.state {
            State::Connecting { .. } | State::Connected { .. } => {
                self.state = State::Leaving;
                Some(Wish::Leave)
            }
            State::Away { .. } | State::Leaving | State::GivingUp => None,
        }
    }

    /// Time has passed.
    pub fn due(&mut self, uptime: Duration) -> Option<Wish> {
        match self.state {
            State::Away { until } if until <= uptime => {
                self.state = State::Connecting { until: uptime + CONNECT_PATIENCE };
                Some(Wish::Connect)
            }
            State::Connecting { until } if until <= uptime => {
                self.state = State::GivingUp;
                Some(Wish::Leave)
            }
            State::Connected { hello_at, .. } if hello_at <= uptime => self.say_hello(uptime),
            State::Away { .. }
            | State::Connecting { .. }
            | State::Connected { .. }
            | State::Leaving
            | State::GivingUp => None,
        }
    }

    /// From the next hello on.
    pub fn set_pace(&mut self, pace: Pace) {
        self.pace = pace;
    }

    /// Says hello now, out of turn.
    pub fn say_hello(&mut self, uptime: Duration) -> Option<Wish> {
        let State::Connected { since, heard, unanswered, .. } = self.state else { return None };
        let doublings = match self.pace {
            Pace::Usual => unanswered.min(16),
            Pace::Urgent => 0,
        };
        let patience = HELLO_PATIENCE * 2_u32.pow(doublings);
        let hello_at = uptime + self.spread(patience.min(Duration::from_secs(HELLO_EVERY_S)));
        let unanswered = unanswered.saturating_add(1);
        self.state = State::Connected { since, heard, hello_at, unanswered };
        Some(Wish::SayHello)
    }

    /// Ends for good: nothing is tried again.
    pub fn stop(&mut self) {
        self.state = State::Leaving;
    }

    /// When [`Self::due`] is wanted.
    pub fn wakes_at(&self) -> Option<Duration> {
        match self.state {
            State::Away { until } | State::Connecting { until } => Some(until),
            State::Connected { hello_at, .. } => Some(hello_at),
            State::Leaving | State::GivingUp => None,
        }
    }

    fn spread(&mut self, distance: Duration) -> Duration {
        distance + self.jitter.up_to(distance / HELLO_JITTER_PART)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Duration = Duration::from_secs(1000);

    fn session(seed: u64) -> Session {
        Session::new("broker:8883".to_owned(), Jitter::from_seed(seed), START)
    }

    fn connecting(seed: u64) -> Session {
        let mut session = session(seed);
        let at = session.wakes_at().expect("it will try");
        assert_eq!(session.due(at), Some(Wish::Connect));
        session
    }

    #[test]
    fn a_thousand_terminals_do_not_come_back_together() {
        let comes_back = |seed| {
            let mut session = connecting(seed);
            for _ in 0..12 {
                session.disconnected(START);
                let at = session.wakes_at().expect("it tries again");
                session.due(at);
            }
            session.disconnected(START);
            session.wakes_at().expect("it tries again") - START
        };
        let waits: Vec<_> = (0..1000).map(comes_back).collect();
        assert!(waits.iter().all(|wait| *wait <= BACKOFF_MAX));
        for tenth in 0..10_u32 {
            let range = BACKOFF_MAX * tenth / 10..BACKOFF_MAX * (tenth + 1) / 10;
            let here = waits.iter().filter(|wait| range.contains(*wait)).count();
            assert!((60..=140).contains(&here), "{here} of 1000 come back within {range:?}");
        }
    }

    #[test]
    fn a_broker_that_accepts_and_hangs_up_is_not_hammered() {
        let mut session = connecting(7);
        for _ in 0..10 {
            session.connected(START);
            session.disconnected(START);
            let at = session.wakes_at().expect("it tries again");
            session.due(at);
        }
        assert_eq!(session.failures, 10);
    }

    #[test]
    fn a_line_that_breaks_after_every_hello_is_tried_ever_more_seldom_until_one_connection_lasts() {
        let mut session = connecting(7);
        let mut stands_for = |seconds| {
            let (heard_at, ends_at) = (START, START + Duration::from_secs(seconds));
            session.connected(START);
            session.heard(heard_at);
            session.disconnected(ends_at);
            let at = session.wakes_at().expect("it tries again");
            session.due(at);
            (session.failures, at - ends_at)
        };
        for failures in 1..=10 {
            assert_eq!(stands_for(59).0, failures);
        }
        let (failures, wait) = stands_for(60);
        assert!(failures == 1 && wait <= BACKOFF_MIN, "it stood, so the first wait is short");
    }

    #[test]
    fn a_line_that_something_waits_for_is_tried_at_least_every_half_minute() {
        let mut session = connecting(7);
        session.set_pace(Pace::Urgent);
        for _ in 0..20 {
            session.disconnected(START);
            let at = session.wakes_at().expect("it tries again");
            assert!(at - START <= HELLO_PATIENCE);
            session.due(at);
        }
    }

    #[test]
    fn a_broker_that_never_takes_the_subscription_is_left_after_a_minute_and_asked_for() {
        let mut session = connecting(7);
        for failures in 1..=FAILURES_BEFORE_ASKING {
            let gives_up_at = session.wakes_at().expect("it does not wait for ever");
            assert_eq!(session.due(gives_up_at - Duration::from_millis(1)), None);
            assert_eq!(session.due(gives_up_at), Some(Wish::Leave));
            assert_eq!(session.connected(gives_up_at), None, "too late");
            let asks = (failures == FAILURES_BEFORE_ASKING).then_some(Wish::LocateBroker);
            assert_eq!(session.disconnected(gives_up_at), asks);
            let again_at = session.wakes_at().expect("it tries again");
            assert_eq!(session.due(again_at), Some(Wish::Connect));
            assert_eq!(session.wakes_at(), Some(again_at + CONNECT_PATIENCE));
        }
    }

    #[test]
    fn a_lost_broker_is_asked_for() {
        let mut session = connecting(1);
        let wishes: Vec<_> = (0..6).map(|_| session.disconnected(START)).collect();
        let ask = Some(Wish::LocateBroker);
        assert_eq!(wishes, [None, None, None, ask, ask, ask]);
    }

    #[test]
    fn hello_is_said_on_connect_and_every_quarter_of_an_hour_or_a_little_later() {
        let mut session = connecting(3);
        assert_eq!(session.connected(START), Some(Wish::SayHello));
        let quarter = Duration::from_secs(HELLO_EVERY_S);
        for _ in 0..100 {
            session.heard(START);
            let gap = session.wakes_at().expect("a hello is due") - START;
            assert!(gap >= quarter && gap <= quarter + quarter / HELLO_JITTER_PART, "{gap:?}");
        }
    }

    #[test]
    fn a_hello_that_nobody_answers_is_said_again_ever_more_patiently() {
        let mut session = connecting(3);
        session.connected(START);
        let mut said_at = START;
        let mut gaps = Vec::new();
        for _ in 0..8 {
            let at = session.wakes_at().expect("a hello is due");
            assert_eq!(session.due(at), Some(Wish::SayHello));
            gaps.push((at - said_at).as_secs());
            said_at = at;
        }
        for (gap, distance) in gaps.iter().zip([30, 60, 120, 240, 480, 900, 900, 900]) {
            assert!((distance..=distance * 6 / 5).contains(gap), "{gaps:?}");
        }
    }

    #[test]
    fn a_hello_that_something_waits_for_is_said_again_every_half_minute() {
        let mut session = connecting(3);
        session.set_pace(Pace::Urgent);
        session.connected(START);
        let mut said_at = START;
        for _ in 0..8 {
            let at = session.wakes_at().expect("a hello is due");
            assert_eq!(session.due(at), Some(Wish::SayHello));
            assert!((30..=36).contains(&(at - said_at).as_secs()));
            said_at = at;
        }
    }

    #[test]
    fn a_move_to_another_broker_leaves_the_old_one_and_is_no_failure() {
        let mut session = connecting(3);
        session.connected(START);
        assert_eq!(session.serve_at("other:8883"), Some(Wish::Leave));
        assert_eq!(session.disconnected(START), None);
        assert_eq!(session.failures, 0);
        let at = session.wakes_at().expect("it connects to the new one");
        assert!(at - START <= BACKOFF_MIN);
        assert_eq!((session.due(at), session.broker()), (Some(Wish::Connect), "other:8883"));
    }

    #[test]
    fn every_event_in_every_state_is_answered_or_left_alone() {
        type Act = fn(&mut Session) -> Option<Wish>;
        let late = START + Duration::from_secs(100_000);
        let acts: [(&str, Act); 5] = [
            ("connected", |s| s.connected(START)),
            ("disconnected", |s| s.disconnected(START)),
            ("due", |s| s.due(START + Duration::from_secs(100_000))),
            ("moved", |s| s.serve_at("other:8883")),
            ("asked for hello", |s| s.say_hello(START)),
        ];
        let states = [
            State::Away { until: late },
            State::Connecting { until: late },
            State::Connected { since: START, heard: false, hello_at: late, unanswered: 0 },
            State::Leaving,
            State::GivingUp,
        ];
        let mut seen = Vec::new();
        for state in states {
            for (_, act) in &acts {
                let mut session = Session { state, ..session(1) };
                seen.push(act(&mut session));
            }
        }
        let (connect, hello, leave) =
            (Some(Wish::Connect), Some(Wish::SayHello), Some(Wish::Leave));
        let expected = [
            [None, None, connect, None, None],
            [hello, None, leave, leave, None],
            [None, None, hello, leave, hello],
            [None, None, None, None, None],
            [None, None, None, None, None],
        ];
        assert_eq!(seen, expected.concat());
    }
}
