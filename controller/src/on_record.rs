//! What is on record about terminals, what they are bound to and with whom, for whoever plans a
//! change of them.
//!
//! What is kept nowhere is said to be unknown, so that the plan says so too.

use std::collections::BTreeMap;

use shared::id::{BindingId, TerminalId};
use shared::time::UnixTime;

use crate::position::Position;
use crate::position::binding::Binding;
use crate::provider::compatibility::{self, Asked, Row, Status};
use crate::provider::contract::Contract;
use crate::provider::{self, Kind, target};
use crate::rebind::facts::{Compatibility, Known, Target};
use crate::registry::page::{PAGE_ITEMS_MAX, Page};
use crate::registry::position::BindingsOf;
use crate::registry::provider::all;
use crate::registry::terminal::Terminal;
use crate::registry::{Registry, RegistryError};
use crate::selector::{self, Selector};

/// Components that tills tell of, and labels where they do not.
const FIRMWARE: &str = "firmware";
const KERNEL: &str = "kernel";

/// Labels that say of a terminal what it does not tell itself.
const HARDWARE: &str = "hardware";
const KEY_SET: &str = "key-set";

/// A provider as it was described last, and whether terminals may be brought to it then.
pub(crate) async fn provider(
    registry: &dyn Registry,
    key: &str,
    asks: [&str; 2],
    at: UnixTime,
) -> Result<Known<Target>, RegistryError> {
    let record = registry.record(Kind::Provider, key, None).await?;
    let Some(known) = record.and_then(|it| it.known.provider()) else { return Ok(Known::Unknown) };
    let known = known.but_for_words_of(asks);
    let why_not = target::may_be_target(&known, at).err().unwrap_or_default();
    Ok(Known::Is(Target { provider: known.document, why_not }))
}

/// By the terminals that fill them.
pub(crate) async fn positions(
    registry: &dyn Registry,
    of: &[Terminal],
) -> Result<BTreeMap<TerminalId, Position>, RegistryError> {
    let ids: Vec<_> = of.iter().map(|it| it.id).collect();
    let found = registry.positions_of(&ids).await?.into_iter();
    Ok(found.filter_map(|it| it.terminal.map(|terminal| (terminal, it))).collect())
}

/// All of them, by id.
pub(crate) async fn bindings(
    registry: &dyn Registry,
    of: &BindingsOf,
) -> Result<Vec<Binding>, RegistryError> {
    let mut all = Vec::new();
    let mut page = Page::<BindingId>::first(PAGE_ITEMS_MAX);
    loop {
        let found = registry.bindings(of, &page).await?;
        let Some(last) = found.last() else { return Ok(all) };
        page = Page::after(last.id, PAGE_ITEMS_MAX);
        all.extend(found);
    }
}

/// With whom terminals settle.
#[derive(Debug, Default)]
pub(crate) struct Settling(BTreeMap<TerminalId, Vec<String>>);

impl Settling {
    /// As far as a selector asks for it. At most a page of terminals at a time.
    pub(crate) async fn asked_by<'a>(
        selectors: impl IntoIterator<Item = &'a Selector>,
        of: impl IntoIterator<Item = &'a Terminal>,
        registry: &dyn Registry,
    ) -> Result<Self, RegistryError> {
        if !selectors.into_iter().any(Selector::asks_for_providers) {
            return Ok(Self::default());
        }
        let ids: Vec<_> = of.into_iter().map(|it| it.id).collect();
        let mut settling = BTreeMap::<_, Vec<_>>::new();
        for (terminal, provider) in registry.providers_of(&ids).await? {
            settling.entry(terminal).or_default().push(provider);
        }
        Ok(Self(settling))
    }

    /// All that a selector may ask of this terminal.
    pub(crate) fn facts<'a>(&'a self, terminal: &'a Terminal) -> selector::Facts<'a> {
        let providers = self.0.get(&terminal.id).map(Vec::as_slice).unwrap_or_default();
        selector::Facts { providers, ..selector::Facts::from(terminal) }
    }
}

/// In their newest versions, without what those say who ask for the change.
pub(crate) async fn contracts(
    registry: &dyn Registry,
    asks: [&str; 2],
) -> Result<Vec<provider::Known<Contract>>, RegistryError> {
    let contracts = all(registry, Kind::Contract).await?.into_iter();
    let contracts = contracts.filter_map(|it| it.contract());
    Ok(contracts.map(|it| it.but_for_words_of(asks)).collect())
}

pub(crate) async fn matrix(registry: &dyn Registry) -> Result<Vec<Row>, RegistryError> {
    let rows = all(registry, Kind::Compatibility).await?.into_iter();
    Ok(rows.filter_map(|it| it.row()).map(|it| it.document).collect())
}

/// What the matrix says of a till with this provider, and the row that decided.
pub(crate) fn compatible(
    matrix: &[Row],
    terminal: &Terminal,
    provider: Option<&str>,
) -> (Compatibility, Option<String>) {
    let verdict = compatibility::look_up(matrix, &asked(terminal, provider));
    let compatible = match verdict.status {
        Status::Certified => Compatibility::Certified,
        Status::Tested => Compatibility::Tested,
        Status::Unknown => Compatibility::Untested(verdict.not_known),
        Status::Blocked => Compatibility::Blocked,
    };
    (compatible, verdict.row)
}

/// What a till that works with this provider is made of, as far as it or a label says so.
fn asked(terminal: &Terminal, provider: Option<&str>) -> Asked {
    let components = terminal.said.as_ref().map(|said| said.components.as_slice());
    let components = components.unwrap_or_default();
    let version = |is: &dyn Fn(&str) -> bool| {
        let mut found = components.iter().filter(|it| is(&it.name));
        // Of two applications nobody knows which one is meant.
        found.next().filter(|_| found.next().is_none()).map(|it| it.version.clone())
    };
    let label = |key: &str| terminal.labels.get(key).cloned();
    // What the till says of itself counts more than what somebody once wrote down.
    let component = |key: &str| version(&|name| name == key).or_else(|| label(key));
    Asked {
        model: terminal.model.clone(),
        hardware: label(HARDWARE),
        firmware: component(FIRMWARE),
        application: version(&|name| name != FIRMWARE && name != KERNEL),
        kernel: component(KERNEL),
        provider: provider.map(str::to_owned),
        key_set: label(KEY_SET),
    }
}

#[cfg(test)]
pub(crate) mod tests;
