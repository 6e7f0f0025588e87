//! What the request, the two providers and the contracts say about a change. Pure.

use shared::change::rebind::RegistryOrder;

use super::super::facts::{Agreed, Facts, Known, RequestFacts, Target, Wish};
use super::super::usual;
use super::{Finding, PlannedFee, Weight, money};
use crate::finding::finding;
use crate::provider::contract::Exposure;
use crate::request::{RequestState, is_same_person};

pub(super) fn look(facts: &Facts, wish: &Wish, found: &mut Vec<Finding>) {
    let Wish { from, to, .. } = wish;
    request(facts.request.as_ref(), wish, found);
    target(&facts.target, wish, found);
    fees(facts, to, found);
    leaving(facts, from, found);
    joining(facts, to, found);
    if wish.registry_order == RegistryOrder::ReleaseOldFirst {
        let detail = "the old registration is released BEFORE the switch: there is no quick way \
                      back from then on; have spare units at hand";
        found.push(finding("no-quick-way-back", Weight::NeedsName, from, detail));
    }
}

/// Nobody answers for a request that was not verified, whoever they are.
fn request(request: Option<&RequestFacts>, wish: &Wish, found: &mut Vec<Finding>) {
    let about = wish.request.to_string();
    let mut say = |code, detail: String| found.push(finding(code, Weight::Blocks, &about, detail));
    let Some(RequestFacts { state, from, to, reason, requester, campaign }) = request else {
        say("request-unknown", "there is no such request".to_owned());
        return;
    };
    if (from, to) != (&wish.from, &wish.to) {
        say("other-request", format!("it was made for a change from {from} to {to}"));
    }
    if *reason != wish.reason || !is_same_person(requester, &wish.ordered_by) {
        let reason = reason.as_str();
        let detail = format!(
            "it was made by {requester}, for the reason {reason}: the till has to be told just that"
        );
        say("other-words", detail);
    }
    match (state, campaign) {
        (RequestState::Accepted, _) => {}
        (RequestState::Scheduled, campaign @ Some(_)) if *campaign == wish.carried_by => {}
        (RequestState::Requested, _) => {
            say("request-unverified", "nobody has verified the request yet".to_owned());
        }
        (RequestState::Verified, _) => {
            say("request-not-accepted", "nobody has accepted the request yet".to_owned());
        }
        (RequestState::Frozen, _) => {
            say("request-frozen", "somebody finds it suspicious, and it is frozen".to_owned());
        }
        (RequestState::Scheduled, Some(campaign)) => {
            say("request-taken", format!("{campaign} carries it out already"));
        }
        (
            RequestState::Scheduled
            | RequestState::Closed
            | RequestState::Rejected
            | RequestState::Cancelled,
            _,
        ) => say("request-over", format!("it is {state}")),
    }
}

fn target(target: &Known<Target>, wish: &Wish, found: &mut Vec<Finding>) {
    let to = wish.to.as_str();
    let Known::Is(target) = target else {
        let detail = "nobody has described it: `tillward provider import`";
        found.push(finding("provider-unknown", Weight::Blocks, to, detail));
        return;
    };
    for why_not in &target.why_not {
        let detail = format!("{why_not}: {}", why_not.hint());
        found.push(finding("no-target", Weight::Blocks, to, detail));
    }
    let usual = target.provider.registry_order;
    if usual != wish.registry_order {
        let detail = match usual {
            RegistryOrder::NewFirst => "it registers before the old one is released",
            RegistryOrder::ReleaseOldFirst => "it registers only once the old one is released",
        };
        found.push(finding("other-order", Weight::NeedsName, to, detail));
    }
    let missing = usual::left_out(&target.provider, &wish.tests);
    if !missing.is_empty() {
        let detail = format!("it wants these tests too: {}", missing.join(", "));
        found.push(finding("tests-left-out", Weight::NeedsName, to, detail));
    }
    let weaker = usual::weaker(&target.provider, &wish.watch);
    if !weaker.is_empty() {
        let detail = format!("it wants to be watched more closely: {}", weaker.join(", "));
        found.push(finding("weaker-watch", Weight::NeedsName, to, detail));
    }
}

