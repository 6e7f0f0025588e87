//! The statements, once for both databases, and the trait on top of them.
//!
//! Each file below has the statements of one subject as functions over a transaction; here each
//! method of [`Registry`] runs one of them, all or nothing, again when another writer was in its
//! way.

mod alarms;
mod approvals;
mod assignments;
mod audit;
mod backup;
mod bindings;
mod brought;
mod calendars;
mod campaigns;
mod claims;
mod closed;
mod code;
mod control;
mod deactivations;
mod deregistrations;
mod fleet;
#[cfg(test)]
pub(crate) mod fuse;
mod guards;
mod keys;
mod members;
mod notices;
mod orders;
mod positions;
mod presence;
mod prospects;
mod provider;
mod quarantine;
mod rebinds;
mod receipts;
mod refusals;
mod released;
mod releases;
mod replacements;
mod reports;
mod requests;
mod scheduling;
pub(crate) mod session;
mod stops;
mod stores;
mod suspicions;
mod tally;
mod terminals;
#[cfg(test)]
pub(crate) mod torn;
mod units;
mod waves;

use std::collections::BTreeMap;
#[cfg(test)]
use std::sync::Arc;

use async_trait::async_trait;
use shared::digest::{Digest, PublicKey};
use shared::document::Roster;
use shared::id::{CampaignId, ClaimId, FleetId, OrderId, TerminalId};
use shared::message::SignedBytes;
use shared::signature::Envelope;
use shared::time::UnixTime;

use super::audit::{AuditEntry, By};
use super::campaign::{
    Approval, Assignment, Besides, Campaign, CampaignTally, Changes, Issue, NewCampaign, NotAgain,
    Purpose, Reprioritised, SignedAnew, Start, StoredBatch, Tripped, WaveEvent, WaveStanding,
};
use super::delivery::{AlarmKind, AnyAlarm, Applied, Delivered, Heard, NewOrder, Numbering, Owed};
use super::fleet::{FleetTally, Operator, StoredRoster};
use super::page::Page;
use super::release::{StoredArtifact, StoredRelease};
use super::terminal::{Claim, Enrolled, Enrolment, NewClaim, Terminal};
use super::{Registry, RegistryError};
use crate::campaign::assignment::{AssignmentState, Fact};
use crate::campaign::frontier::UpTo;
use crate::campaign::plan::Held;
use crate::campaign::state::CampaignEvent;
use crate::campaign::store::StoreStanding;
use session::{Access, Database, Transaction};

type Result<T> = std::result::Result<T, RegistryError>;

/// How often a transaction is tried when others are in its way. PostgreSQL undoes all but one of
/// those that depend on each other, so with a handful of controllers this many is out of reach.
const TRIES_MAX: usize = 32;

/// A registry in an SQL database.
#[derive(Debug)]
pub(crate) struct SqlRegistry<D> {
    database: D,
}

impl<D: Database> SqlRegistry<D> {
    pub(crate) fn new(database: D) -> Self {
        Self { database }
    }

    pub(super) fn database(&self) -> &D {
        &self.database
    }

    #[cfg(test)]
    pub(super) fn with_fuse(self, fuse: fuse::Fuse) -> SqlRegistry<fuse::Fused<D>> {
        SqlRegistry::new(fuse::Fused { database: self.database, fuse })
    }

    #[cfg(test)]
    pub(super) fn torn(self, after: &'static str) -> SqlRegistry<torn::Torn<D>>
    where
        D: 'static,
    {
        SqlRegistry::new(torn::Torn { database: Arc::new(self.database), after })
    }

    async fn begin(&self, access: Access, doing: &'static str) -> Result<Transaction> {
        match self.database.begin(access).await {
            Ok(session) => Ok(Transaction::new(session, doing)),
            Err(source) if is_contention(&source) => Err(RegistryError::Contended),
            Err(source) => Err(RegistryError::Failed { doing, source }),
        }
    }
}

/// Commits what was done, or drops it; `None` when it should be tried once more.
async fn finish<T>(tx: Transaction, done: Result<T>, tries: &mut usize) -> Option<Result<T>> {
    let finished = match done {
        Ok(done) => tx.commit().await.map(|()| done),
        Err(error) => Err(error),
    };
    match finished {
        Err(RegistryError::Failed { source, .. }) if is_contention(&source) => {
            *tries += 1;
            (*tries == TRIES_MAX).then_some(Err(RegistryError::Contended))
        }
        finished => Some(finished),
    }
}

/// Serialization failure and deadlock (SQLSTATE 40001 and 40P01), and SQLite's busy (5, and its
/// extended codes).
fn is_contention(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| {
        ["40001", "40P01"].contains(&code.as_ref())
            || code.parse::<u32>().is_ok_and(|code| code & 0xff == 5 && code < 0x1000)
    })
}

