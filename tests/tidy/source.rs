//! The project's own files, as text.

use std::fs;
use std::path::{Path, PathBuf};

/// One Rust file: its path from the root, with `/`, and its text.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Source {
    /// Numbered lines before the file's unit tests, without comments.
    pub(crate) fn code_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let code = self.text.lines().take_while(|line| line.trim() != "#[cfg(test)]");
        let code = code.enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"));
        code.map(|(at, line)| (at + 1, line))
    }
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ is in the root").to_owned()
}

pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every Rust file of the project, by path.
pub(crate) fn rust_sources() -> Vec<Source> {
    let mut sources = Vec::new();
    for member in ["agent", "controller", "shared", "tests", "deploy"] {
        collect(&root().join(member), &mut sources);
    }
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(sources.len() > 20, "the sources were not found");
    sources
}

fn collect(directory: &Path, into: &mut Vec<Source>) {
    let entries = fs::read_dir(directory).expect("the project's directories are readable");
    for entry in entries {
        let path = entry.expect("the project's directories are readable").path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            collect(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("sources are UTF-8");
            let relative = path.strip_prefix(root()).expect("it lies below the root");
            let path = relative.to_str().expect("names are ASCII").to_owned();
            into.push(Source { path, text });
        }
    }
}

/// Whether `word` stands in `line` and is not the tail of a longer name.
pub(crate) fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':')
    })
}
