//! A change of provider, through real processes: the money stays where it was taken, whatever is
//! killed, refused or lost on the way, and exactly one binding is active at any moment.

use std::time::Duration;

use serde_json::{Value, json};

use crate::driver_program::Driver;
use crate::fake_host::FakeHost;
use crate::process::{Process, pos_sim};
use crate::shop::{Shop, TERMINAL};
use crate::wait::{LONG, a_random_moment, wait_for};

const STATUS: &str = r#"{"do":"status"}"#;
const HOLD: &str = r#"{"do":"hold","lease_s":600,"reason":"test"}"#;
const RELEASE: &str = r#"{"do":"release"}"#;
const NEW: &str = "bnd-0a0a";
const SECRET: &str = "bm90IGZvciBhbnkgZXhwb3J0";

/// Of the key that every profile here has: the same key, the same digits.
const CHECK_VALUE: &str = "AA9272";

fn stage_at(shop: &Shop, binding: &str, host: &str, tid: &str) -> String {
    json!({"do": "stage_binding", "binding": binding, "profile": {
        "version": 2, "provider": host, "mid": "898440154110001", "tid": tid,
        "name": "North Store", "mcc": "5411", "currency": "CNY",
        "hosts": [format!("127.0.0.1:{}", shop.host_port(host))], "secret": SECRET}})
    .to_string()
}

fn stage(shop: &Shop) -> String {
    stage_at(shop, NEW, "b", "B0000001")
}

fn switch(to: &str) -> String {
    json!({"do": "switch_binding", "to": to}).to_string()
}

fn on(verb: &str, binding: &str) -> String {
    json!({"do": verb, "binding": binding}).to_string()
}

fn test(key: &str, kind: &str) -> String {
    let amount_minor = if ["sale", "qr"].contains(&kind) { 100 } else { 0 };
    json!({"do": "test_transaction", "binding": NEW, "key": key, "kind": kind,
           "amount_minor": amount_minor})
    .to_string()
}

/// A held shop that has sold with host a and has just switched to host b.
fn switched() -> (Shop, Driver) {
    let shop = Shop::selling();
    let mut driver = shop.ready_driver();
    driver.ok(HOLD);
    driver.ok(&stage(&shop));
    driver.ok(&on("drain", "a"));
    driver.ok(&on("settle", "a"));
    driver.ok(&switch(NEW));
    (shop, driver)
}

/// The names of the till's bindings with their states.
fn states(driver: &mut Driver) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let bindings = driver.ok(STATUS)["bindings"].clone();
    let bindings = bindings.as_array().unwrap().iter();
    bindings.map(|it| (text(&it["binding"]), text(&it["state"]))).collect()
}

fn is(names: &[(&str, &str)]) -> Vec<(String, String)> {
    names.iter().map(|(name, state)| ((*name).to_owned(), (*state).to_owned())).collect()
}

/// Sends, settles and erases, as often as customers complete what is held there.
fn erase(driver: &mut Driver, binding: &str) {
    wait_for("the binding to be erased", || {
        driver.ok(&on("drain", binding));
        driver.ok(&on("settle", binding));
        let answer = driver.ask(&on("erase_binding", binding));
        if answer["ok"].is_object() { Ok(()) } else { Err(answer) }
    });
}

