//! Who can be rebound, how, and what speaks against it. Pure.
//!
//! The same facts and the same wish give the same plan. What nobody has told is a finding of its
//! own: a plan never reads better than what is known.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use shared::change::rebind::RegistryOrder;
use shared::id::TerminalId;
use utoipa::ToSchema;

use super::facts::{
    Capability, Compatibility, Contract, Facts, Known, Party, TerminalFacts, Wanted, Wish,
};

mod money;

/// Between the last sale with the old provider and the first with the new one, without the tests:
/// drain and settle, the backup, the switch. An estimate for people, in seconds.
const STOP_S: u64 = 180;
const TEST_S: u64 = 15;

/// What becomes of one terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    InPlace,
    /// The unit cannot be rebound where it stands, or not with a way back: another one comes.
    ReplaceUnit,
    /// Nothing is done to it.
    Excluded,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlannedTerminal {
    #[schema(value_type = Option<String>)]
    pub terminal: Option<TerminalId>,
    pub serial: String,
    pub store: String,
    /// From 1; 0 for one that was not wished for.
    pub wave: u32,
    pub how: How,
    /// Why it is replaced or excluded, and what is not known of it.
    pub why: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Weight {
    /// It is not begun.
    Blocks,
    /// Not begun until somebody answers for it by name.
    NeedsName,
    /// Nobody has told, which is not the same as fine: needs a name too.
    Unknown,
    /// For people to know.
    Tells,
}

/// Something that speaks against it, or that people must know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Finding {
    /// Stable across releases.
    pub code: String,
    pub weight: Weight,
    /// A terminal's serial number, a store, a party or a provider.
    pub about: String,
    pub detail: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Plan {
    pub terminals: Vec<PlannedTerminal>,
    pub findings: Vec<Finding>,
    /// In the order in which they come.
    pub points_of_no_return: Vec<String>,
    /// For each shop, without its window; an estimate.
    pub downtime_s: u64,
    /// New rate less old one, in hundredths of a percent; `null` where a rate is not known.
    pub fee_difference: Option<i64>,
    /// What it costs to leave the old provider, for example `1200.00 CNY`; `null` where the
    /// contract is not known.
    pub penalty: Option<String>,
}

impl Plan {
    /// Findings that keep it from being begun: those that nobody may answer for, and those for
    /// which nobody does.
    pub fn open(&self, overrides: &BTreeMap<String, String>) -> Vec<Finding> {
        let answered = |it: &&Finding| {
            overrides.get(&it.code).is_some_and(|name| !name.trim().is_empty())
        };
        let open = |it: &&Finding| match it.weight {
            Weight::Blocks => true,
            Weight::NeedsName | Weight::Unknown => !answered(it),
            Weight::Tells => false,
        };
        self.findings.iter().filter(open).cloned().collect()
    }

    /// As it is kept with the change: the plan, and who answered for what.
    pub fn as_json(&self, overrides: &BTreeMap<String, String>) -> String {
        let kept = serde_json::json!({ "plan": self, "overrides": overrides });
        kept.to_string()
    }
}

fn finding(code: &str, weight: Weight, about: &str, detail: impl Into<String>) -> Finding {
    Finding { code: code.to_owned(), weight, about: about.to_owned(), detail: detail.into() }
}

/// Plans the wish over the facts.
pub fn plan(facts: &Facts, wish: &Wish) -> Plan {
    let mut found = Vec::new();
    let mut terminals = Vec::new();
    for (wave, wanted) in (1_u32..).zip(&wish.waves) {
        let planned = wanted.iter().map(|one| terminal(facts, wish, wave, one, &mut found));
        terminals.extend(planned);
    }
    for one in &facts.without_profile {
        terminals.push(PlannedTerminal {
            terminal: Some(one.id),
            serial: one.serial.clone(),
            store: one.store.clone(),
            wave: 0,
            how: How::Excluded,
            why: vec!["it has no profile".to_owned()],
        });
    }
    stores(facts, wish, &terminals, &mut found);
    notices(facts, wish, &mut found);
    parties(facts, wish, &mut found);
    found.sort_by(|a, b| (a.weight, &a.code, &a.about).cmp(&(b.weight, &b.code, &b.about)));
    Plan {
        terminals,
        findings: found,
        points_of_no_return: points_of_no_return(wish),
        downtime_s: STOP_S + TEST_S * wish.tests as u64,
        fee_difference: match &facts.fees {
            Known::Is(fees) => Some(i64::from(fees.after) - i64::from(fees.before)),
            Known::Unknown => None,
        },
        penalty: match &facts.contract {
            Known::Is(it) => Some(money::text(it.penalty_minor, &it.currency)),
            Known::Unknown => None,
        },
    }
}

fn terminal(
    facts: &Facts,
    wish: &Wish,
    wave: u32,
    wanted: &Wanted,
    found: &mut Vec<Finding>,
) -> PlannedTerminal {
    let known = match (&wanted.terminal, &wanted.serial) {
        (Some(id), _) => facts.terminals.get(id),
        (None, Some(serial)) => facts.terminals.values().find(|it| it.serial == *serial),
        (None, None) => None,
    };
    let Some(known) = known else {
        let id = wanted.terminal.map(|id| id.to_string());
        let serial = wanted.serial.clone().or(id).unwrap_or_default();
        let detail = "no terminal of this fleet is called that";
        found.push(finding("no-such-terminal", Weight::Blocks, &serial, detail));
        let (how, why) = (How::Excluded, vec![detail.to_owned()]);
        return PlannedTerminal { terminal: None, serial, store: String::new(), wave, how, why };
    };
    let mut why = Vec::new();
    let mut how = How::InPlace;
    let mut say = |code: &str, weight: Weight, detail: String| {
        found.push(finding(code, weight, &known.serial, detail.clone()));
        why.push(detail);
    };
    if let Some((code, detail)) = why_excluded(known, wish, wanted) {
        say(code, Weight::Blocks, detail);
        how = How::Excluded;
    } else if let Some((code, weight, detail)) = why_replaced(known) {
        say(code, weight, detail);
        how = How::ReplaceUnit;
    }
    for (code, detail) in unknowns(known) {
        say(code, Weight::Unknown, detail.to_owned());
    }
    PlannedTerminal {
        terminal: Some(known.id),
        serial: known.serial.clone(),
        store: known.store.clone(),
        wave,
        how,
        why,
    }
}

fn why_excluded(
    known: &TerminalFacts,
    wish: &Wish,
    wanted: &Wanted,
) -> Option<(&'static str, String)> {
    if !known.is_enrolled {
        return Some(("not-enrolled", "it is not enrolled".to_owned()));
    }
    if !known.is_selected {
        return Some(("not-selected", "the selection does not match it".to_owned()));
    }
    if wanted.is_sealed && !known.has_recipient {
        let detail = "it has told no recipient: its secret can be sealed to nobody";
        return Some(("no-recipient", detail.to_owned()));
    }
    if let Known::Is(bound) = &known.bound {
        if bound.provider != wish.from {
            let detail = format!("it is bound to {}, not to {}", bound.provider, wish.from);
            return Some(("other-provider", detail));
        }
        let told = wanted.replaces.as_ref();
        if told.is_some_and(|(mid, tid)| (mid, tid) != (&bound.mid, &bound.tid)) {
            let detail = format!("it has MID {} and TID {} now", bound.mid, bound.tid);
            return Some(("other-binding", detail));
        }
    }
    match (&known.compatible, &known.capability) {
        (Known::Is(Compatibility::Blocked), _) => {
            Some(("incompatible", format!("{} is blocked with {}", known.model, wish.to)))
        }
        (_, Known::Is(Capability::Never)) => {
            Some(("never", format!("a {} cannot be rebound at all", known.model)))
        }
        (Known::Unknown, _)
        | (Known::Is(Compatibility::Certified), _)
        | (Known::Is(Compatibility::Tested | Compatibility::Untested), _) => None,
    }
}

/// Where the unit does not come to the new provider with a way back.
fn why_replaced(known: &TerminalFacts) -> Option<(&'static str, Weight, String)> {
    if known.capability == Known::Is(Capability::VendorOnly) {
        let detail = format!("only its vendor rebinds a {}: replace the unit", known.model);
        return Some(("vendor-only", Weight::Blocks, detail));
    }
    if known.free_slot == Known::Is(false) {
        let detail = "it has one key slot only: new keys would destroy the old ones; replace the \
                      unit";
        return Some(("no-free-slot", Weight::Blocks, detail.to_owned()));
    }
    None
}

fn unknowns(known: &TerminalFacts) -> Vec<(&'static str, &'static str)> {
    let mut unknown = Vec::new();
    if known.bound == Known::Unknown {
        unknown.push(("binding-unknown", "not known: to whom it is bound now"));
    }
    match known.compatible {
        Known::Unknown => {
            unknown.push(("compatibility-unknown", "not known: whether it works with the new one"));
        }
        Known::Is(Compatibility::Untested) => {
            unknown.push(("untested", "nobody has tested it with the new one: a pilot only"));
        }
        Known::Is(Compatibility::Certified | Compatibility::Tested | Compatibility::Blocked) => {}
    }
    if known.capability == Known::Unknown || known.free_slot == Known::Unknown {
        unknown.push(("keys-unknown", "not known: whether both providers' keys fit into it"));
    }
    unknown
}

/// A store all of whose terminals stop in one wave needs another way to be paid. That they may not
/// all stop at the same time is no comfort: one that was not heard lends its place to another.
fn stores(facts: &Facts, wish: &Wish, planned: &[PlannedTerminal], found: &mut Vec<Finding>) {
    let mut stops: BTreeMap<(&str, u32), u32> = BTreeMap::new();
    for it in planned.iter().filter(|it| it.how == How::InPlace) {
        *stops.entry((&it.store, it.wave)).or_default() += 1;
    }
    for ((store, wave), count) in stops {
        let enrolled = facts.stores.get(store).map_or(0, |it| it.enrolled);
        let fallback = wish.fallbacks.get(store).filter(|text| !text.trim().is_empty());
        if count >= enrolled && fallback.is_none() {
            let detail = format!(
                "wave {wave} stops the last of its {enrolled} terminals, and no other way to be \
                 paid is declared"
            );
            found.push(finding("last-in-store", Weight::Blocks, store, detail));
        }
    }
}

fn notices(facts: &Facts, wish: &Wish, found: &mut Vec<Finding>) {
    for party in Party::ALL {
        let lead_s = party.lead_s(&facts.contract);
        let days = lead_s / (24 * 3600);
        let about = party.as_str();
        let notice = wish.notices.iter().find(|notice| notice.party == about);
        let Some(notice) = notice.filter(|notice| notice.sent_at <= facts.now) else {
            let detail = format!("it was not told; it must be {days} days before");
            found.push(finding("notice-missing", Weight::NeedsName, about, detail));
            continue;
        };
        if wish.begins_at.0.saturating_sub(notice.sent_at.0) < lead_s {
            let detail = format!("it was told at {}: not {days} days before", notice.sent_at);
            found.push(finding("notice-late", Weight::NeedsName, about, detail));
        }
        if notice.acknowledged_at.is_none() {
            let detail = "it was told, and has not said that it knows";
            found.push(finding("notice-unanswered", Weight::Tells, about, detail));
        }
    }
}

fn parties(facts: &Facts, wish: &Wish, found: &mut Vec<Finding>) {
    let Wish { from, to, .. } = wish;
    match facts.request_verified {
        Known::Is(true) => {}
        Known::Is(false) => {
            let detail = "the request was not verified";
            found.push(finding("request-unverified", Weight::Blocks, "request", detail));
        }
        Known::Unknown => {
            let detail = "not known: whether the request was verified";
            found.push(finding("request-unknown", Weight::Unknown, "request", detail));
        }
    }
    match facts.licence_until {
        Known::Is(until) if until > wish.begins_at => {}
        Known::Is(until) => {
            let detail = format!("its licence ends at {until}");
            found.push(finding("licence-expired", Weight::Blocks, to, detail));
        }
        Known::Unknown => {
            let detail = "not known: whether it is licensed";
            found.push(finding("licence-unknown", Weight::Unknown, to, detail));
        }
    }
    fees(facts, to, found);
    contract(&facts.contract, from, found);
    if wish.registry_order == RegistryOrder::ReleaseOldFirst {
        let detail = "the old registration is released BEFORE the switch: there is no quick way \
                      back from then on; have spare units at hand";
        found.push(finding("no-quick-way-back", Weight::NeedsName, from, detail));
    }
}

fn fees(facts: &Facts, to: &str, found: &mut Vec<Finding>) {
    let Known::Is(fees) = &facts.fees else {
        let detail = "not known: what the new provider takes";
        found.push(finding("fees-unknown", Weight::Unknown, to, detail));
        return;
    };
    let (before, after) = (money::percent(fees.before), money::percent(fees.after));
    if fees.after > fees.before {
        let detail = format!("it takes {after}, the old one {before}");
        found.push(finding("fees-rise", Weight::NeedsName, to, detail));
    }
    if let Some((low, high)) = fees.band.filter(|(low, high)| !(*low..=*high).contains(&fees.after))
    {
        let (low, high) = (money::percent(low), money::percent(high));
        let detail = format!("{after} is outside of {low} to {high}, as the merchant class has it");
        found.push(finding("fees-outside-band", Weight::NeedsName, to, detail));
    }
}

fn contract(contract: &Known<Contract>, from: &str, found: &mut Vec<Finding>) {
    match contract {
        Known::Unknown => {
            let detail = "not known: what it costs to leave";
            found.push(finding("contract-unknown", Weight::Unknown, from, detail));
        }
        Known::Is(it) if it.penalty_minor > 0 => {
            let penalty = money::text(it.penalty_minor, &it.currency);
            let detail = format!("to leave now costs {penalty}");
            found.push(finding("penalty", Weight::NeedsName, from, detail));
        }
        Known::Is(_) => {}
    }
}

fn points_of_no_return(wish: &Wish) -> Vec<String> {
    let Wish { from, to, .. } = wish;
    let erased = format!("when the watch is over and the keys of {from} are erased");
    let closed = format!("when the contract with {from} is closed");
    match wish.registry_order {
        RegistryOrder::NewFirst => vec![erased, closed],
        RegistryOrder::ReleaseOldFirst => {
            let released = format!(
                "BEFORE THE SWITCH: when the registration with {from} is released, {to} has to \
                 work, or the terminal stops"
            );
            vec![released, erased, closed]
        }
    }
}

#[cfg(test)]
mod tests;
