//! Suspensions, returns to service and wipes, and what is known of the terminals they are about.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use shared::change::{Change, SettlementDelay};
use shared::digest::Digest;
use shared::document::Receipt;
use shared::document::clearance::Deregistered;
use shared::document::receipt::{Evidence, Said};
use shared::id::{CampaignId, OrderId, TerminalId};
use shared::message::SignedBytes;
use shared::outcome::Outcome;
use shared::owed::is_settled;
use shared::signature::Envelope;
use shared::step_names::{STOP, saved_manifest};
use shared::time::UnixTime;

use super::guards::terminal_is_replaced;
use super::rebinds::{put_enclosed, rebinding};
use super::session::{
    Access, Database, Row, Transaction, Value, bytes, code, flag, int, json, list, maybe_text,
    text, time, with_id_list,
};
use super::suspicions::{place_is_frozen, terminal_is_frozen};
use super::tally::Differences;
use super::{
    SqlRegistry, alarms, audit, brought, campaigns, deregistrations, finish, guards, keys,
    quarantine, read, receipts, requests, stops, terminals, transaction, units, write,
};
use crate::campaign::state::CampaignState;
use crate::deactivation::validity::Brought;
use crate::deactivation::watch;
use crate::registry::RegistryError;
use crate::registry::audit::By;
use crate::registry::campaign::Campaign;
use crate::registry::deactivation::{
    Counts, Deactivation, DeactivationRegistry, Erased, NewDeactivation, Owing, Sanitisation,
    ServiceFacts, Withdrawn,
};
use crate::registry::delivery::AnyAlarm;
use crate::registry::page::Page;
use crate::registry::rebind::NotBegun;
use crate::registry::terminal::Service;
use crate::request::{RequestKind, RequestState};
use crate::terminal::keys::{KeyWord, NewKeyWord};

/// Terminals in one transaction.
const RETIRED_MAX: u32 = 100;

type Result<T> = std::result::Result<T, RegistryError>;

#[async_trait]
impl<D: Database> DeactivationRegistry for SqlRegistry<D> {
    async fn add_deactivation(
        &self,
        new: &NewDeactivation,
        by: &By,
    ) -> Result<std::result::Result<Campaign, NotBegun>> {
        write!(self, "add a change of service", tx => add(tx, new, by))
    }

    async fn deactivation(&self, campaign: CampaignId) -> Result<Option<Deactivation>> {
        read!(self, "find a change of service", tx => of_campaign(tx, campaign))
    }

    async fn deactivations(&self, page: &Page<CampaignId>) -> Result<Vec<Deactivation>> {
        read!(self, "list changes of service", tx => listed(tx, page))
    }

    async fn deactivation_counts(&self, campaign: CampaignId, now: UnixTime) -> Result<Counts> {
        read!(self, "count a change of service", tx => counts(tx, campaign, now))
    }

    async fn service_facts(&self, ids: &[TerminalId]) -> Result<Vec<ServiceFacts>> {
        read!(self, "look up who is in service", tx => facts(tx, ids))
    }

    async fn selling_besides(
        &self,
        stores: &[String],
        ids: &[TerminalId],
        now: UnixTime,
    ) -> Result<BTreeMap<String, u64>> {
        read!(self, "count who sells besides", tx => {
            guards::selling_besides(tx, stores, ids, now)
        })
    }

    async fn put_deregistration(
        &self,
        terminal: TerminalId,
        told: &Deregistered,
        by: &By,
    ) -> Result<()> {
        write!(self, "note a deregistration", tx => {
            deregistrations::put(tx, terminal, told, by)
        })
    }

    async fn withdraw_deregistration(
        &self,
        terminal: TerminalId,
        told: &Deregistered,
        by: &By,
    ) -> Result<Withdrawn> {
        write!(self, "take back a deregistration", tx => {
            deregistrations::withdraw(tx, terminal, told, by)
        })
    }

