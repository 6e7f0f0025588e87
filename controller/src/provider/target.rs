//! Whether terminals may be brought to a provider.

use serde::{Deserialize, Serialize};
use shared::time::UnixTime;
use utoipa::ToSchema;

use super::day::Day;
use super::record::{Clearing, Provider, Scope};
use super::{Known, Matter};

/// Why no terminal may be brought to a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum WhyNot {
    #[error("it has no licence on record")]
    Unlicensed,
    #[error("its licence is not valid before {0}")]
    LicenceNotYet(Day),
    #[error("its licence has run out on {0}")]
    LicenceExpired(Day),
    #[error("its licence does not cover payments by card at a terminal")]
    OutOfScope,
    #[error("nobody vouched that its licence was looked up")]
    LicenceUnverified,
    #[error("it clears through somebody else, which nobody accepted")]
    IndirectClearing,
}

impl WhyNot {
    pub fn hint(self) -> &'static str {
        match self {
            Self::Unlicensed | Self::LicenceNotYet(_) | Self::LicenceExpired(_) => {
                "record the licence that is valid now"
            }
            Self::OutOfScope => "record a licence whose scope has `pos-acquiring`",
            Self::LicenceUnverified => {
                "look it up in the regulator's register, then `tillward provider vouch licence`"
            }
            Self::IndirectClearing => "whoever answers for it: `tillward provider vouch clearing`",
        }
    }
}

/// Whether terminals may be brought to it at this moment; else every reason why not.
pub fn may_be_target(provider: &Known<Provider>, now: UnixTime) -> Result<(), Vec<WhyNot>> {
    let today = Day::of(now);
    let it = &provider.document;
    let mut why_not = Vec::new();
    match &it.licence {
        None => why_not.push(WhyNot::Unlicensed),
        Some(licence) => {
            if today < licence.valid_from {
                why_not.push(WhyNot::LicenceNotYet(licence.valid_from));
            }
            if licence.valid_until < today {
                why_not.push(WhyNot::LicenceExpired(licence.valid_until));
            }
            if !licence.scope.contains(&Scope::PosAcquiring) {
                why_not.push(WhyNot::OutOfScope);
            }
            if provider.vouched(Matter::Licence, licence.digest()).is_none() {
                why_not.push(WhyNot::LicenceUnverified);
            }
        }
    }
    let accepted = || provider.vouched(Matter::Clearing, it.clearing_digest()).is_some();
    match it.clearing {
        Clearing::Indirect if !accepted() => why_not.push(WhyNot::IndirectClearing),
        Clearing::Indirect | Clearing::Direct => {}
    }
    if why_not.is_empty() { Ok(()) } else { Err(why_not) }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{self, day};
    use super::*;

    fn at(text: &str) -> UnixTime {
        let midnight: jiff::Timestamp = format!("{text}T00:00:00Z").parse().unwrap();
        UnixTime(midnight.as_second())
    }

    #[test]
    fn a_licence_counts_from_its_first_day_to_the_end_of_its_last() {
        let provider = samples::vouched();
        let licence = provider.document.licence.as_ref().unwrap();
        assert_eq!(licence.valid_from, day("2024-01-01"));
        let (last, first) = (WhyNot::LicenceExpired, WhyNot::LicenceNotYet);
        for (now, why_not) in [
            (at("2023-12-31"), Some(first(day("2024-01-01")))),
            (UnixTime(at("2024-01-01").0 - 1), Some(first(day("2024-01-01")))),
            (at("2024-01-01"), None),
            (at("2028-12-31"), None),
            (UnixTime(at("2029-01-01").0 - 1), None),
            (at("2029-01-01"), Some(last(day("2028-12-31")))),
        ] {
            let expected = why_not.map_or(Ok(()), |it| Err(vec![it]));
            assert_eq!(may_be_target(&provider, now), expected, "{now}");
        }
    }

    #[test]
    fn a_vouch_lapses_when_what_it_is_about_changes() {
        let now = at("2026-11-22");
        let mut provider = samples::vouched();
        provider.document.sla = Some("other".into());
        assert_eq!(may_be_target(&provider, now), Ok(()), "that is another matter");
        provider.document.licence.as_mut().unwrap().number = "Z2".into();
        assert_eq!(may_be_target(&provider, now), Err(vec![WhyNot::LicenceUnverified]));
        provider.vouches.clear();
        provider.document.licence = None;
        assert_eq!(may_be_target(&provider, now), Err(vec![WhyNot::Unlicensed]));
    }

    #[test]
    fn every_reason_is_given_and_indirect_clearing_needs_a_person() {
        let now = at("2030-01-01");
        let mut provider = samples::vouched();
        provider.document.clearing = Clearing::Indirect;
        provider.document.licence.as_mut().unwrap().scope = vec![Scope::Online];
        let why_not = may_be_target(&provider, now).unwrap_err();
        assert_eq!(
            why_not,
            [
                WhyNot::LicenceExpired(day("2028-12-31")),
                WhyNot::OutOfScope,
                WhyNot::LicenceUnverified,
                WhyNot::IndirectClearing,
            ]
        );
        assert!(why_not.iter().all(|it| !it.hint().is_empty()));
        let mut indirect = samples::vouched();
        indirect.document.clearing = Clearing::Indirect;
        let now = at("2026-11-22");
        assert_eq!(may_be_target(&indirect, now), Err(vec![WhyNot::IndirectClearing]));
        let of = indirect.document.clearing_digest();
        indirect.vouches.push(samples::vouch(Matter::Clearing, of));
        assert_eq!(may_be_target(&indirect, now), Ok(()));
        indirect.document.name = "another".into();
        assert_eq!(may_be_target(&indirect, now), Err(vec![WhyNot::IndirectClearing]));
    }
}
