//! Takes a snapshot: list, key, data, snapshot, manifest, in this order. Whatever interrupts it,
//! the same export of the same order goes on where it stopped, and ends with one snapshot.

use std::sync::Arc;

use agent::snapshot::protocol::{Save, Saved};
use shared::backup::{Kind, ObjectName};
use shared::digest::Digest;
use shared::document::Manifest;
use shared::id::RepositoryId;
use shared::signature::Envelope;

use crate::about::About;
use crate::books::{Begin, Books, Current, Last, Shelf};
use crate::engine::{self, Engine, EngineError, Snapshot};
use crate::failure::Failure;
use crate::home::Home;
use crate::keys::{Recipients, Ring, RingError};
use crate::known::{self, KnownFiles};
use crate::listing::{self, Listed, Listing};
use crate::place::PlaceError;
use crate::source::{ABOUT, LISTING, Source};

/// Called with the bytes done and the bytes in all.
pub type Progress<'a> = &'a (dyn Fn(u64, u64) + Sync);

pub fn save(home: &Home, request: &Save, progress: Progress<'_>) -> Result<Saved, Failure> {
    let shelf = Shelf::new(home.path());
    let mut saving = Saving { home, request, shelf, findings: Vec::new(), bytes_sent: 0 };
    let mut books = saving.open_books()?;
    if let Some(saved) = saving.hand_in_pending(&mut books)? {
        return Ok(saved);
    }
    let recipients = Recipients::parse(&request.recipients).map_err(RingError::Seal)?;
    let known = KnownFiles::read(home.path());
    let listed = listing::list(request, known.as_ref(), &|bytes| progress(bytes, 0))?;
    saving.findings.extend(listed.findings.iter().cloned());
    let mut outdated =
        books.outdated(request.order, request.extent, request.taken_at, &recipients.text());
    for _ in 0..2 {
        let current = saving.repository(&mut books, outdated, &recipients)?;
        match saving.snapshot(&current, &listed, known.as_ref()) {
            Err(Failure::Engine(EngineError::PacksMissing)) if outdated.is_none() => {
                outdated = Some(Begin::PacksMissing);
            }
            snapshot => return saving.sign(&mut books, &current, snapshot?),
        }
    }
    Err(Failure::Engine(EngineError::PacksMissing))
}

struct Saving<'a> {
    home: &'a Home,
    request: &'a Save,
    shelf: Shelf,
    findings: Vec<String>,
    bytes_sent: u64,
}

/// A snapshot in the repository, and what is said of it.
struct Taken {
    snapshot: Snapshot,
    listing: Listing,
    about: About,
}

