//! How far a terminal's records are here without a gap. Pure.
//!
//! Each record names the one before it. A record that follows what is here is taken; one that
//! was sent before is acknowledged again; one that comes too early is left, and the terminal sends
//! it again after the one that is missing. Where counting begins is said by a hello, which names
//! the last number that was acknowledged: a first record cannot show that it is the first.

use shared::message::{Hello, Record};

/// How far one terminal's outbox has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cursor {
    /// As before the first hello, or after the spool was lost.
    Unknown,
    /// Everything up to here, as counted in this epoch.
    Known { epoch: u32, up_to: u64 },
}

/// What to do with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Keep it; once it is durable, acknowledge up to it.
    Take,
    /// It is here already: acknowledge up to here.
    Repeated { up_to: u64 },
    /// One before it is missing: acknowledge what is here, it will come again.
    Early { up_to: u64 },
    /// Nothing can be said before the terminal has said hello, or it is of an epoch that is over.
    Leave,
}

impl Cursor {
    /// The terminal said hello: it sends nothing again that was acknowledged, by its own account.
    /// In a new epoch only that account counts, for a terminal that was set up anew begins again
    /// with 1.
    pub(super) fn greeted(self, hello: &Hello) -> Self {
        let told = Self::Known { epoch: hello.epoch, up_to: hello.outbox_acknowledged };
        match self {
            Self::Known { epoch, up_to } if hello.epoch == epoch => {
                Self::Known { epoch, up_to: up_to.max(hello.outbox_acknowledged) }
            }
            Self::Known { epoch, .. } if hello.epoch < epoch => self,
            Self::Unknown | Self::Known { .. } => told,
        }
    }

