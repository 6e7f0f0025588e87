//! The keeper starts what the slot holds, again and again, and takes its till with it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use serde_json::Value;

use crate::driver_program::Driver;
use crate::process::{Process, pos_sim, signal};
use crate::shop::Shop;
use crate::wait::wait_for;

const STATUS: &str = r#"{"do":"status"}"#;
const RESTART: &str = r#"{"do":"restart"}"#;

/// A shop with two installed versions and a keeper.
struct Kept {
    shop: Shop,
    keeper: Process,
}

impl Kept {
    fn start() -> Self {
        let shop = Shop::with_pace(10);
        for slot in ["one", "two"] {
            let bin = shop.path().join(slot).join("bin");
            fs::create_dir_all(&bin).unwrap();
            fs::copy(env!("CARGO_BIN_EXE_pos-sim"), bin.join("pos-sim")).unwrap();
        }
        symlink("one", shop.path().join("current")).unwrap();
        let keeper = Self::keeper(&shop);
        Self { shop, keeper }
    }

    fn keeper(shop: &Shop) -> Process {
        let mut keep = pos_sim();
        keep.arg("keep").arg("--slot").arg(shop.path().join("current"));
        Process::start(keep.args(shop.till_flags()))
    }

    fn switch_to(&self, slot: &str) {
        let next = self.shop.path().join("next");
        symlink(slot, &next).unwrap();
        fs::rename(next, self.shop.path().join("current")).unwrap();
    }

    fn till_id(&self) -> u32 {
        let path = self.shop.till_data().join("till.pid");
        fs::read_to_string(path).unwrap().trim().parse().unwrap()
    }

    fn running_slot(&self) -> PathBuf {
        let program = fs::read_link(format!("/proc/{}/exe", self.till_id())).unwrap();
        PathBuf::from(program.ancestors().nth(2).unwrap().file_name().unwrap())
    }

    /// Waits for a till that is not `before`; returns its instance.
    fn wait_for_another(&self, driver: &mut Driver, before: &Value) -> Value {
        wait_for("another instance", || {
            let answer = driver.ask(STATUS);
            let instance = &answer["ok"]["application"]["instance"];
            let is_new = instance.is_string() && instance != before;
            if is_new { Ok(instance.clone()) } else { Err(answer) }
        })
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.keeper.kill();
        self.shop.wait_until_till_is_gone();
    }
}

#[test]
fn a_restart_runs_what_the_slot_holds_now_and_loses_nothing() {
    let kept = Kept::start();
    let mut driver = kept.shop.ready_driver();
    assert_eq!(kept.running_slot(), PathBuf::from("one"));
    let mut instance = Value::Null;
    for slot in ["two", "one", "two"] {
        instance = kept.wait_for_another(&mut driver, &Value::Null);
        kept.switch_to(slot);
        driver.ok(RESTART);
        instance = kept.wait_for_another(&mut driver, &instance);
        assert_eq!(kept.running_slot(), PathBuf::from(slot));
        kept.shop.wait_for_sales(2);
    }
    drop(instance);
    kept.shop.hold_and_settle();
    kept.shop.assert_money_is_right();
}

#[test]
fn a_till_that_ends_is_started_again() {
    let kept = Kept::start();
    let mut driver = kept.shop.ready_driver();
    let mut instance = kept.wait_for_another(&mut driver, &Value::Null);
    for _ in 0..3 {
        signal("KILL", kept.till_id());
        instance = kept.wait_for_another(&mut driver, &instance);
    }
    kept.shop.wait_for_sales(1);
    kept.shop.assert_money_is_right();
}

#[test]
fn a_till_that_crashes_at_start_runs_once_the_slot_holds_a_better_one() {
    let kept = Kept::start();
    let mut driver = kept.shop.ready_driver();
    let before = kept.wait_for_another(&mut driver, &Value::Null);
    fs::write(kept.shop.path().join("two/bin/pos-sim"), "#!/bin/sh\nexit 1\n").unwrap();
    kept.switch_to("two");
    driver.ok(RESTART);
    assert_eq!(driver.error(STATUS), "not_ready");
    kept.switch_to("one");
    driver.ok(RESTART);
    kept.wait_for_another(&mut driver, &before);
    assert_eq!(kept.running_slot(), PathBuf::from("one"));
}

#[test]
fn a_slot_that_holds_nothing_is_looked_at_again() {
    let kept = Kept::start();
    let mut driver = kept.shop.ready_driver();
    let before = kept.wait_for_another(&mut driver, &Value::Null);
    kept.switch_to("nowhere");
    driver.ok(RESTART);
    assert_eq!(driver.error(STATUS), "not_ready");
    kept.switch_to("two");
    kept.wait_for_another(&mut driver, &before);
}

#[test]
fn a_till_that_is_stopped_is_restarted_all_the_same() {
    let kept = Kept::start();
    let mut driver = Driver::start(&kept.shop.till_data(), 2_000);
    let before = kept.wait_for_another(&mut driver, &Value::Null);
    signal("STOP", kept.till_id());
    driver.ok(RESTART);
    kept.wait_for_another(&mut driver, &before);
    kept.shop.wait_for_sales(1);
    kept.shop.assert_money_is_right();
}

#[test]
fn stopping_the_keeper_stops_the_till_and_a_new_keeper_takes_over() {
    let mut kept = Kept::start();
    let mut driver = kept.shop.ready_driver();
    let before = kept.wait_for_another(&mut driver, &Value::Null);
    signal("TERM", kept.keeper.id());
    assert!(!kept.keeper.wait().success());
    kept.shop.wait_until_till_is_gone();
    assert_eq!(driver.error(STATUS), "not_ready");
    kept.keeper = Kept::keeper(&kept.shop);
    kept.wait_for_another(&mut driver, &before);
    kept.shop.assert_money_is_right();
}

#[test]
fn the_keeper_hands_on_what_the_hosts_know_the_till_by() {
    let mut kept = Kept::start();
    let mut driver = kept.shop.ready_driver();
    let first = driver.ok(STATUS)["bindings"][0].clone();
    assert_eq!((&first["provider"], &first["tid"]), (&"a".into(), &"000000T1".into()));
    kept.keeper.kill();
    kept.shop.wait_until_till_is_gone();
    fs::remove_dir_all(kept.shop.till_data()).unwrap();
    let mut keep = pos_sim();
    keep.arg("keep").arg("--slot").arg(kept.shop.path().join("current"));
    keep.args(kept.shop.till_flags());
    keep.args(["--mid", "105440154110001", "--tid", "A0000001", "--name", "North Store"]);
    kept.keeper = Process::start(&mut keep);
    let mut driver = kept.shop.ready_driver();
    let named = driver.ok(STATUS)["bindings"][0].clone();
    let tuple = ["mid", "tid", "name"].map(|part| named[part].clone());
    assert_eq!(tuple, ["105440154110001", "A0000001", "North Store"], "{named:#}");
}

#[test]
fn a_second_keeper_is_refused() {
    let kept = Kept::start();
    kept.shop.ready_driver();
    let mut second = Kept::keeper(&kept.shop);
    assert_eq!(second.wait().code(), Some(2));
    kept.shop.ready_driver();
}