#[test]
fn a_shop_changes_its_provider_and_every_sale_stays_where_it_was_made() {
    let shop = Shop::selling();
    let mut driver = shop.ready_driver();
    driver.ok(HOLD);
    assert_eq!(states(&mut driver), is(&[("a", "active"), ("b", "staged")]));
    for _again in 0..2 {
        assert_eq!(driver.ok(&stage(&shop)), json!({ "key_check_value": CHECK_VALUE }));
        assert_eq!(states(&mut driver), is(&[("a", "active"), (NEW, "staged")]));
    }
    let hosts = driver.ok(r#"{"do":"host_check"}"#)["hosts"].clone();
    let reached: Vec<_> =
        hosts.as_array().unwrap().iter().map(|it| (&it["binding"], &it["reachable"])).collect();
    assert_eq!(reached, [(&json!("a"), &json!(true)), (&json!(NEW), &json!(true))], "{hosts:#}");
    driver.ok(&on("drain", "a"));
    let batches = driver.ok(&on("settle", "a"))["batches"].clone();
    assert_eq!(batches[0]["binding"], "a", "{batches:#}");
    for _again in 0..2 {
        assert_eq!(driver.ok(&switch(NEW)), json!({"active": NEW}));
        assert_eq!(states(&mut driver), is(&[(NEW, "active"), ("a", "standby")]));
    }
    let binding = driver.ok(STATUS)["bindings"][0].clone();
    let tuple = ["provider", "mid", "tid", "name"].map(|part| binding[part].clone());
    assert_eq!(tuple, ["b", "898440154110001", "B0000001", "North Store"], "{binding:#}");

    for (key, kind) in [
        ("o/1", "diagnosis"),
        ("o/2", "sale"),
        ("o/3", "void"),
        ("o/4", "qr"),
        ("o/5", "receipt"),
        ("o/6", "batch-close"),
        ("o/7", "refund"),
        ("o/8", "batch-close"),
    ] {
        let first = driver.ok(&test(key, kind));
        assert_eq!(first["passed"], true, "{kind}: {first:#}");
        assert_eq!(driver.ok(&test(key, kind)), first, "asked again: {kind}");
    }
    let receipt = std::fs::read_to_string(shop.till_data().join("receipt.txt")).unwrap();
    assert!(receipt.starts_with("North Store\nMID 898440154110001 TID B0000001"), "{receipt}");
    assert_eq!(driver.ok(&on("void_tests", NEW)), json!({"left": 0}));
    driver.ok(RELEASE);
    shop.wait_for_sales(20);
    shop.assert_money_is_right();
    assert!(driver.ok(&on("figures", NEW))["payments"].as_i64().unwrap() > 0);
    assert_eq!(driver.ok(&on("figures", "a"))["active_s"], Value::Null);

    erase(&mut driver, "a");
    assert_eq!(states(&mut driver), is(&[(NEW, "active")]));
    assert_eq!(driver.ok(&on("erase_binding", "a")), json!({}));
    assert_eq!(driver.error(&on("drain", "a")), "refused");
    shop.wait_for_sales(5);
    shop.hold_and_settle();
    let total = shop.assert_money_is_right();
    assert_eq!((&total["open"], &total["tests"]), (&json!(0), &json!(2)), "{total:#}");
    assert_eq!((&total["tests_left"], &total["wrong_host"]), (&json!(0), &json!(0)), "{total:#}");
}

#[test]
fn a_switch_that_is_killed_at_any_moment_leaves_exactly_one_active_binding() {
    let mut shop = Shop::selling();
    let mut random = 20_261_128;
    shop.ready_driver().ok(HOLD);
    shop.ready_driver().ok(&stage(&shop));
    for round in 0..12 {
        let to = if round % 2 == 0 { NEW } else { "a" };
        let mut driver = shop.ready_driver();
        driver.ok(HOLD);
        driver.send(&switch(to));
        a_random_moment(&mut random, Duration::from_millis(15));
        shop.kill_till();
        let one = "SELECT count(*) FROM binding WHERE state = 'active'";
        let one: i64 = shop.journal().query_row(one, [], |row| row.get(0)).unwrap();
        assert_eq!(one, 1);
        shop.start_till();
        let mut driver = shop.ready_driver();
        driver.ok(HOLD);
        driver.ok(&switch(to));
        assert_eq!(states(&mut driver)[0], (to.to_owned(), "active".to_owned()));
        driver.ok(RELEASE);
        shop.wait_for_sales(3);
    }
    shop.hold_and_settle();
    let total = shop.assert_money_is_right();
    assert_eq!(total["open"], 0, "{total:#}");
    for host in ["a", "b"] {
        let charges = "SELECT count(*) FROM movement WHERE what = 'charge'";
        let charges: i64 = shop.ledger(host).query_row(charges, [], |row| row.get(0)).unwrap();
        assert!(charges > 0, "host {host} has sold");
    }
}

#[test]
fn a_test_that_is_killed_at_any_moment_is_done_once_or_reversed() {
    let (mut shop, driver) = switched();
    drop(driver);
    let mut random = 77;
    let mut passed = 0;
    for round in 0..10 {
        let kind = ["sale", "refund", "sale", "void", "qr"][round % 5];
        let request = test(&format!("o/{round}"), kind);
        let mut driver = shop.ready_driver();
        driver.ok(HOLD);
        driver.send(&request);
        a_random_moment(&mut random, Duration::from_millis(25));
        shop.kill_till();
        shop.start_till();
        let mut driver = shop.ready_driver();
        driver.ok(HOLD);
        let result = driver.ok(&request);
        assert_eq!(driver.ok(&request), result);
        passed += i64::from(result["passed"] == true);
    }
    let mut driver = shop.ready_driver();
    let tests = "SELECT count(*) FROM test WHERE passed";
    assert_eq!(shop.journal().query_row(tests, [], |row| row.get::<_, i64>(0)).unwrap(), passed);
    wait_for("every test to be voided", || {
        let left = driver.ok(&on("void_tests", NEW));
        if left == json!({"left": 0}) { Ok(()) } else { Err(left) }
    });
    let total = "SELECT coalesce(sum(iif(what = 'charge', amount_minor, -amount_minor)), 0)
                 FROM movement WHERE what IN ('charge', 'reversal')";
    let total: i64 = shop.ledger("b").query_row(total, [], |row| row.get(0)).unwrap();
    assert_eq!(total, 0, "no test has cost anybody anything");
    driver.ok(RELEASE);
    shop.hold_and_settle();
    shop.assert_money_is_right();
}

#[test]
fn a_way_back_empties_the_new_provider_and_sells_with_the_old_one() {
    let (shop, mut driver) = switched();
    assert_eq!(driver.ok(&test("o/1", "sale"))["passed"], true);
    assert_eq!(driver.ok(&test("o/2", "batch-close"))["passed"], true, "its sale is settled");
    driver.ok(RELEASE);
    shop.wait_for_sales(10);
    driver.ok(HOLD);
    assert_eq!(driver.error(&on("erase_binding", NEW)), "refused", "it is active");
    driver.ok(&on("drain", NEW));
    assert_eq!(driver.ok(&on("void_tests", NEW)), json!({"left": 0}), "by a refund");
    driver.ok(&on("settle", NEW));
    driver.ok(&switch("a"));
    assert_eq!(states(&mut driver), is(&[("a", "active"), (NEW, "standby")]));
    driver.ok(RELEASE);
    shop.wait_for_sales(10);
    erase(&mut driver, NEW);
    shop.hold_and_settle();
    let total = shop.assert_money_is_right();
    assert_eq!(total["open"], 0, "{total:#}");
}

#[test]
fn a_switch_is_refused_while_the_shop_sells_and_waits_for_the_sale_in_flight() {
    let mut shop = Shop::with_pace(10);
    let host = FakeHost::start();
    let mut till = pos_sim();
    till.arg("till").arg("--data").arg(shop.till_data()).args(["--terminal", TERMINAL]);
    till.args(["--pace-ms", "10", "--host", &format!("a=127.0.0.1:{}", host.port)]);
    shop.till = Some(Process::start(&mut till));
    host.wait_until_a_sale_is_asked_for();
    let mut driver = shop.driver();
    let staged = driver.send(&stage(&shop));
    let too_early = driver.send(&switch(NEW));
    assert_eq!(driver.answer(too_early, Duration::from_millis(200)), None, "a sale is in flight");
    let hold = driver.send(HOLD);
    let held = "SELECT count(*) FROM hold";
    wait_for("the hold", || {
        let count = shop.journal().query_row(held, [], |row| row.get::<_, i64>(0)).unwrap();
        if count == 1 { Ok(()) } else { Err(count) }
    });
    host.let_go();
    let loaded = json!({ "key_check_value": CHECK_VALUE });
    for (id, said) in [(staged, loaded), (hold, json!({}))] {
        assert_eq!(driver.answer(id, LONG).unwrap()["ok"], said);
    }
    driver.answer(too_early, LONG).unwrap();
    driver.ok(&switch(NEW));
    let begun = "SELECT count(*) FROM sale WHERE state = 'begun'";
    assert_eq!(shop.journal().query_row(begun, [], |row| row.get::<_, i64>(0)).unwrap(), 0);
    driver.ok(RELEASE);
    shop.wait_for_sales(1);
    assert_eq!(driver.error(&switch("a")), "refused", "the shop sells");
}

#[test]
fn what_a_standby_binding_owes_is_sent_to_its_own_host_once_that_answers() {
    let mut shop = Shop::selling();
    shop.kill_host("a");
    shop.wait_for_sales(20);
    let mut driver = shop.ready_driver();
    driver.ok(HOLD);
    driver.ok(&stage(&shop));
    let left = driver.ok(&on("drain", "a"))["left"].clone();
    assert!(left["stored_offline"].as_i64().unwrap() > 0, "{left}");
    driver.ok(&switch(NEW));
    assert_eq!(driver.ok(&on("drain", NEW))["left"]["stored_offline"], 0, "it owes nothing");
    assert_eq!(driver.error(&on("erase_binding", "a")), "refused");
    driver.ok(RELEASE);
    shop.wait_for_sales(5);
    shop.start_host("a");
    wait_for("the old host to be told", || {
        let status = driver.ok(STATUS);
        let a = status["bindings"].as_array().unwrap().iter().find(|it| it["binding"] == "a");
        let a = a.cloned().unwrap();
        if a["stored_offline"] == 0 && a["unsent_reversals"] == 0 { Ok(()) } else { Err(a) }
    });
    shop.hold_and_settle();
    shop.assert_money_is_right();
}

#[test]
fn two_bindings_of_one_provider_are_kept_apart() {
    let shop = Shop::selling();
    let mut driver = shop.ready_driver();
    driver.ok(HOLD);
    driver.ok(&stage_at(&shop, NEW, "a", "A0000009"));
    driver.ok(r#"{"do":"drain"}"#);
    driver.ok(r#"{"do":"settle"}"#);
    driver.ok(&switch(NEW));
    driver.ok(RELEASE);
    shop.wait_for_sales(20);
    erase(&mut driver, "a");
    let batches = shop.hold_and_settle();
    let hosts = driver.ok(r#"{"do":"host_check"}"#)["hosts"].clone();
    assert_eq!(hosts[0]["last_batch"], batches[0]["batch_number"], "{hosts:#} {batches:#}");
    assert_eq!(shop.assert_money_is_right()["open"], 0);
}

#[test]
fn every_fault_of_a_change_is_told_and_changes_nothing() {
    let shop = Shop::selling();
    let mut driver = shop.ready_driver();
    driver.ok(HOLD);
    shop.fault(&["stage-fails=1"]);
    assert_eq!(driver.error(&stage(&shop)), "failed");
    assert_eq!(states(&mut driver), is(&[("a", "active"), ("b", "staged")]));
    driver.ok(&stage(&shop));
    shop.fault(&["switch-fails=1"]);
    assert_eq!(driver.error(&switch(NEW)), "failed");
    shop.fault(&["erase-fails=1"]);
    assert_eq!(driver.error(&on("erase_binding", NEW)), "failed");
    assert_eq!(states(&mut driver), is(&[("a", "active"), (NEW, "staged")]));
    shop.fault(&["stop-fails=1"]);
    assert_eq!(driver.error(r#"{"do":"stop_trading","message":"x"}"#), "failed");
    assert_eq!(driver.ok(STATUS)["stopped"], Value::Null);

    shop.fault(&["switch-hangs"]);
    let hanging = driver.send(&switch(NEW));
    wait_for("the switch", || {
        let seen = states(&mut driver);
        if seen[0].0 == NEW { Ok(()) } else { Err(seen) }
    });
    assert_eq!(driver.answer(hanging, Duration::from_millis(200)), None);
    shop.fault(&["clear"]);
    assert_eq!(driver.answer(hanging, LONG).unwrap()["ok"], json!({"active": NEW}));
}

#[test]
fn tests_fail_time_out_and_hang_on_request_and_nobody_pays_for_it() {
    let (shop, mut driver) = switched();
    shop.fault(&["test-declined=1"]);
    let declined = driver.ok(&test("o/1", "sale"));
    assert_eq!(declined["passed"], false, "{declined:#}");
    shop.fault(&["test-times-out=1"]);
    let lost = driver.ok(&test("o/2", "sale"));
    assert_eq!(lost["passed"], false, "{lost:#}");
    assert!(lost["detail"].as_str().unwrap().contains("reversed"), "{lost:#}");
    for kind in ["void", "refund"] {
        let nothing = driver.ok(&test(&format!("o/{kind}"), kind));
        assert_eq!(nothing["passed"], false, "there is no approved test sale: {nothing:#}");
    }
    let killed = "INSERT INTO test (key, binding, kind, amount_minor, at_ms)
                  VALUES ('o/killed', 'bnd-0a0a', 'void', 0, 0)";
    shop.journal().execute(killed, []).unwrap();
    let begun = "INSERT INTO sale (binding, batch, kind, state, amount_minor, begun_ms, changed_ms,
                    is_test)
                 SELECT binding, number, 'sale', 'begun', 100, 0, 0, 1 FROM batch
                 WHERE binding = 'bnd-0a0a'";
    shop.journal().execute(begun, []).unwrap();
    let its_test = "INSERT INTO test (key, binding, kind, amount_minor, stan, at_ms)
                    SELECT 'o/begun', 'bnd-0a0a', 'sale', 100, max(stan), 0 FROM sale";
    shop.journal().execute(its_test, []).unwrap();
    assert_eq!(driver.ok(&test("o/begun", "sale"))["passed"], false, "reversed");
    assert_eq!(driver.ok(&test("o/killed", "void"))["passed"], false, "it can be answered");
    shop.fault(&["self-test-fails=1"]);
    assert_eq!(driver.ok(&test("o/3", "receipt"))["passed"], false);
    shop.fault(&["test-hangs"]);
    let hanging = driver.send(&test("o/4", "sale"));
    assert_eq!(driver.answer(hanging, Duration::from_millis(500)), None);
    shop.fault(&["clear"]);
    assert_eq!(driver.answer(hanging, LONG).unwrap()["ok"]["passed"], true);
    assert_eq!(driver.ok(&test("o/4", "sale"))["passed"], true, "it was done, once");
    assert_eq!(driver.error(&test("o/4", "qr")), "refused", "another test under that key");
    assert_eq!(driver.ok(&on("void_tests", NEW)), json!({"left": 0}));
    driver.ok(RELEASE);
    assert_eq!(driver.error(&test("o/5", "sale")), "refused", "trading is open");
    shop.hold_and_settle();
    shop.assert_money_is_right();
}

#[test]
fn a_host_refuses_hangs_loses_answers_and_is_late_and_every_test_sale_is_accounted_for() {
    let (shop, mut driver) = switched();
    shop.host_fault("b", &["host-refuses"]);
    for (key, kind) in [("o/1", "diagnosis"), ("o/2", "sale")] {
        let refused = driver.ok(&test(key, kind));
        assert_eq!(refused["passed"], false, "{refused:#}");
    }
    assert_eq!(driver.ok(r#"{"do":"host_check"}"#)["hosts"][0]["reachable"], false);
    shop.host_fault("b", &["clear"]);
    for (key, fault) in [("o/3", "host-loses-answer=1"), ("o/4", "host-answers-late=1")] {
        shop.host_fault("b", &[fault]);
        let lost = driver.ok(&test(key, "sale"));
        assert_eq!(lost["passed"], false, "{fault}: {lost:#}");
    }
    shop.host_fault("b", &["host-hangs"]);
    assert_eq!(driver.error(&test("o/5", "sale")), "not_ready", "nobody knows whether it is paid");
    assert_ne!(driver.ok(&on("void_tests", NEW)), json!({"left": 0}));
    shop.host_fault("b", &["clear"]);
    assert_eq!(driver.ok(&test("o/5", "sale"))["passed"], false, "reversed by now");
    assert_eq!(driver.ok(&test("o/6", "sale"))["passed"], true);
    shop.host_fault("b", &["host-loses-answer=1"]);
    assert_eq!(driver.ok(&test("o/7", "refund"))["passed"], false, "its answer was lost");
    assert_eq!(driver.ok(&on("void_tests", NEW)), json!({"left": 0}));
    driver.ok(RELEASE);
    shop.hold_and_settle();
    shop.assert_money_is_right();
}

#[test]
fn a_host_that_does_not_know_the_merchant_is_not_reached() {
    let mut shop = Shop::selling();
    shop.kill_host("b");
    shop.start_host_with("b", &["--merchant", "898440154110001/B0000001"]);
    let mut driver = shop.ready_driver();
    driver.ok(HOLD);
    driver.ok(&stage(&shop));
    assert_eq!(driver.ok(&test("o/1", "diagnosis"))["passed"], true);
    driver.ok(&stage_at(&shop, NEW, "b", "B0000002"));
    let unknown = driver.ok(&test("o/2", "diagnosis"));
    assert_eq!(unknown["passed"], false, "{unknown:#}");
    assert!(unknown["detail"].as_str().unwrap().contains("B0000002"), "{unknown:#}");
    assert_eq!(driver.ok(&test("o/3", "sale"))["passed"], false);
    let hosts = driver.ok(r#"{"do":"host_check"}"#)["hosts"].clone();
    assert_eq!(hosts[1]["reachable"], false, "{hosts:#}");
}

#[test]
fn figures_are_worse_on_request_for_the_active_binding_only() {
    let (shop, mut driver) = switched();
    driver.ok(RELEASE);
    shop.wait_for_sales(20);
    driver.ok(HOLD);
    let honest = ["a", NEW].map(|binding| driver.ok(&on("figures", binding)));
    shop.fault(&["figures-bad"]);
    let told = ["a", NEW].map(|binding| driver.ok(&on("figures", binding)));
    assert_eq!(told[0], honest[0]);
    assert!(told[1]["approved"].as_i64() < honest[1]["approved"].as_i64(), "{told:#?}");
    assert!(told[1]["crashes"].as_i64() > honest[1]["crashes"].as_i64(), "{told:#?}");
    assert_eq!(driver.error(&on("figures", "nobody")), "refused");
}

#[test]
fn crashes_are_counted_and_a_restart_that_was_asked_for_is_none() {
    let (mut shop, mut driver) = switched();
    shop.kill_till();
    shop.start_till();
    let mut again = shop.ready_driver();
    assert_eq!(again.ok(&on("figures", NEW))["crashes"], 1);
    driver.ok(r#"{"do":"restart"}"#);
    assert_eq!(shop.till.take().unwrap().wait().code(), Some(10));
    shop.start_till();
    let mut again = shop.ready_driver();
    assert_eq!(again.ok(&on("figures", NEW))["crashes"], 1);
    assert_eq!(again.ok(&on("figures", "a"))["crashes"], 0);
}

#[test]
fn a_stopped_shop_stays_closed_until_it_is_released() {
    let mut shop = Shop::selling();
    let mut driver = shop.ready_driver();
    driver.ok(r#"{"do":"hold","lease_s":1,"reason":"test"}"#);
    driver.ok(r#"{"do":"stop_trading","message":"pay in cash, please"}"#);
    wait_for("the lease to be over", || {
        let status = driver.ok(STATUS);
        if status["hold_expires_at"].is_null() { Ok(()) } else { Err(status) }
    });
    let sold = shop.sales();
    shop.kill_till();
    shop.start_till();
    let mut driver = shop.ready_driver();
    for _ in 0..50 {
        let status = driver.ok(STATUS);
        assert_eq!((&status["trading"], &status["work"]), (&json!("held"), &json!("free")));
        assert_eq!(status["stopped"], "pay in cash, please");
    }
    assert_eq!(shop.sales(), sold);
    driver.ok(RELEASE);
    shop.wait_for_sales(1);
    assert_eq!(driver.ok(STATUS)["stopped"], Value::Null);
}

#[test]
fn a_person_reports_something_suspicious_and_the_status_says_so() {
    let mut shop = Shop::selling();
    let mut driver = shop.ready_driver();
    assert_eq!(driver.ok(STATUS)["suspicion"], Value::Null);
    let mut button = pos_sim();
    button.arg("suspicious").arg("--data").arg(shop.till_data());
    button.args(["--note", "a caller wants us to change the provider"]);
    assert!(button.status().unwrap().success());
    let suspicion = driver.ok(STATUS)["suspicion"].clone();
    assert_eq!(suspicion["note"], "a caller wants us to change the provider");
    assert!(suspicion["at"].as_i64().unwrap() > 1_700_000_000, "{suspicion}");
    shop.kill_till();
    shop.start_till();
    assert_eq!(shop.ready_driver().ok(STATUS)["suspicion"], suspicion);
}

#[test]
fn a_backup_of_two_bindings_holds_no_key_and_comes_back() {
    let (shop, mut driver) = switched();
    assert_eq!(driver.ok(&test("o/1", "sale"))["passed"], true);
    let into = shop.path().join("export");
    let exported = driver.ok(&json!({"do": "export", "into": into}).to_string());
    let names: Vec<_> =
        exported["data_sets"].as_array().unwrap().iter().map(|set| &set["name"]).collect();
    assert_eq!(names, ["batch-a", &format!("batch-{NEW}"), "config", "journal", "sales"]);
    for entry in std::fs::read_dir(&into).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes()));
    }
    let source = |verb: &str| {
        json!({"do": verb, "from": into, "data_sets": exported["data_sets"]}).to_string()
    };
    assert_eq!(driver.ok(&source("rehearse"))["data_sets"], exported["data_sets"]);
    assert_eq!(driver.ok(&source("import"))["data_sets"], exported["data_sets"]);
    driver.ok(r#"{"do":"commit_import"}"#);
    assert_eq!(states(&mut driver), is(&[(NEW, "active"), ("a", "standby")]));
    assert_eq!(driver.ok(&on("void_tests", NEW)), json!({"left": 0}));
    driver.ok(RELEASE);
    shop.hold_and_settle();
    shop.assert_money_is_right();
}
