//! Trading is held when the sale in flight is over, for as long as the lease says.

use std::time::Duration;

use crate::fake_host::FakeHost;
use crate::process::{Process, pos_sim};
use crate::shop::{Shop, TERMINAL};
use crate::wait::{LONG, wait_for};

const HOLD: &str = r#"{"do":"hold","lease_s":600,"reason":"test"}"#;

#[test]
fn a_hold_answers_when_the_sale_in_flight_is_over_and_status_answers_meanwhile() {
    let mut shop = Shop::with_pace(10);
    let host = FakeHost::start();
    let mut till = pos_sim();
    till.arg("till").arg("--data").arg(shop.till_data()).args(["--terminal", TERMINAL]);
    till.args(["--pace-ms", "10", "--host", &format!("a=127.0.0.1:{}", host.port)]);
    shop.till = Some(Process::start(&mut till));
    host.wait_until_a_sale_is_asked_for();

    let mut driver = shop.driver();
    let hold = driver.send(HOLD);
    let during = driver.ok(r#"{"do":"status"}"#);
    assert_eq!((&during["work"], &during["trading"]), (&"busy".into(), &"open".into()));
    assert_eq!(driver.answer(hold, Duration::from_millis(300)), None, "the sale is in flight");
    host.let_go();
    let answer = driver.answer(hold, LONG).unwrap();
    assert_eq!(answer["ok"], serde_json::json!({}), "{answer}");
    let after = driver.ok(r#"{"do":"status"}"#);
    assert_eq!((&after["work"], &after["trading"]), (&"free".into(), &"held".into()));
    let begun = "SELECT count(*) FROM sale WHERE state = 'begun'";
    let begun: i64 = shop.journal().query_row(begun, [], |row| row.get(0)).unwrap();
    assert_eq!(begun, 0);
}

#[test]
fn a_held_till_sells_nothing_until_it_is_released() {
    let shop = Shop::selling();
    let mut driver = shop.ready_driver();
    driver.ok(HOLD);
    let held = shop.sales();
    for _ in 0..50 {
        driver.ok(r#"{"do":"status"}"#);
    }
    assert_eq!(shop.sales(), held);
    driver.ok(r#"{"do":"release"}"#);
    shop.wait_for_sales(1);
    assert_eq!(driver.ok(r#"{"do":"status"}"#)["hold_expires_at"], serde_json::Value::Null);
}

#[test]
fn a_hold_that_nobody_renews_ends_by_itself() {
    let shop = Shop::selling();
    let mut driver = shop.ready_driver();
    driver.ok(r#"{"do":"hold","lease_s":3,"reason":"test"}"#);
    assert_eq!(driver.ok(r#"{"do":"status"}"#)["trading"], "held");
    drop(driver);
    shop.wait_for_sales(1);
    let total = shop.assert_money_is_right();
    assert!(total["longest_gap_ms"].as_i64().unwrap() >= 2_800, "{total:#}");
}

#[test]
fn a_hold_survives_a_restart_of_the_till() {
    let mut shop = Shop::selling();
    let mut driver = shop.ready_driver();
    driver.ok(HOLD);
    let before = driver.ok(r#"{"do":"status"}"#);
    let held = shop.sales();
    shop.kill_till();
    shop.start_till();
    let after = wait_for("the new till", || {
        let answer = driver.ask(r#"{"do":"status"}"#);
        let is_new = answer["ok"].is_object()
            && answer["ok"]["application"]["instance"] != before["application"]["instance"];
        if is_new { Ok(answer["ok"].clone()) } else { Err(answer) }
    });
    assert_eq!(after["trading"], "held");
    assert_eq!(after["hold_expires_at"], before["hold_expires_at"]);
    assert_eq!(shop.sales(), held);
    driver.ok(r#"{"do":"release"}"#);
    shop.wait_for_sales(1);
}
