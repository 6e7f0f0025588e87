//! What the agent must remember about itself: one record each, replaced as a whole.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use shared::digest::Digest;
use shared::id::{BatchId, OrderId};
use shared::message::{LogHead, SignedBytes, Stands};
use shared::time::UnixTime;

use super::{decode, encode};
use crate::clock::TimeFloor;
use crate::decide::effect::{Place, Shelf, Write};
use crate::lease::Kept;
use crate::order::ReplayState;
use crate::roster::Trust;

/// Batches that were cancelled are remembered in this number, so that an order which arrives
/// after its cancellation is not begun.
const WITHDRAWN_MAX: usize = 64;

/// Suspicions that were told are remembered in this number: more than the places that they come
/// from, each of which repeats its newest.
const SUSPECTED_MAX: usize = 16;

/// Everything that is remembered.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    pub replay: Option<ReplayState>,
    pub time: Option<TimeFloor>,
    pub roster: Option<KeptRoster>,
    /// `host:port`.
    pub broker: Option<String>,
    /// By component: the counter below which nothing may be installed any more.
    pub counter_floors: BTreeMap<String, u64>,
    pub withdrawn: Withdrawn,
    pub suspected: Suspected,
    pub log: Option<LogHead>,
    pub lease: Option<Kept>,
}

/// What orders that people signed have made of the terminal. No record among the others: it is kept
/// beside the high-water mark, so that a till which stands still does so whatever is lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    #[default]
    InService,
    /// The till stands still since that order. Where it is not settled, people have accepted that
    /// it settles later, or nobody here knows whether it has.
    Suspended {
        by: OrderId,
        is_settled: bool,
        /// Of the snapshot that the order took, as its receipt says: a wipe names this one.
        manifest: Option<Digest>,
    },
    /// What it held is erased since that order; only its identity is left, until the controller has
    /// heard so.
    Erased { by: OrderId, at: UnixTime },
}

/// The newest roster, as it came, and the digest by which it was believed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeptRoster {
    pub digest: Digest,
    pub signed: SignedBytes,
}

/// Cancelled batches, the oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Withdrawn(Vec<(BatchId, String)>);

impl Withdrawn {
    /// Why the batch was cancelled, if it was.
    pub fn reason(&self, batch: BatchId) -> Option<&str> {
        self.0.iter().find(|(id, _)| *id == batch).map(|(_, reason)| reason.as_str())
    }

    pub fn add(&mut self, batch: BatchId, reason: &str) {
        if self.reason(batch).is_none() {
            self.0.push((batch, reason.to_owned()));
        }
        let surplus = self.0.len().saturating_sub(WITHDRAWN_MAX);
        self.0.drain(..surplus);
    }
}

/// When suspicions were raised that were told, the oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Suspected(Vec<UnixTime>);

impl Suspected {
    /// Whether it is a new one.
    pub fn add(&mut self, at: UnixTime) -> bool {
        let is_new = !self.0.contains(&at);
        if is_new {
            self.0.push(at);
            let surplus = self.0.len().saturating_sub(SUSPECTED_MAX);
            self.0.drain(..surplus);
        }
        is_new
    }
}

const REPLAY: &str = "replay";
const TIME: &str = "time";
const ROSTER: &str = "roster";
const BROKER: &str = "broker";
const COUNTER_FLOORS: &str = "counter-floors";
const WITHDRAWN: &str = "withdrawn";
const SUSPECTED: &str = "suspected";
const LOG: &str = "log";
const LEASE: &str = "lease";

pub fn replay(state: &ReplayState) -> Write {
    put(REPLAY, state)
}

pub fn time(floor: TimeFloor) -> Write {
    put(TIME, &floor)
}

pub fn roster(trust: &Trust) -> Write {
    let kept = KeptRoster { digest: trust.digest(), signed: trust.signed().clone() };
    put(ROSTER, &kept)
}

pub fn broker(address: &str) -> Write {
    put(BROKER, &address)
}

pub fn counter_floors(floors: &BTreeMap<String, u64>) -> Write {
    put(COUNTER_FLOORS, floors)
}

pub fn withdrawn(withdrawn: &Withdrawn) -> Write {
    put(WITHDRAWN, withdrawn)
}

pub fn suspected(suspected: &Suspected) -> Write {
    put(SUSPECTED, suspected)
}

pub fn log(head: LogHead) -> Write {
    put(LOG, &head)
}

pub fn standing(standing: Standing) -> Write {
    Write::KeepOutside(encode(&standing))
}

impl Standing {
    /// The same, where nobody knows any more whether what was settled and saved is all there is.
    pub fn unsettled(self) -> Self {
        match self {
            Self::Suspended { by, .. } => Self::Suspended { by, is_settled: false, manifest: None },
            Self::InService | Self::Erased { .. } => self,
        }
    }

    /// For a hello.
    pub fn told(self) -> Option<Stands> {
        match self {
            Self::InService => None,
            Self::Suspended { is_settled: true, .. } => Some(Stands::Suspended),
            Self::Suspended { is_settled: false, .. } => Some(Stands::SuspendedOwing),
            Self::Erased { .. } => Some(Stands::Erased),
        }
    }

    /// What was kept, if anything was and nothing has put it out of force; fails where this build
    /// cannot read it.
    pub fn read(kept: Option<&[u8]>) -> Result<Option<Self>, Unreadable> {
        let kept = kept.filter(|record| !record.is_empty());
        kept.map(|record| decode(record).ok_or(Unreadable)).transpose()
    }
}

