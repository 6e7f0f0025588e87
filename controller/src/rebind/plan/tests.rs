//! What speaks against a change, weighed, where facts are known and where they are not.

use shared::change::rebind::{Reason, Test, TestKind};
use shared::id::{CampaignId, RequestId};

use super::super::facts::{
    Agreed, Bound, Brings, Fees, Leaving, Next, RequestFacts, StoreFacts, Target,
};
use super::*;
use crate::position::binding::{Registration, RegistrationStatus, Version};
use crate::position::tuple::Tuple;
use crate::provider::contract::Exposure;
use crate::provider::fees::{Band, Difference, OutOfBand};
use crate::provider::record::Integration;
use crate::provider::samples;
use crate::provider::target::WhyNot;
use crate::registry::notice::Notice;
use crate::request::RequestState;

const NOW: UnixTime = UnixTime(1_800_000_000);
const DAY_S: i64 = 24 * 3600;

fn id(number: u8) -> TerminalId {
    TerminalId::from_bytes([number; 16])
}

fn known(number: u8, store: &str) -> TerminalFacts {
    TerminalFacts {
        id: id(number),
        serial: format!("PX-{number}"),
        store: store.to_owned(),
        model: "px7".to_owned(),
        is_enrolled: true,
        is_selling: true,
        is_selected: true,
        is_requested: true,
        in_change: None,
        has_recipient: true,
        position: Some(PositionId::from_bytes([number; 16])),
        next: Some(next(number)),
        bound: Known::Is(Bound {
            binding: BindingId::from_bytes([number + 100; 16]),
            provider: "alpha".to_owned(),
            mid: "M".to_owned(),
            tid: format!("A{number}"),
        }),
        compatible: Compatibility::Tested,
        matrix_row: Some("row-1".to_owned()),
        capability: Known::Is(Capability::InPlace),
        free_slot: Known::Is(true),
        integration: Known::Is(samples::provider().integrations.remove(0)),
    }
}

const MID: &str = "898440154110001";

fn brings(number: u8) -> Brings {
    Brings {
        mid: MID.to_owned(),
        tid: format!("B{number}"),
        name: "North".to_owned(),
        mcc: "5411".to_owned(),
        currency: "CNY".to_owned(),
        hosts: vec!["pay.example.com:443".to_owned()],
        position: None,
        binding: None,
    }
}

/// Registered, with the tuple that the profile brings.
fn next(number: u8) -> Next {
    let Brings { mid, tid, name, mcc, currency, hosts, .. } = brings(number);
    let registration = Registration {
        status: RegistrationStatus::Registered,
        reference: Some("R".to_owned()),
        at: Some(NOW),
    };
    let tuple = Tuple {
        mid,
        tid,
        name,
        mcc,
        currency,
        hosts,
        acquirer_code: None,
        uscc: None,
        settlement_account: None,
        install_address: None,
    };
    let by = "op".to_owned();
    let version =
        Version { number: 3, tuple, registration, set_at: NOW, set_by: by.clone(), set_why: by };
    Next { binding: BindingId::from_bytes([number; 16]), version }
}

fn test(kind: TestKind) -> Test {
    Test { kind, amount_minor: 0 }
}

fn difference(before: Option<u16>, after: Option<u16>) -> (String, Difference) {
    let price = |it: Option<u16>| it.map(|hundredths| Price { hundredths, fixed_minor: 0 });
    let (before, after) = (price(before), price(after));
    let it = Difference { method: Method::Credit, before, after, a_month_minor: None };
    ("standard".to_owned(), it)
}

fn fees(before: Option<u16>, after: Option<u16>) -> Known<Fees> {
    Known::Is(Fees { differences: vec![difference(before, after)], ..Fees::default() })
}

fn in_force() -> Agreed {
    let exposure = Exposure::InForce {
        penalty_minor: 0,
        currency: "CNY".to_owned(),
        months_left: 12,
        ends_by_notice_on: samples::day("2027-01-01"),
        notice_by: samples::day("2027-01-01"),
        deposit_held_minor: 0,
        deposit_is_overdue: false,
    };
    let (key, merchant) = ("beta-2027".to_owned(), "the chain".to_owned());
    Agreed { key, merchant, exposure, lacks_legal_review: false }
}

