//! The thread that owns the database.
//!
//! Requests wait in a bounded channel. Each round takes what is waiting, writes all of its commits
//! as one, makes them durable with one barrier, and then answers. Nobody sees anything that is not
//! durable: the reads of a round are served after its barrier.

use std::collections::VecDeque;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError};

use crate::limits::STORE_BATCH_BYTES_MAX;

use super::batch::Batch;
use super::condition::{Condition, Reserve};
use super::draft::{Draft, Release};
use super::error::{DatabaseError, OpenError, StoreError};
use super::mark::{Found, Mark, MarkFiles};
use super::opening::{self, Loss, Ready};
use super::place::Place;
use super::view::View;
use super::{Committed, Options, Status};

/// Requests of one round, so that nobody waits behind an endless one.
const ROUND_REQUESTS_MAX: usize = 256;

/// What a release weighs in a group: its removals rewrite pages.
const RELEASE_WEIGHT: usize = STORE_BATCH_BYTES_MAX / 2;

/// Commits between two writings of the mark: bounds how many of them can be lost from the end of
/// a damaged database without notice, and costs a few barriers in a hundred.
const MARK_EVERY_COMMITS: u64 = 64;

pub(super) type Done = Box<dyn FnOnce(Result<Committed, StoreError>) + Send>;

/// Reads, answers its caller, and tells the owner if the database failed.
pub(super) type Look =
    Box<dyn FnOnce(Result<View<'_>, StoreError>) -> Result<(), Arc<DatabaseError>> + Send>;

pub(super) enum Request {
    Change { change: Change, done: Done },
    Read(Look),
}

pub(super) enum Change {
    Batch(Batch),
    ReleaseUpTo(u64),
}

impl Change {
    fn weight(&self) -> usize {
        match self {
            Self::Batch(batch) => batch.weight(),
            Self::ReleaseUpTo(_) => RELEASE_WEIGHT,
        }
    }
}

#[derive(Default)]
struct Round {
    changes: Vec<(Change, Done)>,
    reads: Vec<Look>,
}

pub(super) struct Owner {
    place: Place,
    marks: MarkFiles,
    options: Options,
    requests: Receiver<Request>,
    /// Taken from the channel, and too much for the round that took it.
    waiting: VecDeque<Request>,
    status: Arc<Mutex<Status>>,
    condition: Condition,
    reserve: Reserve,
    mark: Mark,
    /// The last commit that anybody was told of.
    acknowledged: u64,
}

impl Owner {
    pub(super) fn open(
        place: Place,
        options: Options,
        requests: Receiver<Request>,
        status: Arc<Mutex<Status>>,
    ) -> Result<(Self, Option<Loss>), OpenError> {
        let marks = MarkFiles::in_directory(place.directory(), options.barrier);
        let (ready, mark, loss) = opening::open(&place, &marks, &options)?;
        let reserve = Reserve::at_open(&place, options.now());
        let owner = Self {
            place,
            marks,
            options,
            requests,
            waiting: VecDeque::new(),
            status,
            acknowledged: ready.books.state.commits,
            condition: Condition::Ready(ready),
            reserve,
            mark,
        };
        owner.publish();
        Ok((owner, loss))
    }

    /// Serves until the last handle is gone.
    pub(super) fn run(mut self) {
        while let Some(first) = self.next() {
            let round = self.gather(first);
            self.recover();
            self.change(round.changes);
            for look in round.reads {
                self.read(look);
            }
        }
        if let Condition::Ready(ready) = &self.condition
            && let Err(error) = write_mark(&self.marks, &mut self.mark, ready)
        {
            tracing::warn!(%error, "the high-water mark was not brought up to date at the end");
        }
        // The lock of the place is given up last.
        drop(self.condition);
    }

    fn next(&mut self) -> Option<Request> {
        self.waiting.pop_front().or_else(|| self.requests.recv().ok())
    }

    /// What waits now, as far as it fits into one group.
    fn gather(&mut self, first: Request) -> Round {
        let mut round = Round::default();
        let mut weight = 0;
        let mut next = Some(first);
        for _ in 0..ROUND_REQUESTS_MAX {
            match next {
                Some(Request::Read(look)) => round.reads.push(look),
                Some(Request::Change { change, done }) => {
                    weight += change.weight();
                    if weight > STORE_BATCH_BYTES_MAX && !round.changes.is_empty() {
                        self.waiting.push_front(Request::Change { change, done });
                        return round;
                    }
                    round.changes.push((change, done));
                }
                None => return round,
            }
            next = self.waiting.pop_front().or_else(|| self.requests.try_recv().ok());
        }
        if let Some(request) = next {
            self.waiting.push_front(request);
        }
        round
    }

    fn change(&mut self, changes: Vec<(Change, Done)>) {
        if changes.is_empty() {
            return;
        }
        let Condition::Ready(ready) = &mut self.condition else {
            let error = self.condition.refusal(self.place.directory());
            changes.into_iter().for_each(|(_, done)| answer(done, Err(error.clone())));
            return;
        };
        let mut group = Group::default();
        let written =
            group.write(ready, changes, &self.options, &self.reserve, &self.place).and_then(|()| {
                if mark_is_due(&self.mark, ready) {
                    write_mark(&self.marks, &mut self.mark, ready)?;
                }
                Ok(ready.books.state.commits)
            });
        self.waiting.extend(group.unfinished);
        if let Ok(commit) = written {
            self.acknowledged = commit;
        }
        let outcome = written.map_err(|error| self.failed(Arc::new(error)));
        self.publish();
        for (seqs, done) in group.accepted {
            let committed = |commit| Committed { commit, seqs };
            answer(done, outcome.clone().map(committed));
        }
    }

    fn read(&mut self, look: Look) {
        let Condition::Ready(Ready { database, books }) = &self.condition else {
            let refusal = self.condition.refusal(self.place.directory());
            // Without a view there is nothing that could fail.
            drop(look(Err(refusal)));
            return;
        };
        let view = View { database, books };
        match catch_unwind(AssertUnwindSafe(|| look(Ok(view)))) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                self.failed(error);
                self.publish();
            }
            Err(_) => tracing::error!("a reader of the store panicked"),
        }
    }

    /// Drops the handle after an error, and says what to tell those who waited.
    fn failed(&mut self, error: Arc<DatabaseError>) -> StoreError {
        let refusal = StoreError::from_database(self.place.directory(), &error);
        tracing::error!(error = %refusal, cause = %error, "the store failed");
        let now = self.options.now();
        if matches!(*error, DatabaseError::NoSpace { .. }) {
            self.reserve.give_up(&self.place, now);
        }
        self.condition = Condition::after(error, now, &self.reserve);
        refusal
    }

    /// Opens again what failed, and fills the reserve again, when it is time to try.
    fn recover(&mut self) {
        let now = self.options.now();
        if let Some(retry) = self.condition.due(now) {
            let reopened = self.reopen();
            if matches!(reopened, Err(DatabaseError::NoSpace { .. })) {
                self.reserve.give_up(&self.place, now);
            }
            self.condition = Condition::reopened(reopened, retry, now);
            self.publish();
        }
        if self.reserve.try_again(&self.place, now) {
            self.publish();
        }
    }

    fn reopen(&mut self) -> Result<Ready, DatabaseError> {
        let mut ready = opening::open_database(&self.place, &self.options)?;
        if ready.books.state.commits < self.acknowledged {
            return Err(DatabaseError::damaged("it ends before commits that were acknowledged"));
        }
        opening::begin_block(&mut ready.books, Found::Mark(self.mark), false);
        write_mark(&self.marks, &mut self.mark, &ready)?;
        Ok(ready)
    }

    fn publish(&self) {
        let mut status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        status.health = self.condition.health(&self.reserve);
        if let Condition::Ready(Ready { books, .. }) = &self.condition {
            status.depth = books.depth();
            status.commits = books.state.commits;
            status.losses = books.state.losses;
            status.released_seq = books.state.released_seq;
            status.telemetry_dropped = books.state.telemetry_dropped;
            status.high_water = books.state.high_water;
            status.keepsake = books.state.keepsake;
        }
    }
}

