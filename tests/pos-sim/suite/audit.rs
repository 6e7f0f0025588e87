//! The audit finds what was tampered with.

use std::process::Output;

use crate::process::pos_sim;
use crate::shop::Shop;

/// A shop that has sold, settled, sold again, and is closed with no sale in flight.
fn closed_shop() -> Shop {
    let mut shop = Shop::selling();
    shop.hold_and_settle();
    let mut driver = shop.ready_driver();
    driver.ok(r#"{"do":"release"}"#);
    shop.wait_for_sales(10);
    driver.ok(r#"{"do":"hold","lease_s":600,"reason":"test"}"#);
    shop.kill_till();
    shop
}

/// Audits after `sql` was done to the books of host a; expects exit code 1 and returns the totals.
#[track_caller]
fn tampered_host(sql: &str) -> serde_json::Value {
    let shop = closed_shop();
    shop.assert_money_is_right();
    assert_eq!(shop.ledger("a").execute(sql, []).unwrap(), 1, "{sql}");
    let (code, report) = shop.audit();
    assert_eq!(code, 1, "{report:#}");
    assert!(!report["findings"].as_array().unwrap().is_empty(), "{report:#}");
    report["total"].clone()
}

#[test]
fn a_shop_that_is_given_a_past_has_right_books_and_sells_on() {
    let shop = Shop::selling();
    let mut past = pos_sim();
    past.args(["past", "--sales", "2500", "--till"]).arg(shop.till_data());
    let said = past.arg("--host").arg(shop.host_data("a")).output().unwrap();
    assert!(said.status.success(), "{said:?}");
    shop.wait_for_sales(10);
    shop.hold_and_settle();
    let total = shop.assert_money_is_right();
    assert!(total["sales"].as_i64().unwrap() > 2_500, "{total:#}");
    assert_eq!((&total["open"], &total["in_doubt"]), (&0.into(), &0.into()), "{total:#}");
}

#[test]
fn a_charge_that_vanished_at_the_host_is_a_lost_sale() {
    let total = tampered_host(
        "DELETE FROM movement WHERE id = (SELECT min(id) FROM movement WHERE what = 'charge')",
    );
    assert!(total["lost"].as_i64().unwrap() >= 1, "{total:#}");
    assert_eq!(total["doubled"], 0);
}

#[test]
fn a_charge_that_was_made_twice_is_a_doubled_sale() {
    let total = tampered_host(
        "INSERT INTO movement (terminal, stan, what, amount_minor, batch, at_ms)
         SELECT terminal, stan, what, amount_minor, batch, at_ms
         FROM movement WHERE what = 'charge' LIMIT 1",
    );
    assert_eq!(total["doubled"], 1, "{total:#}");
}

#[test]
fn a_charge_that_no_till_knows_is_lost_money() {
    let total = tampered_host(
        "INSERT INTO movement (terminal, stan, what, amount_minor, batch, at_ms)
         VALUES ('T1', 999999, 'charge', 500, 2, 0)",
    );
    assert_eq!(total["lost"], 1, "{total:#}");
}

#[test]
fn a_charge_of_another_amount_is_lost_money() {
    let total = tampered_host(
        "UPDATE movement SET amount_minor = amount_minor + 1
         WHERE id = (SELECT max(id) FROM movement WHERE what = 'charge')",
    );
    assert_eq!(total["lost"], 1, "{total:#}");
}

#[test]
fn a_batch_that_was_settled_twice_is_found() {
    let total = tampered_host(
        "INSERT INTO settlement (terminal, batch, count, total_minor, at_ms)
         SELECT terminal, batch, count, total_minor, at_ms FROM settlement",
    );
    assert_eq!((&total["settled_twice"], &total["lost"]), (&1.into(), &0.into()), "{total:#}");
}

#[test]
fn a_reversal_at_another_host_is_found() {
    let shop = closed_shop();
    let moved = "INSERT INTO movement (terminal, stan, what, amount_minor, batch, at_ms)
                 SELECT 'T1', max(stan), 'bar', 0, NULL, 0 FROM till.sale WHERE binding = 'a'";
    let books = shop.ledger("b");
    let till = shop.till_data().join("till.db");
    books.execute("ATTACH ?1 AS till", [till.to_str().unwrap()]).unwrap();
    assert_eq!(books.execute(moved, []).unwrap(), 1);
    drop(books);
    let (code, report) = shop.audit();
    assert_eq!((code, &report["total"]["wrong_host"]), (1, &1.into()), "{report:#}");
}

#[test]
fn a_test_sale_that_nobody_voided_is_found() {
    let shop = closed_shop();
    let test = "UPDATE sale SET is_test = 1 WHERE stan =
                (SELECT max(stan) FROM sale WHERE state = 'approved')";
    assert_eq!(shop.journal().execute(test, []).unwrap(), 1);
    let (code, _) = shop.audit();
    assert_eq!(code, 0, "trading is held: it may still be voided");
    shop.journal().execute("DELETE FROM hold", []).unwrap();
    let (code, report) = shop.audit();
    assert_eq!((code, &report["total"]["tests_left"]), (1, &1.into()), "{report:#}");
}

#[test]
fn a_sale_that_was_given_back_twice_is_doubled() {
    let total = tampered_host(
        "INSERT INTO movement (terminal, stan, what, amount_minor, batch, at_ms, refund_of)
         SELECT terminal, 999999, 'charge', -2 * amount_minor, 2, 0, stan
         FROM movement WHERE id = (SELECT min(id) FROM movement WHERE what = 'charge')",
    );
    assert_eq!(total["doubled"], 1, "{total:#}");
}

#[test]
fn a_settlement_that_vanished_is_lost_with_all_its_sales() {
    let total = tampered_host("DELETE FROM settlement");
    assert!(total["lost"].as_i64().unwrap() > 1, "{total:#}");
}

#[test]
fn a_sale_that_vanished_on_the_till_is_lost_money() {
    let shop = closed_shop();
    let delete =
        "DELETE FROM sale WHERE stan = (SELECT max(stan) FROM sale WHERE state = 'approved')";
    assert_eq!(shop.journal().execute(delete, []).unwrap(), 1);
    let (code, report) = shop.audit();
    assert_eq!((code, &report["total"]["lost"]), (1, &1.into()), "{report:#}");
    assert!(report["findings"][0]["what"].as_str().unwrap().contains("unknown to the till"));
}

#[test]
fn an_audit_without_all_the_books_is_an_error_and_no_verdict() {
    let shop = closed_shop();
    let audit = |till: &str, host: &str| -> Output {
        let mut command = pos_sim();
        command.arg("audit").arg("--till").arg(shop.path().join(till));
        command.arg("--host").arg(shop.path().join(host)).output().unwrap()
    };
    for (till, host, complaint) in [
        ("nowhere", "a", "cannot read the till's journal"),
        ("till", "nowhere", "cannot read the host's books"),
        ("till", "b", "sold to host a"),
    ] {
        let output = audit(till, host);
        assert_eq!(output.status.code(), Some(2), "{till} {host}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(complaint), "{said}");
    }
    let right = audit("till", "a");
    assert_eq!(right.status.code(), Some(0));
    let table = String::from_utf8(right.stdout).unwrap();
    assert!(table.starts_with("terminal") && table.contains("\ntotal"), "{table}");
}
