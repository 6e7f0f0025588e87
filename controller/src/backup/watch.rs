//! Raises and ends the alarms about backups and drills that are missed.
//!
//! Nobody polls the fleet: each terminal has the time at which it is to be looked at next, and
//! whatever its backups depend on makes that now. What is to be said about it is
//! [`judge`](super::overdue::judge)'s.

use std::sync::Arc;

use shared::time::UnixTime;
use tracing::warn;

use super::overdue::{self, Rules};
use super::schedule::{Schedule, Work};
use crate::background::Progress;
use crate::on_record::Settling;
use crate::registry::terminal::Terminal;
use crate::registry::{Registry, RegistryError};
use crate::selector::Selector;

/// In one step: a transaction that is over soon.
const WATCHED_MAX: u32 = 64;

/// The reconciler.
#[derive(Debug)]
pub struct Watch {
    registry: Arc<dyn Registry>,
    rules: Rules,
}

impl Watch {
    pub fn new(registry: Arc<dyn Registry>, rules: Rules) -> Self {
        Self { registry, rules }
    }

    /// The rules may be others than those by which the next looks were set: all are due once.
    pub async fn begin(&self, now: UnixTime) -> Result<(), RegistryError> {
        self.registry.watch_again(now).await
    }

    pub async fn step(&self, now: UnixTime) -> Result<Progress, RegistryError> {
        let due = self.registry.watched_due(now, WATCHED_MAX).await?;
        if due.is_empty() {
            return Ok(Progress::Settled);
        }
        let asking = asking(&self.registry.schedules().await?);
        let terminals = due.iter().map(|it| &it.terminal);
        let settling = Settling::asked_by(&asking, terminals, &*self.registry).await?;
        let is_asked = |it: &Terminal| {
            let facts = settling.facts(it);
            asking.iter().any(|selector| selector.matches(&facts, now))
        };
        let judged = due
            .iter()
            .map(|it| overdue::judge(&self.rules, it, is_asked(&it.terminal), now))
            .collect::<Vec<_>>();
        self.registry.judged(&judged, now).await?;
        let full = due.len() == usize::try_from(WATCHED_MAX).unwrap_or(usize::MAX);
        Ok(if full { Progress::MoreToDo } else { Progress::Settled })
    }
}

/// Whom schedules ask for backups.
fn asking(schedules: &[Schedule]) -> Vec<Selector> {
    let backups = schedules.iter().filter(|it| match it.work {
        Work::Incremental | Work::Full => true,
        Work::Drill => false,
    });
    let read = |it: &Schedule| {
        let selector = it.selector.parse();
        selector.inspect_err(|why| warn!(schedule = it.name, %why, "a selector is unreadable")).ok()
    };
    backups.filter_map(read).collect()
}
