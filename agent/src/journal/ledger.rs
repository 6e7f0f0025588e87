//! The ledger: every order that was accepted and what came of it, until its copy could not be
//! accepted any more. Answers replays, and is what the digest in the hello is over.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use shared::digest::Digest;
use shared::document::Receipt;
use shared::document::receipt::Said;
use shared::id::{BatchId, OrderId};
use shared::time::UnixTime;

use super::{decode, encode};
use crate::decide::effect::{Place, Shelf, Write};

/// Orders that are remembered at once. A terminal gets a few a week; this is years of them, and
/// about half a megabyte.
pub const LEDGER_MAX: usize = 512;

/// How long an order is remembered after it could last be accepted: controllers and terminals
/// agree about the time better than this.
const SLACK: Duration = Duration::from_secs(7 * 24 * 3600);

/// What is remembered of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    pub batch: BatchId,
    pub not_after: UnixTime,
    /// The last thing that was said about it. Signing it again gives the same bytes.
    pub receipt: Receipt,
}

impl Account {
    pub fn is_final(&self) -> bool {
        match self.receipt.said {
            Said::Accepted => false,
            Said::Refused { .. } | Said::Finished { .. } => true,
        }
    }
}

#[derive(Clone, Debug, Default)]
pub struct Ledger {
    accounts: BTreeMap<OrderId, Account>,
}

impl Ledger {
    pub fn account(&self, order: OrderId) -> Option<&Account> {
        self.accounts.get(&order)
    }

    /// Orders that are not over.
    pub fn open(&self) -> impl Iterator<Item = OrderId> {
        self.accounts.iter().filter(|(_, account)| !account.is_final()).map(|(order, _)| *order)
    }

    /// The orders of a batch.
    pub fn of_batch(&self, batch: BatchId) -> impl Iterator<Item = &Account> {
        self.accounts.values().filter(move |account| account.batch == batch)
    }

    pub fn is_full(&self) -> bool {
        self.accounts.len() >= LEDGER_MAX
    }

    pub fn write(&mut self, order: OrderId, account: Account) -> Write {
        let write = Write::Put { place: place(order), value: encode(&account) };
        self.accounts.insert(order, account);
        write
    }

    /// Forgets orders that are over and could not be accepted again.
    pub fn prune(&mut self, floor: UnixTime) -> Vec<Write> {
        let is_over =
            |account: &Account| account.is_final() && account.not_after.plus(SLACK) < floor;
        let over = self.accounts.iter().filter(|(_, account)| is_over(account));
        let over: Vec<_> = over.map(|(order, _)| *order).collect();
        over.iter().for_each(|order| drop(self.accounts.remove(order)));
        over.into_iter().map(|order| Write::Remove(place(order))).collect()
    }

    /// SHA-256 over the ids in ascending order, each followed by 1 when the order is over and
    /// by 0 when it is not.
    pub fn digest(&self) -> Digest {
        let lines = self.accounts.iter().map(|(order, account)| {
            let mut line = order.to_string().into_bytes();
            line.push(u8::from(account.is_final()));
            line
        });
        Digest::of(&lines.collect::<Vec<_>>().concat())
    }

    /// The ledger that these records are, and where those are that could not be read.
    pub fn read<'a>(
        records: impl IntoIterator<Item = (&'a Place, &'a [u8])>,
    ) -> (Self, Vec<Place>) {
        let mut accounts = BTreeMap::new();
        let mut unreadable = Vec::new();
        for (place, value) in records {
            let order = std::str::from_utf8(&place.key).ok().and_then(|text| text.parse().ok());
            match order.zip(decode::<Account>(value)) {
                Some((order, account)) => drop(accounts.insert(order, account)),
                None => unreadable.push(place.clone()),
            }
        }
        (Self { accounts }, unreadable)
    }
}

fn place(order: OrderId) -> Place {
    Place { shelf: Shelf::Ledger, key: order.to_string().into_bytes() }
}

#[cfg(test)]
mod tests {
    use shared::id::TerminalId;
    use shared::time::ClockConfidence;

    use super::*;

    fn order(number: u8) -> OrderId {
        OrderId::from_bytes([number; 16])
    }

    fn account(number: u8, said: Said) -> Account {
        let receipt = Receipt {
            format: shared::document::FORMAT,
            terminal: TerminalId::from_bytes([9; 16]),
            epoch: 1,
            order: order(number),
            said,
            at: UnixTime(5),
            clock: ClockConfidence::Attested,
        };
        let batch = BatchId::from_bytes([number; 16]);
        Account { batch, not_after: UnixTime(1_000), receipt }
    }

    fn finished(number: u8) -> Account {
        let outcome = shared::outcome::Outcome::Expired;
        account(number, Said::Finished { outcome, evidence: Vec::new() })
    }

    #[test]
    fn the_ledger_reads_back_and_its_digest_tells_states_apart() {
        let mut ledger = Ledger::default();
        let mut stored = BTreeMap::new();
        let mut digests = vec![ledger.digest()];
        let steps =
            [(1, account(1, Said::Accepted)), (2, account(2, Said::Accepted)), (1, finished(1))];
        for (number, account) in steps {
            let Write::Put { place, value } = ledger.write(order(number), account) else {
                panic!("an account is put");
            };
            stored.insert(place, value);
            digests.push(ledger.digest());
        }
        let records = stored.iter().map(|(place, value)| (place, value.as_slice()));
        let (again, unreadable) = Ledger::read(records);
        assert_eq!((again.digest(), unreadable), (ledger.digest(), Vec::new()));
        digests.sort();
        digests.dedup();
        assert_eq!(digests.len(), 4);
    }

    #[test]
    fn an_order_is_forgotten_a_week_after_it_ran_out_and_only_when_it_is_over() {
        let mut ledger = Ledger::default();
        ledger.write(order(1), finished(1));
        ledger.write(order(2), account(2, Said::Accepted));
        let last = UnixTime(1_000).plus(SLACK);
        assert_eq!(ledger.prune(last), []);
        assert_eq!(
            ledger.prune(last.plus(Duration::from_secs(1))),
            [Write::Remove(place(order(1)))]
        );
        assert!(ledger.account(order(1)).is_none() && ledger.account(order(2)).is_some());
    }
}