    async fn put_keys(
        &self,
        terminal: TerminalId,
        said: &NewKeyWord,
        by: &By,
    ) -> Result<Vec<KeyWord>> {
        write!(self, "note what is said of keys", tx => keys::put(tx, terminal, said, by))
    }

    async fn brought_to(&self, store: &str, model: &str) -> Result<Vec<Brought>> {
        read!(self, "look what campaigns have brought", tx => brought::to(tx, store, model))
    }

    async fn uncertified(
        &self,
        page: &Page<TerminalId>,
    ) -> Result<(Vec<Erased>, Option<TerminalId>)> {
        read!(self, "find who has no certificate", tx => uncertified(tx, page))
    }

    async fn add_sanitisation(&self, certificate: &Sanitisation, by: &By) -> Result<bool> {
        write!(self, "keep a certificate", tx => add_sanitisation(tx, certificate, by))
    }

    async fn retire_erased(
        &self,
        last_seen_before: UnixTime,
        erased_before: UnixTime,
        by: &By,
    ) -> Result<Vec<TerminalId>> {
        write!(self, "retire who is erased", tx => retire(tx, last_seen_before, erased_before, by))
    }

    async fn put_alarms_of_stops(&self, alarms: &[AnyAlarm], now: UnixTime) -> Result<u64> {
        write!(self, "note what of stops is late", tx => {
            alarms::replace(tx, &watch::KINDS, alarms, now)
        })
    }

    async fn unstopped(&self) -> Result<Vec<(CampaignId, TerminalId)>> {
        read!(self, "find who has not stopped", tx => unstopped(tx))
    }

    async fn owing(&self) -> Result<Vec<(TerminalId, OrderId, Owing)>> {
        read!(self, "find who owes", tx => owing(tx))
    }

    async fn look_at_quarantines(&self, now: UnixTime) -> Result<()> {
        write!(self, "look at terminals in quarantine", tx => quarantine::look_at_all(tx, now))
    }

    async fn deactivation_members(&self, campaign: CampaignId) -> Result<Vec<TerminalId>> {
        read!(self, "list who changes service", tx => members(tx, campaign))
    }

    async fn sanitisations(&self, terminal: TerminalId) -> Result<Vec<Sanitisation>> {
        read!(self, "list certificates", tx => sanitisations(tx, terminal))
    }
}

/// Looks at everything that may be refused before it writes.
async fn add(
    tx: &mut Transaction,
    new: &NewDeactivation,
    by: &By,
) -> Result<std::result::Result<Campaign, NotBegun>> {
    if let Some(refused) = guards::refused(tx, new, by.at).await? {
        return Ok(Err(refused));
    }
    let is_again = is_taken_up_again(tx, new).await?;
    if !is_again && let Err(refused) = requests::to_schedule(tx, new.request).await? {
        return Ok(Err(refused.into()));
    }
    let taken = match new.campaign.change.is_of_lost() {
        true => being_emptied_as_lost(tx, &new.members).await?,
        false => taken_by_another(tx, new).await?,
    };
    if let Some(&(terminal, campaign)) = taken.first() {
        return Ok(Err(NotBegun::InAnotherChange { terminal, campaign }));
    }
    if is_again {
        let scheduled = requests::known(tx, new.request).await?;
        requests::put_unscheduled(tx, scheduled, by).await?;
    }
    let request = match requests::to_schedule(tx, new.request).await? {
        Ok(request) => request,
        // Nothing may be left of what was written: the transaction fails.
        Err(_) => return Err(RegistryError::Contended),
    };
    let campaign = campaigns::add(tx, &new.campaign, by).await?;
    let insert = "INSERT INTO deactivations (campaign, request, plan, created_at, created_by,
             is_lost)
         VALUES ($1, $2, $3, $4, $5, $6)";
    let values = vec![
        text(campaign.id),
        text(new.request),
        text(&new.plan),
        time(by.at),
        text(&by.who),
        flag(campaign.change.is_of_lost()),
    ];
    tx.execute(insert, values).await?;
    for terminal in &new.members {
        let insert = "INSERT INTO deactivation_members (campaign, terminal) VALUES ($1, $2)";
        tx.execute(insert, vec![text(campaign.id), text(terminal)]).await?;
    }
    for (terminal, clearance) in &new.clearances {
        put_enclosed(tx, campaign.id, *terminal, clearance).await?;
    }
    if let Some(announcement) = &new.announcement {
        stops::put_announcement(tx, new.request, announcement, by).await?;
    }
    if let Some(untold) = &new.untold {
        audit::append(tx, by, "notices-overridden", format!("{} {untold}", campaign.id)).await?;
    }
    requests::put_scheduled(tx, request, campaign.id, by).await?;
    audit::append(tx, by, "deactivation-created", campaign.id).await?;
    for (code, name) in &new.answered {
        let subject = format!("{} {code} {name}", campaign.id);
        audit::append(tx, by, "deactivation-answered", subject).await?;
    }
    Ok(Ok(campaign))
}

