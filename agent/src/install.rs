//! Puts software in place so that a power cut finds the old or the new version, whole.
//!
//! [`SlotDir`] keeps each version in a directory of its own and swaps a symbolic link. Deliberately
//! absent: when to switch, and what a version must show before it is kept, which the job decides;
//! a boot loader's slots and a guard that runs without the agent, which would be further
//! implementations.

pub mod archive;
#[cfg(test)]
mod crash_disk;
pub mod fs;
pub mod slot_dir;

use std::fmt;
use std::io::{self, Read, Seek};
use std::path::PathBuf;
use std::str::FromStr;

use shared::digest::Digest;
use shared::document::Release;
use shared::document::release::Artifact;
use shared::outcome::FailureCode;

pub use archive::UnpackError;
pub use slot_dir::SlotDir;

/// An artifact's bytes: one open file, so that what was checked is what is unpacked.
pub trait ArtifactBytes: Read + Seek {}

impl<T: Read + Seek> ArtifactBytes for T {}

/// Software in versions. Each operation can be repeated after a power cut and then completes.
pub trait Installer {
    /// The current slot of each component that has one, by name.
    fn installed(&self) -> Result<Vec<(String, Slot)>, InstallError>;

    fn slots(&self, component: &str) -> Result<Slots, InstallError>;

    /// Where the files of a staged or kept slot are.
    fn directory(&self, component: &str, slot: &SlotName) -> Result<PathBuf, InstallError>;

    /// Whether the disk has room to fetch and unpack this.
    fn check_room(&self, artifact: &Artifact) -> Result<(), InstallError>;

    /// Checks size and digest of the bytes, then unpacks them beside the present version. Nothing
    /// that runs has changed when this returns.
    fn stage(
        &self,
        release: &Release,
        artifact: &mut dyn ArtifactBytes,
    ) -> Result<SlotName, InstallError>;

    /// Makes a staged or kept slot the current one. A proven version that it replaces becomes the
    /// previous one.
    fn switch(&self, component: &str, to: &SlotName) -> Result<(), InstallError>;

    /// Records that the current slot has proven itself.
    fn commit(&self, component: &str, slot: &SlotName) -> Result<(), InstallError>;

    /// Deletes a staged slot; one that is current or previous stays.
    fn discard(&self, component: &str, slot: &SlotName) -> Result<(), InstallError>;

    /// Deletes all slots but the current and the previous one; the previous one too if its
    /// counter is below `floor`.
    fn collect_garbage(&self, component: &str, floor: Option<u64>) -> Result<(), InstallError>;
}

/// One installed version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    pub name: SlotName,
    pub version: String,
    /// 0 for what was put there by hand before the first release.
    pub security_counter: u64,
    pub proof: Proof,
}

/// Whether a version has shown what it must before it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    Committed,
    Pending,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Slots {
    pub current: Option<Slot>,
    pub previous: Option<Slot>,
}

/// `<version>-<first eight digits of the artifact's SHA-256>`: a directory's name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SlotName(String);

/// Why a text is not a slot's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a slot's name (`<version>-<eight hexadecimal digits>`)")]
pub struct NotASlotName(String);

impl SlotName {
    pub fn new(version: &str, artifact: &Digest) -> Result<Self, NotASlotName> {
        format!("{version}-{}", artifact.short()).parse()
    }

    pub fn version(&self) -> &str {
        self.0.rsplit_once('-').map_or("", |(version, _)| version)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SlotName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl FromStr for SlotName {
    type Err = NotASlotName;

    fn from_str(text: &str) -> Result<Self, NotASlotName> {
        let version_byte = |byte: u8| byte.is_ascii_alphanumeric() || b".+-_".contains(&byte);
        let is_name = text.rsplit_once('-').is_some_and(|(version, digits)| {
            (1..=64).contains(&version.len())
                && version.starts_with(|first: char| first.is_ascii_alphanumeric())
                && version.bytes().all(version_byte)
                && digits.len() == 8
                && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        });
        match is_name {
            true => Ok(Self(text.to_owned())),
            false => Err(NotASlotName(text.chars().take(80).collect())),
        }
    }
}

/// Lower-case letters, digits and hyphens: a component's name becomes a directory's.
pub fn is_component(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=32).contains(&name.len()) && !name.starts_with('-') && name.bytes().all(plain)
}

/// Why software was not put in place. The version that was current still is.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    #[error("`{0}` is not a component's name (lower-case letters, digits and hyphens)")]
    NotAComponent(String),
    #[error("the release's version cannot be part of a directory's name")]
    Version(#[source] NotASlotName),
    #[error("{free} bytes are free, {needed} are needed")]
    NoRoom { needed: u64, free: u64 },
    #[error("the artifact has {got} bytes, but {signed} were signed")]
    OtherSize { got: u64, signed: u64 },
    #[error("the artifact's SHA-256 is {got}, but {signed} was signed")]
    OtherDigest { got: Digest, signed: Digest },
    #[error("the artifact was not unpacked")]
    Unpack(#[source] UnpackError),
    #[error("slot {0} holds another artifact and is in use")]
    SlotTaken(SlotName),
    #[error("slot {slot} of {component} is not there")]
    NoSuchSlot { component: String, slot: SlotName },
    #[error("slot {slot} of {component} is not the current one")]
    NotCurrent { component: String, slot: SlotName },
    #[error("{doing} `{}` failed", path.display())]
    Disk {
        doing: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

impl InstallError {
    /// The word for dashboards; `otherwise` where the disk failed in no particular way.
    pub fn code(&self, otherwise: FailureCode) -> FailureCode {
        match self {
            Self::NotAComponent(_) | Self::Version(_) | Self::SlotTaken(_) => {
                FailureCode::ArtifactUnsafe
            }
            Self::NoRoom { .. } => FailureCode::DiskFull,
            Self::OtherSize { .. } | Self::OtherDigest { .. } => FailureCode::ArtifactMismatch,
            Self::Unpack(UnpackError::Write { source, .. }) | Self::Disk { source, .. } => {
                let full = [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded];
                if full.contains(&source.kind()) { FailureCode::DiskFull } else { otherwise }
            }
            Self::Unpack(
                UnpackError::Refused { .. }
                | UnpackError::TooManyEntries { .. }
                | UnpackError::TooFewEntries { .. }
                | UnpackError::OtherSize { .. }
                | UnpackError::TooLarge { .. }
                | UnpackError::Unreadable(_),
            ) => FailureCode::ArtifactUnsafe,
            Self::NoSuchSlot { .. } | Self::NotCurrent { .. } => otherwise,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slots_name_says_its_version_and_leads_nowhere_else() {
        let name = SlotName::new("2.0.0-rc.1", &Digest([0xab; 32])).unwrap();
        assert_eq!((name.as_str(), name.version()), ("2.0.0-rc.1-abababab", "2.0.0-rc.1"));
        for version in ["", ".", "..", "../x", "a/b", "a b", ".hidden", "-x", &"9".repeat(65)] {
            assert!(SlotName::new(version, &Digest([0; 32])).is_err(), "{version}");
        }
        for text in ["current", "2.0.0", "2.0.0-xyz", "2.0.0-ABABABAB", "2.0.0-abababab.part"] {
            assert!(text.parse::<SlotName>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_components_name_leads_nowhere_else() {
        assert!(is_component("pos") && is_component("pos-sim2"));
        for name in ["", ".", "..", "a/b", "Pos", "-a", "a.b", &"a".repeat(33)] {
            assert!(!is_component(name), "{name}");
        }
    }
}
