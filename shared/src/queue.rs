//! The offline store and queue that both sides keep.
//!
//! A [`Store`] holds records on a few [`Shelf`]s and one queue: the outbox of a terminal, the
//! spool of a controller between the wire and its registry. A [`Batch`] changes all of them at
//! once, and [`Store::commit`] returns when the change would survive a power cut.
//!
//! ```text
//! Store ── bounded channel ──► owner ── draft ── database ── `db` file, fsync (handles, any
//! thread)        │          └ books (who gets which number, who is dropped) └ mark: high-water
//! mark and keepsake in two files outside the database
//! ```
//!
//! **What is promised.** Nothing is acknowledged, or shown to a reader, before it is durable.
//! Nothing is returned that was not written. Sequence numbers of the queue rise and are never
//! given twice, also when the database was lost. Acknowledged telemetry may be dropped when the
//! queue is full, and is counted; reports and receipts never are. A damaged store never stops a
//! program from starting, and never looks like a new one: see [`Loss`].
//!
//! **Deliberately absent.** Meaning: keys and values are bytes, [`crate::codec`] makes them.
//! Secrets: removed values stay in the files for long, so seal them before they come here. A
//! clock, and tokio: callers bring the one and wrap [`Store::commit_then`] for the other. Only
//! `database` knows which database this is.

mod batch;
mod books;
mod condition;
mod database;
mod draft;
mod error;
mod keepsake;
mod mark;
mod opening;
mod options;
mod owner;
mod place;
mod record;
mod view;

#[cfg(test)]
mod tests;

use std::ops::{Range, RangeBounds};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

pub use batch::{Batch, Class, Key, Shelf};
pub use error::{DatabaseError, OpenError, StoreError};
pub use keepsake::{KEEPSAKE_BYTES_MAX, Keepsake};
pub use mark::HighWater;
pub use opening::Loss;
pub use options::{Bounds, Options};
pub use view::View;

use owner::{Change, Done, Owner, Request};
use place::Place;

/// Requests that may wait for the store. More than a round takes, so that the next round is full.
const REQUESTS_MAX: usize = 1024;

/// Worn flash can pause for seconds; after this long something hangs.
const ANSWER_PATIENCE: Duration = Duration::from_secs(60);

/// Opening reads everything.
const OPEN_PATIENCE: Duration = Duration::from_secs(180);

/// A store, and what it has to confess.
#[derive(Debug)]
pub struct Opened {
    pub store: Store,
    pub loss: Option<Loss>,
}

/// What a commit brought about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The number of the group; commits that shared a barrier have the same one.
    pub commit: u64,
    /// The sequence numbers of the batch's pushes, in their order.
    pub seqs: Range<u64>,
}

/// An entry of the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub seq: u64,
    /// The entry before this one that is still in the queue, or else the last one that was
    /// released. A reader that has everything up to there has missed nothing.
    pub previous: u64,
    pub class: Class,
    pub body: Vec<u8>,
}

/// How much the queue holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    pub records: u64,
    /// Of the bodies.
    pub bytes: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Health {
    #[default]
    Ready,
    /// The disk is full and its reserve is in use: new work and telemetry are refused.
    LowSpace,
    /// The last write failed; the store opens again by itself when it is asked.
    Interrupted,
    /// Nothing works before the program has been restarted.
    Damaged,
}

/// How the store stood after its last commit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    pub health: Health,
    pub depth: Depth,
    /// Telemetry that was dropped to make room, ever.
    pub telemetry_dropped: u64,
    /// Everything up to here was released.
    pub released_seq: u64,
    pub high_water: HighWater,
    /// See [`Batch::keep_outside`].
    pub keepsake: Keepsake,
    /// Groups that became durable, ever.
    pub commits: u64,
    /// How often something was lost, ever: see [`Loss`].
    pub losses: u64,
}

/// A handle on the store; clones share it. The store closes with the last one.
#[derive(Clone, Debug)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    directory: PathBuf,
    requests: Option<SyncSender<Request>>,
    thread: Option<JoinHandle<()>>,
    status: Arc<Mutex<Status>>,
    /// The thread did not answer: nobody waits for its end.
    stuck: AtomicBool,
}

