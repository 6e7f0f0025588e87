//! Where terminals are deregistered, and with whom they have to be.

use std::collections::BTreeSet;

use shared::change::Verb;
use shared::document::clearance::Deregistered;
use shared::id::TerminalId;

use super::guards::terminal_is_replaced;
use super::session::{Row, Transaction, int, text, time};
use super::{audit, campaigns, deactivations, positions, terminals};
use crate::deactivation::parties::{self, Bound};
use crate::registry::RegistryError;
use crate::registry::audit::By;
use crate::registry::deactivation::Withdrawn;

type Result<T> = std::result::Result<T, RegistryError>;

/// Since it enrolled last.
pub(super) async fn of(
    tx: &mut Transaction,
    terminal: TerminalId,
    epoch: u32,
) -> Result<Vec<Deregistered>> {
    let select = "SELECT party, reference FROM deregistrations
         WHERE terminal = $1 AND epoch = $2 ORDER BY party";
    let rows = tx.rows(select, vec![text(terminal), int(epoch)]).await?;
    let told = |mut row: Row| Ok(Deregistered { with: row.text()?, reference: row.text()? });
    rows.into_iter().map(told).collect()
}

pub(super) async fn put(
    tx: &mut Transaction,
    terminal: TerminalId,
    told: &Deregistered,
    by: &By,
) -> Result<()> {
    let known = terminals::known(tx, terminal).await?;
    let insert = "INSERT INTO deregistrations (terminal, epoch, party, reference, recorded_at,
             recorded_by)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (terminal, epoch, party) DO UPDATE SET reference = $4, recorded_at = $5,
             recorded_by = $6";
    let values = vec![
        text(terminal),
        int(known.epoch),
        text(&told.with),
        text(&told.reference),
        time(by.at),
        text(&by.who),
    ];
    tx.execute(insert, values).await?;
    let subject = format!("{terminal} {} {}", told.with, told.reference);
    audit::append(tx, by, "terminal-deregistered", subject).await
}

pub(super) async fn withdraw(
    tx: &mut Transaction,
    terminal: TerminalId,
    told: &Deregistered,
    by: &By,
) -> Result<Withdrawn> {
    let known = terminals::known(tx, terminal).await?;
    for (_, campaign) in deactivations::deactivating(tx, &[terminal]).await? {
        if campaigns::known(tx, campaign).await?.change.verb() == Verb::Decommission {
            return Ok(Withdrawn::Relied { campaign });
        }
    }
    let delete = "DELETE FROM deregistrations
         WHERE terminal = $1 AND epoch = $2 AND party = $3 AND reference = $4";
    let values = vec![text(terminal), int(known.epoch), text(&told.with), text(&told.reference)];
    if tx.execute(delete, values).await? == 0 {
        return Ok(Withdrawn::NotThere);
    }
    let subject = format!("{terminal} {} {}", told.with, told.reference);
    audit::append(tx, by, "deregistration-withdrawn", subject).await?;
    Ok(Withdrawn::Done)
}

/// The providers that know it by the bindings of its place: of the one that it fills, else of the
/// one that another terminal has taken over from it, else of the lane that it has left empty.
pub(super) async fn bound_with(
    tx: &mut Transaction,
    terminal: TerminalId,
) -> Result<BTreeSet<String>> {
    if let Some(position) = positions::of(tx, &[terminal]).await?.first() {
        return Ok(parties::providers(&bindings(tx, position.id).await?, None));
    }
    let swapped = concat!(
        "SELECT of_it.position, swapped.moved_at FROM replacements AS of_it
         JOIN replacement_events AS swapped ON swapped.replacement = of_it.id
         JOIN terminals ON terminals.id = of_it.old_terminal
         WHERE of_it.old_terminal = $1 AND swapped.event = 'go-live' AND ",
        terminal_is_replaced!(),
        " ORDER BY of_it.id DESC LIMIT 1"
    );
    if let Some(mut row) = tx.row(swapped, vec![text(terminal)]).await? {
        let (position, left_at) = (row.text()?, row.time()?);
        return Ok(parties::providers(&bindings(tx, position).await?, Some(left_at)));
    }
    let left = "SELECT p.id FROM positions AS p
         JOIN terminals AS t ON t.store = p.store AND t.lane = p.lane
         WHERE t.id = $1 AND p.terminal IS NULL";
    match tx.row(left, vec![text(terminal)]).await? {
        Some(mut row) => Ok(parties::providers(&bindings(tx, row.text()?).await?, None)),
        None => Ok(BTreeSet::new()),
    }
}

async fn bindings(tx: &mut Transaction, position: impl std::fmt::Display) -> Result<Vec<Bound>> {
    let select = "SELECT provider, state, state_at, created_at FROM bindings
         WHERE position = $1 ORDER BY id";
    let rows = tx.rows(select, vec![text(position)]).await?;
    let bound = |mut row: Row| {
        Ok(Bound {
            provider: row.text()?,
            state: row.code()?,
            state_at: row.time()?,
            created_at: row.time()?,
        })
    };
    rows.into_iter().map(bound).collect()
}
