//! Who may read what was saved, among terminals: its own, and what a restore order that is not
//! done yet names. The bytes are encrypted either way; the key comes with the order.

use shared::change::Change;
use shared::id::{RepositoryId, TerminalId};

use crate::registry::backup::Repository;
use crate::registry::page::Page;
use crate::registry::{Registry, RegistryError};

/// How many of a terminal's newest orders are looked at. It carries out one after another.
const ORDERS_MAX: u32 = 32;

/// Whether this terminal may read this repository now.
pub async fn may_read(
    registry: &dyn Registry,
    terminal: TerminalId,
    repository: &Repository,
) -> Result<bool, RegistryError> {
    if repository.terminal == terminal {
        return Ok(true);
    }
    for assignment in registry.assignments_on(terminal, &Page::first(ORDERS_MAX)).await? {
        if assignment.standing.state().is_end() {
            continue;
        }
        let campaign = registry.campaign(assignment.campaign).await?;
        if campaign.is_some_and(|campaign| restores_from(&campaign.change, repository)) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn restores_from(change: &Change, repository: &Repository) -> bool {
    let of: Option<(RepositoryId, TerminalId)> = match change {
        Change::Restore(restore) => Some((restore.of.repository, restore.of.terminal)),
        Change::Ping(_)
        | Change::Backup(_)
        | Change::Drill(_)
        | Change::Upgrade(_)
        | Change::Rebind(_)
        | Change::Suspend(_)
        | Change::Resume(_)
        | Change::Decommission(_)
        | Change::Cancel(_) => None,
    };
    of == Some((repository.id, repository.terminal))
}
