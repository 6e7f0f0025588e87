//! Terminals in quarantine. Those in the wrong hands get what empties them, and nothing else. One
//! that answered nobody when another one took its place, and that no order stops which is sent to
//! it or under way, is told nothing while it may sell, and above all not the time.
//!
//! Nobody writes down that a terminal is in quarantine. It follows from the swap, or from the wipe
//! that people have approved for it as lost, stolen or tampered with. The latter lasts until one of
//! them takes that back, until the terminal is revoked (as one that is erased is in the end), or
//! until somebody has enrolled it anew with a claim. That nobody has heard of it in time ends
//! nothing: the order runs out, because what people sign for is bounded, and that nothing empties
//! the terminal any more is an alarm until they order it anew. A wipe that ran out is taken back by
//! taking back a later one.

use shared::id::{CampaignId, TerminalId};
use shared::time::UnixTime;

use super::session::{Transaction, list, text, time, with_id_list};
use super::tally::{self, Differences};
use super::{alarms, audit};
use crate::campaign::assignment::AssignmentState;
use crate::registry::RegistryError;
use crate::registry::audit::By;
use crate::registry::delivery::{Alarm, AlarmKind};

type Result<T> = std::result::Result<T, RegistryError>;

/// Whether a terminal of `terminals` is in quarantine, in a statement that has this table.
macro_rules! terminal_is_quarantined {
    () => {
        concat!(
            "(EXISTS (SELECT 1 FROM deactivation_members AS of_lost
             JOIN deactivations AS of_wipe ON of_wipe.campaign = of_lost.campaign
             JOIN campaigns AS wiping ON wiping.id = of_lost.campaign
             WHERE of_lost.terminal = terminals.id AND terminals.unit = 'enrolled'
                 AND of_wipe.is_lost = 1 AND wiping.state IN ('running', 'paused', 'halted',
                     'completed')
                 AND NOT (wiping.state = 'completed' AND EXISTS (
                     SELECT 1 FROM deactivation_members AS of_later
                     JOIN deactivations AS later_wipe ON later_wipe.campaign = of_later.campaign
                     JOIN campaigns AS withdrawn ON withdrawn.id = of_later.campaign
                     WHERE of_later.terminal = terminals.id AND later_wipe.is_lost = 1
                         AND withdrawn.id > wiping.id AND withdrawn.taken_back_at IS NOT NULL))
                 AND NOT EXISTS (SELECT 1 FROM claims AS later
                     WHERE later.terminal = terminals.id AND later.used_at > wiping.started_at))
             OR (terminals.unit = 'enrolled' AND terminals.service = 'in-service' AND ",
            $crate::registry::sql::guards::terminal_is_replaced!(),
            " AND NOT EXISTS (SELECT 1 FROM deactivation_members AS of_stop
                 JOIN campaigns AS stopping ON stopping.id = of_stop.campaign
                 LEFT JOIN assignments AS to_stop ON to_stop.campaign = of_stop.campaign
                     AND to_stop.terminal = of_stop.terminal
                 WHERE of_stop.terminal = terminals.id AND stopping.ended_at IS NULL
                     AND (to_stop.state IN ('accepted', 'waiting', 'working', 'undoing', 'silent')
                         OR (stopping.state = 'running'
                             AND COALESCE(to_stop.state, 'ordered') IN ('ordered', 'unanswered')
                             AND NOT EXISTS (SELECT 1 FROM requests
                                 WHERE requests.state = 'frozen'
                                     AND requests.campaign = stopping.id)
                             AND NOT EXISTS (SELECT 1 FROM suspicions WHERE ",
            $crate::registry::sql::suspicions::holds_back!("stopping.id"),
            "))))))"
        )
    };
}
pub(super) use terminal_is_quarantined;

/// Whether the campaign of this column empties terminals in the wrong hands.
macro_rules! is_wipe_of_lost {
    ($campaign:literal) => {
        concat!(
            "EXISTS (SELECT 1 FROM deactivations AS lost WHERE lost.is_lost = 1
                 AND lost.campaign = ",
            $campaign,
            ")"
        )
    };
}
pub(super) use is_wipe_of_lost;

/// How the audit log names its beginning and its end.
const BEGAN: &str = "quarantine-began";
const ENDED: &str = "quarantine-ended";

/// What is told where nothing empties a terminal any more, and where that one connects.
const LAPSED: (AlarmKind, &str) = (AlarmKind::WipeLapsed, "it may be anywhere");
const SPOKE: (AlarmKind, &str) = (AlarmKind::QuarantinedSpoke, "it has connected");

/// Those of the campaign's terminals that are in quarantine, for whichever reason.
pub(super) async fn of_campaign(
    tx: &mut Transaction,
    campaign: CampaignId,
) -> Result<Vec<TerminalId>> {
    let select = concat!(
        "SELECT id FROM terminals
         WHERE id IN (SELECT terminal FROM deactivation_members WHERE campaign = $1) AND ",
        terminal_is_quarantined!(),
        " ORDER BY id"
    );
    let rows = tx.rows(select, vec![text(campaign)]).await?;
    rows.into_iter().map(|mut row| row.parsed("terminal")).collect()
}

/// Those of these terminals that are in quarantine.
pub(super) async fn among(tx: &mut Transaction, ids: &[TerminalId]) -> Result<Vec<TerminalId>> {
    let select = with_id_list!(
        concat!("SELECT id FROM terminals WHERE ", terminal_is_quarantined!(), " AND id IN "),
        " ORDER BY id"
    );
    let rows = tx.rows(select, vec![list(ids)]).await?;
    rows.into_iter().map(|mut row| row.parsed("terminal")).collect()
}

/// The campaign was moved: writes down for whom quarantine has begun or ended.
pub(super) async fn moved(
    tx: &mut Transaction,
    campaign: CampaignId,
    before: &[TerminalId],
    by: &By,
) -> Result<()> {
    let now = of_campaign(tx, campaign).await?;
    for terminal in now.iter().filter(|it| !before.contains(it)) {
        audit::append(tx, by, BEGAN, terminal).await?;
    }
    for terminal in before.iter().filter(|it| !now.contains(it)) {
        ended(tx, *terminal, by).await?;
    }
    look(tx, &now, by.at).await?;
    if now != before {
        tally::upheaval(tx).await?;
    }
    Ok(())
}

/// Another terminal has taken its place: if it may sell, nobody has heard that it stopped.
pub(super) async fn swapped(tx: &mut Transaction, terminal: TerminalId, by: &By) -> Result<()> {
    if among(tx, &[terminal]).await?.is_empty() {
        return Ok(());
    }
    audit::append(tx, by, BEGAN, terminal).await?;
    tally::upheaval(tx).await
}

/// It is over for this terminal: what is owed to it goes out again.
pub(super) async fn ended(tx: &mut Transaction, terminal: TerminalId, by: &By) -> Result<()> {
    audit::append(tx, by, ENDED, terminal).await?;
    let mut differences = Differences::default();
    end_alarms(tx, terminal, by.at, &mut differences).await?;
    differences.write(tx).await?;
    wake(tx, terminal, by.at).await?;
    tally::upheaval(tx).await
}

/// All terminals in quarantine are looked at again.
pub(super) async fn look_at_all(tx: &mut Transaction, now: UnixTime) -> Result<()> {
    let select = concat!(
        "SELECT id FROM terminals
         WHERE id IN (SELECT terminal FROM deactivation_members WHERE campaign IN (
                 SELECT campaign FROM deactivations WHERE is_lost = 1)) AND ",
        terminal_is_quarantined!(),
        " ORDER BY id"
    );
    let rows = tx.rows(select, vec![]).await?.into_iter();
    let ids = rows.map(|mut row| row.parsed("terminal")).collect::<Result<Vec<_>>>()?;
    look(tx, &ids, now).await
}

/// Whether something empties each of them yet is an alarm, or the end of one.
async fn look(tx: &mut Transaction, ids: &[TerminalId], now: UnixTime) -> Result<()> {
    let mut differences = Differences::default();
    for terminal in ids.iter().copied() {
        match lapsed(tx, terminal).await? {
            None => end_alarms(tx, terminal, now, &mut differences).await?,
            Some(wipe) => {
                let alarm = lapsed_alarm(terminal, wipe, LAPSED, now);
                alarms::stand(tx, terminal, alarm.kind, Some(&alarm), now, &mut differences)
                    .await?;
            }
        }
    }
    differences.write(tx).await
}

/// It is in quarantine and has connected: it could be emptied now, if people had ordered that anew.
pub(super) async fn greeted(
    tx: &mut Transaction,
    terminal: TerminalId,
    at: UnixTime,
    differences: &mut Differences,
) -> Result<()> {
    let Some(wipe) = lapsed(tx, terminal).await? else { return Ok(()) };
    let alarm = lapsed_alarm(terminal, wipe, SPOKE, at);
    alarms::stand(tx, terminal, alarm.kind, Some(&alarm), at, differences).await
}

/// The newest wipe of a terminal in quarantine, where none is under way any more and it has not
/// signed that it is erased.
async fn lapsed(tx: &mut Transaction, terminal: TerminalId) -> Result<Option<CampaignId>> {
    let select = "SELECT c.id, c.ended_at, a.state FROM deactivation_members m
         JOIN deactivations d ON d.campaign = m.campaign
         JOIN campaigns c ON c.id = m.campaign
         JOIN terminals t ON t.id = m.terminal
         LEFT JOIN assignments a ON a.campaign = m.campaign AND a.terminal = m.terminal
         WHERE m.terminal = $1 AND d.is_lost = 1 AND t.service <> 'erased'
             AND c.state IN ('running', 'paused', 'halted', 'completed')
         ORDER BY c.id DESC";
    let mut newest = None;
    for mut row in tx.rows(select, vec![text(terminal)]).await? {
        let (campaign, ended_at) = (row.parsed("campaign")?, row.maybe_time()?);
        let state: Option<AssignmentState> = row.maybe_code()?;
        if ended_at.is_none() && state.is_none_or(|it| !it.is_end()) {
            return Ok(None);
        }
        newest = newest.or(Some(campaign));
    }
    Ok(newest)
}

fn lapsed_alarm(
    terminal: TerminalId,
    wipe: CampaignId,
    (kind, what): (AlarmKind, &str),
    at: UnixTime,
) -> Alarm {
    let detail = format!(
        "{what}, and nothing empties it: its wipe by {wipe} is over, and it has not signed that it \
         is erased; order it anew for the same terminals, to be signed again: `tillward request \
         new --kind decommission` and `tillward deactivate wipe --lost`"
    );
    Alarm { terminal, kind, subject: wipe.to_string(), detail, at, ended_at: None }
}

async fn end_alarms(
    tx: &mut Transaction,
    terminal: TerminalId,
    now: UnixTime,
    differences: &mut Differences,
) -> Result<()> {
    for kind in [AlarmKind::WipeLapsed, AlarmKind::QuarantinedSpoke] {
        alarms::stand(tx, terminal, kind, None, now, differences).await?;
    }
    Ok(())
}

async fn wake(tx: &mut Transaction, terminal: TerminalId, at: UnixTime) -> Result<()> {
    let update = "UPDATE terminals SET deliver_at = $2
         WHERE id = $1 AND unit = 'enrolled'
             AND id IN (SELECT terminal FROM orders WHERE owed = 1)";
    tx.execute(update, vec![text(terminal), time(at)]).await?;
    Ok(())
}
