//! Applies what terminals said.
//!
//! A batch is worked through in memory, and what it changed is written at its end: a terminal that
//! reports a hundred times is read once and written once. Applying is idempotent because each
//! report only adds a fact to a [`Standing`](crate::campaign::assignment::Standing), and because
//! reports up to the cursor are skipped.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use shared::digest::Digest;
use shared::document::receipt::{Receipt, Said as Answer};
use shared::id::{OrderId, TerminalId};
use shared::message::{Hello, SignedBytes, Telemetry};
use shared::outcome::Outcome;

use super::presence::{self, Known};
use super::session::{Row, Transaction, bytes, int, text, time};
use super::tally::Differences;
use super::{alarms, assignments, orders};
use crate::campaign::assignment::{Ended, Fact, Refused, Standing};
use crate::registry::RegistryError;
use crate::registry::campaign::Assignment;
use crate::registry::delivery::{Alarm, AlarmKind, Applied, Heard, Report, Saying};

type Result<T> = std::result::Result<T, RegistryError>;

/// An honest terminal makes two for an order, and two more whenever it is asked again.
const RECEIPTS_PER_ORDER_MAX: i64 = 64;

pub(super) async fn apply(tx: &mut Transaction, heard: &[Heard]) -> Result<Applied> {
    let terminals: BTreeSet<_> = heard.iter().map(|it| it.terminal).collect();
    let mut work = Work {
        known: presence::load(tx, &terminals).await?,
        cursors: BTreeMap::new(),
        orders: BTreeMap::new(),
        serve: BTreeSet::new(),
        differences: Differences::default(),
        applied: Applied::default(),
    };
    for it in heard {
        work.hear(tx, it).await?;
    }
    work.write(tx).await
}

/// What a batch has read and changed so far.
struct Work {
    known: BTreeMap<TerminalId, Known>,
    /// By terminal and epoch: up to where it was applied, as found and as it is now.
    cursors: BTreeMap<(TerminalId, u32), (u64, u64)>,
    orders: BTreeMap<OrderId, Option<Order>>,
    /// Terminals to which something may have become due.
    serve: BTreeSet<TerminalId>,
    differences: Differences,
    applied: Applied,
}

/// An order that reports are about.
struct Order {
    terminal: TerminalId,
    /// The assignment that it is the newest attempt of, and what is known of it now.
    assignment: Option<(Assignment, Standing)>,
    /// For a cancel order: the order of the assignment that it cancels.
    cancels: Option<OrderId>,
    answered: bool,
}

impl Work {
    async fn hear(&mut self, tx: &mut Transaction, heard: &Heard) -> Result<()> {
        let Some(known) = self.known.get_mut(&heard.terminal) else {
            self.applied.strangers += 1;
            return Ok(());
        };
        match &heard.saying {
            Saying::Hello(hello) => self.greet(tx, heard, hello).await,
            Saying::Gone => {
                known.gone(heard.at);
                Ok(())
            }
            Saying::Report { epoch, seq, up_to, report } => {
                known.seen(heard.at);
                let cursor = self.cursor(tx, heard.terminal, *epoch).await?;
                if *seq <= cursor {
                    self.applied.repeated += 1;
                    return Ok(());
                }
                self.report(tx, heard, report).await?;
                self.advance(heard.terminal, *epoch, *up_to);
                Ok(())
            }
        }
    }

    async fn cursor(
        &mut self,
        tx: &mut Transaction,
        terminal: TerminalId,
        epoch: u32,
    ) -> Result<u64> {
        if let Some((_, now)) = self.cursors.get(&(terminal, epoch)) {
            return Ok(*now);
        }
        let select = "SELECT up_to FROM report_cursors WHERE terminal = $1 AND epoch = $2";
        let row = tx.row(select, vec![text(terminal), int(epoch)]).await?;
        let found = row.map(|mut row| row.number()).transpose()?.unwrap_or(0);
        self.cursors.insert((terminal, epoch), (found, found));
        Ok(found)
    }

    /// Numbers go on from one epoch to the next.
    async fn newest_cursor(&mut self, tx: &mut Transaction, terminal: TerminalId) -> Result<u64> {
        let select = "SELECT COALESCE(MAX(up_to), 0) FROM report_cursors WHERE terminal = $1";
        let row = tx.row(select, vec![text(terminal)]).await?;
        let stored = row.map(|mut row| row.number()).transpose()?.unwrap_or(0);
        let here = self.cursors.range((terminal, 0)..=(terminal, u32::MAX));
        Ok(here.map(|(_, (_, now))| *now).max().unwrap_or(0).max(stored))
    }

    fn advance(&mut self, terminal: TerminalId, epoch: u32, up_to: u64) {
        if let Some((_, now)) = self.cursors.get_mut(&(terminal, epoch)) {
            *now = up_to.max(*now);
        }
    }

