//! Tests of a binding: each is written down under its key before anything is done, and answered
//! from here once it is done, so that no test is done twice. Test sales stand among the sales,
//! marked, and count at their host like any other; each is to be undone.

use anyhow::{Result, ensure};
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};

use super::sale::{change_state, insert};
use super::{Journal, Kind, NewSale, Sale, State};
use crate::protocol::{Code, Refusal, Test, TestResult};

/// A test that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TestRow {
    /// The sale that it made or undoes.
    pub(crate) stan: Option<i64>,
    /// None until it is known how it went.
    pub(crate) result: Option<TestResult>,
}

/// A test sale that is to be undone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Undone {
    pub(crate) sale: Sale,
    /// Nobody has been shown its batch's figures: it can be reversed. Otherwise it is refunded.
    pub(crate) batch_is_open: bool,
}

impl Journal {
    /// What is known of the test; none if it was never asked for. Another test under the same key
    /// is refused.
    pub(crate) fn test(&self, test: &Test) -> Result<Option<TestRow>, Refusal> {
        let Test { binding, key, kind, amount_minor } = test;
        let row = self
            .db
            .query_row(
                "SELECT stan, passed, reference, detail,
                    binding = ?2 AND kind = ?3 AND amount_minor = ?4 AS is_same
                 FROM test WHERE key = ?1",
                params![key, binding, kind.name(), amount_minor],
                |row| Ok((row.get::<_, bool>("is_same")?, read(row)?)),
            )
            .optional()
            .map_err(anyhow::Error::from)?;
        match row {
            Some((true, row)) => Ok(Some(row)),
            Some((false, _)) => {
                let text = format!("the key {key} belongs to another test");
                Err(Refusal::new(Code::Refused, text))
            }
            None => Ok(None),
        }
    }

    /// Writes down a test that makes no sale.
    pub(crate) fn begin_test(&mut self, test: &Test, now_ms: i64) -> Result<()> {
        let change = self.db.transaction()?;
        note(&change, test, None, now_ms)?;
        change.commit()?;
        Ok(())
    }

    /// Writes down a test and its sale, which is begun.
    pub(crate) fn begin_test_sale(&mut self, test: &Test, now_ms: i64) -> Result<Sale> {
        let change = self.db.transaction()?;
        let new = NewSale {
            binding: &test.binding,
            kind: Kind::Sale,
            amount_minor: test.amount_minor,
            tip_minor: 0,
        };
        let sale = insert(&change, new, (true, None), now_ms)?;
        note(&change, test, Some(sale.stan), now_ms)?;
        change.commit()?;
        Ok(sale)
    }

    /// Writes down that a test sale is given back by a refund, which is begun; `test` is the test
    /// that asks for it, if one does.
    pub(crate) fn begin_refund(
        &mut self,
        test: Option<&Test>,
        of: &Sale,
        now_ms: i64,
    ) -> Result<Sale> {
        let change = self.db.transaction()?;
        let refunds: i64 = change.query_row(
            "SELECT count(*) FROM sale WHERE refund_of = ?1
                AND state NOT IN ('reversed', 'declined')",
            [of.stan],
            |row| row.get(0),
        )?;
        ensure!(of.is_test && refunds == 0, "sale {} cannot be refunded again", of.stan);
        let new = NewSale {
            binding: &of.binding,
            kind: Kind::Sale,
            amount_minor: -of.amount_minor,
            tip_minor: 0,
        };
        let refund = insert(&change, new, (true, Some(of.stan)), now_ms)?;
        if let Some(test) = test {
            note(&change, test, Some(refund.stan), now_ms)?;
        }
        change.commit()?;
        Ok(refund)
    }

    /// Writes down that a test sale is to be reversed; `test` is the test that asks for it.
    pub(crate) fn begin_void(&mut self, test: &Test, sale: &Sale, now_ms: i64) -> Result<()> {
        let change = self.db.transaction()?;
        change_state(&change, sale, State::Reversing, now_ms)?;
        note(&change, test, Some(sale.stan), now_ms)?;
        change.commit()?;
        Ok(())
    }

    /// Writes down how the test went, and with it what became of its sale.
    pub(crate) fn answer_test(
        &mut self,
        key: &str,
        sale: Option<(&Sale, State)>,
        result: &TestResult,
        now_ms: i64,
    ) -> Result<()> {
        let change = self.db.transaction()?;
        if let Some((sale, to)) = sale {
            change_state(&change, sale, to, now_ms)?;
        }
        let TestResult { passed, reference, detail } = result;
        let answered = change.execute(
            "UPDATE test SET passed = ?2, reference = ?3, detail = ?4
             WHERE key = ?1 AND passed IS NULL",
            params![key, passed, reference, detail],
        )?;
        ensure!(answered == 1, "test {key} was answered before");
        change.commit()?;
        Ok(())
    }

    /// Test sales that are approved and that nobody has begun to give back, newest first.
    pub(crate) fn tests_to_undo(&self, binding: &str) -> Result<Vec<Undone>> {
        let mut statement = self.db.prepare_cached(&format!(
            "SELECT {}, EXISTS (SELECT 1 FROM batch WHERE batch.binding = sale.binding
                AND number = sale.batch AND batch.state = 'open') AS batch_is_open
             FROM sale WHERE is_test AND refund_of IS NULL AND state = 'approved' AND binding = ?1
                AND NOT EXISTS (SELECT 1 FROM sale AS refund WHERE refund.refund_of = sale.stan
                    AND refund.state NOT IN ('reversed', 'declined'))
             ORDER BY stan DESC",
            Sale::COLUMNS
        ))?;
        let sales = statement.query_map([binding], |row| {
            Ok(Undone { sale: Sale::read(row)?, batch_is_open: row.get("batch_is_open")? })
        })?;
        Ok(sales.collect::<rusqlite::Result<_>>()?)
    }

    /// Test sales of which the host still holds money, or may.
    pub(crate) fn tests_left(&self, binding: &str) -> Result<i64> {
        let left = self.db.query_row(
            "SELECT count(*) FROM sale WHERE is_test AND binding = ?1 AND (
                state IN ('begun', 'reversing') OR (refund_of IS NULL AND state = 'approved'
                    AND NOT EXISTS (SELECT 1 FROM sale AS refund
                        WHERE refund.refund_of = sale.stan AND refund.state = 'approved')))",
            [binding],
            |row| row.get(0),
        )?;
        Ok(left)
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<TestRow> {
    let passed: Option<bool> = row.get("passed")?;
    let (reference, detail) = (row.get("reference")?, row.get("detail")?);
    let result = passed.map(|passed| TestResult { passed, reference, detail });
    Ok(TestRow { stan: row.get("stan")?, result })
}

fn note(change: &Transaction<'_>, test: &Test, stan: Option<i64>, now_ms: i64) -> Result<()> {
    let db: &Connection = change;
    db.execute(
        "INSERT INTO test (key, binding, kind, amount_minor, stan, at_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![test.key, test.binding, test.kind.name(), test.amount_minor, stan, now_ms],
    )?;
    Ok(())
}
