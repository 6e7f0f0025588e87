//! `tillward backup export`: a whole repository, still encrypted, as a directory that restic reads
//! once its key is recovered.
//!
//! Each file is written beside its place and takes it when its bytes are the right ones, so that
//! an export that was cut goes on with what is missing.

use std::fs;
use std::io::{ErrorKind, IsTerminal as _};
use std::path::{Path, PathBuf};

use clap::Args;
use futures::TryStreamExt as _;
use indicatif::{ProgressBar, ProgressStyle};
use reqwest::header::ETAG;
use shared::backup::{
    Kind, Listed, OBJECT_BYTES_MAX, ObjectName, kind_path, manifest_path, object_path,
};
use shared::digest::Digest;
use shared::document::Manifest;
use shared::durable::{Readers, parent_of, replace_file};
use shared::signature::Envelope;

use super::super::client::Client;
use super::super::failure::{Exit, Failure};
use super::super::measure::size_text;
use super::super::print::Print;
use super::super::words::counted;
use super::snapshot;
use crate::api::model::{Snapshot, SnapshotDetail};

/// Download the whole repository of a snapshot, encrypted as it is
///
/// It becomes a restic repository in DIR, with the sealed key and the signed manifests beside.
/// Repeated, it goes on where it was cut.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  tillward backup export SNAPSHOT --to rescued")]
pub(crate) struct Export {
    /// The digest of its manifest
    #[arg(value_name = "SNAPSHOT", value_parser = snapshot)]
    snapshot: Digest,
    /// The directory, which is made when it is not there
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
}

/// A file of the export, and where it comes from.
struct File {
    path: PathBuf,
    from: String,
    sha256: Digest,
    bytes: u64,
}

impl Export {
    pub(super) async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        let detail = client.snapshot(self.snapshot).await?;
        let files = self.files(client, &detail).await?;
        let total: u64 = files.iter().map(|file| file.bytes).sum();
        let bar = bar(total);
        for file in &files {
            match is_there(file)? {
                true => bar.inc(file.bytes),
                false => fetch(client, file, &bar).await?,
            }
        }
        let Snapshot { repository, terminal, .. } = detail.snapshot;
        let snapshots = client.snapshots(Some(terminal)).await?;
        let snapshots = snapshots.into_iter().filter(|it| it.repository == repository);
        let mut manifests = 0;
        for snapshot in snapshots {
            self.fetch_manifest(client, &snapshot).await?;
            manifests += 1;
        }
        bar.finish_and_clear();
        print.line(format_args!(
            "{repository} is in {}: {}, {}, with {}",
            self.to.display(),
            counted(files.len() as u64, "file"),
            size_text(total),
            counted(manifests, "manifest")
        ));
        Ok(Exit::Done)
    }

    /// Everything but the manifests.
    async fn files(&self, client: &Client, detail: &SnapshotDetail) -> Result<Vec<File>, Failure> {
        let repository = detail.snapshot.repository;
        let mut files = Vec::new();
        for kind in [Kind::SealedKey, Kind::Data, Kind::Index, Kind::Snapshots] {
            let listed = client.bytes(&kind_path(repository, kind)).await?;
            let text = listed.text().await.map_err(Failure::new)?;
            for line in text.lines() {
                let Listed { sha256, bytes } = serde_json::from_str(line).map_err(Failure::new)?;
                let from = object_path(repository, ObjectName { kind, sha256 });
                files.push(File { path: self.place(kind, sha256), from, sha256, bytes });
            }
        }
        let config = kind_path(repository, Kind::Config);
        let answer = client.bytes(&config).await?;
        let tag = answer.headers().get(ETAG).and_then(|tag| tag.to_str().ok());
        let sha256 = tag.and_then(|tag| tag.trim_matches('"').parse().ok());
        let sha256 = sha256.ok_or_else(|| Failure::because("config has no digest"))?;
        let bytes = answer.content_length().unwrap_or(0);
        files.push(File { path: self.to.join("config"), from: config, sha256, bytes });
        Ok(files)
    }

    /// As restic has it.
    fn place(&self, kind: Kind, sha256: Digest) -> PathBuf {
        let digest = sha256.to_string();
        match kind {
            Kind::SealedKey => self.to.join("sealed-key.age"),
            Kind::Data => self.to.join("data").join(&digest[..2]).join(digest),
            Kind::Config | Kind::Index | Kind::Snapshots => {
                self.to.join(kind.as_str()).join(digest)
            }
        }
    }

    async fn fetch_manifest(&self, client: &Client, of: &Snapshot) -> Result<(), Failure> {
        let from = manifest_path(of.repository, of.manifest);
        let answer = client.bytes(&from).await?;
        let bytes = answer.bytes().await.map_err(Failure::new)?;
        let genuine = Envelope::<Manifest>::from_bytes(&bytes);
        if genuine.is_ok_and(|it| it.digest() == of.manifest) {
            let path = self.to.join("manifests").join(format!("{}.cose", of.manifest));
            return write(&path, &bytes);
        }
        Err(other_bytes(&from))
    }
}

fn is_there(file: &File) -> Result<bool, Failure> {
    let failed =
        |error| Failure::new(error).context(format!("cannot read {}", file.path.display()));
    match fs::read(&file.path) {
        Ok(bytes) => Ok(Digest::of(&bytes) == file.sha256),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(failed(error)),
    }
}

/// An object is at most some MiB: it is written when all of it came and is right.
async fn fetch(client: &Client, file: &File, bar: &ProgressBar) -> Result<(), Failure> {
    let mut pieces = client.bytes(&file.from).await?.bytes_stream();
    let mut bytes = Vec::new();
    let cut = |error| Failure::new(error).context(format!("{} broke off", file.from));
    while let Some(piece) = pieces.try_next().await.map_err(cut)? {
        bar.inc(piece.len() as u64);
        bytes.extend_from_slice(&piece);
        if bytes.len() as u64 > OBJECT_BYTES_MAX {
            return Err(other_bytes(&file.from));
        }
    }
    match Digest::of(&bytes) == file.sha256 {
        true => write(&file.path, &bytes),
        false => Err(other_bytes(&file.from)),
    }
}

fn other_bytes(from: &str) -> Failure {
    Failure::because(format_args!("{from} is not what its digest says"))
        .exit(Exit::NotGenuine)
        .hint("verify the snapshot: a copy that is not whole is repaired from the other place")
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let folder = parent_of(path);
    fs::create_dir_all(folder).map_err(|error| {
        Failure::new(error).context(format!("cannot make {}", folder.display()))
    })?;
    replace_file(path, bytes, Readers::Owner)?;
    Ok(())
}

fn bar(bytes: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("  {bar:30} {bytes} of {total_bytes}, {eta} left")
        .expect("the template is well formed");
    ProgressBar::new(bytes).with_style(style)
}
