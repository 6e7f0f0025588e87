//! Terminals: reading them, and the changes of their lives. What they say is in `reports`.

use std::collections::BTreeMap;

use data_encoding::BASE64;
use shared::digest::PublicKey;
use shared::id::TerminalId;
use shared::message::{Battery, Component, SignedBytes, Telemetry, TillHealth};
use shared::topic::Shard;

use super::quarantine::terminal_is_quarantined;
use super::session::{
    Row, Transaction, code, int, json, list, maybe_text, text, time, with_id_list,
};
use super::suspicions::{place_is_frozen, terminal_is_frozen};
use super::tally::Differences;
use super::{audit, backup, orders, positions, quarantine, tally, units};
use crate::registry::RegistryError;
use crate::registry::audit::By;
use crate::registry::page::Page;
use crate::registry::terminal::{
    Certificate, Claim, Enrolment, NewClaim, Presence, Said, Service, Terminal, Unit,
};
use crate::terminal::label::{self, Labels, Relabelled};
use shared::time::UnixTime;

type Result<T> = std::result::Result<T, RegistryError>;

/// Whether a row of terminals tells of a battery that keeps changes waiting, as
/// [`Battery::is_low`] decides; NULL where it tells of none.
macro_rules! battery_is_low {
    () => {
        "CAST(CASE WHEN battery_percent IS NOT NULL THEN
             CASE WHEN battery_percent < battery_floor_percent AND battery_is_powered = 0
                 THEN 1 ELSE 0 END END AS BIGINT)"
    };
}
pub(super) use battery_is_low;

/// All columns of a terminal, in the order in which [`terminal`] takes them.
macro_rules! select_terminals {
    ($tail:literal) => {
        concat!(
            "SELECT id, serial, model, store, lane, labels, zone, unit, epoch, public_key,
                 certificate, certificate_expires_at, presence, last_seen_at, working_on,
                 heard_at, agent_version, components, roster_version, outbox_depth,
                 outbox_dropped, said_zone, recipient, telemetry_at, disk_free_bytes,
                 orders_refused, messages_unreadable, battery_percent, battery_floor_percent,
                 battery_is_powered, till_answers, till_restarts, created_at, service, ",
            terminal_is_frozen!(),
            ", ",
            place_is_frozen!(),
            ", ",
            terminal_is_quarantined!(),
            ", (SELECT region FROM stores WHERE stores.id = terminals.store) FROM terminals ",
            $tail
        )
    };
}

fn terminal(mut row: Row) -> Result<Terminal> {
    Ok(Terminal {
        id: row.parsed("terminal")?,
        serial: row.text()?,
        model: row.text()?,
        store: row.text()?,
        lane: row.maybe_text()?,
        labels: row.json("set of labels")?,
        zone: row.text()?,
        unit: row.code()?,
        epoch: row.number()?,
        public_key: row.maybe_parsed("public key")?,
        certificate: certificate(&mut row)?,
        presence: row.code()?,
        last_seen_at: row.maybe_time()?,
        working_on: row.maybe_parsed("order")?,
        said: said(&mut row)?,
        telemetry: telemetry(&mut row)?,
        created_at: row.time()?,
        service: row.code()?,
        is_frozen: row.flag()?,
        is_place_frozen: row.flag()?,
        is_quarantined: row.flag()?,
        region: row.maybe_text()?,
    })
}

fn certificate(row: &mut Row) -> Result<Option<Certificate>> {
    let fingerprint = row.maybe_parsed("fingerprint")?;
    let expires_at = row.maybe_time()?;
    Ok(fingerprint
        .zip(expires_at)
        .map(|(fingerprint, expires_at)| Certificate { fingerprint, expires_at }))
}

/// The columns of the last hello: all there or all absent, but for the zone, which earlier builds
/// did not keep, and the recipient, which not every terminal has.
fn said(row: &mut Row) -> Result<Option<Said>> {
    let heard_at = row.maybe_time()?;
    let agent_version = row.maybe_text()?;
    let components = row.maybe_text()?;
    let mut number = || -> Result<u64> {
        Ok(u64::try_from(row.maybe_int()?.unwrap_or_default()).unwrap_or_default())
    };
    let (roster_version, outbox_depth, outbox_dropped) = (number()?, number()?, number()?);
    let zone = row.maybe_text()?;
    let recipient = row.maybe_text()?;
    let Some(((heard_at, agent_version), components)) = heard_at.zip(agent_version).zip(components)
    else {
        return Ok(None);
    };
    let components: Vec<Component> = serde_json::from_str(&components)
        .map_err(|_| RegistryError::Unreadable { what: "list of components", value: components })?;
    Ok(Some(Said {
        heard_at,
        agent_version,
        components,
        roster_version,
        outbox_depth,
        outbox_dropped,
        zone,
        recipient: recipient
            .and_then(|text| BASE64.decode(text.as_bytes()).ok())
            .map(SignedBytes::new),
    }))
}

