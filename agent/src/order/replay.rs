//! Which orders were accepted before: what must survive every restart, so that nothing is done
//! twice. Pure; kept by the caller in the same commit that accepts an order.
//!
//! Routine orders are known again by their number: a highest one and a window below it, as in
//! IPsec (RFC 4303 §3.4.3). Approved orders come in any order, so each is remembered, together
//! with its batch: people signed the batch, and whoever signs orders must not be able to use
//! their approval twice by drawing another order's id.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use shared::digest::Digest;
use shared::document::order::Stream;
use shared::document::{Batch, Order};
use shared::id::OrderId;
use shared::limits::ORDER_SEQ_WINDOW;
use shared::time::UnixTime;

/// How long an approved order is remembered after its batch is over: a week, in case the floor
/// of time, by which it expires, is behind.
const REMEMBERED_AFTER: Duration = Duration::from_secs(7 * 24 * 3600);

/// Approved orders that are remembered at once. People approve a few a day.
const REMEMBERED_MAX: usize = 1_024;

/// Which orders of an epoch were accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplayState {
    epoch: u32,
    /// The highest routine number accepted; 0 when none was.
    highest: u64,
    /// Bit *n* is set when number `highest − n` was accepted.
    window: u64,
    /// Not emptied by a new epoch: what people approved once is done once.
    approved: BTreeMap<OrderId, Remembered>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Remembered {
    batch: Digest,
    until: UnixTime,
}

/// Why an order is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Repeat {
    #[error("the order was seen before, or comes too far behind later ones")]
    Order,
    #[error("its batch was ordered here before, as {order}")]
    Batch { order: OrderId },
    #[error("{remembered} approved orders are remembered, there is no room for another")]
    Full { remembered: usize },
}

const _: () = assert!(ORDER_SEQ_WINDOW == u64::BITS as u64);

impl ReplayState {
    /// At the beginning of an epoch, when nothing is known of the one before it.
    pub fn new(epoch: u32) -> Self {
        Self { epoch, highest: 0, window: 0, approved: BTreeMap::new() }
    }

    /// After everything but the highest number was lost: nothing at or below it is taken again.
    pub fn from_high_water(epoch: u32, highest: u64) -> Self {
        Self { epoch, highest, window: u64::MAX, approved: BTreeMap::new() }
    }

    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// The highest routine number accepted in this epoch; 0 when none was.
    pub fn highest(&self) -> u64 {
        self.highest
    }

    /// Enters a later epoch, in which numbers begin again. An earlier one changes nothing.
    pub fn enter(&mut self, epoch: u32) {
        if epoch > self.epoch {
            (self.epoch, self.highest, self.window) = (epoch, 0, 0);
        }
    }

    /// Whether the order would be taken.
    pub fn admits(&self, order: &Order, floor: UnixTime) -> Result<(), Repeat> {
        match order.stream {
            Stream::Routine => self.admits_number(order.seq),
            Stream::Approved => self.admits_approved(order, floor),
        }
    }

    /// Takes the order, or says why not and changes nothing. `floor` is the time that has
    /// certainly passed and will have after any restart.
    pub fn admit(&mut self, order: &Order, batch: &Batch, floor: UnixTime) -> Result<(), Repeat> {
        self.admits(order, floor)?;
        match order.stream {
            Stream::Routine => self.take_number(order.seq),
            Stream::Approved => {
                self.approved.retain(|_, it| !it.is_over(floor));
                let until = batch.not_after.plus(REMEMBERED_AFTER);
                self.approved.insert(order.id, Remembered { batch: order.batch, until });
            }
        }
        Ok(())
    }

    /// As if the order had never come: nothing of it was begun, and nothing will be.
    pub fn forget(&mut self, order: OrderId) {
        self.approved.remove(&order);
    }

    fn admits_number(&self, seq: u64) -> Result<(), Repeat> {
        let is_new = match self.highest.checked_sub(seq) {
            None => true,
            Some(behind) => {
                seq > 0 && behind < ORDER_SEQ_WINDOW && self.window & (1 << behind) == 0
            }
        };
        if is_new { Ok(()) } else { Err(Repeat::Order) }
    }

    fn take_number(&mut self, seq: u64) {
        match self.highest.checked_sub(seq) {
            Some(behind) => self.window |= 1 << behind,
            None => {
                let ahead = u32::try_from(seq - self.highest).unwrap_or(u32::MAX);
                self.window = self.window.checked_shl(ahead).unwrap_or(0) | 1;
                self.highest = seq;
            }
        }
    }

