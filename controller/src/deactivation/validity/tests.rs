//! What is found of terminals that are to sell again, one thing at a time.

use shared::digest::Digest;

use super::*;
use crate::provider::samples::day;
use crate::terminal::keys::KeyKind;

fn noon(text: &str) -> UnixTime {
    let noon: jiff::Timestamp = format!("{text}T12:00:00Z").parse().unwrap();
    UnixTime(noon.as_second())
}

fn now() -> UnixTime {
    noon("2026-12-04")
}

fn in_force() -> Exposure {
    Exposure::InForce {
        penalty_minor: 0,
        currency: "CNY".to_owned(),
        months_left: 1,
        ends_by_notice_on: day("2026-12-31"),
        notice_by: day("2026-12-01"),
        deposit_held_minor: 0,
        deposit_is_overdue: false,
    }
}

fn certificate(valid_until: &str) -> Certificate {
    let (kind, number) = ("PCI DSS".to_owned(), "7".to_owned());
    Certificate { kind, number, valid_until: day(valid_until) }
}

fn active() -> Active {
    Active {
        provider: "alpha".to_owned(),
        registration: RegistrationStatus::Registered,
        described: Known::Is(Described {
            why_not: vec![],
            certificates: vec![certificate("2026-12-04")],
        }),
        contracts: vec![("c1".to_owned(), in_force())],
        is_of_unknown_merchant: false,
    }
}

fn good_until(kind: KeyKind, until: Option<&str>) -> KeyWord {
    let (recorded_at, recorded_by) = (now(), "ana".to_owned());
    KeyWord { kind, until: until.map(day), said_by: "Kim".to_owned(), recorded_at, recorded_by }
}

/// Everything is on record, and valid on its last day.
fn valid() -> Facts {
    let (name, version) = ("pos".to_owned(), "2.0.0".to_owned());
    Facts {
        serial: "PX-1".to_owned(),
        active: Known::Is(vec![active()]),
        deregistered: vec![],
        certificate_ends_at: Some(now().plus(RENEWED_BEFORE)),
        keys: vec![good_until(KeyKind::Pin, Some("2026-12-11"))],
        brought: vec![],
        compatible: Compatibility::Tested,
        components: Known::Is(vec![Component { name, version, security_counter: 1 }]),
    }
}

fn bound(change: impl Fn(&mut Active)) -> Facts {
    let mut it = active();
    change(&mut it);
    Facts { active: Known::Is(vec![it]), ..valid() }
}

fn described(change: impl Fn(&mut Described)) -> Facts {
    bound(|it| {
        let Known::Is(described) = &mut it.described else { panic!("it is described") };
        change(described);
    })
}

fn found(facts: Facts) -> Vec<Finding> {
    look(&[facts], &[], &BTreeMap::new(), now())
}

#[track_caller]
fn is(facts: Facts, doubts: &[Doubt]) {
    let codes: BTreeSet<_> = found(facts.clone()).into_iter().map(|it| it.code).collect();
    let expected: BTreeSet<_> = doubts.iter().map(|it| it.code().to_owned()).collect();
    assert_eq!(codes, expected, "{facts:?}");
}

#[test]
fn nothing_speaks_against_what_is_on_record_and_valid_on_its_last_day() {
    is(valid(), &[]);
}

#[test]
fn a_binding_has_to_be_active_and_registered_yet() {
    is(Facts { active: Known::Unknown, ..valid() }, &[Doubt::BindingUnknown]);
    is(Facts { active: Known::Is(vec![]), ..valid() }, &[Doubt::NoActiveBinding]);
    let (with, reference) = ("alpha".to_owned(), "D-1".to_owned());
    let deregistered = vec![Deregistered { with, reference }];
    is(Facts { deregistered, ..valid() }, &[Doubt::Deregistered]);
    for (status, doubts) in [
        (RegistrationStatus::NotSubmitted, vec![Doubt::RegistrationUnknown]),
        (RegistrationStatus::Submitted, vec![Doubt::NotRegistered]),
        (RegistrationStatus::Registered, vec![]),
        (RegistrationStatus::Rejected, vec![Doubt::RegistrationEnded]),
        (RegistrationStatus::Cancelled, vec![Doubt::RegistrationEnded]),
    ] {
        is(bound(|it| it.registration = status), &doubts);
    }
}

#[test]
fn a_provider_has_to_be_licensed_and_certified_yet() {
    is(bound(|it| it.described = Known::Unknown), &[Doubt::ProviderUnknown]);
    for (why, doubt) in [
        (WhyNot::Unlicensed, Doubt::LicenceUnknown),
        (WhyNot::LicenceUnverified, Doubt::LicenceUnknown),
        (WhyNot::LicenceNotYet(day("2027-01-01")), Doubt::LicenceLapsed),
        (WhyNot::LicenceExpired(day("2026-12-03")), Doubt::LicenceLapsed),
        (WhyNot::OutOfScope, Doubt::LicenceLapsed),
        (WhyNot::IndirectClearing, Doubt::IndirectClearing),
    ] {
        is(described(|it| it.why_not = vec![why]), &[doubt]);
    }
    let lapsed = described(|it| it.certificates.push(certificate("2026-12-03")));
    is(lapsed, &[Doubt::ProviderCertificateLapsed]);
}

