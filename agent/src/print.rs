//! The only place that writes to standard output, and errors for people to standard error.

use std::error::Error;
use std::io::Write as _;

/// Writes `text` and a line end to standard output.
pub fn line(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush())
}

/// Writes an error with its causes, and what to do about it, to standard error. Where nobody
/// reads that, there is nothing left to tell.
pub fn error(error: &dyn Error, hint: Option<&str>) {
    let mut out = std::io::stderr().lock();
    let mut text = format!("error: {error}");
    let mut cause = error.source();
    while let Some(source) = cause {
        text.push_str(&format!("\n  because: {source}"));
        cause = source.source();
    }
    if let Some(hint) = hint {
        text.push_str(&format!("\nhint: {hint}"));
    }
    writeln!(out, "{text}").ok();
}
