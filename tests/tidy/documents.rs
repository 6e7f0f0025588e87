//! The documents are true: the code map names what is there, links lead somewhere, the version
//! has its line in the changelog.

use std::collections::BTreeSet;
use std::fs;

use super::source::{pages, read, root, rust_sources};
use super::{nobody, offenders};

/// What begins like this is meant from the root of the project.
const FROM_THE_ROOT: &[&str] = &["agent/", "controller/", "shared/", "tests/", "deploy/", ".ci/"];

/// Examples of names.
const NO_FILES: &[&str] = &["foo.rs", "mod.rs"];

/// Lines of the code map in README.md: a path, two or more spaces, what it is.
fn code_map_lines() -> Vec<String> {
    let readme = read("README.md");
    let map = readme.split("## Code map").nth(1).expect("README.md has a section `Code map`");
    let map = map.split("```").nth(1).expect("the code map is a block");
    let lines = map.lines().filter(|line| !line.trim().is_empty() && *line != "text");
    lines.map(str::to_owned).collect()
}

fn code_map() -> Vec<String> {
    let lines = code_map_lines();
    let paths = lines.iter().filter_map(|line| line.split_whitespace().next());
    paths.map(str::to_owned).collect()
}

#[test]
fn the_code_map_names_only_what_is_there() {
    let gone = code_map().into_iter().filter(|path| !root().join(path).exists());
    nobody("named in README.md's code map, but not there", &offenders(gone));
}

#[test]
fn every_module_stands_in_the_code_map() {
    let map = code_map();
    let mut missing = Vec::new();
    for member in ["agent/src", "controller/src", "shared/src", "tests", "deploy"] {
        let entries = fs::read_dir(root().join(member)).expect("the member is there");
        for entry in entries {
            let path = entry.expect("the member is readable").path();
            let name = path.file_name().and_then(|name| name.to_str()).expect("names are ASCII");
            let listed = format!("{member}/{name}");
            let is_module = name.ends_with(".rs") && !["lib.rs", "main.rs"].contains(&name);
            let is_folder = path.is_dir() && !path.with_extension("rs").exists();
            if (is_module || is_folder)
                && !map.iter().any(|m| m.trim_end_matches('/') == listed)
                && name != "bin"
            {
                missing.push(listed);
            }
        }
    }
    missing.sort();
    nobody("not in README.md's code map", &offenders(missing.into_iter()));
}

/// Else a module could leave the rule for pure modules by saying nothing.
#[test]
fn what_the_code_map_calls_pure_says_so_itself() {
    let lines = code_map_lines();
    let called: Vec<_> = lines.iter().filter(|line| line.trim_end().ends_with("(pure)")).collect();
    assert!(!called.is_empty(), "the code map marks nothing as pure");
    let sources = rust_sources();
    let silent = called.iter().filter(|line| {
        let path = line.split_whitespace().next().unwrap_or_default();
        !sources.iter().any(|source| source.path == path && source.says_that_it_is_pure())
    });
    nobody(
        "say `Pure` in the header, or not in the map",
        &offenders(silent.map(|l| l.to_string())),
    );
}

#[test]
fn links_between_the_pages_lead_somewhere() {
    let mut broken = Vec::new();
    for page in pages() {
        let beside = root().join(&page.path).parent().expect("it lies somewhere").to_owned();
        for link in page.text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = link.split('#').next().unwrap_or_default();
            if !file.is_empty() && !file.contains("://") && !beside.join(file).exists() {
                broken.push(format!("{}: {link}", page.path));
            }
        }
    }
    nobody("links that lead nowhere", &offenders(broken.into_iter()));
}

/// What stands in backticks, of each line.
pub(super) fn quotes(text: &str) -> impl Iterator<Item = &str> {
    text.lines().flat_map(|line| line.split('`').skip(1).step_by(2))
}

/// In backticks; the first word, since commands have arguments.
fn quoted_words(text: &str) -> impl Iterator<Item = &str> {
    quotes(text).filter_map(|quoted| quoted.split_whitespace().next())
}

#[test]
fn files_that_the_pages_name_are_there() {
    let sources = rust_sources();
    let is_there = |name: &str| match FROM_THE_ROOT.iter().any(|begin| name.starts_with(begin)) {
        true => root().join(name).exists(),
        false => {
            let tail = format!("/{name}");
            let is_source = name.ends_with(".rs") && !NO_FILES.contains(&name);
            !is_source || sources.iter().any(|s| s.path == name || s.path.ends_with(&tail))
        }
    };
    let gone = pages().into_iter().flat_map(|page| {
        let words = quoted_words(&page.text).map(|word| word.trim_start_matches("./"));
        let gone = words.filter(|name| !is_there(name));
        gone.map(|name| format!("{}: {name}", page.path)).collect::<Vec<_>>()
    });
    nobody("named by a page, but not there", &offenders(gone));
}

/// Names of tests are sentences: no other quoted name has so many words.
const WORDS_OF_A_TEST_MIN: usize = 5;

#[test]
fn tests_that_the_pages_name_are_there() {
    let sources = rust_sources();
    let lines = sources.iter().flat_map(|source| source.text.lines());
    let named = lines.filter_map(|line| line.split_once("fn ")?.1.split(['(', '<']).next());
    let known: BTreeSet<_> = named.collect();
    let is_test = |name: &&str| {
        let of_a_name = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'_';
        name.bytes().all(of_a_name) && name.split('_').count() >= WORDS_OF_A_TEST_MIN
    };
    let pages = pages().into_iter().filter(|page| page.path.starts_with("deploy/"));
    let gone = pages.flat_map(|page| {
        let names = quoted_words(&page.text).filter(is_test).filter(|name| !known.contains(name));
        names.map(|name| format!("{}: {name}", page.path)).collect::<Vec<_>>()
    });
    nobody("a page says that a test shows it, and there is none", &offenders(gone));
}

#[test]
fn the_version_has_its_line_in_the_changelog() {
    let version = env!("CARGO_PKG_VERSION");
    assert!(read("CHANGELOG.md").contains(&format!("## {version}")), "no entry for {version}");
}

#[test]
fn the_first_screen_of_the_readme_shows_both_commands() {
    let readme = read("README.md");
    let first_screen: Vec<_> = readme.lines().take(40).collect();
    for command in ["cargo demo", "./tests/run"] {
        assert!(first_screen.iter().any(|line| line.contains(command)), "{command} is not there");
    }
}