    /// Judges a record; [`Verdict::Take`] comes with the cursor that holds once it is durable.
    pub(super) fn judge(self, record: &Record) -> (Self, Verdict) {
        let Self::Known { epoch, up_to } = self else { return (self, Verdict::Leave) };
        let taken = Self::Known { epoch: record.epoch, up_to: record.seq };
        let is_known = record.seq <= up_to;
        match record.epoch.cmp(&epoch) {
            std::cmp::Ordering::Less => (self, Verdict::Leave),
            std::cmp::Ordering::Equal if is_known => (self, Verdict::Repeated { up_to }),
            // Numbers go on through an epoch that began on the same connection; lower ones would
            // be those of a terminal that was set up anew, whose hello was lost.
            std::cmp::Ordering::Greater if is_known => (self, Verdict::Leave),
            std::cmp::Ordering::Equal | std::cmp::Ordering::Greater => {
                match record.previous <= up_to {
                    true => (taken, Verdict::Take),
                    false => (self, Verdict::Early { up_to }),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use shared::digest::{Digest, Nonce};
    use shared::message::{Body, Telemetry};
    use shared::time::UnixTime;

    use super::*;

    fn record(epoch: u32, seq: u64, previous: u64) -> Record {
        let telemetry = Telemetry {
            at: UnixTime(0),
            disk_free_bytes: 0,
            orders_refused: 0,
            messages_unreadable: 0,
            battery: None,
            till: None,
        };
        Record { epoch, seq, previous, body: Body::Telemetry(telemetry) }
    }

    fn hello(epoch: u32, outbox_acknowledged: u64) -> Hello {
        Hello {
            challenge: None,
            boot_nonce: Nonce([1; 16]),
            epoch,
            order_seq: 0,
            ledger: Digest::of(b"ledger"),
            outbox_depth: 0,
            outbox_acknowledged,
            outbox_dropped: 0,
            roster_version: 1,
            agent_version: "0.1.0".to_owned(),
            components: vec![],
            zone: "Europe/Berlin".to_owned(),
            ledger_lost: false,
            working_on: None,
            recipient: None,
            log: None,
            locked: None,
            stands: None,
        }
    }

    const AT_SEVEN: Cursor = Cursor::Known { epoch: 1, up_to: 7 };

    #[test]
    fn a_record_is_taken_only_after_the_one_before_it() {
        let cases = [
            (record(1, 8, 7), Verdict::Take),
            (record(1, 12, 7), Verdict::Take), // telemetry between them was dropped
            (record(1, 12, 3), Verdict::Take), // the terminal has not heard all acknowledgements
            (record(1, 9, 8), Verdict::Early { up_to: 7 }),
            (record(1, 7, 6), Verdict::Repeated { up_to: 7 }),
            (record(0, 8, 7), Verdict::Leave),
            (record(2, 8, 7), Verdict::Take),
            (record(2, 20, 19), Verdict::Early { up_to: 7 }),
            (record(2, 5, 4), Verdict::Leave),
        ];
        for (record, verdict) in cases {
            assert_eq!(AT_SEVEN.judge(&record).1, verdict, "{record:?}");
        }
    }

    #[test]
    fn after_a_lost_spool_nothing_is_taken_before_a_hello() {
        let lost = Cursor::Unknown;
        assert_eq!(lost.judge(&record(1, 9, 8)), (lost, Verdict::Leave));
        let told = lost.greeted(&hello(1, 8));
        assert_eq!(told.judge(&record(1, 10, 9)).1, Verdict::Early { up_to: 8 });
        let (cursor, verdict) = told.judge(&record(1, 9, 8));
        assert_eq!((cursor, verdict), (Cursor::Known { epoch: 1, up_to: 9 }, Verdict::Take));
    }

    #[test]
    fn a_hello_raises_the_count_and_a_new_epoch_begins_it_again() {
        assert_eq!(AT_SEVEN.greeted(&hello(1, 3)), AT_SEVEN);
        assert_eq!(AT_SEVEN.greeted(&hello(1, 9)), Cursor::Known { epoch: 1, up_to: 9 });
        assert_eq!(AT_SEVEN.greeted(&hello(0, 99)), AT_SEVEN);
        let anew = AT_SEVEN.greeted(&hello(2, 0));
        assert_eq!(anew.judge(&record(2, 1, 0)).1, Verdict::Take);
    }

    proptest! {
        /// However a wire loses, repeats and reorders what a terminal sends again and again from
        /// the first that was not acknowledged, and whenever the spool's count is lost, everything
        /// is taken at least once and in order, and nothing is acknowledged that was not taken.
        #[test]
        fn everything_is_taken_in_order_before_it_is_acknowledged(
            steps in proptest::collection::vec((0_usize..8, 0_u8..10), 0..200),
        ) {
            let numbers = [3_u64, 4, 7, 8, 9, 15, 16, 20];
            let previous = |at: usize| if at == 0 { 0 } else { numbers[at - 1] };
            let mut cursor = Cursor::Unknown;
            let mut taken = 0;
            let mut acknowledged = 0;
            let all = (0..numbers.len()).map(|at| (at, 0));
            let whole_rounds = [(0, 9)].into_iter().chain(all.clone());
            for (at, chance) in steps.into_iter().chain(whole_rounds) {
                match chance {
                    8 => cursor = Cursor::Unknown,
                    9 => cursor = cursor.greeted(&hello(1, acknowledged)),
                    _ => {
                        let (next, verdict) = cursor.judge(&record(1, numbers[at], previous(at)));
                        if verdict == Verdict::Take {
                            prop_assert!(previous(at) <= taken, "{at} follows what was taken");
                            taken = taken.max(numbers[at]);
                        }
                        cursor = next;
                        // Acknowledgements are lost now and then.
                        if let (Cursor::Known { up_to, .. }, true) = (cursor, chance < 5) {
                            prop_assert!(up_to <= taken);
                            acknowledged = acknowledged.max(up_to);
                        }
                    }
                }
            }
            prop_assert_eq!(taken, 20);
        }
    }
}
