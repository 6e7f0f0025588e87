//! Exports while the till sells, and imports while it does not.

use std::path::PathBuf;

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::driver_program::Driver;
use crate::shop::Shop;
use crate::wait::wait_for;

fn export(shop: &Shop, driver: &mut Driver) -> (PathBuf, Value) {
    let into = shop.path().join("export");
    let answer = driver.ok(&json!({"do": "export", "into": into}).to_string());
    (into, answer)
}

fn sales(answer: &Value) -> &Value {
    let sets = answer["data_sets"].as_array().unwrap();
    sets.iter().find(|set| set["name"] == "sales").unwrap()
}

#[test]
fn the_till_sells_while_it_exports_and_what_is_exported_adds_up() {
    let shop = Shop::selling();
    let mut driver = shop.ready_driver();
    for _round in 0..10 {
        let before = shop.sales();
        let (from, exported) = export(&shop, &mut driver);
        assert!(exported["held_ms"].as_u64().unwrap() <= 2_000, "{exported:#}");
        assert!(sales(&exported)["records"].as_i64().unwrap() >= before);
        let ask = json!({"do": "rehearse", "from": from, "data_sets": exported["data_sets"]});
        let rehearsed = driver.ok(&ask.to_string());
        assert_eq!(rehearsed["data_sets"], exported["data_sets"]);
    }
    shop.wait_for_sales(5);
    shop.hold_and_settle();
    shop.assert_money_is_right();
}

