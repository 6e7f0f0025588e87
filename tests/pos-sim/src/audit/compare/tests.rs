//! Every way in which two books can disagree, and those in which they may.

use super::*;
use crate::till::journal::Kind;

fn sale(state: State) -> Sale {
    Sale {
        stan: 1,
        binding: "a".into(),
        batch: 1,
        kind: Kind::Sale,
        state,
        amount_minor: 500,
        is_test: false,
        refund_of: None,
        opened_by: None,
    }
}

fn movement(what: Direction) -> Movement {
    let terminal = "T1".into();
    Movement { terminal, stan: 1, what, amount_minor: 500, batch: 1, refund_of: None }
}

/// Judges a sale that is `before` and `after` on the till, with these movements at host a.
fn judge(before: Option<State>, movements: &[Direction], after: Option<State>) -> Option<Wrong> {
    let movements: Vec<_> = movements.iter().map(|what| movement(*what)).collect();
    let at_hosts: Vec<_> = movements.iter().map(|movement| ("a", movement)).collect();
    judge_sale(before.map(sale).as_ref(), &at_hosts, after.map(sale).as_ref(), "a").map(|it| it.0)
}

const CHARGE: Direction = Direction::Charge;
const REVERSAL: Direction = Direction::Reversal;

#[test]
fn books_that_agree_are_right() {
    for (before, movements, after) in [
        (Some(State::Approved), &[CHARGE][..], Some(State::Approved)),
        (Some(State::Stored), &[], Some(State::Stored)),
        (Some(State::Stored), &[CHARGE], Some(State::Stored)),
        (Some(State::Reversed), &[CHARGE, REVERSAL], Some(State::Reversed)),
        (Some(State::Reversed), &[], Some(State::Reversed)),
        (Some(State::Reversing), &[CHARGE], Some(State::Reversing)),
        (Some(State::Declined), &[], Some(State::Declined)),
        (Some(State::Held), &[], Some(State::Held)),
    ] {
        assert_eq!(judge(before, movements, after), None, "{before:?} {movements:?} {after:?}");
    }
}

#[test]
fn what_happens_between_the_two_looks_accuses_nobody() {
    for (before, movements, after) in [
        (None, &[CHARGE][..], Some(State::Begun)),
        (None, &[CHARGE], Some(State::Approved)),
        (Some(State::Begun), &[], Some(State::Approved)),
        (Some(State::Begun), &[CHARGE], Some(State::Reversed)),
        (Some(State::Reversing), &[CHARGE], Some(State::Reversed)),
        (Some(State::Stored), &[], Some(State::Approved)),
        (Some(State::Held), &[CHARGE], Some(State::Stored)),
    ] {
        assert_eq!(judge(before, movements, after), None, "{before:?} {movements:?} {after:?}");
    }
}

#[test]
fn a_sale_that_one_side_misses_is_lost() {
    for (before, movements, after) in [
        (Some(State::Approved), &[][..], Some(State::Approved)),
        (Some(State::Approved), &[CHARGE, REVERSAL], Some(State::Approved)),
        (None, &[CHARGE], None),
        (Some(State::Declined), &[CHARGE], Some(State::Declined)),
        (Some(State::Reversed), &[CHARGE], Some(State::Reversed)),
        (Some(State::Held), &[CHARGE], Some(State::Held)),
    ] {
        let judged = judge(before, movements, after);
        assert_eq!(judged, Some(Wrong::Lost), "{before:?} {movements:?} {after:?}");
    }
}

#[test]
fn a_sale_charged_or_given_back_twice_is_doubled() {
    let approved = Some(State::Approved);
    assert_eq!(judge(approved, &[CHARGE, CHARGE], approved), Some(Wrong::Doubled));
    assert_eq!(judge(approved, &[CHARGE, CHARGE, REVERSAL], approved), Some(Wrong::Doubled));
    let reversed = Some(State::Reversed);
    assert_eq!(judge(reversed, &[CHARGE, REVERSAL, REVERSAL], reversed), Some(Wrong::Doubled));
    assert_eq!(judge(None, &[CHARGE, CHARGE], None), Some(Wrong::Doubled));
}

#[test]
fn a_sale_charged_by_both_hosts_is_doubled_and_one_charged_by_the_wrong_host_is_lost() {
    let (till, charge) = (sale(State::Approved), movement(CHARGE));
    let both = judge_sale(Some(&till), &[("a", &charge), ("b", &charge)], Some(&till), "a");
    assert_eq!(both, Some((Wrong::Doubled, "charged 2 times, by a and b".into())));
    let wrong = judge_sale(Some(&till), &[("b", &charge)], Some(&till), "a");
    assert_eq!(wrong.unwrap().0, Wrong::Lost);
}

#[test]
fn another_amount_or_another_batch_is_lost_money() {
    let till = sale(State::Approved);
    for charge in [
        Movement { amount_minor: 499, ..movement(CHARGE) },
        Movement { batch: 2, ..movement(CHARGE) },
    ] {
        let judged = judge_sale(Some(&till), &[("a", &charge)], Some(&till), "a");
        assert_eq!(judged.unwrap().0, Wrong::Lost, "{charge:?}");
    }
}

