//! Documents in versions. One row of each document is its newest.

use std::collections::{BTreeMap, BTreeSet};

use super::super::audit;
use super::super::session::{
    Row, Transaction, code, int, json, list, maybe_text, text, time, with_id_list,
};
use crate::provider::{Document, Kind, Known, Vouch, changed};
use crate::registry::RegistryError;
use crate::registry::audit::By;
use crate::registry::page::Page;
use crate::registry::provider::{NewRecord, Record};

type Result<T> = std::result::Result<T, RegistryError>;

/// All columns of a version, in the order in which [`record`] takes them.
macro_rules! select_records {
    ($tail:literal) => {
        concat!("SELECT key, version, body, set_at, set_by, why FROM provider_records ", $tail)
    };
}

fn record(mut row: Row) -> Result<Record> {
    let (key, version) = (row.text()?, row.number()?);
    let document: Document = row.json("document")?;
    Ok(Record {
        known: Known { key, version, document, vouches: vec![] },
        set_at: row.time()?,
        set_by: row.text()?,
        why: row.text()?,
    })
}

async fn with_vouches(tx: &mut Transaction, kind: Kind, rows: Vec<Row>) -> Result<Vec<Record>> {
    let records = rows.into_iter().map(record).collect::<Result<Vec<_>>>()?;
    let keys: BTreeSet<_> = records.iter().map(|it| it.known.key.clone()).collect();
    let select = with_id_list!(
        "SELECT key, matter, digest, said_by, said_at, why FROM provider_vouches WHERE key IN ",
        " AND kind = $2 ORDER BY key, said_at, said_by, matter, digest"
    );
    let mut vouches = BTreeMap::<String, Vec<Vouch>>::new();
    for mut row in tx.rows(select, vec![list(keys), code(kind)]).await? {
        let key = row.text()?;
        let vouch = Vouch {
            matter: row.code()?,
            of: row.parsed("digest")?,
            by: row.text()?,
            at: row.time()?,
            why: row.text()?,
        };
        vouches.entry(key).or_default().push(vouch);
    }
    let with = |mut record: Record| {
        record.known.vouches = vouches.get(&record.known.key).cloned().unwrap_or_default();
        record
    };
    Ok(records.into_iter().map(with).collect())
}

pub(in crate::registry::sql) async fn one(
    tx: &mut Transaction,
    kind: Kind,
    key: &str,
    version: Option<u32>,
) -> Result<Option<Record>> {
    let rows = match version {
        None => {
            let select = select_records!("WHERE kind = $1 AND key = $2 AND newest = 1");
            tx.rows(select, vec![code(kind), text(key)]).await?
        }
        Some(version) => {
            let select = select_records!("WHERE kind = $1 AND key = $2 AND version = $3");
            tx.rows(select, vec![code(kind), text(key), int(version)]).await?
        }
    };
    Ok(with_vouches(tx, kind, rows).await?.into_iter().next())
}

pub(super) async fn newest(
    tx: &mut Transaction,
    kind: Kind,
    page: &Page<String>,
) -> Result<Vec<Record>> {
    let select = select_records!(
        "WHERE kind = $1 AND newest = 1 AND key > COALESCE($2, '') ORDER BY key LIMIT $3"
    );
    let values = vec![code(kind), maybe_text(page.after.as_ref()), int(page.items())];
    let rows = tx.rows(select, values).await?;
    with_vouches(tx, kind, rows).await
}

pub(super) async fn history(
    tx: &mut Transaction,
    kind: Kind,
    key: &str,
    page: &Page<u32>,
) -> Result<Vec<Record>> {
    let select = select_records!(
        "WHERE kind = $1 AND key = $2 AND version < $3 ORDER BY version DESC LIMIT $4"
    );
    let before = page.after.unwrap_or(u32::MAX);
    let values = vec![code(kind), text(key), int(before), int(page.items())];
    let rows = tx.rows(select, values).await?;
    with_vouches(tx, kind, rows).await
}

