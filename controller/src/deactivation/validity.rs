//! Whether what a terminal sold by before it stood still is valid yet: binding, registration,
//! licence, contract, certificates, payment keys and versions. Pure.
//!
//! It decides as a change of provider decides. What is known to be over blocks; what nobody has
//! told is unknown, and somebody answers for it by name; so does somebody for what is short of
//! what it should be.

mod doubt;

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use shared::document::clearance::Deregistered;
use shared::id::CampaignId;
use shared::message::Component;
use shared::time::UnixTime;

use super::parties::Word;
use crate::finding::{Finding, Weight};
use crate::position::binding::RegistrationStatus;
use crate::provider::compatibility::range::{Fit, NotARange, Range};
use crate::provider::contract::Exposure;
use crate::provider::day::Day;
use crate::provider::record::Certificate;
use crate::provider::target::WhyNot;
use crate::rebind::facts::{Compatibility, Known};
use crate::request::Attachment;
use crate::terminal::keys::KeyWord;
use crate::version::order;
pub use doubt::Doubt;

/// A certificate that ends sooner is not renewed in time by people who have other things to do.
pub const RENEWED_BEFORE: Duration = Duration::from_secs(7 * 24 * 3600);

/// What is known of one terminal that is to sell again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    pub serial: String,
    /// The active bindings of its position; unknown where nobody has written down the position, or
    /// any binding of it.
    pub active: Known<Vec<Active>>,
    /// Parties that were told to forget it since it enrolled.
    pub deregistered: Vec<Deregistered>,
    /// When its own certificate ends.
    pub certificate_ends_at: Option<UnixTime>,
    /// What people say of its payment keys; nothing where nobody has.
    pub keys: Vec<KeyWord>,
    /// What campaigns have brought to its model in its store, by component.
    pub brought: Vec<Brought>,
    /// With the provider of its first active binding.
    pub compatible: Compatibility,
    /// What runs there, by its own word; unknown where it has said nothing yet.
    pub components: Known<Vec<Component>>,
}

/// What terminals of one model in one store have to run: the release that the campaign which was
/// completed last has brought there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brought {
    pub component: String,
    pub version: String,
    pub security_counter: u64,
    pub campaign: CampaignId,
}

/// A binding with which its shop sold, and will again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Active {
    /// Its key.
    pub provider: String,
    pub registration: RegistrationStatus,
    /// Unknown where nobody has described it.
    pub described: Known<Described>,
    /// Contracts with it on record, of this merchant where that is known.
    pub contracts: Vec<(String, Exposure)>,
    /// Those contracts name more than one merchant, and whose shop it is nobody has written down.
    pub is_of_unknown_merchant: bool,
}

/// What is on record about a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    pub why_not: Vec<WhyNot>,
    pub certificates: Vec<Certificate>,
}

/// The lowest version of each component with which a terminal sells again.
pub type Minimums = BTreeMap<String, String>;

/// What to do about a finding of a plan that was kept.
pub fn hint(found: &Finding) -> &'static str {
    Doubt::named(&found.code).map_or("", Doubt::hint)
}

/// As versions are compared.
pub fn ranges(minimums: &Minimums) -> Result<BTreeMap<String, Range>, NotARange> {
    let range = |version: &String| format!(">={version}").parse::<Range>();
    minimums.iter().map(|(name, version)| Ok((name.clone(), range(version)?))).collect()
}

/// What speaks against terminals selling again at this moment.
pub fn look(
    terminals: &[Facts],
    papers: &[Attachment],
    at_least: &BTreeMap<String, Range>,
    now: UnixTime,
) -> Vec<Finding> {
    let mut found = Vec::new();
    for it in terminals {
        bindings(it, now, &mut found);
        certificate(it, now, &mut found);
        keys(it, now, &mut found);
        behind(it, &mut found);
        versions(it, at_least, &mut found);
    }
    for paper in papers {
        if let Some(at) = paper.expires_at.filter(|at| *at <= now) {
            let detail = format!("this paper of the request has run out at {at}");
            found.push(Doubt::PaperExpired.about(&paper.name, detail));
        }
    }
    // What a provider is, is said once, however many terminals sell with it.
    let mut said = BTreeSet::new();
    found.retain(|it| said.insert((it.code.clone(), it.about.clone(), it.detail.clone())));
    found.sort_by(|a, b| (a.weight, &a.code, &a.about).cmp(&(b.weight, &b.code, &b.about)));
    found
}