/// `read!(self, "doing this", tx => subject::function(tx, …))`, and `write!` alike: the work is
/// done in one transaction, which is repeated from its beginning when another one was in its way.
macro_rules! transaction {
    ($access:expr, $registry:ident, $doing:literal, $tx:ident => $work:expr) => {{
        let mut tries = 0;
        loop {
            let mut transaction = $registry.begin($access, $doing).await?;
            let $tx = &mut transaction;
            let done = $work.await;
            if let Some(finished) = finish(transaction, done, &mut tries).await {
                break finished;
            }
        }
    }};
}

macro_rules! read {
    ($($work:tt)+) => { transaction!(Access::Read, $($work)+) };
}

macro_rules! write {
    ($($work:tt)+) => { transaction!(Access::Write, $($work)+) };
}

use {read, transaction, write};

#[async_trait]
impl<D: Database> Registry for SqlRegistry<D> {
    fn kind(&self) -> &'static str {
        self.database.kind()
    }

    async fn migrate(&self) -> Result<i64> {
        let (found, known) = self.schema().await?;
        if found > known {
            return Err(RegistryError::NewerSchema { found, known });
        }
        self.database.migrate().await.map_err(|source| RegistryError::Migrate { source })?;
        Ok(known)
    }

    async fn check_schema(&self) -> Result<()> {
        match self.schema().await? {
            (found, known) if found > known => Err(RegistryError::NewerSchema { found, known }),
            (found, known) if found < known => Err(RegistryError::OlderSchema { found, known }),
            _ => Ok(()),
        }
    }

    async fn belongs_to(&self, fleet: FleetId) -> Result<()> {
        write!(self, "check whose it is", tx => fleet::belongs_to(tx, fleet))
    }

    async fn fleet_tally(&self) -> Result<FleetTally> {
        read!(self, "tell how many there are", tx => tally::fleet(tx))
    }

    async fn put_operator(&self, operator: &Operator, by: &By) -> Result<()> {
        write!(self, "store an operator", tx => fleet::put_operator(tx, operator, by))
    }

    async fn keep_operators(&self, names: &[String], by: &By) -> Result<u64> {
        write!(self, "remove operators", tx => fleet::keep_operators(tx, names, by))
    }

    async fn operator_by_token(&self, token_hash: Digest) -> Result<Option<Operator>> {
        read!(self, "find an operator", tx => fleet::operator_by_token(tx, token_hash))
    }

    async fn operators(&self, page: &Page<String>) -> Result<Vec<Operator>> {
        read!(self, "list operators", tx => fleet::operators(tx, page))
    }

    async fn add_roster(&self, roster: &Envelope<Roster>, by: &By) -> Result<()> {
        write!(self, "add a roster", tx => fleet::add_roster(tx, roster, by))
    }

    async fn rosters_after(&self, version: u64, limit: u32) -> Result<Vec<StoredRoster>> {
        read!(self, "list rosters", tx => fleet::rosters_after(tx, version, limit))
    }

    async fn newest_roster(&self) -> Result<Option<StoredRoster>> {
        read!(self, "find the newest roster", tx => fleet::newest_roster(tx))
    }

    async fn add_claim(&self, claim: &NewClaim, by: &By) -> Result<Claim> {
        write!(self, "make a claim", tx => claims::add(tx, claim, by))
    }

    async fn claim(&self, id: ClaimId) -> Result<Option<Claim>> {
        read!(self, "find a claim", tx => claims::by_id(tx, id))
    }

    async fn claim_by_serial(&self, serial: &str) -> Result<Option<Claim>> {
        read!(self, "find a claim", tx => claims::by_serial(tx, serial))
    }

    async fn claims(&self, page: &Page<ClaimId>) -> Result<Vec<Claim>> {
        read!(self, "list claims", tx => claims::page(tx, page))
    }

    async fn wrong_guess(&self, claim: ClaimId, by: &By) -> Result<Claim> {
        write!(self, "count a wrong guess", tx => claims::wrong_guess(tx, claim, by))
    }

    async fn enrol(&self, enrolment: &Enrolment, by: &By) -> Result<Enrolled> {
        write!(self, "enrol a terminal", tx => claims::enrol(tx, enrolment, by))
    }

    async fn terminal(&self, id: TerminalId) -> Result<Option<Terminal>> {
        read!(self, "find a terminal", tx => terminals::by_id(tx, id))
    }

    async fn terminal_by_serial(&self, serial: &str) -> Result<Option<Terminal>> {
        read!(self, "find a terminal", tx => terminals::by_serial(tx, serial))
    }

    async fn terminals(&self, page: &Page<TerminalId>) -> Result<Vec<Terminal>> {
        read!(self, "list terminals", tx => terminals::page(tx, page))
    }

    async fn terminals_of(&self, ids: &[TerminalId]) -> Result<Vec<Terminal>> {
        read!(self, "find terminals", tx => terminals::of(tx, ids))
    }

    async fn terminal_keys(&self, ids: &[TerminalId]) -> Result<Vec<(TerminalId, u32, PublicKey)>> {
        read!(self, "find the keys of terminals", tx => terminals::keys_of(tx, ids))
    }

    async fn label_terminal(
        &self,
        id: TerminalId,
        labels: &BTreeMap<String, Option<String>>,
        by: &By,
    ) -> Result<Terminal> {
        write!(self, "label a terminal", tx => terminals::label(tx, id, labels, by))
    }

    async fn revoke_terminal(&self, id: TerminalId, by: &By) -> Result<Terminal> {
        write!(self, "revoke a terminal", tx => terminals::revoke(tx, id, by))
    }

    async fn mark_silent(&self, last_seen_before: UnixTime, limit: u32) -> Result<u64> {
        write!(self, "mark silent terminals", tx => {
            terminals::mark_silent(tx, last_seen_before, limit)
        })
    }

    async fn add_artifact(&self, artifact: &StoredArtifact) -> Result<()> {
        write!(self, "note an artifact", tx => releases::add_artifact(tx, artifact))
    }

    async fn artifact(&self, sha256: Digest) -> Result<Option<StoredArtifact>> {
        read!(self, "find an artifact", tx => releases::artifact(tx, sha256))
    }

    async fn add_release(&self, release: &StoredRelease, by: &By) -> Result<()> {
        write!(self, "publish a release", tx => releases::add(tx, release, by))
    }

    async fn release(&self, digest: Digest) -> Result<Option<StoredRelease>> {
        read!(self, "find a release", tx => releases::by_digest(tx, digest))
    }

    async fn releases(&self, page: &Page<Digest>) -> Result<Vec<StoredRelease>> {
        read!(self, "list releases", tx => releases::page(tx, page))
    }

    async fn add_campaign(&self, campaign: &NewCampaign, by: &By) -> Result<Campaign> {
        write!(self, "create a campaign", tx => campaigns::add(tx, campaign, by))
    }

    async fn campaign(&self, id: CampaignId) -> Result<Option<Campaign>> {
        read!(self, "find a campaign", tx => campaigns::by_id(tx, id))
    }

    async fn campaigns(&self, page: &Page<CampaignId>) -> Result<Vec<Campaign>> {
        read!(self, "list campaigns", tx => campaigns::page(tx, page))
    }

    async fn campaigns_in_motion(&self) -> Result<Vec<Campaign>> {
        read!(self, "list campaigns in motion", tx => campaigns::in_motion(tx))
    }

    async fn start_campaign(&self, id: CampaignId, start: &Start, by: &By) -> Result<Campaign> {
        write!(self, "start a campaign", tx => campaigns::start(tx, id, start, by))
    }

    async fn move_campaign(
        &self,
        seen: &Campaign,
        event: CampaignEvent,
        by: &By,
    ) -> Result<Campaign> {
        write!(self, "move a campaign", tx => {
            campaigns::move_on(tx, seen.id, seen.state, event, by)
        })
    }

    async fn settle_campaign(&self, id: CampaignId, at: UnixTime) -> Result<()> {
        write!(self, "settle a campaign", tx => campaigns::settle(tx, id, at))
    }

    async fn members(&self, id: CampaignId) -> Result<Vec<TerminalId>> {
        read!(self, "list a campaign's members", tx => members::members(tx, id))
    }

    async fn joiners(&self, id: CampaignId) -> Result<Vec<TerminalId>> {
        read!(self, "list who joined a campaign", tx => members::joiners(tx, id))
    }

    async fn join(&self, seen: &Campaign, joiners: &[(TerminalId, u16)], by: &By) -> Result<u64> {
        write!(self, "take members in", tx => members::join(tx, seen, joiners, by))
    }

    async fn members_page(
        &self,
        id: CampaignId,
        page: &Page<TerminalId>,
    ) -> Result<Vec<TerminalId>> {
        read!(self, "read some members of a campaign", tx => members::page(tx, id, page))
    }

    async fn campaign_tally(&self, id: CampaignId) -> Result<CampaignTally> {
        read!(self, "tell how a campaign stands", tx => tally::campaign(tx, id))
    }

    async fn waves(&self, id: CampaignId) -> Result<Vec<WaveStanding>> {
        read!(self, "list a campaign's waves", tx => waves::of(tx, id))
    }

    async fn move_wave(
        &self,
        id: CampaignId,
        wave: u16,
        event: WaveEvent,
        at: UnixTime,
    ) -> Result<bool> {
        write!(self, "move a wave", tx => waves::move_on(tx, id, wave, event, at))
    }

    async fn trip_campaign(&self, seen: &Campaign, tripped: Tripped) -> Result<()> {
        write!(self, "stop a campaign", tx => waves::stop(tx, seen.id, tripped))
    }

    async fn resume_halted(&self, seen: &Campaign, bad: u64, by: &By) -> Result<Campaign> {
        write!(self, "resume a halted campaign", tx => waves::resume(tx, seen.id, bad, by))
    }

    async fn assignments_to_withdraw(
        &self,
        campaign: CampaignId,
        all: bool,
        limit: u32,
    ) -> Result<Vec<Assignment>> {
        read!(self, "find what to take back", tx => {
            assignments::to_withdraw(tx, campaign, all, limit)
        })
    }

    async fn assignments_out_of_date(
        &self,
        campaign: CampaignId,
        limit: u32,
    ) -> Result<Vec<Assignment>> {
        read!(self, "find orders with old calendars", tx => {
            assignments::out_of_date(tx, campaign, limit)
        })
    }

    async fn put_held(
        &self,
        id: CampaignId,
        held: &BTreeMap<Held, u64>,
        next: &BTreeMap<Held, UnixTime>,
    ) -> Result<()> {
        write!(self, "note who is held back", tx => campaigns::put_held(tx, id, held, next))
    }

    async fn reprioritise(
        &self,
        seen: &Campaign,
        wish: Reprioritised,
        by: &By,
    ) -> Result<Campaign> {
        write!(self, "give a campaign another place", tx => {
            control::reprioritise(tx, seen, wish, by)
        })
    }

    async fn skip(
        &self,
        campaign: CampaignId,
        members: &[(TerminalId, u16)],
        by: &By,
    ) -> Result<u64> {
        write!(self, "leave members out", tx => control::skip(tx, campaign, members, by))
    }

    async fn unskip(&self, campaign: CampaignId, ids: &[TerminalId], by: &By) -> Result<u64> {
        write!(self, "take members in again", tx => control::unskip(tx, campaign, ids, by))
    }

    async fn retry(
        &self,
        campaign: CampaignId,
        ids: &[TerminalId],
        by: &By,
    ) -> Result<BTreeMap<TerminalId, NotAgain>> {
        write!(self, "have members tried again", tx => control::again(tx, campaign, ids, by))
    }

    async fn ended_badly(
        &self,
        campaign: CampaignId,
        page: &Page<TerminalId>,
    ) -> Result<Vec<TerminalId>> {
        read!(self, "find who ended badly", tx => {
            control::ended_badly(tx, campaign, page.after, page.items())
        })
    }

    async fn assignments_to_release_again(
        &self,
        campaign: CampaignId,
        page: &Page<TerminalId>,
    ) -> Result<Vec<Assignment>> {
        read!(self, "find whose turn comes again", tx => {
            assignments::to_release_again(tx, campaign, page)
        })
    }

    async fn assignments_reverted(
        &self,
        campaign: CampaignId,
        limit: u32,
    ) -> Result<Vec<Assignment>> {
        read!(self, "find what was taken back", tx => {
            assignments::reverted(tx, campaign, limit)
        })
    }

    async fn campaigns_reverting(&self, campaign: CampaignId) -> Result<Vec<CampaignId>> {
        read!(self, "find what takes a campaign back", tx => control::reverting(tx, campaign))
    }

    async fn pardon(&self, terminal: TerminalId, by: &By) -> Result<bool> {
        write!(self, "pardon a terminal", tx => control::pardon(tx, terminal, by))
    }

    async fn changes(&self, since: UpTo) -> Result<Changes> {
        read!(self, "read what has changed", tx => scheduling::changes(tx, since))
    }

    async fn besides(
        &self,
        campaign: CampaignId,
        ids: &[TerminalId],
    ) -> Result<BTreeMap<TerminalId, Besides>> {
        read!(self, "read what else goes on", tx => scheduling::besides(tx, campaign, ids))
    }

    async fn store_standings(
        &self,
        stores: &[String],
        now: UnixTime,
    ) -> Result<BTreeMap<String, StoreStanding>> {
        read!(self, "read how stores stand", tx => scheduling::standings(tx, stores, now))
    }

    async fn batch(
        &self,
        campaign: CampaignId,
        purpose: Purpose,
        issue: Issue,
    ) -> Result<Option<StoredBatch>> {
        read!(self, "find a batch", tx => campaigns::batch_for(tx, campaign, purpose, issue))
    }

    async fn put_batch(&self, batch: &StoredBatch) -> Result<StoredBatch> {
        write!(self, "store a batch", tx => campaigns::put_batch(tx, batch))
    }

    async fn campaigns_awaiting_approval(&self, page: &Page<CampaignId>) -> Result<Vec<Campaign>> {
        read!(self, "list what awaits approval", tx => campaigns::awaiting_approval(tx, page))
    }

    async fn sign_batch(&self, seen: &StoredBatch, anew: &SignedAnew, by: &By) -> Result<Campaign> {
        write!(self, "add a signature to a batch", tx => approvals::add(tx, seen, anew, by))
    }

    async fn approvals(&self, batch: Digest) -> Result<Vec<Approval>> {
        read!(self, "list who signed a batch", tx => approvals::of(tx, batch))
    }

    async fn cancel_campaign(
        &self,
        seen: &Campaign,
        cancellation: &StoredBatch,
        approver: &Approval,
        by: &By,
    ) -> Result<Campaign> {
        write!(self, "cancel a campaign", tx => {
            approvals::cancel(tx, seen, cancellation, approver, by)
        })
    }

    async fn assignments(
        &self,
        campaign: CampaignId,
        page: &Page<TerminalId>,
    ) -> Result<Vec<Assignment>> {
        read!(self, "list assignments", tx => assignments::page(tx, campaign, page))
    }

    async fn assignments_of(
        &self,
        campaign: CampaignId,
        terminals: &[TerminalId],
    ) -> Result<Vec<Assignment>> {
        read!(self, "find assignments", tx => assignments::of(tx, campaign, terminals))
    }

    async fn assignments_on(
        &self,
        terminal: TerminalId,
        page: &Page<CampaignId>,
    ) -> Result<Vec<Assignment>> {
        read!(self, "list a terminal's assignments", tx => assignments::on(tx, terminal, page))
    }

    async fn assignments_since(
        &self,
        campaign: CampaignId,
        state: AssignmentState,
        before: UnixTime,
        away: bool,
        limit: u32,
    ) -> Result<Vec<Assignment>> {
        read!(self, "find old assignments", tx => {
            assignments::since(tx, campaign, state, (before, away), limit)
        })
    }

    async fn assignments_voided(
        &self,
        campaign: CampaignId,
        limit: u32,
    ) -> Result<Vec<Assignment>> {
        read!(self, "find voided assignments", tx => assignments::voided(tx, campaign, limit))
    }

    async fn assignments_to_cancel(
        &self,
        campaign: CampaignId,
        limit: u32,
    ) -> Result<Vec<Assignment>> {
        read!(self, "find what to cancel", tx => assignments::to_cancel(tx, campaign, limit))
    }

    async fn assignments_to_recall(
        &self,
        campaign: CampaignId,
        suspected: bool,
        limit: u32,
    ) -> Result<Vec<Assignment>> {
        read!(self, "find what to take back", tx => {
            assignments::to_recall(tx, campaign, suspected, limit)
        })
    }

    async fn learn(&self, facts: &[(OrderId, Fact)], at: UnixTime) -> Result<()> {
        write!(self, "note facts about orders", tx => assignments::learn(tx, facts, at))
    }

    async fn assignments_away(
        &self,
        campaign: CampaignId,
        before: UnixTime,
        page: &Page<TerminalId>,
    ) -> Result<Vec<Assignment>> {
        read!(self, "find who is at it and away", tx => {
            assignments::away(tx, campaign, before, page)
        })
    }

    async fn last_heard(&self) -> Result<Option<UnixTime>> {
        read!(self, "look when anybody was heard", tx => terminals::last_heard(tx))
    }

    async fn assignments_unanswered(
        &self,
        campaign: CampaignId,
        unsent_since: UnixTime,
        sent_since: UnixTime,
        limit: u32,
    ) -> Result<Vec<Assignment>> {
        read!(self, "find orders without an answer", tx => {
            assignments::unanswered(tx, campaign, unsent_since, sent_since, limit)
        })
    }

    async fn assignments_to_grant(
        &self,
        campaign: CampaignId,
        page: &Page<TerminalId>,
    ) -> Result<Vec<Assignment>> {
        read!(self, "find orders that have lent their places", tx => {
            assignments::to_grant(tx, campaign, page)
        })
    }

    async fn grant(
        &self,
        campaign: CampaignId,
        orders: &[OrderId],
        at: UnixTime,
    ) -> Result<Vec<OrderId>> {
        write!(self, "give orders a place again", tx => orders::grant(tx, campaign, orders, at))
    }

    async fn numbering(&self, terminals: &[TerminalId]) -> Result<Vec<Numbering>> {
        read!(self, "read order numbers", tx => orders::numbering(tx, terminals))
    }

    async fn issue(
        &self,
        campaign: CampaignId,
        purpose: Purpose,
        orders: &[NewOrder],
        at: UnixTime,
    ) -> Result<Vec<OrderId>> {
        write!(self, "issue orders", tx => orders::issue(tx, campaign, purpose, orders, at))
    }

    async fn due_for_delivery(&self, now: UnixTime, limit: u32) -> Result<Vec<TerminalId>> {
        read!(self, "find what is due", tx => orders::due(tx, now, limit))
    }

    async fn owed(&self, terminals: &[TerminalId], each: u32, now: UnixTime) -> Result<Vec<Owed>> {
        read!(self, "find what is owed", tx => orders::owed(tx, terminals, each, now))
    }

    async fn left_alone(&self, terminals: &[TerminalId]) -> Result<Vec<TerminalId>> {
        read!(self, "find what nothing empties", tx => orders::left_alone(tx, terminals))
    }

    async fn delivered(&self, sent: &[Delivered], now: UnixTime) -> Result<()> {
        write!(self, "note what was sent", tx => orders::delivered(tx, sent, now))
    }

    async fn apply(&self, heard: &[Heard]) -> Result<Applied> {
        write!(self, "apply reports", tx => reports::apply(tx, heard))
    }

    async fn receipts(&self, order: OrderId) -> Result<Vec<SignedBytes>> {
        read!(self, "list receipts", tx => receipts::of(tx, order))
    }

    async fn alarms(&self, page: &Page<u64>) -> Result<Vec<(u64, AnyAlarm)>> {
        read!(self, "list alarms", tx => alarms::page(tx, page, false))
    }

    async fn last_alarm(&self, terminal: TerminalId, kind: AlarmKind) -> Result<Option<AnyAlarm>> {
        read!(self, "find an alarm", tx => alarms::last_of(tx, terminal, kind))
    }

    async fn alarms_ever(&self, page: &Page<u64>) -> Result<Vec<(u64, AnyAlarm)>> {
        read!(self, "list alarms", tx => alarms::page(tx, page, true))
    }

    async fn note(&self, what: &str, object: &str, by: &By) -> Result<()> {
        write!(self, "write the audit log", tx => audit::append(tx, by, what, object))
    }

    async fn audit(&self, page: &Page<u64>) -> Result<Vec<AuditEntry>> {
        read!(self, "read the audit log", tx => audit::page(tx, page))
    }
}

impl<D: Database> SqlRegistry<D> {
    /// The versions that are there and that this build needs.
    async fn schema(&self) -> Result<(i64, i64)> {
        let doing = "read its schema's version";
        let found = self.database.schema_found().await;
        let found = found.map_err(|source| RegistryError::Failed { doing, source })?;
        Ok((found, self.database.schema_known()))
    }
}
