//! Which bytes are genuine software. Signed offline by a threshold of release keys; a controller
//! can choose among releases but cannot make one.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::limits::short_text;
use crate::time::UnixTime;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    pub format: u8,
    /// Which slot it goes into, for example `pos`: lower-case letters, digits and hyphens.
    pub component: String,
    /// What the running application must report afterwards.
    pub version: String,
    /// Never goes down on a terminal. An emergency downgrade is a new release with old content
    /// and a higher counter.
    pub security_counter: u64,
    /// The terminal models that it is for, ascending.
    pub models: Vec<String>,
    pub artifact: Artifact,
    /// The running version must have at least this counter.
    pub from_counter_min: u64,
    /// Once committed, older slots below this counter are deleted and there is no way back.
    pub raise_floor_to: Option<u64>,
    pub settlement: Settlement,
    pub health: Health,
    pub issued_at: UnixTime,
    pub expires_at: UnixTime,
}

/// What a file or directory takes on a disk at least.
const BLOCK_BYTES: u64 = 4096;

/// A tar archive, compressed with zstd.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Artifact {
    /// Of the compressed bytes, as they are downloaded.
    pub sha256: Digest,
    pub size: u64,
    /// Sum of the sizes of the unpacked files; unpacking stops at one byte more.
    pub unpacked_size: u64,
    pub entries: u32,
}

impl Artifact {
    /// What the unpacked files take on a disk, blocks included.
    pub fn unpacked_bytes(&self) -> u64 {
        let blocks = u64::from(self.entries).saturating_mul(BLOCK_BYTES);
        self.unpacked_size.saturating_add(blocks)
    }

    /// What has to be free before it is fetched, and [`crate::limits::SLOTS_RESERVE_BYTES`] beside
    /// it.
    pub fn room_bytes(&self) -> u64 {
        let twice_and_a_bit = self.size.saturating_mul(22) / 10;
        twice_and_a_bit.max(self.size.saturating_add(self.unpacked_bytes()))
    }
}

/// Whether open batches must be settled before the switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Settlement {
    NotNeeded,
    Before,
}

/// What a new version must show before it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Health {
    /// All checks must hold for this long without a break, in seconds.
    pub stable_s: u32,
    /// …and must have done so within this time after the restart, or the old version returns.
    pub within_s: u32,
}

/// What makes a release unusable, however well it is signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnsoundRelease {
    #[error(
        "`{0}` cannot name a component: use up to {NAME_BYTES_MAX} lower-case letters, digits and \
         hyphens"
    )]
    ComponentName(String),
    #[error(
        "`{0}` cannot name a version: use up to {NAME_BYTES_MAX} letters, digits and `.-_+`, and \
         begin with a letter or digit"
    )]
    VersionName(String),
    #[error("the models are none, or not in ascending order, each once")]
    ModelsOutOfOrder,
    #[error("the artifact is empty")]
    EmptyArtifact,
    #[error("the floor would rise to {floor}, above the release's own counter {counter}")]
    FloorAboveCounter { floor: u64, counter: u64 },
    #[error("nothing can be healthy for {stable_s} s within {within_s} s")]
    HealthOutOfReach { stable_s: u32, within_s: u32 },
    #[error("the release expires at {expires_at}, not after it was issued at {issued_at}")]
    ExpiresBeforeIssued { issued_at: UnixTime, expires_at: UnixTime },
}

/// Of a component's or a version's name, which both become names of directories.
const NAME_BYTES_MAX: usize = 64;

