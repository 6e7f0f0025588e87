//! Holds the shape of the project: what the compiler and clippy cannot see.
//!
//! Each test names the rule it keeps, and its failure says which file breaks it and what to do.

mod commands;
mod documents;
mod requirements;
mod source;

use source::{Source, rust_sources};

/// Modules of plain data and rules, which only decide, though their headers do not say so. Those
/// that say so are found by what they say.
const PURE: &[&str] = &[
    "shared/src/change.rs",
    "shared/src/document.rs",
    "shared/src/floor.rs",
    "shared/src/membership.rs",
    "shared/src/message.rs",
    "shared/src/outcome.rs",
    "shared/src/topic.rs",
];

const IMPURE: &[&str] = &[
    "async fn",
    "Instant::now",
    "SystemTime::now",
    "Timestamp::now",
    "std::env",
    "std::fs",
    "std::net",
    "std::process",
    "std::thread",
    "tokio::",
];

/// Which files may name a library, so that replacing it is a change to those files.
const CONFINED: &[(&str, &[&str])] = &[
    ("serde_cbor", &["shared/src/codec.rs"]),
    ("sled", &["shared/src/queue/database.rs"]),
    ("coset", &["shared/src/signature/envelope.rs"]),
    ("rumqttc", &["agent/src/mqtt.rs", "controller/src/mqtt.rs"]),
    ("mqtt5", &["controller/src/broker/embedded.rs"]),
    ("sqlx", &["controller/src/registry.rs"]),
    ("object_store", &["controller/src/blob.rs"]),
    ("ical", &["controller/src/calendar/ics.rs", "controller/src/calendar/repeat.rs"]),
    ("age", &["controller/src/key_file.rs", "agent/snapshot/src/keys/seal.rs"]),
    ("version_compare", &["controller/src/version.rs"]),
    ("winnow", &["controller/src/selector/grammar.rs"]),
    ("rustic_core", &["agent/snapshot/src/engine.rs", "agent/snapshot/src/source.rs"]),
];

/// In lines. A file that grows past it is two subjects.
const FILE_LINES_MAX: usize = 800;

/// Of a line, in characters. rustfmt leaves comments and string literals alone.
const LINE_CHARS_MAX: usize = 100;

/// `job.rs` covers itself and everything in `job/`.
fn covers(listed: &str, path: &str) -> bool {
    let module = listed.strip_suffix(".rs").expect("a module is listed by its file");
    path == listed || path.strip_prefix(module).is_some_and(|rest| rest.starts_with('/'))
}

fn offenders(found: impl Iterator<Item = String>) -> String {
    found.collect::<Vec<_>>().join("\n  ")
}

#[track_caller]
fn nobody(rule: &str, offenders: &str) {
    assert!(offenders.is_empty(), "{rule}:\n  {offenders}");
}

#[test]
fn modules_that_decide_do_not_act() {
    let sources = rust_sources();
    let mut listed: Vec<_> = PURE.to_vec();
    listed.extend(sources.iter().filter(|s| s.says_that_it_is_pure()).map(|s| s.path.as_str()));
    for listed in &listed {
        assert!(sources.iter().any(|s| s.path == *listed), "{listed} is listed but gone");
    }
    let pure = sources.iter().filter(|s| listed.iter().any(|listed| covers(listed, &s.path)));
    let found = pure.flat_map(|source| {
        let lines = source.code_lines().filter(|(_, line)| IMPURE.iter().any(|w| line.contains(w)));
        lines.map(|(at, line)| format!("{}:{at}: {}", source.path, line.trim())).collect::<Vec<_>>()
    });
    nobody("pure modules return an effect and let somebody else act", &offenders(found));
}

#[test]
fn each_confined_library_is_known_to_its_own_files_only() {
    let sources = rust_sources();
    let product = |s: &&Source| {
        let tests = s.path.starts_with("tests/") || s.path.contains("/tests/");
        let measures = s.path.contains("/benches/");
        !tests && !measures && !s.path.starts_with("deploy/")
    };
    let found = CONFINED.iter().flat_map(|(library, files)| {
        let used = [format!("{library}::"), format!("use {library};")];
        let outside = sources.iter().filter(product).filter(|source| {
            !files.iter().any(|file| covers(file, &source.path))
                && source
                    .code_lines()
                    .any(|(_, line)| used.iter().any(|word| source::has_word(line, word)))
        });
        outside.map(|source| format!("{} names {library}", source.path)).collect::<Vec<_>>()
    });
    nobody("a library is replaced by changing one file", &offenders(found));
}

