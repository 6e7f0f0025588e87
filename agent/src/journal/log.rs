//! The log of one job: one record per line, numbered, until the job is over.

use std::collections::BTreeMap;

use shared::id::OrderId;

use super::{Entry, decode, encode};
use crate::decide::effect::{Place, Shelf, Write};
use crate::job::step::Table;

#[derive(Clone, Debug)]
pub struct Log {
    order: OrderId,
    lines: BTreeMap<u64, Entry>,
    /// Lines that are there and cannot be read.
    unreadable: Vec<u64>,
    next: u64,
}

impl Log {
    pub fn new(order: OrderId) -> Self {
        Self { order, lines: BTreeMap::new(), unreadable: Vec::new(), next: 0 }
    }

    pub fn order(&self) -> OrderId {
        self.order
    }

    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.lines.values()
    }

    /// Whether every line could be read. A job with a hole in its log must not be continued: the
    /// hole may hide that something was done.
    pub fn is_whole(&self) -> bool {
        self.unreadable.is_empty()
    }

    /// How many lines were ever written: rises with each.
    pub fn written(&self) -> u64 {
        self.next
    }

    /// Appends a line. A [`Entry::Retreated`] also drops the lines that it makes meaningless, so
    /// that a till which is busy for weeks does not fill the disk.
    pub fn append(&mut self, entry: Entry, table: Table) -> Vec<Write> {
        let mut writes = Vec::new();
        if let Entry::Retreated { to, .. } = &entry {
            let stay = table.iter().map(|step| step.name).take_while(|name| name != to);
            writes = self.drop_undone(&stay.collect::<Vec<_>>());
        }
        let number = self.next;
        self.next += 1;
        writes.push(Write::Put { place: self.place(number), value: encode(&entry) });
        self.lines.insert(number, entry);
        writes
    }

    /// The job is over: the ledger says how.
    pub fn remove(self) -> Vec<Write> {
        let lines = self.lines.keys().chain(&self.unreadable);
        lines.map(|number| Write::Remove(self.place(*number))).collect()
    }

    /// Only the lines of the steps `before` stay.
    fn drop_undone(&mut self, before: &[&str]) -> Vec<Write> {
        let stays = |entry: &Entry| match entry {
            Entry::Accepted { .. } => true,
            Entry::Intended { step, .. }
            | Entry::Happened { step, .. }
            | Entry::Skipped { step } => before.contains(&step.as_str()),
            Entry::Resumed
            | Entry::Noted { .. }
            | Entry::PassedOver { .. }
            | Entry::Failed { .. }
            | Entry::Withdrawn { .. }
            | Entry::Retreating { .. }
            | Entry::Undoing { .. }
            | Entry::Undone { .. }
            | Entry::NotUndone { .. }
            | Entry::Retreated { .. } => false,
        };
        let gone: Vec<_> =
            self.lines.iter().filter(|(_, entry)| !stays(entry)).map(|(at, _)| *at).collect();
        gone.iter().for_each(|number| drop(self.lines.remove(number)));
        gone.into_iter().map(|number| Write::Remove(self.place(number))).collect()
    }

    fn place(&self, number: u64) -> Place {
        let mut key = self.order.to_string().into_bytes();
        key.extend_from_slice(&number.to_be_bytes());
        Place { shelf: Shelf::Journal, key }
    }

    /// The logs that these records are, and where those are that could not be read.
    pub fn read_all<'a>(
        records: impl IntoIterator<Item = (&'a Place, &'a [u8])>,
    ) -> (BTreeMap<OrderId, Self>, Vec<Place>) {
        let mut logs = BTreeMap::<OrderId, Self>::new();
        let mut unreadable = Vec::new();
        for (place, value) in records {
            let Some((order, number)) = read_key(&place.key) else {
                unreadable.push(place.clone());
                continue;
            };
            let log = logs.entry(order).or_insert_with(|| Self::new(order));
            log.next = log.next.max(number.saturating_add(1));
            match decode::<Entry>(value) {
                Some(entry) => drop(log.lines.insert(number, entry)),
                None => {
                    unreadable.push(place.clone());
                    log.unreadable.push(number);
                }
            }
        }
        (logs, unreadable)
    }
}