fn told(party: Party, days_ago: i64) -> Notice {
    Notice {
        party: party.as_str().to_owned(),
        channel: "letter".to_owned(),
        reference: String::new(),
        sent_at: UnixTime(NOW.0 - days_ago * DAY_S),
        delivered_at: Some(NOW),
        acknowledged_at: Some(NOW),
    }
}

/// Two of three terminals of one store, of which everything is known and fine.
fn fine() -> (Facts, Wish) {
    let terminals = [1, 2].map(|number| (id(number), known(number, "north")));
    let facts = Facts {
        now: NOW,
        terminals: terminals.into(),
        by_serial: [1, 2].map(|number| (format!("PX-{number}"), id(number))).into(),
        stores: [("north".to_owned(), StoreFacts { working: 3, has_fallback: false })].into(),
        without_profile: vec![],
        request: Some(RequestFacts {
            state: RequestState::Accepted,
            from: "alpha".to_owned(),
            to: "beta".to_owned(),
            reason: Reason::Fee,
            requester: "Cora".to_owned(),
            campaign: None,
        }),
        target: Known::Is(Target { provider: samples::provider(), why_not: vec![] }),
        fees: fees(Some(60), Some(55)),
        without_class: 0,
        merchants: vec!["the chain".to_owned()],
        without_merchant: 0,
        leaving: Known::Is(Leaving { notice_days: 5, ..Leaving::default() }),
        joining: vec![in_force()],
    };
    let wanted = |number| Wanted {
        serial: None,
        terminal: Some(id(number)),
        is_sealed: true,
        replaces: Some(("M".to_owned(), format!("A{number}"))),
        brings: brings(number),
    };
    let wish = Wish {
        request: RequestId::from_bytes([9; 16]),
        carried_by: None,
        reason: Reason::Fee,
        ordered_by: "cora".to_owned(),
        from: "alpha".to_owned(),
        to: "beta".to_owned(),
        selector: "*".to_owned(),
        registry_order: RegistryOrder::NewFirst,
        tests: vec![
            test(TestKind::Diagnosis),
            Test { kind: TestKind::Sale, amount_minor: 1 },
            test(TestKind::Void),
            test(TestKind::Receipt),
        ],
        watch: samples::provider().watch,
        begins_at: NOW,
        waves: vec![vec![wanted(1), wanted(2)]],
        fallbacks: BTreeMap::new(),
        notices: Party::ALL.map(|party| told(party, 8)).into(),
    };
    (facts, wish)
}

fn codes(plan: &Plan) -> Vec<(&str, Weight)> {
    plan.findings.iter().map(|it| (it.code.as_str(), it.weight)).collect()
}

#[test]
fn where_all_is_known_and_fine_nothing_speaks_against_it() {
    let (facts, wish) = fine();
    let plan = plan(&facts, &wish);
    assert_eq!(codes(&plan), []);
    assert!(plan.terminals.iter().all(|it| it.how == How::InPlace && it.why.is_empty()));
    let fees = plan.fees.expect("they are known");
    let price = |it: Option<Price>| it.map(|it| it.hundredths);
    let fees: Vec<_> = fees.iter().map(|it| (price(it.before), price(it.after))).collect();
    assert_eq!((plan.downtime_s, fees), (240, vec![(Some(60), Some(55))]));
    assert_eq!(plan.penalty.as_deref(), Some("nothing"));
    assert_eq!(plan.contracts, ["beta-2027"]);
    let one = &plan.terminals[0];
    assert_eq!(one.matrix_row.as_deref(), Some("row-1"));
    assert_eq!(one.position, Some(PositionId::from_bytes([1; 16])));
    assert_eq!(one.replaces, Some(BindingId::from_bytes([101; 16])));
    assert_eq!(one.next, Some(PlannedBinding { id: BindingId::from_bytes([1; 16]), version: 3 }));
    assert_eq!(plan.points_of_no_return.len(), 2);
}

