//! What this controller knows of whether terminals may sell again: the one place where those facts
//! come from.

use std::collections::{BTreeMap, BTreeSet};

use shared::id::TerminalId;
use shared::time::UnixTime;

use super::validity::{Active, Brought, Described, Facts};
use crate::on_record;
use crate::position::Position;
use crate::position::binding::{Binding, BindingState};
use crate::provider;
use crate::provider::compatibility::Row;
use crate::provider::contract::{self, Contract};
use crate::rebind::facts::{Known, Target};
use crate::registry::deactivation::ServiceFacts;
use crate::registry::page::PAGE_ITEMS_MAX;
use crate::registry::position::BindingsOf;
use crate::registry::terminal::Terminal;
use crate::registry::{Registry, RegistryError};

/// What is looked up once for all terminals.
struct Look<'a> {
    registry: &'a dyn Registry,
    /// Whose own words count for nothing.
    asks: [&'a str; 2],
    at: UnixTime,
    contracts: Vec<provider::Known<Contract>>,
    matrix: Vec<Row>,
    /// By key, as they were asked for.
    described: BTreeMap<String, Known<Described>>,
    /// By store and model, as they were asked for.
    brought: BTreeMap<(String, String), Vec<Brought>>,
}

/// Of these terminals, by id.
pub(super) async fn facts(
    registry: &dyn Registry,
    members: &[ServiceFacts],
    asks: [&str; 2],
    at: UnixTime,
) -> Result<Vec<Facts>, RegistryError> {
    let contracts = on_record::contracts(registry, asks).await?;
    let matrix = on_record::matrix(registry).await?;
    let (described, brought) = (BTreeMap::new(), BTreeMap::new());
    let mut look = Look { registry, asks, at, contracts, matrix, described, brought };
    let mut facts = Vec::new();
    for some in members.chunks(PAGE_ITEMS_MAX as usize) {
        let known: BTreeMap<_, _> = some.iter().map(|it| (it.terminal, it)).collect();
        let ids: Vec<TerminalId> = some.iter().map(|it| it.terminal).collect();
        let terminals = registry.terminals_of(&ids).await?;
        let positions = on_record::positions(registry, &terminals).await?;
        for it in &terminals {
            let Some(known) = known.get(&it.id) else { continue };
            facts.push(look.at_terminal(it, positions.get(&it.id), known).await?);
        }
    }
    Ok(facts)
}

impl Look<'_> {
    async fn at_terminal(
        &mut self,
        terminal: &Terminal,
        position: Option<&Position>,
        known: &ServiceFacts,
    ) -> Result<Facts, RegistryError> {
        let active = match position {
            Some(position) => self.active(position).await?,
            None => Known::Unknown,
        };
        let provider = match &active {
            Known::Is(active) => active.first().map(|it| it.provider.as_str()),
            Known::Unknown => None,
        };
        let (compatible, _) = on_record::compatible(&self.matrix, terminal, provider);
        Ok(Facts {
            serial: terminal.serial.clone(),
            active,
            deregistered: known.deregistered.clone(),
            certificate_ends_at: terminal.certificate.map(|it| it.expires_at),
            keys: known.keys.clone(),
            brought: self.brought(terminal).await?,
            compatible,
            components: match &terminal.said {
                Some(said) => Known::Is(said.components.clone()),
                None => Known::Unknown,
            },
        })
    }

    async fn brought(&mut self, to: &Terminal) -> Result<Vec<Brought>, RegistryError> {
        let place = (to.store.clone(), to.model.clone());
        if let Some(found) = self.brought.get(&place) {
            return Ok(found.clone());
        }
        let found = self.registry.brought_to(&to.store, &to.model).await?;
        self.brought.insert(place, found.clone());
        Ok(found)
    }

    async fn active(&mut self, position: &Position) -> Result<Known<Vec<Active>>, RegistryError> {
        let of = BindingsOf { position: Some(position.id), provider: None };
        let all = on_record::bindings(self.registry, &of).await?;
        if all.is_empty() {
            return Ok(Known::Unknown);
        }
        let mut active = Vec::new();
        for it in all.into_iter().filter(|it| it.state == BindingState::Active) {
            active.push(self.binding(position, it).await?);
        }
        Ok(Known::Is(active))
    }

    async fn binding(&mut self, of: &Position, it: Binding) -> Result<Active, RegistryError> {
        let described = self.described(&it.provider).await?;
        let theirs = self.contracts.iter().filter(|known| {
            let merchant = of.merchant.as_ref();
            let is_of = merchant.is_none_or(|merchant| known.document.merchant == *merchant);
            known.document.provider == it.provider && is_of
        });
        let theirs: Vec<_> = theirs.collect();
        let merchants: BTreeSet<_> = theirs.iter().map(|it| &it.document.merchant).collect();
        let exposure = |it: &&provider::Known<Contract>| {
            (it.key.clone(), contract::exposure(Some(&it.document), self.at))
        };
        Ok(Active {
            registration: it.version.registration.status,
            described,
            contracts: theirs.iter().map(exposure).collect(),
            is_of_unknown_merchant: merchants.len() > 1,
            provider: it.provider,
        })
    }

    async fn described(&mut self, key: &str) -> Result<Known<Described>, RegistryError> {
        if let Some(found) = self.described.get(key) {
            return Ok(found.clone());
        }
        let found = on_record::provider(self.registry, key, self.asks, self.at).await?;
        let found = match found {
            Known::Unknown => Known::Unknown,
            Known::Is(Target { provider, why_not }) => {
                Known::Is(Described { why_not, certificates: provider.certificates })
            }
        };
        self.described.insert(key.to_owned(), found.clone());
        Ok(found)
    }
}
