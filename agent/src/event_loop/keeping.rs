//! Between the core's words for what is kept and the store's.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use shared::codec;
use shared::limits::{
    STORE_VALUE_BYTES_MAX, TERMINAL_QUEUE_BYTES_MAX, TERMINAL_QUEUE_RECORDS_MAX,
    TERMINAL_RESERVE_BYTES, TERMINAL_RESERVE_RECORDS,
};
use shared::message::{Body, Record};
use shared::queue::{self, Batch, Class, Committed, Health, Key, Store, StoreError, View};
use tokio::sync::oneshot;
use tracing::{error, warn};

use crate::decide::Stored;
use crate::decide::effect::{Place, Post, Shelf, Write};
use crate::decide::input::{Room, StoreState};
use crate::identity::Identity;
use crate::outbox::Sending;
use crate::power::{Gauge, Supplies};

/// A commit that fails for want of space or by a hiccup of the disk is tried again this often,
/// five seconds apart: a minute. After that a restart finds out what is durable.
const ATTEMPTS: u32 = 12;
const ATTEMPT_EVERY: Duration = Duration::from_secs(5);

/// Of the outbox, what the reports of jobs under way may still need. New work is not taken on
/// when less is left.
const JOB_RECORDS: u64 = 1024;
const JOB_BYTES: u64 = 2 * 1024 * 1024;

/// The free space that is told is rounded to this: it is for people.
const DISK_STEP_BYTES: u64 = 1024 * 1024;

const _: () = assert!(JOB_RECORDS + TERMINAL_RESERVE_RECORDS < TERMINAL_QUEUE_RECORDS_MAX);
const _: () = assert!(JOB_BYTES + TERMINAL_RESERVE_BYTES < TERMINAL_QUEUE_BYTES_MAX);

/// Keeps what is to be kept, and signs what is to be signed on the way.
#[derive(Debug)]
pub struct Keeper {
    store: Store,
    identity: Arc<Identity>,
    /// On the disk whose free space is told.
    state_dir: PathBuf,
    gauge: Gauge,
}

impl Keeper {
    pub fn new(store: Store, identity: Arc<Identity>, state_dir: PathBuf, power: Supplies) -> Self {
        Self { store, identity, state_dir, gauge: Gauge::new(power) }
    }

    /// Everything that the store holds, for the start. Blocks.
    pub fn stored(&self) -> Result<Stored, StoreError> {
        let shelves = [Shelf::Facts, Shelf::Journal, Shelf::Ledger];
        let records = self.store.read(move |view| {
            let mut records = BTreeMap::new();
            for shelf in shelves {
                let whole = (Bound::<Key>::Unbounded, Bound::<Key>::Unbounded);
                for (key, value) in view.scan(stores(shelf), whole, usize::MAX)? {
                    records.insert(Place { shelf, key: key.as_bytes().to_vec() }, value);
                }
            }
            Ok(records)
        })?;
        let status = self.store.status();
        Ok(Stored {
            records,
            epoch: status.high_water.epoch,
            order_seq: status.high_water.order_seq,
            lost: status.high_water.ledger_lost,
            kept_outside: status.keepsake.record().map(<[u8]>::to_vec),
            acknowledged: status.released_seq,
            state: Some(self.state()),
        })
    }

    pub fn state(&self) -> StoreState {
        let status = self.store.status();
        let records = status.depth.records + JOB_RECORDS + TERMINAL_RESERVE_RECORDS;
        let bytes = status.depth.bytes + JOB_BYTES + TERMINAL_RESERVE_BYTES;
        let roomy = records <= TERMINAL_QUEUE_RECORDS_MAX && bytes <= TERMINAL_QUEUE_BYTES_MAX;
        let room = match status.health {
            Health::Ready if roomy => Room::Enough,
            Health::Ready | Health::LowSpace | Health::Interrupted | Health::Damaged => Room::Short,
        };
        StoreState {
            room,
            outbox_depth: status.depth.records,
            outbox_dropped: status.telemetry_dropped,
            disk_free_bytes: self.disk_free() / DISK_STEP_BYTES * DISK_STEP_BYTES,
            battery: self.gauge.battery(),
        }
    }

