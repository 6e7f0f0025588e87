//! How fast bytes of software leave for terminals: so many a second for all of them together, and
//! so many for those of one store. Pure.
//!
//! A download is a *stream*, of which one *piece* waits at a time. A piece goes at a moment at
//! which both limits have room for it, and uses up both only then: while a store is full, what it
//! cannot take is there for the others. Of the streams whose stores have room the one that has
//! waited longest goes first, so that each gets as much as any other.
//!
//! A limit is a bucket of tokens, kept as one moment like a campaign's rate (`campaign/rate.rs`):
//! that up to which it is used up. It may be ahead of the present by [`BURST`], or by one piece
//! where that takes longer.
//!
//! A terminal gives up a connection on which nothing comes. So no more streams are let in than can
//! each have a piece in time, and a store has no more of them than it leaves for the others.
//! Whoever is turned away is told a moment after those that were told before.
//!
//! Times are since some beginning, by a clock that only goes forward.

mod limit;

pub use limit::{Limit, Limits, NotALimit};

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use shared::id::TerminalId;

/// The largest piece, in bytes: what one TLS record holds, and four seconds of the lowest limit.
pub const PIECE_BYTES_MAX: u64 = 16 * 1024;

/// For how long a piece waits at most while its store's limit is used up, and again while that of
/// all is. A terminal gives up after 30 s without a byte; together this is half of that.
pub const PATIENCE: Duration = Duration::from_secs(7);

/// What goes at once after a pause. Timers are late by milliseconds: with less, a high limit would
/// not be reached.
const BURST: Duration = Duration::from_millis(250);

/// Terminals do not wait for longer than that, whatever they are told.
const AGAIN_AFTER_MAX: Duration = Duration::from_secs(3_600);

/// How often what is over is forgotten.
const FORGET_EVERY: Duration = Duration::from_secs(60);

/// A download that was let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StreamId(u64);

/// Who wants to download what.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    pub terminal: TerminalId,
    pub store: &'a str,
    /// Of its store, from now on.
    pub limit: Option<Limit>,
    pub bytes: u64,
}

/// More streams would each come too slowly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crowded {
    /// When there should be room, as far as it can be told; at most an hour.
    pub again_after: Duration,
}

/// What is to be done at some moment.
#[derive(Debug, PartialEq, Eq)]
pub enum Next<W> {
    /// The piece of whoever waits like this goes.
    Go(W),
    /// Nothing before then, unless somebody comes.
    At(Duration),
    Nobody,
}

/// All streams, and what they wait for. `W` is how whoever has one is told that its piece may go;
/// it is dropped when the stream is ended instead.
#[derive(Debug)]
pub struct Pacer<W> {
    whole: Bucket,
    stores: BTreeMap<Arc<str>, Store>,
    streams: BTreeMap<StreamId, Stream>,
    /// A terminal has one stream.
    of_terminals: BTreeMap<TerminalId, StreamId>,
    /// All that wait.
    pieces: BTreeMap<Turn, Piece<W>>,
    /// The first piece of each store that has to wait for the store's own limit, by when that is
    /// over.
    full: BTreeSet<(Duration, Turn)>,
    /// The first piece of each other store.
    ready: BTreeSet<Turn>,
    /// What was told to those who were turned away.
    told: BTreeMap<TerminalId, Duration>,
    /// Counts streams and turns.
    last: u64,
    forgotten_at: Duration,
}

/// The order in which pieces began to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Turn(u64);

#[derive(Debug)]
struct Stream {
    terminal: TerminalId,
    store: Arc<str>,
    /// Bytes that are still to come, if it goes to its end.
    left: u64,
    waits: Option<Turn>,
}

#[derive(Debug, Default)]
struct Store {
    bucket: Bucket,
    streams: BTreeSet<StreamId>,
    line: BTreeSet<Turn>,
    /// How its first piece stands among the full ones, or stood before it was ready.
    stands: Option<(Duration, Turn)>,
}

#[derive(Debug)]
struct Piece<W> {
    stream: StreamId,
    store: Arc<str>,
    bytes: u64,
    waiter: W,
}

#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    limit: Option<Limit>,
    used_until: Duration,
    /// What the last one who was turned away for this limit was told.
    told_until: Duration,
}

impl<W> Pacer<W> {
    /// With the limit of all stores together.
    pub fn new(whole: Option<Limit>) -> Self {
        Self {
            whole: Bucket { limit: whole, ..Bucket::default() },
            stores: BTreeMap::new(),
            streams: BTreeMap::new(),
            of_terminals: BTreeMap::new(),
            pieces: BTreeMap::new(),
            full: BTreeSet::new(),
            ready: BTreeSet::new(),
            told: BTreeMap::new(),
            last: 0,
            forgotten_at: Duration::ZERO,
        }
    }

