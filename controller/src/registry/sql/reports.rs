//! Applies what terminals said.
//!
//! A batch is worked through in memory, and what it changed is written at its end: a terminal that
//! reports a hundred times is read once and written once. Applying is idempotent because each
//! report only adds a fact to a [`Standing`](crate::campaign::assignment::Standing), and because
//! reports up to the cursor are skipped.

use std::collections::{BTreeMap, BTreeSet};

use shared::change::Change;
use shared::digest::Digest;
use shared::document::receipt::{Receipt, Said as Answer};
use shared::id::{OrderId, TerminalId};
use shared::limits::short_text;
use shared::message::{Hello, Locked, Progress, SignedBytes, Suspicion, Telemetry};
use shared::outcome::Outcome;
use shared::time::UnixTime;

use super::closed::Closed;
use super::presence::{self, Known};
use super::session::{Row, Transaction, int, list, maybe_int, text, time, with_id_list};
use super::tally::Differences;
use super::{
    alarms, assignments, backup, bindings, campaigns, deactivations, orders, quarantine, rebinds,
    receipts, refusals, scheduling, suspicions,
};
use crate::backup::drill;
use crate::campaign::assignment::{Ended, Fact, Refused, Standing};
use crate::registry::RegistryError;
use crate::registry::audit::By;
use crate::registry::campaign::Assignment;
use crate::registry::delivery::{Alarm, AlarmKind, Applied, Heard, Report, Saying};
use crate::request::suspicion::{self, NewSuspicion, Scope};

type Result<T> = std::result::Result<T, RegistryError>;

pub(super) async fn apply(tx: &mut Transaction, heard: &[Heard]) -> Result<Applied> {
    let terminals: BTreeSet<_> = heard.iter().map(|it| it.terminal).collect();
    let mut work = Work {
        known: presence::load(tx, &terminals).await?,
        closed: Closed::load(tx, &terminals).await?,
        orders: load_orders(tx, orders_named(heard)).await?,
        differences: Differences::default(),
        applied: Applied::default(),
    };
    for it in heard {
        work.hear(tx, it).await?;
    }
    let newest = heard.iter().map(|it| it.at).max();
    work.write(tx, newest.unwrap_or(UnixTime(0))).await
}

/// What a batch has read and changed so far.
struct Work {
    known: BTreeMap<TerminalId, Known>,
    closed: Closed,
    orders: BTreeMap<OrderId, Order>,
    differences: Differences,
    applied: Applied,
}

/// An order that reports are about.
struct Order {
    terminal: TerminalId,
    epoch: u32,
    /// The assignment that it is the newest attempt of, and what is known of it now.
    assignment: Option<(Assignment, Standing)>,
    /// For a cancel order: the order of the assignment that it cancels.
    cancels: Option<OrderId>,
    answered: bool,
}

