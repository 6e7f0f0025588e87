//! The desk: whoever has it may do something with money, and there is only one.

use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::Duration;

use anyhow::Result;

use crate::clock::Deadline;
use crate::exit::Exit;

#[derive(Debug, Default)]
pub(super) struct Desk {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    taken_by: Option<Party>,
    stopping: Option<Exit>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Party {
    Customer,
    Bookkeeping,
}

/// Having the desk; dropping it gives it back.
#[derive(Debug)]
pub(super) struct Seat<'a>(&'a Desk);

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.0.lock().taken_by = None;
        self.0.changed.notify_all();
    }
}

impl Desk {
    /// Takes the desk for a customer if it is free, the till is not stopping, and
    /// `trading_is_open` agrees. A hold written before this looks is seen; one written after finds
    /// the customer at the desk and waits.
    pub(super) fn take_for_customer(
        &self,
        trading_is_open: impl FnOnce() -> Result<bool>,
    ) -> Result<Option<Seat<'_>>> {
        let mut state = self.lock();
        if state.taken_by.is_some() || state.stopping.is_some() || !trading_is_open()? {
            return Ok(None);
        }
        state.taken_by = Some(Party::Customer);
        Ok(Some(Seat(self)))
    }

    /// Takes the desk to send or to settle, after whoever has it; none if that takes too long.
    pub(super) fn take_for_bookkeeping(&self, patience: Duration) -> Option<Seat<'_>> {
        let (mut state, _) = self
            .changed
            .wait_timeout_while(self.lock(), patience, |state| state.taken_by.is_some())
            .expect(NEVER_POISONED);
        if state.taken_by.is_some() {
            return None;
        }
        state.taken_by = Some(Party::Bookkeeping);
        Some(Seat(self))
    }

    pub(super) fn sale_is_in_flight(&self) -> bool {
        self.lock().taken_by == Some(Party::Customer)
    }

    /// Waits for the sale in flight to be over; false if that takes too long.
    pub(super) fn wait_until_no_sale(&self, patience: Duration) -> bool {
        let selling = |state: &mut State| state.taken_by == Some(Party::Customer);
        let waited = self.changed.wait_timeout_while(self.lock(), patience, selling);
        !waited.expect(NEVER_POISONED).1.timed_out()
    }

    /// Tells all that the till stops; the first reason counts.
    pub(super) fn stop(&self, exit: Exit) {
        self.lock().stopping.get_or_insert(exit);
        self.changed.notify_all();
    }

    /// Why the till is to stop, if it is.
    pub(super) fn stopping(&self) -> Option<Exit> {
        self.lock().stopping
    }

    /// Lets `time` pass, less if the till stops.
    pub(super) fn pause(&self, time: Duration) {
        let going_on = |state: &mut State| state.stopping.is_none();
        drop(self.changed.wait_timeout_while(self.lock(), time, going_on).expect(NEVER_POISONED));
    }

    /// Lets `time` pass, less if anything happens at the desk.
    pub(super) fn pause_until_change(&self, time: Duration) {
        let deadline = Deadline::after(time);
        let state = self.lock();
        if state.stopping.is_none() {
            drop(self.changed.wait_timeout(state, deadline.left()).expect(NEVER_POISONED));
        }
    }

    /// Wakes whoever pauses until something changes: trading may be open again.
    pub(super) fn something_changed(&self) {
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect(NEVER_POISONED)
    }
}

const NEVER_POISONED: &str = "nothing panics with the desk's state in hand";

#[cfg(test)]
mod tests {
    use super::*;

    const NOT_AT_ALL: Duration = Duration::ZERO;
    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn only_one_party_has_the_desk() {
        let desk = Desk::default();
        let customer = desk.take_for_customer(|| Ok(true)).unwrap().unwrap();
        assert!(desk.sale_is_in_flight());
        assert!(desk.take_for_bookkeeping(NOT_AT_ALL).is_none());
        assert!(!desk.wait_until_no_sale(NOT_AT_ALL));
        drop(customer);
        let books = desk.take_for_bookkeeping(NOT_AT_ALL).unwrap();
        assert!(!desk.sale_is_in_flight());
        assert!(desk.wait_until_no_sale(NOT_AT_ALL), "bookkeeping is no sale");
        assert!(desk.take_for_customer(|| Ok(true)).unwrap().is_none());
        drop(books);
    }

    #[test]
    fn nobody_is_served_while_trading_is_held_or_the_till_stops() {
        let desk = Desk::default();
        assert!(desk.take_for_customer(|| Ok(false)).unwrap().is_none());
        desk.stop(Exit::Restart);
        desk.stop(Exit::Done);
        assert!(desk.take_for_customer(|| Ok(true)).unwrap().is_none());
        assert_eq!(desk.stopping(), Some(Exit::Restart), "the first reason counts");
        desk.pause(LONG);
        desk.pause_until_change(LONG);
    }

    #[test]
    fn bookkeeping_gets_the_desk_when_the_customer_leaves() {
        let desk = Desk::default();
        std::thread::scope(|scope| {
            let customer = desk.take_for_customer(|| Ok(true)).unwrap().unwrap();
            let books = scope.spawn(|| desk.take_for_bookkeeping(LONG).is_some());
            drop(customer);
            assert!(books.join().unwrap());
        });
    }
}
