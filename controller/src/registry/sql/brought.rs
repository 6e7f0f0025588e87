//! What campaigns have brought to terminals of one model in one store.

use super::session::{Row, Transaction, text};
use crate::deactivation::validity::Brought;
use crate::registry::RegistryError;

type Result<T> = std::result::Result<T, RegistryError>;

/// By each component the release of the campaign that was completed last, and had brought it to
/// any of them.
pub(super) async fn to(tx: &mut Transaction, store: &str, model: &str) -> Result<Vec<Brought>> {
    let select = "SELECT r.component, r.version, r.security_counter, c.id FROM campaigns c
         JOIN releases r ON r.digest = c.release
         WHERE c.state = 'completed' AND c.id IN (
             SELECT a.campaign FROM terminals t JOIN assignments a ON a.terminal = t.id
             WHERE t.store = $1 AND t.model = $2 AND a.state = 'succeeded')
         ORDER BY r.component, c.ended_at DESC, c.id DESC";
    let brought = |mut row: Row| {
        Ok(Brought {
            component: row.text()?,
            version: row.text()?,
            security_counter: row.number()?,
            campaign: row.parsed("campaign")?,
        })
    };
    let rows = tx.rows(select, vec![text(store), text(model)]).await?;
    let mut newest = rows.into_iter().map(brought).collect::<Result<Vec<_>>>()?;
    newest.dedup_by(|later, first| later.component == first.component);
    Ok(newest)
}