    fn disk_free(&self) -> u64 {
        let stat = rustix::fs::statvfs(&self.state_dir);
        stat.map_or(0, |stat| stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    /// Makes the writes durable, all or none. Fails only when that is not to be had.
    pub async fn commit(&self, writes: &[Write]) -> Result<(), StoreError> {
        let mut reports = Reports::Kept;
        for attempt in 1.. {
            match self.try_commit(writes, reports).await {
                Ok(()) => return Ok(()),
                // A report moves a progress bar; the step that it is about must go on.
                Err(StoreError::QueueFull { .. }) if reports == Reports::Kept => {
                    warn!("the outbox is full: a report of progress is left out");
                    reports = Reports::LeftOut;
                }
                Err(problem) if attempt < ATTEMPTS && may_pass(&problem) => {
                    warn!(%problem, attempt, "what is to be kept is not durable yet");
                    tokio::time::sleep(ATTEMPT_EVERY).await;
                }
                Err(problem) => return Err(problem),
            }
        }
        unreachable!("attempts are counted")
    }

    async fn try_commit(&self, writes: &[Write], reports: Reports) -> Result<(), StoreError> {
        let mut batch = Batch::new();
        let mut release = None;
        let mut empty = true;
        for write in writes {
            let left_out = reports == Reports::LeftOut;
            if let Write::Acknowledged { up_to } = write {
                release = Some(*up_to);
            } else if !(left_out && matches!(write, Write::Post(Post::Progress(_)))) {
                self.add(write, &mut batch);
                empty = false;
            }
        }
        if !empty {
            let (answer, outcome) = oneshot::channel();
            self.store.commit_then(batch, told(answer));
            outcome.await.unwrap_or(Err(StoreError::Closed))?;
        }
        if let Some(up_to) = release {
            let (answer, outcome) = oneshot::channel();
            self.store.release_up_to_then(up_to, told(answer));
            outcome.await.unwrap_or(Err(StoreError::Closed))?;
        }
        Ok(())
    }

    fn add(&self, write: &Write, batch: &mut Batch) {
        match write {
            Write::Put { place, value } => {
                batch.put(stores(place.shelf), &place.key[..], value.clone());
            }
            Write::Remove(place) => batch.remove(stores(place.shelf), &place.key[..]),
            Write::Post(post) => {
                let (class, body) = self.body(post);
                batch.push(class, codec::encode(&body));
            }
            Write::EnterEpoch(epoch) => batch.enter_epoch(*epoch),
            Write::SawOrder { seq } => batch.saw_order(*seq),
            Write::KeepOutside(record) => batch.keep_outside(record.clone()),
            Write::TakesOnWork => batch.takes_on_work(),
            // Taken out before: it removes what is in the store, and is not part of a batch.
            Write::Acknowledged { .. } => {}
        }
    }

    fn body(&self, post: &Post) -> (Class, Body) {
        match post {
            Post::Progress(progress) => (Class::Report, Body::Progress(progress.clone())),
            Post::Receipt(receipt) => {
                (Class::Receipt, Body::Receipt(self.identity.sign(receipt.clone())))
            }
            Post::Suspicion(suspicion) => (Class::Receipt, Body::Suspicion(suspicion.clone())),
            Post::Telemetry(telemetry) => (Class::Telemetry, Body::Telemetry(telemetry.clone())),
        }
    }

    /// Records of the outbox as they travel. None when the store does not answer: they are asked
    /// for again.
    pub async fn records(&self, sending: Sending) -> Vec<Record> {
        let Sending { epoch, after, most } = sending;
        let (answer, outcome) = oneshot::channel();
        let look = move |view: View<'_>| view.queued_after(after, most);
        self.store.read_then(look, move |seen| drop(answer.send(seen)));
        let entries = match outcome.await.unwrap_or(Err(StoreError::Closed)) {
            Ok(entries) => entries,
            Err(problem) => {
                warn!(%problem, "the outbox cannot be read");
                return Vec::new();
            }
        };
        let record = |entry: queue::Entry| {
            let queue::Entry { seq, previous, body, .. } = entry;
            match codec::decode(&body, STORE_VALUE_BYTES_MAX) {
                Ok(body) => Some(Record { epoch, seq, previous, body }),
                Err(problem) => {
                    error!(seq, %problem, "a record of the outbox cannot be read");
                    None
                }
            }
        };
        entries.into_iter().map_while(record).collect()
    }
}

/// Whether reports of progress are part of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reports {
    Kept,
    LeftOut,
}

fn told(
    answer: oneshot::Sender<Result<Committed, StoreError>>,
) -> impl FnOnce(Result<Committed, StoreError>) + Send + 'static {
    // Nobody waits for an answer after the loop has ended.
    |outcome| drop(answer.send(outcome))
}

/// Whether it may be otherwise in a while.
fn may_pass(problem: &StoreError) -> bool {
    match problem {
        StoreError::QueueFull { .. }
        | StoreError::DiskFull { .. }
        | StoreError::LowSpace { .. }
        | StoreError::Interrupted { .. }
        | StoreError::Busy => true,
        StoreError::Damaged { .. }
        | StoreError::TooLarge { .. }
        | StoreError::Stuck { .. }
        | StoreError::Closed => false,
    }
}

fn stores(shelf: Shelf) -> queue::Shelf {
    match shelf {
        Shelf::Facts => queue::Shelf::Facts,
        Shelf::Journal => queue::Shelf::Journal,
        Shelf::Ledger => queue::Shelf::Ledger,
    }
}

#[cfg(test)]
mod tests;
