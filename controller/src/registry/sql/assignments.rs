//! A campaign on each of its terminals.

use std::collections::BTreeSet;

use shared::id::{CampaignId, OrderId, TerminalId};
use shared::time::UnixTime;

use super::session::{
    Row, Transaction, code, flag, int, json, list, maybe_text, text, time, with_id_list,
};
use super::suspicions::holds_back;
use super::tally::Differences;
use super::terminals::battery_is_low;
use super::{orders, scheduling};
use crate::campaign::assignment::{AssignmentState, Fact, Standing};
use crate::registry::RegistryError;
use crate::registry::campaign::Assignment;
use crate::registry::delivery::NewOrder;
use crate::registry::page::Page;

type Result<T> = std::result::Result<T, RegistryError>;

macro_rules! select_assignments {
    ($tail:expr) => {
        concat!(
            "SELECT campaign, terminal, order_id, attempt, epoch, issue, wave, retries, again,
                 standing
             FROM assignments ",
            $tail
        )
    };
}

fn assignment(mut row: Row) -> Result<Assignment> {
    Ok(Assignment {
        campaign: row.parsed("campaign")?,
        terminal: row.parsed("terminal")?,
        order: row.parsed("order")?,
        attempt: row.number()?,
        epoch: row.number()?,
        issue: row.number()?,
        wave: row.number()?,
        retries: row.number()?,
        again: row.flag()?,
        standing: row.json("standing")?,
    })
}

fn all_rows(rows: Vec<Row>) -> Result<Vec<Assignment>> {
    rows.into_iter().map(assignment).collect()
}

pub(super) async fn page(
    tx: &mut Transaction,
    campaign: CampaignId,
    page: &Page<TerminalId>,
) -> Result<Vec<Assignment>> {
    let select =
        select_assignments!("WHERE campaign = $1 AND terminal > $2 ORDER BY terminal LIMIT $3");
    let after = page.after.map(|id| id.to_string()).unwrap_or_default();
    all_rows(tx.rows(select, vec![text(campaign), text(after), int(page.items())]).await?)
}

pub(super) async fn of(
    tx: &mut Transaction,
    campaign: CampaignId,
    terminals: &[TerminalId],
) -> Result<Vec<Assignment>> {
    let select = with_id_list!(
        select_assignments!("WHERE campaign = $2 AND terminal IN "),
        " ORDER BY terminal"
    );
    all_rows(tx.rows(select, vec![list(terminals), text(campaign)]).await?)
}

pub(super) async fn on(
    tx: &mut Transaction,
    terminal: TerminalId,
    page: &Page<CampaignId>,
) -> Result<Vec<Assignment>> {
    let select = select_assignments!(
        "WHERE terminal = $1 AND ($2 IS NULL OR campaign < $2) ORDER BY campaign DESC LIMIT $3"
    );
    all_rows(
        tx.rows(select, vec![text(terminal), maybe_text(page.after), int(page.items())]).await?,
    )
}

pub(super) async fn since(
    tx: &mut Transaction,
    campaign: CampaignId,
    state: AssignmentState,
    (before, away): (UnixTime, bool),
    limit: u32,
) -> Result<Vec<Assignment>> {
    let select = select_assignments!(
        "WHERE campaign = $1 AND state = $2 AND since_at < $3
             AND ($5 = 0 OR EXISTS (SELECT 1 FROM terminals
                 WHERE terminals.id = assignments.terminal AND presence <> 'online'
                     AND (last_seen_at IS NULL OR last_seen_at < $3)))
         ORDER BY since_at LIMIT $4"
    );
    let values = vec![text(campaign), code(state), time(before), int(limit), flag(away)];
    all_rows(tx.rows(select, values).await?)
}