#[test]
fn one_contract_in_force_is_enough_and_none_on_record_is_not_known() {
    let with = |contracts: Vec<Exposure>| {
        let contracts = contracts.into_iter().map(|it| ("c1".to_owned(), it)).collect::<Vec<_>>();
        bound(move |it| it.contracts.clone_from(&contracts))
    };
    let over = Exposure::Expired { ended_on: day("2026-12-03") };
    let early = Exposure::NotBegun { starts_on: day("2026-12-05") };
    is(with(vec![]), &[Doubt::ContractUnknown]);
    is(with(vec![over.clone()]), &[Doubt::NoContract]);
    is(with(vec![early.clone()]), &[Doubt::NoContract]);
    is(with(vec![over.clone(), in_force(), early]), &[]);
    let detail = &found(with(vec![over]))[0].detail;
    assert_eq!(detail, "no contract with alpha is in force: c1 ended on 2026-12-03");
    is(bound(|it| it.is_of_unknown_merchant = true), &[Doubt::ContractUnknown]);
}

#[test]
fn a_terminals_own_certificate_lasts_until_somebody_has_renewed_it() {
    let second = Duration::from_secs(1);
    for (ends_at, doubts) in [
        (None, vec![]),
        (Some(now().plus(RENEWED_BEFORE)), vec![]),
        (Some(now().plus(RENEWED_BEFORE - second)), vec![Doubt::CertificateEnds]),
        (Some(now().plus(second)), vec![Doubt::CertificateEnds]),
        (Some(now()), vec![Doubt::CertificateEnded]),
        (Some(now().minus(second)), vec![Doubt::CertificateEnded]),
    ] {
        is(Facts { certificate_ends_at: ends_at, ..valid() }, &doubts);
    }
}

#[test]
fn payment_keys_last_until_the_day_that_somebody_has_named() {
    let second = ("2026-12-31", KeyKind::Sred);
    for (until, doubts) in [
        (Some("2026-12-11"), vec![]),
        (Some("2026-12-10"), vec![Doubt::KeysEnd]),
        (Some("2026-12-04"), vec![Doubt::KeysEnd]),
        (Some("2026-12-03"), vec![Doubt::KeysEnded]),
        // Erased, or known to somebody else.
        (None, vec![Doubt::KeysEnded]),
    ] {
        let keys = vec![good_until(KeyKind::Pin, until), good_until(second.1, Some(second.0))];
        is(Facts { keys, ..valid() }, &doubts);
    }
    is(Facts { keys: vec![], ..valid() }, &[Doubt::KeysUnknown]);
    let keys = vec![good_until(KeyKind::Dukpt, Some("2026-12-03"))];
    let detail = &found(Facts { keys, ..valid() })[0].detail;
    assert_eq!(detail, "its dukpt keys were good until 2026-12-03, says Kim");
}

#[test]
fn whoever_stood_still_runs_no_less_than_its_peers() {
    let campaign = CampaignId::from_bytes([7; 16]);
    let brought = |component: &str, version: &str, security_counter| {
        let (component, version) = (component.to_owned(), version.to_owned());
        vec![Brought { component, version, security_counter, campaign }]
    };
    for (brought, doubts) in [
        (brought("pos", "2.0.0", 1), vec![]),
        (brought("pos", "1.9", 1), vec![]),
        (brought("pos", "2.0.1", 1), vec![Doubt::BehindPeers]),
        // A version may be taken back, a security counter never is.
        (brought("pos", "2.0.0", 2), vec![Doubt::BehindPeers]),
        (brought("pos", "1.9", 2), vec![Doubt::BehindPeers]),
        (brought("pos", "newest", 1), vec![Doubt::VersionUnknown]),
        (brought("firmware", "1.0", 1), vec![Doubt::VersionUnknown]),
    ] {
        is(Facts { brought: brought.clone(), ..valid() }, &doubts);
        let (components, brought) = (Known::Unknown, brought);
        is(Facts { components, brought, ..valid() }, &[Doubt::VersionUnknown]);
    }
    let detail = |version, counter| {
        let brought = brought("pos", version, counter);
        found(Facts { brought, ..valid() }).remove(0).detail
    };
    let peers = format!("it runs pos 2.0.0, and {campaign} has brought");
    let place = "to its model in its store";
    assert_eq!(detail("2.0.1", 2), format!("{peers} 2.0.1 {place}"));
    let counters = "(security counter 2, and its own is 1)";
    assert_eq!(detail("2.0.0", 2), format!("{peers} 2.0.0 {place} {counters}"));
}

