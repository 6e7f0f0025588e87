//! Terminals in the wrong hands: they get what empties them, and nothing else.
//!
//! Nobody writes down that a terminal is in quarantine. It follows from the wipe that people have
//! approved for it as lost, stolen or tampered with, and lasts until one of them takes that back,
//! until the terminal is revoked (as one that is erased is in the end), or until somebody has
//! enrolled it anew with a claim. That nobody has heard of it in time ends nothing.

use shared::id::{CampaignId, TerminalId};
use shared::time::UnixTime;

use super::audit;
use super::session::{Transaction, list, text, time, with_id_list};
use super::tally::Differences;
use crate::registry::RegistryError;
use crate::registry::audit::By;

type Result<T> = std::result::Result<T, RegistryError>;

/// Whether a terminal of `terminals` is in quarantine, in a statement that has this table.
macro_rules! terminal_is_quarantined {
    () => {
        "EXISTS (SELECT 1 FROM deactivation_members AS of_lost
             JOIN deactivations AS of_wipe ON of_wipe.campaign = of_lost.campaign
             JOIN campaigns AS wiping ON wiping.id = of_lost.campaign
             WHERE of_lost.terminal = terminals.id AND terminals.unit = 'enrolled'
                 AND of_wipe.is_lost = 1 AND wiping.state IN ('running', 'paused', 'completed')
                 AND NOT EXISTS (SELECT 1 FROM claims AS later
                     WHERE later.terminal = terminals.id AND later.used_at > wiping.started_at))"
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
    if now != before {
        note_change(tx).await?;
    }
    Ok(())
}

/// It is over for this terminal: what is owed to it goes out again.
pub(super) async fn ended(tx: &mut Transaction, terminal: TerminalId, by: &By) -> Result<()> {
    audit::append(tx, by, ENDED, terminal).await?;
    wake(tx, terminal, by.at).await?;
    note_change(tx).await
}

async fn wake(tx: &mut Transaction, terminal: TerminalId, at: UnixTime) -> Result<()> {
    let update = "UPDATE terminals SET deliver_at = $2
         WHERE id = $1 AND unit = 'enrolled'
             AND id IN (SELECT terminal FROM orders WHERE owed = 1)";
    tx.execute(update, vec![text(terminal), time(at)]).await?;
    Ok(())
}

/// Campaigns that hold somebody back look again.
async fn note_change(tx: &mut Transaction) -> Result<()> {
    let mut differences = Differences::default();
    differences.quarantine();
    differences.write(tx).await
}
