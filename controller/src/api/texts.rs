//! Texts that people write, of which each is kept and shown.

use shared::limits::TEXT_BYTES_MAX;

use super::problem::{Code, Refusal};
use crate::text::{is_fit, is_said};

/// Each is one line, and no longer than others.
pub(super) fn check_texts<'a>(texts: impl IntoIterator<Item = &'a String>) -> Result<(), Refusal> {
    if texts.into_iter().all(|text| is_fit(text)) {
        return Ok(());
    }
    let detail = format!("a text is longer than {TEXT_BYTES_MAX} bytes, or more than one line");
    Err(Refusal::new(Code::Invalid, detail))
}

/// Each says something too.
pub(super) fn check_said<'a>(texts: impl IntoIterator<Item = &'a String>) -> Result<(), Refusal> {
    if texts.into_iter().all(|text| is_said(text)) {
        return Ok(());
    }
    let detail = format!(
        "a name or a reason is empty, longer than {TEXT_BYTES_MAX} bytes, or more than one line"
    );
    Err(Refusal::new(Code::Invalid, detail))
}
