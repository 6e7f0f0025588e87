//! A bucket as a place: what a directory does, and what becomes of it when the server fails.

use std::error::Error as _;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use bytes::Bytes;
use controller::backup::ObjectKey;
use controller::blob::{Absent, BlobError, Memory, NotThere, Place};
use controller::config::{Access, Bucket, PlaceConfig, PlaceUrl};
use harness::world::S3;
use shared::backup::{Kind, OBJECT_BYTES_MAX, ObjectName};
use shared::digest::Digest;
use shared::id::{FleetId, RepositoryId, TerminalId};
use shared::time::UnixTime;
use tempfile::TempDir;

const AT: UnixTime = UnixTime(1_900_000_000);

struct World {
    directory: TempDir,
    s3: S3,
}

impl World {
    fn start() -> Self {
        shared::tls::install_provider();
        let directory = tempfile::tempdir().expect("a directory is made");
        let program = Path::new(env!("CARGO_BIN_EXE_s3-server"));
        let s3 = S3::start(program, directory.path()).expect("the server starts");
        Self { directory, s3 }
    }

    fn place(&self) -> Place {
        place(&self.access(), S3::BUCKET, self.directory.path()).expect("the place opens")
    }

    fn access(&self) -> Access {
        Access {
            endpoint: self.s3.endpoint().parse().expect("it is an endpoint"),
            signing_region: "eu-1".into(),
            credentials_file: self.s3.credentials(),
            ca_file: None,
        }
    }
}

fn place(access: &Access, bucket: &str, directory: &Path) -> Result<Place, BlobError> {
    let (name, prefix, access) = (bucket.to_owned(), "shops/north".to_owned(), access.clone());
    let config = PlaceConfig {
        name: "south".into(),
        region: "south".into(),
        url: PlaceUrl::S3(Bucket { name, prefix, access }),
    };
    let fleet = FleetId::from_bytes([1; 16]);
    Place::open(&config, &Memory { fleet, directory: directory.join("memory") })
}

fn key(kind: Kind, bytes: &[u8]) -> ObjectKey {
    ObjectKey {
        terminal: TerminalId::from_bytes([2; 16]),
        repository: RepositoryId::from_bytes([3; 16]),
        name: ObjectName { kind, sha256: Digest::of(bytes) },
    }
}

async fn store(place: &Place, key: &ObjectKey, bytes: &[u8]) -> Result<u64, BlobError> {
    let mut upload = place.upload(key, OBJECT_BYTES_MAX).await?;
    for piece in bytes.chunks(100_000) {
        upload.write(Bytes::copy_from_slice(piece)).await?;
    }
    upload.finish().await
}

/// Bytes that no compression or repetition makes smaller or equal.
fn bytes(count: u64) -> Vec<u8> {
    (0..count / 32).flat_map(|number| Digest::of(&number.to_be_bytes()).0).collect()
}

#[tokio::test]
async fn objects_are_stored_once_and_read_back_by_their_digest() {
    let world = World::start();
    let place = world.place();
    let small = key(Kind::Config, b"parameters");
    assert!(place.create(&small, Bytes::from_static(b"parameters")).await.unwrap());
    assert!(!place.create(&small, Bytes::from_static(b"others")).await.unwrap(), "create only");
    assert_eq!(place.digest(&small).await.unwrap(), Some(Digest::of(b"parameters")));
    // The largest that a terminal may send, in several pieces; and one that is less than a piece.
    for size in [OBJECT_BYTES_MAX, 320_000, 0] {
        let large = bytes(size);
        let name = key(Kind::Data, &large);
        assert_eq!(place.size(&name).await.unwrap(), None);
        assert_eq!(place.digest(&name).await.unwrap(), None);
        assert_eq!(store(&place, &name, &large).await.unwrap(), size);
        assert_eq!(store(&place, &name, &large).await.unwrap(), size, "the same again");
        assert_eq!(place.size(&name).await.unwrap(), Some(size));
        assert_eq!(place.digest(&name).await.unwrap(), Some(name.name.sha256));
    }
    let large = key(Kind::Data, &bytes(320_000));
    let left = place.left_of(large.terminal, large.repository, 100).await.unwrap();
    assert_eq!(left.len(), 4, "all that was stored");
    for left in &left {
        place.remove_left(left).await.unwrap();
        place.remove_left(left).await.unwrap();
    }
    assert_eq!(place.size(&large).await.unwrap(), None);
    assert!(place.left_of(large.terminal, large.repository, 1).await.unwrap().is_empty());
}

#[tokio::test]
async fn other_bytes_than_promised_never_take_an_objects_name() {
    let world = World::start();
    let place = world.place();
    let name = key(Kind::Data, b"promised");
    let refused = store(&place, &name, &bytes(12 << 20)).await.unwrap_err();
    assert!(matches!(refused, BlobError::OtherBytes { .. }), "{refused:?}");
    assert_eq!(place.size(&name).await.unwrap(), None);
}

#[tokio::test]
async fn a_copy_that_rotted_is_written_over() {
    let world = World::start();
    let south = world.place();
    let directory = world.directory.path().join("north");
    let (name, region, url) = ("north".into(), "north".into(), PlaceUrl::Directory(directory));
    let memory = world.directory.path().join("memory");
    let memory = Memory { fleet: FleetId::from_bytes([1; 16]), directory: memory };
    let north = Place::open(&PlaceConfig { name, region, url }, &memory).unwrap();
    let pack = bytes(6 << 20);
    let key = key(Kind::Data, &pack);
    store(&north, &key, &pack).await.unwrap();
    assert!(south.copy_from(&north, &key).await.unwrap());
    let stored = world.s3.stored("shops/north");
    let stored = crate::leftovers::files(&stored).into_iter().find(|it| it.contains("/data/"));
    let stored = stored.expect("an object is a file of the server");
    std::fs::write(stored, "rot").unwrap();
    assert_eq!(south.digest(&key).await.unwrap(), Some(Digest::of(b"rot")));
    assert!(south.copy_from(&north, &key).await.unwrap());
    assert_eq!(south.digest(&key).await.unwrap(), Some(key.name.sha256));
}

