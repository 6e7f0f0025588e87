//! Which records of the outbox to send when, and when they may go. Pure.
//!
//! The records themselves are in the store, which gives them their numbers and links each to the
//! one before. Here is only how far they were sent. A record is sent again until the controller
//! has acknowledged it: nothing below that (a publish that was taken, a PUBACK) counts.

use std::collections::BTreeSet;
use std::time::Duration;

use shared::limits::REPORTS_IN_FLIGHT_MAX;
use shared::message::Ack;

/// Without an acknowledgement for this long, everything since the last is sent again.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Clone, Debug)]
pub struct Outbox {
    epoch: u32,
    acknowledged: u64,
    /// Records of this connection that were sent and not acknowledged.
    in_flight: BTreeSet<u64>,
    /// The highest number sent since the agent started. Nothing beyond it can be acknowledged:
    /// acknowledgements are not signed, and must not delete what was never sent.
    highest_sent: u64,
    link: Link,
    /// There may be records that were not sent on this connection.
    more: bool,
    /// Since when nothing was sent or acknowledged.
    quiet_since: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    Down,
    Ready,
    /// The shell was asked to send, and has not answered.
    Asked,
}

/// What the shell is to send: at most `most` records with a number above `after`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sending {
    /// What the records are to say.
    pub epoch: u32,
    pub after: u64,
    pub most: usize,
}

impl Outbox {
    pub fn restore(epoch: u32, acknowledged: u64) -> Self {
        Self {
            epoch,
            acknowledged,
            in_flight: BTreeSet::new(),
            highest_sent: acknowledged,
            link: Link::Down,
            more: true,
            quiet_since: Duration::ZERO,
        }
    }

    pub fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    pub fn enter_epoch(&mut self, epoch: u32) {
        self.epoch = epoch;
    }

    pub fn connected(&mut self, uptime: Duration) {
        self.link = Link::Ready;
        self.send_again(uptime);
    }

    pub fn disconnected(&mut self) {
        self.link = Link::Down;
        self.in_flight.clear();
    }

    /// Something was put into the outbox.
    pub fn posted(&mut self) {
        self.more = true;
    }

    /// What to send now, if anything. The answer is [`Self::sent`].
    pub fn next_sending(&mut self) -> Option<Sending> {
        let most = REPORTS_IN_FLIGHT_MAX.saturating_sub(self.in_flight.len());
        if self.link != Link::Ready || !self.more || most == 0 {
            return None;
        }
        self.link = Link::Asked;
        self.more = false;
        let after = self.in_flight.last().copied().unwrap_or(self.acknowledged);
        Some(Sending { epoch: self.epoch, after: after.max(self.acknowledged), most })
    }

    /// These records were handed to the connection.
    pub fn sent(&mut self, seqs: &[u64], uptime: Duration) {
        if self.link != Link::Asked {
            return;
        }
        self.link = Link::Ready;
        self.more |= !seqs.is_empty();
        let open = seqs.iter().copied().filter(|seq| *seq > self.acknowledged);
        self.in_flight.extend(open);
        self.highest_sent = self.highest_sent.max(seqs.iter().copied().max().unwrap_or(0));
        self.quiet_since = uptime;
    }

    /// Up to which number records may go, if this acknowledges anything new.
    pub fn acknowledge(&mut self, ack: Ack, uptime: Duration) -> Option<u64> {
        let known = ack.epoch == self.epoch && ack.up_to <= self.highest_sent;
        if !known || ack.up_to <= self.acknowledged {
            return None;
        }
        self.acknowledged = ack.up_to;
        self.in_flight = self.in_flight.split_off(&(ack.up_to + 1));
        self.quiet_since = uptime;
        Some(ack.up_to)
    }

    /// Time has passed; `depth` is how many records the store still holds.
    pub fn due(&mut self, depth: u64, uptime: Duration) {
        if self.resends_at(depth).is_some_and(|at| at <= uptime) {
            self.send_again(uptime);
        }
    }

    /// When [`Self::due`] is wanted.
    pub fn resends_at(&self, depth: u64) -> Option<Duration> {
        let waiting = depth > 0 || !self.in_flight.is_empty();
        (self.link == Link::Ready && waiting).then_some(self.quiet_since + PATIENCE)
    }

