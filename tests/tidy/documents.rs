//! The documents are true: the code map names what is there, links lead somewhere, the version
//! has its line in the changelog.

use std::fs;

use super::source::{read, root};
use super::{nobody, offenders};

const PAGES: &[&str] = &["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"];

/// Lines of the code map in README.md: a path, two or more spaces, what it is.
fn code_map() -> Vec<String> {
    let readme = read("README.md");
    let map = readme.split("## Code map").nth(1).expect("README.md has a section `Code map`");
    let map = map.split("```").nth(1).expect("the code map is a block");
    let paths = map.lines().filter(|line| !line.trim().is_empty() && *line != "text");
    paths.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
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

#[test]
fn links_between_the_pages_lead_somewhere() {
    let mut broken = Vec::new();
    for page in PAGES {
        let text = read(page);
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = link.split('#').next().unwrap_or_default();
            if !file.is_empty() && !file.contains("://") && !root().join(file).exists() {
                broken.push(format!("{page}: {link}"));
            }
        }
    }
    nobody("links that lead nowhere", &offenders(broken.into_iter()));
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