    async fn greet(&mut self, tx: &mut Transaction, heard: &Heard, hello: &Hello) -> Result<()> {
        let terminal = heard.terminal;
        self.cursor(tx, terminal, hello.epoch).await?;
        let newest = self.newest_cursor(tx, terminal).await?;
        let Some(known) = self.known.get_mut(&terminal) else { return Ok(()) };
        known.greeted(heard.at, hello);
        let epoch = known.epoch;
        orders::void_before(tx, terminal, epoch).await?;
        if epoch > hello.epoch && hello.ledger_lost {
            let detail = format!("it begins epoch {epoch}, and its orders are made again");
            self.alarm(tx, heard, AlarmKind::LedgerLost, hello.epoch, detail, None).await?;
        }
        // Whatever was acknowledged stands before this hello in the spool, or was lost here;
        // unless the terminal lost it, with its ledger.
        if hello.outbox_acknowledged > newest && !hello.ledger_lost {
            let lost = format!("reports {} to {}", newest + 1, hello.outbox_acknowledged);
            let subject = format!("epoch {}, {lost}", hello.epoch);
            let detail = format!("{lost} were acknowledged and are not here: asking again");
            self.alarm(tx, heard, AlarmKind::ReportsLost, subject, detail, None).await?;
            orders::owe_again(tx, terminal, hello.epoch).await?;
        }
        self.advance(terminal, hello.epoch, hello.outbox_acknowledged);
        orders::send_again(tx, terminal).await?;
        self.serve.insert(terminal);
        Ok(())
    }

    async fn report(&mut self, tx: &mut Transaction, heard: &Heard, report: &Report) -> Result<()> {
        match report {
            Report::Progress(progress) => {
                let learnt = Fact::Progress(progress.clone());
                if let Some(order) = self.order(tx, progress.order).await? {
                    order.learn(heard.terminal, learnt);
                }
                Ok(())
            }
            Report::Telemetry(telemetry) => put_telemetry(tx, heard.terminal, telemetry).await,
            Report::Unproven { signed, why } => {
                let subject = Digest::of(signed.as_slice());
                let kind = AlarmKind::UnprovenReceipt;
                self.alarm(tx, heard, kind, subject, why.clone(), Some(signed)).await
            }
            Report::Receipt { receipt, signed } => self.receipt(tx, heard, receipt, signed).await,
        }
    }

    async fn receipt(
        &mut self,
        tx: &mut Transaction,
        heard: &Heard,
        receipt: &Receipt,
        signed: &SignedBytes,
    ) -> Result<()> {
        let terminal = heard.terminal;
        let strange = match self.order(tx, receipt.order).await? {
            None => Some("this registry does not know the order"),
            Some(order) if order.terminal != terminal => Some("the order is another terminal's"),
            Some(order) => {
                let fact = fact_of(receipt);
                order.answered |= !matches!(&fact, Fact::Refused(it) if !it.is_final());
                order.learn(terminal, fact);
                None
            }
        };
        if let Some(why) = strange {
            let subject = Digest::of(signed.as_slice());
            let kind = AlarmKind::StrangeReceipt;
            return self.alarm(tx, heard, kind, subject, why.to_owned(), Some(signed)).await;
        }
        keep_receipt(tx, heard, receipt, signed).await?;
        self.serve.insert(terminal);
        self.confirm_cancel(tx, receipt).await
    }

    /// Once the terminal says that it has cancelled, an order that it never had is over too; one
    /// that it had gets its own receipt.
    async fn confirm_cancel(&mut self, tx: &mut Transaction, receipt: &Receipt) -> Result<()> {
        let done =
            matches!(receipt.said, Answer::Finished { outcome: Outcome::Succeeded { .. }, .. });
        let Some(order) = self.order(tx, receipt.order).await? else { return Ok(()) };
        let (terminal, Some(cancelled), true) = (order.terminal, order.cancels, done) else {
            return Ok(());
        };
        if let Some(cancelled) = self.order(tx, cancelled).await? {
            cancelled.learn(terminal, Fact::Withdrawn(receipt.at));
        }
        Ok(())
    }