type Spoil = fn(&mut Facts, &mut Wish);

fn request(facts: &mut Facts) -> &mut RequestFacts {
    facts.request.as_mut().expect("there is one")
}

fn first(facts: &mut Facts) -> &mut TerminalFacts {
    facts.terminals.get_mut(&id(1)).expect("it is there")
}

#[test]
fn each_thing_that_speaks_against_it_is_named_and_weighed() {
    use Weight::{Blocks, NeedsName, Tells, Unknown};
    let cases: &[(&str, Weight, Spoil)] = &[
        ("no-such-terminal", Blocks, |facts, _| drop(facts.terminals.remove(&id(1)))),
        ("not-enrolled", Blocks, |facts, _| first(facts).is_enrolled = false),
        ("not-selected", Blocks, |facts, _| first(facts).is_selected = false),
        ("no-recipient", Blocks, |facts, _| first(facts).has_recipient = false),
        ("other-provider", Blocks, |_, wish| wish.from = "gamma".to_owned()),
        ("other-binding", Blocks, |_, wish| {
            wish.waves[0][0].replaces = Some(("M".to_owned(), "A9".to_owned()));
        }),
        ("binding-unknown", Unknown, |facts, _| first(facts).bound = Known::Unknown),
        ("not-requested", Blocks, |facts, _| first(facts).is_requested = false),
        ("other-position", Blocks, |_, wish| {
            wish.waves[0][0].brings.position = Some(PositionId::from_bytes([7; 16]));
        }),
        ("other-binding", Blocks, |_, wish| {
            wish.waves[0][0].brings.binding = Some(BindingId::from_bytes([7; 16]));
        }),
        ("other-tuple", Blocks, |_, wish| wish.waves[0][0].brings.tid = "B9".to_owned()),
        ("other-tuple", Blocks, |_, wish| wish.waves[0][0].brings.name = "South".to_owned()),
        ("other-tuple", Blocks, |facts, _| {
            let next = first(facts).next.as_mut().expect("it has one");
            next.version.tuple.hosts = vec!["192.0.2.1:9000".to_owned()];
        }),
        ("other-host", Blocks, |_, wish| {
            wish.waves[0][0].brings.hosts.push("elsewhere.example:443".to_owned());
        }),
        ("wrong-mid", Blocks, |_, wish| wish.waves[0][0].brings.mcc = "5812".to_owned()),
        ("other-currency", Blocks, |_, wish| {
            wish.waves[0][0].brings.currency = "EUR".to_owned();
        }),
        ("not-registered", NeedsName, |facts, _| first(facts).next = None),
        ("not-registered", NeedsName, |facts, _| {
            (first(facts).position, first(facts).next) = (None, None);
        }),
        ("not-registered", NeedsName, |facts, _| {
            let next = first(facts).next.as_mut().expect("it has one");
            next.version.registration = Registration::NONE;
        }),
        ("not-registered", NeedsName, |facts, wish| {
            first(facts).next = None;
            wish.registry_order = RegistryOrder::ReleaseOldFirst;
        }),
        ("not-registered", Tells, |facts, wish| {
            first(facts).next = None;
            wish.registry_order = RegistryOrder::ReleaseOldFirst;
            wish.begins_at = UnixTime(NOW.0 + 1);
        }),
        ("incompatible", Blocks, |facts, _| {
            first(facts).compatible = Compatibility::Blocked;
        }),
        ("untested", Unknown, |facts, _| {
            first(facts).compatible = Compatibility::Untested(vec!["firmware".to_owned()]);
        }),
        ("approval-expired", Blocks, |facts, _| {
            let expired = Capability::ApprovalExpired("2026-01-01".to_owned());
            first(facts).capability = Known::Is(expired);
        }),
        ("never", Blocks, |facts, _| first(facts).capability = Known::Is(Capability::Never)),
        ("vendor-only", Blocks, |facts, _| {
            first(facts).capability = Known::Is(Capability::VendorOnly);
        }),
        ("no-free-slot", Blocks, |facts, _| first(facts).free_slot = Known::Is(false)),
        ("keys-unknown", Unknown, |facts, _| first(facts).free_slot = Known::Unknown),
        ("last-in-store", Blocks, |facts, _| {
            facts.stores.insert("north".to_owned(), StoreFacts { working: 2, has_fallback: false });
        }),
        ("last-in-store", Blocks, |facts, _| {
            // Its third one was not heard for long.
            first(facts).is_selling = false;
            let one = StoreFacts { working: 1, has_fallback: false };
            facts.stores.insert("north".to_owned(), one);
        }),
        ("contract-unknown", Unknown, |facts, _| {
            let without = vec!["South".to_owned()];
            facts.leaving = Known::Is(Leaving { without, ..Leaving::default() });
        }),
        ("no-contract", NeedsName, |facts, _| facts.merchants.push("South".to_owned())),
        ("no-contract", NeedsName, |facts, _| {
            facts.merchants.clear();
            facts.joining.clear();
        }),
        ("notice-missing", NeedsName, |_, wish| drop(wish.notices.remove(1))),
        ("notice-late", NeedsName, |_, wish| wish.notices[1] = told(Party::Bank, 2)),
        ("notice-unanswered", Tells, |_, wish| wish.notices[0].acknowledged_at = None),
        ("request-unknown", Blocks, |facts, _| facts.request = None),
        ("other-request", Blocks, |facts, _| request(facts).to = "gamma".to_owned()),
        ("other-words", Blocks, |_, wish| wish.reason = Reason::Policy),
        ("other-words", Blocks, |_, wish| wish.ordered_by = "head office".to_owned()),
        ("request-unverified", Blocks, |facts, _| request(facts).state = RequestState::Requested),
        ("request-not-accepted", Blocks, |facts, _| request(facts).state = RequestState::Verified),
        ("request-frozen", Blocks, |facts, _| request(facts).state = RequestState::Frozen),
        ("request-over", Blocks, |facts, _| request(facts).state = RequestState::Cancelled),
        ("request-taken", Blocks, |facts, _| {
            request(facts).state = RequestState::Scheduled;
            request(facts).campaign = Some(CampaignId::from_bytes([1; 16]));
        }),
        ("in-another-change", Blocks, |facts, _| {
            first(facts).in_change = Some(CampaignId::from_bytes([1; 16]));
        }),
        ("tests-left-out", NeedsName, |_, wish| wish.tests.clear()),
        ("weaker-watch", NeedsName, |_, wish| wish.watch.for_s = 60),
        ("integration-unknown", Unknown, |facts, _| first(facts).integration = Known::Unknown),
        ("no-integration", Blocks, |facts, _| {
            let (protocol, version) = ("OPI".to_owned(), "1.0".to_owned());
            first(facts).integration = Known::Is(Integration { protocol, version });
        }),
        ("no-target", Blocks, |facts, _| {
            let why_not = vec![WhyNot::Unlicensed];
            facts.target = Known::Is(Target { provider: samples::provider(), why_not });
        }),
        ("other-order", NeedsName, |_, wish| {
            wish.registry_order = RegistryOrder::ReleaseOldFirst;
        }),
        ("provider-unknown", Blocks, |facts, _| facts.target = Known::Unknown),
        ("fees-unknown", Unknown, |facts, _| facts.fees = Known::Unknown),
        ("fees-unknown", Unknown, |facts, _| facts.fees = fees(Some(60), None)),
        ("fees-unknown", Unknown, |facts, _| facts.fees = fees(None, Some(60))),
        ("fees-unknown", Unknown, |facts, _| {
            let unnamed = vec!["preferential".to_owned()];
            facts.fees = Known::Is(Fees { unnamed, ..Fees::default() });
        }),
        ("class-unknown", Unknown, |facts, _| facts.without_class = 1),
        ("merchant-unknown", Unknown, |facts, _| facts.without_merchant = 1),
        ("fees-rise", NeedsName, |facts, _| facts.fees = fees(Some(60), Some(61))),
        ("fees-outside-band", NeedsName, |facts, _| {
            let band = Some(Band { lowest: 38, highest: 60 });
            let (class, method) = ("standard".to_owned(), Method::Credit);
            let outside = vec![OutOfBand { class, method, hundredths: 10, band }];
            facts.fees = Known::Is(Fees { outside, ..Fees::default() });
        }),
        ("contract-unknown", Unknown, |facts, _| facts.leaving = Known::Unknown),
        ("penalty", NeedsName, |facts, _| {
            let penalties_minor = [("CNY".to_owned(), 1)].into();
            facts.leaving = Known::Is(Leaving { penalties_minor, ..Leaving::default() });
        }),
        ("deposit-held", Tells, |facts, _| {
            let deposits_minor = [("CNY".to_owned(), 1)].into();
            facts.leaving = Known::Is(Leaving { deposits_minor, ..Leaving::default() });
        }),
        ("no-contract", NeedsName, |facts, _| facts.joining.clear()),
        ("no-contract", NeedsName, |facts, _| {
            let ended_on = samples::day("2026-01-01");
            facts.joining[0].exposure = Exposure::Expired { ended_on };
        }),
        ("legal-review-missing", Blocks, |facts, _| facts.joining[0].lacks_legal_review = true),
        ("no-quick-way-back", NeedsName, |_, wish| {
            wish.registry_order = RegistryOrder::ReleaseOldFirst;
        }),
    ];
    for (code, weight, spoil) in cases {
        let (mut facts, mut wish) = fine();
        spoil(&mut facts, &mut wish);
        let plan = plan(&facts, &wish);
        assert!(codes(&plan).contains(&(*code, *weight)), "{code}: {:?}", plan.findings);
        let named = BTreeMap::from([((*code).to_owned(), "Ana".to_owned())]);
        let blank = BTreeMap::from([((*code).to_owned(), " ".to_owned())]);
        let nobody = BTreeMap::new();
        let is_open = |overrides| plan.open(overrides).iter().any(|it| it.code == *code);
        assert_eq!(is_open(&nobody), *weight != Tells, "{code}");
        assert_eq!(is_open(&blank), *weight != Tells, "nobody is not a name: {code}");
        assert_eq!(is_open(&named), *weight == Blocks, "{code}");
    }
}

