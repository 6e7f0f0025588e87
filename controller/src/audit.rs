//! The audit log, proven: a tree over its entries, whose root is signed as the log grows.
//!
//! What was signed once binds: terminals remember the newest root that they were told and tell it
//! again, people keep theirs in a file. A log that was changed, shortened or told differently to
//! different people does not fit what somebody remembers.

use std::collections::BTreeMap;
use std::sync::Arc;

use shared::digest::Digest;
use shared::id::TerminalId;
use shared::log_tree::{self, At, Edge, Span};
use shared::message::{Growth, LogHead};
use shared::time::UnixTime;
use tracing::error;

use crate::background::Progress;
use crate::delivery::Signer;
use crate::registry::audit::{AuditEntry, Broken, StoredCheckpoint, check_chain};
use crate::registry::delivery::{AlarmKind, AnyAlarm};
use crate::registry::page::{PAGE_ITEMS_MAX, Page};
use crate::registry::{Registry, RegistryError};

/// Why the log cannot be vouched for.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    #[error("the audit log is not what was written: {0}")]
    Broken(#[from] Broken),
    #[error("the tree over the audit log lacks what was kept of it: {0:?}")]
    Torn(At),
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

impl LogError {
    /// What to do about it, in the imperative.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Broken(_) | Self::Torn(_) => Some(
                "somebody has changed the registry: keep it as it is, and compare it with a backup \
                 of it and with the checkpoints that people and terminals have",
            ),
            Self::Registry(_) => None,
        }
    }
}

/// That an entry is in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proven {
    pub entry: AuditEntry,
    pub path: Vec<Digest>,
    pub checkpoint: StoredCheckpoint,
}

/// The log of one fleet, and the key that vouches for it.
#[derive(Clone, Debug)]
pub struct Log {
    registry: Arc<dyn Registry>,
    signer: Arc<Signer>,
}

impl Log {
    pub fn new(registry: Arc<dyn Registry>, signer: Arc<Signer>) -> Self {
        Self { registry, signer }
    }

    /// Takes what was decided since into the tree, at most a page of it. What does not follow from
    /// what was there is not signed: people are called.
    pub async fn step(&self, now: UnixTime) -> Result<Progress, LogError> {
        let before = self.registry.newest_checkpoint().await?;
        let size = before.as_ref().map_or(0, |it| it.size);
        let page = Page { after: Some(size), limit: PAGE_ITEMS_MAX };
        let entries = self.registry.audit(&page).await?;
        let follows = before.as_ref().map(|it| (it.size, it.head));
        let head = match check_chain(follows, &entries) {
            Ok(head) => head,
            Err(broken) => {
                self.broken(&broken, now).await?;
                return Err(broken.into());
            }
        };
        let Some((then, head)) = head.filter(|_| !entries.is_empty()) else {
            return Ok(Progress::Settled);
        };
        let mut edge = self.edge(size).await?;
        let nodes: Vec<_> = entries.iter().flat_map(|it| edge.push(it.leaf())).collect();
        let root = edge.root();
        let signed = self.signer.checkpoint(then, root, now);
        let checkpoint = StoredCheckpoint { size: then, root, head, at: now, signed };
        self.registry.grow_audit_tree(size, &nodes, &checkpoint).await?;
        match entries.len() < PAGE_ITEMS_MAX as usize {
            true => Ok(Progress::Settled),
            false => Ok(Progress::MoreToDo),
        }
    }

    /// One over everything that was decided until now; `None` where nothing was.
    pub async fn checkpoint(&self, now: UnixTime) -> Result<Option<StoredCheckpoint>, LogError> {
        while self.step(now).await? == Progress::MoreToDo {}
        Ok(self.registry.newest_checkpoint().await?)
    }

