//! What keeps a store selling, and never two tills at one position. It is looked at in the
//! transaction that begins a change of service, so that two that race do not both pass.

use std::collections::{BTreeMap, BTreeSet};

use shared::change::Change;
use shared::id::{CampaignId, TerminalId};
use shared::time::UnixTime;

use super::deactivations::leaves_in_service;
use super::session::{Transaction, list, text, with_id_list};
use super::{campaigns, deactivations, replacements, terminals};
use crate::campaign::assignment::Standing;
use crate::registry::RegistryError;
use crate::registry::campaign::Campaign;
use crate::registry::deactivation::NewDeactivation;
use crate::registry::rebind::NotBegun;
use crate::registry::terminal::{Service, Terminal, Unit};

type Result<T> = std::result::Result<T, RegistryError>;

/// Whether the swap of a replacement has put another terminal into the place of one of
/// `terminals`, and nobody has enrolled that one anew with a claim since.
macro_rules! terminal_is_replaced {
    () => {
        "EXISTS (SELECT 1 FROM replacements AS of_case
             JOIN replacement_events AS swap ON swap.replacement = of_case.id
             WHERE of_case.old_terminal = terminals.id AND swap.event = 'go-live'
                 AND NOT EXISTS (SELECT 1 FROM claims AS later
                     WHERE later.terminal = terminals.id AND later.used_at > swap.moved_at))"
    };
}
pub(super) use terminal_is_replaced;

/// Those of these terminals whose place another one has, and by which replacement.
pub(super) async fn replaced(
    tx: &mut Transaction,
    ids: &[TerminalId],
) -> Result<BTreeMap<TerminalId, u64>> {
    let select = with_id_list!(
        concat!(
            "SELECT terminals.id, MAX(replacements.id) FROM terminals
             JOIN replacements ON replacements.old_terminal = terminals.id
             JOIN replacement_events ON replacement_events.replacement = replacements.id
                 AND replacement_events.event = 'go-live'
             WHERE ",
            terminal_is_replaced!(),
            " AND terminals.id IN "
        ),
        " GROUP BY terminals.id ORDER BY terminals.id"
    );
    let rows = tx.rows(select, vec![list(ids)]).await?;
    rows.into_iter().map(|mut row| Ok((row.parsed("terminal")?, row.number()?))).collect()
}

/// Why a change of service is not begun, whatever was planned before.
pub(super) async fn refused(
    tx: &mut Transaction,
    new: &NewDeactivation,
    now: UnixTime,
) -> Result<Option<NotBegun>> {
    match &new.campaign.change {
        Change::Decommission(wipe) if !wipe.is_lost => needed(tx, &new.members, now).await,
        Change::Resume(_) => {
            let replaced = replaced(tx, &new.members).await?;
            let first = replaced.into_iter().next();
            Ok(first.map(|(terminal, number)| NotBegun::Replaced { terminal, number }))
        }
        Change::Suspend(it) if new.close_store.is_none() && !it.is_given_up => {
            closed(tx, &new.members, now).await
        }
        // What is in the wrong hands is emptied all the same, and what is asked of others is no
        // change of service.
        Change::Decommission(_)
        | Change::Suspend(_)
        | Change::Ping(_)
        | Change::Backup(_)
        | Change::Drill(_)
        | Change::Upgrade(_)
        | Change::Restore(_)
        | Change::Rebind(_)
        | Change::Cancel(_) => Ok(None),
    }
}

/// Whom a wipe would empty who may have to come back.
async fn needed(
    tx: &mut Transaction,
    members: &[TerminalId],
    now: UnixTime,
) -> Result<Option<NotBegun>> {
    for terminal in members.iter().copied() {
        if let Some(number) = replacements::still_needs(tx, terminal, now).await? {
            return Ok(Some(NotBegun::BeingReplaced { terminal, number }));
        }
    }
    Ok(None)
}

/// Refuses to take a stop back, of these members or of all, where that would let a terminal sell
/// beside the one that has its place. What was sent to it may be there, answered or not; an order
/// of an earlier epoch is nobody's any more.
pub(super) async fn may_take_back(
    tx: &mut Transaction,
    campaign: &Campaign,
    only: Option<&[TerminalId]>,
) -> Result<()> {
    if !matches!(campaign.change, Change::Suspend(_)) {
        return Ok(());
    }
    let select = "SELECT a.terminal FROM assignments AS a
         JOIN orders AS o ON o.id = a.order_id
         JOIN terminals AS t ON t.id = a.terminal
         WHERE a.campaign = $1 AND a.ended = 0 AND a.voided = 0 AND t.unit = 'enrolled'
             AND (a.state NOT IN ('ordered', 'unanswered') OR o.sends > 0)
         ORDER BY a.terminal";
    let rows = tx.rows(select, vec![text(campaign.id)]).await?.into_iter();
    let mut held = rows.map(|mut row| row.parsed("terminal")).collect::<Result<Vec<_>>>()?;
    held.retain(|it| only.is_none_or(|only| only.contains(it)));
    match replaced(tx, &held).await?.into_iter().next() {
        Some((terminal, number)) => {
            Err(RegistryError::KeepsReplaced { campaign: campaign.id, terminal, number })
        }
        None => Ok(()),
    }
}

