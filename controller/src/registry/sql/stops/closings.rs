//! How decommissionings are closed.

use shared::digest::Digest;
use shared::id::{RequestId, TerminalId};
use shared::time::UnixTime;

use super::super::session::{Row, Transaction, code, int, json, text, time};
use super::super::{audit, requests, units};
use super::ledger;
use crate::deactivation::closing::{CaseFacts, CloseOut, Closing, NotClosed, UnitFacts, decide};
use crate::deactivation::ledger::balances;
use crate::registry::RegistryError;
use crate::registry::audit::By;
use crate::registry::terminal::{Service, Unit as Life};
use crate::request::{Request, RequestEvent};
use crate::unit::UnitState;

type Result<T> = std::result::Result<T, RegistryError>;

pub(super) async fn facts(tx: &mut Transaction, id: RequestId) -> Result<CaseFacts> {
    let request = requests::known(tx, id).await?;
    let in_motion = requests::in_motion(tx, &request).await?;
    let balances = balances(&ledger::entries(tx, id).await?);
    // What was taken back before a terminal was ordered anything is about nobody.
    let select = "SELECT DISTINCT t.serial, t.id, t.unit, t.service FROM deactivations d
         JOIN campaigns c ON c.id = d.campaign
         JOIN deactivation_members m ON m.campaign = d.campaign
         JOIN terminals t ON t.id = m.terminal
         LEFT JOIN assignments a ON a.campaign = m.campaign AND a.terminal = m.terminal
         WHERE d.request = $1 AND (c.state <> 'aborted' OR a.campaign IS NOT NULL)
         ORDER BY t.serial";
    let mut units = Vec::new();
    for mut row in tx.rows(select, vec![text(id)]).await? {
        let (serial, terminal) = (row.text()?, row.parsed("terminal")?);
        let (life, service): (Life, Service) = (row.code()?, row.code()?);
        let sells = life == Life::Enrolled && service == Service::InService;
        units.push(UnitFacts { sells, ..unit(tx, id, serial, terminal).await? });
    }
    Ok(CaseFacts { request, units, balances, in_motion })
}

async fn unit(
    tx: &mut Transaction,
    request: RequestId,
    serial: String,
    terminal: TerminalId,
) -> Result<UnitFacts> {
    let known = units::by_serial(tx, &serial).await?;
    let returned_at = match &known {
        Some(unit) => returned_at(tx, unit.number).await?,
        None => None,
    };
    Ok(UnitFacts {
        serial,
        state: known.as_ref().map(|it| it.state),
        state_at: known.as_ref().map(|it| it.state_at),
        returned_at,
        certificate: certificate(tx, request, terminal).await?,
        sells: false,
    })
}

async fn returned_at(tx: &mut Transaction, unit: u64) -> Result<Option<UnixTime>> {
    let select = "SELECT MAX(moved_at) FROM unit_events WHERE unit = $1 AND state_to = $2";
    let row = tx.row(select, vec![int(unit), code(UnitState::Returned)]).await?;
    row.map_or(Ok(None), |mut row| row.maybe_time())
}

async fn certificate(
    tx: &mut Transaction,
    request: RequestId,
    terminal: TerminalId,
) -> Result<Option<Digest>> {
    let select = "SELECT s.digest FROM sanitisations s
         JOIN orders o ON o.id = s.order_id
         JOIN deactivations d ON d.campaign = o.campaign
         WHERE d.request = $1 AND s.terminal = $2
         ORDER BY s.created_at DESC, s.order_id DESC LIMIT 1";
    let row = tx.row(select, vec![text(request), text(terminal)]).await?;
    row.map(|mut row| row.parsed("digest")).transpose()
}

pub(super) async fn close(
    tx: &mut Transaction,
    id: RequestId,
    said: &CloseOut,
    by: &By,
) -> Result<std::result::Result<Closing, NotClosed>> {
    let facts = facts(tx, id).await?;
    let found = match decide(&facts, said, &by.who) {
        Ok(found) => found,
        Err(refused) => return Ok(Err(refused)),
    };
    let state = match facts.request.step(RequestEvent::Close) {
        Ok(state) => state,
        Err(refused) => return Ok(Err(refused.into())),
    };
    let closing = Closing { note: said.note.clone(), found, at: by.at, by: by.who.clone() };
    let insert = "INSERT INTO stop_closings (request, note, found, closed_at, closed_by)
         VALUES ($1, $2, $3, $4, $5)";
    let values =
        vec![text(id), text(&closing.note), json(&closing.found), time(by.at), text(&by.who)];
    tx.execute(insert, values).await?;
    let it = Request { state, frozen_from: None, ..facts.request };
    requests::put(tx, &it, RequestEvent::Close, by).await?;
    audit::append(tx, by, "stop-closed", id).await?;
    Ok(Ok(closing))
}

pub(super) async fn closing(tx: &mut Transaction, id: RequestId) -> Result<Option<Closing>> {
    let select = "SELECT note, found, closed_at, closed_by FROM stop_closings WHERE request = $1";
    let closing = |mut row: Row| {
        Ok(Closing {
            note: row.text()?,
            found: row.json("closing")?,
            at: row.time()?,
            by: row.text()?,
        })
    };
    tx.row(select, vec![text(id)]).await?.map(closing).transpose()
}
