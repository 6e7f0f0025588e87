//! What terminals have saved: the trait's methods over the statements below it.

pub(super) mod drills;
mod keeping;
mod objects;
mod purges;
pub(super) mod retention;
mod schedules;
pub(super) mod snapshots;
pub(super) mod watch;

use std::collections::BTreeMap;

use async_trait::async_trait;
use shared::backup::{Kind, Newest, ObjectName};
use shared::digest::Digest;
use shared::document::purge_certificate::{PurgeReason, PurgedSnapshot};
use shared::id::{OrderId, RepositoryId, TerminalId};
use shared::message::SignedBytes;
use shared::time::UnixTime;

use super::session::{Access, Database};
use super::{SqlRegistry, finish, read, transaction, write};
use crate::backup::ObjectKey;
use crate::backup::retention::Holding;
use crate::backup::schedule::Schedule;
use crate::registry::RegistryError;
use crate::registry::audit::By;
use crate::registry::backup::retention::{
    Emptying, HoldRefused, NewCertificate, NotBegun, Purge, RetentionRegistry, Side,
};
use crate::registry::backup::snapshot::{
    DueObject, Examined, ManifestRefused, NewSnapshot, ObjectCounts, Snapshot,
};
use crate::registry::backup::watch::{Coverage, DrillReport, Judged, Watched};
use crate::registry::backup::{
    Admitted, BackupRegistry, NewObject, NotAdmitted, Repository, Standing, StoredObject,
};
use crate::registry::page::Page;

type Result<T> = std::result::Result<T, RegistryError>;

#[async_trait]
impl<D: Database> BackupRegistry for SqlRegistry<D> {
    async fn repository(&self, id: RepositoryId) -> Result<Option<Repository>> {
        read!(self, "find a repository", tx => objects::repository(tx, id))
    }

    async fn backup_standing(&self, key: &ObjectKey) -> Result<Standing> {
        read!(self, "find a backup object", tx => objects::standing(tx, key))
    }

    async fn add_object(
        &self,
        new: &NewObject,
        bytes_max: u64,
    ) -> Result<std::result::Result<Admitted, NotAdmitted>> {
        write!(self, "note a backup object", tx => objects::add(tx, new, bytes_max))
    }

    async fn object(
        &self,
        repository: RepositoryId,
        name: ObjectName,
    ) -> Result<Option<StoredObject>> {
        read!(self, "find a backup object", tx => objects::by_name(tx, repository, name))
    }

    async fn objects(
        &self,
        repository: RepositoryId,
        kind: Kind,
        after: Option<Digest>,
        limit: u32,
    ) -> Result<Vec<StoredObject>> {
        read!(self, "list backup objects", tx => {
            objects::of_kind(tx, repository, kind, after, limit)
        })
    }

    async fn add_snapshot(
        &self,
        new: &NewSnapshot,
    ) -> Result<std::result::Result<Admitted, ManifestRefused>> {
        write!(self, "note a snapshot", tx => snapshots::add(tx, new))
    }

    async fn snapshot(&self, manifest: Digest) -> Result<Option<Snapshot>> {
        read!(self, "find a snapshot", tx => snapshots::by_manifest(tx, manifest))
    }

    async fn snapshots(&self, of: Option<TerminalId>, page: &Page<u64>) -> Result<Vec<Snapshot>> {
        read!(self, "list snapshots", tx => snapshots::page(tx, of, page))
    }

    async fn newest_snapshot(&self, of: TerminalId) -> Result<Newest> {
        read!(self, "find the newest snapshot", tx => snapshots::newest(tx, of))
    }

    async fn hold_snapshot(
        &self,
        manifest: Digest,
        held: bool,
        by: &By,
    ) -> Result<std::result::Result<(), HoldRefused>> {
        write!(self, "hold a snapshot", tx => snapshots::hold(tx, manifest, held, by))
    }

    async fn coverage(&self, of: &[TerminalId]) -> Result<BTreeMap<TerminalId, Coverage>> {
        read!(self, "find who is covered", tx => watch::coverage(tx, of))
    }

    async fn watched_due(&self, now: UnixTime, limit: u32) -> Result<Vec<Watched>> {
        read!(self, "find backups to look after", tx => watch::due(tx, now, limit))
    }

    async fn judged(&self, judged: &[Judged], now: UnixTime) -> Result<()> {
        write!(self, "note how backups stand", tx => watch::judged(tx, judged, now))
    }

