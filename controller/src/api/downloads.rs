//! Software on its way to terminals: each piece waits for its moment ([`crate::pacing`]).
//!
//! Not here: what operators fetch, and what a terminal restores. A shop that waits for its data
//! does not sell, and neither is part of a rollout.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt as _, stream};
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::problem::{Code, Refusal};
use crate::blob::BlobError;
use crate::pacing::{Crowded, Limit, Limits, Next, PIECE_BYTES_MAX, Pacer, StreamId, Wish};
use crate::registry::terminal::Terminal;

/// Everything that terminals download at this moment.
#[derive(Clone, Debug)]
pub struct Downloads(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    limits: Limits,
    clock: Clock,
    pacer: Mutex<Pacer<oneshot::Sender<()>>>,
    /// There may be something to do earlier than it was.
    moved: Notify,
}

/// Why a body ends early.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    #[error(transparent)]
    Blob(#[from] BlobError),
    #[error("its terminal has begun another download, or its store has a lower limit since")]
    Ended,
}

impl Downloads {
    pub fn new(limits: Limits) -> Self {
        Self::by(Clock::Machine(Instant::now()), limits)
    }

    fn by(clock: Clock, limits: Limits) -> Self {
        let pacer = Mutex::new(Pacer::new(limits.whole));
        Self(Arc::new(Shared { limits, clock, pacer, moved: Notify::new() }))
    }

    /// Lets a download of so many bytes begin, where `own` is what is said of the terminal's store.
    /// `None` where nothing limits it.
    pub(super) fn begin(
        &self,
        terminal: &Terminal,
        own: Option<Limit>,
        bytes: u64,
    ) -> Result<Option<Place>, Crowded> {
        let limit = own.or(self.0.limits.of_each_store);
        if limit.or(self.0.limits.whole).is_none() {
            return Ok(None);
        }
        let wish = Wish { terminal: terminal.id, store: &terminal.store, limit, bytes };
        let stream = self.pacer().join(wish, self.0.clock.now())?;
        self.0.moved.notify_one();
        Ok(Some(Place { downloads: self.clone(), stream }))
    }

    /// Lets pieces go when their moments come, until everything should end.
    pub(super) async fn run(self, stop: CancellationToken) {
        loop {
            let next = self.let_go();
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = self.0.moved.notified() => {}
                () = self.0.clock.reaches(next) => {}
            }
        }
    }

    /// Lets go what may go now; gives when there will be more.
    fn let_go(&self) -> Option<Duration> {
        let mut pacer = self.pacer();
        let now = self.0.clock.now();
        loop {
            match pacer.next(now) {
                // Whoever has gone meanwhile has used it up all the same.
                Next::Go(waiter) => drop(waiter.send(())),
                Next::At(at) => return Some(at),
                Next::Nobody => return None,
            }
        }
    }

    fn pacer(&self) -> MutexGuard<'_, Pacer<oneshot::Sender<()>>> {
        self.0.pacer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One download that was let in, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    downloads: Downloads,
    stream: StreamId,
}

impl Place {
    /// The same bytes in pieces, each at its moment. The place is given up behind the last one.
    pub(super) fn paced(
        self,
        bytes: impl Stream<Item = Result<Bytes, BlobError>> + Send + 'static,
    ) -> impl Stream<Item = Result<Bytes, Broken>> + Send + 'static {
        let begin = (self, bytes.boxed(), Bytes::new());
        stream::try_unfold(begin, |(place, mut bytes, mut rest)| async move {
            while rest.is_empty() {
                match bytes.next().await {
                    Some(more) => rest = more?,
                    None => return Ok(None),
                }
            }
            let length_max = usize::try_from(PIECE_BYTES_MAX).unwrap_or(usize::MAX);
            let piece = rest.split_to(rest.len().min(length_max));
            place.turn(piece.len()).await?;
            Ok(Some((piece, (place, bytes, rest))))
        })
    }

    async fn turn(&self, bytes: usize) -> Result<(), Broken> {
        let (waiter, turn) = oneshot::channel();
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.downloads.pacer().wait(self.stream, bytes, waiter);
        if self.downloads.let_go().is_some() {
            self.downloads.0.moved.notify_one();
        }
        turn.await.map_err(|_| Broken::Ended)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.downloads.pacer().leave(self.stream);
    }
}

impl From<Crowded> for Refusal {
    fn from(crowded: Crowded) -> Self {
        let Crowded { again_after } = crowded;
        let detail = "as many terminals download as its store's limit, or that of all, lets in";
        Self::new(Code::Crowded, detail).again_after(again_after)
    }
}

/// Whose time it is.
#[derive(Debug)]
enum Clock {
    /// Since this moment.
    Machine(Instant),
    #[cfg(test)]
    Hand(tokio::sync::watch::Receiver<Duration>),
}

impl Clock {
    fn now(&self) -> Duration {
        match self {
            Self::Machine(begun) => begun.elapsed(),
            #[cfg(test)]
            Self::Hand(shown) => *shown.borrow(),
        }
    }

    async fn reaches(&self, at: Option<Duration>) {
        let Some(at) = at else { return std::future::pending().await };
        match self {
            Self::Machine(begun) => tokio::time::sleep_until(*begun + at).await,
            #[cfg(test)]
            Self::Hand(shown) => {
                let reached = shown.clone().wait_for(|now| *now >= at).await.is_ok();
                // Whoever had it in hand has let go: it stands still.
                if !reached {
                    std::future::pending().await
                }
            }
        }
    }
}

/// For tests: a time that moves when it is told to.
#[cfg(test)]
#[derive(Debug)]
pub(super) struct Hand {
    time: tokio::sync::watch::Sender<Duration>,
    downloads: Downloads,
}

#[cfg(test)]
impl Hand {
    /// When it returns, what may go by then has its turn.
    pub(super) fn advance(&self, by: Duration) {
        self.time.send_modify(|now| *now += by);
        self.downloads.let_go();
    }
}

#[cfg(test)]
impl Downloads {
    pub(super) fn by_hand(limits: Limits) -> (Self, Hand) {
        let (time, shown) = tokio::sync::watch::channel(Duration::ZERO);
        let downloads = Self::by(Clock::Hand(shown), limits);
        (downloads.clone(), Hand { time, downloads })
    }

    /// Streams that are let in, and pieces that wait.
    pub(super) fn counts(&self) -> (usize, usize) {
        let pacer = self.pacer();
        (pacer.streams(), pacer.waiting())
    }
}