#[test]
fn the_last_of_a_store_stops_only_where_another_way_to_be_paid_is_declared() {
    let (mut facts, mut wish) = fine();
    facts.stores.insert("north".to_owned(), StoreFacts { working: 2, has_fallback: false });
    wish.fallbacks.insert("north".to_owned(), " ".to_owned());
    assert_eq!(codes(&plan(&facts, &wish)), [("last-in-store", Weight::Blocks)]);
    wish.fallbacks.insert("north".to_owned(), "the phone at the desk".to_owned());
    assert_eq!(codes(&plan(&facts, &wish)), []);
    wish.fallbacks.clear();
    facts.stores.insert("north".to_owned(), StoreFacts { working: 2, has_fallback: true });
    assert_eq!(codes(&plan(&facts, &wish)), [], "its position says how");
    facts.stores.insert("north".to_owned(), StoreFacts { working: 2, has_fallback: false });
    let second = wish.waves[0].pop().expect("there are two");
    wish.waves.push(vec![second]);
    assert_eq!(codes(&plan(&facts, &wish)), [], "one sells while the other stops");
}

#[test]
fn a_contract_that_asks_for_a_longer_notice_gets_it() {
    let (mut facts, wish) = fine();
    facts.leaving = Known::Is(Leaving { notice_days: 30, ..Leaving::default() });
    assert_eq!(codes(&plan(&facts, &wish)), [("notice-late", Weight::NeedsName)]);
}

