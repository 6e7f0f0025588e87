//! Takes in objects: who may store what, how much and how fast; durable in the first place, then
//! noted, then acknowledged.
//!
//! Killed between the two, an object is there and nobody knows: it is sent again, and noted then.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use shared::backup::{Kind, OBJECT_BYTES_MAX};
use shared::digest::Digest;
use shared::id::TerminalId;
use shared::time::UnixTime;
use tokio::time::Instant;

use super::{ObjectKey, Pace, PaceLimits, TooFast};
use crate::blob::{BlobError, Places, Upload};
use crate::registry::backup::{Admitted, NewObject, NotAdmitted};
use crate::registry::{Registry, RegistryError};

/// A repository's parameters and its sealed key are some hundred bytes each.
pub const SMALL_BYTES_MAX: u64 = 64 * 1024;

/// Why an object was not stored.
#[derive(Debug, thiserror::Error)]
pub enum NotTaken {
    #[error(transparent)]
    NotAdmitted(#[from] NotAdmitted),
    #[error("too much in one minute")]
    TooFast(TooFast),
    #[error(transparent)]
    Blob(#[from] BlobError),
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

/// The way in.
#[derive(Debug)]
pub struct Intake {
    registry: Arc<dyn Registry>,
    places: Places,
    terminal_bytes_max: u64,
    pace: Mutex<Pace>,
}

impl Intake {
    pub fn new(
        registry: Arc<dyn Registry>,
        places: Places,
        terminal_bytes_max: u64,
        pace: PaceLimits,
    ) -> Self {
        let pace = Mutex::new(Pace::new(pace, Instant::now()));
        Self { registry, places, terminal_bytes_max, pace }
    }

    /// Begins to take an object of so many bytes, as far as its sender says.
    pub async fn begin(
        &self,
        key: ObjectKey,
        announced: Option<u64>,
    ) -> Result<Incoming<'_>, NotTaken> {
        let bytes_max = match key.name.kind {
            Kind::Config | Kind::SealedKey => SMALL_BYTES_MAX,
            Kind::Data | Kind::Index | Kind::Snapshots => OBJECT_BYTES_MAX,
        };
        let bytes = announced.unwrap_or(bytes_max);
        if bytes > bytes_max {
            return Err(BlobError::TooLarge { what: key.to_string(), max: bytes_max }.into());
        }
        self.pace(key.terminal, bytes)?;
        let standing = self.registry.backup_standing(&key).await?;
        let into = match standing.admit(&key, bytes, self.terminal_bytes_max)? {
            Admitted::There => Into::Nowhere { hasher: Sha256::new(), bytes: 0 },
            Admitted::New if key.name.kind == Kind::Config => Into::Memory(Vec::new()),
            Admitted::New => Into::Place(self.places.first().upload(&key, bytes_max).await?),
        };
        Ok(Incoming { intake: self, key, bytes_max, into })
    }

    /// Whether a manifest may come now.
    pub fn admit_manifest(&self, of: TerminalId, bytes: u64) -> Result<(), NotTaken> {
        self.pace(of, bytes)
    }

    fn pace(&self, of: TerminalId, bytes: u64) -> Result<(), NotTaken> {
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        pace.admit(of, bytes, Instant::now()).map_err(NotTaken::TooFast)
    }

    /// Stores the parameters of a repository. What lies there already without being noted was
    /// sent before, by a request that was never answered: it is noted as it is.
    async fn create(&self, key: ObjectKey, bytes: Vec<u8>, at: UnixTime) -> Taken {
        let size = bytes.len() as u64;
        let got = Digest::of(&bytes);
        if got != key.name.sha256 {
            return Err(BlobError::OtherBytes { wanted: key.name.sha256, got }.into());
        }
        let place = self.places.first();
        if place.create(&key, Bytes::from(bytes)).await? {
            return self.note(key, size, at).await;
        }
        match (place.digest(&key).await?, place.size(&key).await?) {
            (Some(there), Some(size)) if there != got => {
                let mut lying = key;
                lying.name.sha256 = there;
                self.note(lying, size, at).await?;
                Err(NotAdmitted::Differs(key.name.kind).into())
            }
            (Some(_) | None, Some(_) | None) => self.note(key, size, at).await,
        }
    }

    async fn note(&self, key: ObjectKey, bytes: u64, at: UnixTime) -> Taken {
        let new = NewObject { key, bytes, at };
        Ok(self.registry.add_object(&new, self.terminal_bytes_max).await??)
    }
}

type Taken = Result<Admitted, NotTaken>;

/// An object on its way in. Dropped before its end, it leaves nothing behind.
#[derive(Debug)]
pub struct Incoming<'a> {
    intake: &'a Intake,
    key: ObjectKey,
    bytes_max: u64,
    into: Into,
}

#[derive(Debug)]
enum Into {
    Place(Upload),
    Memory(Vec<u8>),
    /// It is there: only whether these are its bytes is asked.
    Nowhere {
        hasher: Sha256,
        bytes: u64,
    },
}

impl Incoming<'_> {
    pub async fn write(&mut self, piece: Bytes) -> Result<(), BlobError> {
        let bytes = match &mut self.into {
            Into::Place(upload) => return upload.write(piece).await,
            Into::Memory(bytes) => {
                bytes.extend_from_slice(&piece);
                bytes.len() as u64
            }
            Into::Nowhere { hasher, bytes } => {
                hasher.update(&piece);
                *bytes += piece.len() as u64;
                *bytes
            }
        };
        match bytes > self.bytes_max {
            true => Err(BlobError::TooLarge { what: self.key.to_string(), max: self.bytes_max }),
            false => Ok(()),
        }
    }

    /// When this returns well, neither a power cut nor a kill can undo it.
    pub async fn finish(self, at: UnixTime) -> Taken {
        let Self { intake, key, into, .. } = self;
        match into {
            Into::Place(upload) => {
                let bytes = upload.finish().await?;
                intake.note(key, bytes, at).await
            }
            Into::Memory(bytes) => intake.create(key, bytes, at).await,
            Into::Nowhere { hasher, .. } => {
                match (key.name.sha256, Digest(hasher.finalize().into())) {
                    (wanted, got) if wanted == got => Ok(Admitted::There),
                    (wanted, got) => Err(BlobError::OtherBytes { wanted, got }.into()),
                }
            }
        }
    }
}
