//! Releases and their artifacts, as they are known here.

use shared::digest::Digest;
use shared::document::Release;
use shared::message::SignedBytes;
use shared::time::UnixTime;

/// A release whose signatures were found to be enough.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRelease {
    /// SHA-256 of the document's payload.
    pub digest: Digest,
    pub release: Release,
    pub signed: SignedBytes,
    pub published_at: UnixTime,
    pub published_by: String,
}

/// Bytes that the blob store holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredArtifact {
    pub sha256: Digest,
    pub size: u64,
    pub stored_at: UnixTime,
}