#[test]
fn a_notice_that_is_not_sent_yet_is_none() {
    let (facts, mut wish) = fine();
    wish.notices[0].sent_at = UnixTime(NOW.0 + 1);
    assert_eq!(codes(&plan(&facts, &wish)), [("notice-missing", Weight::NeedsName)]);
    wish.begins_at = UnixTime(NOW.0 + 7 * DAY_S - 1);
    assert_eq!(codes(&plan(&facts, &wish)), [("notice-missing", Weight::NeedsName)]);
    wish.begins_at = UnixTime(NOW.0 + 7 * DAY_S);
    let to_be_told = [("notice-missing", Weight::Tells)];
    assert_eq!(codes(&plan(&facts, &wish)), to_be_told, "there is time for it");
}

#[test]
fn to_release_the_old_registration_first_moves_the_point_of_no_return_before_the_switch() {
    let (facts, mut wish) = fine();
    wish.registry_order = RegistryOrder::ReleaseOldFirst;
    let plan = plan(&facts, &wish);
    assert_eq!(plan.points_of_no_return.len(), 3);
    assert!(plan.points_of_no_return[0].starts_with("BEFORE THE SWITCH"));
}

#[test]
fn where_nothing_is_known_everything_is_said_to_be_unknown() {
    let (mut facts, wish) = fine();
    for it in facts.terminals.values_mut() {
        (it.position, it.next) = (None, None);
        it.bound = Known::Unknown;
        it.compatible = Compatibility::Untested(vec![]);
        it.capability = Known::Unknown;
        it.free_slot = Known::Unknown;
    }
    facts.fees = Known::Unknown;
    facts.leaving = Known::Unknown;
    let plan = plan(&facts, &wish);
    let unknown = plan.findings.iter().filter(|it| it.weight == Weight::Unknown);
    assert_eq!(unknown.count(), 2 * 3 + 2);
    assert_eq!((&plan.fees, &plan.penalty), (&None, &None));
}

