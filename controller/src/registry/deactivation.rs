//! Suspensions, returns to service and wipes as they are stored, and what is known of the terminals
//! that they are about.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use shared::digest::{Digest, PublicKey};
use shared::document::clearance::Deregistered;
use shared::document::profile::Enclosed;
use shared::id::{CampaignId, OrderId, RequestId, TerminalId};
use shared::message::SignedBytes;
use shared::owed::Owed;
use shared::time::UnixTime;

use super::RegistryError;
use super::audit::By;
use super::campaign::{Campaign, NewCampaign};
use super::delivery::AnyAlarm;
use super::page::Page;
use super::rebind::NotBegun;
use super::stop::NewAnnouncement;
use super::terminal::{Presence, Service, Unit};
use crate::deactivation::validity::Brought;
use crate::terminal::keys::{KeyWord, NewKeyWord};

type Result<T> = std::result::Result<T, RegistryError>;

/// A change of service of exactly these terminals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDeactivation {
    pub campaign: NewCampaign,
    /// For a wipe: the clearances of exactly its members.
    pub clearances: BTreeMap<TerminalId, Enclosed>,
    pub members: Vec<TerminalId>,
    /// The accepted request that it carries out.
    pub request: RequestId,
    /// As JSON: see [`crate::deactivation::plan`].
    pub plan: String,
    /// Of a suspension whose moment was not announced.
    pub announcement: Option<NewAnnouncement>,
    /// Who answers for parties that do not know of it, for the audit log.
    pub untold: Option<String>,
    /// Who answers for what speaks against it, by the code of the finding.
    pub answered: BTreeMap<String, String>,
    /// Who answers for stores in which nobody sells any more.
    pub close_store: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deactivation {
    pub campaign: CampaignId,
    pub request: RequestId,
    pub plan: String,
    pub created_at: UnixTime,
    pub created_by: String,
}

/// What is counted of a change of service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub terminals: u64,
    /// Those that may not stop in time.
    pub at_risk: u64,
    /// Those that owe something for too long.
    pub late: u64,
    /// Of its request: what people have not done in time.
    pub late_items: u64,
}

/// What is known of one terminal that is to stop, to sell again, or to be emptied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceFacts {
    pub terminal: TerminalId,
    pub serial: String,
    pub model: String,
    pub store: String,
    pub lane: Option<String>,
    pub unit: Unit,
    pub presence: Presence,
    pub epoch: u32,
    pub key: Option<PublicKey>,
    pub service: Service,
    /// The order that made it so.
    pub service_order: Option<OrderId>,
    pub service_at: Option<UnixTime>,
    /// The order by which it left service, however many it has carried out since.
    pub stopped_by: Option<OrderId>,
    /// Of one that is suspended and has not settled.
    pub owing: Option<Owing>,
    /// What a wipe of it must name.
    pub challenge: Option<Digest>,
    /// Of its newest snapshot that is verified in both places, and when that was taken.
    pub saved: Option<(Digest, UnixTime)>,
    /// The providers that know it by the bindings of its place; empty where none is known.
    pub bound_with: BTreeSet<String>,
    pub deregistered: Vec<Deregistered>,
    /// What people say of its payment keys, since it enrolled last.
    pub keys: Vec<KeyWord>,
    pub is_frozen: bool,
    /// Its store or its merchant is.
    pub is_place_frozen: bool,
    /// Another terminal has its place, and nobody has enrolled it anew since.
    pub is_replaced: bool,
    /// A replacement is to put another terminal into its place, or has; it was not cancelled.
    pub is_being_replaced: bool,
}

/// What a suspended terminal has not sent or settled, by its own signed word, and what people have
/// accepted of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owing {
    /// By binding; empty where the till says that it owes nothing, and nobody has confirmed it.
    pub owed: Vec<Owed>,
    pub settled_by: UnixTime,
    pub reason: String,
    pub accepted_by: String,
}

/// A terminal that has signed that it is erased, and that nobody has certified yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erased {
    pub facts: ServiceFacts,
    pub order: OrderId,
    /// That asked for it.
    pub request: Option<RequestId>,
    /// The signed receipt, by which it succeeded.
    pub receipt: SignedBytes,
    pub batch: SignedBytes,
    /// The payload of its clearance.
    pub clearance: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sanitisation {
    pub order: OrderId,
    pub terminal: TerminalId,
    pub digest: Digest,
    pub signed: SignedBytes,
    pub created_at: UnixTime,
}

