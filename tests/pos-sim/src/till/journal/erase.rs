//! The end of a till: its keys go first, then everything that it has recorded. What is left is that
//! it is stopped.

use anyhow::Result;

use super::Journal;

impl Journal {
    /// Whether anything is to be sent or to be settled.
    pub(crate) fn owes(&self) -> Result<bool> {
        for binding in self.bindings()? {
            let left = self.left(&binding.name)?;
            let is_open = self.open_figures(&binding.name)?.count > 0;
            if is_open || left.unsent_reversals > 0 || left.stored_offline > 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Deleted rows are overwritten (`secure_delete`), and nothing stays in the log beside the
    /// file.
    pub(crate) fn erase_all(&mut self) -> Result<()> {
        self.db.execute("DELETE FROM binding_key", [])?;
        let tables: Vec<String> = {
            let select = "SELECT name FROM sqlite_master WHERE type = 'table' \
                          AND name NOT IN ('till', 'stopped') AND name NOT LIKE 'sqlite_%'";
            let mut statement = self.db.prepare(select)?;
            statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?
        };
        self.db.execute_batch("PRAGMA foreign_keys = OFF")?;
        let change = self.db.transaction()?;
        for table in tables {
            change.execute(&format!("DELETE FROM \"{table}\""), [])?;
        }
        change.commit()?;
        self.span = None;
        self.db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE); VACUUM;")?;
        self.db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")?;
        Ok(())
    }
}