fn bindings(it: &Facts, now: UnixTime, found: &mut Vec<Finding>) {
    for Deregistered { with, reference } in &it.deregistered {
        // That there is nothing to deregister says nothing of who knows it.
        if let Word::Reference(reference) = Word::read(reference) {
            let detail = format!("{with} no longer knows it, by {reference}");
            found.push(Doubt::Deregistered.about(&it.serial, detail));
        }
    }
    let Known::Is(active) = &it.active else {
        let detail = "not known: what it is bound to, and so neither licence nor contract";
        return found.push(Doubt::BindingUnknown.about(&it.serial, detail));
    };
    if active.is_empty() {
        let detail = "no binding of its position is active any more";
        found.push(Doubt::NoActiveBinding.about(&it.serial, detail));
    }
    for binding in active {
        registration(&it.serial, binding, found);
        described(binding, now, found);
        contract(&it.serial, binding, found);
    }
}

fn registration(serial: &str, binding: &Active, found: &mut Vec<Finding>) {
    let provider = &binding.provider;
    let (doubt, detail) = match binding.registration {
        RegistrationStatus::Registered => return,
        RegistrationStatus::Rejected => {
            (Doubt::RegistrationEnded, format!("the registry has rejected it with {provider}"))
        }
        RegistrationStatus::Cancelled => {
            (Doubt::RegistrationEnded, format!("its registration with {provider} is cancelled"))
        }
        RegistrationStatus::Submitted => {
            (Doubt::NotRegistered, format!("the registry has not taken it with {provider} yet"))
        }
        RegistrationStatus::NotSubmitted => {
            let detail = format!("not known: whether the registry knows it with {provider}");
            (Doubt::RegistrationUnknown, detail)
        }
    };
    found.push(doubt.about(serial, detail));
}

fn described(binding: &Active, now: UnixTime, found: &mut Vec<Finding>) {
    let provider = binding.provider.as_str();
    let Known::Is(Described { why_not, certificates }) = &binding.described else {
        let detail = "nobody has described it: not known whether it is licensed";
        return found.push(Doubt::ProviderUnknown.about(provider, detail));
    };
    for why in why_not {
        let doubt = match why {
            WhyNot::LicenceNotYet(_) | WhyNot::LicenceExpired(_) | WhyNot::OutOfScope => {
                Doubt::LicenceLapsed
            }
            WhyNot::Unlicensed | WhyNot::LicenceUnverified => Doubt::LicenceUnknown,
            WhyNot::IndirectClearing => Doubt::IndirectClearing,
        };
        found.push(doubt.about(provider, why.to_string()));
    }
    let today = Day::of(now);
    for Certificate { kind, number, valid_until } in certificates {
        if *valid_until < today {
            let detail = format!("its {kind} {number} has run out on {valid_until}");
            found.push(Doubt::ProviderCertificateLapsed.about(provider, detail));
        }
    }
}

fn contract(serial: &str, binding: &Active, found: &mut Vec<Finding>) {
    let provider = &binding.provider;
    if binding.is_of_unknown_merchant {
        let detail = format!(
            "not known: whose shop it is, and contracts with {provider} name several merchants"
        );
        return found.push(Doubt::ContractUnknown.about(serial, detail));
    }
    let why = |(key, exposure): &(String, Exposure)| match exposure {
        Exposure::InForce { .. } => None,
        Exposure::NotBegun { starts_on } => Some(format!("{key} begins on {starts_on}")),
        Exposure::Expired { ended_on } => Some(format!("{key} ended on {ended_on}")),
        Exposure::Missing => Some(key.clone()),
    };
    let why: Option<Vec<_>> = binding.contracts.iter().map(why).collect();
    match why {
        // One that is in force is enough.
        None => {}
        Some(none) if none.is_empty() => {
            let detail = format!("no contract with {provider} is on record");
            found.push(Doubt::ContractUnknown.about(serial, detail));
        }
        Some(why) => {
            let detail = format!("no contract with {provider} is in force: {}", why.join(", "));
            found.push(Doubt::NoContract.about(serial, detail));
        }
    }
}

fn certificate(it: &Facts, now: UnixTime, found: &mut Vec<Finding>) {
    // One that has none is not enrolled, which is said elsewhere.
    let Some(ends_at) = it.certificate_ends_at else { return };
    if ends_at <= now {
        let detail = format!("its certificate has run out at {ends_at}: it cannot connect");
        found.push(Doubt::CertificateEnded.about(&it.serial, detail));
    } else if ends_at < now.plus(RENEWED_BEFORE) {
        let detail = format!("its certificate runs out at {ends_at}");
        found.push(Doubt::CertificateEnds.about(&it.serial, detail));
    }
}

