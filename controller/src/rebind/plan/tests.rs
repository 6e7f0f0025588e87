//! What speaks against a change, weighed, where facts are known and where they are not.

use super::super::facts::{Bound, Fees, StoreFacts};
use super::*;
use crate::registry::rebind::Notice;
use shared::time::UnixTime;

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
        is_selected: true,
        has_recipient: true,
        bound: Known::Is(Bound {
            provider: "alpha".to_owned(),
            mid: "M".to_owned(),
            tid: format!("A{number}"),
        }),
        compatible: Known::Is(Compatibility::Tested),
        capability: Known::Is(Capability::InPlace),
        free_slot: Known::Is(true),
    }
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
        stores: [("north".to_owned(), StoreFacts { enrolled: 3 })].into(),
        without_profile: vec![],
        request_verified: Known::Is(true),
        licence_until: Known::Is(UnixTime(NOW.0 + 365 * DAY_S)),
        fees: Known::Is(Fees { before: 60, after: 55, band: Some((38, 60)) }),
        contract: Known::Is(Contract {
            penalty_minor: 0,
            currency: "CNY".to_owned(),
            notice_days: 5,
        }),
    };
    let wanted = |number| Wanted {
        serial: None,
        terminal: Some(id(number)),
        is_sealed: true,
        replaces: Some(("M".to_owned(), format!("A{number}"))),
    };
    let wish = Wish {
        from: "alpha".to_owned(),
        to: "beta".to_owned(),
        selector: "*".to_owned(),
        registry_order: RegistryOrder::NewFirst,
        tests: 4,
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
    assert_eq!((plan.downtime_s, plan.fee_difference), (240, Some(-5)));
    assert_eq!(plan.penalty.as_deref(), Some("0.00 CNY"));
    assert_eq!(plan.points_of_no_return.len(), 2);
}

type Spoil = fn(&mut Facts, &mut Wish);

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
        ("incompatible", Blocks, |facts, _| {
            first(facts).compatible = Known::Is(Compatibility::Blocked);
        }),
        ("untested", Unknown, |facts, _| {
            first(facts).compatible = Known::Is(Compatibility::Untested);
        }),
        ("compatibility-unknown", Unknown, |facts, _| first(facts).compatible = Known::Unknown),
        ("never", Blocks, |facts, _| first(facts).capability = Known::Is(Capability::Never)),
        ("vendor-only", Blocks, |facts, _| {
            first(facts).capability = Known::Is(Capability::VendorOnly);
        }),
        ("no-free-slot", Blocks, |facts, _| first(facts).free_slot = Known::Is(false)),
        ("keys-unknown", Unknown, |facts, _| first(facts).free_slot = Known::Unknown),
        ("last-in-store", Blocks, |facts, _| {
            facts.stores.insert("north".to_owned(), StoreFacts { enrolled: 2 });
        }),
        ("notice-missing", NeedsName, |_, wish| drop(wish.notices.remove(1))),
        ("notice-late", NeedsName, |_, wish| wish.notices[1] = told(Party::Bank, 2)),
        ("notice-unanswered", Tells, |_, wish| wish.notices[0].acknowledged_at = None),
        ("request-unverified", Blocks, |facts, _| facts.request_verified = Known::Is(false)),
        ("request-unknown", Unknown, |facts, _| facts.request_verified = Known::Unknown),
        ("licence-expired", Blocks, |facts, _| facts.licence_until = Known::Is(NOW)),
        ("licence-unknown", Unknown, |facts, _| facts.licence_until = Known::Unknown),
        ("fees-unknown", Unknown, |facts, _| facts.fees = Known::Unknown),
        ("fees-rise", NeedsName, |facts, _| {
            facts.fees = Known::Is(Fees { before: 60, after: 61, band: None });
        }),
        ("fees-outside-band", NeedsName, |facts, _| {
            facts.fees = Known::Is(Fees { before: 60, after: 10, band: Some((38, 60)) });
        }),
        ("contract-unknown", Unknown, |facts, _| facts.contract = Known::Unknown),
        ("penalty", NeedsName, |facts, _| {
            let currency = "CNY".to_owned();
            let it = Contract { penalty_minor: 1, currency, notice_days: 0 };
            facts.contract = Known::Is(it);
        }),
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
    facts.stores.insert("north".to_owned(), StoreFacts { enrolled: 2 });
    wish.fallbacks.insert("north".to_owned(), " ".to_owned());
    assert_eq!(codes(&plan(&facts, &wish)), [("last-in-store", Weight::Blocks)]);
    wish.fallbacks.insert("north".to_owned(), "the phone at the desk".to_owned());
    assert_eq!(codes(&plan(&facts, &wish)), []);
    wish.fallbacks.clear();
    let second = wish.waves[0].pop().expect("there are two");
    wish.waves.push(vec![second]);
    assert_eq!(codes(&plan(&facts, &wish)), [], "one sells while the other stops");
}

#[test]
fn a_contract_that_asks_for_a_longer_notice_gets_it() {
    let (mut facts, wish) = fine();
    let currency = "CNY".to_owned();
    facts.contract = Known::Is(Contract { penalty_minor: 0, currency, notice_days: 30 });
    assert_eq!(codes(&plan(&facts, &wish)), [("notice-late", Weight::NeedsName)]);
}

#[test]
fn a_notice_that_is_not_sent_yet_is_none() {
    let (facts, mut wish) = fine();
    wish.notices[0].sent_at = UnixTime(NOW.0 + 1);
    wish.begins_at = UnixTime(NOW.0 + 30 * DAY_S);
    assert_eq!(codes(&plan(&facts, &wish)), [("notice-missing", Weight::NeedsName)]);
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
        it.bound = Known::Unknown;
        it.compatible = Known::Unknown;
        it.capability = Known::Unknown;
        it.free_slot = Known::Unknown;
    }
    facts.request_verified = Known::Unknown;
    facts.licence_until = Known::Unknown;
    facts.fees = Known::Unknown;
    facts.contract = Known::Unknown;
    let plan = plan(&facts, &wish);
    assert_eq!(plan.findings.len(), 2 * 3 + 4);
    assert!(plan.findings.iter().all(|it| it.weight == Weight::Unknown));
    assert_eq!((plan.fee_difference, &plan.penalty), (None, &None));
}