/// The columns of the last telemetry, which are all there or all absent.
fn telemetry(row: &mut Row) -> Result<Option<Telemetry>> {
    let at = row.maybe_time()?;
    let mut number = || -> Result<u64> {
        Ok(u64::try_from(row.maybe_int()?.unwrap_or_default()).unwrap_or_default())
    };
    let (disk_free_bytes, orders_refused, messages_unreadable) = (number()?, number()?, number()?);
    let (battery, till) = (battery(row)?, till_health(row)?);
    let telemetry =
        |at| Telemetry { at, disk_free_bytes, orders_refused, messages_unreadable, battery, till };
    Ok(at.map(telemetry))
}

/// Its columns are all there or all absent, also where there is other telemetry.
pub(super) fn till_health(row: &mut Row) -> Result<Option<TillHealth>> {
    let answers = row.maybe_int()?.map(|flag| flag != 0);
    let restarts = row.maybe_int()?.and_then(|restarts| u8::try_from(restarts).ok());
    let health = |(answers, restarts)| TillHealth { answers, restarts };
    Ok(answers.zip(restarts).map(health))
}

/// Its columns are all there or all absent, also where there is other telemetry.
fn battery(row: &mut Row) -> Result<Option<Battery>> {
    let mut percent = || -> Result<Option<u8>> {
        Ok(row.maybe_int()?.and_then(|percent| u8::try_from(percent).ok()))
    };
    let (percent, floor_percent) = (percent()?, percent()?);
    let is_powered = row.maybe_int()?.is_some_and(|flag| flag != 0);
    let battery = |(percent, floor_percent)| Battery { percent, floor_percent, is_powered };
    Ok(percent.zip(floor_percent).map(battery))
}

/// Whoever names it takes it for granted that there is one.
pub(super) async fn known(tx: &mut Transaction, id: TerminalId) -> Result<Terminal> {
    let missing = || RegistryError::Missing { what: "terminal", which: id.to_string() };
    by_id(tx, id).await?.ok_or_else(missing)
}

pub(super) async fn by_id(tx: &mut Transaction, id: TerminalId) -> Result<Option<Terminal>> {
    let row = tx.row(select_terminals!("WHERE id = $1"), vec![text(id)]).await?;
    row.map(terminal).transpose()
}

pub(super) async fn by_serial(tx: &mut Transaction, serial: &str) -> Result<Option<Terminal>> {
    let row = tx.row(select_terminals!("WHERE serial = $1"), vec![text(serial)]).await?;
    row.map(terminal).transpose()
}

pub(super) async fn page(tx: &mut Transaction, page: &Page<TerminalId>) -> Result<Vec<Terminal>> {
    let after = page.after.map(|id| id.to_string()).unwrap_or_default();
    let select = select_terminals!("WHERE id > $1 ORDER BY id LIMIT $2");
    let rows = tx.rows(select, vec![text(after), int(page.items())]).await?;
    rows.into_iter().map(terminal).collect()
}

pub(super) async fn of(tx: &mut Transaction, ids: &[TerminalId]) -> Result<Vec<Terminal>> {
    let select = with_id_list!(select_terminals!("WHERE id IN "), " ORDER BY id");
    tx.rows(select, vec![list(ids)]).await?.into_iter().map(terminal).collect()
}

/// What was extracted may sign as it likes, and what was erased begins a new life.
pub(super) async fn keys_of(
    tx: &mut Transaction,
    ids: &[TerminalId],
) -> Result<Vec<(TerminalId, u32, PublicKey)>> {
    let select = with_id_list!(
        "SELECT k.terminal, k.epoch, k.public_key FROM terminal_keys AS k
         JOIN terminals ON terminals.id = k.terminal
         WHERE terminals.unit = 'enrolled'
             AND NOT EXISTS (SELECT 1 FROM deactivation_members AS m
                 JOIN deactivations AS d ON d.campaign = m.campaign
                 WHERE m.terminal = k.terminal AND d.is_lost = 1)
             AND k.terminal IN ",
        " ORDER BY k.terminal, k.epoch"
    );
    let key =
        |mut row: Row| Ok((row.parsed("terminal")?, row.number()?, row.parsed("public key")?));
    tx.rows(select, vec![list(ids)]).await?.into_iter().map(key).collect()
}

