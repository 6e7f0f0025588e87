//! What is known about the fleet and what is wanted of it, as one trait in our words.
//!
//! Everything that must survive the controller is here; what is only on its way (spooled reports)
//! is in `delivery`. SQLite serves one machine, PostgreSQL several controllers; both speak the same
//! statements and pass one suite.
//!
//! Each method is one transaction: it happened or it did not. A method that decides something on
//! behalf of a person takes [`By`] and writes it into the audit log in the same transaction. Lists
//! come in pages, progress is counted as it changes, and nothing costs as much as the fleet is
//! large.
//!
//! Deliberately absent: deletion. Campaigns, receipts, documents about providers and the audit log
//! only grow; of what
//! terminals saved, only the list of a purged repository's objects is forgotten.

pub mod audit;
pub mod backup;
pub mod calendar;
pub mod campaign;
pub mod conformance;
pub mod deactivation;
pub mod delivery;
mod error;
pub mod fleet;
pub mod notice;
pub mod page;
pub mod position;
mod postgres;
pub mod prospect;
pub mod provider;
pub mod rebind;
pub mod release;
pub mod released;
pub mod replacement;
pub mod request;
pub(crate) mod sql;
mod sqlite;
pub mod stop;
pub mod store;
pub mod terminal;
pub mod unit;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use shared::digest::{Digest, PublicKey};
use shared::document::Roster;
use shared::id::{CampaignId, ClaimId, FleetId, OrderId, TerminalId};
use shared::message::SignedBytes;
use shared::signature::Envelope;
use shared::time::UnixTime;

use crate::campaign::assignment::{AssignmentState, Fact};
use crate::campaign::frontier::UpTo;
use crate::campaign::plan::Held;
use crate::campaign::state::CampaignEvent;
use crate::campaign::store::StoreStanding;

use audit::{AuditEntry, AuditRegistry, By};
use backup::BackupRegistry;
use backup::retention::RetentionRegistry;
use calendar::CalendarRegistry;
use campaign::{
    Approval, Assignment, Besides, Campaign, CampaignTally, Changes, Issue, NewCampaign, NotAgain,
    Purpose, Reprioritised, SignedAnew, Start, StoredBatch, Tripped, WaveEvent, WaveStanding,
};
use deactivation::DeactivationRegistry;
use delivery::{AlarmKind, AnyAlarm, Applied, Delivered, Heard, NewOrder, Numbering, Owed};
pub use error::RegistryError;
use fleet::{FleetTally, Operator, StoredRoster};
use notice::NoticeRegistry;
use page::Page;
use position::PositionRegistry;
use prospect::ProspectRegistry;
use provider::ProviderRegistry;
use rebind::RebindRegistry;
use release::{StoredArtifact, StoredRelease};
use released::ReleasedRegistry;
use replacement::ReplacementRegistry;
use request::RequestRegistry;
use stop::StopRegistry;
use store::StoreRegistry;
use terminal::{Claim, Enrolled, Enrolment, NewClaim, Terminal};
use unit::UnitRegistry;

type Result<T> = std::result::Result<T, RegistryError>;

/// Which database, as an operator writes it: `sqlite:<file>` or `postgres://…`.
pub async fn open(target: &str) -> Result<Arc<dyn Registry>> {
    if target.starts_with("postgres://") || target.starts_with("postgresql://") {
        return Ok(Arc::new(postgres::PostgresDatabase::open(target).await?));
    }
    match target.strip_prefix("sqlite:").filter(|file| !file.is_empty()) {
        Some(file) => Ok(Arc::new(sqlite::SqliteDatabase::open(Path::new(file)).await?)),
        None => Err(RegistryError::UnknownTarget(target.to_owned())),
    }
}

/// A registry that is gone when it is dropped, with its schema in place: for tests.
pub async fn in_memory() -> Result<Arc<dyn Registry>> {
    let registry = sqlite::SqliteDatabase::in_memory().await?;
    registry.migrate().await?;
    Ok(Arc::new(registry))
}