/// Who is part of another change, from which the new one does not go on.
async fn taken_by_another(
    tx: &mut Transaction,
    new: &NewDeactivation,
) -> Result<Vec<(TerminalId, CampaignId)>> {
    let mut taken = rebinding(tx, &new.members, None).await?;
    for (terminal, campaign) in deactivating(tx, &new.members).await? {
        let under_way = campaigns::known(tx, campaign).await?.change;
        if !takes_over(&new.campaign.change, &under_way) {
            taken.push((terminal, campaign));
        }
    }
    Ok(taken)
}

/// Whether terminals go on by the new change from where the one under way has brought them: a
/// stopped till that waits for its host is allowed to settle later.
fn takes_over(new: &Change, under_way: &Change) -> bool {
    let may_owe = matches!(new, Change::Suspend(suspend) if suspend.delay.is_some());
    may_owe && matches!(under_way, Change::Suspend(_))
}

/// A decommissioning is asked for once, and takes two campaigns; and so does what is settled later.
/// When the first has ended, the request may be scheduled again.
async fn is_taken_up_again(tx: &mut Transaction, new: &NewDeactivation) -> Result<bool> {
    let request = requests::known(tx, new.request).await?;
    let (RequestState::Scheduled, Some(campaign)) = (request.state, request.campaign) else {
        return Ok(false);
    };
    let may_be = match request.kind {
        RequestKind::Decommission => true,
        RequestKind::Suspend => all_owe(tx, &new.members).await?,
        RequestKind::Rebind | RequestKind::Resume | RequestKind::Replace => false,
    };
    Ok(may_be && campaigns::known(tx, campaign).await?.ended_at.is_some())
}

/// Changes of service that are not over, drafts too, and those of these terminals that they are
/// about.
pub(super) async fn deactivating(
    tx: &mut Transaction,
    ids: &[TerminalId],
) -> Result<Vec<(TerminalId, CampaignId)>> {
    let select = with_id_list!(
        "SELECT m.terminal, m.campaign FROM deactivation_members m
         JOIN campaigns c ON c.id = m.campaign
         WHERE c.ended_at IS NULL AND m.terminal IN ",
        " ORDER BY m.terminal, m.campaign"
    );
    let rows = tx.rows(select, vec![list(ids)]).await?;
    rows.into_iter().map(|mut row| Ok((row.parsed("terminal")?, row.parsed("campaign")?))).collect()
}

