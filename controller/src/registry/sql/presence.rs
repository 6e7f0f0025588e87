//! What is known of terminals while a batch of their sayings is worked through: read at its
//! beginning, written at its end.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use data_encoding::BASE64;
use shared::id::TerminalId;
use shared::message::{Hello, Stands};
use shared::time::UnixTime;

use super::quarantine::terminal_is_quarantined;
use super::session::{
    Row, Transaction, Value, code, int, json, list, maybe_text, maybe_time, text, time,
    with_id_list,
};
use super::tally::Differences;
use super::{deactivations, orders};
use crate::registry::RegistryError;
use crate::registry::terminal::Presence;

type Result<T> = std::result::Result<T, RegistryError>;

/// The will of an old connection may arrive after the hello of the new one. To be thought online
/// for a while costs a message to nobody; to be thought offline costs a shop its orders.
const WILL_MAY_LAG: Duration = Duration::from_secs(5);

/// How exactly `last_seen_at` is kept for a terminal that reports all the time.
const SEEN_EXACT_TO: Duration = Duration::from_secs(60);

/// Epochs of which it is remembered how far a terminal's reports were applied.
const EPOCHS_KEPT: u32 = 4;

/// An enrolled terminal.
pub(super) struct Known {
    pub(super) id: TerminalId,
    /// In which windows are meant, by its claim.
    pub(super) zone: String,
    /// What it says beyond its money and its orders counts for nothing.
    pub(super) is_quarantined: bool,
    now: Standing,
    found: Standing,
    heard_at: Option<UnixTime>,
    /// The newest hello of the batch.
    hello: Option<(UnixTime, Hello)>,
    /// By epoch: up to where its reports were applied, as found and now.
    cursors: BTreeMap<u32, (u64, u64)>,
    has_owed: bool,
    /// Something may have become due.
    serve: bool,
}

/// The part that is written when it has changed.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Standing {
    epoch: u32,
    order_seq: u64,
    presence: Presence,
    last_seen_at: Option<UnixTime>,
}

pub(super) async fn load(
    tx: &mut Transaction,
    ids: &BTreeSet<TerminalId>,
) -> Result<BTreeMap<TerminalId, Known>> {
    let select = with_id_list!(
        concat!(
            "SELECT id, zone, epoch, order_seq, presence, last_seen_at, heard_at,
                 EXISTS (SELECT 1 FROM orders WHERE orders.terminal = terminals.id AND owed = 1), ",
            terminal_is_quarantined!(),
            " FROM terminals WHERE unit = 'enrolled' AND id IN "
        ),
        " ORDER BY id"
    );
    let mut known = BTreeMap::new();
    for row in tx.rows(select, vec![list(ids)]).await? {
        let it = read(row)?;
        known.insert(it.id, it);
    }
    let select = with_id_list!(
        "SELECT terminal, epoch, up_to FROM report_cursors WHERE terminal IN ",
        " ORDER BY terminal, epoch"
    );
    for mut row in tx.rows(select, vec![list(ids)]).await? {
        let (terminal, epoch, up_to) =
            (row.parsed::<TerminalId>("terminal")?, row.number()?, row.number()?);
        if let Some(it) = known.get_mut(&terminal) {
            it.cursors.insert(epoch, (up_to, up_to));
        }
    }
    Ok(known)
}

fn read(mut row: Row) -> Result<Known> {
    let (id, zone) = (row.parsed("terminal")?, row.text()?);
    let now = Standing {
        epoch: row.number()?,
        order_seq: row.number()?,
        presence: row.code()?,
        last_seen_at: row.maybe_time()?,
    };
    Ok(Known {
        id,
        zone,
        now,
        found: now,
        heard_at: row.maybe_time()?,
        hello: None,
        cursors: BTreeMap::new(),
        has_owed: row.flag()?,
        is_quarantined: row.flag()?,
        serve: false,
    })
}

impl Known {
    pub(super) fn seen(&mut self, at: UnixTime) {
        self.now.presence = Presence::Online;
        let exact = self.now.last_seen_at.is_some_and(|seen| at.since(seen) < SEEN_EXACT_TO);
        if !exact {
            self.now.last_seen_at = self.now.last_seen_at.max(Some(at));
        }
    }

    pub(super) fn gone(&mut self, at: UnixTime) {
        let lagging = self.heard_at.is_some_and(|heard| at < heard.plus(WILL_MAY_LAG));
        if !lagging && self.now.presence == Presence::Online {
            self.now.presence = Presence::Offline;
        }
    }

    /// Whether nothing was said on the line after this.
    pub(super) fn is_newest(&self, at: UnixTime) -> bool {
        self.heard_at.is_none_or(|heard| heard <= at)
    }

    pub(super) fn greeted(&mut self, at: UnixTime, hello: &Hello) {
        self.now.presence = Presence::Online;
        self.now.last_seen_at = self.now.last_seen_at.max(Some(at));
        self.adopt_numbers(hello);
        if self.is_newest(at) {
            self.heard_at = Some(at);
            // Only the first hellos of a connection say it.
            let before = self.hello.take().map(|(_, hello)| (hello.recipient, hello.challenge));
            let (recipient, challenge) = before.unwrap_or_default();
            // What others have saved is sealed for nobody in the wrong hands.
            let said = hello.recipient.clone().filter(|_| !self.is_quarantined);
            let recipient = said.or(recipient);
            let challenge = hello.challenge.or(challenge);
            self.hello = Some((at, Hello { recipient, challenge, ..hello.clone() }));
        }
        self.serve();
    }

