//! The tables of what is required are whole: no number is left out because it is not met, none
//! stands there twice, and each row says how it is met.

use super::source::read;
use super::{nobody, offenders};

/// Requirements have the numbers.
const LAST: u32 = 108;

/// Of a change of provider and of nothing else.
const OF_A_CHANGE_ALONE: &[u32] = &[9, 11, 12, 16, 17, 18, 19, 26, 43, 74, 76, 77, 97, 106];

/// Of a change of provider too, where the same number may mean something else.
const OF_A_CHANGE_TOO: &[u32] = &[
    1, 3, 4, 5, 6, 8, 10, 13, 14, 20, 21, 22, 30, 31, 33, 34, 36, 44, 47, 48, 55, 57, 62, 66, 67,
    68, 69, 71, 75, 78, 79, 80, 94, 108,
];

const PAGE: &str = "deploy/requirements.md";
const PAGE_OF_A_CHANGE: &str = "deploy/provider-change.md";

/// One of these stands in each row, in the column that says how.
const HOW: &[&str] = &["enforced", "recorded", "left to people", "not there"];

/// The cells of each row that has a number.
fn rows(page: &str) -> Vec<Vec<String>> {
    let text = read(page);
    let numbered = text.lines().filter(|line| line.starts_with("| A-"));
    let cells = |line: &str| {
        let line = line.trim_start_matches("| ").trim_end_matches('|');
        line.split(" | ").map(|cell| cell.trim().to_owned()).collect()
    };
    numbered.map(cells).collect()
}

/// What its first cell says: one number, or some with commas.
fn numbers(page: &str) -> Vec<u32> {
    let all = rows(page);
    assert!(!all.is_empty(), "{page} has no row with a number");
    let first = all.iter().filter_map(|row| row.first());
    let each = first.flat_map(|cell| cell.split(", "));
    let number = |it: &str| {
        let number = it.strip_prefix("A-").and_then(|it| it.parse().ok());
        number.unwrap_or_else(|| panic!("{page}: `{it}` is no number of a requirement"))
    };
    each.map(number).collect()
}

fn stand_once(page: &str, expected: &[u32]) {
    let found = numbers(page);
    let times = |number: u32| found.iter().filter(|it| **it == number).count();
    let missing = expected.iter().filter(|it| times(**it) == 0);
    nobody("not in the table", &offenders(missing.map(|it| format!("{page}: A-{it}"))));
    let strange = found.iter().filter(|it| !expected.contains(it) || times(**it) > 1);
    nobody(
        "in the table twice, or not expected",
        &offenders(strange.map(|it| format!("{page}: A-{it}"))),
    );
}

#[test]
fn every_requirement_stands_in_the_table_once() {
    let expected: Vec<_> = (1..=LAST).filter(|it| !OF_A_CHANGE_ALONE.contains(it)).collect();
    stand_once(PAGE, &expected);
}

#[test]
fn every_requirement_of_a_change_of_provider_stands_in_its_table_once() {
    stand_once(PAGE_OF_A_CHANGE, &[OF_A_CHANGE_ALONE, OF_A_CHANGE_TOO].concat());
}

#[test]
fn every_requirement_says_how_it_is_met() {
    let silent = rows(PAGE).into_iter().filter(|row| {
        let how = row.get(3).map(|cell| cell.to_lowercase()).unwrap_or_default();
        // No., for, what, how, where; a `|` too many moves what is said into another column.
        row.len() != 5 || !HOW.iter().any(|word| how.contains(word))
    });
    let silent = silent.filter_map(|row| row.first().cloned());
    nobody(
        "say in five cells whether it is enforced, recorded, left to people or not there",
        &offenders(silent),
    );
}
