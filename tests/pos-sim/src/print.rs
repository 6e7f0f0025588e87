//! The only place that writes to standard output or standard error.

use std::io::Write as _;

use anyhow::{Context as _, Result};

/// Writes `text` and a line end to standard output.
pub(crate) fn line(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).context("cannot write to standard output")
}

/// Writes one line to standard error. A till whose log nobody reads any more goes on selling, so a
/// failure here is no error.
pub(crate) fn note(text: &str) {
    writeln!(std::io::stderr(), "pos-sim: {text}").ok();
}