    fn send_again(&mut self, uptime: Duration) {
        self.in_flight.clear();
        self.more = true;
        self.quiet_since = uptime;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Duration = Duration::from_secs(100);

    fn connected() -> Outbox {
        let mut outbox = Outbox::restore(3, 10);
        outbox.connected(START);
        outbox
    }

    fn ack(up_to: u64) -> Ack {
        Ack { epoch: 3, up_to }
    }

    #[test]
    fn eight_records_are_in_flight_and_the_next_goes_when_one_arrived() {
        let mut outbox = connected();
        assert_eq!(outbox.next_sending(), Some(Sending { epoch: 3, after: 10, most: 8 }));
        assert_eq!(outbox.next_sending(), None, "one request at a time");
        outbox.sent(&[11, 12, 13, 15, 16, 17, 18, 19], START);
        assert_eq!(outbox.next_sending(), None, "eight are in flight");
        assert_eq!(outbox.acknowledge(ack(13), START), Some(13));
        assert_eq!(outbox.next_sending(), Some(Sending { epoch: 3, after: 19, most: 3 }));
        outbox.sent(&[], START);
        assert_eq!(outbox.next_sending(), None, "there was nothing more");
        outbox.posted();
        assert_eq!(outbox.next_sending(), Some(Sending { epoch: 3, after: 19, most: 3 }));
    }

    #[test]
    fn a_record_posted_while_the_shell_was_sending_is_not_forgotten() {
        let mut outbox = connected();
        assert!(outbox.next_sending().is_some());
        outbox.posted();
        outbox.sent(&[], START);
        assert_eq!(outbox.next_sending(), Some(Sending { epoch: 3, after: 10, most: 8 }));
    }

    #[test]
    fn a_reconnect_begins_again_after_the_last_acknowledged() {
        let mut outbox = connected();
        outbox.next_sending();
        outbox.sent(&[11, 12], START);
        outbox.disconnected();
        assert_eq!(outbox.next_sending(), None);
        outbox.sent(&[13], START);
        outbox.connected(START);
        assert_eq!(outbox.next_sending(), Some(Sending { epoch: 3, after: 10, most: 8 }));
    }

    #[test]
    fn half_a_minute_of_silence_sends_everything_unacknowledged_again() {
        let mut outbox = connected();
        outbox.next_sending();
        outbox.sent(&[11, 12], START);
        let again = outbox.resends_at(2).expect("something is in flight");
        outbox.due(2, again - Duration::from_millis(1));
        outbox.next_sending();
        outbox.sent(&[], START);
        assert_eq!(outbox.resends_at(2), Some(again));
        outbox.due(2, again);
        assert_eq!(outbox.next_sending(), Some(Sending { epoch: 3, after: 10, most: 8 }));
    }

    #[test]
    fn a_connection_that_took_nothing_is_tried_again() {
        let mut outbox = connected();
        outbox.next_sending();
        outbox.sent(&[], START);
        assert_eq!(outbox.resends_at(1), Some(START + PATIENCE));
        assert_eq!(outbox.resends_at(0), None, "an empty outbox waits for nothing");
    }

    #[test]
    fn what_was_never_sent_cannot_be_acknowledged_away() {
        let mut outbox = connected();
        assert_eq!(outbox.acknowledge(ack(11), START), None);
        outbox.next_sending();
        outbox.sent(&[11, 12], START);
        assert_eq!(outbox.acknowledge(ack(u64::MAX), START), None);
        assert_eq!(outbox.acknowledge(Ack { epoch: 2, up_to: 12 }, START), None);
        assert_eq!(outbox.acknowledge(ack(12), START), Some(12));
        assert_eq!(outbox.acknowledge(ack(12), START), None, "once is enough");
        assert_eq!(outbox.acknowledge(ack(9), START), None, "never back");
    }

    #[test]
    fn an_acknowledgement_may_come_after_the_connection_it_answers() {
        let mut outbox = connected();
        outbox.next_sending();
        outbox.sent(&[11, 12], START);
        outbox.disconnected();
        outbox.connected(START);
        assert_eq!(outbox.acknowledge(ack(12), START), Some(12));
        assert_eq!(outbox.next_sending(), Some(Sending { epoch: 3, after: 12, most: 8 }));
    }
}