#[test]
fn what_nobody_has_tested_is_tried_by_few_however_many_waves_there_are() {
    let (mut facts, mut wish) = fine();
    facts.stores.insert("north".to_owned(), StoreFacts { working: 99, has_fallback: false });
    for it in facts.terminals.values_mut() {
        it.compatible = Compatibility::Untested(vec![]);
    }
    let one = wish.waves[0][1].clone();
    wish.waves = (0..PILOT_TERMINALS_MAX).map(|_| vec![one.clone()]).collect();
    let has = |facts: &Facts, wish: &Wish| {
        let plan = plan(facts, wish);
        codes(&plan).contains(&("beyond-pilot", Weight::Blocks))
    };
    assert!(!has(&facts, &wish));
    wish.waves.push(vec![one]);
    assert!(has(&facts, &wish));
}

#[test]
fn a_later_wave_of_the_same_change_has_its_request_already() {
    let (mut facts, mut wish) = fine();
    let campaign = CampaignId::from_bytes([1; 16]);
    request(&mut facts).state = RequestState::Scheduled;
    request(&mut facts).campaign = Some(campaign);
    wish.carried_by = Some(CampaignId::from_bytes([2; 16]));
    assert_eq!(codes(&plan(&facts, &wish)), [("request-taken", Weight::Blocks)]);
    wish.carried_by = Some(campaign);
    assert_eq!(codes(&plan(&facts, &wish)), []);
}

#[test]
fn what_counts_for_later_waves_is_read_from_a_plan_as_it_is_kept() {
    let (facts, wish) = fine();
    let named = BTreeMap::from([("penalty".to_owned(), "Ana".to_owned())]);
    let cash = BTreeMap::from([("north".to_owned(), "cash".to_owned())]);
    let plan = plan(&facts, &wish);
    let read = kept(&plan.as_json(&named, &Wish { fallbacks: cash.clone(), ..wish }));
    assert_eq!(
        read,
        Kept { plan: Some(plan), overrides: named, fallbacks: cash, begins_at: Some(NOW) }
    );
    assert_eq!(kept("{}"), Kept::default());
}
