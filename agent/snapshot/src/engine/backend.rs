//! The library's view of a [`Place`]: one repository, create-only.

use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use rustic_core::{
    BytesList, ErrorKind, FileType, Id, ReadBackend, RusticError, RusticResult, WriteBackend,
};
use shared::backup::{Kind, ObjectName};
use shared::digest::Digest;
use shared::id::RepositoryId;

use super::EngineError;
use crate::place::{Place, PlaceError};

/// Asked before a snapshot is written: whether everything that it is to hold was saved.
#[derive(Clone)]
pub struct Sound(std::sync::Arc<dyn Fn() -> bool + Send + Sync>);

impl Sound {
    pub fn when(is_sound: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self(std::sync::Arc::new(is_sound))
    }
}

impl fmt::Debug for Sound {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(if (self.0)() { "sound" } else { "not sound" })
    }
}

#[derive(Debug)]
pub(super) struct Backend {
    place: std::sync::Arc<dyn Place>,
    repository: RepositoryId,
    sent: AtomicU64,
    /// The first failure of the place: the library tells of it in its own words only.
    failure: Mutex<Option<PlaceError>>,
    removal_asked: AtomicBool,
    sound: Mutex<Option<Sound>>,
    /// The packs that were read last, whole; `None` while only parts are read.
    packs: Mutex<Option<VecDeque<(Id, Bytes)>>>,
}

/// Files that lie together on the till lie together in packs: few are in use at one time.
const PACKS_KEPT: usize = 3;

impl Backend {
    pub(super) fn new(place: std::sync::Arc<dyn Place>, repository: RepositoryId) -> Self {
        Self {
            place,
            repository,
            sent: AtomicU64::new(0),
            failure: Mutex::new(None),
            removal_asked: AtomicBool::new(false),
            sound: Mutex::new(None),
            packs: Mutex::new(None),
        }
    }

    /// From now on packs are read whole, since most of each will be asked for.
    pub(super) fn read_whole_packs(&self) {
        *self.packs.lock().unwrap_or_else(PoisonError::into_inner) = Some(VecDeque::new());
    }

    /// A part of a pack that was read whole. `None` where only parts are read, and where the pack
    /// as a whole is damaged: the part may not be.
    fn part(&self, id: &Id, range: &Range<usize>) -> RusticResult<Option<Bytes>> {
        let mut packs = self.packs.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(packs) = packs.as_mut() else { return Ok(None) };
        let place = packs.iter().position(|(kept, _)| kept == id);
        if place.is_none() {
            let name = ObjectName { kind: Kind::Data, sha256: digest_of(id) };
            let pack = match self.place.get(self.repository, name, None) {
                Err(PlaceError::Damaged { .. }) => return Ok(None),
                pack => self.told(pack)?,
            };
            packs.truncate(PACKS_KEPT - 1);
            packs.push_front((*id, pack.into()));
        }
        let (_, pack) = &packs[place.unwrap_or(0)];
        let range = range.start.min(pack.len())..range.end.min(pack.len());
        Ok(Some(pack.slice(range)))
    }

    pub(super) fn bytes_sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    pub(super) fn ask_before_snapshot(&self, sound: Sound) {
        *self.sound.lock().unwrap_or_else(PoisonError::into_inner) = Some(sound);
    }

    /// What stands behind an error of the library.
    pub(super) fn judge(&self, what: &'static str, error: &RusticError) -> EngineError {
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner).take();
        match failure {
            Some(failure) => EngineError::Place(failure),
            None if self.removal_asked.load(Ordering::Relaxed) => EngineError::PacksMissing,
            None => EngineError::Library { what, why: error.display_log() },
        }
    }

    fn told<T>(&self, result: Result<T, PlaceError>) -> RusticResult<T> {
        result.map_err(|failure| {
            let error = refusal(failure.to_string());
            let mut first = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
            first.get_or_insert(failure);
            error
        })
    }

    fn name(&self, file: FileType, id: &Id) -> RusticResult<ObjectName> {
        let kind = kind_of(file).ok_or_else(|| refusal("there are no key files".to_owned()))?;
        Ok(ObjectName { kind, sha256: digest_of(id) })
    }
}

fn refusal(why: String) -> Box<RusticError> {
    RusticError::new(ErrorKind::Backend, why)
}

fn kind_of(file: FileType) -> Option<Kind> {
    match file {
        FileType::Config => Some(Kind::Config),
        FileType::Index => Some(Kind::Index),
        FileType::Snapshot => Some(Kind::Snapshots),
        FileType::Pack => Some(Kind::Data),
        FileType::Key => None,
    }
}

fn digest_of(id: &Id) -> Digest {
    id.to_hex().as_str().parse().expect("an id is 64 hexadecimal digits")
}

impl ReadBackend for Backend {
    fn location(&self) -> String {
        self.repository.to_string()
    }

    fn list_with_size(&self, file: FileType) -> RusticResult<Vec<(Id, u32)>> {
        let Some(kind) = kind_of(file) else { return Ok(Vec::new()) };
        let listed = self.told(self.place.list(self.repository, kind))?;
        let listed = listed.into_iter().map(|object| {
            let id = match kind {
                Kind::Config => Id::default(),
                Kind::Data | Kind::Index | Kind::Snapshots | Kind::SealedKey => {
                    Id::new(object.sha256.0)
                }
            };
            (id, u32::try_from(object.bytes).unwrap_or(u32::MAX))
        });
        Ok(listed.collect())
    }

    fn read_full(&self, file: FileType, id: &Id) -> RusticResult<Bytes> {
        let name = self.name(file, id)?;
        Ok(self.told(self.place.get(self.repository, name, None))?.into())
    }

    fn read_partial(
        &self,
        file: FileType,
        id: &Id,
        _cacheable: bool,
        offset: u32,
        length: u32,
    ) -> RusticResult<Bytes> {
        let end = offset.saturating_add(length);
        if file == FileType::Pack
            && let Some(part) = self.part(id, &(offset as usize..end as usize))?
        {
            return Ok(part);
        }
        let name = self.name(file, id)?;
        let range = u64::from(offset)..u64::from(offset) + u64::from(length);
        Ok(self.told(self.place.get(self.repository, name, Some(range)))?.into())
    }

    fn warmup_path(&self, _file: FileType, id: &Id) -> String {
        id.to_hex().as_str().to_owned()
    }
}

impl WriteBackend for Backend {
    fn write_bytes(
        &self,
        file: FileType,
        id: &Id,
        _cacheable: bool,
        content: BytesList,
    ) -> RusticResult<()> {
        if file == FileType::Snapshot {
            let sound = self.sound.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if !sound.is_some_and(|sound| (sound.0)()) {
                return Err(refusal("not everything was saved as it was listed".to_owned()));
            }
        }
        let name = self.name(file, id)?;
        let bytes = content.slice().concat();
        self.told(self.place.put(self.repository, name, &bytes))?;
        self.sent.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    fn remove(&self, _file: FileType, id: &Id, _cacheable: bool) -> RusticResult<()> {
        self.removal_asked.store(true, Ordering::Relaxed);
        Err(refusal(format!("{} stays: nothing is ever removed", id.to_hex().as_str())))
    }
}