    /// Streams that are let in.
    pub fn streams(&self) -> usize {
        self.streams.len()
    }

    /// Pieces that wait.
    pub fn waiting(&self) -> usize {
        self.pieces.len()
    }

    /// Lets a stream in. It takes the place of one that its terminal has: a terminal that comes
    /// again has lost its connection, whether anybody has noticed or not.
    pub fn join(&mut self, wish: Wish<'_>, now: Duration) -> Result<StreamId, Crowded> {
        self.forget(now);
        if let Some(before) = self.of_terminals.get(&wish.terminal) {
            self.leave(*before);
        }
        let store = self.keep_to(&wish);
        if let Some(crowded) = self.crowded(&wish, now) {
            return Err(crowded);
        }
        self.told.remove(&wish.terminal);
        self.last += 1;
        let id = StreamId(self.last);
        self.stores.entry(store.clone()).or_default().streams.insert(id);
        let Wish { terminal, bytes: left, .. } = wish;
        self.streams.insert(id, Stream { terminal, store, left, waits: None });
        self.of_terminals.insert(terminal, id);
        Ok(id)
    }

    /// From now on its store has this limit. Where it was higher, the newest streams may be too
    /// many.
    fn keep_to(&mut self, wish: &Wish<'_>) -> Arc<str> {
        let known = self.stores.get_key_value(wish.store).map(|(name, _)| name.clone());
        let name = known.unwrap_or_else(|| Arc::from(wish.store));
        let store = self.stores.entry(name.clone()).or_default();
        store.bucket.limit = wish.limit;
        let beyond = store.streams.iter().skip(streams_max(wish.limit)).copied();
        let beyond: Vec<_> = beyond.collect();
        beyond.into_iter().for_each(|stream| self.leave(stream));
        self.stand(&name);
        name
    }

    fn crowded(&mut self, wish: &Wish<'_>, now: Duration) -> Option<Crowded> {
        let store = self.stores.get_mut(wish.store)?;
        let own = store.streams.len();
        let free = streams_max(self.whole.limit).saturating_sub(self.streams.len());
        let by_store = own >= streams_max(wish.limit);
        if !by_store && own < free {
            return None;
        }
        // Somebody who does not wait moves nobody else's moment.
        let told = self.told.get(&wish.terminal).filter(|at| **at > now);
        if let Some(again_after) = told.and_then(|at| at.checked_sub(now)) {
            return Some(Crowded { again_after });
        }
        let sharing = self.streams.values().filter(|it| !by_store || *it.store == *wish.store);
        let (streams, left_min) =
            sharing.fold((0, u64::MAX), |(count, least), it| (count + 1, least.min(it.left)));
        let bucket = if by_store { &mut store.bucket } else { &mut self.whole };
        let again_after = bucket.turn_away(wish, left_min.saturating_mul(streams), now);
        self.told.insert(wish.terminal, now + again_after);
        Some(Crowded { again_after })
    }

    /// Ends a stream. What has gone has gone; what waits is given up, and was not used up.
    pub fn leave(&mut self, id: StreamId) {
        let Some(stream) = self.streams.remove(&id) else { return };
        self.of_terminals.remove(&stream.terminal);
        if let Some(store) = self.stores.get_mut(&stream.store) {
            store.streams.remove(&id);
        }
        self.give_up(stream.waits, &stream.store);
    }

    fn give_up(&mut self, waits: Option<Turn>, store: &Arc<str>) {
        if let Some(turn) = waits {
            self.pieces.remove(&turn);
            self.stores.entry(store.clone()).or_default().line.remove(&turn);
            self.stand(store);
        }
    }

