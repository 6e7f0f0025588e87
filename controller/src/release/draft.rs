//! What a release will say, before anybody signs it. All mistakes are found at once.

use std::time::Duration;

use shared::document::release::{Artifact, Health, Settlement, UnsoundRelease};
use shared::document::{FORMAT, Release};
use shared::time::UnixTime;

use crate::measure::counted;

/// A release as it was asked for.
#[derive(Clone, Debug)]
pub struct Draft {
    pub component: String,
    pub version: String,
    pub models: Vec<String>,
    pub security_counter: u64,
    pub from_counter_min: u64,
    pub raise_floor_to: Option<u64>,
    pub settlement: Settlement,
    /// How long all checks must hold without a break.
    pub health_stable: Duration,
    /// …and within which time after the restart.
    pub health_within: Duration,
    pub issued_at: UnixTime,
    pub lifetime: Duration,
}

/// What is wrong with a draft. `field` is the option of the command line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("--{field}: {wanted}")]
pub struct Mistake {
    pub field: &'static str,
    pub wanted: &'static str,
}

/// Why a draft cannot become a release.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotARelease {
    #[error("{count} in the release{list}", count = counted(.0.len() as u64, "mistake"),
        list = .0.iter().map(|mistake| format!("\n  - {mistake}")).collect::<String>())]
    Mistakes(Vec<Mistake>),
    /// What every terminal checks again.
    #[error("terminals would refuse this release")]
    Unsound(#[source] UnsoundRelease),
}

/// Longest name of a component, a version or a model: they become parts of file names.
const NAME_BYTES_MAX: usize = 64;

/// A health check that takes longer than this keeps a shop waiting for its rollback.
const HEALTH_MAX: Duration = Duration::from_secs(3600);

impl Draft {
    /// The document for this artifact.
    pub fn release(&self, artifact: Artifact) -> Result<Release, NotARelease> {
        let mistakes = self.mistakes();
        if !mistakes.is_empty() {
            return Err(NotARelease::Mistakes(mistakes));
        }
        let mut models = self.models.clone();
        models.sort();
        models.dedup();
        let seconds = |time: Duration| u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
        let release = Release {
            format: FORMAT,
            component: self.component.clone(),
            version: self.version.clone(),
            security_counter: self.security_counter,
            models,
            artifact,
            from_counter_min: self.from_counter_min,
            raise_floor_to: self.raise_floor_to,
            settlement: self.settlement,
            health: Health {
                stable_s: seconds(self.health_stable),
                within_s: seconds(self.health_within),
            },
            issued_at: self.issued_at,
            expires_at: self.issued_at.plus(self.lifetime),
        };
        release.check().map_err(NotARelease::Unsound)?;
        Ok(release)
    }

    /// Everything that is wrong, whatever the artifact will be.
    pub fn mistakes(&self) -> Vec<Mistake> {
        let name = |text: &str, plain: fn(u8) -> bool| {
            (1..=NAME_BYTES_MAX).contains(&text.len())
                && text.bytes().all(plain)
                && text.starts_with(|first: char| first.is_ascii_alphanumeric())
        };
        let component = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let version = |b: u8| b.is_ascii_alphanumeric() || b"-._+".contains(&b);
        let model = |b: u8| b.is_ascii_alphanumeric() || b"-._/".contains(&b);
        let second = Duration::from_secs(1);
        let checks = [
            (
                name(&self.component, component),
                "component",
                "needs 1 to 64 lower-case letters, digits and hyphens",
            ),
            (
                name(&self.version, version),
                "version",
                "needs 1 to 64 letters, digits, dots, hyphens, underscores and plus signs",
            ),
            (!self.models.is_empty(), "model", "name at least one model"),
            (
                self.models.iter().all(|text| name(text, model)),
                "model",
                "needs 1 to 64 letters, digits, dots, hyphens, underscores and slashes",
            ),
            (self.security_counter > 0, "counter", "begins with 1"),
            (
                self.from_counter_min <= self.security_counter,
                "from-counter",
                "is above the release's own counter, so that nothing could be upgraded",
            ),
            (
                self.raise_floor_to.is_none_or(|floor| floor <= self.security_counter),
                "raise-floor-to",
                "is above the release's own counter, so that it would forbid itself",
            ),
            (self.health_stable >= second, "health-stable", "needs at least one second"),
            (
                self.health_stable <= self.health_within,
                "health-within",
                "is shorter than --health-stable, so that nothing could pass",
            ),
            (self.health_within <= HEALTH_MAX, "health-within", "is more than one hour"),
            (self.lifetime >= second, "expires", "needs at least one second"),
        ];
        let wrong = checks.into_iter().filter(|(right, ..)| !right);
        wrong.map(|(_, field, wanted)| Mistake { field, wanted }).collect()
    }
}

#[cfg(test)]
mod tests {
    use shared::digest::Digest;

    use super::*;

    fn draft() -> Draft {
        Draft {
            component: "pos".to_owned(),
            version: "2.0.0+build.7".to_owned(),
            models: vec!["T650".to_owned(), "A920".to_owned(), "T650".to_owned()],
            security_counter: 7,
            from_counter_min: 0,
            raise_floor_to: None,
            settlement: Settlement::NotNeeded,
            health_stable: Duration::from_secs(10),
            health_within: Duration::from_secs(300),
            issued_at: UnixTime(1_000),
            lifetime: Duration::from_secs(60),
        }
    }

    #[test]
    fn models_are_written_in_order_and_once() {
        let artifact = Artifact { sha256: Digest::of(b"a"), size: 1, unpacked_size: 1, entries: 1 };
        let release = draft().release(artifact).unwrap();
        assert_eq!(release.models, ["A920", "T650"]);
        assert_eq!(release.expires_at, UnixTime(1_060));
    }

    #[test]
    fn an_artifact_that_terminals_would_refuse_is_refused_here() {
        let empty = Artifact { sha256: Digest::of(b"a"), size: 0, unpacked_size: 0, entries: 0 };
        let refused = draft().release(empty).unwrap_err();
        assert_eq!(refused, NotARelease::Unsound(UnsoundRelease::EmptyArtifact));
    }

    #[test]
    fn every_mistake_is_found_at_once() {
        let wrong = Draft {
            component: "POS".to_owned(),
            version: "../2".to_owned(),
            models: Vec::new(),
            security_counter: 0,
            from_counter_min: 1,
            raise_floor_to: Some(1),
            health_stable: Duration::ZERO,
            health_within: Duration::from_secs(4000),
            lifetime: Duration::ZERO,
            ..draft()
        };
        let fields: Vec<_> = wrong.mistakes().iter().map(|mistake| mistake.field).collect();
        let expected = [
            "component",
            "version",
            "model",
            "counter",
            "from-counter",
            "raise-floor-to",
            "health-stable",
            "health-within",
            "expires",
        ];
        assert_eq!(fields, expected);
        assert_eq!(draft().mistakes(), []);
        let slow = Draft { health_stable: Duration::from_secs(301), ..draft() };
        assert_eq!(slow.mistakes()[0].field, "health-within");
    }
}