/// Those whose terminals have not accepted their orders for so long that they lend their places:
/// sooner where they were never sent.
pub(super) async fn unanswered(
    tx: &mut Transaction,
    campaign: CampaignId,
    unsent_since: UnixTime,
    sent_since: UnixTime,
    limit: u32,
) -> Result<Vec<Assignment>> {
    let select = select_assignments!(
        "WHERE campaign = $1 AND state = 'ordered' AND since_at < $2 AND (since_at < $3
             OR EXISTS (SELECT 1 FROM orders
                 WHERE orders.id = assignments.order_id AND orders.sends = 0))
         ORDER BY since_at LIMIT $4"
    );
    let values = vec![text(campaign), time(unsent_since), time(sent_since), int(limit)];
    all_rows(tx.rows(select, values).await?)
}

/// Those that are at it and whose terminals have been offline, and have told of nothing, since
/// before this moment.
pub(super) async fn away(
    tx: &mut Transaction,
    campaign: CampaignId,
    before: UnixTime,
    page: &Page<TerminalId>,
) -> Result<Vec<Assignment>> {
    let select = select_assignments!(
        "WHERE campaign = $1 AND state IN ('working', 'undoing') AND since_at < $2 AND voided = 0
             AND EXISTS (SELECT 1 FROM terminals WHERE terminals.id = assignments.terminal
                 AND presence <> 'online' AND (last_seen_at IS NULL OR last_seen_at < $2))
             AND terminal > $4
         ORDER BY terminal LIMIT $3"
    );
    let after = page.after.map(|id| id.to_string()).unwrap_or_default();
    let values = vec![text(campaign), time(before), int(page.items()), text(after)];
    all_rows(tx.rows(select, values).await?)
}

/// Of these terminals those that were at something when they were given up, and have not been heard
/// since: nobody knows in what state their tills are.
pub(super) async fn lost_at_it(
    tx: &mut Transaction,
    terminals: &[TerminalId],
) -> Result<Vec<TerminalId>> {
    let select = with_id_list!(
        "SELECT DISTINCT terminal FROM assignments
             JOIN terminals ON terminals.id = assignments.terminal
         WHERE assignments.state = 'silent'
             AND (last_seen_at IS NULL OR last_seen_at < since_at) AND terminal IN ",
        " ORDER BY terminal"
    );
    let rows = tx.rows(select, vec![list(terminals)]).await?;
    rows.into_iter().map(|mut row: Row| row.parsed("terminal")).collect()
}

/// Those that have lent their places and whose terminals are there again.
pub(super) async fn to_grant(
    tx: &mut Transaction,
    campaign: CampaignId,
    page: &Page<TerminalId>,
) -> Result<Vec<Assignment>> {
    let select = select_assignments!(
        "WHERE campaign = $1 AND state = 'unanswered' AND voided = 0 AND EXISTS (
             SELECT 1 FROM terminals WHERE terminals.id = assignments.terminal
                 AND presence = 'online' AND unit = 'enrolled')
         AND terminal > $3 ORDER BY terminal LIMIT $2"
    );
    let after = page.after.map(|id| id.to_string()).unwrap_or_default();
    let values = vec![text(campaign), int(page.items()), text(after)];
    all_rows(tx.rows(select, values).await?)
}

pub(super) async fn voided(
    tx: &mut Transaction,
    campaign: CampaignId,
    limit: u32,
) -> Result<Vec<Assignment>> {
    let select = select_assignments!(
        "WHERE campaign = $1 AND voided = 1 AND ended = 0 ORDER BY terminal LIMIT $2"
    );
    all_rows(tx.rows(select, vec![text(campaign), int(limit)]).await?)
}

pub(super) async fn to_cancel(
    tx: &mut Transaction,
    campaign: CampaignId,
    limit: u32,
) -> Result<Vec<Assignment>> {
    let select = select_assignments!(
        "WHERE campaign = $1 AND cancel_order IS NULL AND ended = 0 AND voided = 0
         ORDER BY terminal LIMIT $2"
    );
    all_rows(tx.rows(select, vec![text(campaign), int(limit)]).await?)
}

