//! The audit log: one row after another, and the tree over them.

use std::collections::BTreeMap;

use async_trait::async_trait;
use shared::digest::Digest;
use shared::id::CampaignId;
use shared::log_tree::At;

use super::session::{
    Access, Database, Row, Sql, Transaction, bytes, int, json, list, text, time, with_id_list,
};
use super::tally::Differences;
use super::{SqlRegistry, alarms, finish, read, transaction, write};
use crate::registry::RegistryError;
use crate::registry::audit::{AuditEntry, AuditRegistry, By, StoredCheckpoint};
use crate::registry::delivery::AnyAlarm;
use crate::registry::page::Page;

type Result<T> = std::result::Result<T, RegistryError>;

#[async_trait]
impl<D: Database> AuditRegistry for SqlRegistry<D> {
    async fn newest_checkpoint(&self) -> Result<Option<StoredCheckpoint>> {
        read!(self, "find the newest checkpoint", tx => newest_checkpoint(tx))
    }

    async fn checkpoint_at(&self, size: u64) -> Result<Option<StoredCheckpoint>> {
        read!(self, "find a checkpoint", tx => checkpoint_at(tx, size))
    }

    async fn grow_audit_tree(
        &self,
        from: u64,
        nodes: &[(At, Digest)],
        checkpoint: &StoredCheckpoint,
    ) -> Result<bool> {
        write!(self, "grow the tree of the audit log", tx => grow(tx, from, nodes, checkpoint))
    }

    async fn audit_of_campaign(&self, campaign: CampaignId, most: u32) -> Result<Vec<AuditEntry>> {
        read!(self, "read what was decided about a campaign", tx => of_campaign(tx, campaign, most))
    }

    async fn audit_nodes(&self, of: &[At]) -> Result<BTreeMap<At, Digest>> {
        read!(self, "look up the tree of the audit log", tx => nodes(tx, of))
    }

    async fn raise_alarm(&self, alarm: &AnyAlarm) -> Result<bool> {
        write!(self, "raise an alarm", tx => raise(tx, alarm))
    }
}

fn checkpoint(mut row: Row) -> Result<StoredCheckpoint> {
    Ok(StoredCheckpoint {
        size: row.number()?,
        root: row.parsed("digest")?,
        head: row.parsed("digest")?,
        at: row.time()?,
        signed: row.signed()?,
    })
}

async fn newest_checkpoint(tx: &mut Transaction) -> Result<Option<StoredCheckpoint>> {
    let select = "SELECT size, root, head, at, signed FROM audit_checkpoints
         ORDER BY size DESC LIMIT 1";
    tx.row(select, vec![]).await?.map(checkpoint).transpose()
}

async fn checkpoint_at(tx: &mut Transaction, size: u64) -> Result<Option<StoredCheckpoint>> {
    let select = "SELECT size, root, head, at, signed FROM audit_checkpoints WHERE size = $1";
    tx.row(select, vec![int(size)]).await?.map(checkpoint).transpose()
}

/// From a list of pairs, a subtree's name and its digest.
const INSERT_NODES: Sql = Sql {
    sqlite: "INSERT INTO audit_tree (node, digest)
         SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each($1)",
    postgres: "INSERT INTO audit_tree (node, digest)
         SELECT pair ->> 0, pair ->> 1 FROM json_array_elements(CAST($1 AS json)) AS pair",
};

async fn grow(
    tx: &mut Transaction,
    from: u64,
    nodes: &[(At, Digest)],
    checkpoint: &StoredCheckpoint,
) -> Result<bool> {
    if newest_checkpoint(tx).await?.map_or(0, |it| it.size) != from {
        return Ok(false);
    }
    // In one statement: one for each took longer than the hashing.
    let pairs = nodes.iter().map(|(at, digest)| [name(*at), digest.to_string()]);
    tx.execute(INSERT_NODES, vec![json(&pairs.collect::<Vec<_>>())]).await?;
    let StoredCheckpoint { size, root, head, at, signed } = checkpoint;
    let insert = "INSERT INTO audit_checkpoints (size, root, head, at, signed)
         VALUES ($1, $2, $3, $4, $5)";
    let signed = bytes(signed.as_slice());
    tx.execute(insert, vec![int(*size), text(root), text(head), time(*at), signed]).await?;
    Ok(true)
}

/// A subtree as the table calls it.
fn name(At { level, at }: At) -> String {
    format!("{level}/{at}")
}

async fn nodes(tx: &mut Transaction, of: &[At]) -> Result<BTreeMap<At, Digest>> {
    let names: BTreeMap<_, _> = of.iter().map(|at| (name(*at), *at)).collect();
    let select = with_id_list!("SELECT node, digest FROM audit_tree WHERE node IN ", "");
    let mut found = BTreeMap::new();
    for mut row in tx.rows(select, vec![list(names.keys())]).await? {
        let (node, digest) = (row.text()?, row.parsed("digest")?);
        found.extend(names.get(&node).map(|at| (*at, digest)));
    }
    Ok(found)
}

async fn raise(tx: &mut Transaction, alarm: &AnyAlarm) -> Result<bool> {
    let is_new = alarms::raise(tx, alarm, None).await?;
    let mut differences = Differences::default();
    if is_new {
        differences.alarm();
    }
    differences.write(tx).await?;
    Ok(is_new)
}

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
    rows.into_iter().map(entry).collect()
}

/// By the index of those entries, whose condition this repeats.
async fn of_campaign(
    tx: &mut Transaction,
    campaign: CampaignId,
    most: u32,
) -> Result<Vec<AuditEntry>> {
    let select = "SELECT seq, at, who, what, object, detail, previous, digest FROM audit
         WHERE object = $1 AND substr(what, 1, 9) = 'campaign-' ORDER BY seq DESC LIMIT $2";
    let rows = tx.rows(select, vec![text(campaign), int(most)]).await?;
    rows.into_iter().rev().map(entry).collect()
}

fn entry(mut row: Row) -> Result<AuditEntry> {
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
}