/// Runs statements on a registry's file as somebody who has it.
#[cfg(test)]
pub(crate) async fn tamper(file: &std::path::Path, statements: &[&str]) {
    sqlite::tamper(file, statements).await;
}

/// As [`in_memory`], and it fails when the fuse blows.
#[cfg(test)]
pub(crate) async fn in_memory_with_fuse(fuse: sql::fuse::Fuse) -> Result<Arc<dyn Registry>> {
    let registry = sqlite::SqliteDatabase::in_memory().await?.with_fuse(fuse);
    registry.migrate().await?;
    Ok(Arc::new(registry))
}

/// On disk, with a fuse, and with transactions that are torn after statements that begin so.
#[cfg(test)]
pub(crate) async fn on_disk_with_fuse(
    file: &Path,
    fuse: sql::fuse::Fuse,
    torn_after: Option<&'static str>,
) -> Result<Arc<dyn Registry>> {
    let registry = sqlite::SqliteDatabase::open(file).await?.with_fuse(fuse);
    Ok(match torn_after {
        Some(after) => Arc::new(registry.torn(after)),
        None => Arc::new(registry),
    })
}

/// Every row of every table of a registry on disk, as text.
#[cfg(test)]
pub(crate) async fn content(file: &Path) -> Vec<String> {
    sqlite::content(file).await
}