    /// A registry that was restored from a backup must not use a number again that the terminal
    /// has seen; and after a lost ledger nobody knows which were seen.
    fn adopt_numbers(&mut self, hello: &Hello) {
        let order_seq = match hello.epoch.cmp(&self.now.epoch) {
            Ordering::Less => return,
            Ordering::Equal => self.now.order_seq.max(hello.order_seq),
            Ordering::Greater => hello.order_seq,
        };
        (self.now.epoch, self.now.order_seq) = match hello.ledger_lost {
            true => (hello.epoch.saturating_add(1), 0),
            false => (hello.epoch, order_seq),
        };
    }

    /// Something may have become due for it.
    pub(super) fn serve(&mut self) {
        self.serve = true;
    }

    /// It is owed orders again that it had answered for.
    pub(super) fn is_owed(&mut self) {
        self.has_owed = true;
    }

    /// Up to where its reports of this epoch were applied.
    pub(super) fn applied_up_to(&self, epoch: u32) -> u64 {
        self.cursors.get(&epoch).map_or(0, |(_, now)| *now)
    }

    /// …and of any epoch: numbers go on from one to the next.
    pub(super) fn applied_up_to_ever(&self) -> u64 {
        self.cursors.values().map(|(_, now)| *now).max().unwrap_or(0)
    }

    /// An epoch that the terminal has not entered is nobody's but a forger's.
    pub(super) fn advance(&mut self, epoch: u32, up_to: u64) {
        if epoch <= self.now.epoch {
            let (_, now) = self.cursors.entry(epoch).or_default();
            *now = up_to.max(*now);
        }
    }

    pub(super) async fn write(
        &self,
        tx: &mut Transaction,
        differences: &mut Differences,
    ) -> Result<()> {
        differences.presence(self.id, self.found.presence, self.now.presence);
        if self.now.epoch != self.found.epoch {
            orders::void_before(tx, self.id, self.now.epoch).await?;
        } else if self.hello.is_some() && self.has_owed {
            orders::send_again(tx, self.id).await?;
        }
        let serve = self.serve && self.has_owed;
        match &self.hello {
            Some((at, hello)) => {
                if self.runs_something_else(tx, hello).await? {
                    differences.changed(self.id);
                }
                self.write_greeted(tx, serve, *at, hello).await?;
            }
            None if self.now != self.found || serve => self.write_standing(tx, serve).await?,
            None => {}
        }
        self.write_cursors(tx).await
    }

    async fn write_standing(&self, tx: &mut Transaction, serve: bool) -> Result<()> {
        let update = "UPDATE terminals SET epoch = $2, order_seq = $3, presence = $4,
                 last_seen_at = $5, deliver_at = CASE $6 WHEN 1 THEN $5 ELSE deliver_at END
             WHERE id = $1";
        tx.execute(update, self.standing_values(serve)).await?;
        Ok(())
    }

    async fn runs_something_else(&self, tx: &mut Transaction, hello: &Hello) -> Result<bool> {
        let same = "SELECT id FROM terminals
             WHERE id = $1 AND agent_version = $2 AND components = $3";
        let values = vec![text(self.id), text(&hello.agent_version), json(&hello.components)];
        Ok(tx.row(same, values).await?.is_none())
    }

    async fn write_greeted(
        &self,
        tx: &mut Transaction,
        serve: bool,
        at: UnixTime,
        hello: &Hello,
    ) -> Result<()> {
        let update = "UPDATE terminals SET epoch = $2, order_seq = $3, presence = $4,
                 last_seen_at = $5, deliver_at = CASE $6 WHEN 1 THEN $5 ELSE deliver_at END,
                 working_on = $7, heard_at = $8, agent_version = $9, components = $10,
                 roster_version = $11, outbox_depth = $12, outbox_dropped = $13,
                 said_zone = $14, recipient = COALESCE($15, recipient),
                 challenge = COALESCE($16, challenge)
             WHERE id = $1";
        let mut values = self.standing_values(serve);
        values.extend([
            maybe_text(hello.working_on),
            time(at),
            text(&hello.agent_version),
            json(&hello.components),
            int(hello.roster_version),
            int(hello.outbox_depth),
            int(hello.outbox_dropped),
            text(&hello.zone),
            maybe_text(hello.recipient.as_ref().map(|it| BASE64.encode(it.as_slice()))),
            maybe_text(hello.challenge),
        ]);
        tx.execute(update, values).await?;
        match hello.stands {
            Some(Stands::SuspendedOwing) if self.has_told_all(hello) => {
                deactivations::lost_its_books(tx, self.id, at).await
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Whether all that it had reported when it said this is known here, and nothing newer.
    fn has_told_all(&self, hello: &Hello) -> bool {
        hello.outbox_depth == 0 && self.applied_up_to(hello.epoch) <= hello.outbox_acknowledged
    }

    fn standing_values(&self, serve: bool) -> Vec<Value> {
        vec![
            text(self.id),
            int(self.now.epoch),
            int(self.now.order_seq),
            code(self.now.presence),
            maybe_time(self.now.last_seen_at),
            int(u8::from(serve)),
        ]
    }

    async fn write_cursors(&self, tx: &mut Transaction) -> Result<()> {
        for (epoch, (found, now)) in &self.cursors {
            if now > found {
                let put = "INSERT INTO report_cursors (terminal, epoch, up_to)
                     VALUES ($1, $2, $3)
                     ON CONFLICT (terminal, epoch) DO UPDATE SET up_to = $3";
                tx.execute(put, vec![text(self.id), int(*epoch), int(*now)]).await?;
            }
        }
        if self.cursors.len() > EPOCHS_KEPT as usize {
            let oldest = self.now.epoch.saturating_sub(EPOCHS_KEPT);
            let forget = "DELETE FROM report_cursors WHERE terminal = $1 AND epoch < $2";
            tx.execute(forget, vec![text(self.id), int(oldest)]).await?;
        }
        Ok(())
    }
}
