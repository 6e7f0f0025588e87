//! How far a terminal's records are here without a gap. Pure.
//!
//! Each record names the one before it. A record that follows what is here is taken; one that
//! was sent before is acknowledged again; one that comes too early is left, and the terminal sends
//! it again after the one that is missing.

use shared::message::Record;

/// How far one terminal's outbox has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cursor {
    /// Nothing is known, as before the first record or after the spool was lost. Only after a
    /// hello, when the terminal begins again with what was never acknowledged, can the first
    /// record be trusted to be the next.
    Unknown { greeted: bool },
    /// Everything of this epoch up to here.
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
    /// The terminal said hello: it begins again with what was never acknowledged.
    pub(super) fn greeted(self) -> Self {
        match self {
            Self::Unknown { .. } => Self::Unknown { greeted: true },
            Self::Known { .. } => self,
        }
    }

    /// Judges a record; [`Verdict::Take`] comes with the cursor that holds once it is durable.
    pub(super) fn judge(self, record: &Record) -> (Self, Verdict) {
        let taken = Self::Known { epoch: record.epoch, up_to: record.seq };
        match self {
            Self::Unknown { greeted: false } => (self, Verdict::Leave),
            Self::Unknown { greeted: true } => (taken, Verdict::Take),
            Self::Known { epoch, .. } if record.epoch < epoch => (self, Verdict::Leave),
            // Numbers never repeat, so they go on through a new epoch; but what was sent in the
            // old one may be lost with the terminal's store, and nothing waits for it any more.
            Self::Known { epoch, up_to } if record.epoch > epoch => match record.seq > up_to {
                true => (taken, Verdict::Take),
                false => (self, Verdict::Leave),
            },
            Self::Known { up_to, .. } if record.seq <= up_to => (self, Verdict::Repeated { up_to }),
            Self::Known { up_to, .. } if record.previous <= up_to => (taken, Verdict::Take),
            Self::Known { up_to, .. } => (self, Verdict::Early { up_to }),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use shared::message::{Body, Telemetry};
    use shared::time::UnixTime;

    use super::*;

    fn record(epoch: u32, seq: u64, previous: u64) -> Record {
        let telemetry = Telemetry {
            at: UnixTime(0),
            disk_free_bytes: 0,
            orders_refused: 0,
            messages_unreadable: 0,
        };
        Record { epoch, seq, previous, body: Body::Telemetry(telemetry) }
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
            (record(2, 20, 19), Verdict::Take),
            (record(2, 5, 4), Verdict::Leave),
        ];
        for (record, verdict) in cases {
            assert_eq!(AT_SEVEN.judge(&record).1, verdict, "{record:?}");
        }
    }

    #[test]
    fn after_a_lost_spool_nothing_is_taken_before_a_hello() {
        let lost = Cursor::Unknown { greeted: false };
        assert_eq!(lost.judge(&record(1, 9, 8)), (lost, Verdict::Leave));
        let (cursor, verdict) = lost.greeted().judge(&record(1, 9, 8));
        assert_eq!((cursor, verdict), (Cursor::Known { epoch: 1, up_to: 9 }, Verdict::Take));
        assert_eq!(AT_SEVEN.greeted(), AT_SEVEN);
    }

    proptest! {
        /// However a wire loses, repeats and reorders what a terminal sends again and again from
        /// the first that was not acknowledged, everything is taken once and in order.
        #[test]
        fn everything_is_taken_once_and_in_order(
            losses in proptest::collection::vec((0_usize..8, any::<bool>(), any::<bool>()), 0..200),
        ) {
            let numbers = [3_u64, 4, 7, 8, 9, 15, 16, 20];
            let previous = |at: usize| if at == 0 { 0 } else { numbers[at - 1] };
            let mut cursor = Cursor::Unknown { greeted: true };
            let mut taken = Vec::new();
            let mut sent = 0;
            let all = (0..numbers.len()).map(|at| (at, false, false));
            for (ahead, lost, restart) in losses.into_iter().chain(all.clone()).chain(all) {
                // The first record after a hello is the lowest that was never acknowledged.
                let base = taken.len();
                let at = if matches!(cursor, Cursor::Unknown { .. }) { 0 } else {
                    (base.saturating_sub(1) + ahead).min(numbers.len() - 1)
                };
                sent += 1;
                if lost { continue; }
                if restart { cursor = cursor.greeted(); }
                let (next, verdict) = cursor.judge(&record(1, numbers[at], previous(at)));
                if verdict == Verdict::Take { taken.push(numbers[at]); }
                cursor = next;
            }
            prop_assert!(sent > 0);
            prop_assert_eq!(&taken[..], &numbers[..taken.len()]);
        }
    }
}