/// Whether a completed campaign `c` leaves its member `m` in service, as far as it is known, whose
/// request people have not closed, and which has changed service by no later order.
macro_rules! leaves_in_service {
    () => {
        "(c.state = 'completed' AND EXISTS (SELECT 1 FROM assignments AS a
             JOIN deactivations AS of_case ON of_case.campaign = a.campaign
             JOIN requests AS asked ON asked.id = of_case.request
             JOIN orders AS o ON o.id = a.order_id
             JOIN terminals AS t ON t.id = a.terminal
             WHERE a.campaign = c.id AND a.terminal = m.terminal
                 AND a.state IN ('unreached', 'silent', 'expired', 'refused', 'failed')
                 AND asked.state IN ('scheduled', 'frozen')
                 AND t.unit = 'enrolled' AND t.service = 'in-service'
                 AND NOT EXISTS (SELECT 1 FROM orders AS later
                     WHERE later.id = t.service_order
                         AND (later.epoch, later.seq) > (o.epoch, o.seq))))"
    };
}
pub(super) use leaves_in_service;

/// Of suspensions that are completed those members that may not have stopped.
async fn unstopped(tx: &mut Transaction) -> Result<Vec<(CampaignId, TerminalId)>> {
    let select = concat!(
        "SELECT m.campaign, m.terminal FROM deactivation_members m
         JOIN campaigns c ON c.id = m.campaign WHERE ",
        leaves_in_service!(),
        " ORDER BY m.campaign, m.terminal"
    );
    let mut found = Vec::new();
    for mut row in tx.rows(select, vec![]).await? {
        let (campaign, terminal) = (row.parsed("campaign")?, row.parsed("terminal")?);
        if matches!(campaigns::known(tx, campaign).await?.change, Change::Suspend(_)) {
            found.push((campaign, terminal));
        }
    }
    Ok(found)
}

async fn all_owe(tx: &mut Transaction, ids: &[TerminalId]) -> Result<bool> {
    let select = with_id_list!(
        "SELECT COUNT(*) FROM terminals WHERE service = 'suspended-owing' AND id IN ",
        ""
    );
    let owe = count(tx.row(select, vec![list(ids)]).await?)?;
    Ok(!ids.is_empty() && owe == ids.len() as u64)
}

/// What else a terminal in the wrong hands is part of is not waited for: it may never be heard of.
/// Its wipe goes before all of that; another one that was taken back is in nobody's way.
async fn being_emptied_as_lost(
    tx: &mut Transaction,
    ids: &[TerminalId],
) -> Result<Vec<(TerminalId, CampaignId)>> {
    let mut taken = Vec::new();
    for (terminal, campaign) in deactivating(tx, ids).await? {
        let other = campaigns::known(tx, campaign).await?;
        if other.change.is_of_lost() && other.state != CampaignState::Aborted {
            taken.push((terminal, campaign));
        }
    }
    Ok(taken)
}

async fn members(tx: &mut Transaction, campaign: CampaignId) -> Result<Vec<TerminalId>> {
    let select = "SELECT terminal FROM deactivation_members WHERE campaign = $1 ORDER BY terminal";
    let rows = tx.rows(select, vec![text(campaign)]).await?;
    rows.into_iter().map(|mut row| row.parsed("terminal")).collect()
}

fn deactivation(mut row: Row) -> Result<Deactivation> {
    Ok(Deactivation {
        campaign: row.parsed("campaign")?,
        request: row.parsed("request")?,
        plan: row.text()?,
        created_at: row.time()?,
        created_by: row.text()?,
    })
}

async fn of_campaign(tx: &mut Transaction, id: CampaignId) -> Result<Option<Deactivation>> {
    let select = "SELECT campaign, request, plan, created_at, created_by FROM deactivations
         WHERE campaign = $1";
    tx.row(select, vec![text(id)]).await?.map(deactivation).transpose()
}

async fn listed(tx: &mut Transaction, page: &Page<CampaignId>) -> Result<Vec<Deactivation>> {
    let select = "SELECT campaign, request, plan, created_at, created_by FROM deactivations
         WHERE $1 IS NULL OR campaign < $1 ORDER BY campaign DESC LIMIT $2";
    let rows = tx.rows(select, vec![maybe_text(page.after), int(page.items())]).await?;
    rows.into_iter().map(deactivation).collect()
}

