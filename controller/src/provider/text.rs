//! Texts that people write, and everything that is wrong with them at once.

use std::collections::BTreeSet;

use super::day::Day;

/// A key is a word in a path and in a command.
pub const KEY_BYTES_MAX: usize = 64;

/// Of any text: a sentence or two. Longer ones are documents, which are named by their digest.
pub const TEXT_CHARS_MAX: usize = 256;

/// Of any list in a document: more is a mistake, and would not be read by a person.
pub const LIST_ITEMS_MAX: usize = 64;

/// Everything that is wrong with a document.
#[derive(Debug, Default)]
pub struct Mistakes(Vec<String>);

impl Mistakes {
    pub fn add(&mut self, what: impl Into<String>) {
        self.0.push(what.into());
    }

    pub fn found(self) -> Vec<String> {
        self.0
    }

    /// Letters, digits, `-`, `_` and `.`, beginning with a letter or a digit: nothing that
    /// a path, a spreadsheet or a shell understands otherwise.
    pub fn key(&mut self, field: &str, value: &str) {
        if !is_key(value) {
            self.add(format!(
                "`{field}` is `{}`: write a word of at most {KEY_BYTES_MAX} letters (a-z, A-Z), \
                 digits, `-`, `_` and `.`, which begins with a letter or digit",
                shown(value)
            ));
        }
    }

    /// 1 to [`TEXT_CHARS_MAX`] printable characters, without a space at either end.
    pub fn text(&mut self, field: &str, value: &str) {
        let fits = (1..=TEXT_CHARS_MAX).contains(&value.chars().count());
        if !fits || value.chars().any(char::is_control) || value.trim() != value {
            self.add(format!(
                "`{field}` is `{}`: write 1 to {TEXT_CHARS_MAX} printable characters, without \
                 a space at either end",
                shown(value)
            ));
        }
    }

    pub fn maybe_text(&mut self, field: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.text(field, value);
        }
    }

    pub fn currency(&mut self, field: &str, value: &str) {
        if value.len() != 3 || !value.bytes().all(|it| it.is_ascii_uppercase()) {
            let value = shown(value);
            self.add(format!("`{field}` is `{value}`: write three capital letters, as `CNY`"));
        }
    }

    /// A digest, in hexadecimal.
    pub fn digest(&mut self, field: &str, value: &str) {
        if value.parse::<shared::digest::Digest>().is_err() {
            let value = shown(value);
            self.add(format!("`{field}` is `{value}`: write SHA-256 in 64 hexadecimal digits"));
        }
    }

    pub fn not_negative(&mut self, field: &str, value: i64) {
        if value < 0 {
            self.add(format!("`{field}` is {value}: write 0 or more"));
        }
    }

    pub fn in_order(&mut self, from: (&str, Day), until: (&str, Day)) {
        if until.1 < from.1 {
            let ((first, from), (last, until)) = (from, until);
            self.add(format!("`{last}` is {until}, which is before `{first}`, {from}"));
        }
    }

    pub fn few<T>(&mut self, field: &str, list: &[T], max: usize) {
        if list.len() > max {
            self.add(format!("`{field}` has {} entries: write at most {max}", list.len()));
        }
    }

    /// No two of them are the same.
    pub fn each_once<T: Ord>(&mut self, field: &str, keys: impl IntoIterator<Item = T>) {
        let mut seen = BTreeSet::new();
        if !keys.into_iter().all(|key| seen.insert(key)) {
            self.add(format!("`{field}` names one twice"));
        }
    }
}

pub fn is_key(value: &str) -> bool {
    let plain = |it: u8| it.is_ascii_alphanumeric() || b"-_.".contains(&it);
    let begins_well = value.bytes().next().is_some_and(|it| it.is_ascii_alphanumeric());
    begins_well && value.len() <= KEY_BYTES_MAX && value.bytes().all(plain)
}

/// What somebody wrote, short enough to be shown, without what acts on a screen.
pub fn shown(text: &str) -> String {
    let harmless = |letter: char| if letter.is_control() { '\u{fffd}' } else { letter };
    text.chars().map(harmless).take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_a_word_that_nothing_reads_otherwise() {
        for good in ["a", "T650", "9", "alpha-2.eu_1", &"k".repeat(64)] {
            assert!(is_key(good), "{good}");
        }
        for bad in ["", "-a", ".a", "=1+1", "a b", "a/b", "ä", "a\n", &"k".repeat(65)] {
            assert!(!is_key(bad), "{bad}");
        }
    }

    #[test]
    fn what_is_shown_is_short_and_harmless() {
        assert_eq!(shown("a\u{1b}[2J"), "a\u{fffd}[2J");
        assert_eq!(shown(&"x".repeat(1000)).len(), 64);
    }
}