async fn seen_is_newest(
    tx: &mut Transaction,
    kind: Kind,
    key: &str,
    expected: u32,
) -> Result<Option<Document>> {
    let select = "SELECT version, body FROM provider_records
         WHERE kind = $1 AND key = $2 AND newest = 1";
    let newest = match tx.row(select, vec![code(kind), text(key)]).await? {
        Some(mut row) => Some((row.number::<u32>()?, row.json("document")?)),
        None => None,
    };
    let found = newest.as_ref().map_or(0, |(version, _)| *version);
    if found != expected {
        let which = key.to_owned();
        return Err(RegistryError::DocumentMoved { what: kind.as_str(), which, expected, found });
    }
    Ok(newest.map(|(_, document)| document))
}

pub(super) async fn put(tx: &mut Transaction, new: &[NewRecord], by: &By) -> Result<()> {
    for NewRecord { key, document, seen } in new {
        let kind = document.kind();
        let old = seen_is_newest(tx, kind, key, *seen).await?;
        let update = "UPDATE provider_records SET newest = 0
             WHERE kind = $1 AND key = $2 AND newest = 1";
        tx.execute(update, vec![code(kind), text(key)]).await?;
        let insert = "INSERT INTO provider_records
                 (kind, key, version, newest, body, set_at, set_by, why)
             VALUES ($1, $2, $3, 1, $4, $5, $6, $7)";
        let version = seen.saturating_add(1);
        let values = vec![
            code(kind),
            text(key),
            int(version),
            json(document),
            time(by.at),
            text(&by.who),
            text(&by.why),
        ];
        tx.execute(insert, values).await?;
        let fields = changed(old.as_ref(), document).join(", ");
        let why = format!("version {version}: {fields}; {}", by.why);
        let by = By { why, ..by.clone() };
        audit::append(tx, &by, &format!("{kind}-set"), key).await?;
    }
    Ok(())
}

pub(super) async fn vouch(
    tx: &mut Transaction,
    kind: Kind,
    key: &str,
    seen: u32,
    vouch: &Vouch,
) -> Result<()> {
    if seen_is_newest(tx, kind, key, seen).await?.is_none() {
        return Err(RegistryError::Missing { what: kind.as_str(), which: key.to_owned() });
    }
    let insert = "INSERT INTO provider_vouches
             (kind, key, matter, digest, said_by, said_at, why)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (kind, key, matter, digest, said_by, said_at) DO NOTHING";
    let values = vec![
        code(kind),
        text(key),
        code(vouch.matter),
        text(vouch.of),
        text(&vouch.by),
        time(vouch.at),
        text(&vouch.why),
    ];
    tx.execute(insert, values).await?;
    let why = format!("version {seen}: {}; {}", vouch.matter.as_str(), vouch.why);
    let by = By { who: vouch.by.clone(), why, at: vouch.at };
    audit::append(tx, &by, &format!("{kind}-vouched"), key).await
}

pub(super) async fn alert_seen(tx: &mut Transaction, alert: &str, by: &By) -> Result<()> {
    let insert = "INSERT INTO provider_alerts_seen (alert, seen_by, seen_at) VALUES ($1, $2, $3)
         ON CONFLICT (alert) DO NOTHING";
    if tx.execute(insert, vec![text(alert), text(&by.who), time(by.at)]).await? > 0 {
        audit::append(tx, by, "provider-alert-seen", alert).await?;
    }
    Ok(())
}

pub(super) async fn alerts_seen(tx: &mut Transaction, of: &[String]) -> Result<BTreeSet<String>> {
    let select = with_id_list!("SELECT alert FROM provider_alerts_seen WHERE alert IN ", "");
    let mut seen = BTreeSet::new();
    for mut row in tx.rows(select, vec![list(of)]).await? {
        seen.insert(row.text()?);
    }
    Ok(seen)
}
