//! A campaign on each of its terminals.

use std::collections::BTreeSet;

use shared::id::{CampaignId, OrderId, TerminalId};
use shared::time::UnixTime;

use super::session::{
    Row, Transaction, code, flag, int, json, list, maybe_text, text, time, with_id_list,
};
use super::suspicions::holds_back;
use super::tally::Differences;
use super::{orders, waves};
use crate::campaign::assignment::{AssignmentState, Fact, Standing};
use crate::registry::RegistryError;
use crate::registry::campaign::Assignment;
use crate::registry::delivery::NewOrder;
use crate::registry::page::Page;

type Result<T> = std::result::Result<T, RegistryError>;

macro_rules! select_assignments {
    ($tail:expr) => {
        concat!(
            "SELECT campaign, terminal, order_id, attempt, epoch, issue, wave, standing
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
    before: UnixTime,
    limit: u32,
) -> Result<Vec<Assignment>> {
    let select = select_assignments!(
        "WHERE campaign = $1 AND state = $2 AND since_at < $3 ORDER BY since_at LIMIT $4"
    );
    all_rows(tx.rows(select, vec![text(campaign), code(state), time(before), int(limit)]).await?)
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

pub(super) async fn to_recall(
    tx: &mut Transaction,
    campaign: CampaignId,
    limit: u32,
) -> Result<Vec<Assignment>> {
    let select = select_assignments!(concat!(
        "WHERE campaign = $1 AND cancel_order IS NULL AND ended = 0 AND voided = 0
             AND state IN ('accepted', 'waiting', 'working')
             AND (EXISTS (SELECT 1 FROM requests WHERE requests.state = 'frozen'
                     AND requests.campaign IN (
                         $1, (SELECT rebind FROM rebind_waves WHERE campaign = $1)))
                 OR terminal IN (
                     SELECT terminals.id FROM suspicions JOIN terminals ON ",
        holds_back!("$1"),
        "))
         ORDER BY terminal LIMIT $2"
    ));
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
            let is_again = order.issue == known.issue + 1
                && known.standing.state() == AssignmentState::Withdrawn;
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
    let standing = Standing::ordered(at);
    let scope = (order.campaign, order.wave);
    differences.assignment(scope, before.map(|it| &it.standing), &standing);
    let upsert = "INSERT INTO assignments (campaign, terminal, order_id, attempt, epoch, state,
             since_at, ended, voided, standing, issue, wave, ran)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 0, 0, $8, $9, $10,
             (SELECT components FROM terminals WHERE id = $2))
         ON CONFLICT (campaign, terminal) DO UPDATE SET order_id = $3, attempt = $4, epoch = $5,
             state = $6, since_at = $7, ended = 0, voided = 0, standing = $8, issue = $9,
             cancel_order = NULL";
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
    ];
    tx.execute(upsert, values).await?;
    Ok(())
}

pub(super) async fn put_cancel_order(tx: &mut Transaction, order: &NewOrder) -> Result<()> {
    let update = "UPDATE assignments SET cancel_order = $3 WHERE campaign = $1 AND terminal = $2";
    tx.execute(update, vec![text(order.campaign), text(order.terminal), text(order.id)]).await?;
    Ok(())
}

/// Writes what is now known, and counts it.
pub(super) async fn put_standing(
    tx: &mut Transaction,
    before: &Assignment,
    now: &Standing,
    differences: &mut Differences,
) -> Result<()> {
    differences.assignment((before.campaign, before.wave), Some(&before.standing), now);
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
    let worse = differences.take_worse();
    differences.write(tx).await?;
    waves::look(tx, worse, at).await
}
