//! Whether a place is there: looked up before anything is written into it, and before anything is
//! concluded from what it lacks.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt as _;
use object_store::path::Path;
use shared::durable::{self, Readers};
use shared::id::{FleetId, PlaceId};
use shared::time::UnixTime;
use tracing::{error, info};

use super::marker::{self, Absent, Found, MARKER, Marker, Record, Verdict, judge};
use super::{BlobError, Item, Place};
use crate::config::PlaceUrl;

/// A marker has some hundred bytes.
const MARKER_BYTES_MAX: usize = 16 * 1024;

/// A place that takes longer to show its marker does not answer: a server that hangs must not hold
/// up whoever asks.
const MARKER_WITHIN: Duration = Duration::from_secs(75);

/// A new place is looked at three times: it is marked, remembered, and there. One that shows
/// nothing of what was written into it is none.
const LOOKS_MAX: usize = 4;

static REMEMBERING: Mutex<()> = Mutex::new(());

/// Which places this fleet has, in a directory beside the controller's other data.
#[derive(Clone, Debug)]
pub struct Memory {
    pub fleet: FleetId,
    pub directory: PathBuf,
}

/// A place that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ready {
    /// When it took the place of another one: what was stored before may not be in it yet.
    pub adopted_at: Option<UnixTime>,
}

/// Why a place is not there.
#[derive(Debug, thiserror::Error)]
pub enum NotThere {
    #[error(transparent)]
    Absent(#[from] Absent),
    #[error("it does not answer")]
    Unanswered(#[source] Box<BlobError>),
    #[error("it did not show its marker within {} s", .0.as_secs())]
    TooSlow(Duration),
    #[error("what is remembered of it in {} cannot be used: {why}", path.display())]
    Forgotten { path: PathBuf, why: String },
}

impl NotThere {
    /// What to do, in the imperative.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Absent(absent) => absent.hint(),
            Self::Unanswered(_) | Self::TooSlow(_) => {
                "see why it does not answer: its disk, its server, its credentials"
            }
            Self::Forgotten { .. } => {
                "put the file back from the controller's backup, or remove it if the place is the \
                 right one: then its marker is believed"
            }
        }
    }
}

/// How a place was when it was last looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    /// Nobody looked yet.
    #[default]
    Unknown,
    There,
    NotThere {
        why: String,
        hint: &'static str,
    },
}

impl fmt::Display for Standing {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => out.write_str("unknown"),
            Self::There => out.write_str("there"),
            Self::NotThere { why, .. } => write!(out, "not there: {why}"),
        }
    }
}

impl Memory {
    fn path(&self, place: &str) -> PathBuf {
        self.directory.join(format!("{place}.json"))
    }

    fn recall(&self, place: &str) -> Result<Option<Record>, NotThere> {
        let path = self.path(place);
        let forgotten = |why: String| NotThere::Forgotten { path: path.clone(), why };
        match std::fs::read(&path) {
            Ok(bytes) => match Record::from_json(&bytes) {
                Some(record) => Ok(Some(record)),
                None => Err(forgotten("it is damaged".to_owned())),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(forgotten(error.to_string())),
        }
    }

    /// When this returns, a power cut cannot undo it. Several who look at once may all have found
    /// the same marker: one after another writes it down.
    fn remember(&self, record: &Record) -> Result<(), NotThere> {
        let _one = REMEMBERING.lock().unwrap_or_else(PoisonError::into_inner);
        let path = self.path(&record.marker.place);
        std::fs::create_dir_all(&self.directory)
            .and_then(|()| durable::sync_directory(durable::parent_of(&self.directory)))
            .map_err(|error| error.to_string())
            .and_then(|()| {
                let written = durable::replace_file(&path, &record.to_json(), Readers::Anyone);
                written.map_err(|error| format!("{error}: {}", error.source))
            })
            .map_err(|why| NotThere::Forgotten { path: path.clone(), why })
    }
}

impl Place {
    /// Looks whether the place is there, and marks it when it is used for the first time.
    pub async fn ready(&self) -> Result<Ready, BlobError> {
        let looked = tokio::time::timeout(MARKER_WITHIN, self.look()).await;
        let looked = looked.unwrap_or(Err(NotThere::TooSlow(MARKER_WITHIN)));
        self.note(&looked);
        looked.map_err(|source| BlobError::NotThere { place: self.name.clone(), source })
    }

    /// Says it once, when it changes.
    fn note(&self, looked: &Result<Ready, NotThere>) {
        let now = match looked {
            Ok(_) => Standing::There,
            Err(error) => Standing::NotThere { why: chain(error), hint: error.hint() },
        };
        let was = std::mem::replace(&mut *self.standing(), now.clone());
        let (place, url) = (self.name.as_str(), &self.url);
        match (was, now) {
            (Standing::There, Standing::There) => {}
            (Standing::Unknown | Standing::NotThere { .. }, Standing::There) => {
                info!(place, %url, "a place of backups is there");
            }
            (Standing::NotThere { why: was, .. }, Standing::NotThere { why, .. }) if was == why => {
            }
            (_, Standing::NotThere { why, hint }) => {
                error!(place, %url, why, hint, "a place of backups is NOT THERE");
            }
            (_, Standing::Unknown) => {}
        }
    }