/// What a kind of change means for a campaign stands in one file, so that a further kind has waves,
/// gates, budgets and calendars as all others have. Its words are told apart where they are said.
#[test]
fn campaigns_know_no_kinds() {
    let is_campaign = |s: &&Source| {
        let of_campaign = s.path.starts_with("controller/src/campaign");
        of_campaign && !s.path.ends_with("/words.rs") && !s.path.ends_with("/tests.rs")
    };
    let sources = rust_sources();
    let found = sources.iter().filter(is_campaign).flat_map(|source| {
        let kinds = ["Upgrade", "Rebind", "Suspend", "Resume", "Decommission", "Backup", "Restore"];
        let named = source.code_lines().filter(move |(_, line)| {
            kinds.iter().any(|kind| line.contains(&format!("Change::{kind}")))
        });
        named.map(|(at, _)| format!("{}:{at}", source.path)).collect::<Vec<_>>()
    });
    nobody("say in controller/src/kind.rs what it means", &offenders(found));
}

#[test]
fn files_stay_small() {
    let long = rust_sources().into_iter().filter(|s| s.text.lines().count() > FILE_LINES_MAX);
    let found = long.map(|s| format!("{}: {} lines", s.path, s.text.lines().count()));
    nobody("look for the missing module", &offenders(found));
}

#[test]
fn lines_fit_beside_each_other() {
    let found = rust_sources().into_iter().flat_map(|source| {
        let lines = source.text.lines().enumerate();
        let long = lines
            .filter(|(_, line)| line.chars().count() > LINE_CHARS_MAX && !line.contains("://"));
        long.map(|(at, _)| format!("{}:{}", source.path, at + 1)).collect::<Vec<_>>()
    });
    nobody("break lines of more than 100 characters", &offenders(found));
}

#[test]
fn every_file_says_what_it_is() {
    let silent = rust_sources().into_iter().filter(|s| !s.text.starts_with("//!"));
    nobody("begin with a `//!` header", &offenders(silent.map(|s| s.path)));
}

#[test]
fn nothing_is_left_for_later() {
    let words = ["todo!", "unimplemented!", "dbg!", "#[ignore", "FIX\x4dE", "TO\x44O", "XX\x58"];
    let found = rust_sources().into_iter().filter(|s| !s.path.starts_with("tests/tidy/"));
    let found = found.flat_map(|source| {
        let lines = source.text.lines().enumerate();
        let left = lines.filter(|(_, line)| words.iter().any(|w| source::has_word(line, w)));
        left.map(|(at, _)| format!("{}:{}", source.path, at + 1)).collect::<Vec<_>>()
    });
    nobody("finish it, or write an issue", &offenders(found));
}

#[test]
fn products_replace_files_in_one_durable_way() {
    let product = |s: &Source| {
        let tests = s.path.contains("/tests/") || s.path.ends_with("/tests.rs");
        !tests
            && ["agent/src", "controller/src", "shared/src"].iter().any(|d| s.path.starts_with(d))
    };
    let found = rust_sources().into_iter().filter(product).flat_map(|source| {
        let lines = source.code_lines().filter(|(_, line)| line.contains("fs::write("));
        lines.map(|(at, _)| format!("{}:{at}", source.path)).collect::<Vec<_>>()
    });
    nobody("use shared::durable::replace_file", &offenders(found));
}

#[test]
fn agent_and_controller_do_not_know_each_other() {
    for (member, other) in [("agent", "controller"), ("controller", "agent")] {
        let manifest = source::read(&format!("{member}/Cargo.toml"));
        let depends = manifest.lines().any(|line| {
            line.starts_with(&format!("{other} ")) || line.starts_with(&format!("{other}."))
        });
        assert!(!depends, "{member} depends on {other}: move what both need to shared");
    }
}
