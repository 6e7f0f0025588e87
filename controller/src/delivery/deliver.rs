//! Sends terminals what they are owed, until they have signed for it.
//!
//! A reconciler: the registry knows what is owed and when somebody should be looked at again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use shared::id::TerminalId;
use shared::limits::{ORDERS_IN_FLIGHT_MAX, ROSTERS_PER_MESSAGE_MAX};
use shared::message::{Down, Hello};
use shared::time::UnixTime;
use shared::topic::Shard;
use tokio::sync::{Mutex, MutexGuard};
use tracing::{debug, error};

use super::sign::Signer;
use super::{NotSent, Wire};
use crate::audit::{Log, LogError};
use crate::background::Progress;
use crate::registry::delivery::{Delivered, Owed};
use crate::registry::terminal::Unit;
use crate::registry::{Registry, RegistryError};

/// Terminals that are looked at in one step.
const STEP_TERMINALS: u32 = 64;

/// How long a terminal may take to sign before an order is sent again on the same connection;
/// doubled with each time, up to [`PATIENCE_MAX`].
const PATIENCE: Duration = Duration::from_secs(30);
const PATIENCE_MAX: Duration = Duration::from_secs(15 * 60);

/// Which broker serves which terminals, as `host:port`.
pub trait Brokers: std::fmt::Debug + Send + Sync {
    fn broker_of(&self, shard: Shard) -> String;
}

#[derive(Debug)]
pub struct Deliver {
    registry: Arc<dyn Registry>,
    wire: Arc<dyn Wire>,
    brokers: Arc<dyn Brokers>,
    signer: Arc<Signer>,
    log: Log,
    turn: Mutex<()>,
}

impl Deliver {
    pub fn new(
        registry: Arc<dyn Registry>,
        wire: Arc<dyn Wire>,
        brokers: Arc<dyn Brokers>,
        signer: Arc<Signer>,
    ) -> Self {
        let log = Log::new(registry.clone(), signer.clone());
        Self { registry, wire, brokers, signer, log, turn: Mutex::new(()) }
    }

    /// While this is held nothing is delivered.
    pub(super) async fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// Answers hellos: the time, the rosters that are missing, and how far the log has come, which
    /// one in quarantine is not told. What is owed follows in the next step. The time is a word of
    /// the controller by which a terminal that has locked itself sells again: one in quarantine
    /// hears it only where something is to empty it.
    pub(super) async fn greet(
        &self,
        hellos: &BTreeMap<TerminalId, &Hello>,
        now: UnixTime,
    ) -> Result<(), RegistryError> {
        let ids: Vec<_> = hellos.keys().copied().collect();
        if ids.is_empty() {
            return Ok(());
        }
        let newest = self.registry.newest_roster().await?.map_or(0, |roster| roster.version);
        let checkpoint = self.registry.newest_checkpoint().await?;
        let terminals = self.registry.terminals_of(&ids).await?;
        let quarantined = terminals.iter().filter(|it| it.is_quarantined).map(|it| it.id);
        let quarantined: Vec<_> = quarantined.collect();
        let left_alone = match quarantined.is_empty() {
            true => Vec::new(),
            false => self.registry.left_alone(&quarantined).await?,
        };
        for terminal in terminals.iter().filter(|it| it.unit == Unit::Enrolled) {
            let Some(hello) = hellos.get(&terminal.id) else { continue };
            let broker = self.brokers.broker_of(Shard::of(terminal.id));
            let time = self.signer.fleet_time(
                terminal.id,
                hello.boot_nonce,
                now,
                newest,
                terminal.epoch,
                broker,
            );
            let mut answers = match left_alone.contains(&terminal.id) {
                true => Vec::new(),
                false => vec![Down::FleetTime(time)],
            };
            let mut known = hello.roster_version;
            while known < newest {
                let limit = u32::try_from(ROSTERS_PER_MESSAGE_MAX).unwrap_or(1);
                let missing = self.registry.rosters_after(known, limit).await?;
                let Some(last) = missing.last() else { break };
                known = last.version;
                answers.push(Down::Rosters(missing.into_iter().map(|it| it.signed).collect()));
            }
            match self.log.greets(terminal.id, hello.log, checkpoint.as_ref(), now).await {
                Ok(growth) if terminal.is_quarantined => drop(growth),
                Ok(growth) => answers.extend(growth.map(Down::Checkpoint)),
                Err(LogError::Registry(error)) => return Err(error),
                Err(error) => error!(%error, "no terminal is told how far the audit log has come"),
            }
            for answer in answers {
                if let Err(error) = self.wire.send(terminal.id, answer).await {
                    debug!(%error, "an answer did not go out; the terminal will say hello again");
                    break;
                }
            }
        }
        Ok(())
    }

    /// Looks at the terminals whose turn it is.
    pub async fn step(&self, now: UnixTime) -> Result<Progress, RegistryError> {
        let _turn = self.turn.lock().await;
        let due = self.registry.due_for_delivery(now, STEP_TERMINALS).await?;
        if due.is_empty() {
            return Ok(Progress::Settled);
        }
        let each = u32::try_from(ORDERS_IN_FLIGHT_MAX).unwrap_or(1);
        let mut owed = BTreeMap::<TerminalId, Vec<Owed>>::new();
        for order in self.registry.owed(&due, each, now).await? {
            owed.entry(order.terminal).or_default().push(order);
        }
        let mut sent = Vec::new();
        for terminal in &due {
            let orders = owed.remove(terminal).unwrap_or_default();
            sent.push(self.send(*terminal, orders, now).await);
        }
        self.registry.delivered(&sent, now).await?;
        let full = due.len() == STEP_TERMINALS as usize;
        Ok(if full { Progress::MoreToDo } else { Progress::Settled })
    }

    async fn send(&self, terminal: TerminalId, owed: Vec<Owed>, now: UnixTime) -> Delivered {
        let seen = owed.iter().map(|order| order.order).collect();
        let mut delivered = Delivered { terminal, seen, orders: Vec::new(), again_at: None };
        for order in owed {
            let due_at = due_at(&order);
            if due_at.is_none_or(|due_at| due_at <= now) {
                let outcome = self.wire.send(terminal, Down::Order(order.parcel.clone())).await;
                if let Err(error @ NotSent::TooLarge { .. }) = &outcome {
                    tracing::error!(order = %order.order, %error, "an order can never be sent");
                }
                if let Err(error) = outcome {
                    debug!(%error, "an order did not go out; it stays owed");
                } else {
                    delivered.orders.push(order.order);
                }
            }
            let again_at = due_at.filter(|at| *at > now).unwrap_or(now.plus(patience(order.sends)));
            let sooner = delivered.again_at.is_none_or(|known| again_at < known);
            delivered.again_at = if sooner { Some(again_at) } else { delivered.again_at };
        }
        delivered
    }
}

/// When an order that was sent on this connection is sent again.
fn due_at(order: &Owed) -> Option<UnixTime> {
    order.sent_at.map(|at| at.plus(patience(order.sends.saturating_sub(1))))
}

fn patience(sends: u32) -> Duration {
    PATIENCE.saturating_mul(1 << sends.min(5)).min(PATIENCE_MAX)
}