    /// The next piece of a stream waits, of at most [`PIECE_BYTES_MAX`]. Of a stream that was ended
    /// nothing waits: the waiter is dropped.
    pub fn wait(&mut self, id: StreamId, bytes: u64, waiter: W) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        self.last += 1;
        let turn = Turn(self.last);
        let (before, store) = (stream.waits.replace(turn), stream.store.clone());
        self.give_up(before, &store);
        self.pieces.insert(turn, Piece { stream: id, store: store.clone(), bytes, waiter });
        self.stores.entry(store.clone()).or_default().line.insert(turn);
        self.stand(&store);
    }

    /// Whose piece may go at this moment, if anybody's.
    pub fn next(&mut self, now: Duration) -> Next<W> {
        while let Some((_, turn)) = self.full.first().filter(|(at, _)| *at <= now).copied() {
            self.full.pop_first();
            self.ready.insert(turn);
        }
        let longest = self.ready.first().map(|turn| self.pieces.entry(*turn));
        let Some(Entry::Occupied(longest)) = longest else {
            return self.full.first().map_or(Next::Nobody, |(at, _)| Next::At(*at));
        };
        // Nobody goes before it: else small pieces would keep a large one waiting for ever.
        let free_at = self.whole.free_at(longest.get().bytes);
        if free_at > now {
            return Next::At(free_at);
        }
        let (turn, Piece { stream, store: name, bytes, waiter }) = longest.remove_entry();
        self.whole.use_up(bytes, now);
        let store = self.stores.entry(name.clone()).or_default();
        store.bucket.use_up(bytes, now);
        store.line.remove(&turn);
        self.stand(&name);
        if let Some(stream) = self.streams.get_mut(&stream) {
            stream.waits = None;
            stream.left = stream.left.saturating_sub(bytes);
        }
        Next::Go(waiter)
    }

    /// Puts the first piece of a store where it belongs, after anything about the store has
    /// changed.
    fn stand(&mut self, name: &Arc<str>) {
        let Some(store) = self.stores.get_mut(name) else { return };
        if let Some(stands @ (_, turn)) = store.stands.take() {
            self.full.remove(&stands);
            self.ready.remove(&turn);
        }
        let first = store.line.first();
        let first = first.and_then(|turn| Some((*turn, self.pieces.get(turn)?.bytes)));
        if let Some((turn, bytes)) = first {
            let stands = (store.bucket.free_at(bytes), turn);
            store.stands = Some(stands);
            self.full.insert(stands);
        }
    }

    /// Stores for which nobody downloads and that owe nothing, and what was told and is over.
    fn forget(&mut self, now: Duration) {
        if now.saturating_sub(self.forgotten_at) < FORGET_EVERY {
            return;
        }
        self.forgotten_at = now;
        self.told.retain(|_, at| *at > now);
        self.stores.retain(|_, store| !store.streams.is_empty() || !store.bucket.is_idle(now));
    }
}

impl Bucket {
    /// From when on a piece may go.
    fn free_at(&self, bytes: u64) -> Duration {
        let Some(limit) = self.limit else { return Duration::ZERO };
        let used = self.used_until.saturating_add(limit.takes(bytes));
        used.saturating_sub(limit.ahead_max())
    }

    fn use_up(&mut self, bytes: u64, now: Duration) {
        if let Some(limit) = self.limit {
            self.used_until = self.used_until.max(now).saturating_add(limit.takes(bytes));
        }
    }

    fn is_idle(&self, now: Duration) -> bool {
        self.used_until <= now && self.told_until <= now
    }

    /// For how long whoever finds it full should stay away: until so many bytes have gone that
    /// there is room for one, and one after the other for those who were turned away before.
    fn turn_away(&mut self, wish: &Wish<'_>, until_room: u64, now: Duration) -> Duration {
        let Some(limit) = self.limit else { return Duration::ZERO };
        let room_at = now.saturating_add(limit.takes(until_room.max(PIECE_BYTES_MAX)));
        // Whoever was told a moment that is over has come, or does not come any more.
        let again_at = match self.told_until > now {
            true => room_at.max(self.told_until.saturating_add(limit.takes(wish.bytes))),
            false => room_at,
        };
        let again_after = again_at.saturating_sub(now);
        if again_after > AGAIN_AFTER_MAX {
            return late(wish.terminal);
        }
        self.told_until = again_at;
        again_after
    }
}

/// Beyond what can be told, ids spread those who come back over half an hour: their ends are
/// chance.
fn late(terminal: TerminalId) -> Duration {
    let half = AGAIN_AFTER_MAX / 2;
    let end = terminal.as_bytes().last_chunk::<8>().map_or(0, |end| u64::from_be_bytes(*end));
    half + Duration::from_secs(end % half.as_secs())
}

/// How many streams may share a limit. One always may: a piece takes less than [`PATIENCE`].
fn streams_max(limit: Option<Limit>) -> usize {
    limit.map_or(usize::MAX, |limit| {
        let bytes = u128::from(limit.bytes_per_s()) * u128::from(PATIENCE.as_secs());
        usize::try_from(bytes / u128::from(PIECE_BYTES_MAX)).unwrap_or(usize::MAX).max(1)
    })
}

#[cfg(test)]
mod tests;