async fn counts(tx: &mut Transaction, campaign: CampaignId, now: UnixTime) -> Result<Counts> {
    let members = "SELECT COUNT(*) FROM deactivation_members WHERE campaign = $1";
    let at_risk = "SELECT COUNT(*) FROM alarms
         WHERE kind = 'suspension-at-risk' AND ended_at IS NULL AND subject = $1";
    let late = "SELECT COUNT(*) FROM alarms
         JOIN deactivation_members AS m ON m.terminal = alarms.terminal
         WHERE alarms.kind = 'settlement-overdue' AND alarms.ended_at IS NULL
             AND m.campaign = $1";
    let late_items = "SELECT COUNT(*) FROM stop_items AS i
         JOIN deactivations AS d ON d.request = i.request
         WHERE d.campaign = $1 AND i.done_at IS NULL AND i.due_at < $2";
    Ok(Counts {
        terminals: count(tx.row(members, vec![text(campaign)]).await?)?,
        at_risk: count(tx.row(at_risk, vec![text(campaign)]).await?)?,
        late: count(tx.row(late, vec![text(campaign)]).await?)?,
        late_items: count(tx.row(late_items, vec![text(campaign), time(now)]).await?)?,
    })
}

async fn facts(tx: &mut Transaction, ids: &[TerminalId]) -> Result<Vec<ServiceFacts>> {
    let select = with_id_list!(
        concat!(
            "SELECT id, serial, model, store, lane, unit, presence, epoch, public_key, service,
                 service_order, service_at, stopped_by, owing, challenge, ",
            terminal_is_frozen!(),
            ", ",
            place_is_frozen!(),
            ", ",
            terminal_is_replaced!(),
            ", EXISTS (SELECT 1 FROM replacements WHERE replacements.old_terminal = terminals.id
                 AND replacements.state NOT IN ('closed', 'cancelled'))
             FROM terminals WHERE id IN "
        ),
        " ORDER BY id"
    );
    let mut all = Vec::new();
    for mut row in tx.rows(select, vec![list(ids)]).await? {
        let terminal = row.parsed("terminal")?;
        all.push(ServiceFacts {
            terminal,
            serial: row.text()?,
            model: row.text()?,
            store: row.text()?,
            lane: row.maybe_text()?,
            unit: row.code()?,
            presence: row.code()?,
            epoch: row.number()?,
            key: row.maybe_parsed("public key")?,
            service: row.code()?,
            service_order: row.maybe_parsed("order")?,
            service_at: row.maybe_time()?,
            stopped_by: row.maybe_parsed("order")?,
            owing: row.maybe_json("what a terminal owes")?,
            challenge: row.maybe_parsed("digest")?,
            is_frozen: row.flag()?,
            is_place_frozen: row.flag()?,
            is_replaced: row.flag()?,
            is_being_replaced: row.flag()?,
            saved: None,
            bound_with: BTreeSet::new(),
            deregistered: Vec::new(),
            keys: Vec::new(),
        });
    }
    for it in &mut all {
        it.saved = saved(tx, it).await?;
        it.bound_with = deregistrations::bound_with(tx, it.terminal).await?;
        it.deregistered = deregistrations::of(tx, it.terminal, it.epoch).await?;
        it.keys = keys::of(tx, it.terminal, it.epoch).await?;
    }
    Ok(all)
}

/// What a terminal that stands still has saved for that, by its own signed word.
pub(super) async fn saved_while_suspended(
    tx: &mut Transaction,
    terminal: TerminalId,
) -> Result<Option<Digest>> {
    let select = "SELECT service_order FROM terminals
         WHERE id = $1 AND service IN ('suspended', 'suspended-owing')";
    let row = tx.row(select, vec![text(terminal)]).await?;
    let order = row.map(|mut row| row.maybe_parsed("order")).transpose()?.flatten();
    match order {
        Some(order) => saved_by(tx, order).await,
        None => Ok(None),
    }
}

