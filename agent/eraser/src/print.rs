//! The only place that writes to standard output and standard error.

use std::io::{self, Write as _};

use crate::protocol::Line;

/// Whoever listened may be gone; the wipe goes on all the same.
pub fn line(line: &Line) {
    let text = serde_json::to_string(line).expect("a line is text and numbers");
    let mut out = io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).ok();
}

pub fn text(text: &str) {
    writeln!(io::stdout().lock(), "{text}").ok();
}

pub fn error(text: &str) {
    writeln!(io::stderr().lock(), "tillward-erase: {text}").ok();
}
