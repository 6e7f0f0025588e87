//! What a till that has stopped owes, and whether people accept that it settles later. Pure.
//!
//! It is what the till itself says: batches by count and total, and what was not sent by count
//! alone. A till that says nothing owes an unknown amount, which nobody accepts.

use shared::change::{Covers, SettlementDelay};
use shared::owed::{OWED_MAX, Owed};
use shared::time::UnixTime;

use crate::pos::{Binding, Settled};

/// One line for each binding that owes something. `closed`: what settling came to, where it was
/// answered. A batch that the host counts otherwise is owed, also where the till has closed it.
pub fn owed(bindings: &[Binding], closed: &[Settled]) -> Vec<Owed> {
    let mut owed: Vec<_> = bindings.iter().map(of_binding).collect();
    for batch in closed.iter().filter(|batch| !batch.is_settled()) {
        let of_batch = bindings.iter().find(|it| it.binding == batch.binding);
        if of_batch.is_some_and(Binding::has_open_batch) {
            continue;
        }
        let Settled { count, total_minor, currency, .. } = batch;
        owed.push(Owed::of(&batch.binding).in_batches(*count, *total_minor, currency));
    }
    owed.retain(Owed::is_something);
    owed
}

fn of_binding(it: &Binding) -> Owed {
    let owed = Owed::of(&it.binding).unsent(it.left.unsent_reversals, it.left.stored_offline);
    match &it.open_batch {
        Some(open) => owed.in_batches(open.count, open.total_minor, &open.currency),
        None => owed,
    }
}

/// Why the terminal does not go on with what it owes; nothing, if people accept it. `now` has
/// certainly passed.
pub fn not_accepted(
    delay: &SettlementDelay,
    cut_off: UnixTime,
    owed: &[Owed],
    now: UnixTime,
) -> Option<String> {
    let from = delay.begins(cut_off);
    if now < from {
        return Some(format!("tried until {from}; then it may be settled later"));
    }
    if owed.len() > OWED_MAX {
        return Some(format!("{} bindings owe something: no receipt holds that", owed.len()));
    }
    let Covers::UpTo { total_minor, currency, unsent } = &delay.covers else { return None };
    let other = owed.iter().any(|it| it.sales > 0 && it.currency != *currency);
    let sum = |of: fn(&Owed) -> u64| owed.iter().map(of).fold(0, u64::saturating_add);
    let open = sum(|it| it.total_minor.unsigned_abs());
    let not_sent = sum(|it| it.unsent_reversals.saturating_add(it.stored_offline));
    let is_covered = !other && open <= *total_minor && not_sent <= u64::from(*unsent);
    (!is_covered).then(|| {
        let all: Vec<_> = owed.iter().map(ToString::to_string).collect();
        let all = all.join("; ");
        format!("people accept {total_minor} {currency} and {unsent} not sent, and it {all}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pos::Left;
    use crate::pos::protocol::OpenBatch;

    const CUT_OFF: UnixTime = UnixTime(1_800_000_000);
    const LATE: UnixTime = UnixTime(1_800_003_600);

    fn binding(name: &str, open: Option<(u64, i64)>, left: Left) -> Binding {
        let currency = || "CNY".to_owned();
        let batch = |(count, total_minor)| OpenBatch { count, total_minor, currency: currency() };
        Binding {
            binding: name.to_owned(),
            open_batch: open.map(batch),
            left,
            state: None,
            provider: None,
            mid: None,
            tid: None,
        }
    }

    fn batch(host_count: u64) -> Settled {
        Settled {
            binding: "a".to_owned(),
            batch_number: 3,
            currency: "CNY".to_owned(),
            count: 2,
            total_minor: 700,
            host_count,
            host_total_minor: 700,
            host_reference: "a-1".to_owned(),
        }
    }

    fn delay(covers: Covers) -> SettlementDelay {
        SettlementDelay {
            covers,
            after_s: 3_600,
            settled_by: UnixTime(LATE.0 + 86_400),
            reason: "the host is away".to_owned(),
            accepted_by: "Hana".to_owned(),
        }
    }

    fn up_to(total_minor: u64, unsent: u32) -> Covers {
        Covers::UpTo { total_minor, currency: "CNY".to_owned(), unsent }
    }

    #[test]
    fn what_a_till_says_is_what_it_owes_and_a_batch_is_listed_once() {
        let left = Left { unsent_reversals: 1, stored_offline: 2, open_preauthorisations: 9 };
        let all = [
            binding("a", Some((2, 700)), Left::default()),
            binding("b", None, left),
            binding("c", Some((0, 0)), Left { open_preauthorisations: 1, ..Left::default() }),
        ];
        let a = Owed::of("a").in_batches(2, 700, "CNY");
        let b = Owed::of("b").unsent(1, 2);
        assert_eq!(owed(&all, &[]), [a.clone(), b.clone()]);
        assert_eq!(owed(&all, &[batch(2)]), [a.clone(), b.clone()], "it counts the same");
        assert_eq!(owed(&all, &[batch(1)]), [a.clone(), b]);
        // A till that has closed what its host counts otherwise.
        let closed = [binding("a", None, Left::default())];
        assert_eq!(owed(&closed, &[batch(1)]), [a]);
        assert_eq!(owed(&closed, &[batch(2)]), []);
    }

    #[test]
    fn nothing_is_accepted_before_its_time_and_then_no_more_than_was_signed() {
        let early = UnixTime(LATE.0 - 1);
        let some = [Owed::of("a").in_batches(2, -700, "CNY").unsent(1, 0)];
        let accepts = |covers: Covers, owed: &[Owed], now| {
            not_accepted(&delay(covers), CUT_OFF, owed, now).is_none()
        };
        assert!(!accepts(Covers::WhateverIsOpen, &some, early));
        assert!(accepts(Covers::WhateverIsOpen, &some, LATE));
        for (covers, wanted) in
            [(up_to(700, 1), true), (up_to(699, 1), false), (up_to(700, 0), false)]
        {
            assert_eq!(accepts(covers.clone(), &some, LATE), wanted, "{covers:?}");
            assert!(!accepts(covers, &some, early));
        }
        let euros = [Owed::of("a").in_batches(1, 1, "EUR")];
        assert!(!accepts(up_to(700, 0), &euros, LATE));
        let two = [some[0].clone(), Owed::of("b").in_batches(1, 1, "CNY")];
        assert!(!accepts(up_to(700, 1), &two, LATE), "all bindings count together");
        assert!(accepts(up_to(0, 1), &[Owed::of("b").unsent(0, 1)], LATE));
        let many = vec![Owed::of("a").unsent(1, 0); OWED_MAX + 1];
        assert!(!accepts(Covers::WhateverIsOpen, &many, LATE));
    }
}