/// Those that have not begun, and where `all` is set those that have, too.
pub(super) async fn to_withdraw(
    tx: &mut Transaction,
    campaign: CampaignId,
    all: bool,
    limit: u32,
) -> Result<Vec<Assignment>> {
    let select = select_assignments!(
        "WHERE campaign = $1 AND cancel_order IS NULL AND ended = 0 AND voided = 0
             AND ($2 = 1 OR state IN ('ordered', 'unanswered', 'accepted', 'waiting'))
         ORDER BY terminal LIMIT $3"
    );
    all_rows(tx.rows(select, vec![text(campaign), flag(all), int(limit)]).await?)
}

/// Those that have not begun and whose orders carry calendars that are not kept any more: what was
/// changed after they were looked up has a higher count of upheavals. (Moments would not do: what
/// is written at one may be seen after what was planned at a later one.)
pub(super) async fn out_of_date(
    tx: &mut Transaction,
    campaign: CampaignId,
    limit: u32,
) -> Result<Vec<Assignment>> {
    let newest = "SELECT COALESCE(MAX(newest), 0) FROM (SELECT MAX(upheavals) AS newest
             FROM calendars UNION ALL SELECT MAX(upheavals) FROM stores) AS changed";
    let Some(mut row) = tx.row(newest, vec![]).await? else { return Ok(vec![]) };
    let newest: u64 = row.number()?;
    let select = select_assignments!(
        "WHERE campaign = $1 AND cancel_order IS NULL AND ended = 0 AND voided = 0
             AND state IN ('ordered', 'unanswered', 'accepted', 'waiting')
             AND EXISTS (SELECT 1 FROM orders
                 JOIN terminals ON terminals.id = orders.terminal
                 JOIN stores ON stores.id = terminals.store
                 WHERE orders.id = assignments.order_id AND orders.upheavals < $2
                     AND (stores.upheavals > orders.upheavals OR EXISTS (SELECT 1 FROM calendars
                         WHERE calendars.upheavals > orders.upheavals
                             AND (calendars.scope = 'fleet'
                                 OR (calendars.scope = 'region'
                                     AND calendars.subject = stores.region)
                                 OR (calendars.scope = 'store'
                                     AND calendars.subject = stores.id)))))
         ORDER BY terminal LIMIT $3"
    );
    all_rows(tx.rows(select, vec![text(campaign), int(newest), int(limit)]).await?)
}

