//! Who can be rebound, how, and what speaks against it. Pure.
//!
//! The same facts and the same wish give the same plan. What nobody has told is a finding of its
//! own: a plan never reads better than what is known.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use shared::change::rebind::RegistryOrder;
use shared::id::{BindingId, PositionId, TerminalId};
use shared::time::UnixTime;
use utoipa::ToSchema;

use super::facts::{Capability, Compatibility, Facts, Known, Party, TerminalFacts, Wanted, Wish};
use crate::finding::{self, finding};
use crate::provider::fees::{Method, Price};

mod money;
mod parties;
mod tuple;

pub use crate::finding::{Finding, Weight};
pub use money::price as price_text;

/// Terminals of one change on which a combination may be tried that nobody has tested: as many as
/// people can watch one by one.
pub const PILOT_TERMINALS_MAX: usize = 10;

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
    /// The row of the compatibility matrix that decided, where one did.
    #[serde(default)]
    pub matrix_row: Option<String>,
    /// The position that it fills, where one is on record.
    #[schema(value_type = Option<String>)]
    pub position: Option<PositionId>,
    /// The binding that is active there now, where one is on record.
    #[schema(value_type = Option<String>)]
    pub replaces: Option<BindingId>,
    /// What the position has in hand with the new provider; made when the change is begun where
    /// there is none.
    pub next: Option<PlannedBinding>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlannedBinding {
    #[schema(value_type = String)]
    pub id: BindingId,
    pub version: u32,
}

/// What the new provider takes of a kind of payment that the old one did not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlannedFee {
    /// The merchant class.
    pub class: String,
    pub method: Method,
    /// `null` where no schedule says.
    pub before: Option<Price>,
    pub after: Option<Price>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Plan {
    pub terminals: Vec<PlannedTerminal>,
    pub findings: Vec<Finding>,
    /// In the order in which they come.
    pub points_of_no_return: Vec<String>,
    /// For each shop, without its window; an estimate.
    pub downtime_s: u64,
    /// What differs, by merchant class; `null` where one of the schedules is not known.
    pub fees: Option<Vec<PlannedFee>>,
    /// What it costs to leave the old provider, for example `1200.00 CNY`; `null` where the
    /// contract is not known.
    pub penalty: Option<String>,
    /// The keys of the contracts that were looked at, with the old provider and with the new one.
    #[serde(default)]
    pub contracts: Vec<String>,
}

impl Plan {
    /// Findings that keep it from being begun: those that nobody may answer for, and those for
    /// which nobody does.
    pub fn open(&self, overrides: &BTreeMap<String, String>) -> Vec<Finding> {
        finding::open(&self.findings, overrides)
    }

    /// As it is kept with the change: the plan, who answered for what, how stores are paid
    /// meanwhile, and when it may begin.
    pub fn as_json(&self, overrides: &BTreeMap<String, String>, wish: &Wish) -> String {
        let kept = serde_json::json!({
            "plan": self,
            "overrides": overrides,
            "fallbacks": wish.fallbacks,
            "begins_at": wish.begins_at,
        });
        kept.to_string()
    }
}

/// What of a plan as it is kept counts for its later waves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Kept {
    #[serde(default)]
    pub plan: Option<Plan>,
    /// Who answered for what.
    #[serde(default)]
    pub overrides: BTreeMap<String, String>,
    #[serde(default)]
    pub fallbacks: BTreeMap<String, String>,
    /// When the first shop may be disturbed.
    #[serde(default)]
    pub begins_at: Option<UnixTime>,
}