fn settlement(count: i64, total_minor: i64) -> Settlement {
    Settlement { terminal: "T1".into(), batch: 1, count, total_minor }
}

fn batch(is_settled: bool, is_closed: bool) -> Batch {
    Batch { is_settled, is_closed, count: 2, total_minor: 900 }
}

#[test]
fn a_settlement_agrees_with_the_hosts_charges_and_with_the_till() {
    let (settled, offered, open) = (batch(true, true), batch(false, true), batch(false, false));
    let judge = |settlements: &[&Settlement], on_till, taken| {
        judge_settlements(settlements, on_till, taken).0
    };
    let right = settlement(2, 900);
    assert_eq!(judge(&[&right], Some(&settled), (2, 900)), None);
    assert_eq!(judge(&[&right], Some(&offered), (2, 900)), None, "answer lost");
    let lost = Some(Wrong::Lost);
    assert_eq!(judge(&[&right], Some(&settled), (3, 950)), lost, "charged after settlement");
    assert_eq!(judge(&[&settlement(1, 900)], Some(&settled), (1, 900)), lost);
    assert_eq!(judge(&[&right], Some(&open), (2, 900)), lost);
    assert_eq!(judge(&[&right], None, (2, 900)), lost);
    let twice = judge(&[&right, &right], Some(&settled), (2, 900));
    assert_eq!(twice, Some(Wrong::SettledTwice));
}

#[test]
fn a_batch_settled_on_the_till_alone_is_lost_with_all_its_sales() {
    let batches = BTreeMap::from([(("a".to_owned(), 1), batch(true, true))]);
    let till = Till { terminal: "T1".into(), batches, ..Till::default() };
    let hosts = [Host { name: "a".into(), ..Host::default() }];
    let tills = [till];
    let report = compare(&tills, &hosts, &tills);
    assert_eq!((report.total.lost, report.findings.len()), (2, 1));
    assert!(!report.total.is_right());
}

#[test]
fn downtime_is_what_lies_between_the_spans() {
    let span =
        |version: &str, from_ms, until_ms| Span { version: version.into(), from_ms, until_ms };
    let selling = vec![
        span("1", 100, 200),
        span("1", 250, 300),
        span("2", 290, 400),
        span("2", 1_400, 1_400),
    ];
    let till = Till { terminal: "T1".into(), selling, ..Till::default() };
    let tills = [till];
    let report = compare(&tills, &[], &tills);
    let TillReport { versions, counts, .. } = &report.tills[0];
    assert_eq!((counts.downtime_ms, counts.longest_gap_ms), (1_050, 1_000));
    assert_eq!(*versions, ["1", "2"]);
}

#[test]
fn terminals_without_their_till_are_named_and_not_judged() {
    let hosts = [Host {
        name: "a".into(),
        movements: vec![movement(CHARGE), Movement { terminal: "T9".into(), ..movement(CHARGE) }],
        ..Host::default()
    }];
    let sales = BTreeMap::from([(1, sale(State::Approved))]);
    let till = Till { terminal: "T1".into(), sales, ..Till::default() };
    let tills = [till];
    let report = compare(&tills, &hosts, &tills);
    assert_eq!(report.findings, []);
    assert_eq!(report.not_audited, ["T9"]);
    assert_eq!((report.total.sales, report.total.open), (1, 1));
}

#[test]
fn another_host_that_is_told_of_a_sale_is_found_whatever_it_made_of_it() {
    let till = sale(State::Reversed);
    let charge = movement(CHARGE);
    for what in [REVERSAL, Direction::Other] {
        let told = movement(what);
        for movements in [&[("a", &charge), ("b", &told)][..], &[("b", &told)]] {
            let judged = judge_sale(Some(&till), movements, Some(&till), "a");
            assert_eq!(judged.unwrap().0, Wrong::AnotherHost, "{movements:?}");
        }
        let home = judge_sale(Some(&till), &[("a", &told)], Some(&till), "a");
        assert_eq!(home.is_some(), what == REVERSAL, "a bar at its own host is in order");
    }
}

/// A till with two bindings, the first of which is erased, and with these sales.
fn till_of(sales: &[Sale]) -> Till {
    let hosts = [("a", "alpha"), ("bnd-2", "beta")];
    Till {
        terminal: "T1".into(),
        hosts: hosts.map(|(name, host)| (name.to_owned(), host.to_owned())).into(),
        sales: sales.iter().map(|sale| (sale.stan, sale.clone())).collect(),
        ..Till::default()
    }
}

fn found(till: &Till, hosts: &[Host]) -> Vec<Wrong> {
    let tills = [till.clone()];
    compare(&tills, hosts, &tills).findings.iter().map(|finding| finding.wrong).collect()
}

fn host(name: &str, movements: Vec<Movement>) -> Host {
    Host { name: name.into(), movements, ..Host::default() }
}

