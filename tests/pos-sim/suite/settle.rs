//! A batch is settled once, however often it is asked for and whatever is lost on the way.

use std::time::Duration;

use crate::shop::Shop;
use crate::wait::{a_random_moment, wait_for};

fn settlements(shop: &Shop) -> i64 {
    let count = "SELECT count(*) FROM settlement";
    shop.ledger("a").query_row(count, [], |row| row.get(0)).unwrap()
}

#[test]
fn settling_again_after_a_lost_answer_is_one_settlement() {
    let shop = Shop::selling();
    let mut driver = shop.ready_driver();
    driver.ok(r#"{"do":"hold","lease_s":600,"reason":"test"}"#);
    driver.ok(r#"{"do":"drain"}"#);
    shop.fault(&["lose-settle-answer=1"]);
    assert_eq!(driver.error(r#"{"do":"settle"}"#), "not_ready");
    assert_eq!(settlements(&shop), 1, "the host has settled, and nobody here knows");
    let first = driver.ok(r#"{"do":"settle"}"#);
    let again = driver.ok(r#"{"do":"settle"}"#);
    assert_eq!(first, again);
    let batch = &first["batches"][0];
    assert!(!batch["host_reference"].as_str().unwrap().is_empty(), "{first:#}");
    assert_eq!((&batch["binding"], &batch["batch_number"]), (&"a".into(), &1.into()));
    assert_eq!(batch["count"], batch["host_count"]);
    assert_eq!(settlements(&shop), 1);
    let total = shop.assert_money_is_right();
    assert_eq!((&total["open"], &total["settlement_repeats"]), (&0.into(), &1.into()));
}

#[test]
fn sales_after_a_lost_answer_go_into_the_next_batch() {
    let shop = Shop::selling();
    let mut driver = shop.ready_driver();
    driver.ok(r#"{"do":"hold","lease_s":600,"reason":"test"}"#);
    driver.ok(r#"{"do":"drain"}"#);
    shop.fault(&["lose-settle-answer=1"]);
    assert_eq!(driver.error(r#"{"do":"settle"}"#), "not_ready");
    driver.ok(r#"{"do":"release"}"#);
    shop.wait_for_sales(20);
    let batches = shop.hold_and_settle();
    let numbers: Vec<_> =
        batches.as_array().unwrap().iter().map(|it| &it["batch_number"]).collect();
    assert_eq!(numbers, [1, 2]);
    assert_eq!(settlements(&shop), 2);
    assert_eq!(shop.assert_money_is_right()["open"], 0);
}

#[test]
fn a_till_killed_while_it_settles_settles_once() {
    let mut shop = Shop::with_pace(10);
    let mut random = 7;
    for round in 1..=8 {
        shop.start_till();
        let mut driver = shop.ready_driver();
        driver.ok(r#"{"do":"release"}"#);
        shop.wait_for_sales(5);
        driver.ok(r#"{"do":"hold","lease_s":600,"reason":"test"}"#);
        driver.send(r#"{"do":"settle"}"#);
        a_random_moment(&mut random, Duration::from_millis(20));
        shop.kill_till();
        shop.start_till();
        shop.hold_and_settle();
        assert!(settlements(&shop) <= 2 * round);
        shop.kill_till();
        assert_eq!(shop.assert_money_is_right()["open"], 0);
    }
}

#[test]
fn figures_that_differ_are_reported_and_close_nothing() {
    let shop = Shop::selling();
    shop.fault(&["lie-about-totals=1"]);
    let lied = shop.hold_and_settle();
    assert_ne!(lied[0]["total_minor"], lied[0]["host_total_minor"], "{lied:#}");
    assert_eq!(lied[0]["host_reference"], "");
    assert_eq!(settlements(&shop), 0);
    let honest = shop.hold_and_settle();
    assert_eq!(honest[0]["batch_number"], lied[0]["batch_number"]);
    assert_eq!(honest[0]["total_minor"], honest[0]["host_total_minor"]);
    assert_eq!(settlements(&shop), 1);
    shop.assert_money_is_right();
}

#[test]
fn a_till_that_sold_nothing_has_nothing_to_settle() {
    let mut shop = Shop::with_pace(10);
    shop.fault(&["hang"]);
    shop.start_till();
    wait_for("the journal", || shop.till_data().join("till.sock").metadata());
    let hold = "INSERT INTO hold (only_one, reason, taken_ms, expires_ms)
                SELECT 1, 'test', 1000 * unixepoch(), 1000 * unixepoch() + 600000";
    shop.journal().execute(hold, []).unwrap();
    shop.fault(&["clear"]);
    let mut driver = shop.ready_driver();
    assert_eq!(driver.ok(r#"{"do":"settle"}"#), serde_json::json!({"batches": []}));
    assert_eq!(settlements(&shop), 0);
}

#[test]
fn a_sale_that_the_host_does_not_take_keeps_its_batch_from_being_closed() {
    let shop = Shop::selling();
    let mut driver = shop.ready_driver();
    driver.ok(r#"{"do":"hold","lease_s":600,"reason":"test"}"#);
    let nothing =
        "INSERT INTO sale (binding, batch, kind, state, amount_minor, begun_ms, changed_ms)
                   VALUES ('a', 1, 'offline', 'stored', 0, 0, 0)";
    shop.journal().execute(nothing, []).unwrap();
    assert_eq!(driver.ok(r#"{"do":"drain"}"#)["left"]["stored_offline"], 1);
    let error = driver.ask(r#"{"do":"settle"}"#)["error"].clone();
    assert_eq!(error["code"], "not_ready");
    let text = error["text"].as_str().unwrap();
    assert!(text.contains("the amount is not positive"), "it says what the host said: {text}");
    assert_eq!(settlements(&shop), 0);
}
