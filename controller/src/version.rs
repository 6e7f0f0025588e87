//! The order of versions, as makers number them: any number of parts, in any form. Pure.
//!
//! Parts are compared as numbers, so that 1.10 comes after 1.9; missing ones are 0; `1.2-rc1` comes
//! before `1.2`.

use std::cmp::Ordering;

/// `None` where one of them cannot be compared.
pub(crate) fn order(one: &str, other: &str) -> Option<Ordering> {
    let known = is_comparable(one) && is_comparable(other);
    known.then(|| version_compare::compare(one, other).ok()?.ord()).flatten()
}

/// The library leaves out numbers that are too large for it, which would make versions equal that
/// are not.
pub(crate) fn is_comparable(version: &str) -> bool {
    let plain = |it: u8| it.is_ascii_alphanumeric() || b".-_+".contains(&it);
    let mut numbers = version.split(|it: char| !it.is_ascii_digit());
    let begins = version.bytes().next().is_some_and(|it| it.is_ascii_digit());
    begins && version.len() <= 64 && version.bytes().all(plain) && numbers.all(|it| it.len() <= 9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_compared_as_numbers() {
        use Ordering::{Equal, Greater, Less};
        for (one, other, found) in [
            ("1.10", "1.9", Some(Greater)),
            ("1.2", "1.2.0", Some(Equal)),
            ("1.2-rc1", "1.2", Some(Less)),
            ("1.2b", "1.2a", Some(Greater)),
            ("1.2", "nightly", None),
            ("", "1.2", None),
            ("1.2 ", "1.2", None),
            // The library would leave the number out.
            ("1.99999999999", "1", None),
        ] {
            assert_eq!(order(one, other), found, "{one} {other}");
            assert_eq!(order(other, one), found.map(Ordering::reverse), "{other} {one}");
        }
    }
}
