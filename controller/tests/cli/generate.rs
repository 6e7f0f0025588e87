//! Completions and manual pages come from the command line's own definition.

use std::fs;

use crate::{run, text};

#[test]
fn every_shell_gets_completions_that_know_the_commands() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = run(&["completions", shell]).ok();
        for word in ["campaign", "max-parallel", "insecure-dev"] {
            assert!(script.contains(word), "{shell} does not know {word}");
        }
    }
    run(&["completions", "command.com"]).failed(2);
}

#[test]
fn every_command_has_a_manual_page() {
    let dir = tempfile::tempdir().unwrap();
    let pages = dir.path().join("man");
    run(&["man", text(&pages)]).ok();
    for page in ["tillward", "tillward-release-build", "tillward-campaign-watch"] {
        let page = fs::read_to_string(pages.join(format!("{page}.1"))).unwrap();
        assert!(page.contains(".SH SYNOPSIS"), "{page}");
    }
    assert!(fs::read_dir(&pages).unwrap().count() > 30);
}