    fn admits_approved(&self, order: &Order, floor: UnixTime) -> Result<(), Repeat> {
        let remembered = self.approved.iter().filter(|(_, it)| !it.is_over(floor));
        for (id, it) in remembered.clone() {
            if *id == order.id {
                return Err(Repeat::Order);
            }
            if it.batch == order.batch {
                return Err(Repeat::Batch { order: *id });
            }
        }
        match remembered.count() {
            0..REMEMBERED_MAX => Ok(()),
            remembered => Err(Repeat::Full { remembered }),
        }
    }
}

impl Remembered {
    fn is_over(&self, floor: UnixTime) -> bool {
        self.until < floor
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use shared::change::{Cancel, Change};
    use shared::codec;
    use shared::document::FORMAT;
    use shared::document::order::Class;
    use shared::id::{BatchId, TerminalId};

    use super::*;

    const NOW: UnixTime = UnixTime(1_800_000_000);
    const DAY: Duration = Duration::from_secs(24 * 3600);

    fn order(stream: Stream, id: u8, seq: u64, batch: u8) -> Order {
        Order {
            format: FORMAT,
            id: OrderId::from_bytes([id; 16]),
            terminal: TerminalId::from_bytes([0; 16]),
            epoch: 1,
            stream,
            seq,
            batch: Digest([batch; 32]),
            index: 0,
            path: Vec::new(),
            not_before: NOW,
            not_after: NOW,
            calendar: None,
            class: Class::default(),
        }
    }

    fn batch() -> Batch {
        let earlier = BatchId::from_bytes([0; 16]);
        Batch {
            format: FORMAT,
            id: BatchId::from_bytes([1; 16]),
            change: Change::Cancel(Cancel { batch: earlier, reason: String::new() }),
            terminals: 1,
            root: Digest([0; 32]),
            not_before: NOW,
            not_after: NOW,
        }
    }

    fn take(state: &mut ReplayState, seq: u64) -> Result<(), Repeat> {
        state.admit(&order(Stream::Routine, 0, seq, 0), &batch(), NOW)
    }

    #[test]
    fn numbers_may_overtake_one_another_within_the_window_and_each_counts_once() {
        let mut state = ReplayState::new(1);
        assert_eq!(take(&mut state, 0), Err(Repeat::Order));
        assert_eq!(take(&mut state, 100), Ok(()));
        assert_eq!(take(&mut state, 37), Ok(())); // 63 behind: the last place of the window
        assert_eq!(take(&mut state, 36), Err(Repeat::Order));
        assert_eq!(take(&mut state, 37), Err(Repeat::Order));
        assert_eq!(take(&mut state, u64::MAX), Ok(()));
        assert_eq!(take(&mut state, u64::MAX), Err(Repeat::Order));
        assert_eq!(take(&mut state, u64::MAX - 64), Err(Repeat::Order));
        assert_eq!(take(&mut state, u64::MAX - 63), Ok(()));
    }

    #[test]
    fn an_approval_is_used_once_whatever_the_order_is_called() {
        let mut state = ReplayState::new(1);
        let first = order(Stream::Approved, 1, 1, 9);
        assert_eq!(state.admit(&first, &batch(), NOW), Ok(()));
        let renamed = Order { id: OrderId::from_bytes([2; 16]), seq: 2, ..first.clone() };
        let repeat = Repeat::Batch { order: first.id };
        assert_eq!(state.admit(&renamed, &batch(), NOW), Err(repeat));
        assert_eq!(state.admit(&first, &batch(), NOW), Err(Repeat::Order));
        state.enter(2);
        let in_new_epoch = Order { epoch: 2, ..renamed };
        assert_eq!(state.admit(&in_new_epoch, &batch(), NOW), Err(repeat));
    }

    #[test]
    fn an_approval_of_which_nothing_was_begun_is_used_again_once_its_order_is_forgotten() {
        let mut state = ReplayState::new(1);
        let first = order(Stream::Approved, 1, 1, 9);
        state.admit(&first, &batch(), NOW).unwrap();
        state.enter(2);
        let again = Order { id: OrderId::from_bytes([2; 16]), epoch: 2, ..first.clone() };
        state.forget(first.id);
        assert_eq!(state.admit(&again, &batch(), NOW), Ok(()));
        assert_eq!(state.admits(&again, NOW), Err(Repeat::Order));
        assert_eq!(state.admits(&first, NOW), Err(Repeat::Batch { order: again.id }));
    }

    #[test]
    fn approved_orders_are_forgotten_when_time_alone_refuses_them() {
        let mut state = ReplayState::new(1);
        let first = order(Stream::Approved, 1, 1, 1);
        state.admit(&first, &batch(), NOW).unwrap();
        assert_eq!(state.admits(&first, NOW.plus(DAY * 7)), Err(Repeat::Order));
        let later = NOW.plus(DAY * 7 + Duration::from_secs(1));
        assert_eq!(state.admits(&first, later), Ok(()));
        let second = order(Stream::Approved, 2, 2, 2);
        state.admit(&second, &Batch { not_after: later, ..batch() }, later).unwrap();
        assert_eq!(state.approved.len(), 1);
    }

    #[test]
    fn a_full_memory_refuses_rather_than_forgets() {
        let mut state = ReplayState::new(1);
        let numbered = |number: u16| {
            let (mut id, mut batch) = ([0; 16], [0; 32]);
            id[..2].copy_from_slice(&number.to_be_bytes());
            batch[..2].copy_from_slice(&number.to_be_bytes());
            let order = order(Stream::Approved, 0, 1, 0);
            Order { id: OrderId::from_bytes(id), batch: Digest(batch), ..order }
        };
        for number in 0..1_024 {
            state.admit(&numbered(number), &batch(), NOW).unwrap();
        }
        let full = Err(Repeat::Full { remembered: 1_024 });
        assert_eq!(state.admit(&numbered(1_024), &batch(), NOW), full);
        assert_eq!(state.admit(&numbered(0), &batch(), NOW), Err(Repeat::Order));
    }

    #[test]
    fn a_lost_store_never_opens_what_lies_below_its_high_water_mark() {
        let mut state = ReplayState::from_high_water(1, 70);
        for seq in 0..=70 {
            assert_eq!(take(&mut state, seq), Err(Repeat::Order));
        }
        assert_eq!(take(&mut state, 75), Ok(()));
        assert_eq!(take(&mut state, 72), Ok(()));
        assert_eq!(take(&mut state, 70), Err(Repeat::Order));
    }

    #[test]
    fn an_earlier_epoch_is_not_entered_again() {
        let mut state = ReplayState::new(3);
        take(&mut state, 5).unwrap();
        let before = state.clone();
        state.enter(3);
        state.enter(2);
        assert_eq!(state, before);
        state.enter(4);
        assert_eq!((state.epoch(), state.highest()), (4, 0));
    }

    #[derive(Clone, Debug)]
    enum Event {
        Routine(u64),
        Approved { id: u8, batch: u8 },
        Restart,
        EnterEpoch,
    }

    fn event() -> impl Strategy<Value = Event> {
        prop_oneof![
            8 => (0..200_u64).prop_map(Event::Routine),
            4 => (0..12_u8, 0..12_u8).prop_map(|(id, batch)| Event::Approved { id, batch }),
            2 => Just(Event::Restart),
            1 => Just(Event::EnterEpoch),
        ]
    }

    proptest! {
        #[test]
        fn whatever_comes_in_whatever_order_is_taken_at_most_once(
            events in prop::collection::vec(event(), 0..200)
        ) {
            let mut state = ReplayState::new(1);
            let (mut numbers, mut ids, mut batches) =
                (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
            for event in events {
                match event {
                    Event::Routine(seq) => {
                        let taken = take(&mut state, seq).is_ok();
                        let highest = numbers.last().copied().unwrap_or(0);
                        let in_time = seq > 0 && seq + ORDER_SEQ_WINDOW > highest;
                        prop_assert_eq!(taken, in_time && !numbers.contains(&seq));
                        numbers.extend(taken.then_some(seq));
                    }
                    Event::Approved { id, batch: of } => {
                        let order = order(Stream::Approved, id, 1, of);
                        let taken = state.admit(&order, &batch(), NOW).is_ok();
                        prop_assert_eq!(taken, !ids.contains(&id) && !batches.contains(&of));
                        ids.extend(taken.then_some(id));
                        batches.extend(taken.then_some(of));
                    }
                    Event::Restart => {
                        let kept = codec::encode(&state);
                        state = codec::decode(&kept, kept.len()).unwrap();
                    }
                    Event::EnterEpoch => {
                        state.enter(state.epoch() + 1);
                        numbers.clear();
                    }
                }
            }
        }
    }
}
