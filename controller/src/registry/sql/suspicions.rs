//! What people find suspicious, and what stands still for it.

use std::collections::BTreeSet;

use shared::id::{CampaignId, TerminalId};
use shared::time::UnixTime;

use super::session::{Row, Transaction, flag, int, list, maybe_text, text, time, with_id_list};
use super::tally::Differences;
use super::{alarms, audit, requests, terminals};
use crate::registry::RegistryError;
use crate::registry::audit::By;
use crate::registry::delivery::{AlarmKind, AnyAlarm};
use crate::registry::page::{PAGE_ITEMS_MAX, Page};
use crate::request::suspicion::{Lift, NewSuspicion, NotLifted, OPEN_MAX, Scope, Suspicion, Word};
use crate::request::{RequestEvent, RequestState};

type Result<T> = std::result::Result<T, RegistryError>;

/// Whether a suspicion of `suspicions` is open and about a terminal of `terminals`, in a statement
/// that has both tables.
macro_rules! is_about_terminal {
    () => {
        concat!(
            "suspicions.lifted_at IS NULL
             AND ((suspicions.scope = 'terminal' AND suspicions.subject = terminals.id) OR ",
            $crate::registry::sql::suspicions::is_about_its_place!(),
            ")"
        )
    };
}
pub(super) use is_about_terminal;

/// Whether a suspicion, open or not, is about the store or the merchant of a terminal of
/// `terminals`.
macro_rules! is_about_its_place {
    () => {
        "((suspicions.scope = 'store' AND suspicions.subject = terminals.store)
             OR (suspicions.scope = 'merchant' AND suspicions.subject IN (
                 SELECT merchant FROM positions WHERE positions.terminal = terminals.id)))"
    };
}
pub(super) use is_about_its_place;

/// Whether a suspicion of `suspicions` keeps an order of the campaign of this column from a
/// terminal of `terminals`. That a terminal is suspicious itself keeps nobody from emptying it as
/// lost, stolen or tampered with: whoever has it could say so.
macro_rules! holds_back {
    ($campaign:literal) => {
        concat!(
            "suspicions.lifted_at IS NULL AND (",
            $crate::registry::sql::suspicions::is_about_its_place!(),
            " OR (suspicions.scope = 'terminal' AND suspicions.subject = terminals.id AND NOT ",
            $crate::registry::sql::quarantine::is_wipe_of_lost!($campaign),
            "))"
        )
    };
}
pub(super) use holds_back;

/// Whether a terminal of `terminals` is frozen, in a statement that has this table.
macro_rules! terminal_is_frozen {
    () => {
        concat!(
            "EXISTS (SELECT 1 FROM suspicions WHERE ",
            $crate::registry::sql::suspicions::is_about_terminal!(),
            ")"
        )
    };
}
pub(super) use terminal_is_frozen;

/// Whether its store or its merchant is, in a statement that has this table.
macro_rules! place_is_frozen {
    () => {
        concat!(
            "EXISTS (SELECT 1 FROM suspicions WHERE suspicions.lifted_at IS NULL AND ",
            $crate::registry::sql::suspicions::is_about_its_place!(),
            ")"
        )
    };
}
pub(super) use place_is_frozen;

macro_rules! select_suspicions {
    ($tail:literal) => {
        concat!(
            "SELECT seq, scope, subject, source, note, raised_at, raised_by, asked_at, asked_by,
                 asked_why, lifted_at, lifted_by, lifted_why
             FROM suspicions ",
            $tail
        )
    };
}

fn suspicion(mut row: Row) -> Result<Suspicion> {
    Ok(Suspicion {
        number: row.number()?,
        scope: scope(&mut row)?,
        source: row.text()?,
        note: row.text()?,
        raised_at: row.time()?,
        raised_by: row.text()?,
        asked: word(&mut row)?,
        lifted: word(&mut row)?,
    })
}

