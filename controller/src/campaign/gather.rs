//! Looks up what a plan decides by: the members in question, what else goes on with them, and the
//! stores that they stand in.

use std::collections::{BTreeMap, BTreeSet};

use shared::id::TerminalId;
use shared::time::UnixTime;

use super::plan::{Candidate, Opening};
use super::store::StoreStanding;
use crate::kind::{Disturbs, Terms};
use crate::registry::campaign::Campaign;
use crate::registry::terminal::Terminal;
use crate::registry::{Registry, RegistryError};

/// Members, in the order in which they were asked about, and all stores in which they stand.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) candidates: Vec<Candidate>,
    pub(super) stores: BTreeMap<String, StoreStanding>,
}

/// Each member with its wave. At most [`crate::registry::page::PAGE_ITEMS_MAX`] at a time.
pub(super) async fn candidates(
    registry: &dyn Registry,
    campaign: &Campaign,
    members: &[(TerminalId, u16)],
    now: UnixTime,
) -> Result<Gathered, RegistryError> {
    let ids: Vec<_> = members.iter().map(|(id, _)| *id).collect();
    let terminals = registry.terminals_of(&ids).await?;
    of(registry, campaign, members, &terminals, now).await
}

/// The same, of terminals that are known already.
pub(super) async fn of(
    registry: &dyn Registry,
    campaign: &Campaign,
    members: &[(TerminalId, u16)],
    terminals: &[Terminal],
    now: UnixTime,
) -> Result<Gathered, RegistryError> {
    let ids: Vec<_> = members.iter().map(|(id, _)| *id).collect();
    let known: BTreeMap<_, _> = terminals.iter().map(|it| (it.id, it)).collect();
    let besides = registry.besides(campaign.id, &ids).await?;
    let stores = match Terms::of(&campaign.change).disturbs {
        Disturbs::InItsTurn => {
            let names: BTreeSet<_> = terminals.iter().map(|it| it.store.clone()).collect();
            registry.store_standings(&names.into_iter().collect::<Vec<_>>(), now).await?
        }
        Disturbs::Never | Disturbs::AsPlanned => BTreeMap::new(),
    };
    let candidate = |(id, wave): &(TerminalId, u16)| {
        let besides = besides.get(id).copied().unwrap_or_default();
        Some(Candidate::of(known.get(id)?, *wave, besides, Opening::Open))
    };
    Ok(Gathered { candidates: members.iter().filter_map(candidate).collect(), stores })
}