fn fees(facts: &Facts, to: &str, found: &mut Vec<Finding>) {
    let Known::Is(fees) = &facts.fees else {
        let detail = "not known: what the old provider and the new one take";
        found.push(finding("fees-unknown", Weight::Unknown, to, detail));
        return;
    };
    for (class, it) in &fees.differences {
        let (class, method) = (class.as_str(), it.method.as_str());
        let (code, weight, detail) = match (it.before, it.after) {
            (Some(before), Some(after))
                if after.hundredths > before.hundredths
                    || after.fixed_minor > before.fixed_minor =>
            {
                let (after, before) = (money::price(after), money::price(before));
                let detail = format!("{class}, {method}: it takes {after}, the old one {before}");
                ("fees-rise", Weight::NeedsName, detail)
            }
            (_, None) => {
                let detail = format!("{class}, {method}: its schedule does not say what it takes");
                ("fees-unknown", Weight::Unknown, detail)
            }
            (None, Some(after)) => {
                let after = money::price(after);
                let detail = format!(
                    "{class}, {method}: it takes {after}, and nobody says what the \
                                      old one takes"
                );
                ("fees-unknown", Weight::Unknown, detail)
            }
            (Some(_), Some(_)) => continue,
        };
        found.push(finding(code, weight, to, detail));
    }
    for class in &fees.unnamed {
        let detail = format!("{class}: one of the schedules does not name the class");
        found.push(finding("fees-unknown", Weight::Unknown, to, detail));
    }
    if facts.without_class > 0 {
        let detail = format!(
            "{} of the terminals stand where no merchant class is on record: `standard` is taken",
            facts.without_class
        );
        found.push(finding("class-unknown", Weight::Unknown, to, detail));
    }
    for it in &fees.outside {
        let rate = money::percent(it.hundredths);
        let (class, method) = (&it.class, it.method.as_str());
        let detail = match it.band {
            Some(band) => {
                let (low, high) = (money::percent(band.lowest), money::percent(band.highest));
                format!("{class}, {method}: {rate} is outside of {low} to {high}")
            }
            None => format!("{class}, {method}: {rate}, and the class has no band"),
        };
        found.push(finding("fees-outside-band", Weight::NeedsName, to, detail));
    }
}

pub(super) fn planned_fees(facts: &Facts) -> Option<Vec<PlannedFee>> {
    let Known::Is(fees) = &facts.fees else { return None };
    let planned = fees.differences.iter().map(|(class, it)| PlannedFee {
        class: class.clone(),
        method: it.method,
        before: it.before,
        after: it.after,
    });
    Some(planned.collect())
}

pub(super) fn contracts(facts: &Facts) -> Vec<String> {
    let old = match &facts.leaving {
        Known::Is(leaving) => leaving.contracts.clone(),
        Known::Unknown => vec![],
    };
    old.into_iter().chain(facts.joining.iter().map(|it| it.key.clone())).collect()
}

fn leaving(facts: &Facts, from: &str, found: &mut Vec<Finding>) {
    if facts.without_merchant > 0 {
        let detail = format!(
            "{} of the terminals stand where nobody has written down whose shop it is: the \
             contracts of all merchants count",
            facts.without_merchant
        );
        found.push(finding("merchant-unknown", Weight::Unknown, from, detail));
    }
    let Known::Is(it) = &facts.leaving else {
        let detail = "not known: what it costs to leave";
        found.push(finding("contract-unknown", Weight::Unknown, from, detail));
        return;
    };
    for merchant in &it.without {
        let detail = format!("not known: what it costs {merchant} to leave");
        found.push(finding("contract-unknown", Weight::Unknown, merchant, detail));
    }
    if it.penalties_minor.values().any(|amount| *amount > 0) {
        let detail = format!("to leave then costs {}", money::sums(&it.penalties_minor));
        found.push(finding("penalty", Weight::NeedsName, from, detail));
    }
    if it.deposits_minor.values().any(|amount| *amount > 0) {
        let detail = format!("it holds a deposit of {}", money::sums(&it.deposits_minor));
        found.push(finding("deposit-held", Weight::Tells, from, detail));
    }
}

/// Each merchant whose shops move needs one of its own, where that is known.
fn joining(facts: &Facts, to: &str, found: &mut Vec<Finding>) {
    let agreed = &facts.joining;
    let in_force = |it: &&Agreed| matches!(it.exposure, Exposure::InForce { .. });
    let mut look = |about: &str, theirs: Vec<&Agreed>| {
        if theirs.iter().any(in_force) {
            return;
        }
        let why = theirs.iter().map(|Agreed { key, exposure, .. }| match exposure {
            Exposure::NotBegun { starts_on } => format!("{key} begins on {starts_on}"),
            Exposure::Expired { ended_on } => format!("{key} ended on {ended_on}"),
            Exposure::Missing | Exposure::InForce { .. } => key.clone(),
        });
        let why: Vec<_> = why.collect();
        let detail = match why.is_empty() {
            true => format!("no contract with {to} is on record"),
            false => format!("no contract with {to} is in force then: {}", why.join(", ")),
        };
        found.push(finding("no-contract", Weight::NeedsName, about, detail));
    };
    if facts.merchants.is_empty() {
        look(to, agreed.iter().collect());
    }
    for merchant in &facts.merchants {
        look(merchant, agreed.iter().filter(|it| it.merchant == *merchant).collect());
    }
    for it in agreed.iter().filter(in_force).filter(|it| it.lacks_legal_review) {
        let detail = "it is so large that somebody who knows the law reads it first: `tillward \
                      provider vouch legal`";
        found.push(finding("legal-review-missing", Weight::Blocks, &it.key, detail));
    }
}
