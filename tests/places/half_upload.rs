//! Writes half of an object into a place, says `half`, and waits to be killed:
//! `half-upload DIRECTORY MEMORY`.

use std::path::PathBuf;

use anyhow::Context as _;
use bytes::Bytes;
use controller::backup::ObjectKey;
use controller::blob::{Memory, Place};
use controller::config::{PlaceConfig, PlaceUrl};
use shared::backup::{Kind, ObjectName};
use shared::digest::Digest;
use shared::id::{FleetId, RepositoryId, TerminalId};
use tokio::io::AsyncWriteExt as _;

/// More than is kept in memory before it is written.
const HALF_BYTES: usize = 12 * 1024 * 1024;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let mut next = |what: &str| arguments.next().with_context(|| format!("{what} is missing"));
    let directory = PathBuf::from(next("the directory")?);
    let memory = PathBuf::from(next("the memory")?);
    let (name, region, url) =
        ("north".to_owned(), "north".to_owned(), PlaceUrl::Directory(directory));
    let memory = Memory { fleet: FleetId::from_bytes([1; 16]), directory: memory };
    let place = Place::open(&PlaceConfig { name, region, url }, &memory)?;
    let key = ObjectKey {
        terminal: TerminalId::from_bytes([2; 16]),
        repository: RepositoryId::from_bytes([3; 16]),
        name: ObjectName { kind: Kind::Data, sha256: Digest([0x0f; 32]) },
    };
    let mut upload = place.upload(&key, u64::MAX).await?;
    upload.write(Bytes::from(vec![7; HALF_BYTES])).await?;
    // What is in flight is written once there is room for more.
    upload.write(Bytes::from(vec![7; HALF_BYTES])).await?;
    let mut out = tokio::io::stdout();
    out.write_all(b"half\n").await?;
    out.flush().await?;
    std::future::pending::<()>().await;
    drop(upload);
    Ok(())
}