impl Release {
    /// Checks what signatures cannot.
    pub fn check(&self) -> Result<(), UnsoundRelease> {
        let in_component = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if !is_name(&self.component, in_component) {
            return Err(UnsoundRelease::ComponentName(short_text(&self.component)));
        }
        let in_version = |b: u8| b.is_ascii_alphanumeric() || b".-_+".contains(&b);
        if !is_name(&self.version, in_version) {
            return Err(UnsoundRelease::VersionName(short_text(&self.version)));
        }
        if self.models.is_empty() || !self.models.is_sorted_by(|a, b| a < b) {
            return Err(UnsoundRelease::ModelsOutOfOrder);
        }
        let Artifact { size, unpacked_size, entries, .. } = self.artifact;
        if size == 0 || unpacked_size == 0 || entries == 0 {
            return Err(UnsoundRelease::EmptyArtifact);
        }
        let counter = self.security_counter;
        if let Some(floor) = self.raise_floor_to.filter(|floor| *floor > counter) {
            return Err(UnsoundRelease::FloorAboveCounter { floor, counter });
        }
        let Health { stable_s, within_s } = self.health;
        if within_s == 0 || stable_s > within_s {
            return Err(UnsoundRelease::HealthOutOfReach { stable_s, within_s });
        }
        let Self { issued_at, expires_at, .. } = *self;
        if expires_at <= issued_at {
            return Err(UnsoundRelease::ExpiresBeforeIssued { issued_at, expires_at });
        }
        Ok(())
    }
}

/// Whether a text can name a directory: no separator, no leading dot, nothing to escape.
fn is_name(text: &str, allowed: impl Fn(u8) -> bool) -> bool {
    (1..=NAME_BYTES_MAX).contains(&text.len())
        && text.bytes().all(allowed)
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::FORMAT;

    fn sound() -> Release {
        Release {
            format: FORMAT,
            component: "pos".to_owned(),
            version: "2.0.1+eu".to_owned(),
            security_counter: 7,
            models: vec!["T100".to_owned(), "T200".to_owned()],
            artifact: Artifact { sha256: Digest::of(b""), size: 9, unpacked_size: 90, entries: 2 },
            from_counter_min: 5,
            raise_floor_to: Some(7),
            settlement: Settlement::NotNeeded,
            health: Health { stable_s: 60, within_s: 600 },
            issued_at: UnixTime(10),
            expires_at: UnixTime(11),
        }
    }

    #[track_caller]
    fn refused(change: impl FnOnce(&mut Release)) -> UnsoundRelease {
        let mut release = sound();
        change(&mut release);
        release.check().expect_err("the change makes it unsound")
    }

    #[test]
    fn names_that_would_leave_their_directory_are_refused() {
        assert_eq!(sound().check(), Ok(()));
        for name in ["", "..", ".pos", "-pos", "a/b", "../pos", "a b", "a\0", "é", &"a".repeat(65)]
        {
            let in_component = refused(|it| it.component = name.to_owned());
            assert_eq!(in_component, UnsoundRelease::ComponentName(name.to_owned()));
            let in_version = refused(|it| it.version = name.to_owned());
            assert_eq!(in_version, UnsoundRelease::VersionName(name.to_owned()));
        }
    }

    #[test]
    fn a_release_that_contradicts_itself_is_refused_by_name() {
        let models = UnsoundRelease::ModelsOutOfOrder;
        assert_eq!(refused(|it| it.models.clear()), models);
        assert_eq!(refused(|it| it.models.reverse()), models);
        assert_eq!(refused(|it| it.models[1] = it.models[0].clone()), models);
        assert_eq!(refused(|it| it.artifact.size = 0), UnsoundRelease::EmptyArtifact);
        assert_eq!(refused(|it| it.artifact.unpacked_size = 0), UnsoundRelease::EmptyArtifact);
        assert_eq!(refused(|it| it.artifact.entries = 0), UnsoundRelease::EmptyArtifact);
        let floor = UnsoundRelease::FloorAboveCounter { floor: 8, counter: 7 };
        assert_eq!(refused(|it| it.raise_floor_to = Some(8)), floor);
        let health = UnsoundRelease::HealthOutOfReach { stable_s: 601, within_s: 600 };
        assert_eq!(refused(|it| it.health.stable_s = 601), health);
        let never = refused(|it| it.expires_at = it.issued_at);
        assert!(matches!(never, UnsoundRelease::ExpiresBeforeIssued { .. }));
    }
}
