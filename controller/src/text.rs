//! Texts that people write, and what is taken of them. Pure.

use shared::limits::TEXT_BYTES_MAX;

/// Whether it may be kept and shown as it is: one line, and no longer than others. It may be empty.
pub fn is_fit(text: &str) -> bool {
    text.len() <= TEXT_BYTES_MAX && !text.chars().any(char::is_control)
}

/// The same, and something is said.
pub fn is_said(text: &str) -> bool {
    is_fit(text) && !text.trim().is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_one_line_of_bounded_length_and_says_something() {
        let longest = "x".repeat(TEXT_BYTES_MAX);
        for (text, fits, said) in [
            ("", true, false),
            (" ", true, false),
            ("a note", true, true),
            ("\u{fc}ber", true, true),
            ("a\nb", false, false),
            ("a\u{7}", false, false),
            (&longest, true, true),
            (&format!("{longest}x"), false, false),
        ] {
            assert_eq!((is_fit(text), is_said(text)), (fits, said), "{text:?}");
        }
    }
}
