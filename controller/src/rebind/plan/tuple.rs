//! Whether what a terminal is bound to is what is on record, and what the provider has. Pure.

use super::super::facts::{Brings, Facts, Known, Next, TerminalFacts, Wish};
use super::{RegistryOrder, Said, Weight};
use crate::provider::merchant;
use crate::provider::record::{Integration, Provider};

pub(super) fn mistakes(
    facts: &Facts,
    wish: &Wish,
    known: &TerminalFacts,
    brings: &Brings,
) -> Vec<Said> {
    let mut found = Vec::new();
    if let Known::Is(target) = &facts.target {
        against_provider(&target.provider, brings, &mut found);
        against_register(&target.provider, known, &mut found);
    }
    if !known.next.as_ref().is_some_and(Next::is_registered) {
        found.push(unregistered(facts, wish));
    }
    let Some(position) = known.position else { return found };
    if brings.position.is_some_and(|brought| brought != position) {
        let detail = format!("it fills {position}, and its profile is for another position");
        found.push(("other-position", Weight::Blocks, detail));
    }
    if let Some(next) = &known.next {
        against_record(next, brings, &mut found);
    }
    found
}

/// One that the registry lets nobody register before the old one is released cannot be registered
/// while the change still waits to begin. When it begins, it has to be.
fn unregistered(facts: &Facts, wish: &Wish) -> Said {
    let detail = "its binding with the new provider is not registered at the clearing registry";
    let weight = match wish.registry_order {
        RegistryOrder::ReleaseOldFirst if facts.now < wish.begins_at => Weight::Tells,
        RegistryOrder::NewFirst | RegistryOrder::ReleaseOldFirst => Weight::NeedsName,
    };
    ("not-registered", weight, detail.to_owned())
}

fn against_provider(provider: &Provider, brings: &Brings, found: &mut Vec<Said>) {
    for host in brings.hosts.iter().filter(|host| !provider.hosts.contains(host)) {
        let detail = format!("`{host}` is no host of {}", provider.name);
        found.push(("other-host", Weight::Blocks, detail));
    }
    for mistake in merchant::check_mid(provider, &brings.mid, &brings.mcc).err().unwrap_or_default()
    {
        found.push(("wrong-mid", Weight::Blocks, mistake.to_string()));
    }
    if !provider.currencies.contains(&brings.currency) {
        let detail = format!("{} does not clear {}", provider.name, brings.currency);
        found.push(("other-currency", Weight::Blocks, detail));
    }
}

/// Where the provider says how a cash register has to speak, the shop's own has to speak so.
fn against_register(provider: &Provider, known: &TerminalFacts, found: &mut Vec<Said>) {
    if provider.integrations.is_empty() {
        return;
    }
    let name = &provider.name;
    match &known.integration {
        Known::Unknown => {
            let detail = format!("not known: whether its cash register works with {name}");
            found.push(("integration-unknown", Weight::Unknown, detail));
        }
        Known::Is(it) if !provider.integrates(it) => {
            let Integration { protocol, version } = it;
            let detail = format!("its cash register speaks {protocol} {version}: not with {name}");
            found.push(("no-integration", Weight::Blocks, detail));
        }
        Known::Is(_) => {}
    }
}

fn against_record(next: &Next, brings: &Brings, found: &mut Vec<Said>) {
    let tuple = &next.version.tuple;
    if brings.binding.is_some_and(|brought| brought != next.binding) {
        let detail = format!("its position has {} with the new provider already", next.binding);
        found.push(("other-binding", Weight::Blocks, detail));
    }
    let pairs = [
        ("MID", &tuple.mid, &brings.mid),
        ("TID", &tuple.tid, &brings.tid),
        ("name", &tuple.name, &brings.name),
        ("MCC", &tuple.mcc, &brings.mcc),
        ("currency", &tuple.currency, &brings.currency),
    ];
    for (what, on_record, brought) in pairs {
        if on_record != brought {
            let detail = format!("its {what} is {on_record} on record, and {brought} here");
            found.push(("other-tuple", Weight::Blocks, detail));
        }
    }
    if !tuple.hosts.is_empty() && tuple.hosts != brings.hosts {
        let (on_record, brought) = (tuple.hosts.join(", "), brings.hosts.join(", "));
        let detail = format!("its hosts are {on_record} on record, and {brought} here");
        found.push(("other-tuple", Weight::Blocks, detail));
    }
}
