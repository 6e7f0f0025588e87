//! The hold on trading: a lease in the journal, so that it survives a restart of the till, and ends
//! by itself, so that a dead agent does not close a shop. Beside it, trading can be stopped for
//! good, which ends only when somebody releases it.

use anyhow::Result;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::Journal;

/// How far a clock is set back by an ordinary correction, which does not end a hold.
const CLOCK_STEP_MS_MAX: i64 = 60_000;

/// When the hold was taken or renewed last, and when it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lease {
    taken_ms: i64,
    expires_ms: i64,
}

impl Lease {
    /// A lease counts from when it was taken until it expires. It is over, too, when the clock has
    /// been set back well before it was taken: a shop that a wrong clock keeps closed is worse than
    /// a hold that ends early.
    fn is_in_force(self, now_ms: i64) -> bool {
        (self.taken_ms - CLOCK_STEP_MS_MAX..self.expires_ms).contains(&now_ms)
    }

    /// Seconds since 1970, rounded up.
    pub(crate) fn expires_at(self) -> i64 {
        self.expires_ms.div_euclid(1000) + i64::from(self.expires_ms.rem_euclid(1000) > 0)
    }

    pub(crate) fn left_ms(self, now_ms: i64) -> u64 {
        u64::try_from(self.expires_ms - now_ms).unwrap_or(0)
    }
}

impl Journal {
    /// Holds trading, or renews the hold, from now on for `lease_s`.
    pub(crate) fn hold(&mut self, lease_s: u32, reason: &str, now_ms: i64) -> Result<()> {
        let expires_ms = now_ms + i64::from(lease_s) * 1000;
        self.db.execute(
            "INSERT OR REPLACE INTO hold (only_one, reason, taken_ms, expires_ms) \
             VALUES (1, ?1, ?2, ?3)",
            params![reason, now_ms, expires_ms],
        )?;
        Ok(())
    }

    /// Ends the hold, and lets a shop that was stopped for good sell again.
    pub(crate) fn release(&mut self) -> Result<()> {
        let change = self.db.transaction()?;
        change.execute("DELETE FROM hold", [])?;
        change.execute("DELETE FROM stopped", [])?;
        change.commit()?;
        Ok(())
    }

    /// Stops trading until it is released, and shows `message` for as long.
    pub(crate) fn stop_trading(&mut self, message: &str, now_ms: i64) -> Result<()> {
        let change = self.db.transaction()?;
        change.execute(
            "INSERT OR REPLACE INTO stopped (only_one, message, at_ms) VALUES (1, ?1, ?2)",
            params![message, now_ms],
        )?;
        change.execute("INSERT INTO notice (at_ms, text) VALUES (?1, ?2)", (now_ms, message))?;
        change.commit()?;
        Ok(())
    }

    /// What the screen says, if trading was stopped for good.
    pub(crate) fn stopped(&self) -> Result<Option<String>> {
        stopped(&self.db)
    }

    /// The lease in force, if any.
    pub(crate) fn held(&self, now_ms: i64) -> Result<Option<Lease>> {
        held(&self.db, now_ms)
    }

    /// Whether no sale may begin now: trading is held, or stopped for good.
    pub(crate) fn is_closed(&self, now_ms: i64) -> Result<bool> {
        is_closed(&self.db, now_ms)
    }
}

fn held(db: &Connection, now_ms: i64) -> Result<Option<Lease>> {
    let mut statement = db.prepare_cached("SELECT taken_ms, expires_ms FROM hold")?;
    let lease = statement
        .query_row([], |row| Ok(Lease { taken_ms: row.get(0)?, expires_ms: row.get(1)? }))
        .optional()?;
    Ok(lease.filter(|lease| lease.is_in_force(now_ms)))
}

fn stopped(db: &Connection) -> Result<Option<String>> {
    let mut statement = db.prepare_cached("SELECT message FROM stopped")?;
    Ok(statement.query_row([], |row| row.get(0)).optional()?)
}

pub(super) fn is_closed(db: &Connection, now_ms: i64) -> Result<bool> {
    Ok(held(db, now_ms)?.is_some() || stopped(db)?.is_some())
}

#[cfg(test)]
mod tests {
    use super::Lease;

    #[test]
    fn a_lease_is_over_when_it_expires_and_when_the_clock_went_back() {
        let lease = Lease { taken_ms: 100_000, expires_ms: 160_001 };
        assert!(lease.is_in_force(100_000) && lease.is_in_force(160_000));
        assert!(!lease.is_in_force(160_001));
        assert!(lease.is_in_force(40_000), "an ordinary correction of the clock");
        assert!(!lease.is_in_force(39_999));
        assert_eq!((lease.expires_at(), lease.left_ms(160_000)), (161, 1));
        assert_eq!(lease.left_ms(170_000), 0);
    }
}
