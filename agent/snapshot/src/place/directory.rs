//! Repositories in a local directory, each laid out as restic lays out its own, so that stock
//! restic opens it. What a recovery works on, and what the tests look into.

use std::fs;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};

use shared::backup::{Kind, Listed, Newest, ObjectName};
use shared::digest::Digest;
use shared::document::Manifest;
use shared::durable::{self, Readers};
use shared::id::RepositoryId;
use shared::signature::Envelope;

use super::{Place, PlaceError, called, whole};

#[derive(Debug)]
pub struct Directory(PathBuf);

impl Directory {
    /// Repositories are folders of `root`, by their ids.
    pub fn new(root: PathBuf) -> Self {
        Self(root)
    }

    pub fn repository(&self, repository: RepositoryId) -> PathBuf {
        self.0.join(repository.to_string())
    }

    pub fn object(&self, repository: RepositoryId, name: ObjectName) -> PathBuf {
        let home = self.repository(repository);
        let sha256 = name.sha256.to_string();
        match name.kind {
            Kind::Config => home.join("config"),
            Kind::Data => home.join("data").join(&sha256[..2]).join(sha256),
            kind @ (Kind::Index | Kind::Snapshots | Kind::SealedKey) => {
                home.join(kind.as_str()).join(sha256)
            }
        }
    }
}

fn failed(what: &str, error: &io::Error) -> PlaceError {
    let what = what.to_owned();
    match error.kind() == io::ErrorKind::NotFound {
        true => PlaceError::Missing { what },
        false => PlaceError::Unreachable { what, why: error.to_string() },
    }
}

fn write(what: &str, path: &Path, bytes: &[u8]) -> Result<(), PlaceError> {
    let parent = durable::parent_of(path);
    fs::create_dir_all(parent).map_err(|error| failed(what, &error))?;
    durable::replace_file(path, bytes, Readers::Owner).map_err(|e| failed(what, &e.source))
}

fn files(what: &str, directory: &Path, found: &mut Vec<Listed>) -> Result<(), PlaceError> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(|error| failed(what, &error))?,
    };
    for entry in entries {
        let entry = entry.map_err(|error| failed(what, &error))?;
        let about = entry.metadata().map_err(|error| failed(what, &error))?;
        if about.is_dir() {
            files(what, &entry.path(), found)?;
        } else if let Some(Ok(sha256)) = entry.file_name().to_str().map(str::parse) {
            found.push(Listed { sha256, bytes: about.len() });
        }
    }
    Ok(())
}

impl Place for Directory {
    fn put(
        &self,
        repository: RepositoryId,
        name: ObjectName,
        bytes: &[u8],
    ) -> Result<(), PlaceError> {
        let what = called(repository, name);
        let path = self.object(repository, name);
        match fs::read(&path) {
            Ok(there) if there == bytes => Ok(()),
            Ok(_) => Err(PlaceError::Refused { what, status: 409, why: "it differs".to_owned() }),
            Err(_) => write(&what, &path, bytes),
        }
    }

    fn get(
        &self,
        repository: RepositoryId,
        name: ObjectName,
        range: Option<Range<u64>>,
    ) -> Result<Vec<u8>, PlaceError> {
        let what = called(repository, name);
        let read = || -> io::Result<Vec<u8>> {
            let mut file = fs::File::open(self.object(repository, name))?;
            let mut bytes = Vec::new();
            let length = match &range {
                None => u64::MAX,
                Some(range) => {
                    file.seek(SeekFrom::Start(range.start))?;
                    range.end.saturating_sub(range.start)
                }
            };
            file.take(length).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        let bytes = read().map_err(|error| failed(&what, &error))?;
        match range {
            None => whole(what, name, bytes),
            Some(_) => Ok(bytes),
        }
    }

    fn list(&self, repository: RepositoryId, kind: Kind) -> Result<Vec<Listed>, PlaceError> {
        let what = format!("the list `{kind}` of {repository}");
        let home = self.repository(repository);
        let mut found = Vec::new();
        if kind == Kind::Config {
            if let Ok(about) = fs::metadata(home.join("config")) {
                found.push(Listed { sha256: Digest([0; 32]), bytes: about.len() });
            }
        } else {
            files(&what, &home.join(kind.as_str()), &mut found)?;
        }
        Ok(found)
    }

    fn hand_in(&self, repository: RepositoryId, manifest: &[u8]) -> Result<(), PlaceError> {
        let what = format!("a manifest of {repository}");
        let envelope = Envelope::<Manifest>::from_bytes(manifest).map_err(|error| {
            PlaceError::Refused { what: what.clone(), status: 422, why: error.to_string() }
        })?;
        let name = envelope.digest().to_string();
        let path = self.repository(repository).join("manifests").join(name);
        write(&what, &path, manifest)
    }

    fn manifest(&self, repository: RepositoryId, digest: Digest) -> Result<Vec<u8>, PlaceError> {
        let path = self.repository(repository).join("manifests").join(digest.to_string());
        fs::read(path).map_err(|error| failed(&format!("a manifest of {repository}"), &error))
    }

    /// Counts manifests: nobody verifies what lies in a directory.
    fn newest(&self) -> Result<Newest, PlaceError> {
        let mut number = 0;
        for entry in fs::read_dir(&self.0).into_iter().flatten().flatten() {
            let manifests = fs::read_dir(entry.path().join("manifests"));
            number += manifests.map_or(0, |manifests| manifests.count() as u64);
        }
        Ok(Newest { number, available: None })
    }
}