fn keys(it: &Facts, now: UnixTime, found: &mut Vec<Finding>) {
    if it.keys.is_empty() {
        let detail = "not known: whether its payment keys are good, and until when";
        found.push(Doubt::KeysUnknown.about(&it.serial, detail));
    }
    let (today, soon) = (Day::of(now), Day::of(now.plus(RENEWED_BEFORE)));
    for KeyWord { kind, until, said_by, .. } in &it.keys {
        let (doubt, detail) = match until {
            None => (Doubt::KeysEnded, format!("its {kind} keys are gone, says {said_by}")),
            Some(day) if *day < today => {
                (Doubt::KeysEnded, format!("its {kind} keys were good until {day}, says {said_by}"))
            }
            Some(day) if *day < soon => {
                (Doubt::KeysEnd, format!("its {kind} keys are good until {day}, says {said_by}"))
            }
            Some(_) => continue,
        };
        found.push(doubt.about(&it.serial, detail));
    }
}

/// What its peers run, it runs: they got it while it stood still.
fn behind(it: &Facts, found: &mut Vec<Finding>) {
    for Brought { component, version, security_counter, campaign } in &it.brought {
        let peers = format!("{campaign} has brought {version} to its model in its store");
        let Some(own) = component_of(it, component) else {
            let detail = format!("not known: which {component} it runs, and {peers}");
            found.push(Doubt::VersionUnknown.about(&it.serial, detail));
            continue;
        };
        let of = order(&own.version, version);
        let is_older = of == Some(Ordering::Less) || own.security_counter < *security_counter;
        if is_older {
            let (runs, counter) = (&own.version, own.security_counter);
            let counters = match of {
                Some(Ordering::Less) => String::new(),
                Some(Ordering::Equal | Ordering::Greater) | None => {
                    format!(" (security counter {security_counter}, and its own is {counter})")
                }
            };
            let detail = format!("it runs {component} {runs}, and {peers}{counters}");
            found.push(Doubt::BehindPeers.about(&it.serial, detail));
        } else if of.is_none() && own.version != *version {
            let detail =
                format!("not known: whether {component} {} is older: {peers}", own.version);
            found.push(Doubt::VersionUnknown.about(&it.serial, detail));
        }
    }
}

fn component_of<'a>(it: &'a Facts, name: &str) -> Option<&'a Component> {
    match &it.components {
        Known::Unknown => None,
        Known::Is(told) => told.iter().find(|it| it.name == name),
    }
}

fn versions(it: &Facts, at_least: &BTreeMap<String, Range>, found: &mut Vec<Finding>) {
    match &it.compatible {
        Compatibility::Certified | Compatibility::Tested => {}
        Compatibility::Blocked => {
            let detail = "the compatibility matrix blocks what runs there";
            found.push(Doubt::Incompatible.about(&it.serial, detail));
        }
        Compatibility::Untested(not_known) => {
            let lacks = match not_known.is_empty() {
                true => String::new(),
                false => format!(" (not known of it: {})", not_known.join(", ")),
            };
            let detail = format!("the compatibility matrix does not say that it works{lacks}");
            found.push(Doubt::Untested.about(&it.serial, detail));
        }
    }
    for (name, range) in at_least {
        let version = component_of(it, name).map(|it| it.version.as_str());
        match range.holds(version) {
            Fit::Yes => {}
            Fit::No => {
                let version = version.unwrap_or_default();
                let detail = format!("it runs {name} {version}, and {range} is asked for");
                found.push(Doubt::BelowMinimum.about(&it.serial, detail));
            }
            Fit::NotKnown => {
                let detail = format!("not known: whether its {name} is {range}");
                found.push(Doubt::VersionUnknown.about(&it.serial, detail));
            }
        }
    }
}

/// Who answers for what was found: those who are named, and `vouch` for what nobody has told. A
/// name that nothing was found for is left out.
pub fn answers(
    found: &[Finding],
    named: &BTreeMap<String, String>,
    vouch: Option<&str>,
) -> BTreeMap<String, String> {
    let answer = |it: &Finding| {
        let vouched = vouch.filter(|_| it.weight == Weight::Unknown).map(str::to_owned);
        let name = match it.weight {
            Weight::NeedsName | Weight::Unknown => named.get(&it.code).cloned().or(vouched),
            Weight::Blocks | Weight::Tells => None,
        };
        name.map(|name| (it.code.clone(), name))
    };
    found.iter().filter_map(answer).collect()
}

#[cfg(test)]
mod tests;
