//! What terminals said, durable here before it is in the registry: a local spool, never the only
//! copy of anything that was not acknowledged because of it.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use shared::codec;
use shared::id::TerminalId;
use shared::limits::{MESSAGE_BYTES_MAX, STORE_BATCH_BYTES_MAX};
use shared::message::{Body, Up};
use shared::queue::{Batch, Bounds, Class, OpenError, Options, Shelf, Store, StoreError};
use shared::time::UnixTime;
use tokio::sync::oneshot;

use super::cursor::Cursor;

/// One thing that a terminal said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Spooled {
    pub(super) terminal: TerminalId,
    /// When it was heard.
    pub(super) at: UnixTime,
    /// Of a record: everything of its epoch up to here is durable. Else 0.
    pub(super) up_to: u64,
    pub(super) said: Up,
}

/// A cursor as it is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    terminal: TerminalId,
    epoch: u32,
    up_to: u64,
}

/// What is around a message in the spool.
const SPOOLED_BYTES_MAX: usize = MESSAGE_BYTES_MAX + 256;

/// Why the spool did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum NotSpooled {
    #[error("the spool cannot be opened")]
    Open(#[source] OpenError),
    #[error("the spool could not keep what terminals said; they will say it again")]
    Keep(#[source] StoreError),
    #[error("the spool could not be read")]
    Read(#[source] StoreError),
    #[error("the spool's store ended without an answer")]
    NoAnswer,
}

/// The controller's queue between the wire and the registry.
#[derive(Clone, Debug)]
pub struct Spool {
    store: Store,
}

impl Spool {
    /// Opens the spool in this directory, and makes it if there is none. Blocks.
    pub fn open(directory: &Path) -> Result<Self, NotSpooled> {
        let begun = Instant::now();
        let options = Options::new(Bounds::CONTROLLER, move || begun.elapsed());
        let opened = Store::open(directory, options).map_err(NotSpooled::Open)?;
        // A loss is logged by the store. Terminals still have what was not acknowledged; what was
        // acknowledged and not applied shows as a gap in the registry, which raises an alarm.
        Ok(Self { store: opened.store })
    }

    /// What is waiting to be applied.
    pub fn depth(&self) -> u64 {
        self.store.status().depth.records
    }

    pub(super) async fn cursors(&self) -> Result<BTreeMap<TerminalId, Cursor>, NotSpooled> {
        let kept = self.read(|view| view.scan(Shelf::Facts, .., usize::MAX)).await?;
        let cursors = kept.into_iter().filter_map(|(_, value)| {
            let kept: Kept = codec::decode(&value, SPOOLED_BYTES_MAX).ok()?;
            Some((kept.terminal, Cursor::Known { epoch: kept.epoch, up_to: kept.up_to }))
        });
        Ok(cursors.collect())
    }

    /// Makes sayings and the cursors that go with them durable. After an error some of the
    /// sayings may be, the oldest first, and no cursor that is ahead of them.
    pub(super) async fn keep(
        &self,
        sayings: &[Spooled],
        cursors: &BTreeMap<TerminalId, Cursor>,
    ) -> Result<(), NotSpooled> {
        let mut batches = Batches::default();
        for saying in sayings {
            let bytes = codec::encode(saying);
            batches.with_room_for(bytes.len()).push(class(&saying.said), bytes);
        }
        for (terminal, cursor) in cursors {
            if let Cursor::Known { epoch, up_to } = *cursor {
                let kept = Kept { terminal: *terminal, epoch, up_to };
                let (key, bytes) = (terminal.to_string(), codec::encode(&kept));
                batches.with_room_for(bytes.len()).put(Shelf::Facts, key.as_str(), bytes);
            }
        }
        // One after another: a cursor must not be durable without what it speaks of.
        for batch in batches.0 {
            let (answer, outcome) = oneshot::channel();
            self.store.commit_then(batch, move |committed| drop(answer.send(committed)));
            let committed = outcome.await.map_err(|_| NotSpooled::NoAnswer)?;
            committed.map_err(NotSpooled::Keep)?;
        }
        Ok(())
    }

    /// At most `max` sayings, oldest first, and the number up to which they go. What cannot be
    /// read, because another build wrote it, is passed over.
    pub(super) async fn oldest(
        &self,
        max: usize,
    ) -> Result<Option<(Vec<Spooled>, u64)>, NotSpooled> {
        let entries = self.read(move |view| view.queued_after(0, max)).await?;
        let Some(last) = entries.last().map(|entry| entry.seq) else { return Ok(None) };
        let read = entries.iter().filter_map(|entry| {
            let saying = codec::decode(&entry.body, SPOOLED_BYTES_MAX);
            saying.inspect_err(|error| tracing::error!(seq = entry.seq, %error, "unreadable")).ok()
        });
        Ok(Some((read.collect(), last)))
    }

    /// Forgets what is in the registry.
    pub(super) async fn release(&self, up_to: u64) -> Result<(), NotSpooled> {
        let (answer, outcome) = oneshot::channel();
        self.store.release_up_to_then(up_to, move |released| drop(answer.send(released)));
        let released = outcome.await.map_err(|_| NotSpooled::NoAnswer)?;
        released.map(|_| ()).map_err(NotSpooled::Keep)
    }

    async fn read<T: Send + 'static>(
        &self,
        look: impl FnOnce(shared::queue::View<'_>) -> Result<T, shared::queue::DatabaseError>
        + Send
        + 'static,
    ) -> Result<T, NotSpooled> {
        let (answer, outcome) = oneshot::channel();
        self.store.read_then(look, move |seen| drop(answer.send(seen)));
        outcome.await.map_err(|_| NotSpooled::NoAnswer)?.map_err(NotSpooled::Read)
    }
}

/// As few batches as the store takes.
#[derive(Default)]
struct Batches(Vec<Batch>, usize);

impl Batches {
    fn with_room_for(&mut self, bytes: usize) -> &mut Batch {
        // The key, and what the store writes around a record.
        const AROUND: usize = 256;
        let Self(batches, room) = self;
        let weight = bytes + AROUND;
        if batches.is_empty() || weight > *room {
            batches.push(Batch::new());
            *room = STORE_BATCH_BYTES_MAX;
        }
        *room = room.saturating_sub(weight);
        batches.last_mut().expect("one was pushed if there was none")
    }
}

/// Hellos are said again; what was acknowledged must stay.
fn class(said: &Up) -> Class {
    match said {
        Up::Hello(_) | Up::Gone => Class::Telemetry,
        Up::Record(record) => match record.body {
            Body::Telemetry(_) | Body::Progress(_) => Class::Report,
            Body::Receipt(_) | Body::Suspicion(_) => Class::Receipt,
        },
    }
}
