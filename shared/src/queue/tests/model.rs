//! Random operations against a plain map and a plain list, with the store closed and opened again
//! at random. Opening proves the sums in the books each time.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Op {
    Commit(Vec<Write>),
    ReleaseSome(u8),
    Reopen,
}

#[derive(Clone, Debug)]
enum Write {
    Put(Shelf, u16, usize),
    Remove(Shelf, u16),
    Push(Class, usize),
}

fn shelf() -> impl Strategy<Value = Shelf> {
    prop_oneof![Just(Shelf::Facts), Just(Shelf::Inbox), Just(Shelf::Journal), Just(Shelf::Ledger)]
}

fn class() -> impl Strategy<Value = Class> {
    prop_oneof![Just(Class::Telemetry), Just(Class::Report), Just(Class::Receipt)]
}

fn write() -> impl Strategy<Value = Write> {
    let bytes = prop_oneof![4 => 0..300_usize, 1 => 3_000..14_000_usize];
    prop_oneof![
        3 => (shelf(), 250..270_u16, bytes.clone()).prop_map(|(s, k, b)| Write::Put(s, k, b)),
        1 => (shelf(), 250..270_u16).prop_map(|(s, k)| Write::Remove(s, k)),
        3 => (class(), bytes).prop_map(|(c, b)| Write::Push(c, b)),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        12 => prop::collection::vec(write(), 0..8).prop_map(Op::Commit),
        2 => any::<u8>().prop_map(Op::ReleaseSome),
        1 => Just(Op::Reopen),
    ]
}

const BOUNDS: Bounds =
    Bounds { records_max: 20, bytes_max: 60_000, reserve_records: 4, reserve_bytes: 6_000 };

#[derive(Default)]
struct Model {
    shelves: BTreeMap<(Shelf, Key), Vec<u8>>,
    queue: Vec<(u64, Class, Vec<u8>)>,
    last_seq: u64,
    released: u64,
    dropped: u64,
}

impl Model {
    fn bytes(&self) -> u64 {
        self.queue.iter().map(|(_, _, body)| body.len() as u64).sum()
    }

    /// What the store should do with a batch, in the words of its promise: drop the oldest
    /// telemetry as long as there is too much, and refuse if that does not help.
    fn commit(&mut self, writes: &[Write], fill: u8, seqs: Option<Range<u64>>) {
        let pushes: Vec<(Class, Vec<u8>)> = writes
            .iter()
            .filter_map(|write| match write {
                Write::Push(class, bytes) => Some((*class, vec![fill; *bytes])),
                Write::Put(..) | Write::Remove(..) => None,
            })
            .collect();
        let may_use_reserve = pushes.iter().any(|(class, _)| *class == Class::Receipt);
        let records_max = BOUNDS.records_max - if may_use_reserve { 0 } else { 4 };
        let bytes_max = BOUNDS.bytes_max - if may_use_reserve { 0 } else { 6_000 };
        let mut queue = self.queue.clone();
        let bytes: u64 = pushes.iter().map(|(_, body)| body.len() as u64).sum();
        let fits = |queue: &[(u64, Class, Vec<u8>)]| {
            let held: u64 = queue.iter().map(|(_, _, body)| body.len() as u64).sum();
            (queue.len() + pushes.len()) as u64 <= records_max && held + bytes <= bytes_max
        };
        while !pushes.is_empty() && !fits(&queue) {
            let oldest = queue.iter().position(|(_, class, _)| *class == Class::Telemetry);
            let Some(oldest) = oldest else {
                assert_eq!(seqs, None, "there was no room, and the batch was accepted");
                return;
            };
            queue.remove(oldest);
        }
        let seqs = seqs.expect("there was room, and the batch was refused");
        assert_eq!(seqs.end - seqs.start, pushes.len() as u64);
        assert!(pushes.is_empty() || seqs.start > self.last_seq, "a number was given twice");
        self.dropped += (self.queue.len() - queue.len()) as u64;
        self.last_seq = self.last_seq.max(seqs.end - 1);
        self.queue = queue;
        self.queue.extend(seqs.zip(pushes).map(|(seq, (class, body))| (seq, class, body)));
        for write in writes {
            match write {
                Write::Put(shelf, key, bytes) => {
                    let key = Key::from(u64::from(*key));
                    self.shelves.insert((*shelf, key), vec![fill; *bytes]);
                }
                Write::Remove(shelf, key) => {
                    self.shelves.remove(&(*shelf, Key::from(u64::from(*key))));
                }
                Write::Push(..) => {}
            }
        }
    }

    fn release(&mut self, up_to: u64) {
        self.queue.retain(|(seq, _, _)| *seq > up_to);
        self.released = self.released.max(up_to);
    }

    fn agrees_with(&self, store: &Store) {
        for shelf in [Shelf::Facts, Shelf::Inbox, Shelf::Journal, Shelf::Ledger] {
            let expected: Vec<(Key, Vec<u8>)> = self
                .shelves
                .iter()
                .filter(|((on, _), _)| *on == shelf)
                .map(|((_, key), value)| (key.clone(), value.clone()))
                .collect();
            assert_eq!(store.scan(shelf, .., usize::MAX).expect("readable"), expected);
        }
        let mut previous = self.released;
        let expected: Vec<Entry> = self
            .queue
            .iter()
            .map(|(seq, class, body)| {
                let entry = Entry { seq: *seq, previous, class: *class, body: body.clone() };
                previous = *seq;
                entry
            })
            .collect();
        assert_eq!(queued(store), expected);
        let status = store.status();
        let depth = Depth { records: self.queue.len() as u64, bytes: self.bytes() };
        assert_eq!(status.depth, depth);
        assert_eq!(status.telemetry_dropped, self.dropped);
        assert_eq!(status.released_seq, self.released);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_store_does_what_a_map_and_a_list_would_do(
        ops in prop::collection::vec(op(), 1..50)
    ) {
        let directory = tempfile::tempdir().expect("a directory");
        let mut store = Store::open(directory.path(), options(BOUNDS)).expect("opens").store;
        let mut model = Model::default();
        for (at, op) in ops.iter().enumerate() {
            let fill = at as u8;
            match op {
                Op::Commit(writes) => {
                    let outcome = store.commit(batch_of(writes, fill));
                    let seqs = match outcome {
                        Ok(committed) => Some(committed.seqs),
                        Err(StoreError::QueueFull { .. }) => None,
                        Err(other) => panic!("{other}"),
                    };
                    model.commit(writes, fill, seqs);
                }
                Op::ReleaseSome(which) => {
                    let nth = usize::from(*which) % (model.queue.len() + 1);
                    if let Some((seq, _, _)) = model.queue.get(nth) {
                        let seq = *seq;
                        store.release_up_to(seq).expect("released");
                        model.release(seq);
                    }
                }
                Op::Reopen => {
                    drop(store);
                    let opened = Store::open(directory.path(), options(BOUNDS)).expect("opens");
                    prop_assert_eq!(opened.loss, None);
                    store = opened.store;
                    model.agrees_with(&store);
                }
            }
        }
        model.agrees_with(&store);
    }
}

fn batch_of(writes: &[Write], fill: u8) -> Batch {
    let mut batch = Batch::new();
    for write in writes {
        match write {
            Write::Put(shelf, key, bytes) => {
                batch.put(*shelf, u64::from(*key), vec![fill; *bytes]);
            }
            Write::Remove(shelf, key) => batch.remove(*shelf, u64::from(*key)),
            Write::Push(class, bytes) => batch.push(*class, vec![fill; *bytes]),
        }
    }
    batch
}
