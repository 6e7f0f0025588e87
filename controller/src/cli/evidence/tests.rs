//! What is shown of a file of evidence.

use shared::id::OrderId;

use super::super::golden::{self, printed};
use super::*;

/// Of a file with three orders, in full.
fn report() -> Report {
    let packed = pack::pack(&pack::tests::evidence(), vec![]).expect("it is packed");
    let opened = pack::open(&packed.bytes).expect("it is opened");
    let pin = pack::tests::roster().digest();
    check::check(&opened, pin, true).expect("the roster is the one that is held")
}

/// With as many orders as are asked for.
fn report_of(orders: usize) -> Report {
    let mut report = report();
    let number = |it: usize| u8::try_from(it).expect("they are few");
    report.finished = (0..orders)
        .map(|it| Finished {
            order: OrderId::from_bytes([number(it); 16]),
            ..report.finished[0].clone()
        })
        .collect();
    report
}

#[test]
fn what_is_proven_is_read_without_a_network_down_to_each_fact() {
    golden::check("evidence-verify", &printed(|print| shown(&report(), false, print)));
    golden::check("evidence-verify-json", &printed(|print| print.json(&report())));
}

#[test]
fn the_facts_of_many_orders_are_shown_when_they_are_asked_for() {
    let has_facts = |orders, all| {
        let text = printed(|print| shown(&report_of(orders), all, print));
        assert_eq!(text.contains("--facts"), !text.contains("trading is held"), "{text}");
        text.contains("trading is held")
    };
    assert!(has_facts(ORDERS_WITH_FACTS_MAX, false));
    assert!(!has_facts(ORDERS_WITH_FACTS_MAX + 1, false));
    assert!(has_facts(ORDERS_WITH_FACTS_MAX + 1, true));
}