fn scope(row: &mut Row) -> Result<Scope> {
    let word = row.text()?;
    match word.as_str() {
        "terminal" => Ok(Scope::Terminal(row.parsed("terminal")?)),
        "store" => Ok(Scope::Store(row.text()?)),
        "merchant" => Ok(Scope::Merchant(row.text()?)),
        "request" => Ok(Scope::Request(row.parsed("request")?)),
        _ => Err(RegistryError::Unreadable { what: "scope of a suspicion", value: word }),
    }
}

/// The columns of what somebody said, which are all there or all absent.
fn word(row: &mut Row) -> Result<Option<Word>> {
    let (at, by, why) = (row.maybe_time()?, row.maybe_text()?, row.maybe_text()?);
    Ok(at.zip(by).zip(why).map(|((at, by), why)| Word { by, at, why }))
}

pub(super) async fn by_number(tx: &mut Transaction, number: u64) -> Result<Option<Suspicion>> {
    let row = tx.row(select_suspicions!("WHERE seq = $1"), vec![int(number)]).await?;
    row.map(suspicion).transpose()
}

async fn known(tx: &mut Transaction, number: u64) -> Result<Suspicion> {
    let missing = || RegistryError::Missing { what: "suspicion", which: number.to_string() };
    by_number(tx, number).await?.ok_or_else(missing)
}

pub(super) async fn page(
    tx: &mut Transaction,
    lifted_too: bool,
    page: &Page<u64>,
) -> Result<Vec<Suspicion>> {
    let select = select_suspicions!(
        "WHERE seq < $1 AND (lifted_at IS NULL OR $3 = 1) ORDER BY seq DESC LIMIT $2"
    );
    let before = page.after.unwrap_or(u64::MAX);
    let values = vec![int(before), int(page.items()), flag(lifted_too)];
    tx.rows(select, values).await?.into_iter().map(suspicion).collect()
}

async fn open_of(tx: &mut Transaction, scope: &Scope) -> Result<Vec<Suspicion>> {
    let select =
        select_suspicions!("WHERE scope = $1 AND subject = $2 AND lifted_at IS NULL ORDER BY seq");
    let rows = tx.rows(select, vec![text(scope.word()), text(scope.subject())]).await?;
    rows.into_iter().map(suspicion).collect()
}

/// For operators: whoever names a scope means one that is there.
pub(super) async fn raise(tx: &mut Transaction, new: &NewSuspicion, by: &By) -> Result<Suspicion> {
    let mut differences = Differences::default();
    let concerned = concerned(tx, &new.scope).await?;
    let (scope, source) = (text(new.scope.word()), text(&new.source));
    if note(tx, new, by, &mut differences).await? {
        for terminal in concerned {
            let detail = format!("{} finds {} suspicious: {}", by.who, new.scope, new.note);
            let (kind, subject, at) = (AlarmKind::Suspicion, new.source.clone(), by.at);
            let alarm = AnyAlarm { terminal, kind, subject, detail, at, ended_at: None };
            if alarms::raise(tx, &alarm, None).await? {
                differences.alarm();
            }
        }
    }
    differences.write(tx).await?;
    let select = select_suspicions!("WHERE scope = $1 AND subject = $2 AND source = $3");
    let row = tx.row(select, vec![scope, text(new.scope.subject()), source]).await?;
    match row {
        Some(row) => suspicion(row),
        // As many as there may be are open: the newest of them stands for this one.
        None => {
            let missing =
                || RegistryError::Missing { what: "suspicion", which: new.scope.to_string() };
            open_of(tx, &new.scope).await?.pop().ok_or_else(missing)
        }
    }
}