    async fn look(&self) -> Result<Ready, NotThere> {
        for _ in 0..LOOKS_MAX {
            let remembered = self.memory.recall(&self.name)?;
            let adopted_at = remembered.as_ref().and_then(|record| record.adopted_at);
            let id = remembered.map(|record| record.marker.id);
            match judge(&self.name, self.memory.fleet, id, self.find().await?) {
                Verdict::There => return Ok(Ready { adopted_at }),
                Verdict::Remember(marker) => {
                    info!(%marker, "a place that was marked before is used again");
                    self.memory.remember(&Record { marker, adopted_at: None })?;
                }
                Verdict::Begin => {
                    let names = self.names().await?;
                    if let Some(strange) = marker::stranger(names) {
                        return Err(Absent::Strange(strange).into());
                    }
                    self.mark().await?;
                }
                Verdict::Absent(absent) => return Err(absent.into()),
            }
        }
        Err(Absent::NoMarker.into())
    }

    /// An operator says that what is there now is this place: it is marked if it is not, and
    /// remembered. What is marked as another place is not taken over.
    pub async fn adopt(&self, at: UnixTime) -> Result<PlaceId, BlobError> {
        let adopted = async {
            self.make_directory()?;
            if self.find().await? == Found::Nothing {
                self.mark().await?;
            }
            let marker = match self.find().await? {
                Found::Marker(marker) => marker,
                Found::Nothing => return Err(Absent::NoMarker.into()),
                Found::Damaged => {
                    let marker = self.new_marker();
                    let bytes = Bytes::from(marker.to_json());
                    let store = self.store().map_err(unanswered)?;
                    store.replace(&self.marker(), bytes).await.map_err(unanswered)?;
                    marker
                }
            };
            match judge(&self.name, self.memory.fleet, None, Found::Marker(marker)) {
                Verdict::Remember(marker) => {
                    let id = marker.id;
                    self.memory.remember(&Record { marker, adopted_at: Some(at) })?;
                    Ok(id)
                }
                Verdict::Absent(absent) => Err(NotThere::from(absent)),
                Verdict::There | Verdict::Begin => Err(Absent::NoMarker.into()),
            }
        };
        let adopted: Result<PlaceId, NotThere> = adopted.await;
        adopted.map_err(|source| BlobError::NotThere { place: self.name.clone(), source })
    }

    fn marker(&self) -> Item {
        let what = format!("the marker of place `{}`", self.name);
        Item { what, path: Path::from(MARKER) }
    }

    fn new_marker(&self) -> Marker {
        let (place, fleet) = (self.name.clone(), self.memory.fleet);
        Marker { place, fleet, id: PlaceId::generate() }
    }

    /// Where two do it at the same time, the first marker stays, and the next look finds it.
    async fn mark(&self) -> Result<(), NotThere> {
        self.make_directory()?;
        let bytes = Bytes::from(self.new_marker().to_json());
        let store = self.store().map_err(unanswered)?;
        store.create(&self.marker(), bytes).await.map(drop).map_err(unanswered)
    }

    async fn find(&self) -> Result<Found, NotThere> {
        let store = match self.store() {
            Ok(store) => store,
            Err(BlobError::Open { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                return Ok(Found::Nothing);
            }
            Err(error) => return Err(unanswered(error)),
        };
        let pieces = store.read_all(&self.marker()).await.map_err(unanswered)?;
        let Some(pieces) = pieces else { return Ok(Found::Nothing) };
        let mut pieces = std::pin::pin!(pieces);
        let mut bytes = Vec::new();
        while let Some(piece) = pieces.try_next().await.map_err(unanswered)? {
            bytes.extend_from_slice(&piece);
            if bytes.len() > MARKER_BYTES_MAX {
                return Ok(Found::Damaged);
            }
        }
        Ok(Marker::from_json(&bytes).map_or(Found::Damaged, Found::Marker))
    }

    /// What lies at the top of a place that is not marked.
    async fn names(&self) -> Result<Vec<String>, NotThere> {
        match self.store() {
            Ok(store) => store.names(&self.marker()).await.map_err(unanswered),
            Err(BlobError::Open { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Ok(Vec::new())
            }
            Err(error) => Err(unanswered(error)),
        }
    }

    /// Only for a place that is about to be marked: one that is gone is not made again.
    fn make_directory(&self) -> Result<(), NotThere> {
        match &self.url {
            PlaceUrl::Directory(path) => std::fs::create_dir_all(path)
                .map_err(|source| unanswered(BlobError::Open { path: path.clone(), source })),
            PlaceUrl::S3(_) => Ok(()),
        }
    }
}

fn unanswered(error: BlobError) -> NotThere {
    NotThere::Unanswered(Box::new(error))
}

/// An error and its causes as one sentence.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // Some libraries repeat their cause.
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests;