/// Those that stand in a store.
pub(super) async fn enrolled_in(tx: &mut Transaction, store: &str) -> Result<Vec<Terminal>> {
    let select = select_terminals!("WHERE store = $1 AND unit = 'enrolled' ORDER BY id");
    tx.rows(select, vec![text(store)]).await?.into_iter().map(terminal).collect()
}

/// What a claim says about the terminal, whether it is known already or not.
pub(super) async fn announce(
    tx: &mut Transaction,
    claim: &NewClaim,
    at: UnixTime,
) -> Result<TerminalId> {
    let store = "INSERT INTO stores (id, created_at) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING";
    tx.execute(store, vec![text(&claim.store), time(at)]).await?;
    if let Some(lane) = &claim.lane {
        positions::announce(tx, &claim.store, lane, at).await?;
    }
    if let Some(known) = by_serial(tx, &claim.serial).await? {
        // Said now, to who makes the claim: who stands before the terminal could do nothing.
        check_labels(&known, &label::claimed_again(&known.labels, &claim.labels))?;
        return Ok(known.id);
    }
    let insert = "INSERT INTO terminals (id, serial, model, store, lane, labels, zone, shard,
             unit, epoch, presence, order_seq, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, $10, 0, $11)";
    let values = vec![
        text(claim.terminal),
        text(&claim.serial),
        text(&claim.model),
        text(&claim.store),
        maybe_text(claim.lane.as_ref()),
        json(&claim.labels),
        text(&claim.zone),
        int(Shard::of(claim.terminal).0),
        code(Unit::Claimed),
        code(Presence::NeverSeen),
        time(at),
    ];
    tx.execute(insert, values).await?;
    let mut differences = Differences::default();
    differences.unit(claim.terminal, None, Unit::Claimed);
    differences.write(tx).await?;
    Ok(claim.terminal)
}

/// The other terminal that stands where the claim wants to put one.
pub(super) async fn at_place(tx: &mut Transaction, claim: &Claim) -> Result<Option<TerminalId>> {
    let select = "SELECT id FROM terminals
         WHERE store = $1 AND lane = $2 AND unit = 'enrolled' AND id <> $3
         UNION SELECT terminal FROM positions
         WHERE store = $1 AND lane = $2 AND terminal <> $3";
    let values = vec![text(&claim.store), maybe_text(claim.lane.as_ref()), text(claim.terminal)];
    let row = tx.row(select, values).await?;
    row.map(|mut row| row.parsed("terminal")).transpose()
}

/// Begins a new epoch with a new key. Labels that the claim does not name stay.
pub(super) async fn enrol(
    tx: &mut Transaction,
    known: &Terminal,
    claim: &Claim,
    enrolment: &Enrolment,
    at: UnixTime,
) -> Result<()> {
    let update = "UPDATE terminals SET model = $2, store = $3, lane = $4, labels = $5, zone = $6,
             unit = $7, epoch = $8, public_key = $9, certificate = $10,
             certificate_expires_at = $11, order_seq = 0, deliver_at = NULL,
             recipient = NULL, challenge = NULL
         WHERE id = $1";
    let epoch = known.epoch.saturating_add(1);
    let values = vec![
        text(known.id),
        text(&claim.model),
        text(&claim.store),
        maybe_text(claim.lane.as_ref()),
        json(&label::claimed_again(&known.labels, &claim.labels)),
        text(&claim.zone),
        code(Unit::Enrolled),
        int(epoch),
        text(enrolment.public_key),
        text(enrolment.certificate.fingerprint),
        time(enrolment.certificate.expires_at),
    ];
    tx.execute(update, values).await?;
    let mut differences = Differences::default();
    if known.service == Service::Erased {
        begin_in_service(tx, known.id, at, &mut differences).await?;
    }
    let keep = "INSERT INTO terminal_keys (terminal, epoch, public_key) VALUES ($1, $2, $3)
         ON CONFLICT (terminal, epoch) DO NOTHING";
    tx.execute(keep, vec![text(known.id), int(epoch), text(enrolment.public_key)]).await?;
    positions::follow_enrolment(tx, known.id, (&claim.store, claim.lane.as_deref()), at).await?;
    orders::void_before(tx, known.id, epoch).await?;
    backup::watch::begin(tx, known.id, at).await?;
    differences.unit(known.id, Some(known.unit), Unit::Enrolled);
    differences.write(tx).await
}

/// What was emptied begins a new life. Whatever else stands still goes on standing still, as the
/// terminal itself does: only its own signed word changes that.
async fn begin_in_service(
    tx: &mut Transaction,
    id: TerminalId,
    at: UnixTime,
    differences: &mut Differences,
) -> Result<()> {
    let update = "UPDATE terminals SET service = 'in-service', service_order = NULL,
             service_at = NULL, owing = NULL, stopped_by = NULL
         WHERE id = $1";
    tx.execute(update, vec![text(id)]).await?;
    let forget = "DELETE FROM terminal_keys WHERE terminal = $1";
    tx.execute(forget, vec![text(id)]).await?;
    units::follow::forget(tx, id, at, differences).await
}

