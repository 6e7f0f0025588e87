//! Lets snapshots expire that nobody wants, keeps them again when that changed, and begins to purge
//! repositories of which nothing stays.
//!
//! It goes through all terminals that have saved anything, again and again, and remembers only how
//! far it came: [`super::retention`] decides, anew each time, from what is there. Nothing here
//! deletes.

use std::sync::{Arc, Mutex, PoisonError};

use shared::id::TerminalId;
use shared::time::UnixTime;
use tracing::{debug, info};

use super::retention::{Departure, Holding, Policy, Verdict, decide, departure};
use super::state::SnapshotState;
use crate::background::Progress;
use crate::registry::audit::By;
use crate::registry::{Registry, RegistryError};

/// In one step.
const TERMINALS_MAX: u32 = 64;

/// Who does in the audit log what the rules say.
pub(super) const WHO: &str = "retention";

/// The reconciler.
#[derive(Debug)]
pub struct Expire {
    registry: Arc<dyn Registry>,
    policy: Policy,
    /// The last terminal that was looked at in this round.
    after: Mutex<Option<TerminalId>>,
}

impl Expire {
    pub fn new(registry: Arc<dyn Registry>, policy: Policy) -> Self {
        Self { registry, policy, after: Mutex::new(None) }
    }

    pub async fn step(&self, now: UnixTime) -> Result<Progress, RegistryError> {
        let after = *self.after.lock().unwrap_or_else(PoisonError::into_inner);
        let terminals = self.registry.holders(after, TERMINALS_MAX).await?;
        for terminal in &terminals {
            self.look_at(*terminal, now).await?;
        }
        *self.after.lock().unwrap_or_else(PoisonError::into_inner) = terminals.last().copied();
        match terminals.is_empty() {
            true => Ok(Progress::Settled),
            false => Ok(Progress::MoreToDo),
        }
    }

    async fn look_at(&self, terminal: TerminalId, now: UnixTime) -> Result<(), RegistryError> {
        let Some(holding) = self.registry.holding(terminal).await? else { return Ok(()) };
        if self.carry_out(&holding, now).await? {
            // What just expired has its days before it, and what came back changes what goes.
            return Ok(());
        }
        let by = self.by("nothing in it is kept or held", now);
        for repository in &holding.repositories {
            match departure(repository, &holding, &self.policy) {
                Departure::At(at) if at <= now => {}
                Departure::At(_) | Departure::Open | Departure::Kept | Departure::Purging => {
                    continue;
                }
            }
            let expired_by = now.minus(self.policy.purge_after());
            let id = repository.id;
            match self.registry.begin_purge(id, expired_by, &by).await? {
                Ok(()) => info!(repository = %id, "a purge begins"),
                Err(why) => debug!(repository = %id, %why, "a purge does not begin yet"),
            }
        }
        Ok(())
    }

    /// Brings the states of snapshots in line with what was decided; gives whether any changed.
    async fn carry_out(&self, holding: &Holding, now: UnixTime) -> Result<bool, RegistryError> {
        let (mut going, mut staying) = (Vec::new(), Vec::new());
        for (it, verdict) in holding.snapshots.iter().zip(decide(holding, &self.policy, now)) {
            match (verdict, it.state == SnapshotState::Expiring) {
                (Verdict::Goes(why), false) => going.push((it.manifest, why)),
                (Verdict::Stays(_), true) => staying.push(it.manifest),
                (Verdict::Goes(_), true) | (Verdict::Stays(_), false) => {}
            }
        }
        let mut changed = 0;
        // First what comes back: whoever is killed in between has kept too much.
        if !staying.is_empty() {
            let by = self.by("it is the one to restore from", now);
            changed += self.registry.keep_again(&staying, &by).await?;
        }
        if !going.is_empty() {
            changed += self.registry.expire(&going, now, None).await?;
        }
        Ok(changed > 0)
    }

    fn by(&self, why: &str, at: UnixTime) -> By {
        By { who: WHO.to_owned(), why: why.to_owned(), at }
    }
}
