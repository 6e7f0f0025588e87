//! The driver program answers whatever happens to the till, within its limit.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::driver_program::Driver;
use crate::process::signal;
use crate::shop::Shop;
use crate::wait::LONG;

const STATUS: &str = r#"{"do":"status"}"#;
const LIMIT_MS: u64 = 300;
const LIMIT: Duration = Duration::from_millis(LIMIT_MS);

/// What a loaded machine may add to a limit.
const SLACK: Duration = Duration::from_secs(5);

#[test]
fn no_till_is_not_ready_and_a_till_that_starts_later_is_found() {
    let mut shop = Shop::with_pace(10);
    let mut driver = shop.driver();
    for verb in ["status", "release", "settle", "restart"] {
        assert_eq!(driver.error(&json!({ "do": verb }).to_string()), "not_ready", "{verb}");
    }
    shop.start_till();
    shop.wait_for_sales(1);
    driver.ok(STATUS);
}

#[test]
fn a_stopped_till_is_not_ready_within_the_limit_however_often_it_is_asked() {
    let shop = Shop::selling();
    let mut driver = Driver::start(&shop.till_data(), LIMIT_MS);
    let till = shop.till.as_ref().unwrap().id();
    signal("STOP", till);
    let asked = Instant::now();
    let ids: Vec<_> = (0..40).map(|_| driver.send(STATUS)).collect();
    for id in ids {
        let answer = driver.answer(id, LONG).unwrap();
        assert_eq!(answer["error"]["code"], "not_ready", "{answer}");
    }
    assert!(asked.elapsed() < LIMIT + SLACK, "{:?}", asked.elapsed());
    signal("CONT", till);
    shop.ready_driver();
}

#[test]
fn a_killed_till_is_not_ready_at_once() {
    let mut shop = Shop::selling();
    let mut driver = shop.ready_driver();
    shop.kill_till();
    let asked = Instant::now();
    assert_eq!(driver.error(STATUS), "not_ready");
    assert!(asked.elapsed() < SLACK, "{:?}", asked.elapsed());
}

#[test]
fn bad_input_is_refused_or_skipped_and_the_next_request_is_answered() {
    let shop = Shop::selling();
    let mut driver = shop.ready_driver();
    assert_eq!(driver.error(r#"{"do":"dance"}"#), "unsupported");
    assert_eq!(driver.error(r#"{"do":"hold","lease_s":-1,"reason":"x"}"#), "refused");
    for bad in ["", "null", "{", "[[[[", r#"{"do":"status"}"#, r#"{"id":"x","do":"status"}"#] {
        driver.write(bad);
    }
    driver.write(&format!(r#"{{"id":1000,"do":"status","x":"{}"}}"#, "x".repeat(70_000)));
    driver.write(&"[".repeat(60_000));
    driver.ok(STATUS);
    assert_eq!(driver.line(Duration::from_millis(50)), None, "nothing else was answered");
}

#[test]
fn the_status_has_exactly_the_fields_of_the_protocol() {
    let shop = Shop::selling();
    let mut driver = shop.ready_driver();
    driver.ok(r#"{"do":"hold","lease_s":600,"reason":"test"}"#);
    let status = driver.ok(STATUS);
    let keys = |value: &serde_json::Value| -> Vec<String> {
        value.as_object().unwrap().keys().cloned().collect()
    };
    let expected =
        ["application", "bindings", "hold_expires_at", "stopped", "suspicion", "trading", "work"];
    assert_eq!(keys(&status), expected);
    assert_eq!(keys(&status["application"]), ["component", "instance", "started_at", "version"]);
    let binding = &status["bindings"][0];
    let expected = [
        "binding",
        "mid",
        "name",
        "open_batch",
        "open_preauthorisations",
        "provider",
        "state",
        "stored_offline",
        "tid",
        "unsent_reversals",
    ];
    assert_eq!(keys(binding), expected);
    assert_eq!(keys(&binding["open_batch"]), ["count", "currency", "total_minor"]);
    assert!(status["hold_expires_at"].is_u64());
    driver.ok(r#"{"do":"show_notice","text":"closed for a moment"}"#);
    let notice = "SELECT text FROM notice";
    let notice: String = shop.journal().query_row(notice, [], |row| row.get(0)).unwrap();
    assert_eq!(notice, "closed for a moment");
}

#[test]
fn the_driver_ends_when_its_agent_does() {
    let shop = Shop::selling();
    let mut driver = shop.ready_driver();
    drop(driver.process.child().stdin.take());
    assert!(driver.process.wait().success());
}