/// A store in which nobody would sell any more.
async fn closed(
    tx: &mut Transaction,
    members: &[TerminalId],
    now: UnixTime,
) -> Result<Option<NotBegun>> {
    let stopping = terminals::of(tx, members).await?;
    let stopping = stopping.into_iter().filter(|it| it.service == Service::InService);
    let stores: BTreeSet<_> = stopping.map(|it| it.store).collect();
    let stores: Vec<_> = stores.into_iter().collect();
    let besides = selling_besides(tx, &stores, members, now).await?;
    let none = besides.into_iter().find(|(_, selling)| *selling == 0);
    Ok(none.map(|(store, _)| NotBegun::LastInStore { store }))
}

/// How many others sell on in each of these stores: see [`Terminal::sells`]. Whoever is to stop
/// soon is not counted on, nor whose place another one has.
pub(super) async fn selling_besides(
    tx: &mut Transaction,
    stores: &[String],
    ids: &[TerminalId],
    now: UnixTime,
) -> Result<BTreeMap<String, u64>> {
    let ids: BTreeSet<_> = ids.iter().copied().collect();
    let mut besides = BTreeMap::new();
    for store in stores {
        let mut there = terminals::enrolled_in(tx, store).await?;
        there.retain(|it| !ids.contains(&it.id));
        besides.insert(store.clone(), selling(tx, &there, now).await?.len() as u64);
    }
    Ok(besides)
}

/// Those of these on which a store can count to sell.
pub(super) async fn selling(
    tx: &mut Transaction,
    there: &[Terminal],
    now: UnixTime,
) -> Result<BTreeSet<TerminalId>> {
    let all: Vec<_> = there.iter().filter(|it| it.sells(now)).map(|it| it.id).collect();
    let mut selling: BTreeSet<_> = all.iter().copied().collect();
    for leaving in
        stopping(tx, &all).await?.into_iter().chain(replaced(tx, &all).await?.into_keys())
    {
        selling.remove(&leaving);
    }
    Ok(selling)
}

/// Those that a suspension or a wipe is about which is not over, drafts too, or of which nobody
/// knows whether it has stopped them.
async fn stopping(tx: &mut Transaction, ids: &[TerminalId]) -> Result<Vec<TerminalId>> {
    let select = with_id_list!(
        concat!(
            "SELECT m.terminal, m.campaign FROM deactivation_members m
             JOIN campaigns c ON c.id = m.campaign
             WHERE (c.ended_at IS NULL OR ",
            leaves_in_service!(),
            ") AND m.terminal IN "
        ),
        " ORDER BY m.terminal, m.campaign"
    );
    let mut found = Vec::new();
    for mut row in tx.rows(select, vec![list(ids)]).await? {
        let (terminal, campaign) = (row.parsed("terminal")?, row.parsed("campaign")?);
        let change = campaigns::known(tx, campaign).await?.change;
        if matches!(change, Change::Suspend(_) | Change::Decommission(_)) {
            found.push(terminal);
        }
    }
    Ok(found)
}

/// The campaign by which a terminal may sell again before long, or may do so unheard: one that is
/// not over, one whose order it had begun when it fell silent, or one whose order was sent to it
/// and of which it has said nothing since.
pub(super) async fn resuming(
    tx: &mut Transaction,
    terminal: TerminalId,
) -> Result<Option<CampaignId>> {
    for (_, campaign) in deactivations::deactivating(tx, &[terminal]).await? {
        if matches!(campaigns::known(tx, campaign).await?.change, Change::Resume(_)) {
            return Ok(Some(campaign));
        }
    }
    let select = "SELECT a.campaign, a.standing, o.sends, o.not_after FROM assignments a
         JOIN deactivations d ON d.campaign = a.campaign
         JOIN orders o ON o.id = a.order_id
         WHERE a.terminal = $1 AND a.ended = 1 ORDER BY d.created_at DESC";
    let rows = tx.rows(select, vec![text(terminal)]).await?;
    let known = terminals::known(tx, terminal).await?;
    for mut row in rows {
        let campaign = row.parsed("campaign")?;
        let standing: Standing = row.json("standing")?;
        let (sends, not_after): (u32, _) = (row.number()?, row.time()?);
        // Whoever revokes it answers for one that is dead, and would never be heard.
        let is_there = known.unit == Unit::Enrolled;
        let may_hold = is_there && sends > 0 && !known.has_told_all_since(not_after);
        if !standing.may_be_under_way_unheard(may_hold) {
            continue;
        }
        let is_older = is_before_its_stop(tx, terminal, campaign).await?;
        if !is_older && matches!(campaigns::known(tx, campaign).await?.change, Change::Resume(_)) {
            return Ok(Some(campaign));
        }
    }
    Ok(None)
}

/// Whether the terminal has signed that it stands still by a later order than that campaign's.
async fn is_before_its_stop(
    tx: &mut Transaction,
    terminal: TerminalId,
    campaign: CampaignId,
) -> Result<bool> {
    let select = "SELECT of_it.id FROM orders AS of_it
         JOIN terminals AS t ON t.id = of_it.terminal
         JOIN orders AS stop ON stop.id = t.service_order
         WHERE of_it.terminal = $1 AND of_it.campaign = $2 AND of_it.purpose = 'change'
             AND (of_it.epoch, of_it.seq) < (stop.epoch, stop.seq)";
    Ok(tx.row(select, vec![text(terminal), text(campaign)]).await?.is_some())
}