/// A record that another build has written, or nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable;

pub fn lease(kept: &Kept) -> Write {
    put(LEASE, kept)
}

fn put<T: Serialize>(name: &str, record: &T) -> Write {
    let place = Place { shelf: Shelf::Facts, key: name.as_bytes().to_vec() };
    Write::Put { place, value: encode(record) }
}

impl Facts {
    /// The facts that these records are, and where those are that could not be read. Names that
    /// this build does not know are somebody else's and left alone.
    pub fn read<'a>(
        records: impl IntoIterator<Item = (&'a Place, &'a [u8])>,
    ) -> (Self, Vec<Place>) {
        let mut facts = Self::default();
        let mut unreadable = Vec::new();
        for (place, value) in records {
            let read = match std::str::from_utf8(&place.key) {
                Ok(REPLAY) => fill(&mut facts.replay, value),
                Ok(TIME) => fill(&mut facts.time, value),
                Ok(ROSTER) => fill(&mut facts.roster, value),
                Ok(BROKER) => fill(&mut facts.broker, value),
                Ok(COUNTER_FLOORS) => replace(&mut facts.counter_floors, value),
                Ok(WITHDRAWN) => replace(&mut facts.withdrawn, value),
                Ok(SUSPECTED) => replace(&mut facts.suspected, value),
                Ok(LOG) => fill(&mut facts.log, value),
                Ok(LEASE) => fill(&mut facts.lease, value),
                Ok(_) | Err(_) => true,
            };
            if !read {
                unreadable.push(place.clone());
            }
        }
        (facts, unreadable)
    }
}

fn fill<T: DeserializeOwned>(fact: &mut Option<T>, value: &[u8]) -> bool {
    *fact = decode(value);
    fact.is_some()
}

fn replace<T: DeserializeOwned>(fact: &mut T, value: &[u8]) -> bool {
    match decode(value) {
        Some(read) => *fact = read,
        None => return false,
    }
    true
}

#[cfg(test)]
mod tests {
    use shared::queue::KEEPSAKE_BYTES_MAX;

    use super::*;
    use crate::lease::Stage;

    fn batch(number: u8) -> BatchId {
        BatchId::from_bytes([number; 16])
    }

    #[test]
    fn facts_read_back_as_they_were_written() {
        let floors = BTreeMap::from([("pos".to_owned(), 7)]);
        let mut cancelled = Withdrawn::default();
        cancelled.add(batch(1), "wrong store");
        let mut doubted = Suspected::default();
        assert!(doubted.add(UnixTime(5)) && !doubted.add(UnixTime(5)));
        let used = Kept {
            used_s: 7,
            boot: Digest([1; 32]),
            uptime_s: 9,
            clock_at_contact: None,
            stage: Stage::Locking { since: UnixTime(5), used_s: 7 },
        };
        let writes = [
            replay(&ReplayState::from_high_water(4, 9)),
            broker("b:1"),
            counter_floors(&floors),
            withdrawn(&cancelled),
            suspected(&doubted),
            lease(&used),
        ];
        let records = writes.into_iter().filter_map(|write| match write {
            Write::Put { place, value } => Some((place, value)),
            Write::Remove(_)
            | Write::Post(_)
            | Write::Acknowledged { .. }
            | Write::EnterEpoch(_)
            | Write::SawOrder { .. }
            | Write::KeepOutside(_)
            | Write::TakesOnWork => None,
        });
        let records: Vec<_> = records.collect();
        let (facts, unreadable) = Facts::read(records.iter().map(|(p, v)| (p, v.as_slice())));
        assert_eq!(unreadable, []);
        assert_eq!(facts.replay.map(|state| (state.epoch(), state.highest())), Some((4, 9)));
        assert_eq!((facts.broker.as_deref(), facts.counter_floors), (Some("b:1"), floors));
        assert_eq!(facts.withdrawn.reason(batch(1)), Some("wrong store"));
        assert_eq!((facts.suspected, facts.lease), (doubted, Some(used)));
    }

    #[test]
    fn a_standing_reads_back_and_has_room_beside_the_mark() {
        let by = OrderId::from_bytes([0xff; 16]);
        let at = UnixTime(i64::MAX);
        for is in [
            Standing::InService,
            Standing::Suspended { by, is_settled: false, manifest: None },
            Standing::Suspended { by, is_settled: true, manifest: Some(Digest([0xff; 32])) },
            Standing::Erased { by, at },
        ] {
            let Write::KeepOutside(record) = standing(is) else { panic!("it is kept outside") };
            assert!(record.len() <= KEEPSAKE_BYTES_MAX, "{is:?}: {}", record.len());
            assert_eq!(Standing::read(Some(&record)), Ok(Some(is)));
            assert_eq!(Standing::read(Some(&record[1..])), Err(Unreadable));
        }
        assert_eq!(Standing::read(None), Ok(None));
        assert_eq!(Standing::read(Some(&[])), Ok(None));
    }

    #[test]
    fn the_oldest_cancellation_is_forgotten_first() {
        let mut withdrawn = Withdrawn::default();
        for number in 0..=64 {
            withdrawn.add(batch(number), "late");
            withdrawn.add(batch(number), "again");
        }
        assert_eq!(withdrawn.reason(batch(0)), None);
        assert_eq!(withdrawn.reason(batch(1)), Some("late"));
        assert_eq!(withdrawn.reason(batch(64)), Some("late"));
    }
}