#[tokio::test]
async fn a_server_that_dies_lacks_nothing_and_comes_back_as_the_same_place() {
    let mut world = World::start();
    let place = world.place();
    let pack = bytes(6 << 20);
    let key = key(Kind::Data, &pack);
    store(&place, &key, &pack).await.unwrap();
    let mut half = place.upload(&key, OBJECT_BYTES_MAX).await.unwrap();
    half.write(Bytes::copy_from_slice(&pack)).await.unwrap();
    world.s3.kill().unwrap();
    assert!(half.finish().await.is_err());
    let refused = place.ready().await.unwrap_err();
    assert!(matches!(not_there(refused), NotThere::Unanswered(_)));
    assert!(place.digest(&key).await.is_err(), "nothing is known, and nothing is missing");
    assert!(place.size(&key).await.is_err());
    assert!(place.create(&key, Bytes::new()).await.is_err());
    world.s3.start_again().unwrap();
    place.ready().await.unwrap();
    assert_eq!(place.digest(&key).await.unwrap(), Some(key.name.sha256));
}

fn not_there(error: BlobError) -> NotThere {
    let BlobError::NotThere { source, .. } = error else { panic!("{error:?}") };
    source
}

/// It takes as long as an answer may take.
#[tokio::test]
async fn a_server_that_does_not_answer_is_not_waited_for_for_ever() {
    let world = World::start();
    // It is connected to by the kernel alone: nobody takes the connection up.
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let endpoint = format!("http://{}", silent.local_addr().unwrap()).parse().unwrap();
    let access = Access { endpoint, ..world.access() };
    let place = place(&access, S3::BUCKET, world.directory.path()).unwrap();
    let refused = not_there(place.ready().await.unwrap_err());
    assert!(matches!(refused, NotThere::Unanswered(_) | NotThere::TooSlow(_)), "{refused:?}");
}

/// Answers every request with this status, and counts them.
fn server_that_answers(status: &'static str) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let url = format!("http://{}", listener.local_addr().expect("it listens"));
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("somebody connects");
            let _request = stream.read(&mut [0; 16 * 1024]);
            counted.fetch_add(1, Ordering::Relaxed);
            let answer =
                format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            let _told = stream.write_all(answer.as_bytes());
        }
    });
    (url, asked)
}

#[tokio::test]
async fn only_what_the_server_says_is_not_there_is_missing() {
    let world = World::start();
    for (status, asked_at_most) in
        [("403 Forbidden", 1), ("500 Internal Server Error", 4), ("503 Slow Down", 4)]
    {
        let (url, asked) = server_that_answers(status);
        let access = Access { endpoint: url.parse().unwrap(), ..world.access() };
        let place = place(&access, S3::BUCKET, world.directory.path()).unwrap();
        let key = key(Kind::Data, b"pack");
        assert!(place.digest(&key).await.is_err(), "{status}");
        let asked = asked.load(Ordering::Relaxed);
        assert!((1..=asked_at_most).contains(&asked), "{status}: asked {asked} times");
        assert!(matches!(not_there(place.ready().await.unwrap_err()), NotThere::Unanswered(_)));
    }
    let (url, _asked) = server_that_answers("404 Not Found");
    let access = Access { endpoint: url.parse().unwrap(), ..world.access() };
    let place = place(&access, S3::BUCKET, world.directory.path()).unwrap();
    assert_eq!(place.digest(&key(Kind::Data, b"pack")).await.unwrap(), None);
}

#[tokio::test]
async fn another_bucket_or_secret_is_not_the_place() {
    let world = World::start();
    let here = world.directory.path();
    world.place().ready().await.unwrap();
    let wrong = Access { credentials_file: world.s3.wrong_credentials(), ..world.access() };
    let refused = place(&wrong, S3::BUCKET, here).unwrap().ready().await.unwrap_err();
    assert!(matches!(not_there(refused), NotThere::Unanswered(_)));
    std::fs::create_dir(here.join("s3/another")).unwrap();
    for bucket in ["another", "nowhere"] {
        let other = place(&world.access(), bucket, here).unwrap();
        let refused = not_there(other.ready().await.unwrap_err());
        assert!(matches!(refused, NotThere::Absent(Absent::NoMarker)), "{bucket}: {refused:?}");
        assert!(other.create(&key(Kind::Data, b""), Bytes::new()).await.is_err(), "{bucket}");
    }
    let other = place(&world.access(), "another", here).unwrap();
    other.adopt(AT).await.unwrap();
    assert_eq!(other.ready().await.unwrap().adopted_at, Some(AT));
    let refused = not_there(world.place().ready().await.unwrap_err());
    assert!(matches!(refused, NotThere::Absent(Absent::Replaced { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_bucket_without_its_files_is_refused_by_name() {
    let world = World::start();
    let nowhere = world.directory.path().join("nowhere.toml");
    let access = Access { credentials_file: nowhere.clone(), ..world.access() };
    let refused = place(&access, S3::BUCKET, world.directory.path()).unwrap_err();
    assert_eq!(refused.to_string(), "place `south` cannot be used");
    let cause = refused.source().unwrap().to_string();
    assert_eq!(cause, format!("cannot read {}", nowhere.display()));
}
