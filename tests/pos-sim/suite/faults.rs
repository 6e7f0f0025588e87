//! Every fault does what its name says, and nothing after it was cleared.

use std::time::Duration;

use serde_json::{Value, json};

use crate::driver_program::Driver;
use crate::process::{Process, pos_sim};
use crate::shop::Shop;
use crate::wait::wait_for;

const STATUS: &str = r#"{"do":"status"}"#;
const HOLD: &str = r#"{"do":"hold","lease_s":600,"reason":"test"}"#;

#[test]
fn a_hung_till_neither_answers_nor_sells_and_goes_on_afterwards() {
    let shop = Shop::selling();
    let mut driver = Driver::start(&shop.till_data(), 200);
    shop.fault(&["hang"]);
    assert_eq!(driver.error(STATUS), "not_ready");
    let hung = shop.sales();
    assert_eq!(driver.error(HOLD), "not_ready");
    assert_eq!(shop.sales(), hung);
    shop.fault(&["clear", "hang"]);
    shop.wait_for_sales(1);
    let status = shop.ready_driver().ok(STATUS);
    assert_eq!(status["trading"], "open", "the hold that was asked for then came to nothing");
}

#[test]
fn a_fault_for_a_second_is_over_after_a_second() {
    let shop = Shop::selling();
    shop.fault(&["hang", "--for-s", "1"]);
    shop.wait_for_sales(5);
    shop.ready_driver();
    let total = shop.assert_money_is_right();
    assert!(total["longest_gap_ms"].as_i64().unwrap() >= 500, "{total:#}");
}

#[test]
fn a_busy_or_postponing_till_says_so_and_cannot_be_held() {
    let shop = Shop::selling();
    let mut driver = shop.ready_driver();
    for fault in ["busy", "postpone"] {
        shop.fault(&[fault]);
        assert_eq!(driver.ok(STATUS)["work"], fault);
        assert_eq!(driver.error(HOLD), "not_ready");
        shop.fault(&["clear", fault]);
        shop.wait_for_sales(1);
    }
    driver.ok(HOLD);
    assert_eq!(driver.ok(STATUS)["work"], "free");
}

#[test]
fn a_till_refuses_to_hold_and_to_settle_as_often_as_it_was_told() {
    let shop = Shop::selling();
    let mut driver = shop.ready_driver();
    shop.fault(&["refuse-hold=1"]);
    shop.fault(&["refuse-settle=2"]);
    assert_eq!(driver.error(HOLD), "refused");
    driver.ok(HOLD);
    let settle = r#"{"do":"settle"}"#;
    assert_eq!(driver.error(settle), "refused");
    assert_eq!(driver.error(settle), "refused");
    shop.hold_and_settle();
    shop.assert_money_is_right();
}

#[test]
fn a_self_test_fails_on_request() {
    let shop = Shop::selling();
    let mut driver = shop.ready_driver();
    let mut self_test = || driver.ok(r#"{"do":"self_test"}"#);
    let printer = |report: &Value| -> Value {
        let checks = report["checks"].as_array().unwrap();
        checks.iter().find(|check| check["name"] == "printer").unwrap()["passed"].clone()
    };
    shop.fault(&["self-test-fails=1"]);
    let failed = self_test();
    assert_eq!((&failed["passed"], printer(&failed)), (&json!(false), json!(false)), "{failed:#}");
    let passed = self_test();
    assert_eq!(printer(&passed), true, "{passed:#}");
    assert_eq!(passed["passed"], cfg!(not(feature = "v2-bad")), "{passed:#}");
}

#[test]
fn hosts_become_unreachable_on_request_and_sales_go_on_offline() {
    let shop = Shop::selling();
    let mut driver = shop.ready_driver();
    let reachable = |driver: &mut Driver| -> Vec<Value> {
        let hosts = driver.ok(r#"{"do":"host_check"}"#)["hosts"].clone();
        hosts.as_array().unwrap().iter().map(|host| host["reachable"].clone()).collect()
    };
    assert_eq!(reachable(&mut driver), [true, true]);
    shop.fault(&["host-unreachable"]);
    assert_eq!(reachable(&mut driver), [false, false]);
    shop.wait_for_sales(10);
    let status = driver.ok(STATUS);
    assert!(status["bindings"][0]["stored_offline"].as_i64().unwrap() > 0, "{status:#}");
    shop.fault(&["clear"]);
    shop.hold_and_settle();
    shop.assert_money_is_right();
}

#[test]
fn a_till_reports_a_wrong_version_on_request() {
    let shop = Shop::selling();
    let mut driver = shop.ready_driver();
    let right = driver.ok(STATUS)["application"]["version"].clone();
    shop.fault(&["wrong-version"]);
    assert_eq!(driver.ok(STATUS)["application"]["version"], "0.0.0");
    shop.fault(&["wrong-version", "--only", "9.9.9"]);
    assert_eq!(driver.ok(STATUS)["application"]["version"], right);
}

#[test]
fn a_till_crashes_at_start_as_often_as_it_was_told() {
    let mut shop = Shop::with_pace(10);
    shop.fault(&["crash-at-start=2"]);
    for _ in 0..2 {
        shop.start_till();
        assert_eq!(shop.till.as_mut().unwrap().wait().code(), Some(70));
    }
    shop.start_till();
    shop.wait_for_sales(1);
}

#[test]
fn a_driver_is_silent_talks_nonsense_or_ends_on_request() {
    let shop = Shop::selling();
    let mut driver = shop.ready_driver();
    shop.fault(&["driver-silent"]);
    let unanswered = driver.send(STATUS);
    assert_eq!(driver.answer(unanswered, Duration::from_millis(300)), None);
    shop.fault(&["clear"]);
    driver.ok(STATUS);
    shop.fault(&["driver-garbage=1"]);
    driver.send(STATUS);
    let line = driver.line(Duration::from_secs(10)).unwrap();
    assert!(serde_json::from_str::<Value>(&line).is_err(), "{line}");
    driver.ok(STATUS);
    shop.fault(&["driver-exits"]);
    driver.send(STATUS);
    assert_eq!(driver.process.wait().code(), Some(70));
}

#[test]
fn faults_are_listed_and_bad_ones_are_refused() {
    let shop = Shop::with_pace(10);
    shop.fault(&["hang", "--for-s", "600", "--only", "2.0.0"]);
    let mut list = pos_sim();
    list.arg("fault").arg("--data").arg(shop.till_data()).arg("list");
    let listed = String::from_utf8(list.output().unwrap().stdout).unwrap();
    let (name, setting) = listed.trim().split_once(": ").unwrap();
    let setting: Value = serde_json::from_str(setting).unwrap();
    assert_eq!((name, &setting["only"]), ("hang", &json!("2.0.0")));
    for bad in ["explode", "hang=3", "crash-at-start=many"] {
        let mut command = pos_sim();
        command.arg("fault").arg("--data").arg(shop.till_data()).arg(bad);
        let mut refused = Process::start(&mut command);
        assert_eq!(refused.wait().code(), Some(2), "{bad}");
    }
}

#[test]
fn a_faults_file_that_nobody_can_read_sets_no_fault() {
    let shop = Shop::selling();
    std::fs::write(shop.till_data().join("faults.json"), "{\"hang\":").unwrap();
    shop.wait_for_sales(5);
    let mut driver = shop.ready_driver();
    wait_for("an answer", || driver.ask(STATUS)["ok"].is_object().then_some(()).ok_or(()));
}
