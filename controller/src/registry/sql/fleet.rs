//! Whose registry it is, who may use it, and the rosters.

use shared::digest::Digest;
use shared::document::Roster;
use shared::id::FleetId;
use shared::signature::Envelope;

use super::audit;
use super::session::{Row, Transaction, bytes, int, list, text, time, with_id_list};
use crate::registry::RegistryError;
use crate::registry::audit::By;
use crate::registry::fleet::{Operator, StoredRoster};
use crate::registry::page::Page;

type Result<T> = std::result::Result<T, RegistryError>;

pub(super) async fn belongs_to(tx: &mut Transaction, ours: FleetId) -> Result<()> {
    match tx.row("SELECT id FROM fleet", vec![]).await? {
        Some(mut row) => match row.parsed("fleet")? {
            found if found == ours => Ok(()),
            found => Err(RegistryError::OtherFleet { found, ours }),
        },
        None => {
            tx.execute("INSERT INTO fleet (one, id) VALUES (1, $1)", vec![text(ours)]).await?;
            Ok(())
        }
    }
}

pub(super) async fn put_operator(tx: &mut Transaction, operator: &Operator, by: &By) -> Result<()> {
    let put = "INSERT INTO operators (name, token_hash, created_at) VALUES ($1, $2, $3)
         ON CONFLICT (name) DO UPDATE SET token_hash = $2, created_at = $3";
    let Operator { name, token_hash, created_at } = operator;
    tx.execute(put, vec![text(name), text(token_hash), time(*created_at)]).await?;
    audit::append(tx, by, "operator-put", name).await
}

pub(super) async fn keep_operators(tx: &mut Transaction, names: &[String], by: &By) -> Result<u64> {
    let others = with_id_list!("SELECT name FROM operators WHERE name NOT IN ", " ORDER BY name");
    let mut removed = 0;
    for mut row in tx.rows(others, vec![list(names)]).await? {
        let name = row.text()?;
        tx.execute("DELETE FROM operators WHERE name = $1", vec![text(&name)]).await?;
        audit::append(tx, by, "operator-removed", name).await?;
        removed += 1;
    }
    Ok(removed)
}

fn operator(mut row: Row) -> Result<Operator> {
    Ok(Operator {
        name: row.text()?,
        token_hash: row.parsed("token hash")?,
        created_at: row.time()?,
    })
}

pub(super) async fn operator_by_token(
    tx: &mut Transaction,
    token_hash: Digest,
) -> Result<Option<Operator>> {
    let select = "SELECT name, token_hash, created_at FROM operators WHERE token_hash = $1";
    tx.row(select, vec![text(token_hash)]).await?.map(operator).transpose()
}

pub(super) async fn operators(tx: &mut Transaction, page: &Page<String>) -> Result<Vec<Operator>> {
    let select = "SELECT name, token_hash, created_at FROM operators WHERE name > $1
         ORDER BY name LIMIT $2";
    let after = page.after.as_deref().unwrap_or_default();
    let rows = tx.rows(select, vec![text(after), int(page.items())]).await?;
    rows.into_iter().map(operator).collect()
}

pub(super) async fn add_roster(
    tx: &mut Transaction,
    roster: &Envelope<Roster>,
    by: &By,
) -> Result<()> {
    let (version, digest) = (roster.document.version, roster.digest());
    let newest = newest_roster(tx).await?.map_or(0, |newest| newest.version);
    if version <= newest {
        let known = "SELECT digest FROM rosters WHERE version = $1 AND digest = $2";
        return match tx.row(known, vec![int(version), text(digest)]).await? {
            Some(_) => Ok(()),
            None => {
                Err(RegistryError::Exists { what: "roster", which: format!("version {version}") })
            }
        };
    }
    if version != newest + 1 {
        return Err(RegistryError::RosterGap { version, missing: newest + 1 });
    }
    let insert = "INSERT INTO rosters (version, digest, signed, added_at) VALUES ($1, $2, $3, $4)";
    let values = vec![int(version), text(digest), bytes(&roster.to_bytes()), time(by.at)];
    tx.execute(insert, values).await?;
    audit::append(tx, by, "roster-added", version).await
}

fn roster(mut row: Row) -> Result<StoredRoster> {
    Ok(StoredRoster {
        version: row.number()?,
        digest: row.parsed("digest")?,
        signed: row.signed()?,
        added_at: row.time()?,
    })
}

pub(super) async fn rosters_after(
    tx: &mut Transaction,
    version: u64,
    limit: u32,
) -> Result<Vec<StoredRoster>> {
    let select = "SELECT version, digest, signed, added_at FROM rosters WHERE version > $1
         ORDER BY version LIMIT $2";
    let rows = tx.rows(select, vec![int(version), int(limit)]).await?;
    rows.into_iter().map(roster).collect()
}

pub(super) async fn newest_roster(tx: &mut Transaction) -> Result<Option<StoredRoster>> {
    let select = "SELECT version, digest, signed, added_at FROM rosters
         ORDER BY version DESC LIMIT 1";
    tx.row(select, vec![]).await?.map(roster).transpose()
}
