//! Releases and artifacts.

use shared::digest::Digest;
use shared::signature::Envelope;

use super::audit;
use super::session::{Row, Transaction, bytes, int, maybe_text, text, time};
use crate::registry::RegistryError;
use crate::registry::audit::By;
use crate::registry::page::Page;
use crate::registry::release::{StoredArtifact, StoredRelease};

type Result<T> = std::result::Result<T, RegistryError>;

pub(super) async fn add_artifact(tx: &mut Transaction, artifact: &StoredArtifact) -> Result<()> {
    let insert = "INSERT INTO artifacts (sha256, size, stored_at) VALUES ($1, $2, $3)
         ON CONFLICT (sha256) DO NOTHING";
    let values = vec![text(artifact.sha256), int(artifact.size), time(artifact.stored_at)];
    tx.execute(insert, values).await?;
    Ok(())
}

pub(super) async fn artifact(
    tx: &mut Transaction,
    sha256: Digest,
) -> Result<Option<StoredArtifact>> {
    let select = "SELECT sha256, size, stored_at FROM artifacts WHERE sha256 = $1";
    let artifact = |mut row: Row| {
        Ok(StoredArtifact {
            sha256: row.parsed("digest")?,
            size: row.number()?,
            stored_at: row.time()?,
        })
    };
    tx.row(select, vec![text(sha256)]).await?.map(artifact).transpose()
}

pub(super) async fn add(tx: &mut Transaction, stored: &StoredRelease, by: &By) -> Result<()> {
    let insert = "INSERT INTO releases (digest, component, version, security_counter, artifact,
             expires_at, signed, published_at, published_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         ON CONFLICT (digest) DO UPDATE SET signed = $7";
    let StoredRelease { digest, release, signed, published_at, published_by } = stored;
    let values = vec![
        text(digest),
        text(&release.component),
        text(&release.version),
        int(release.security_counter),
        text(release.artifact.sha256),
        time(release.expires_at),
        bytes(signed.as_slice()),
        time(*published_at),
        text(published_by),
    ];
    tx.execute(insert, values).await?;
    audit::append(tx, by, "release-published", digest).await
}

macro_rules! select_releases {
    ($tail:literal) => {
        concat!("SELECT digest, signed, published_at, published_by FROM releases ", $tail)
    };
}

fn release(mut row: Row) -> Result<StoredRelease> {
    let digest: Digest = row.parsed("digest")?;
    let signed = row.signed()?;
    let envelope = Envelope::from_bytes(signed.as_slice()).map_err(|_| {
        RegistryError::Unreadable { what: "signed release", value: digest.to_string() }
    })?;
    Ok(StoredRelease {
        digest,
        release: envelope.document,
        signed,
        published_at: row.time()?,
        published_by: row.text()?,
    })
}

pub(super) async fn by_digest(
    tx: &mut Transaction,
    digest: Digest,
) -> Result<Option<StoredRelease>> {
    let row = tx.row(select_releases!("WHERE digest = $1"), vec![text(digest)]).await?;
    row.map(release).transpose()
}

pub(super) async fn page(tx: &mut Transaction, page: &Page<Digest>) -> Result<Vec<StoredRelease>> {
    let select = select_releases!(
        "WHERE $1 IS NULL OR (published_at, digest) <
             (SELECT published_at, digest FROM releases WHERE digest = $1)
         ORDER BY published_at DESC, digest DESC LIMIT $2"
    );
    let rows = tx.rows(select, vec![maybe_text(page.after), int(page.items())]).await?;
    rows.into_iter().map(release).collect()
}