/// The terminals that an alarm is raised for, or `None` for one of no terminal; refuses a scope
/// that is not there.
async fn concerned(tx: &mut Transaction, scope: &Scope) -> Result<Vec<Option<TerminalId>>> {
    match scope {
        Scope::Terminal(id) => match terminals::by_id(tx, *id).await? {
            Some(_) => Ok(vec![Some(*id)]),
            None => Err(RegistryError::Missing { what: "terminal", which: id.to_string() }),
        },
        Scope::Store(store) => {
            let known = tx.row("SELECT id FROM stores WHERE id = $1", vec![text(store)]).await?;
            if known.is_none() {
                return Err(RegistryError::Missing { what: "store", which: store.clone() });
            }
            let select = "SELECT id FROM terminals WHERE store = $1 AND unit = 'enrolled'
                 ORDER BY id LIMIT $2";
            let rows = tx.rows(select, vec![text(store), int(PAGE_ITEMS_MAX)]).await?;
            let theirs = rows.into_iter().map(|mut row| row.parsed("terminal").map(Some));
            let theirs = theirs.collect::<Result<Vec<_>>>()?;
            Ok(if theirs.is_empty() { vec![None] } else { theirs })
        }
        Scope::Merchant(merchant) => {
            let select = "SELECT terminal FROM positions WHERE merchant = $1
                 ORDER BY terminal LIMIT $2";
            let rows = tx.rows(select, vec![text(merchant), int(PAGE_ITEMS_MAX)]).await?;
            if rows.is_empty() {
                let which = merchant.clone();
                return Err(RegistryError::Missing { what: "position of merchant", which });
            }
            let theirs = rows.into_iter().map(|mut row| row.maybe_parsed("terminal"));
            let mut theirs = theirs.collect::<Result<Vec<_>>>()?;
            theirs.sort();
            theirs.dedup();
            if theirs.iter().any(Option::is_some) {
                theirs.retain(Option::is_some);
            }
            Ok(theirs)
        }
        Scope::Request(id) => requests::known(tx, *id).await.map(|_| vec![None]),
    }
}

/// Freezes the scope, once for each source; gives whether that is a new one.
pub(super) async fn note(
    tx: &mut Transaction,
    new: &NewSuspicion,
    by: &By,
    differences: &mut Differences,
) -> Result<bool> {
    let NewSuspicion { scope, source, note } = new;
    if open_of(tx, scope).await?.len() >= OPEN_MAX as usize {
        return Ok(false);
    }
    let insert = "INSERT INTO suspicions (scope, subject, source, note, raised_at, raised_by)
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (scope, subject, source) DO NOTHING";
    let which = vec![text(scope.word()), text(scope.subject())];
    let what = vec![text(source), text(note), time(by.at), text(&by.who)];
    if tx.execute(insert, [which.clone(), what].concat()).await? == 0 {
        return Ok(false);
    }
    // Whoever wanted the others lifted did not know of this one.
    let ask_anew = "UPDATE suspicions SET asked_at = NULL, asked_by = NULL, asked_why = NULL
         WHERE scope = $1 AND subject = $2 AND lifted_at IS NULL";
    tx.execute(ask_anew, which).await?;
    if let Scope::Request(id) = scope {
        let mut it = requests::known(tx, *id).await?;
        if let Ok(state) = it.step(RequestEvent::Freeze) {
            (it.frozen_from, it.state) = (Some(it.state), state);
            requests::put(tx, &it, RequestEvent::Freeze, by).await?;
        }
    }
    differences.suspicion();
    audit::append(tx, by, "suspicion-raised", scope.subject()).await?;
    Ok(true)
}

pub(super) async fn lift(
    tx: &mut Transaction,
    number: u64,
    by: &By,
) -> Result<std::result::Result<Suspicion, NotLifted>> {
    let it = known(tx, number).await?;
    let (update, what) = match it.lift(&by.who, &by.why) {
        Err(refused) => return Ok(Err(refused)),
        Ok(Lift::Asked) => (
            "UPDATE suspicions SET asked_at = $2, asked_by = $3, asked_why = $4 WHERE seq = $1",
            "unfreeze-asked",
        ),
        Ok(Lift::Lifted) => (
            "UPDATE suspicions SET lifted_at = $2, lifted_by = $3, lifted_why = $4
             WHERE seq = $1",
            "suspicion-lifted",
        ),
    };
    let values = vec![int(number), time(by.at), text(&by.who), text(&by.why)];
    tx.execute(update, values).await?;
    audit::append(tx, by, what, it.scope.subject()).await?;
    let now = known(tx, number).await?;
    if now.lifted.is_some() {
        thaw(tx, &now, by).await?;
    }
    Ok(Ok(now))
}

