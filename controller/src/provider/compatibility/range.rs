//! Ranges of versions, as makers number them: any number of parts, in any form.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use utoipa::ToSchema;

use crate::provider::text::shown;
use crate::version::{is_comparable, order};

/// Versions between bounds that all hold, written `>=1.2 <2.0`. Parts are compared as numbers, so
/// that 1.10 comes after 1.9; missing ones are 0; `1.2-rc1` comes before `1.2`.
#[derive(Clone, Debug, PartialEq, Eq, ToSchema)]
#[schema(value_type = String, example = ">=1.2 <2.0")]
pub struct Range(Vec<(Bound, String)>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bound {
    AtLeast,
    Above,
    AtMost,
    Below,
    Just,
}

impl Bound {
    /// The longer sign before the shorter one that it begins with.
    const ALL: [Self; 5] = [Self::AtLeast, Self::AtMost, Self::Above, Self::Below, Self::Just];

    fn sign(self) -> &'static str {
        match self {
            Self::AtLeast => ">=",
            Self::Above => ">",
            Self::AtMost => "<=",
            Self::Below => "<",
            Self::Just => "=",
        }
    }

    fn holds(self, found: Ordering) -> bool {
        match self {
            Self::AtLeast => found.is_ge(),
            Self::Above => found.is_gt(),
            Self::AtMost => found.is_le(),
            Self::Below => found.is_lt(),
            Self::Just => found.is_eq(),
        }
    }
}

/// Whether something is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    Yes,
    No,
    /// Too little is known.
    NotKnown,
}

impl Range {
    /// Whether a version lies in it. One that nobody knows, or that cannot be compared, may.
    pub fn holds(&self, version: Option<&str>) -> Fit {
        let Some(version) = version else { return Fit::NotKnown };
        let holds = |(bound, of): &(Bound, String)| Some(bound.holds(order(version, of)?));
        match self.0.iter().map(holds).collect::<Option<Vec<_>>>() {
            Some(holds) if holds.iter().all(|holds| *holds) => Fit::Yes,
            Some(_) => Fit::No,
            None => Fit::NotKnown,
        }
    }
}

impl fmt::Display for Range {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (bound, version)) in self.0.iter().enumerate() {
            let space = if at == 0 { "" } else { " " };
            write!(out, "{space}{}{version}", bound.sign())?;
        }
        Ok(())
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no range of versions: write one or two bounds, for example `>=1.2 <2.0` or `=1.4.7`; \
     a version begins with a digit, and its numbers have at most 9 digits"
)]
pub struct NotARange(String);

impl FromStr for Range {
    type Err = NotARange;

    fn from_str(text: &str) -> Result<Self, NotARange> {
        let wrong = || NotARange(shown(text));
        let bound = |part: &str| {
            let bound = Bound::ALL.into_iter().find(|it| part.starts_with(it.sign()))?;
            let version = &part[bound.sign().len()..];
            is_comparable(version).then(|| (bound, version.to_owned()))
        };
        let bounds: Option<Vec<_>> = text.split(' ').map(bound).collect();
        let bounds = bounds.filter(|it| (1..=2).contains(&it.len())).ok_or_else(wrong)?;
        Ok(Self(bounds))
    }
}

impl Serialize for Range {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Range {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(range: &str, version: &str) -> Fit {
        range.parse::<Range>().unwrap().holds(Some(version))
    }

    #[test]
    fn the_edges_of_a_range_are_as_they_are_written() {
        for (range, version, fits) in [
            (">=1.2 <2.0", "1.2", true),
            (">=1.2 <2.0", "1.2.0", true),
            (">=1.2 <2.0", "1.1.99", false),
            (">=1.2 <2.0", "1.10", true),
            (">=1.2 <2.0", "1.99.99.99", true),
            (">=1.2 <2.0", "2", false),
            (">=1.2 <2.0", "2.0.0.0", false),
            (">=1.2 <2.0", "1.2-rc1", false),
            (">1.2", "1.2.0", false),
            (">1.2", "1.2.0.1", true),
            ("<=1.2", "1.2", true),
            ("=7.05.03", "7.5.3", true),
            ("=7.05.03", "7.5.30", false),
            (">=20261122", "20261121", false),
        ] {
            let expected = if fits { Fit::Yes } else { Fit::No };
            assert_eq!(holds(range, version), expected, "{version} in {range}");
        }
    }

    #[test]
    fn what_cannot_be_compared_may_lie_anywhere() {
        for version in ["", "unknown", "1.2 ", "1.9999999999", "1.202611221200", "１.2", "1/2"] {
            assert_eq!(holds(">=1.2", version), Fit::NotKnown, "{version}");
        }
        assert_eq!(">=1".parse::<Range>().unwrap().holds(None), Fit::NotKnown);
    }

    #[test]
    fn a_range_reads_back_as_it_was_written_and_nothing_else_is_one() {
        for text in [">=1.2 <2.0", "=1", "<=1.0-rc.1", ">1"] {
            assert_eq!(text.parse::<Range>().unwrap().to_string(), text);
        }
        for text in ["", "1.2", ">=", ">= 1", "=1 ", "=a", "=1 =2 =3", "==1", "*", "=9999999999"] {
            assert!(text.parse::<Range>().is_err(), "{text}");
        }
    }
}