#[test]
fn a_binding_is_judged_by_the_books_of_its_host() {
    let at_beta = Sale { stan: 2, binding: "bnd-2".into(), ..sale(State::Approved) };
    let till = till_of(&[sale(State::Approved), at_beta]);
    let charge = |stan| Movement { stan, ..movement(CHARGE) };
    let right = [host("alpha", vec![charge(1)]), host("beta", vec![charge(2)])];
    assert_eq!(found(&till, &right), []);
    let crossed = [host("alpha", vec![charge(2)]), host("beta", vec![charge(1)])];
    assert_eq!(found(&till, &crossed), [Wrong::Lost, Wrong::Lost]);
}

#[test]
fn a_till_that_took_over_the_sales_of_another_answers_for_both() {
    let sold = [sale(State::Approved), Sale { stan: 2, ..sale(State::Approved) }];
    let heir = Till { took_over: Some("T0".into()), ..till_of(&sold) };
    let charge =
        |stan, terminal: &str| Movement { stan, terminal: terminal.to_owned(), ..movement(CHARGE) };
    let right = [host("alpha", vec![charge(1, "T0"), charge(2, "T1")])];
    assert_eq!(found(&heir, &right), []);
    assert_eq!(found(&Till { took_over: None, ..heir.clone() }, &right), [Wrong::Lost]);
    let again = [host("alpha", vec![charge(1, "T0"), charge(2, "T1"), charge(1, "T1")])];
    assert_eq!(found(&heir, &again), [Wrong::Doubled], "its numbers began again");
    let missing = [host("alpha", vec![charge(2, "T1")])];
    assert_eq!(found(&heir, &missing), [Wrong::Lost]);
}

#[test]
fn a_test_sale_is_left_until_it_is_reversed_or_refunded_unless_trading_is_held() {
    let test = Sale { is_test: true, ..sale(State::Approved) };
    let refund = Sale { stan: 2, amount_minor: -500, refund_of: Some(1), ..test.clone() };
    let charge = movement(CHARGE);
    let back = Movement { stan: 2, amount_minor: -500, refund_of: Some(1), ..movement(CHARGE) };
    let charged = [host("alpha", vec![charge.clone()])];
    let given_back = [host("alpha", vec![charge.clone(), back.clone()])];
    let till = till_of(std::slice::from_ref(&test));
    assert_eq!(found(&till, &charged), [Wrong::TestLeft]);
    assert_eq!(found(&Till { is_held: true, ..till }, &charged), []);
    let refunded = till_of(&[test.clone(), refund.clone()]);
    assert_eq!(found(&refunded, &given_back), []);
    let in_doubt = Sale { state: State::Reversing, ..refund };
    assert_eq!(found(&till_of(&[test, in_doubt]), &given_back), [Wrong::TestLeft]);
}

#[test]
fn a_sale_that_was_given_back_twice_or_by_another_host_is_doubled() {
    let refund = |stan| Sale {
        stan,
        amount_minor: -500,
        refund_of: Some(1),
        is_test: true,
        ..sale(State::Approved)
    };
    let back = |stan| Movement { stan, amount_minor: -500, refund_of: Some(1), ..movement(CHARGE) };
    let test = Sale { is_test: true, ..sale(State::Approved) };
    let twice = till_of(&[test.clone(), refund(2), refund(3)]);
    let charge = movement(CHARGE);
    let books = [host("alpha", vec![charge.clone(), back(2), back(3)])];
    assert_eq!(found(&twice, &books), [Wrong::Doubled]);
    let elsewhere = Sale { binding: "bnd-2".into(), ..refund(2) };
    let till = till_of(&[test, elsewhere]);
    let books = [host("alpha", vec![charge]), host("beta", vec![back(2)])];
    assert_eq!(found(&till, &books), [Wrong::Doubled]);
}

#[test]
fn batches_of_two_bindings_at_one_host_are_told_apart() {
    let mut till = till_of(&[]);
    till.hosts.insert("bnd-3".into(), "alpha".into());
    till.batches.insert(("a".into(), 1), batch(true, true));
    till.batches.insert(("bnd-3".into(), 2), batch(true, true));
    let charges = |number| {
        let charge =
            |stan, amount_minor| Movement { stan, amount_minor, batch: number, ..movement(CHARGE) };
        vec![charge(10 * number, 400), charge(10 * number + 1, 500)]
    };
    for movement in charges(1).into_iter().chain(charges(2)) {
        let Movement { stan, amount_minor, batch, .. } = movement;
        let binding = if batch == 1 { "a" } else { "bnd-3" }.to_owned();
        let sold = Sale { stan, amount_minor, batch, binding, ..sale(State::Approved) };
        till.sales.insert(stan, sold);
    }
    let settle = |batch| Settlement { batch, ..settlement(2, 900) };
    let alpha = Host {
        settlements: vec![settle(1), settle(2)],
        ..host("alpha", [charges(1), charges(2)].concat())
    };
    assert_eq!(found(&till, std::slice::from_ref(&alpha)), []);
    let once = Host { settlements: vec![settle(1)], ..alpha };
    assert_eq!(found(&till, &[once]), [Wrong::Lost]);
}
