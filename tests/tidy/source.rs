//! The project's own files, as text.

use std::fs;
use std::path::{Path, PathBuf};

/// One file: its path from the root, with `/`, and its text.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Source {
    /// Whether its `//!` header says "Pure": of the module and of everything below it.
    pub(crate) fn says_that_it_is_pure(&self) -> bool {
        let header = self.text.lines().take_while(|line| line.starts_with("//!"));
        let mut words = header.flat_map(str::split_whitespace);
        words.any(|word| word.trim_end_matches(['.', ':', ';', ',']) == "Pure")
    }

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
    let sources = with_extension("rs");
    assert!(sources.len() > 20, "the sources were not found");
    sources
}

/// Every page of the project, by path.
pub(crate) fn pages() -> Vec<Source> {
    let pages = with_extension("md");
    assert!(pages.iter().any(|page| page.path == "README.md"), "the pages were not found");
    pages
}

fn with_extension(extension: &str) -> Vec<Source> {
    let mut found = Vec::new();
    collect(&root(), extension, &mut found);
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// Not from hidden directories, nor from what cargo builds.
fn collect(directory: &Path, extension: &str, into: &mut Vec<Source>) {
    let entries = fs::read_dir(directory).expect("the project's directories are readable");
    for entry in entries {
        let entry = entry.expect("the project's directories are readable");
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_str().expect("names are ASCII");
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            collect(&path, extension, into);
        } else if path.extension().is_some_and(|its| its == extension) {
            let text = fs::read_to_string(&path).expect("sources and pages are UTF-8");
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