fn read_key(key: &[u8]) -> Option<(OrderId, u64)> {
    let (order, number) = key.split_last_chunk::<8>()?;
    let order = std::str::from_utf8(order).ok()?.parse().ok()?;
    Some((order, u64::from_be_bytes(*number)))
}

#[cfg(test)]
mod tests {
    use shared::time::UnixTime;

    use super::super::{FORMAT, Framed};
    use super::*;
    use crate::job::Action;
    use crate::job::step::Step;

    static TABLE: Table = &[Step::new("fetch", Action::Fetch), Step::new("window", Action::Admit)];

    fn order() -> OrderId {
        OrderId::from_bytes([7; 16])
    }

    fn intended(step: &str) -> Entry {
        Entry::Intended { step: step.to_owned(), noted: None }
    }

    fn disk(writes: Vec<Write>, onto: &mut BTreeMap<Place, Vec<u8>>) {
        for write in writes {
            match write {
                Write::Put { place, value } => drop(onto.insert(place, value)),
                Write::Remove(place) => drop(onto.remove(&place)),
                Write::Post(_)
                | Write::Acknowledged { .. }
                | Write::EnterEpoch(_)
                | Write::SawOrder { .. }
                | Write::KeepOutside(_)
                | Write::TakesOnWork => panic!("a log writes nothing but its lines"),
            }
        }
    }

    fn read(disk: &BTreeMap<Place, Vec<u8>>) -> (BTreeMap<OrderId, Log>, Vec<Place>) {
        Log::read_all(disk.iter().map(|(place, value)| (place, value.as_slice())))
    }

    #[test]
    fn a_log_reads_back_in_the_order_it_was_written() {
        let mut log = Log::new(order());
        let mut stored = BTreeMap::new();
        for number in 0..300 {
            disk(log.append(intended(&format!("step {number}")), TABLE), &mut stored);
        }
        let (logs, unreadable) = read(&stored);
        let again = &logs[&order()];
        assert!(again.entries().eq(log.entries()));
        assert_eq!((again.written(), unreadable), (300, Vec::new()));
        disk(log.remove(), &mut stored);
        assert!(stored.is_empty());
    }

    #[test]
    fn a_retreat_drops_what_it_undid_and_numbers_go_on_rising() {
        let mut log = Log::new(order());
        let mut stored = BTreeMap::new();
        for night in 0..1000 {
            disk(log.append(intended("fetch"), TABLE), &mut stored);
            disk(log.append(intended("hold"), TABLE), &mut stored);
            disk(log.append(Entry::Retreating { to: "window".to_owned() }, TABLE), &mut stored);
            let retreated = Entry::Retreated { to: "window".to_owned(), evidence: Vec::new() };
            disk(log.append(retreated, TABLE), &mut stored);
            assert_eq!(log.written(), 4 * (night + 1));
        }
        let (logs, _) = read(&stored);
        assert_eq!(logs[&order()].written(), 4000);
        let last = Entry::Retreated { to: "window".to_owned(), evidence: Vec::new() };
        assert_eq!(logs[&order()].entries().last(), Some(&last));
        assert_eq!(stored.len(), 1001, "each night leaves only the line of the step that stays");
    }

    #[test]
    fn records_of_another_build_are_counted_and_left_alone() {
        let mut stored = BTreeMap::new();
        let mut log = Log::new(order());
        disk(log.append(intended("fetch"), TABLE), &mut stored);
        let place = Place { shelf: Shelf::Journal, key: b"ord-nonsense".to_vec() };
        stored.insert(place, encode(&intended("x")));
        let foreign = Framed { format: FORMAT + 1, record: intended("y") };
        stored.insert(log.place(9), shared::codec::encode(&foreign));
        stored.insert(log.place(10), encode(&UnixTime(5)));
        let (logs, unreadable) = read(&stored);
        assert_eq!((logs[&order()].entries().count(), unreadable.len()), (1, 3));
        assert!(!logs[&order()].is_whole());
    }
}
