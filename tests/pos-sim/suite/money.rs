//! No sale is lost and none is doubled, whatever is killed when.

use std::time::Duration;

use crate::process::signal;
use crate::shop::Shop;
use crate::wait::{a_random_moment, wait_for};

#[test]
fn thirty_kills_of_the_till_and_some_of_its_host_lose_nothing_and_double_nothing() {
    let mut shop = Shop::with_pace(10);
    let mut random = 20_261_122;
    for kill in 0..30 {
        shop.start_till();
        shop.wait_for_sales(1);
        a_random_moment(&mut random, Duration::from_millis(40));
        if kill % 4 == 1 {
            shop.kill_host("a");
            a_random_moment(&mut random, Duration::from_millis(40));
        }
        shop.kill_till();
        if kill % 4 == 1 {
            shop.start_host("a");
        }
    }
    let in_between = shop.assert_money_is_right();
    assert!(in_between["sales"].as_i64().unwrap() > 0, "{in_between:#}");
    shop.start_till();
    let batches = shop.hold_and_settle();
    assert_eq!(batches[0]["total_minor"], batches[0]["host_total_minor"], "{batches:#}");
    let total = shop.assert_money_is_right();
    assert_eq!((&total["open"], &total["in_doubt"]), (&0.into(), &0.into()), "{total:#}");
    assert!(total["downtime_ms"].as_i64().unwrap() > 0, "{total:#}");
}

#[test]
fn a_till_sells_on_while_its_host_is_gone_and_tells_it_later() {
    let mut shop = Shop::selling();
    shop.kill_host("a");
    shop.wait_for_sales(20);
    let mut driver = shop.ready_driver();
    driver.ok(r#"{"do":"hold","lease_s":600,"reason":"test"}"#);
    let left = driver.ok(r#"{"do":"drain"}"#)["left"].clone();
    assert!(left["stored_offline"].as_i64().unwrap() > 0, "{left}");
    assert_eq!(driver.error(r#"{"do":"settle"}"#), "not_ready");
    shop.start_host("a");
    shop.hold_and_settle();
    shop.assert_money_is_right();
}

#[test]
fn a_host_that_answers_too_late_is_told_to_forget_the_sale() {
    let shop = Shop::selling();
    signal("STOP", shop.host_id("a"));
    let in_doubt = "SELECT count(*) FROM sale WHERE state = 'reversing' AND kind = 'sale'";
    wait_for("a sale in doubt", || {
        let count = shop.journal().query_row(in_doubt, [], |row| row.get::<_, i64>(0)).unwrap();
        if count > 0 { Ok(()) } else { Err(count) }
    });
    signal("CONT", shop.host_id("a"));
    shop.hold_and_settle();
    let total = shop.assert_money_is_right();
    assert!(total["reversed"].as_i64().unwrap() > 0, "{total:#}");
    assert_eq!(total["open"], 0, "{total:#}");
}

#[test]
fn an_audit_of_a_shop_that_goes_on_selling_accuses_nobody() {
    let mut shop = Shop::selling();
    for _ in 0..20 {
        shop.assert_money_is_right();
    }
    assert_eq!(shop.till.as_mut().unwrap().has_ended(), None);
}
