//! One row for each reason.

use std::collections::BTreeMap;

use shared::backup::DataClass;
use shared::digest::Digest;
use shared::document::manifest::Numbers;
use shared::id::{OrderId, RepositoryId};
use shared::time::{ClockConfidence, UnixTime};

use super::*;

const HERE: TerminalId = TerminalId::from_bytes([1; 16]);
const ELSEWHERE: TerminalId = TerminalId::from_bytes([2; 16]);

fn set(name: &str, class: DataClass, last: Option<u64>) -> DataSet {
    let numbers = last.map(|last| Numbers { first: 1, last });
    let totals = BTreeMap::new();
    let name = name.to_owned();
    DataSet { name, class, schema: 1, files: 1, bytes: 1, records: 1, totals, numbers }
}

fn component(version: &str, security_counter: u64) -> Component {
    Component { name: "pos".to_owned(), version: version.to_owned(), security_counter }
}

fn manifest() -> Manifest {
    Manifest {
        format: 1,
        terminal: HERE,
        serial: "T-1".to_owned(),
        model: "px7".to_owned(),
        repository: RepositoryId::from_bytes([3; 16]),
        number: 4,
        snapshot: Digest([5; 32]),
        order: OrderId::from_bytes([6; 16]),
        taken_at: UnixTime(1_800_000_000),
        clock: ClockConfidence::Attested,
        software: vec![component("2.9.0", 5)],
        bindings: vec!["a".to_owned()],
        batch_open: true,
        data_sets: vec![
            set("batch-a", DataClass::Batch, Some(12)),
            set("receipts", DataClass::Sales, None),
            set("sales", DataClass::Transactions, Some(900)),
        ],
        listing: Digest([7; 32]),
        sealed_key: Digest([8; 32]),
        roster_version: 1,
    }
}

/// What can differ between two tills.
struct Till {
    terminal: TerminalId,
    model: &'static str,
    software: Component,
    bindings: Vec<String>,
    last_batch: Option<u64>,
    paths: Vec<AllowedPath>,
}

fn till() -> Till {
    Till {
        terminal: HERE,
        model: "px7",
        software: component("2.9.0", 5),
        bindings: vec!["a".to_owned(), "b".to_owned()],
        last_batch: Some(12),
        paths: vec![AllowedPath {
            name: "receipts".to_owned(),
            class: DataClass::Sales,
            path: "/var/lib/till/receipts".into(),
        }],
    }
}

fn checked(selection: &Selection, till: &Till) -> Result<Vec<String>, Unfit> {
    let host = Host {
        binding: "a".to_owned(),
        reachable: true,
        detail: String::new(),
        last_batch: till.last_batch,
    };
    let here = Here {
        terminal: till.terminal,
        model: till.model,
        software: std::slice::from_ref(&till.software),
        bindings: &till.bindings,
        hosts: &[host],
        paths: &till.paths,
    };
    let manifest = manifest();
    let sets = check(&manifest, &["receipts".to_owned()], selection, &here)?;
    Ok(sets.iter().map(|set| set.name.clone()).collect())
}

fn named(name: &str) -> Selection {
    Selection::DataSets(vec![name.to_owned()])
}

#[test]
fn a_till_gets_back_what_is_its_own() {
    let all = ["batch-a", "receipts", "sales"];
    for till in [
        till(),
        Till { software: component("2.10.0", 5), ..till() },
        Till { software: component("1.0.0", 6), ..till() },
        Till { last_batch: None, ..till() },
        Till { last_batch: Some(11), ..till() },
    ] {
        assert_eq!(checked(&Selection::Everything, &till).unwrap(), all);
    }
    assert_eq!(checked(&named("sales"), &till()).unwrap(), ["sales"]);
    let receipt = Selection::File("paths/receipts/2026/1.txt".to_owned());
    assert_eq!(checked(&receipt, &till()).unwrap(), ["receipts"]);
    let without_paths = Till { paths: Vec::new(), ..till() };
    assert_eq!(checked(&named("sales"), &without_paths).unwrap(), ["sales"]);
}

#[test]
fn the_batch_stays_with_the_terminal_that_took_the_payments() {
    let other = Till { terminal: ELSEWHERE, ..till() };
    assert_eq!(checked(&Selection::Everything, &other).unwrap(), ["receipts", "sales"]);
    let stays = Unfit::StaysThere("batch-a".to_owned());
    assert_eq!(checked(&named("batch-a"), &other), Err(stays));
}

#[test]
fn each_reason_has_its_words() {
    let file = Selection::File("export/sales.db".to_owned());
    let receipt = Selection::File("paths/receipts/1.txt".to_owned());
    let everything = Selection::Everything;
    for (selection, till, words) in [
        (&everything, Till { model: "px5", ..till() }, "it is of a px7, this is a px5"),
        (
            &everything,
            Till { bindings: vec!["b".to_owned()], ..till() },
            "it is of a till with provider `a`, which this till does not have",
        ),
        (
            &everything,
            Till { software: component("2.8.9", 5), ..till() },
            "pos 2.9.0 wrote it, and 2.8.9 may not be able to read it",
        ),
        (
            &everything,
            Till { software: component("3.0.0", 4), ..till() },
            "pos 2.9.0 wrote it, and 3.0.0 may not be able to read it",
        ),
        (
            &everything,
            Till { last_batch: Some(13), ..till() },
            "`batch-a` ends with batch 12, and the host has closed batch 13 since",
        ),
        (&named("stock"), till(), "it holds no data set `stock`"),
        (&Selection::DataSets(Vec::new()), till(), "nothing of it may be restored here"),
        (
            &everything,
            Till { paths: Vec::new(), ..till() },
            "`receipts` is not among `[[backup.paths]]` in this terminal's agent.toml",
        ),
        (
            &receipt,
            Till { paths: Vec::new(), ..till() },
            "`receipts` is not among `[[backup.paths]]` in this terminal's agent.toml",
        ),
        (
            &Selection::File("paths/stock/1".to_owned()),
            till(),
            "`paths/stock/1` is none of its files",
        ),
        (
            &Selection::File("paths/sales/1".to_owned()),
            till(),
            "`paths/sales/1` is none of its files",
        ),
        (&Selection::File("listing".to_owned()), till(), "`listing` is none of its files"),
        (
            &file,
            till(),
            "a single file of the till's own data cannot be put back: restore its data set",
        ),
    ] {
        assert_eq!(checked(selection, &till).unwrap_err().to_string(), words);
    }
}

#[test]
fn an_older_batch_keeps_nothing_else_back() {
    let ahead = Till { last_batch: Some(99), ..till() };
    assert_eq!(checked(&named("sales"), &ahead).unwrap(), ["sales"]);
}