impl Store {
    /// Opens the store in this directory, and makes it if there is none. Blocks while everything
    /// in it is read and proved.
    pub fn open(directory: &Path, options: Options) -> Result<Opened, OpenError> {
        let place = Place::take(directory, options.disk_reserve_bytes)?;
        let (requests, waiting) = sync_channel(REQUESTS_MAX);
        let (opened, outcome) = sync_channel(1);
        let status = Arc::new(Mutex::new(Status::default()));
        let shared_status = Arc::clone(&status);
        let serve = move || match Owner::open(place, options, waiting, shared_status) {
            Ok((owner, loss)) => {
                if opened.send(Ok(loss)).is_ok() {
                    owner.run();
                }
            }
            // Whoever opened it has given up waiting if nobody receives this.
            Err(error) => drop(opened.send(Err(error))),
        };
        let thread = thread::Builder::new()
            .name("store".to_owned())
            .spawn(serve)
            .map_err(|source| OpenError::Thread { path: directory.to_owned(), source })?;
        let loss = outcome.recv_timeout(OPEN_PATIENCE).map_err(|_| OpenError::Stuck {
            path: directory.to_owned(),
            waited_s: OPEN_PATIENCE.as_secs(),
        })??;
        if let Some(loss) = &loss {
            tracing::error!(store = %directory.display(), %loss, "acknowledged data was lost");
        }
        let inner = Inner {
            directory: directory.to_owned(),
            requests: Some(requests),
            thread: Some(thread),
            status,
            stuck: AtomicBool::new(false),
        };
        Ok(Opened { store: Self { inner: Arc::new(inner) }, loss })
    }

    /// Returns when the batch is durable.
    pub fn commit(&self, batch: Batch) -> Result<Committed, StoreError> {
        self.change(Change::Batch(batch))
    }

    /// Calls `done` when the batch is durable or refused; at once, with [`StoreError::Busy`], if
    /// too many requests wait. `done` runs on the thread of the store: it hands the outcome on and
    /// must not wait for anything, least of all for this store.
    pub fn commit_then(
        &self,
        batch: Batch,
        done: impl FnOnce(Result<Committed, StoreError>) + Send + 'static,
    ) {
        self.change_then(Change::Batch(batch), Box::new(done));
    }

    /// Removes the entries up to and including `seq` from the queue: the other side has them.
    pub fn release_up_to(&self, seq: u64) -> Result<Committed, StoreError> {
        self.change(Change::ReleaseUpTo(seq))
    }

    /// As [`Store::release_up_to`], with an answer as from [`Store::commit_then`].
    pub fn release_up_to_then(
        &self,
        seq: u64,
        done: impl FnOnce(Result<Committed, StoreError>) + Send + 'static,
    ) {
        self.change_then(Change::ReleaseUpTo(seq), Box::new(done));
    }

    /// Looks at several things in the same state of the store. `look` runs on the thread of the
    /// store, between two commits.
    pub fn read<T: Send + 'static>(
        &self,
        look: impl FnOnce(View<'_>) -> Result<T, DatabaseError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, outcome) = sync_channel(1);
        self.submit(self.reading(look, move |seen| drop(answer.send(seen))))?;
        self.wait(&outcome)
    }

    /// As [`Store::read`], with an answer as from [`Store::commit_then`].
    pub fn read_then<T: 'static>(
        &self,
        look: impl FnOnce(View<'_>) -> Result<T, DatabaseError> + Send + 'static,
        done: impl FnOnce(Result<T, StoreError>) + Send + 'static,
    ) {
        self.submit_or_refuse(self.reading(look, done));
    }

    pub fn get(&self, shelf: Shelf, key: impl Into<Key>) -> Result<Option<Vec<u8>>, StoreError> {
        let key = key.into();
        self.read(move |view| view.get(shelf, key))
    }

