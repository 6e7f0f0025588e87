//! What is known of terminals while a batch of their sayings is worked through.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use shared::id::{OrderId, TerminalId};
use shared::message::Hello;
use shared::time::UnixTime;

use super::session::{
    Row, Transaction, code, int, json, list, maybe_text, maybe_time, text, time, with_id_list,
};
use super::tally::Differences;
use crate::registry::RegistryError;
use crate::registry::terminal::Presence;

type Result<T> = std::result::Result<T, RegistryError>;

/// The will of an old connection may arrive after the hello of the new one. To be thought online
/// for a while costs a message to nobody; to be thought offline costs a shop its orders.
const WILL_MAY_LAG: Duration = Duration::from_secs(5);

/// How exactly `last_seen_at` is kept for a terminal that reports all the time.
const SEEN_EXACT_TO: Duration = Duration::from_secs(60);

/// An enrolled terminal.
pub(super) struct Known {
    pub(super) id: TerminalId,
    pub(super) epoch: u32,
    pub(super) order_seq: u64,
    presence: Presence,
    last_seen_at: Option<UnixTime>,
    heard_at: Option<UnixTime>,
    /// The newest hello of the batch.
    hello: Option<(UnixTime, Hello)>,
    as_found: (u32, u64, Presence, Option<UnixTime>),
}

pub(super) async fn load(
    tx: &mut Transaction,
    ids: &BTreeSet<TerminalId>,
) -> Result<BTreeMap<TerminalId, Known>> {
    let select = with_id_list!(
        "SELECT id, epoch, order_seq, presence, last_seen_at, heard_at FROM terminals
         WHERE unit = 'enrolled' AND id IN ",
        " ORDER BY id"
    );
    let known = |mut row: Row| {
        let id = row.parsed("terminal")?;
        let (epoch, order_seq, presence) = (row.number()?, row.number()?, row.code()?);
        let (last_seen_at, heard_at) = (row.maybe_time()?, row.maybe_time()?);
        let as_found = (epoch, order_seq, presence, last_seen_at);
        let hello = None;
        let known =
            Known { id, epoch, order_seq, presence, last_seen_at, heard_at, hello, as_found };
        Ok((id, known))
    };
    tx.rows(select, vec![list(ids)]).await?.into_iter().map(known).collect()
}

impl Known {
    pub(super) fn seen(&mut self, at: UnixTime) {
        self.presence = Presence::Online;
        let exact = self.last_seen_at.is_some_and(|seen| at.since(seen) < SEEN_EXACT_TO);
        if !exact {
            self.last_seen_at = self.last_seen_at.max(Some(at));
        }
    }

    pub(super) fn gone(&mut self, at: UnixTime) {
        let lagging = self.heard_at.is_some_and(|heard| at < heard.plus(WILL_MAY_LAG));
        if !lagging && self.presence == Presence::Online {
            self.presence = Presence::Offline;
        }
    }

    pub(super) fn greeted(&mut self, at: UnixTime, hello: &Hello) {
        self.presence = Presence::Online;
        self.last_seen_at = self.last_seen_at.max(Some(at));
        self.adopt_numbers(hello);
        if self.heard_at.is_none_or(|heard| heard <= at) {
            self.heard_at = Some(at);
            self.hello = Some((at, hello.clone()));
        }
    }

    /// A registry that was restored from a backup must not use a number again that the terminal
    /// has seen; and after a lost ledger nobody knows which were seen.
    fn adopt_numbers(&mut self, hello: &Hello) {
        let order_seq = match hello.epoch.cmp(&self.epoch) {
            Ordering::Less => return,
            Ordering::Equal => self.order_seq.max(hello.order_seq),
            Ordering::Greater => hello.order_seq,
        };
        (self.epoch, self.order_seq) = match hello.ledger_lost {
            true => (hello.epoch.saturating_add(1), 0),
            false => (hello.epoch, order_seq),
        };
    }

    /// `serve`: something may have become due for it.
    pub(super) async fn write(
        &self,
        tx: &mut Transaction,
        serve: bool,
        differences: &mut Differences,
    ) -> Result<()> {
        let (epoch, order_seq, presence, last_seen_at) = self.as_found;
        differences.presence(presence, self.presence);
        let now = (self.epoch, self.order_seq, self.presence, self.last_seen_at);
        if now != (epoch, order_seq, presence, last_seen_at) || serve {
            let update = "UPDATE terminals SET epoch = $2, order_seq = $3, presence = $4,
                     last_seen_at = $5, deliver_at = CASE
                         WHEN $6 = 1 AND EXISTS (
                             SELECT 1 FROM orders WHERE terminal = $1 AND owed = 1)
                         THEN $5 ELSE deliver_at END
                 WHERE id = $1";
            let values = vec![
                text(self.id),
                int(self.epoch),
                int(self.order_seq),
                code(self.presence),
                maybe_time(self.last_seen_at),
                int(u8::from(serve)),
            ];
            tx.execute(update, values).await?;
        }
        match &self.hello {
            Some((at, hello)) => self.write_hello(tx, *at, hello).await,
            None => Ok(()),
        }
    }

    async fn write_hello(&self, tx: &mut Transaction, at: UnixTime, hello: &Hello) -> Result<()> {
        let update = "UPDATE terminals SET working_on = $2, heard_at = $3, agent_version = $4,
                 components = $5, roster_version = $6, outbox_depth = $7, outbox_dropped = $8
             WHERE id = $1";
        let working_on: Option<OrderId> = hello.working_on;
        let values = vec![
            text(self.id),
            maybe_text(working_on),
            time(at),
            text(&hello.agent_version),
            json(&hello.components),
            int(hello.roster_version),
            int(hello.outbox_depth),
            int(hello.outbox_dropped),
        ];
        tx.execute(update, values).await?;
        Ok(())
    }
}