/// What stood still for this one goes on, as far as nothing else holds it.
async fn thaw(tx: &mut Transaction, lifted: &Suspicion, by: &By) -> Result<()> {
    let mut differences = Differences::default();
    let ended = "UPDATE alarms SET ended_at = $2
         WHERE kind = 'suspicion' AND subject = $1 AND ended_at IS NULL AND ($3 IS NULL
             OR terminal = $3)";
    let terminal = match &lifted.scope {
        Scope::Terminal(id) => Some(id.to_string()),
        Scope::Store(_) | Scope::Merchant(_) | Scope::Request(_) => None,
    };
    let values = vec![text(&lifted.source), time(by.at), maybe_text(terminal)];
    for _ in 0..tx.execute(ended, values).await? {
        differences.alarm_ended();
    }
    differences.suspicion_lifted();
    differences.write(tx).await?;
    if let Scope::Request(id) = &lifted.scope
        && open_of(tx, &lifted.scope).await?.is_empty()
    {
        let mut it = requests::known(tx, *id).await?;
        if let Ok(state) = it.step(RequestEvent::Unfreeze) {
            (it.frozen_from, it.state) = (None, state);
            requests::put(tx, &it, RequestEvent::Unfreeze, by).await?;
        }
    }
    wake(tx, &lifted.scope, by.at).await
}

/// What is owed to the terminals of the scope is sent now.
async fn wake(tx: &mut Transaction, scope: &Scope, at: UnixTime) -> Result<()> {
    let update = match scope {
        Scope::Terminal(_) => {
            "UPDATE terminals SET deliver_at = $2 WHERE id = $1 AND id IN (
                 SELECT terminal FROM orders WHERE owed = 1)"
        }
        Scope::Store(_) => {
            "UPDATE terminals SET deliver_at = $2 WHERE store = $1 AND id IN (
                 SELECT terminal FROM orders WHERE owed = 1)"
        }
        Scope::Merchant(_) => {
            "UPDATE terminals SET deliver_at = $2
             WHERE id IN (SELECT terminal FROM positions WHERE merchant = $1)
                 AND id IN (SELECT terminal FROM orders WHERE owed = 1)"
        }
        Scope::Request(_) => {
            "UPDATE terminals SET deliver_at = $2 WHERE id IN (
                 SELECT o.terminal FROM orders o JOIN requests r ON r.campaign IN (
                     o.campaign, (SELECT rebind FROM rebind_waves WHERE campaign = o.campaign))
                 WHERE o.owed = 1 AND r.id = $1)"
        }
    };
    tx.execute(update, vec![text(scope.subject()), time(at)]).await?;
    Ok(())
}

/// Those of these terminals to which nothing of this campaign may be released.
pub(super) async fn frozen_among(
    tx: &mut Transaction,
    campaign: CampaignId,
    ids: &[TerminalId],
) -> Result<BTreeSet<TerminalId>> {
    let request = "SELECT id FROM requests WHERE state = $2
         AND campaign IN ($1, (SELECT rebind FROM rebind_waves WHERE campaign = $1))";
    let values = vec![text(campaign), text(RequestState::Frozen.as_str())];
    if tx.row(request, values).await?.is_some() {
        return Ok(ids.iter().copied().collect());
    }
    let select = with_id_list!(
        concat!(
            "SELECT terminals.id FROM terminals JOIN suspicions ON ",
            holds_back!("$2"),
            " WHERE terminals.id IN "
        ),
        ""
    );
    let rows = tx.rows(select, vec![list(ids), text(campaign)]).await?;
    rows.into_iter().map(|mut row| row.parsed("terminal")).collect()
}