impl Saving<'_> {
    /// Where the books are lost, the controller knows the number.
    fn open_books(&mut self) -> Result<Books, Failure> {
        if let Some(books) = self.shelf.read().map_err(|error| self.home.failed(error))? {
            return Ok(books);
        }
        let number = self.home.place().newest()?.number;
        if number > 0 {
            self.findings.push(format!("this terminal's books are lost: it goes on at {number}"));
        }
        Ok(Books { number, ..Books::default() })
    }

    /// A manifest that was signed comes before anything else. The answer, where this order's
    /// snapshot is the last one.
    fn hand_in_pending(&mut self, books: &mut Books) -> Result<Option<Saved>, Failure> {
        if let Some(pending) = self.shelf.pending().map_err(|error| self.home.failed(error))?
            && let Ok(envelope) = Envelope::<Manifest>::from_bytes(&pending)
        {
            match self.home.place().hand_in(envelope.document.repository, &pending) {
                Ok(()) => self.acknowledged(books, &envelope)?,
                Err(PlaceError::Refused { why, .. }) => {
                    self.findings
                        .push(format!("the controller refused an earlier manifest: {why}"));
                }
                Err(PlaceError::Missing { .. }) => {
                    self.findings.push("the repository of an earlier manifest is gone".to_owned());
                }
                Err(error) => return Err(error.into()),
            }
            self.shelf.drop_pending().map_err(|error| self.home.failed(error))?;
        }
        let Save { order, taken_at, .. } = self.request;
        let is_it = |last: &&Last| (last.order, last.taken_at) == (*order, *taken_at);
        let last = books.last.as_ref().filter(is_it);
        Ok(last.map(|last| last.saved.clone()))
    }

    fn acknowledged(
        &mut self,
        books: &mut Books,
        envelope: &Envelope<Manifest>,
    ) -> Result<(), Failure> {
        let manifest = &envelope.document;
        let saved = Saved {
            repository: manifest.repository,
            number: manifest.number,
            snapshot: manifest.snapshot,
            manifest: envelope.digest(),
            bytes_sent: self.bytes_sent,
            bytes_total: manifest.data_sets.iter().map(|set| set.bytes).sum(),
            files: manifest.data_sets.iter().map(|set| set.files).sum(),
            findings: std::mem::take(&mut self.findings),
        };
        books.number = books.number.max(manifest.number);
        books.last = Some(Last { order: manifest.order, taken_at: manifest.taken_at, saved });
        Ok(self.shelf.write(books)?)
    }

    /// The repository to write to, whose sealed key the controller has.
    fn repository(
        &mut self,
        books: &mut Books,
        outdated: Option<Begin>,
        recipients: &Recipients,
    ) -> Result<Current, Failure> {
        let ring = Ring::new(self.home.path());
        let key_lost = match (&books.current, outdated) {
            (Some(current), None) => ring.key(current.repository)?.is_none(),
            (Some(_) | None, _) => false,
        };
        let begin = if key_lost { Some(Begin::KeyLost) } else { outdated };
        if let Some(begin) = begin {
            self.findings.extend(begin.finding().map(str::to_owned));
            books.current = Some(self.begin(recipients)?);
            self.shelf.write(books)?;
        }
        let mut current = books.current.clone().expect("one began where there was none");
        if !current.acknowledged {
            let sealed = ring.sealed(current.repository)?;
            let name = ObjectName { kind: Kind::SealedKey, sha256: current.sealed_key };
            self.home.place().put(current.repository, name, &sealed)?;
            self.bytes_sent += sealed.len() as u64;
            current.acknowledged = true;
            books.current = Some(current.clone());
            self.shelf.write(books)?;
        }
        ring.forget_others(Some(current.repository))?;
        Ok(current)
    }

    fn begin(&self, recipients: &Recipients) -> Result<Current, Failure> {
        let repository = RepositoryId::generate();
        let made_at = self.request.taken_at;
        let ring = Ring::new(self.home.path());
        let sealed = ring.make(repository, made_at, self.home.identity(), recipients)?;
        Ok(Current {
            repository,
            made_at,
            made_for: self.request.order,
            sealed_key: Digest::of(&sealed),
            recipients: recipients.text(),
            roster_version: self.request.roster_version,
            acknowledged: false,
        })
    }

    /// Takes the snapshot, or finds the one that an interrupted run took.
    fn snapshot(
        &mut self,
        current: &Current,
        listed: &Listed,
        known: Option<&KnownFiles>,
    ) -> Result<Taken, Failure> {
        let ring = Ring::new(self.home.path());
        let key = ring.key(current.repository)?.ok_or(Failure::NoKey)?;
        let open = || {
            let place = Arc::clone(self.home.place());
            Engine::open(place, current.repository, &key, Some(self.home.cache()))
        };
        let engine = open()?;
        engine.adopt_packs()?;
        let tag = format!("{}@{}", self.request.order, self.request.taken_at.0);
        if let Some(snapshot) = engine.tagged(&tag)? {
            let reader = engine.read()?;
            let damaged = |error: &dyn ToString| Failure::Damaged(error.to_string());
            let listing = Listing::parse(&reader.file(&snapshot, LISTING)?);
            let about = serde_json::from_slice(&reader.file(&snapshot, ABOUT)?);
            let listing = listing.map_err(|error| damaged(&error))?;
            let about = about.map_err(|error| damaged(&error))?;
            return Ok(Taken { snapshot, listing, about });
        }
        let about = About::new(self.request, listed.data_sets.clone());
        let text = serde_json::to_vec(&about).expect("ids, numbers and texts are JSON");
        let parent = known.filter(|known| known.repository == current.repository);
        let source = Source::new(listed, text, parent);
        let shown = engine::About {
            host: self.home.identity().facts.terminal.to_string(),
            tag,
            taken_at: self.request.taken_at,
        };
        let sent = engine.sent();
        let saved = engine.save(&source, source.sound(), parent.map(|it| it.snapshot), &shown);
        self.bytes_sent += sent.bytes();
        let snapshot = match saved {
            Err(EngineError::Library { .. }) if !source.is_sound() => {
                known::forget(self.home.path()).map_err(|error| self.home.failed(error))?;
                return Err(Failure::Changed);
            }
            saved => saved?,
        };
        KnownFiles::of(current.repository, snapshot.id(), listed).write(self.home.path())?;
        Ok(Taken { snapshot, listing: listed.listing.clone(), about })
    }

    fn sign(
        &mut self,
        books: &mut Books,
        current: &Current,
        taken: Taken,
    ) -> Result<Saved, Failure> {
        let identity = self.home.identity();
        let number = books.number + 1;
        let Taken { snapshot, listing, about } = taken;
        let manifest = about.manifest(identity, current, snapshot.id(), listing.digest(), number);
        let mut envelope = Envelope::unsigned(manifest);
        envelope.sign(identity.facts.fleet, identity.key.private());
        let bytes = envelope.to_bytes();
        self.shelf.keep_pending(&bytes)?;
        self.home.place().hand_in(current.repository, &bytes)?;
        self.bytes_sent += bytes.len() as u64;
        self.acknowledged(books, &envelope)?;
        self.shelf.drop_pending().map_err(|error| self.home.failed(error))?;
        let last = books.last.as_ref().expect("it was just written");
        Ok(last.saved.clone())
    }
}