/// The changes of one round that share a barrier.
#[derive(Default)]
struct Group {
    accepted: Vec<(Range<u64>, Done)>,
    /// Releases that need another group.
    unfinished: Vec<Request>,
}

impl Group {
    fn write(
        &mut self,
        ready: &mut Ready,
        changes: Vec<(Change, Done)>,
        options: &Options,
        reserve: &Reserve,
        place: &Place,
    ) -> Result<(), DatabaseError> {
        let Ready { database, books } = ready;
        let mut draft = Draft::new(books);
        let mut changes = changes.into_iter();
        for (change, done) in changes.by_ref() {
            match change {
                Change::Batch(batch) => {
                    let allowed = reserve.admit(&batch, place);
                    match allowed.and_then(|()| draft.add(batch, &options.bounds)) {
                        Ok(seqs) => self.accepted.push((seqs, done)),
                        Err(refused) => answer(done, Err(refused)),
                    }
                }
                Change::ReleaseUpTo(up_to) => match draft.release(database, up_to) {
                    Ok(Release::Complete) => self.accepted.push((0..0, done)),
                    Ok(Release::Partial) => {
                        self.unfinished.push(Request::Change { change, done });
                    }
                    Err(error) => {
                        self.accepted.push((0..0, done));
                        self.accepted.extend(changes.map(|(_, done)| (0..0, done)));
                        return Err(error);
                    }
                },
            }
        }
        match draft.into_rows(database)? {
            Some(rows) => database.commit(rows),
            None => Ok(()),
        }
    }
}

fn mark_is_due(mark: &Mark, ready: &Ready) -> bool {
    let state = &ready.books.state;
    state.high_water != mark.high_water
        || state.keepsake != mark.keepsake
        || state.reserved_seq != mark.queue_reserved
        || state.commits >= mark.commits + MARK_EVERY_COMMITS
}

fn write_mark(marks: &MarkFiles, mark: &mut Mark, ready: &Ready) -> Result<(), DatabaseError> {
    *mark = ready.books.state.mark();
    marks.write(mark).map_err(DatabaseError::from_io)
}

fn answer(done: Done, outcome: Result<Committed, StoreError>) {
    if catch_unwind(AssertUnwindSafe(|| done(outcome))).is_err() {
        tracing::error!("somebody who waited for the store panicked at its answer");
    }
}