/// Another certificate for the same key, in the same epoch.
pub(super) async fn put_certificate(
    tx: &mut Transaction,
    id: TerminalId,
    certificate: Certificate,
) -> Result<()> {
    let update = "UPDATE terminals SET certificate = $2, certificate_expires_at = $3 WHERE id = $1";
    let values = vec![text(id), text(certificate.fingerprint), time(certificate.expires_at)];
    tx.execute(update, values).await?;
    Ok(())
}

pub(super) async fn revoke(tx: &mut Transaction, id: TerminalId, by: &By) -> Result<Terminal> {
    let before = known(tx, id).await?;
    if before.unit != Unit::Revoked {
        // Nothing it says counts any more, so nobody would notice when it goes.
        let presence = match before.presence {
            Presence::Online | Presence::Offline => Presence::Offline,
            Presence::NeverSeen => Presence::NeverSeen,
        };
        let update = "UPDATE terminals SET unit = $2, deliver_at = NULL, revoked_at = $3,
             presence = $4 WHERE id = $1";
        let values = vec![text(id), code(Unit::Revoked), time(by.at), code(presence)];
        tx.execute(update, values).await?;
        positions::vacate_of(tx, id, by.at).await?;
        backup::retention::close_all(tx, id, by.at).await?;
        orders::void_before(tx, id, before.epoch.saturating_add(1)).await?;
        let mut differences = Differences::default();
        differences.unit(id, Some(before.unit), Unit::Revoked);
        differences.presence(id, before.presence, presence);
        backup::watch::end(tx, id, by.at, &mut differences).await?;
        units::follow::forget(tx, id, by.at, &mut differences).await?;
        differences.write(tx).await?;
        audit::append(tx, by, "terminal-revoked", id).await?;
        if before.is_quarantined {
            quarantine::ended(tx, id, by).await?;
        }
    }
    known(tx, id).await
}

pub(super) async fn label(
    tx: &mut Transaction,
    id: TerminalId,
    wish: &BTreeMap<String, Option<String>>,
    by: &By,
) -> Result<Terminal> {
    let mut terminal = known(tx, id).await?;
    let Relabelled { labels, changed } = label::relabelled(&terminal.labels, wish);
    if !changed.is_empty() {
        check_labels(&terminal, &labels)?;
        let update = "UPDATE terminals SET labels = $2 WHERE id = $1";
        tx.execute(update, vec![text(id), json(&labels)]).await?;
        let subject = format!("{id} {}", changed.join(" "));
        audit::append(tx, by, "terminal-labelled", subject).await?;
        tally::changed(tx, id).await?;
        terminal.labels = labels;
    }
    Ok(terminal)
}

fn check_labels(terminal: &Terminal, then: &Labels) -> Result<()> {
    match label::may_have(&terminal.labels, then) {
        true => Ok(()),
        false => Err(RegistryError::TooManyLabels { terminal: terminal.id, count: then.len() }),
    }
}

/// When anybody was heard last who is online.
pub(super) async fn last_heard(tx: &mut Transaction) -> Result<Option<UnixTime>> {
    let select = "SELECT last_seen_at FROM terminals
         WHERE presence = 'online' AND last_seen_at IS NOT NULL
         ORDER BY last_seen_at DESC LIMIT 1";
    let row = tx.row(select, vec![]).await?;
    row.map(|mut row| row.time()).transpose()
}

pub(super) async fn mark_silent(
    tx: &mut Transaction,
    last_seen_before: UnixTime,
    limit: u32,
) -> Result<u64> {
    let select = "SELECT id FROM terminals WHERE presence = 'online' AND last_seen_at < $1
         ORDER BY last_seen_at LIMIT $2";
    let rows = tx.rows(select, vec![time(last_seen_before), int(limit)]).await?;
    let silent: Vec<TerminalId> =
        rows.into_iter().map(|mut row| row.parsed("terminal")).collect::<Result<_>>()?;
    if silent.is_empty() {
        return Ok(0);
    }
    let update = with_id_list!("UPDATE terminals SET presence = 'offline' WHERE id IN ", "");
    tx.execute(update, vec![list(&silent)]).await?;
    let mut differences = Differences::default();
    for terminal in &silent {
        differences.presence(*terminal, Presence::Online, Presence::Offline);
    }
    differences.write(tx).await?;
    Ok(silent.len() as u64)
}