#[test]
fn what_is_too_old_is_upgraded_first_and_what_is_not_known_is_said() {
    let at_least = |minimums: &[(&str, &str)]| {
        let minimum = |it: &(&str, &str)| (it.0.to_owned(), it.1.to_owned());
        ranges(&minimums.iter().map(minimum).collect())
    };
    let codes = |facts: Facts, minimums: &[(&str, &str)]| {
        let found = look(&[facts], &[], &at_least(minimums).unwrap(), now());
        found.into_iter().map(|it| it.code).collect::<Vec<_>>()
    };
    let below = [Doubt::BelowMinimum.code()];
    let unknown = [Doubt::VersionUnknown.code()];
    assert_eq!(codes(valid(), &[("pos", "2.0.0")]), [""; 0]);
    assert_eq!(codes(valid(), &[("pos", "1.10")]), [""; 0]);
    assert_eq!(codes(valid(), &[("pos", "2.0.1")]), below);
    assert_eq!(codes(valid(), &[("firmware", "1.0")]), unknown);
    let silent = Facts { components: Known::Unknown, ..valid() };
    assert_eq!(codes(silent, &[("pos", "2.0.0")]), unknown);
    assert!(at_least(&[("pos", "newest")]).is_err());
    for (compatible, doubts) in [
        (Compatibility::Certified, vec![]),
        (Compatibility::Untested(vec!["kernel".to_owned()]), vec![Doubt::Untested]),
        (Compatibility::Blocked, vec![Doubt::Incompatible]),
    ] {
        is(Facts { compatible, ..valid() }, &doubts);
    }
}

#[test]
fn papers_of_the_request_are_valid_when_it_begins() {
    let paper = |expires_at| Attachment {
        name: "lease".to_owned(),
        sha256: Digest([1; 32]),
        expires_at,
        reviewer: Some("ana".to_owned()),
    };
    let second = Duration::from_secs(1);
    for (expires_at, is_found) in
        [(None, false), (Some(now().plus(second)), false), (Some(now()), true)]
    {
        let found = look(&[valid()], &[paper(expires_at)], &BTreeMap::new(), now());
        let codes: Vec<_> = found.iter().map(|it| it.code.as_str()).collect();
        let expected: &[&str] = if is_found { &["paper-expired"] } else { &[] };
        assert_eq!(codes, expected);
    }
}

#[test]
fn what_a_provider_is_is_said_once_for_all_terminals() {
    let other = Facts { serial: "PX-2".to_owned(), ..bound(|it| it.described = Known::Unknown) };
    let both = [bound(|it| it.described = Known::Unknown), other];
    let found = look(&both, &[], &BTreeMap::new(), now());
    let about: Vec<_> = found.iter().map(|it| (it.code.as_str(), it.about.as_str())).collect();
    assert_eq!(about, [("provider-unknown", "alpha")]);
}

#[test]
fn whoever_vouches_answers_for_what_nobody_has_told_and_for_nothing_else() {
    let over = Exposure::Expired { ended_on: day("2026-12-03") };
    let facts = Facts {
        compatible: Compatibility::Blocked,
        ..bound(|it| {
            it.described = Known::Unknown;
            it.contracts = vec![("c1".to_owned(), over.clone())];
        })
    };
    let found = found(facts);
    let named = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|it| (it.0.to_owned(), it.1.to_owned())).collect()
    };
    let nobody = BTreeMap::new();
    assert_eq!(answers(&found, &nobody, None), nobody);
    let vouched = answers(&found, &nobody, Some("Bo"));
    assert_eq!(vouched, named(&[("provider-unknown", "Bo")]));
    let all = named(&[
        ("no-contract", "Cy"),
        ("incompatible", "Cy"),
        ("provider-unknown", "Cy"),
        ("never-found", "Cy"),
    ]);
    let answered = answers(&found, &all, Some("Bo"));
    assert_eq!(answered, named(&[("no-contract", "Cy"), ("provider-unknown", "Cy")]));
    let open = crate::finding::open(&found, &answered);
    let open: Vec<_> = open.iter().map(|it| it.code.as_str()).collect();
    assert_eq!(open, ["incompatible"], "nobody answers for what blocks");
}

#[test]
fn every_doubt_has_a_word_of_its_own_and_a_hint() {
    let codes: BTreeSet<_> = Doubt::ALL.iter().map(|it| it.code()).collect();
    assert_eq!(codes.len(), Doubt::ALL.len());
    for doubt in Doubt::ALL {
        assert_eq!(Doubt::named(doubt.code()), Some(doubt));
        assert!(!doubt.hint().is_empty(), "{doubt:?}");
    }
}