/// Nothing counts of one that cannot be read.
pub fn kept(plan: &str) -> Kept {
    serde_json::from_str(plan).unwrap_or_default()
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
        terminals.push(planned(one, 0, How::Excluded, vec!["it has no profile".to_owned()]));
    }
    stores(facts, wish, &terminals, &mut found);
    notices(facts, wish, &mut found);
    pilot(facts, wish, &mut found);
    parties::look(facts, wish, &mut found);
    found.sort_by(|a, b| (a.weight, &a.code, &a.about).cmp(&(b.weight, &b.code, &b.about)));
    Plan {
        terminals,
        findings: found,
        points_of_no_return: points_of_no_return(wish),
        downtime_s: STOP_S + TEST_S * wish.tests.len() as u64,
        fees: parties::planned_fees(facts),
        contracts: parties::contracts(facts),
        penalty: match &facts.leaving {
            Known::Is(it) => Some(money::sums(&it.penalties_minor)),
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
    let Some(known) = named(facts, wanted) else {
        let id = wanted.terminal.map(|id| id.to_string());
        let serial = wanted.serial.clone().or(id).unwrap_or_default();
        let detail = "no terminal of this fleet is called that";
        found.push(finding("no-such-terminal", Weight::Blocks, &serial, detail));
        return PlannedTerminal {
            terminal: None,
            serial,
            store: String::new(),
            wave,
            how: How::Excluded,
            why: vec![detail.to_owned()],
            matrix_row: None,
            position: None,
            replaces: None,
            next: None,
        };
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
    for (code, weight, detail) in tuple::mistakes(facts, wish, known, &wanted.brings) {
        say(code, weight, detail);
    }
    for (code, weight, detail) in unknowns(known) {
        say(code, weight, detail);
    }
    planned(known, wave, how, why)
}

fn planned(known: &TerminalFacts, wave: u32, how: How, why: Vec<String>) -> PlannedTerminal {
    PlannedTerminal {
        terminal: Some(known.id),
        serial: known.serial.clone(),
        store: known.store.clone(),
        wave,
        how,
        why,
        matrix_row: known.matrix_row.clone(),
        position: known.position,
        replaces: match &known.bound {
            Known::Is(bound) => Some(bound.binding),
            Known::Unknown => None,
        },
        next: known
            .next
            .as_ref()
            .map(|next| PlannedBinding { id: next.binding, version: next.version.number }),
    }
}

/// What nobody has tested is tried by few, however many waves there are.
fn pilot(facts: &Facts, wish: &Wish, found: &mut Vec<Finding>) {
    let wanted = wish.waves.iter().flatten().filter_map(|it| named(facts, it));
    let is_untested = |it: &&TerminalFacts| matches!(it.compatible, Compatibility::Untested(_));
    let untested = wanted.filter(is_untested).count();
    if untested > PILOT_TERMINALS_MAX {
        let detail = format!(
            "nobody has tested {untested} of them with it: a pilot has at most \
             {PILOT_TERMINALS_MAX}"
        );
        found.push(finding("beyond-pilot", Weight::Blocks, &wish.to, detail));
    }
}

/// The terminal that is wished for, where there is one.
fn named<'a>(facts: &'a Facts, wanted: &Wanted) -> Option<&'a TerminalFacts> {
    match (&wanted.terminal, &wanted.serial) {
        (Some(id), _) => facts.terminals.get(id),
        (None, Some(serial)) => facts.by_serial.get(serial).and_then(|id| facts.terminals.get(id)),
        (None, None) => None,
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
    if !known.is_requested {
        return Some(("not-requested", "the request is not about it".to_owned()));
    }
    if let Some(campaign) = known.in_change {
        let detail = format!("{campaign} is not over, and is about it too");
        return Some(("in-another-change", detail));
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
    if known.compatible == Compatibility::Blocked {
        return Some(("incompatible", format!("{} is blocked with {}", known.model, wish.to)));
    }
    match &known.capability {
        Known::Is(Capability::Never) => {
            Some(("never", format!("a {} cannot be rebound at all", known.model)))
        }
        Known::Is(Capability::ApprovalExpired(day)) => {
            let detail = format!("the approval of a {}'s keypad ran out on {day}", known.model);
            Some(("approval-expired", detail))
        }
        Known::Unknown | Known::Is(Capability::InPlace | Capability::VendorOnly) => None,
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

type Said = (&'static str, Weight, String);

fn unknowns(known: &TerminalFacts) -> Vec<Said> {
    let mut unknown = Vec::new();
    let mut say = |code, weight, detail: &str| unknown.push((code, weight, detail.to_owned()));
    if known.bound == Known::Unknown {
        say("binding-unknown", Weight::Unknown, "not known: to whom it is bound now");
    }
    match &known.compatible {
        Compatibility::Untested(not_known) => {
            let lacks = match not_known.is_empty() {
                true => String::new(),
                false => format!(" (not known of it: {})", not_known.join(", ")),
            };
            let detail = format!("nobody has tested it with the new one{lacks}: a pilot only");
            say("untested", Weight::Unknown, &detail);
        }
        Compatibility::Certified | Compatibility::Tested | Compatibility::Blocked => {}
    }
    if known.capability == Known::Unknown || known.free_slot == Known::Unknown {
        let detail = "not known: whether both providers' keys fit into it";
        say("keys-unknown", Weight::Unknown, detail);
    }
    unknown
}

/// A store all of whose terminals that work stop in one wave needs another way to be paid. That
/// they may not all stop at the same time is no comfort: one that was not heard lends its place to
/// another.
fn stores(facts: &Facts, wish: &Wish, planned: &[PlannedTerminal], found: &mut Vec<Finding>) {
    let mut stops: BTreeMap<(&str, u32), u32> = BTreeMap::new();
    for it in planned.iter().filter(|it| it.how == How::InPlace) {
        let known = it.terminal.and_then(|id| facts.terminals.get(&id));
        let works = known.is_some_and(|it| it.is_selling);
        *stops.entry((&it.store, it.wave)).or_default() += u32::from(works);
    }
    for ((store, wave), count) in stops {
        let known = facts.stores.get(store).cloned().unwrap_or_default();
        let working = known.working;
        let fallback = wish.fallbacks.get(store).filter(|text| !text.trim().is_empty());
        if count >= working && fallback.is_none() && !known.has_fallback {
            let detail = format!(
                "wave {wave} stops the last of its {working} terminals that were heard within a \
                 day, and no other way to be paid is declared"
            );
            found.push(finding("last-in-store", Weight::Blocks, store, detail));
        }
    }
}

/// Where there is time enough, a party that was not told is told yet: the change waits for that.
fn notices(facts: &Facts, wish: &Wish, found: &mut Vec<Finding>) {
    for party in Party::ALL {
        let lead_s = party.lead_s(&facts.leaving);
        let days = lead_s / (24 * 3600);
        let about = party.as_str();
        let notice = wish.notices.iter().find(|notice| notice.party == about);
        let Some(notice) = notice.filter(|notice| notice.sent_at <= facts.now) else {
            let by = UnixTime(wish.begins_at.0.saturating_sub(lead_s));
            let (weight, detail) = match by >= facts.now {
                true => (Weight::Tells, format!("tell it by {by}, {days} days before")),
                false => {
                    let detail = format!("it was not told; it must be {days} days before");
                    (Weight::NeedsName, detail)
                }
            };
            found.push(finding("notice-missing", weight, about, detail));
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
