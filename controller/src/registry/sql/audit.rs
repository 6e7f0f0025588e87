//! The audit log: one row after another.

use super::session::{Transaction, int, text, time};
use crate::registry::RegistryError;
use crate::registry::audit::{AuditEntry, By};
use crate::registry::page::Page;

type Result<T> = std::result::Result<T, RegistryError>;

pub(super) async fn append(
    tx: &mut Transaction,
    by: &By,
    what: &str,
    object: impl ToString,
) -> Result<()> {
    let newest = tx.row("SELECT seq, digest FROM audit ORDER BY seq DESC LIMIT 1", vec![]).await?;
    let newest = match newest {
        Some(mut row) => Some((row.number()?, row.parsed("digest")?)),
        None => None,
    };
    let entry = AuditEntry::after(newest, by, what, &object.to_string());
    let values = vec![
        int(entry.seq),
        time(entry.at),
        text(entry.who),
        text(entry.what),
        text(entry.object),
        text(entry.detail),
        text(entry.previous),
        text(entry.digest),
    ];
    let insert = "INSERT INTO audit (seq, at, who, what, object, detail, previous, digest)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    tx.execute(insert, values).await?;
    Ok(())
}

pub(super) async fn page(tx: &mut Transaction, page: &Page<u64>) -> Result<Vec<AuditEntry>> {
    let select = "SELECT seq, at, who, what, object, detail, previous, digest FROM audit
         WHERE seq > $1 ORDER BY seq LIMIT $2";
    let rows = tx.rows(select, vec![int(page.after.unwrap_or(0)), int(page.items())]).await?;
    let entry = |mut row: super::session::Row| {
        Ok(AuditEntry {
            seq: row.number()?,
            at: row.time()?,
            who: row.text()?,
            what: row.text()?,
            object: row.text()?,
            detail: row.text()?,
            previous: row.parsed("digest")?,
            digest: row.parsed("digest")?,
        })
    };
    rows.into_iter().map(entry).collect()
}