/// Those that somebody has left out, and where `suspected` is set those that are suspicious, too.
pub(super) async fn to_recall(
    tx: &mut Transaction,
    campaign: CampaignId,
    suspected: bool,
    limit: u32,
) -> Result<Vec<Assignment>> {
    let select = select_assignments!(concat!(
        "WHERE campaign = $1 AND cancel_order IS NULL AND ended = 0 AND voided = 0
             AND (terminal IN (SELECT terminal FROM campaign_skips WHERE campaign = $1)
                 OR ($2 = 1 AND state IN ('accepted', 'waiting', 'working')
                     AND (EXISTS (SELECT 1 FROM requests WHERE requests.state = 'frozen'
                             AND requests.campaign IN (
                                 $1, (SELECT rebind FROM rebind_waves WHERE campaign = $1)))
                         OR EXISTS (SELECT 1 FROM terminals JOIN suspicions ON ",
        holds_back!("$1"),
        " WHERE terminals.id = assignments.terminal))))
         ORDER BY terminal LIMIT $3"
    ));
    all_rows(tx.rows(select, vec![text(campaign), flag(suspected), int(limit)]).await?)
}

/// Those whose turn comes again: they were taken back, or somebody wants them tried again.
pub(super) async fn to_release_again(
    tx: &mut Transaction,
    campaign: CampaignId,
    page: &Page<TerminalId>,
) -> Result<Vec<Assignment>> {
    let select = select_assignments!(
        "WHERE campaign = $1 AND voided = 0 AND terminal IN (
                 SELECT terminal FROM assignments
                 WHERE campaign = $1 AND state IN ('withdrawn', 'reverted')
                 UNION SELECT terminal FROM assignments WHERE campaign = $1 AND again = 1)
             AND EXISTS (SELECT 1 FROM terminals WHERE terminals.id = assignments.terminal
                 AND presence = 'online' AND unit = 'enrolled')
         AND terminal > $3 ORDER BY terminal LIMIT $2"
    );
    let after = page.after.map(|id| id.to_string()).unwrap_or_default();
    let values = vec![text(campaign), int(page.items()), text(after)];
    all_rows(tx.rows(select, values).await?)
}

/// Successes that another campaign has taken back: one that was begun after they were ordered. What
/// was brought back, and forward again since, stands.
pub(super) async fn reverted(
    tx: &mut Transaction,
    campaign: CampaignId,
    limit: u32,
) -> Result<Vec<Assignment>> {
    let select = select_assignments!(
        "WHERE campaign = $1 AND state = 'succeeded' AND EXISTS (
             SELECT 1 FROM campaigns AS child
             JOIN assignments AS back ON back.campaign = child.id
             JOIN orders ON orders.id = assignments.order_id
             WHERE child.reverts = $1 AND back.terminal = assignments.terminal
                 AND back.state = 'succeeded' AND child.started_at >= orders.made_at)
         ORDER BY terminal LIMIT $2"
    );
    all_rows(tx.rows(select, vec![text(campaign), int(limit)]).await?)
}

pub(super) async fn by_orders(
    tx: &mut Transaction,
    orders: impl IntoIterator<Item = &OrderId>,
) -> Result<Vec<Assignment>> {
    let select = with_id_list!(select_assignments!("WHERE order_id IN "), " ORDER BY order_id");
    all_rows(tx.rows(select, vec![list(orders)]).await?)
}

/// Whether this order would be the first or the next attempt.
pub(super) fn is_next_attempt(known: Option<&Assignment>, order: &NewOrder) -> bool {
    match known {
        None => order.attempt == 1,
        Some(known) => {
            let is_voided = order.epoch > known.epoch
                && order.issue == known.issue
                && !known.standing.state().is_end();
            let state = known.standing.state();
            let comes_by_itself =
                matches!(state, AssignmentState::Withdrawn | AssignmentState::Reverted);
            let comes_again = comes_by_itself || (known.again && state.is_end());
            let is_again = order.issue == known.issue + 1 && comes_again;
            order.attempt == known.attempt + 1 && (is_voided || is_again)
        }
    }
}

/// Released, or released again with another order.
pub(super) async fn put_attempt(
    tx: &mut Transaction,
    order: &NewOrder,
    before: Option<&Assignment>,
    at: UnixTime,
    differences: &mut Differences,
) -> Result<()> {
    let standing = Standing::ordered_after(before.map(|it| &it.standing), at);
    let again = i64::from(before.is_some_and(|it| it.again));
    if let Some(before) = before {
        put_history(tx, before).await?;
        if before.again {
            differences.again(before.campaign, before.wave, -1);
        }
    }
    let scope = (order.campaign, order.wave);
    let known = before.map(|it| &it.standing);
    differences.assignment(scope, order.terminal, known, &standing);
    let upsert = concat!(
        "INSERT INTO assignments (campaign, terminal, order_id, attempt, epoch, state,
             since_at, ended, voided, standing, issue, wave, ran, was_presence, was_told_at,
             was_disk_free_bytes, was_battery_low, was_till_answers, was_till_restarts)
         SELECT $1, $2, $3, $4, $5, $6, $7, 0, 0, $8, $9, $10, components, presence, telemetry_at,
             disk_free_bytes, ",
        battery_is_low!(),
        ", till_answers, till_restarts FROM terminals WHERE id = $2
         ON CONFLICT (campaign, terminal) DO UPDATE SET order_id = $3, attempt = $4, epoch = $5,
             state = $6, since_at = $7, ended = 0, voided = 0, standing = $8, issue = $9,
             cancel_order = NULL, again = 0, retries = assignments.retries + $11"
    );
    let (state, since) = standing.state_since();
    let values = vec![
        text(order.campaign),
        text(order.terminal),
        text(order.id),
        int(order.attempt),
        int(order.epoch),
        code(state),
        time(since),
        json(&standing),
        int(order.issue),
        int(order.wave),
        int(again),
    ];
    tx.execute(upsert, values).await?;
    Ok(())
}

/// What came of an attempt that another one replaces.
async fn put_history(tx: &mut Transaction, it: &Assignment) -> Result<()> {
    let insert = "INSERT INTO assignment_attempts (campaign, terminal, attempt, order_id, issue,
             state, standing)
         VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let values = vec![
        text(it.campaign),
        text(it.terminal),
        int(it.attempt),
        text(it.order),
        int(it.issue),
        code(it.standing.state()),
        json(&it.standing),
    ];
    tx.execute(insert, values).await?;
    Ok(())
}