    async fn watch_again(&self, now: UnixTime) -> Result<()> {
        write!(self, "look after all backups", tx => watch::again(tx, now))
    }

    async fn drills(&self, of: Option<TerminalId>, page: &Page<u64>) -> Result<Vec<DrillReport>> {
        read!(self, "list drills", tx => drills::page(tx, of, page))
    }

    async fn drill(&self, order: OrderId) -> Result<Option<DrillReport>> {
        read!(self, "find a drill", tx => drills::by_order(tx, order))
    }

    async fn repository_objects(&self, id: RepositoryId, now: UnixTime) -> Result<ObjectCounts> {
        read!(self, "count backup objects", tx => keeping::count(tx, id, now))
    }

    async fn put_schedule(&self, new: &Schedule, by: &By) -> Result<()> {
        write!(self, "set a schedule", tx => schedules::put(tx, new, by))
    }

    async fn remove_schedule(&self, name: &str, by: &By) -> Result<()> {
        write!(self, "remove a schedule", tx => schedules::remove(tx, name, by))
    }

    async fn schedules(&self) -> Result<Vec<Schedule>> {
        read!(self, "list schedules", tx => schedules::all(tx))
    }

    async fn schedules_due(&self, now: UnixTime, limit: u32) -> Result<Vec<Schedule>> {
        read!(self, "find schedules that are due", tx => schedules::due(tx, now, limit))
    }

    async fn schedule_made(&self, of: &Schedule, next_at: UnixTime) -> Result<()> {
        write!(self, "note a scheduled campaign", tx => schedules::made(tx, of, next_at))
    }

    async fn objects_due(&self, now: UnixTime, limit: u32) -> Result<Vec<DueObject>> {
        read!(self, "find backup objects to look at", tx => keeping::due(tx, now, limit))
    }

    async fn examined(&self, examined: &[Examined], now: UnixTime) -> Result<()> {
        write!(self, "note how backup objects are", tx => keeping::examined(tx, examined, now))
    }

    async fn examine_again(&self, repository: RepositoryId, now: UnixTime) -> Result<u64> {
        write!(self, "look at a repository again", tx => keeping::again(tx, repository, now))
    }

    async fn examine_all_again(&self, now: UnixTime) -> Result<u64> {
        write!(self, "look at all backups again", tx => keeping::all_again(tx, now))
    }
}

#[async_trait]
impl<D: Database> RetentionRegistry for SqlRegistry<D> {
    async fn holders(&self, after: Option<TerminalId>, limit: u32) -> Result<Vec<TerminalId>> {
        read!(self, "list who has backups", tx => retention::holders(tx, after, limit))
    }

    async fn holding(&self, of: TerminalId) -> Result<Option<Holding>> {
        read!(self, "tell what a terminal has saved", tx => retention::holding(tx, of))
    }

    async fn expire(
        &self,
        going: &[(Digest, PurgeReason)],
        at: UnixTime,
        by: Option<&By>,
    ) -> Result<u64> {
        write!(self, "let snapshots expire", tx => retention::expire(tx, going, at, by))
    }

    async fn keep_again(&self, staying: &[Digest], by: &By) -> Result<u64> {
        write!(self, "keep snapshots again", tx => retention::keep_again(tx, staying, by))
    }

    async fn begin_purge(
        &self,
        id: RepositoryId,
        expired_by: UnixTime,
        by: &By,
    ) -> Result<std::result::Result<(), NotBegun>> {
        write!(self, "begin a purge", tx => purges::begin(tx, id, expired_by, by))
    }

    async fn purges(&self, limit: u32) -> Result<Vec<Purge>> {
        read!(self, "list purges", tx => purges::going_on(tx, limit))
    }

    async fn note_emptying(&self, id: RepositoryId, side: Side, emptying: Emptying) -> Result<()> {
        write!(self, "note how far a purge is", tx => purges::note(tx, id, side, emptying))
    }

    async fn leaving(&self, id: RepositoryId) -> Result<Vec<(PurgedSnapshot, PurgeReason)>> {
        read!(self, "list what is purged", tx => purges::leaving(tx, id))
    }

    async fn finish_purge(&self, certificate: &NewCertificate, by: &By) -> Result<bool> {
        write!(self, "finish a purge", tx => purges::finish(tx, certificate, by))
    }

    async fn purge_certificate(&self, of: RepositoryId) -> Result<Option<SignedBytes>> {
        read!(self, "find a certificate", tx => purges::certificate(tx, of))
    }
}
