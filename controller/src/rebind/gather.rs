//! What this controller knows for a plan: the one place where facts come from.
//!
//! What is kept nowhere yet is said to be unknown, so that the plan says so too.

use std::collections::{BTreeMap, BTreeSet};

use shared::document::profile::Enclosed;
use shared::id::TerminalId;
use shared::time::UnixTime;

use super::draft;
use super::facts::{Facts, Known, StoreFacts, TerminalFacts, Wish};
use super::letter::Row;
use crate::registry::page::{PAGE_ITEMS_MAX, Page};
use crate::registry::terminal::{Terminal, Unit};
use crate::registry::{Registry, RegistryError};
use crate::selector::Selector;

/// Goes through the fleet once, in pages.
pub(super) async fn facts(
    registry: &dyn Registry,
    selector: &Selector,
    wish: &Wish,
    now: UnixTime,
) -> Result<Facts, RegistryError> {
    let wanted = || wish.waves.iter().flatten();
    let ids: BTreeSet<_> = wanted().filter_map(|it| it.terminal).collect();
    let serials: BTreeSet<_> = wanted().filter_map(|it| it.serial.as_deref()).collect();
    let mut terminals = BTreeMap::new();
    let mut without_profile = Vec::new();
    let mut stores: BTreeMap<String, StoreFacts> = BTreeMap::new();
    let mut page = Page::first(PAGE_ITEMS_MAX);
    loop {
        let found = registry.terminals(&page).await?;
        let Some(last) = found.last() else { break };
        page = Page::after(last.id, PAGE_ITEMS_MAX);
        for terminal in &found {
            let facts = of_terminal(terminal, selector);
            if facts.is_enrolled {
                let store = stores.entry(terminal.store.clone());
                store.or_insert(StoreFacts { enrolled: 0 }).enrolled += 1;
            }
            if ids.contains(&terminal.id) || serials.contains(terminal.serial.as_str()) {
                terminals.insert(terminal.id, facts);
            } else if facts.is_selected && facts.is_enrolled {
                without_profile.push(facts);
            }
        }
    }
    Ok(Facts {
        now,
        terminals,
        stores,
        without_profile,
        request_verified: Known::Unknown,
        licence_until: Known::Unknown,
        fees: Known::Unknown,
        contract: Known::Unknown,
    })
}


fn of_terminal(terminal: &Terminal, selector: &Selector) -> TerminalFacts {
    TerminalFacts {
        id: terminal.id,
        serial: terminal.serial.clone(),
        store: terminal.store.clone(),
        model: terminal.model.clone(),
        is_enrolled: terminal.unit == Unit::Enrolled,
        is_selected: selector.matches(terminal),
        has_recipient: terminal.said.as_ref().is_some_and(|said| said.recipient.is_some()),
        bound: Known::Unknown,
        compatible: Known::Unknown,
        capability: Known::Unknown,
        free_slot: Known::Unknown,
    }
}

/// What letters say of each terminal.
pub(super) async fn rows(
    registry: &dyn Registry,
    profiles: &[(TerminalId, Enclosed)],
) -> Result<Vec<Row>, RegistryError> {
    let mut rows = Vec::new();
    for some in profiles.chunks(PAGE_ITEMS_MAX as usize) {
        let ids: Vec<_> = some.iter().map(|(id, _)| *id).collect();
        let known = registry.terminals_of(&ids).await?;
        let known: BTreeMap<_, _> = known.into_iter().map(|it| (it.id, it)).collect();
        for (id, enclosed) in some {
            let profile = draft::read(&enclosed.profile).map_err(|_| {
                RegistryError::Unreadable { what: "profile", value: id.to_string() }
            })?;
            let missing = || RegistryError::Missing { what: "terminal", which: id.to_string() };
            let terminal = known.get(id).ok_or_else(missing)?;
            rows.push(Row {
                serial: terminal.serial.clone(),
                store: terminal.store.clone(),
                model: terminal.model.clone(),
                profile,
            });
        }
    }
    Ok(rows)
}