/// Of a terminal that stands still the snapshot that it took for that, by its own signed word: what
/// it may be wiped for names no other. Else its newest.
async fn saved(tx: &mut Transaction, it: &ServiceFacts) -> Result<Option<(Digest, UnixTime)>> {
    let manifest = match (it.service, it.service_order) {
        (Service::Suspended | Service::SuspendedOwing, Some(order)) => saved_by(tx, order).await?,
        (Service::Suspended | Service::SuspendedOwing, None)
        | (Service::InService | Service::Erased, _) => None,
    };
    let select = "SELECT manifest, taken_at FROM backup_snapshots
         WHERE terminal = $1 AND state = 'available' AND ($2 IS NULL OR manifest = $2)
         ORDER BY number DESC LIMIT 1";
    let row = tx.row(select, vec![text(it.terminal), maybe_text(manifest)]).await?;
    row.map(|mut row| Ok((row.parsed("digest")?, row.time()?))).transpose()
}

/// What the receipt by which an order succeeded says that was saved.
async fn saved_by(tx: &mut Transaction, order: OrderId) -> Result<Option<Digest>> {
    Ok(success(tx, order).await?.and_then(|(_, evidence)| saved_manifest(&evidence)))
}

fn count(row: Option<Row>) -> Result<u64> {
    row.map_or(Ok(0), |mut row| row.number())
}

/// What the end of an order made of its terminal, and of its unit. The newest order that took
/// effect decides, whichever is heard of first.
pub(super) async fn ended(
    tx: &mut Transaction,
    terminal: TerminalId,
    (order, change): (OrderId, &Change),
    (outcome, evidence): (&Outcome, &[Evidence]),
    at: UnixTime,
    differences: &mut Differences,
) -> Result<()> {
    let Outcome::Succeeded { now } = outcome else {
        return handed_over(tx, terminal, (order, change), (outcome, evidence)).await;
    };
    let mut owing = None;
    let (service, action) = match change {
        Change::Suspend(suspend) if !is_settled(now) => {
            owing = Some(owing_of(suspend.delay.as_ref(), evidence, at));
            (Service::SuspendedOwing, "terminal-suspended-owing")
        }
        Change::Suspend(_) => (Service::Suspended, "terminal-suspended"),
        Change::Resume(_) => (Service::InService, "terminal-resumed"),
        Change::Decommission(_) => (Service::Erased, "terminal-erased"),
        Change::Ping(_)
        | Change::Backup(_)
        | Change::Drill(_)
        | Change::Upgrade(_)
        | Change::Restore(_)
        | Change::Rebind(_)
        | Change::Cancel(_) => return Ok(()),
    };
    let by = By { who: terminal.to_string(), why: order.to_string(), at };
    audit::append(tx, &by, action, terminal).await?;
    // Numbers within an epoch are of one stream: all of these need people.
    let update =
        "UPDATE terminals SET service = $2, service_order = $3, service_at = $4, owing = $5,
             stopped_by = CASE WHEN $2 = 'in-service' THEN NULL ELSE COALESCE(stopped_by, $3) END
         WHERE id = $1 AND NOT EXISTS (
             SELECT 1 FROM orders AS last JOIN orders AS this ON this.id = $3
             WHERE last.id = terminals.service_order
                 AND (last.epoch, last.seq) >= (this.epoch, this.seq))";
    let owing = owing.as_ref().map_or(Value::Text(None), json);
    let values = vec![text(terminal), code(service), text(order), time(at), owing];
    match tx.execute(update, values).await? {
        0 => Ok(()),
        _ => {
            differences.changed(terminal);
            units::follow::signed(tx, terminal, (service, order), &by, differences).await
        }
    }
}