    async fn order(&mut self, tx: &mut Transaction, id: OrderId) -> Result<Option<&mut Order>> {
        let order = match self.orders.entry(id) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => unknown.insert(load_order(tx, id).await?),
        };
        Ok(order.as_mut())
    }

    async fn alarm(
        &mut self,
        tx: &mut Transaction,
        heard: &Heard,
        kind: AlarmKind,
        subject: impl ToString,
        detail: String,
        evidence: Option<&SignedBytes>,
    ) -> Result<()> {
        let (terminal, at, subject) = (heard.terminal, heard.at, subject.to_string());
        let alarm = Alarm { terminal, kind, subject, detail, at };
        if alarms::raise(tx, &alarm, evidence).await? {
            self.differences.alarm();
            self.applied.alarms += 1;
        }
        Ok(())
    }

    async fn write(mut self, tx: &mut Transaction) -> Result<Applied> {
        for ((terminal, epoch), (found, now)) in &self.cursors {
            if now > found {
                let put = "INSERT INTO report_cursors (terminal, epoch, up_to)
                     VALUES ($1, $2, $3)
                     ON CONFLICT (terminal, epoch) DO UPDATE SET up_to = $3";
                tx.execute(put, vec![text(terminal), int(*epoch), int(*now)]).await?;
            }
        }
        for (id, order) in std::mem::take(&mut self.orders) {
            if let Some(order) = order {
                self.write_order(tx, id, order).await?;
            }
        }
        for known in self.known.values() {
            let serve = self.serve.contains(&known.id);
            known.write(tx, serve, &mut self.differences).await?;
        }
        self.differences.write(tx).await?;
        Ok(self.applied)
    }

    async fn write_order(&mut self, tx: &mut Transaction, id: OrderId, order: Order) -> Result<()> {
        if order.answered {
            orders::answered(tx, id).await?;
        }
        let Some((before, now)) = order.assignment else { return Ok(()) };
        if now == before.standing {
            return Ok(());
        }
        assignments::put_standing(tx, &before, &now, &mut self.differences).await?;
        if now.state() != before.standing.state() {
            self.applied.campaigns.insert(before.campaign);
        }
        if now.state().is_end() {
            orders::answered(tx, id).await?;
        }
        if now.contradicted {
            let (terminal, kind) = (before.terminal, AlarmKind::Contradiction);
            let detail = "the terminal told two different ends of this order".to_owned();
            let at = now.state_since().1;
            let alarm = Alarm { terminal, kind, subject: id.to_string(), detail, at };
            if alarms::raise(tx, &alarm, None).await? {
                self.differences.alarm();
                self.applied.alarms += 1;
            } else {
                // Another telling of an end may show that it came earlier than was known.
                alarms::redate(tx, &alarm).await?;
            }
        }
        Ok(())
    }
}

impl Order {
    /// Only the terminal that an order is for can say anything about it.
    fn learn(&mut self, from: TerminalId, fact: Fact) {
        if let Some((_, now)) = self.assignment.as_mut().filter(|_| self.terminal == from) {
            now.learn(fact);
        }
    }
}

fn fact_of(receipt: &Receipt) -> Fact {
    let at = receipt.at;
    match &receipt.said {
        Answer::Accepted => Fact::Accepted(at),
        Answer::Refused { refusal, detail } => {
            Fact::Refused(Refused { refusal: *refusal, detail: detail.clone(), at })
        }
        Answer::Finished { outcome, .. } => Fact::Ended(Ended { outcome: outcome.clone(), at }),
    }
}

async fn load_order(tx: &mut Transaction, id: OrderId) -> Result<Option<Order>> {
    let select = "SELECT orders.terminal, assignments.order_id
         FROM orders
         LEFT JOIN assignments ON assignments.cancel_order = orders.id
             AND assignments.campaign = orders.campaign
             AND assignments.terminal = orders.terminal
         WHERE orders.id = $1";
    let Some(mut row) = tx.row(select, vec![text(id)]).await? else { return Ok(None) };
    let assignment = assignments::by_order(tx, id).await?;
    Ok(Some(Order {
        terminal: row.parsed("terminal")?,
        cancels: row.maybe_parsed("order")?,
        assignment: assignment.map(|it| (it.clone(), it.standing)),
        answered: false,
    }))
}

async fn keep_receipt(
    tx: &mut Transaction,
    heard: &Heard,
    receipt: &Receipt,
    signed: &SignedBytes,
) -> Result<()> {
    let said = match &receipt.said {
        Answer::Accepted => "accepted",
        Answer::Refused { .. } => "refused",
        Answer::Finished { .. } => "finished",
    };
    let count = "SELECT COUNT(*) FROM receipts WHERE order_id = $1";
    let row = tx.row(count, vec![text(receipt.order)]).await?;
    if row.map(|mut row| row.int()).transpose()?.unwrap_or(0) >= RECEIPTS_PER_ORDER_MAX {
        return Ok(());
    }
    let insert = "INSERT INTO receipts (digest, terminal, order_id, said, said_at, signed,
             received_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (digest) DO NOTHING";
    let values = vec![
        text(Digest::of(signed.as_slice())),
        text(heard.terminal),
        text(receipt.order),
        text(said),
        time(receipt.at),
        bytes(signed.as_slice()),
        time(heard.at),
    ];
    tx.execute(insert, values).await?;
    Ok(())
}

pub(super) async fn receipts(tx: &mut Transaction, order: OrderId) -> Result<Vec<SignedBytes>> {
    let select = "SELECT signed FROM receipts WHERE order_id = $1 ORDER BY said_at, digest";
    let rows = tx.rows(select, vec![text(order)]).await?;
    rows.into_iter().map(|mut row: Row| row.signed()).collect()
}

/// The newest one counts, by the terminal's own time.
async fn put_telemetry(
    tx: &mut Transaction,
    terminal: TerminalId,
    telemetry: &Telemetry,
) -> Result<()> {
    let update = "UPDATE terminals SET telemetry_at = $2, disk_free_bytes = $3,
             orders_refused = $4, messages_unreadable = $5
         WHERE id = $1 AND (telemetry_at IS NULL OR telemetry_at < $2)";
    let values = vec![
        text(terminal),
        time(telemetry.at),
        int(telemetry.disk_free_bytes),
        int(telemetry.orders_refused),
        int(telemetry.messages_unreadable),
    ];
    tx.execute(update, values).await?;
    Ok(())
}