#[async_trait]
pub trait Registry:
    BackupRegistry
    + AuditRegistry
    + RetentionRegistry
    + CalendarRegistry
    + PositionRegistry
    + ProspectRegistry
    + ProviderRegistry
    + DeactivationRegistry
    + NoticeRegistry
    + RebindRegistry
    + ReleasedRegistry
    + ReplacementRegistry
    + RequestRegistry
    + StopRegistry
    + StoreRegistry
    + UnitRegistry
    + Debug
    + Send
    + Sync
{
    /// `sqlite` or `postgres`.
    fn kind(&self) -> &'static str;

    // ── The schema ──

    /// Brings the schema up to date and gives its version; does nothing when it is. Refuses a
    /// schema that is newer than this build.
    async fn migrate(&self) -> Result<i64>;

    /// Refuses a schema that is not exactly the one that this build needs.
    async fn check_schema(&self) -> Result<()>;

    // ── The fleet ──

    /// Says whose registry this is: at first for good, later only if it is the same fleet.
    async fn belongs_to(&self, fleet: FleetId) -> Result<()>;

    /// How many terminals and campaigns there are of each kind.
    async fn fleet_tally(&self) -> Result<FleetTally>;

    /// An operator of the same name gets the new token instead.
    async fn put_operator(&self, operator: &Operator, by: &By) -> Result<()>;

    /// Whoever is called otherwise is no operator any more; gives how many that were.
    async fn keep_operators(&self, names: &[String], by: &By) -> Result<u64>;

    async fn operator_by_token(&self, token_hash: Digest) -> Result<Option<Operator>>;

    /// By name.
    async fn operators(&self, page: &Page<String>) -> Result<Vec<Operator>>;

    /// Adds the roster that follows the newest one; the same one again changes nothing. Whether
    /// it is signed well enough is the caller's question.
    async fn add_roster(&self, roster: &Envelope<Roster>, by: &By) -> Result<()>;

    /// Ascending, from the one after `version`.
    async fn rosters_after(&self, version: u64, limit: u32) -> Result<Vec<StoredRoster>>;

    async fn newest_roster(&self) -> Result<Option<StoredRoster>>;

    // ── Claims and terminals ──

    /// Makes the store, the place and the terminal where they are not known yet, and replaces an
    /// older claim for the same serial number.
    async fn add_claim(&self, claim: &NewClaim, by: &By) -> Result<Claim>;

    async fn claim(&self, id: ClaimId) -> Result<Option<Claim>>;

    /// The newest claim for this serial number.
    async fn claim_by_serial(&self, serial: &str) -> Result<Option<Claim>>;

    /// Newest first.
    async fn claims(&self, page: &Page<ClaimId>) -> Result<Vec<Claim>>;

    /// Somebody proved this claim wrong; after [`terminal::WRONG_GUESSES_MAX`] it is locked. Gives
    /// the claim as it is now.
    async fn wrong_guess(&self, claim: ClaimId, by: &By) -> Result<Claim>;

    /// Uses the claim: the terminal is enrolled, in a new epoch. Again with the same key: it gets
    /// the new certificate and keeps its epoch.
    async fn enrol(&self, enrolment: &Enrolment, by: &By) -> Result<Enrolled>;

    async fn terminal(&self, id: TerminalId) -> Result<Option<Terminal>>;

    async fn terminal_by_serial(&self, serial: &str) -> Result<Option<Terminal>>;

    /// By id.
    async fn terminals(&self, page: &Page<TerminalId>) -> Result<Vec<Terminal>>;

    /// Those of these that exist, by id. At most [`page::PAGE_ITEMS_MAX`] at a time.
    async fn terminals_of(&self, ids: &[TerminalId]) -> Result<Vec<Terminal>>;

    /// The keys that these have had, each with the epoch with which it began, by terminal and
    /// epoch. None of whoever was revoked, was ordered to be emptied as lost, or was erased before.
    async fn terminal_keys(&self, ids: &[TerminalId]) -> Result<Vec<(TerminalId, u32, PublicKey)>>;

    /// Labels get these values; one without a value is taken away. Gives the terminal as it is now.
    /// Where it would come to more than `LABELS_MAX`, nothing is changed.
    async fn label_terminal(
        &self,
        id: TerminalId,
        labels: &BTreeMap<String, Option<String>>,
        by: &By,
    ) -> Result<Terminal>;

    /// From now on its certificates are refused, and nothing more is sent to it.
    async fn revoke_terminal(&self, id: TerminalId, by: &By) -> Result<Terminal>;

    /// Terminals that are online by their own word, but were last heard before this moment, are
    /// offline from now on. At most `limit`; gives how many there were.
    async fn mark_silent(&self, last_seen_before: UnixTime, limit: u32) -> Result<u64>;

    // ── Releases ──

    async fn add_artifact(&self, artifact: &StoredArtifact) -> Result<()>;

    async fn artifact(&self, sha256: Digest) -> Result<Option<StoredArtifact>>;

    /// Publishes a release whose artifact is known; the same one with other (more) signatures
    /// takes its place. Whether it is signed well enough is the caller's question.
    async fn add_release(&self, release: &StoredRelease, by: &By) -> Result<()>;

    async fn release(&self, digest: Digest) -> Result<Option<StoredRelease>>;

    /// Newest first.
    async fn releases(&self, page: &Page<Digest>) -> Result<Vec<StoredRelease>>;

    // ── Campaigns ──

    async fn add_campaign(&self, campaign: &NewCampaign, by: &By) -> Result<Campaign>;

    async fn campaign(&self, id: CampaignId) -> Result<Option<Campaign>>;

    /// Newest first.
    async fn campaigns(&self, page: &Page<CampaignId>) -> Result<Vec<Campaign>>;

    /// Of which something is still to be done or to be heard: awaiting approval, running, paused,
    /// or aborted with assignments still open.
    async fn campaigns_in_motion(&self) -> Result<Vec<Campaign>>;

    /// Draft → Running or AwaitingApproval, with its members fixed and their batch signed.
    async fn start_campaign(&self, id: CampaignId, start: &Start, by: &By) -> Result<Campaign>;

    /// Any other move, from the state in which the caller saw the campaign.
    async fn move_campaign(
        &self,
        seen: &Campaign,
        event: CampaignEvent,
        by: &By,
    ) -> Result<Campaign>;

    /// An aborted campaign has nothing open any more.
    async fn settle_campaign(&self, id: CampaignId, at: UnixTime) -> Result<()>;

    /// The members of a started campaign, by id. As large as the campaign: keep it.
    async fn members(&self, id: CampaignId) -> Result<Vec<TerminalId>>;

    /// Those of them who became members after the start, by id.
    async fn joiners(&self, id: CampaignId) -> Result<Vec<TerminalId>>;

    /// Takes terminals in as members of a running campaign, each with its wave. Gives how many
    /// had not joined before.
    ///
    /// The caller knows that none of them is a member of the start.
    async fn join(&self, seen: &Campaign, joiners: &[(TerminalId, u16)], by: &By) -> Result<u64>;

    /// Some of them, without the others being read.
    async fn members_page(
        &self,
        id: CampaignId,
        page: &Page<TerminalId>,
    ) -> Result<Vec<TerminalId>>;

    async fn campaign_tally(&self, id: CampaignId) -> Result<CampaignTally>;

    /// The waves of a started campaign, in the order in which they open.
    async fn waves(&self, id: CampaignId) -> Result<Vec<WaveStanding>>;

    /// Moves an open wave on, unless that was done already. Gives whether it was not.
    async fn move_wave(
        &self,
        id: CampaignId,
        wave: u16,
        event: WaveEvent,
        at: UnixTime,
    ) -> Result<bool>;

    /// Stops a campaign one of whose waves will never pass by itself, unless it stands already.
    async fn trip_campaign(&self, seen: &Campaign, tripped: Tripped) -> Result<()>;

    /// Lets a halted campaign go on, by a person who knows how many terminals have ended badly.
    async fn resume_halted(&self, seen: &Campaign, bad: u64, by: &By) -> Result<Campaign>;

    /// Assignments of a halted campaign that are to be taken back: those that have not begun, and
    /// where `all` is set those that have, too.
    async fn assignments_to_withdraw(
        &self,
        campaign: CampaignId,
        all: bool,
        limit: u32,
    ) -> Result<Vec<Assignment>>;

    /// Assignments that have not begun and whose orders were made before the windows and freezes
    /// of their stores changed last.
    async fn assignments_out_of_date(
        &self,
        campaign: CampaignId,
        limit: u32,
    ) -> Result<Vec<Assignment>>;

    async fn put_held(
        &self,
        id: CampaignId,
        held: &BTreeMap<Held, u64>,
        next: &BTreeMap<Held, UnixTime>,
    ) -> Result<()>;

    /// Gives a campaign that is not over another place among others, from the state in which the
    /// caller saw it.
    async fn reprioritise(&self, seen: &Campaign, wish: Reprioritised, by: &By)
    -> Result<Campaign>;

    /// Leaves members of a campaign out, each with its wave; whoever is at it is called back where
    /// it still can be. Gives how many were not left out before.
    async fn skip(
        &self,
        campaign: CampaignId,
        members: &[(TerminalId, u16)],
        by: &By,
    ) -> Result<u64>;

    /// Takes members in again. Gives how many were left out before.
    async fn unskip(&self, campaign: CampaignId, ids: &[TerminalId], by: &By) -> Result<u64>;

    /// Has members tried again that have ended, as often as the policy lets them be, whatever
    /// became of their terminals meanwhile. Gives why each of the others is not.
    async fn retry(
        &self,
        campaign: CampaignId,
        ids: &[TerminalId],
        by: &By,
    ) -> Result<BTreeMap<TerminalId, NotAgain>>;

    /// Members that have ended badly and are not to be tried again yet, by id.
    async fn ended_badly(
        &self,
        campaign: CampaignId,
        page: &Page<TerminalId>,
    ) -> Result<Vec<TerminalId>>;

    /// Members whose terminals are online and whose turn comes again: they were taken back when the
    /// campaign was stopped, or somebody wants them tried again.
    async fn assignments_to_release_again(
        &self,
        campaign: CampaignId,
        page: &Page<TerminalId>,
    ) -> Result<Vec<Assignment>>;

    /// Successes of this campaign that another one has taken back, and that do not say so yet.
    async fn assignments_reverted(
        &self,
        campaign: CampaignId,
        limit: u32,
    ) -> Result<Vec<Assignment>>;

    /// The campaigns that take this one back, oldest first.
    async fn campaigns_reverting(&self, campaign: CampaignId) -> Result<Vec<CampaignId>>;

    /// A person has looked at a terminal that failed again and again: it is left alone no more.
    /// Gives whether there was anything to pardon.
    async fn pardon(&self, terminal: TerminalId, by: &By) -> Result<bool>;

    /// What has changed about terminals since then by which plans decide: they came or went, were
    /// enrolled or revoked, stopped or sell again, something that was asked of them has ended, or
    /// what they are selected by is different.
    async fn changes(&self, since: UpTo) -> Result<Changes>;

    /// What else goes on with these terminals, beside this campaign; those of which there is
    /// nothing to say are left out.
    async fn besides(
        &self,
        campaign: CampaignId,
        ids: &[TerminalId],
    ) -> Result<BTreeMap<TerminalId, Besides>>;

    /// How these stores stand: who sells there, and who is disturbed.
    async fn store_standings(
        &self,
        stores: &[String],
        now: UnixTime,
    ) -> Result<BTreeMap<String, StoreStanding>>;

    async fn batch(
        &self,
        campaign: CampaignId,
        purpose: Purpose,
        issue: Issue,
    ) -> Result<Option<StoredBatch>>;

    /// Stores a batch unless the campaign has one for this purpose already; gives the stored one.
    async fn put_batch(&self, batch: &StoredBatch) -> Result<StoredBatch>;

    // ── Approvals ──

    /// Campaigns that wait for approvers' signatures, newest first.
    async fn campaigns_awaiting_approval(&self, page: &Page<CampaignId>) -> Result<Vec<Campaign>>;

    /// The batch as the caller saw it has more signatures now, and the campaign runs if that is
    /// everybody. Whether they are good is the caller's question.
    async fn sign_batch(&self, seen: &StoredBatch, anew: &SignedAnew, by: &By) -> Result<Campaign>;

    /// Who has signed this batch besides the controller, in the order in which they were brought.
    async fn approvals(&self, batch: Digest) -> Result<Vec<Approval>>;

    /// An approver ends the campaign by this signed batch, which is what its terminals are sent
    /// where it has begun.
    async fn cancel_campaign(
        &self,
        seen: &Campaign,
        cancellation: &StoredBatch,
        approver: &Approval,
        by: &By,
    ) -> Result<Campaign>;

    // ── Assignments ──

    /// By terminal.
    async fn assignments(
        &self,
        campaign: CampaignId,
        page: &Page<TerminalId>,
    ) -> Result<Vec<Assignment>>;

    /// Those of these terminals that were released, by terminal.
    async fn assignments_of(
        &self,
        campaign: CampaignId,
        terminals: &[TerminalId],
    ) -> Result<Vec<Assignment>>;

    /// What was asked of one terminal, newest first.
    async fn assignments_on(
        &self,
        terminal: TerminalId,
        page: &Page<CampaignId>,
    ) -> Result<Vec<Assignment>>;

    /// That have been in this state since before this moment, longest first; where `away` is set,
    /// those whose terminals are offline and have said nothing since then.
    async fn assignments_since(
        &self,
        campaign: CampaignId,
        state: AssignmentState,
        before: UnixTime,
        away: bool,
        limit: u32,
    ) -> Result<Vec<Assignment>>;

    /// Of those that are at it: whose terminals are offline, and have said nothing since before
    /// this moment, by terminal.
    async fn assignments_away(
        &self,
        campaign: CampaignId,
        before: UnixTime,
        page: &Page<TerminalId>,
    ) -> Result<Vec<Assignment>>;

    /// When anybody was heard last who is online.
    async fn last_heard(&self) -> Result<Option<UnixTime>>;

    /// Orders that their terminals have not accepted for so long that they lend their places:
    /// since before the first moment where they were never sent, since before the second where
    /// they were. Longest first.
    async fn assignments_unanswered(
        &self,
        campaign: CampaignId,
        unsent_since: UnixTime,
        sent_since: UnixTime,
        limit: u32,
    ) -> Result<Vec<Assignment>>;

    /// Those that have lent their places and whose terminals are online, by terminal.
    async fn assignments_to_grant(
        &self,
        campaign: CampaignId,
        page: &Page<TerminalId>,
    ) -> Result<Vec<Assignment>>;

    /// Orders that have lent their places have one again, as far as there is room, and are sent
    /// again. Gives those that have. The campaign must be running.
    async fn grant(
        &self,
        campaign: CampaignId,
        orders: &[OrderId],
        at: UnixTime,
    ) -> Result<Vec<OrderId>>;

    /// Open ones whose order is void: their terminal began a new epoch, or was revoked.
    async fn assignments_voided(&self, campaign: CampaignId, limit: u32)
    -> Result<Vec<Assignment>>;

    /// Open ones with a valid order, to whose terminal no cancel order was issued.
    async fn assignments_to_cancel(
        &self,
        campaign: CampaignId,
        limit: u32,
    ) -> Result<Vec<Assignment>>;

    /// Open ones with a valid order that their terminal has accepted, and to which no cancel order
    /// was issued: of terminals that are frozen, or all of them where the request is. Where
    /// `suspected` is not set, of those alone that somebody has left out.
    async fn assignments_to_recall(
        &self,
        campaign: CampaignId,
        suspected: bool,
        limit: u32,
    ) -> Result<Vec<Assignment>>;

    /// Something became known about these orders other than by report. An order that is not the
    /// newest of its assignment any more is passed over. What ends badly may stop its campaign.
    async fn learn(&self, facts: &[(OrderId, Fact)], at: UnixTime) -> Result<()>;

    // ── Orders ──

    /// Of the enrolled ones among these.
    async fn numbering(&self, terminals: &[TerminalId]) -> Result<Vec<Numbering>>;

    /// Stores signed orders, each of which must carry the next number of its terminal; then they
    /// are owed. Those that do not (somebody was faster) are left out: gives those that were
    /// stored. The campaign must be running for [`Purpose::Change`], aborted for
    /// [`Purpose::Cancel`], halted or running for [`Purpose::Withdraw`], and one that goes on by
    /// itself or after a word for [`Purpose::Recall`]. What is frozen or left out gets no change,
    /// and nothing else is recalled. Of changes, those are left out as well for which there is no
    /// room: no place, no rate, or a store that could not sell.
    async fn issue(
        &self,
        campaign: CampaignId,
        purpose: Purpose,
        orders: &[NewOrder],
        at: UnixTime,
    ) -> Result<Vec<OrderId>>;

    /// Online terminals that should be looked at by now.
    async fn due_for_delivery(&self, now: UnixTime, limit: u32) -> Result<Vec<TerminalId>>;

    /// What is owed to these terminals, oldest first, at most `each` per terminal: of the present
    /// epoch, not expired, and of campaigns that are not paused (nor aborted, but for cancelling).
    async fn owed(&self, terminals: &[TerminalId], each: u32, now: UnixTime) -> Result<Vec<Owed>>;

    /// Those of these terminals that are in quarantine while nothing empties them: none of their
    /// wipes as lost is sent to them, or about to be, and none was accepted.
    async fn left_alone(&self, terminals: &[TerminalId]) -> Result<Vec<TerminalId>>;

    async fn delivered(&self, sent: &[Delivered], now: UnixTime) -> Result<()>;

    // ── What terminals say ──

    /// Applies what terminals said. In any order, any number of times, it ends in the same
    /// registry.
    async fn apply(&self, heard: &[Heard]) -> Result<Applied>;

    /// Signed receipts for an order, oldest first.
    async fn receipts(&self, order: OrderId) -> Result<Vec<SignedBytes>>;

    /// Those that are not over, newest first, by time and number of the one before.
    async fn alarms(&self, page: &Page<u64>) -> Result<Vec<(u64, AnyAlarm)>>;

    /// The newest of one kind about a terminal, which may be over.
    async fn last_alarm(&self, terminal: TerminalId, kind: AlarmKind) -> Result<Option<AnyAlarm>>;

    /// As [`Self::alarms`], with those that are over.
    async fn alarms_ever(&self, page: &Page<u64>) -> Result<Vec<(u64, AnyAlarm)>>;

    // ── The audit log ──

    /// Writes down something that changes nothing in the registry.
    async fn note(&self, what: &str, object: &str, by: &By) -> Result<()>;

    /// Ascending.
    async fn audit(&self, page: &Page<u64>) -> Result<Vec<AuditEntry>>;
}