pub(super) async fn put_cancel_order(tx: &mut Transaction, order: &NewOrder) -> Result<()> {
    let update = "UPDATE assignments SET cancel_order = $3 WHERE campaign = $1 AND terminal = $2";
    tx.execute(update, vec![text(order.campaign), text(order.terminal), text(order.id)]).await?;
    Ok(())
}

/// Marks whatever counts as bad as let pass.
pub(super) async fn let_pass(tx: &mut Transaction, campaign: CampaignId) -> Result<()> {
    // Only what was tried again can count as bad for what was before.
    let select = select_assignments!(
        "WHERE campaign = $1 AND (retries > 0
             OR state IN ('silent', 'refused', 'failed', 'rolled-back', 'rollback-failed'))
         ORDER BY terminal"
    );
    let mut differences = Differences::default();
    for before in all_rows(tx.rows(select, vec![text(campaign)]).await?)? {
        if before.standing.counts_as_bad() && !before.standing.acknowledged {
            let now = Standing { acknowledged: true, ..before.standing.clone() };
            put_standing(tx, &before, &now, &mut differences).await?;
        }
    }
    differences.write(tx).await
}

/// Writes what is now known, and counts it.
pub(super) async fn put_standing(
    tx: &mut Transaction,
    before: &Assignment,
    now: &Standing,
    differences: &mut Differences,
) -> Result<()> {
    let scope = (before.campaign, before.wave);
    differences.assignment(scope, before.terminal, Some(&before.standing), now);
    let (state, since) = now.state_since();
    let update = "UPDATE assignments SET state = $2, since_at = $3, ended = $4, standing = $5
         WHERE order_id = $1";
    let values =
        vec![text(before.order), code(state), time(since), flag(state.is_end()), json(now)];
    tx.execute(update, values).await?;
    Ok(())
}

pub(super) async fn learn(
    tx: &mut Transaction,
    facts: &[(OrderId, Fact)],
    at: UnixTime,
) -> Result<()> {
    let mut differences = Differences::default();
    let ids: BTreeSet<_> = facts.iter().map(|(order, _)| *order).collect();
    for before in by_orders(tx, &ids).await? {
        let mut now = before.standing.clone();
        for (_, fact) in facts.iter().filter(|(order, _)| *order == before.order) {
            now.learn(fact.clone());
        }
        if now == before.standing {
            continue;
        }
        put_standing(tx, &before, &now, &mut differences).await?;
        if now.state().is_end() {
            orders::answered(tx, before.order).await?;
        }
    }
    let consequences = differences.take_consequences();
    differences.write(tx).await?;
    scheduling::follow(tx, consequences, at).await
}