impl Work {
    async fn hear(&mut self, tx: &mut Transaction, heard: &Heard) -> Result<()> {
        if let Some(alarm) = self.closed.alarm(heard)
            && alarms::raise(tx, &alarm, None).await?
        {
            self.differences.alarm();
            self.applied.alarms += 1;
        }
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
                if *seq <= known.applied_up_to(*epoch) {
                    self.applied.repeated += 1;
                    return Ok(());
                }
                known.advance(*epoch, *up_to);
                self.report(tx, heard, (*epoch, *seq), report).await
            }
        }
    }

    async fn greet(&mut self, tx: &mut Transaction, heard: &Heard, hello: &Hello) -> Result<()> {
        self.compare_zones(tx, heard, &hello.zone).await?;
        self.compare_lease(tx, heard, hello.locked.as_ref()).await?;
        let (terminal, at) = (heard.terminal, heard.at);
        if self.is_quarantined(terminal) {
            quarantine::greeted(tx, terminal, at, &mut self.differences).await?;
        }
        if let Some(alarm) = self.closed.replaced_spoke(terminal, at) {
            let differences = &mut self.differences;
            alarms::stand(tx, terminal, alarm.kind, Some(&alarm), at, differences).await?;
        }
        let Some(known) = self.known.get_mut(&heard.terminal) else { return Ok(()) };
        let applied = known.applied_up_to_ever();
        known.greeted(heard.at, hello);
        known.advance(hello.epoch, hello.outbox_acknowledged);
        if hello.ledger_lost {
            // Said until the terminal has heard of its new epoch.
            let epoch = hello.epoch.saturating_add(1);
            let detail = format!("it begins epoch {epoch}, and its orders are made again");
            return self.alarm(tx, heard, AlarmKind::LedgerLost, hello.epoch, detail, None).await;
        }
        // Whatever was acknowledged stands before this hello in the spool, or was lost here.
        if hello.outbox_acknowledged > applied {
            known.is_owed();
            orders::owe_again(tx, heard.terminal, hello.epoch).await?;
            let lost = format!("reports {} to {}", applied + 1, hello.outbox_acknowledged);
            let subject = format!("epoch {}, {lost}", hello.epoch);
            let detail = format!("{lost} were acknowledged and are not here: asking again");
            self.alarm(tx, heard, AlarmKind::ReportsLost, subject, detail, None).await?;
        }
        Ok(())
    }

    /// A campaign's window would open at another hour than whoever planned it believes.
    async fn compare_zones(
        &mut self,
        tx: &mut Transaction,
        heard: &Heard,
        used: &str,
    ) -> Result<()> {
        let Some(known) = self.known.get(&heard.terminal) else { return Ok(()) };
        let (used, claimed) = (short_text(used), known.zone.clone());
        if used.eq_ignore_ascii_case(&claimed) {
            return Ok(());
        }
        let detail = format!(
            "it opens maintenance windows in the zone {used}, and was claimed for {claimed}: \
             see `zone` in its agent.toml, or enrol it with a new claim"
        );
        let subject = format!("{used}, claimed {claimed}");
        self.alarm(tx, heard, AlarmKind::OtherZone, subject, detail, None).await
    }

    /// While a terminal says that it is locked, and what came of it after that.
    async fn compare_lease(
        &mut self,
        tx: &mut Transaction,
        heard: &Heard,
        locked: Option<&Locked>,
    ) -> Result<()> {
        let (terminal, at) = (heard.terminal, heard.at);
        if !self.known.get(&terminal).is_some_and(|known| known.is_newest(at)) {
            return Ok(());
        }
        let alarm = locked.map(|Locked { since, for_s, trouble }| {
            let hours = for_s / 3600;
            let trouble = trouble.as_ref().map_or(String::new(), |it| format!("; {it}"));
            let detail = format!(
                "it had no contact for longer than its lease, and sells nothing since {since}, \
                 {hours} h by its own count; it unlocks by itself once it was answered{trouble}"
            );
            let detail = short_text(&detail);
            let kind = AlarmKind::LeaseRanOut;
            Alarm { terminal, kind, subject: since.to_string(), detail, at, ended_at: None }
        });
        let kind = AlarmKind::LeaseRanOut;
        alarms::stand(tx, terminal, kind, alarm.as_ref(), at, &mut self.differences).await
    }

    /// `number`: the epoch, and the number in it.
    async fn report(
        &mut self,
        tx: &mut Transaction,
        heard: &Heard,
        number: (u32, u64),
        report: &Report,
    ) -> Result<()> {
        match report {
            Report::Progress(progress) => {
                if let Some(order) = self.orders.get_mut(&progress.order) {
                    // A terminal whose clock runs ahead has done nothing in the future; it would
                    // never be missed.
                    let progress = Progress { at: progress.at.min(heard.at), ..progress.clone() };
                    order.learn(heard.terminal, Fact::Progress(progress));
                }
                Ok(())
            }
            Report::Telemetry(_) if self.is_quarantined(heard.terminal) => Ok(()),
            Report::Telemetry(telemetry) => put_telemetry(tx, heard.terminal, telemetry).await,
            Report::Suspicion(suspicion) => self.suspicion(tx, heard, number, suspicion).await,
            Report::Unproven { signed, why } => {
                let subject = Digest::of(signed.as_slice());
                let kind = AlarmKind::UnprovenReceipt;
                self.alarm(tx, heard, kind, subject, why.clone(), Some(signed)).await
            }
            Report::OfEarlierKey { receipt, signed } if !self.is_of_its_epoch(receipt) => {
                let (kind, subject) = (AlarmKind::UnprovenReceipt, Digest::of(signed.as_slice()));
                let why = format!("the key of epoch {} has no say in its order", receipt.epoch);
                self.alarm(tx, heard, kind, subject, why, Some(signed)).await
            }
            Report::Receipt { receipt, signed } | Report::OfEarlierKey { receipt, signed } => {
                self.receipt(tx, heard, receipt, signed).await
            }
        }
    }

    fn is_of_its_epoch(&self, receipt: &Receipt) -> bool {
        self.orders.get(&receipt.order).is_some_and(|order| order.epoch == receipt.epoch)
    }

    fn is_quarantined(&self, terminal: TerminalId) -> bool {
        self.known.get(&terminal).is_some_and(|it| it.is_quarantined)
    }

    async fn suspicion(
        &mut self,
        tx: &mut Transaction,
        heard: &Heard,
        number: (u32, u64),
        suspicion: &Suspicion,
    ) -> Result<()> {
        let Suspicion { at, order, note } = suspicion;
        let source = suspicion::source_of_report(*order, *at, number);
        let note = short_text(note);
        let detail = format!("reported at the till as suspicious: {note}");
        let by = By { who: heard.terminal.to_string(), why: note.clone(), at: heard.at };
        let scope = Scope::Terminal(heard.terminal);
        let new = NewSuspicion { scope, source: source.clone(), note };
        // Nobody in whose hands it is freezes anything; people hear of it all the same.
        if !self.is_quarantined(heard.terminal) {
            suspicions::note(tx, &new, &by, &mut self.differences).await?;
        }
        self.alarm(tx, heard, AlarmKind::Suspicion, source, detail, None).await
    }

    async fn receipt(
        &mut self,
        tx: &mut Transaction,
        heard: &Heard,
        receipt: &Receipt,
        signed: &SignedBytes,
    ) -> Result<()> {
        let terminal = heard.terminal;
        let mut had_ended = false;
        let strange = match self.orders.get_mut(&receipt.order) {
            None => Some("this registry does not know the order"),
            Some(order) if order.terminal != terminal => Some("the order is another terminal's"),
            Some(order) => {
                let fact = fact_of(receipt);
                had_ended = order.has_ended();
                order.answered |= !matches!(&fact, Fact::Refused(it) if !it.is_final());
                order.learn(terminal, fact);
                None
            }
        };
        if let Some(why) = strange {
            let subject = Digest::of(signed.as_slice());
            let kind = AlarmKind::StrangeReceipt;
            refusals::note_strange(tx, terminal, receipt, heard.at).await?;
            return self.alarm(tx, heard, kind, subject, why.to_owned(), Some(signed)).await;
        }
        if receipts::keep(tx, receipt, signed, heard.at).await? {
            refusals::note(tx, receipt, heard.at).await?;
        }
        let differences = &mut self.differences;
        let differs = note_end(tx, receipt, had_ended, heard.at, differences).await?;
        if !differs.is_empty() {
            let (kind, detail) = (AlarmKind::BindingDiffers, short_text(&differs.join("; ")));
            self.alarm(tx, heard, kind, receipt.order, detail, Some(signed)).await?;
        }
        if let Answer::Finished { outcome: Outcome::RollbackFailed { failure, undoing }, .. } =
            &receipt.said
        {
            let detail = format!(
                "`{}` failed ({}), and then `{}` ({}): look at the terminal",
                failure.step, failure.detail, undoing.step, undoing.detail
            );
            let kind = AlarmKind::RollbackFailed;
            self.alarm(tx, heard, kind, receipt.order, short_text(&detail), Some(signed)).await?;
        }
        if let Some(known) = self.known.get_mut(&terminal) {
            known.serve();
        }
        self.confirm_cancel(receipt);
        Ok(())
    }

    /// Once the terminal says that it has cancelled, an order that it never had is over too; one
    /// that it had gets its own receipt.
    fn confirm_cancel(&mut self, receipt: &Receipt) {
        let done =
            matches!(receipt.said, Answer::Finished { outcome: Outcome::Succeeded { .. }, .. });
        let cancelled = self.orders.get(&receipt.order).and_then(|order| order.cancels);
        if let (true, Some(cancelled)) = (done, cancelled)
            && let Some(order) = self.orders.get_mut(&cancelled)
        {
            order.learn(receipt.terminal, Fact::Withdrawn(receipt.at));
        }
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
        let alarm = Alarm { terminal, kind, subject, detail, at, ended_at: None };
        if alarms::raise(tx, &alarm, evidence).await? {
            self.differences.alarm();
            self.applied.alarms += 1;
        }
        Ok(())
    }

    async fn write(mut self, tx: &mut Transaction, at: UnixTime) -> Result<Applied> {
        for (id, order) in std::mem::take(&mut self.orders) {
            self.write_order(tx, id, order).await?;
        }
        for known in self.known.values() {
            known.write(tx, &mut self.differences).await?;
        }
        let consequences = self.differences.take_consequences();
        self.differences.write(tx).await?;
        scheduling::follow(tx, consequences, at).await?;
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
            let subject = id.to_string();
            let alarm = Alarm { terminal, kind, subject, detail, at, ended_at: None };
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

    /// The terminal has told how it ended; another end of it would be a contradiction.
    fn has_ended(&self) -> bool {
        self.assignment.as_ref().is_some_and(|(_, now)| now.ended.is_some())
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

fn orders_named(heard: &[Heard]) -> BTreeSet<OrderId> {
    let named = heard.iter().filter_map(|it| match &it.saying {
        Saying::Hello(_) | Saying::Gone => None,
        Saying::Report { report, .. } => match report {
            Report::Progress(progress) => Some(progress.order),
            Report::Receipt { receipt, .. } | Report::OfEarlierKey { receipt, .. } => {
                Some(receipt.order)
            }
            Report::Suspicion(suspicion) => suspicion.order,
            Report::Unproven { .. } | Report::Telemetry(_) => None,
        },
    });
    named.collect()
}

/// What the end of an order says about more than its order: backups, drills, bindings. Gives where
/// it does not agree with what is written down about bindings.
async fn note_end(
    tx: &mut Transaction,
    receipt: &Receipt,
    had_ended: bool,
    heard_at: UnixTime,
    differences: &mut Differences,
) -> Result<Vec<String>> {
    let Answer::Finished { outcome, evidence } = &receipt.said else { return Ok(vec![]) };
    let Some((campaign, change)) = campaigns::of_order(tx, receipt.order).await? else {
        return Ok(vec![]);
    };
    // A terminal whose clock runs ahead has done nothing in the future.
    let at = receipt.at.min(heard_at);
    match change {
        Change::Backup(_) => {
            if let Some(tried) = drill::tried(outcome, at) {
                backup::watch::tried(tx, receipt.terminal, &tried, heard_at).await?;
            }
            Ok(vec![])
        }
        Change::Drill(_) => {
            let report = drill::report(receipt, campaign, outcome, evidence, at);
            backup::drills::keep(tx, &report, heard_at).await?;
            Ok(vec![])
        }
        // Told again it moves nothing, and another end is an alarm of its own.
        Change::Rebind(_) if had_ended => Ok(vec![]),
        Change::Rebind(_) => {
            let terminal = receipt.terminal;
            let why = format!("{} of {terminal}, {campaign}", receipt.order);
            let by = By { who: terminal.to_string(), why, at };
            match rebinds::profile_of(tx, campaign, terminal).await {
                Ok(Some(profile)) => bindings::told(tx, &profile, outcome, &by).await,
                Ok(None) => Ok(vec![]),
                // A report that cannot be applied would hold up everything behind it.
                Err(damaged @ RegistryError::Unreadable { .. }) => {
                    tracing::error!(%terminal, %campaign, why = %damaged, "no binding is moved");
                    Ok(vec![damaged.to_string()])
                }
                Err(error) => Err(error),
            }
        }
        Change::Suspend(_) | Change::Resume(_) | Change::Decommission(_) if had_ended => Ok(vec![]),
        Change::Suspend(_) | Change::Resume(_) | Change::Decommission(_) => {
            let of = (receipt.order, &change);
            let end = (outcome, evidence.as_slice());
            deactivations::ended(tx, receipt.terminal, of, end, at, differences).await?;
            Ok(vec![])
        }
        Change::Ping(_) | Change::Upgrade(_) | Change::Restore(_) | Change::Cancel(_) => Ok(vec![]),
    }
}

/// These orders, and those that they cancel.
async fn load_orders(
    tx: &mut Transaction,
    ids: BTreeSet<OrderId>,
) -> Result<BTreeMap<OrderId, Order>> {
    let mut orders = BTreeMap::new();
    let mut wanted = ids;
    while !wanted.is_empty() {
        let found = load_some(tx, &wanted).await?;
        let cancelled = found.values().filter_map(|order: &Order| order.cancels).collect();
        orders.extend(found);
        wanted = cancelled;
        wanted.retain(|id| !orders.contains_key(id));
    }
    Ok(orders)
}

async fn load_some(
    tx: &mut Transaction,
    ids: &BTreeSet<OrderId>,
) -> Result<BTreeMap<OrderId, Order>> {
    let select = with_id_list!(
        "SELECT orders.id, orders.terminal, orders.epoch, cancelled.order_id FROM orders
         LEFT JOIN assignments AS cancelled ON cancelled.cancel_order = orders.id
             AND cancelled.campaign = orders.campaign AND cancelled.terminal = orders.terminal
         WHERE orders.id IN ",
        " ORDER BY orders.id"
    );
    let order = |mut row: Row| {
        let id = row.parsed("order")?;
        let (terminal, epoch) = (row.parsed("terminal")?, row.number()?);
        let cancels = row.maybe_parsed("order")?;
        Ok((id, Order { terminal, epoch, assignment: None, cancels, answered: false }))
    };
    let rows = tx.rows(select, vec![list(ids)]).await?;
    let mut orders: BTreeMap<OrderId, Order> =
        rows.into_iter().map(order).collect::<Result<_>>()?;
    for assignment in assignments::by_orders(tx, ids).await? {
        if let Some(order) = orders.get_mut(&assignment.order) {
            order.assignment = Some((assignment.clone(), assignment.standing));
        }
    }
    Ok(orders)
}

/// The newest one counts, by the terminal's own time; of two in the same second the one with the
/// larger numbers, so that it does not matter which came first.
async fn put_telemetry(
    tx: &mut Transaction,
    terminal: TerminalId,
    telemetry: &Telemetry,
) -> Result<()> {
    let update = "UPDATE terminals SET telemetry_at = $2, disk_free_bytes = $3,
             orders_refused = $4, messages_unreadable = $5, battery_percent = $6,
             battery_floor_percent = $7, battery_is_powered = $8, till_answers = $9,
             till_restarts = $10
         WHERE id = $1 AND (telemetry_at IS NULL
             OR (telemetry_at, disk_free_bytes, orders_refused, messages_unreadable,
                     COALESCE(till_answers, -1), COALESCE(till_restarts, -1))
                 < ($2, $3, $4, $5, COALESCE($9, -1), COALESCE($10, -1)))";
    let values = vec![
        text(terminal),
        time(telemetry.at),
        int(telemetry.disk_free_bytes),
        int(telemetry.orders_refused),
        int(telemetry.messages_unreadable),
        maybe_int(telemetry.battery.map(|it| it.percent)),
        maybe_int(telemetry.battery.map(|it| it.floor_percent)),
        maybe_int(telemetry.battery.map(|it| u8::from(it.is_powered))),
        maybe_int(telemetry.till.map(|it| u8::from(it.answers))),
        maybe_int(telemetry.till.map(|it| it.restarts)),
    ];
    tx.execute(update, values).await?;
    Ok(())
}
