//! A disk that keeps what was committed and nothing else.

use std::collections::BTreeMap;

use agent::decide::Stored;
use agent::decide::effect::{Place, Post, Shelf, Write};
use agent::decide::input::{Room, StoreState};
use agent::journal::facts::Standing;
use shared::id::FleetId;
use shared::message::{Body, Record, SignedBytes};
use shared::signature::{Envelope, PrivateKey};

#[derive(Clone, Debug)]
pub(crate) struct Disk {
    records: BTreeMap<Place, Vec<u8>>,
    outbox: BTreeMap<u64, Body>,
    next_seq: u64,
    released: u64,
    epoch: u32,
    order_seq: u64,
    lost: bool,
    kept_outside: Option<Vec<u8>>,
}

impl Disk {
    pub(crate) fn new() -> Self {
        Self {
            records: BTreeMap::new(),
            outbox: BTreeMap::new(),
            next_seq: 1,
            released: 0,
            epoch: 0,
            order_seq: 0,
            lost: false,
            kept_outside: None,
        }
    }

    /// All of it or, when the power fails before, nothing.
    pub(crate) fn commit(&mut self, writes: Vec<Write>, fleet: FleetId, key: &PrivateKey) {
        for write in writes {
            match write {
                Write::Put { place, value } => drop(self.records.insert(place, value)),
                Write::Remove(place) => drop(self.records.remove(&place)),
                Write::Post(post) => {
                    self.outbox.insert(self.next_seq, body(post, fleet, key));
                    self.next_seq += 1;
                }
                Write::Acknowledged { up_to } => {
                    self.outbox = self.outbox.split_off(&(up_to + 1));
                    self.released = self.released.max(up_to);
                }
                Write::EnterEpoch(epoch) if epoch > self.epoch => {
                    (self.epoch, self.order_seq, self.lost) = (epoch, 0, false);
                }
                Write::EnterEpoch(_) | Write::TakesOnWork => {}
                Write::KeepOutside(record) => self.kept_outside = Some(record),
                Write::SawOrder { seq } => self.order_seq = self.order_seq.max(seq),
            }
        }
    }

    /// The records of the outbox behind this one, as they are sent.
    pub(crate) fn outbox_after(&self, epoch: u32, after: u64, most: usize) -> Vec<Record> {
        let first = self.outbox.range(after + 1..).take(most);
        let records = first.map(|(seq, body)| {
            let before = self.outbox.range(..seq).next_back();
            let previous = before.map_or(self.released, |(seq, _)| *seq);
            Record { epoch, seq: *seq, previous, body: body.clone() }
        });
        records.collect()
    }

    pub(crate) fn stored(&self) -> Stored {
        Stored {
            records: self.records.clone(),
            epoch: self.epoch,
            order_seq: self.order_seq,
            lost: self.lost,
            kept_outside: self.kept_outside.clone(),
            acknowledged: self.released,
            state: Some(self.state()),
        }
    }

    pub(crate) fn state(&self) -> StoreState {
        StoreState {
            room: Room::Enough,
            outbox_depth: self.outbox.len() as u64,
            outbox_dropped: 0,
            disk_free_bytes: 1 << 30,
            battery: None,
        }
    }

    pub(crate) fn standing(&self) -> Standing {
        let kept = Standing::read(self.kept_outside.as_deref());
        kept.expect("it was written by this build").unwrap_or_default()
    }

    /// The database is damaged and moved aside; the marks outside it survive.
    pub(crate) fn lose(&mut self) {
        self.records.clear();
        self.outbox.clear();
        self.released = self.next_seq - 1;
        self.lost = true;
    }

    /// Another build has kept this outside, or nobody.
    pub(crate) fn keep_outside(&mut self, record: Vec<u8>) {
        self.kept_outside = Some(record);
    }

    /// There is a record that nobody wrote.
    pub(crate) fn add(&mut self, place: Place, value: Vec<u8>) {
        self.records.insert(place, value);
    }

    /// One record cannot be read any more.
    pub(crate) fn damage(&mut self, place: Place) {
        let damaged = self.records.insert(place, vec![0xff]);
        assert!(damaged.is_some(), "there was nothing to damage");
    }

    pub(crate) fn shelf(&self, shelf: Shelf) -> impl Iterator<Item = (&Place, &[u8])> {
        let on_shelf = self.records.iter().filter(move |(place, _)| place.shelf == shelf);
        on_shelf.map(|(place, value)| (place, value.as_slice()))
    }

    pub(crate) fn journal_is_empty(&self) -> bool {
        self.shelf(Shelf::Journal).next().is_none()
    }

    pub(crate) fn outbox_is_empty(&self) -> bool {
        self.outbox.is_empty()
    }
}

fn body(post: Post, fleet: FleetId, key: &PrivateKey) -> Body {
    match post {
        Post::Progress(progress) => Body::Progress(progress),
        Post::Suspicion(suspicion) => Body::Suspicion(suspicion),
        Post::Telemetry(telemetry) => Body::Telemetry(telemetry),
        Post::Receipt(receipt) => {
            let mut envelope = Envelope::unsigned(receipt);
            envelope.sign(fleet, key);
            Body::Receipt(SignedBytes::new(envelope.to_bytes()))
        }
    }
}