/// It says itself that it does not know whether it has settled, where it had signed before that it
/// has: its books are new. It is wiped by what it signs anew, once it has settled and is saved.
pub(super) async fn lost_its_books(
    tx: &mut Transaction,
    terminal: TerminalId,
    at: UnixTime,
) -> Result<()> {
    let update = "UPDATE terminals SET service = 'suspended-owing', owing = $2
         WHERE id = $1 AND service = 'suspended'";
    let owing = Owing {
        owed: Vec::new(),
        settled_by: at,
        reason: "the terminal has lost its books".to_owned(),
        accepted_by: String::new(),
    };
    if tx.execute(update, vec![text(terminal), json(&owing)]).await? == 1 {
        let why = owing.reason;
        let by = By { who: terminal.to_string(), why, at };
        audit::append(tx, &by, "terminal-suspended-owing", terminal).await?;
    }
    Ok(())
}

/// A suspension that another one took over has stopped its terminal all the same; one that people
/// took back has let it sell again, whether it had stopped before (then it rolls back) or not.
async fn handed_over(
    tx: &mut Transaction,
    terminal: TerminalId,
    (order, change): (OrderId, &Change),
    (outcome, evidence): (&Outcome, &[Evidence]),
) -> Result<()> {
    let Change::Suspend(_) = change else { return Ok(()) };
    let stopped_by = match outcome {
        Outcome::Superseded if evidence.iter().any(|it| it.step == STOP) => Some(order),
        Outcome::Cancelled { .. } | Outcome::RolledBack { .. } => None,
        Outcome::Superseded
        | Outcome::Succeeded { .. }
        | Outcome::Failed { .. }
        | Outcome::RollbackFailed { .. }
        | Outcome::Expired => return Ok(()),
    };
    let update = "UPDATE terminals SET stopped_by = $2
         WHERE id = $1 AND service = 'in-service' AND (stopped_by IS NULL OR $2 IS NULL)";
    tx.execute(update, vec![text(terminal), maybe_text(stopped_by)]).await?;
    Ok(())
}

async fn owing(tx: &mut Transaction) -> Result<Vec<(TerminalId, OrderId, Owing)>> {
    let select = "SELECT id, service_order, owing FROM terminals
         WHERE service = 'suspended-owing' AND unit = 'enrolled'
             AND service_order IS NOT NULL AND owing IS NOT NULL
         ORDER BY id";
    let mut all = Vec::new();
    for mut row in tx.rows(select, vec![]).await? {
        let (terminal, order) = (row.parsed("terminal")?, row.parsed("order")?);
        let owing = row.maybe_json("what a terminal owes")?;
        all.extend(owing.map(|owing| (terminal, order, owing)));
    }
    Ok(all)
}

/// A terminal that owes what nobody has accepted is late at once.
fn owing_of(delay: Option<&SettlementDelay>, evidence: &[Evidence], at: UnixTime) -> Owing {
    let text = |of: fn(&SettlementDelay) -> &String| delay.map(of).cloned().unwrap_or_default();
    Owing {
        owed: evidence.iter().filter_map(|piece| piece.note.parse().ok()).collect(),
        settled_by: delay.map_or(at, |delay| delay.settled_by),
        reason: text(|delay| &delay.reason),
        accepted_by: text(|delay| &delay.accepted_by),
    }
}

/// Erased terminals that were heard last before that do not come back, and what was erased long ago
/// has no key to speak with: they are on the deny list from then on, and whoever speaks with their
/// certificates is an alarm.
async fn retire(
    tx: &mut Transaction,
    last_seen_before: UnixTime,
    erased_before: UnixTime,
    by: &By,
) -> Result<Vec<TerminalId>> {
    let select = "SELECT id FROM terminals WHERE service = 'erased' AND unit = 'enrolled'
             AND ((presence <> 'online' AND COALESCE(last_seen_at, 0) < $1) OR service_at < $2)
         ORDER BY id LIMIT $3";
    let values = vec![time(last_seen_before), time(erased_before), int(RETIRED_MAX)];
    let mut retired = Vec::new();
    for mut row in tx.rows(select, values).await? {
        let terminal = row.parsed("terminal")?;
        terminals::revoke(tx, terminal, by).await?;
        retired.push(terminal);
    }
    Ok(retired)
}