/// The part of the registry that is about terminals which stop.
/// What came of taking back that a party no longer knows a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Withdrawn {
    Done,
    /// Nobody has written that down.
    NotThere,
    /// People are asked to sign for a wipe that says so, or have.
    Relied {
        campaign: CampaignId,
    },
}

#[async_trait]
pub trait DeactivationRegistry {
    /// Adds a draft with its clearances, and schedules the request. All of it or nothing.
    async fn add_deactivation(
        &self,
        new: &NewDeactivation,
        by: &By,
    ) -> Result<std::result::Result<Campaign, NotBegun>>;

    async fn deactivation(&self, campaign: CampaignId) -> Result<Option<Deactivation>>;

    /// Newest first.
    async fn deactivations(&self, page: &Page<CampaignId>) -> Result<Vec<Deactivation>>;

    /// What is late is as it was found last, but for items.
    async fn deactivation_counts(&self, campaign: CampaignId, now: UnixTime) -> Result<Counts>;

    /// By id; those that nobody knows are left out.
    async fn service_facts(&self, terminals: &[TerminalId]) -> Result<Vec<ServiceFacts>>;

    /// How many other terminals of these stores sell on: see [`super::terminal::Terminal::sells`].
    /// Not those that are to stop themselves.
    async fn selling_besides(
        &self,
        stores: &[String],
        terminals: &[TerminalId],
        now: UnixTime,
    ) -> Result<BTreeMap<String, u64>>;

    /// Writes down that a party no longer knows a terminal, in place of what was written before.
    async fn put_deregistration(
        &self,
        terminal: TerminalId,
        told: &Deregistered,
        by: &By,
    ) -> Result<()>;

    /// Takes back that a party no longer knows a terminal, by the reference that is written down.
    async fn withdraw_deregistration(
        &self,
        terminal: TerminalId,
        told: &Deregistered,
        by: &By,
    ) -> Result<Withdrawn>;

    /// Writes down what somebody says of its payment keys, in place of what was said before of
    /// these kinds; gives all that is said then.
    async fn put_keys(
        &self,
        terminal: TerminalId,
        said: &NewKeyWord,
        by: &By,
    ) -> Result<Vec<KeyWord>>;

    /// By each component what the campaign that was completed last has brought to terminals of this
    /// model in this store.
    async fn brought_to(&self, store: &str, model: &str) -> Result<Vec<Brought>>;

    /// By id, of this page of terminals that have none; those that have signed no success are left
    /// out. With it the last of the page, from which the next one goes on.
    async fn uncertified(
        &self,
        page: &Page<TerminalId>,
    ) -> Result<(Vec<Erased>, Option<TerminalId>)>;

    /// Keeps a certificate, once for an order; whether it was the first.
    async fn add_sanitisation(&self, certificate: &Sanitisation, by: &By) -> Result<bool>;

    /// Puts erased terminals on the deny list that are away and were heard last before that, and
    /// those that were erased before the other time, wherever they are; says whom. At most a
    /// hundred at once.
    async fn retire_erased(
        &self,
        last_seen_before: UnixTime,
        erased_before: UnixTime,
        by: &By,
    ) -> Result<Vec<TerminalId>>;

    /// Makes these the open alarms of the kinds of [`crate::deactivation::watch::KINDS`], and ends
    /// all others of them; gives how many are new.
    async fn put_alarms_of_stops(&self, alarms: &[AnyAlarm], now: UnixTime) -> Result<u64>;

    /// Of suspensions that are completed, while their requests are not closed: members that were
    /// to stop, and are in service as far as it is known.
    async fn unstopped(&self) -> Result<Vec<(CampaignId, TerminalId)>>;

    /// Terminals that are suspended and have not settled, by which order, and what they owe.
    async fn owing(&self) -> Result<Vec<(TerminalId, OrderId, Owing)>>;

    /// Looks whether something empties each terminal in quarantine yet: that nothing does is an
    /// alarm.
    async fn look_at_quarantines(&self, now: UnixTime) -> Result<()>;

    /// By id.
    async fn deactivation_members(&self, campaign: CampaignId) -> Result<Vec<TerminalId>>;

    /// Newest first.
    async fn sanitisations(&self, terminal: TerminalId) -> Result<Vec<Sanitisation>>;
}