#[test]
fn a_till_that_lost_its_journal_gets_it_back_and_settles() {
    let mut shop = Shop::selling();
    let mut driver = shop.ready_driver();
    driver.ok(r#"{"do":"hold","lease_s":600,"reason":"test"}"#);
    driver.ok(r#"{"do":"drain"}"#);
    let (from, exported) = export(&shop, &mut driver);
    assert_eq!(exported["batch_open"], true);
    shop.kill_till();
    for file in ["till.db", "till.db-wal", "till.db-shm"] {
        std::fs::remove_file(shop.till_data().join(file)).ok();
    }
    shop.start_till();
    let mut driver = shop.ready_driver();
    driver.ok(r#"{"do":"hold","lease_s":600,"reason":"test"}"#);
    let ask = json!({"do": "import", "from": from, "data_sets": exported["data_sets"]});
    let imported = driver.ok(&ask.to_string());
    assert_eq!(imported["data_sets"], exported["data_sets"]);
    shop.kill_till();
    shop.start_till();
    let mut driver = shop.ready_driver();
    assert_eq!(driver.ok(&ask.to_string()), imported, "the same again after a restart");
    driver.ok(r#"{"do":"commit_import"}"#);
    driver.ok(r#"{"do":"hold","lease_s":600,"reason":"test"}"#);
    driver.ok(r#"{"do":"drain"}"#);
    driver.ok(r#"{"do":"settle"}"#);
    let hosts = driver.ok(r#"{"do":"host_check"}"#);
    assert_eq!(hosts["hosts"][0]["last_batch"], 1, "{hosts:#}");
}

/// The shop's till, held and settled, with at least two amounts held; returns the numbers of them.
fn close_with_open_preauthorisations(shop: &Shop) -> Vec<i64> {
    let mut driver = shop.ready_driver();
    let stans = wait_for("two open pre-authorisations", || {
        driver.ok(r#"{"do":"hold","lease_s":600,"reason":"test"}"#);
        driver.ok(r#"{"do":"drain"}"#);
        let stans = numbers(&shop.journal(), "state = 'held'");
        if stans.len() >= 2 {
            return Ok(stans);
        }
        driver.ok(r#"{"do":"release"}"#);
        Err(stans)
    });
    shop.hold_and_settle();
    stans
}

fn numbers(journal: &Connection, which: &str) -> Vec<i64> {
    let sql = format!("SELECT stan FROM sale WHERE {which} ORDER BY stan");
    let mut statement = journal.prepare(&sql).unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

#[test]
fn another_till_finishes_the_preauthorisations_that_were_restored_onto_it() {
    let mut shop = Shop::selling();
    let open = close_with_open_preauthorisations(&shop);
    let (from, _) = export(&shop, &mut shop.ready_driver());
    shop.put_another_unit_in_place();
    let mut driver = shop.ready_driver();
    driver.ok(r#"{"do":"hold","lease_s":600,"reason":"test"}"#);
    // The batch stays with the terminal that took the payments.
    let sets: Vec<_> = ["config", "journal", "sales"].map(|name| json!({"name": name})).into();
    driver.ok(&json!({"do": "import", "from": from, "data_sets": sets}).to_string());
    driver.ok(r#"{"do":"commit_import"}"#);
    driver.ok(r#"{"do":"release"}"#);
    shop.open_for_customers();
    let open: Vec<_> = open.iter().map(i64::to_string).collect();
    let are = |state: &str| format!("stan IN ({}) AND state {state}", open.join(","));
    wait_for("customers to finish what was held", || {
        let held = numbers(&shop.journal(), &are("= 'held'"));
        if held.is_empty() { Ok(()) } else { Err(held) }
    });
    let settled = shop.hold_and_settle();
    assert_eq!(settled[0]["total_minor"], settled[0]["host_total_minor"], "{settled:#}");
    assert_ne!(settled[0]["host_reference"], "", "{settled:#}");
    let finished = numbers(&shop.journal(), &are("IN ('approved', 'reversed')"));
    assert_eq!(finished.len(), open.len());
    let sql =
        "SELECT count(*) FROM movement WHERE what = 'release' AND terminal = 'T1' AND stan = ?1";
    for stan in &finished {
        let released: i64 = shop.ledger("a").query_row(sql, [stan], |row| row.get(0)).unwrap();
        assert_eq!(released, 1, "what T1 held for sale {stan} is held no more");
    }
    shop.assert_money_is_right();
}

#[test]
fn a_till_that_got_its_own_data_back_finishes_its_preauthorisations() {
    let shop = Shop::selling();
    let open = close_with_open_preauthorisations(&shop);
    let mut driver = shop.ready_driver();
    let (from, exported) = export(&shop, &mut driver);
    let ask = json!({"do": "import", "from": from, "data_sets": exported["data_sets"]});
    driver.ok(&ask.to_string());
    driver.ok(r#"{"do":"commit_import"}"#);
    driver.ok(r#"{"do":"release"}"#);
    wait_for("customers to finish what was held", || {
        let held = numbers(&shop.journal(), "state = 'held'");
        if held.iter().any(|stan| open.contains(stan)) { Err(held) } else { Ok(()) }
    });
    let settled = shop.hold_and_settle();
    assert_ne!(settled[0]["host_reference"], "", "{settled:#}");
    shop.assert_money_is_right();
}

#[test]
fn every_fault_of_a_backup_is_told_and_the_till_goes_on() {
    let shop = Shop::selling();
    let mut driver = shop.ready_driver();
    let (from, exported) = export(&shop, &mut driver);
    let with = |verb: &str| {
        let sets = &exported["data_sets"];
        json!({"do": verb, "from": from, "into": from, "data_sets": sets}).to_string()
    };
    for (fault, verb) in [
        ("export-fails=1", "export"),
        ("rehearse-fails=1", "rehearse"),
        ("import-fails=1", "import"),
        ("revert-fails=1", "revert_import"),
        ("commit-fails=1", "commit_import"),
    ] {
        shop.fault(&[fault]);
        assert_eq!(driver.error(&with(verb)), "failed", "{fault}");
    }
    for (fault, verb) in [("export-lies=1", "export"), ("rehearse-lies=1", "rehearse")] {
        shop.fault(&[fault]);
        let told = driver.ok(&with(verb));
        assert!(sales(&told)["records"].as_i64() > sales(&exported)["records"].as_i64());
    }
    shop.fault(&["export-card-number=1"]);
    let told = driver.ok(&with("export"));
    assert!(told.to_string().contains("receipt.txt"), "{told:#}");
    shop.wait_for_sales(3);
}