async fn uncertified(
    tx: &mut Transaction,
    page: &Page<TerminalId>,
) -> Result<(Vec<Erased>, Option<TerminalId>)> {
    let select = "SELECT t.id, o.id, d.request, b.signed, p.profile FROM terminals t
         JOIN orders o ON o.id = t.service_order
         JOIN batches b ON b.digest = o.batch
         JOIN campaign_profiles p ON p.campaign = o.campaign AND p.terminal = o.terminal
         LEFT JOIN deactivations d ON d.campaign = o.campaign
         WHERE t.service = 'erased'
             AND NOT EXISTS (SELECT 1 FROM sanitisations s WHERE s.order_id = t.service_order)
             AND ($1 IS NULL OR t.id > $1)
         ORDER BY t.id LIMIT $2";
    let (mut erased, mut last) = (Vec::new(), None);
    for mut row in tx.rows(select, vec![maybe_text(page.after), int(page.items())]).await? {
        let terminal = row.parsed("terminal")?;
        let (order, request) = (row.parsed("order")?, row.maybe_parsed("request")?);
        let (batch, clearance) = (row.signed()?, row.bytes()?);
        last = Some(terminal);
        let Some((receipt, _)) = success(tx, order).await? else { continue };
        let Some(facts) = facts(tx, &[terminal]).await?.pop() else { continue };
        erased.push(Erased { facts, order, request, receipt, batch, clearance });
    }
    Ok((erased, last))
}

/// The earliest receipt by which an order succeeded, with its evidence: a terminal may have told
/// other ends too.
async fn success(
    tx: &mut Transaction,
    order: OrderId,
) -> Result<Option<(SignedBytes, Vec<Evidence>)>> {
    let with_evidence = |signed: SignedBytes| {
        let read = Envelope::<Receipt>::from_bytes(signed.as_slice()).ok()?;
        match read.document.said {
            Said::Finished { outcome: Outcome::Succeeded { .. }, evidence } => {
                Some((signed, evidence))
            }
            Said::Finished { .. } | Said::Accepted | Said::Refused { .. } => None,
        }
    };
    Ok(receipts::of(tx, order).await?.into_iter().find_map(with_evidence))
}

async fn add_sanitisation(
    tx: &mut Transaction,
    certificate: &Sanitisation,
    by: &By,
) -> Result<bool> {
    let insert = "INSERT INTO sanitisations (order_id, terminal, digest, signed, created_at)
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT (order_id) DO NOTHING";
    let values = vec![
        text(certificate.order),
        text(certificate.terminal),
        text(certificate.digest),
        bytes(certificate.signed.as_slice()),
        time(certificate.created_at),
    ];
    if tx.execute(insert, values).await? == 0 {
        return Ok(false);
    }
    let subject = format!("{} {}", certificate.terminal, certificate.digest);
    audit::append(tx, by, "terminal-certified", subject).await?;
    Ok(true)
}

async fn sanitisations(tx: &mut Transaction, terminal: TerminalId) -> Result<Vec<Sanitisation>> {
    let select = "SELECT order_id, terminal, digest, signed, created_at FROM sanitisations
         WHERE terminal = $1 ORDER BY created_at DESC, order_id DESC";
    let sanitisation = |mut row: Row| {
        Ok(Sanitisation {
            order: row.parsed("order")?,
            terminal: row.parsed("terminal")?,
            digest: row.parsed("digest")?,
            signed: row.signed()?,
            created_at: row.time()?,
        })
    };
    let rows = tx.rows(select, vec![text(terminal)]).await?;
    rows.into_iter().map(sanitisation).collect()
}
