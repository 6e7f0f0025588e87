//! What is asked of terminals again and again.

use std::time::Duration;

use shared::time::UnixTime;

use super::super::audit;
use super::super::session::{Row, Transaction, Value, code, int, maybe_text, text, time};
use crate::backup::schedule::Schedule;
use crate::registry::RegistryError;
use crate::registry::audit::By;

type Result<T> = std::result::Result<T, RegistryError>;

/// All columns of a schedule, in the order in which [`schedule`] takes them.
macro_rules! select_schedules {
    ($tail:literal) => {
        concat!(
            "SELECT name, work, every, selector, max_parallel, time_window, settlement_s,
                 set_at, set_by, next_at
             FROM backup_schedules ",
            $tail
        )
    };
}

fn schedule(mut row: Row) -> Result<Schedule> {
    Ok(Schedule {
        name: row.text()?,
        work: row.code()?,
        every: row.code()?,
        selector: row.text()?,
        max_parallel: row.number()?,
        window: row.maybe_parsed("window")?,
        settlement: {
            let seconds = row.maybe_int()?.and_then(|seconds| u64::try_from(seconds).ok());
            seconds.map(Duration::from_secs)
        },
        set_at: row.time()?,
        set_by: row.text()?,
        next_at: row.time()?,
    })
}

pub(super) async fn put(tx: &mut Transaction, new: &Schedule, by: &By) -> Result<()> {
    let put = "INSERT INTO backup_schedules (name, work, every, selector, max_parallel,
             time_window, settlement_s, set_at, set_by, next_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
         ON CONFLICT (name) DO UPDATE SET work = $2, every = $3, selector = $4,
             max_parallel = $5, time_window = $6, settlement_s = $7, set_at = $8, set_by = $9,
             next_at = $10";
    let values = vec![
        text(&new.name),
        code(new.work),
        code(new.every),
        text(&new.selector),
        int(new.max_parallel),
        maybe_text(new.window),
        Value::Int(new.settlement.and_then(|it| i64::try_from(it.as_secs()).ok())),
        time(new.set_at),
        text(&new.set_by),
        time(new.next_at),
    ];
    tx.execute(put, values).await?;
    audit::append(tx, by, "backup-schedule-set", &new.name).await
}

pub(super) async fn remove(tx: &mut Transaction, name: &str, by: &By) -> Result<()> {
    let removed = tx.execute("DELETE FROM backup_schedules WHERE name = $1", vec![text(name)]);
    if removed.await? == 0 {
        return Err(RegistryError::Missing { what: "schedule", which: name.to_owned() });
    }
    audit::append(tx, by, "backup-schedule-removed", name).await
}

/// There are as many as people have set.
pub(super) async fn all(tx: &mut Transaction) -> Result<Vec<Schedule>> {
    let rows = tx.rows(select_schedules!("ORDER BY name"), vec![]).await?;
    rows.into_iter().map(schedule).collect()
}

pub(super) async fn due(tx: &mut Transaction, now: UnixTime, limit: u32) -> Result<Vec<Schedule>> {
    let select = select_schedules!("WHERE next_at <= $1 ORDER BY next_at, name LIMIT $2");
    let rows = tx.rows(select, vec![time(now), int(limit)]).await?;
    rows.into_iter().map(schedule).collect()
}

/// Unless it was set anew meanwhile.
pub(super) async fn made(tx: &mut Transaction, of: &Schedule, next_at: UnixTime) -> Result<()> {
    let update = "UPDATE backup_schedules SET next_at = $3 WHERE name = $1 AND set_at = $2";
    tx.execute(update, vec![text(&of.name), time(of.set_at), time(next_at)]).await?;
    Ok(())
}