    /// At most `max` records of a range of keys, in key order.
    pub fn scan(
        &self,
        shelf: Shelf,
        range: impl RangeBounds<Key> + Send + 'static,
        max: usize,
    ) -> Result<Vec<(Key, Vec<u8>)>, StoreError> {
        self.read(move |view| view.scan(shelf, range, max))
    }

    /// At most `max` entries of the queue after this sequence number, oldest first.
    pub fn queued_after(&self, seq: u64, max: usize) -> Result<Vec<Entry>, StoreError> {
        self.read(move |view| view.queued_after(seq, max))
    }

    /// How the store stood after its last commit. Does not wait.
    pub fn status(&self) -> Status {
        *self.inner.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn directory(&self) -> &Path {
        &self.inner.directory
    }

    fn change(&self, change: Change) -> Result<Committed, StoreError> {
        let (answer, outcome) = sync_channel(1);
        let done: Done = Box::new(move |committed| drop(answer.send(committed)));
        self.submit(Request::Change { change, done })?;
        self.wait(&outcome)
    }

    fn change_then(&self, change: Change, done: Done) {
        self.submit_or_refuse(Request::Change { change, done });
    }

    fn reading<T: 'static>(
        &self,
        look: impl FnOnce(View<'_>) -> Result<T, DatabaseError> + Send + 'static,
        done: impl FnOnce(Result<T, StoreError>) + Send + 'static,
    ) -> Request {
        let directory = self.inner.directory.clone();
        Request::Read(Box::new(move |view| match view.map(look) {
            Ok(Ok(seen)) => {
                done(Ok(seen));
                Ok(())
            }
            Ok(Err(error)) => {
                let error = Arc::new(error);
                done(Err(StoreError::from_database(&directory, &error)));
                Err(error)
            }
            Err(refused) => {
                done(Err(refused));
                Ok(())
            }
        }))
    }

    /// Waits for a place in the channel.
    #[expect(
        clippy::disallowed_methods,
        reason = "the standard channel cannot wait for a place and give up"
    )]
    fn submit(&self, mut request: Request) -> Result<(), StoreError> {
        const STEP: Duration = Duration::from_millis(1);
        let mut waited = Duration::ZERO;
        while waited < ANSWER_PATIENCE {
            match self.sender().try_send(request) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Disconnected(_)) => return Err(StoreError::Closed),
                Err(TrySendError::Full(back)) => request = back,
            }
            thread::sleep(STEP);
            waited += STEP;
        }
        Err(self.stuck())
    }

    fn submit_or_refuse(&self, request: Request) {
        let (request, refusal) = match self.sender().try_send(request) {
            Ok(()) => return,
            Err(TrySendError::Full(request)) => (request, StoreError::Busy),
            Err(TrySendError::Disconnected(request)) => (request, StoreError::Closed),
        };
        match request {
            Request::Change { done, .. } => done(Err(refusal)),
            // A reader without a view only hands the refusal on.
            Request::Read(look) => drop(look(Err(refusal))),
        }
    }

    fn wait<T>(&self, outcome: &Receiver<Result<T, StoreError>>) -> Result<T, StoreError> {
        match outcome.recv_timeout(ANSWER_PATIENCE) {
            Ok(outcome) => outcome,
            Err(RecvTimeoutError::Timeout) => Err(self.stuck()),
            Err(RecvTimeoutError::Disconnected) => Err(StoreError::Closed),
        }
    }

    fn stuck(&self) -> StoreError {
        self.inner.stuck.store(true, Ordering::Relaxed);
        StoreError::Stuck { waited_s: ANSWER_PATIENCE.as_secs() }
    }

    fn sender(&self) -> &SyncSender<Request> {
        self.inner.requests.as_ref().expect("a store has its channel until it is dropped")
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        drop(self.requests.take());
        let Some(thread) = self.thread.take() else { return };
        let from_within = thread.thread().id() == thread::current().id();
        if !from_within && !self.stuck.load(Ordering::Relaxed) && thread.join().is_err() {
            tracing::error!(store = %self.directory.display(), "the thread of the store panicked");
        }
    }
}