    /// Proves an entry by its number; `None` where there is none.
    pub async fn prove(&self, seq: u64, now: UnixTime) -> Result<Option<Proven>, LogError> {
        let Some(checkpoint) = self.checkpoint(now).await? else { return Ok(None) };
        let Some(at) = seq.checked_sub(1) else { return Ok(None) };
        let Some(spans) = log_tree::inclusion(at, checkpoint.size) else { return Ok(None) };
        let path = self.roots(&spans).await?;
        let entries = self.registry.audit(&Page { after: Some(at), limit: 1 }).await?;
        let Some(entry) = entries.into_iter().next().filter(|it| it.seq == seq) else {
            return Err(Broken::Gap { wanted: seq, got: 0 }.into());
        };
        let (size, root) = (checkpoint.size, checkpoint.root);
        if !log_tree::includes(entry.leaf(), at, size, root, &path) {
            self.broken(&Broken::Changed(seq), now).await?;
            return Err(Broken::Changed(seq).into());
        }
        Ok(Some(Proven { entry, path, checkpoint }))
    }

    /// What shows that the log at size `new` begins with what it was at size `old`; `None` where
    /// the log was never that long.
    pub async fn growth(&self, old: u64, new: u64) -> Result<Option<Vec<Digest>>, LogError> {
        match log_tree::consistency(old, new) {
            None if old == 0 => Ok(Some(vec![])),
            None => Ok(None),
            Some(spans) => Ok(Some(self.roots(&spans).await?)),
        }
    }

    /// Compares what a terminal remembers with what was signed here, and gives what it lacks of
    /// `newest`. What is told differently elsewhere calls people.
    pub async fn greets(
        &self,
        terminal: TerminalId,
        remembered: Option<LogHead>,
        newest: Option<&StoredCheckpoint>,
        now: UnixTime,
    ) -> Result<Option<Growth>, LogError> {
        let LogHead { size, root } =
            remembered.unwrap_or(LogHead { size: 0, root: Span::root(&[]) });
        let is_newest = newest.is_some_and(|it| (it.size, it.root) == (size, root));
        if is_newest || (size == 0 && newest.is_none()) {
            return Ok(None);
        }
        if size > 0 {
            let here = self.registry.checkpoint_at(size).await?;
            if here.is_none_or(|it| it.root != root) {
                let detail = format!(
                    "it was told that the audit log has the root {root} at {size} entries, and \
                     this registry never signed that: an older one was restored, or there are two"
                );
                let kind = AlarmKind::AuditForked;
                self.raise(Some(terminal), kind, size.to_string(), detail, now).await?;
                return Ok(None);
            }
        }
        let Some(newest) = newest.filter(|it| it.size > size) else { return Ok(None) };
        let path = self.growth(size, newest.size).await?;
        Ok(path.map(|path| Growth { checkpoint: newest.signed.clone(), path }))
    }

    async fn broken(&self, broken: &Broken, now: UnixTime) -> Result<(), LogError> {
        error!(%broken, "the audit log is not what was written");
        let detail = format!("{broken}; nothing of the log is signed any more");
        self.raise(None, AlarmKind::AuditBroken, broken.seq().to_string(), detail, now).await
    }

    async fn raise(
        &self,
        terminal: Option<TerminalId>,
        kind: AlarmKind,
        subject: String,
        detail: String,
        at: UnixTime,
    ) -> Result<(), LogError> {
        let alarm = AnyAlarm { terminal, kind, subject, detail, at, ended_at: None };
        self.registry.raise_alarm(&alarm).await?;
        Ok(())
    }

    async fn edge(&self, size: u64) -> Result<Edge, LogError> {
        let parts = Span::whole(size).parts();
        let kept = self.registry.audit_nodes(&parts).await?;
        let parts = gathered(&parts, &kept)?;
        Ok(Edge::new(size, parts).expect("there is one for each part"))
    }

    async fn roots(&self, spans: &[Span]) -> Result<Vec<Digest>, LogError> {
        let parts: Vec<Vec<At>> = spans.iter().map(|span| span.parts()).collect();
        let kept = self.registry.audit_nodes(&parts.concat()).await?;
        let root = |parts: &Vec<At>| Ok(Span::root(&gathered(parts, &kept)?));
        parts.iter().map(root).collect()
    }
}

fn gathered(of: &[At], kept: &BTreeMap<At, Digest>) -> Result<Vec<Digest>, LogError> {
    of.iter().map(|at| kept.get(at).copied().ok_or(LogError::Torn(*at))).collect()
}

#[cfg(test)]
mod tests;
