//! Labels of terminals: what people know them by. Pure.

use std::collections::BTreeMap;

/// The longest key or value.
pub const WORD_BYTES_MAX: usize = 64;

/// Of one terminal, and in one request.
pub const LABELS_MAX: usize = 32;

/// What a word is, as people are told.
pub const WORD: &str =
    "1 to 64 bytes, none of them a space, a quotation mark or one of = ! & | ( ) ,";

/// Values by key.
pub type Labels = BTreeMap<String, String>;

/// Whether this may be the key or the value of a label. Words appear in selectors, on screens and
/// in files: short, and without surprises.
pub fn is_word(text: &str) -> bool {
    let reserved = |c: char| c.is_whitespace() || c.is_control() || "\"'`=!&|(),".contains(c);
    (1..=WORD_BYTES_MAX).contains(&text.len()) && !text.contains(reserved)
}

/// What a wish comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relabelled {
    pub labels: Labels,
    /// `KEY=VALUE` or `KEY-` of each that is not as it was before.
    pub changed: Vec<String>,
}

/// Labels get these values; one without a value is taken away.
pub fn relabelled(before: &Labels, wish: &BTreeMap<String, Option<String>>) -> Relabelled {
    let mut it = Relabelled { labels: before.clone(), changed: vec![] };
    for (key, value) in wish.iter().filter(|(key, value)| before.get(*key) != value.as_ref()) {
        it.changed.push(match value {
            Some(value) => format!("{key}={value}"),
            None => format!("{key}-"),
        });
        match value {
            Some(value) => it.labels.insert(key.clone(), value.clone()),
            None => it.labels.remove(key),
        };
    }
    it
}

/// The labels of a terminal that enrols again. Those of its claim count more.
pub fn claimed_again(before: &Labels, claim: &Labels) -> Labels {
    let both = before.iter().chain(claim);
    both.map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// Whether a terminal may have so many from now on. One that has too many may lose some.
pub fn may_have(before: &Labels, then: &Labels) -> bool {
    then.len() <= LABELS_MAX.max(before.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels<const N: usize>(pairs: [(&str, &str); N]) -> Labels {
        pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
    }

    #[test]
    fn a_word_is_short_and_nothing_reads_it_otherwise() {
        let long = "x".repeat(WORD_BYTES_MAX);
        for good in ["a", "rev-2.b", "OPI/2.0", "a:b+c", "ä", &long] {
            assert!(is_word(good), "{good}");
        }
        for bad in ["", "a b", "a\u{a0}b", "a\n", "\u{1b}[2J", &format!("{long}x")] {
            assert!(!is_word(bad), "{bad}");
        }
        for letter in "\"'`=!&|(),".chars() {
            assert!(!is_word(&format!("a{letter}b")), "{letter}");
        }
        assert!(WORD.contains(&WORD_BYTES_MAX.to_string()));
    }

    #[test]
    fn only_what_is_not_as_before_is_changed() {
        let before = labels([("a", "1"), ("b", "2"), ("c", "3")]);
        let wish = [("a", Some("1")), ("b", Some("3")), ("c", None), ("d", Some("4")), ("e", None)];
        let wish = wish.map(|(key, value)| (key.to_owned(), value.map(str::to_owned))).into();
        let Relabelled { labels: then, changed } = relabelled(&before, &wish);
        assert_eq!(then, labels([("a", "1"), ("b", "3"), ("d", "4")]));
        assert_eq!(changed, ["b=3", "c-", "d=4"]);
    }

    #[test]
    fn a_claim_adds_its_labels_and_takes_none_away() {
        let before = labels([("a", "1"), ("b", "2")]);
        assert_eq!(claimed_again(&before, &Labels::new()), before);
        let then = claimed_again(&before, &labels([("b", "3"), ("c", "4")]));
        assert_eq!(then, labels([("a", "1"), ("b", "3"), ("c", "4")]));
    }

    #[test]
    fn who_has_too_many_may_lose_some() {
        let many = |count| (0..count).map(|it| (format!("k{it}"), "v".to_owned())).collect();
        for (before, then, may) in [(0, 32, true), (32, 33, false), (40, 39, true), (40, 41, false)]
        {
            assert_eq!(may_have(&many(before), &many(then)), may, "{before} {then}");
        }
    }
}
