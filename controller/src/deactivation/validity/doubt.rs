//! What can speak against a return to service: its word, what it takes to go on, and what to do.

use crate::finding::{Finding, Weight, finding};

/// Something that speaks against a return to service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Doubt {
    BindingUnknown,
    NoActiveBinding,
    Deregistered,
    RegistrationEnded,
    NotRegistered,
    RegistrationUnknown,
    ProviderUnknown,
    LicenceLapsed,
    LicenceUnknown,
    IndirectClearing,
    ProviderCertificateLapsed,
    NoContract,
    ContractUnknown,
    CertificateEnded,
    CertificateEnds,
    KeysEnded,
    KeysEnd,
    KeysUnknown,
    BehindPeers,
    BelowMinimum,
    VersionUnknown,
    Incompatible,
    Untested,
    PaperExpired,
}

impl Doubt {
    pub const ALL: [Self; 24] = [
        Self::BindingUnknown,
        Self::NoActiveBinding,
        Self::Deregistered,
        Self::RegistrationEnded,
        Self::NotRegistered,
        Self::RegistrationUnknown,
        Self::ProviderUnknown,
        Self::LicenceLapsed,
        Self::LicenceUnknown,
        Self::IndirectClearing,
        Self::ProviderCertificateLapsed,
        Self::NoContract,
        Self::ContractUnknown,
        Self::CertificateEnded,
        Self::CertificateEnds,
        Self::KeysEnded,
        Self::KeysEnd,
        Self::KeysUnknown,
        Self::BehindPeers,
        Self::BelowMinimum,
        Self::VersionUnknown,
        Self::Incompatible,
        Self::Untested,
        Self::PaperExpired,
    ];

    pub fn code(self) -> &'static str {
        match self {
            Self::BindingUnknown => "binding-unknown",
            Self::NoActiveBinding => "no-active-binding",
            Self::Deregistered => "deregistered",
            Self::RegistrationEnded => "registration-ended",
            Self::NotRegistered => "not-registered",
            Self::RegistrationUnknown => "registration-unknown",
            Self::ProviderUnknown => "provider-unknown",
            Self::LicenceLapsed => "licence-lapsed",
            Self::LicenceUnknown => "licence-unknown",
            Self::IndirectClearing => "indirect-clearing",
            Self::ProviderCertificateLapsed => "provider-certificate-lapsed",
            Self::NoContract => "no-contract",
            Self::ContractUnknown => "contract-unknown",
            Self::CertificateEnded => "certificate-ended",
            Self::CertificateEnds => "certificate-ends",
            Self::KeysEnded => "keys-ended",
            Self::KeysEnd => "keys-end",
            Self::KeysUnknown => "keys-unknown",
            Self::BehindPeers => "behind-peers",
            Self::BelowMinimum => "below-minimum",
            Self::VersionUnknown => "version-unknown",
            Self::Incompatible => "incompatible",
            Self::Untested => "untested",
            Self::PaperExpired => "paper-expired",
        }
    }

    /// One of a plan, of which only the code is kept.
    pub fn named(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.code() == code)
    }

    pub fn weight(self) -> Weight {
        match self {
            Self::NoActiveBinding
            | Self::Deregistered
            | Self::RegistrationEnded
            | Self::LicenceLapsed
            | Self::CertificateEnded
            | Self::KeysEnded
            | Self::BelowMinimum
            | Self::Incompatible
            | Self::PaperExpired => Weight::Blocks,
            Self::NotRegistered
            | Self::IndirectClearing
            | Self::ProviderCertificateLapsed
            | Self::NoContract
            | Self::CertificateEnds
            | Self::KeysEnd
            | Self::BehindPeers => Weight::NeedsName,
            Self::BindingUnknown
            | Self::RegistrationUnknown
            | Self::ProviderUnknown
            | Self::LicenceUnknown
            | Self::ContractUnknown
            | Self::KeysUnknown
            | Self::VersionUnknown
            | Self::Untested => Weight::Unknown,
        }
    }

    /// What to do about it, in the imperative.
    pub fn hint(self) -> &'static str {
        match self {
            Self::BindingUnknown => {
                "write it down with `tillward binding import`, or name who answers for what nobody \
                 has told: `--vouch NAME`"
            }
            Self::NoActiveBinding => {
                "bind it first: what it sold with is retired; see `tillward binding list`"
            }
            Self::Deregistered => {
                "it is not resumed any more: register it anew with its provider, and enrol it anew"
            }
            Self::RegistrationEnded => {
                "have it registered again, then note that: `tillward binding register`"
            }
            Self::NotRegistered => {
                "wait for the registry's answer, or name who answers: `--override \
                 not-registered=NAME`"
            }
            Self::RegistrationUnknown => {
                "note what the registry says: `tillward binding register`; or `--vouch NAME`"
            }
            Self::ProviderUnknown => "describe it: `tillward provider import`; or `--vouch NAME`",
            Self::LicenceLapsed => "record the licence that is valid now",
            Self::LicenceUnknown => {
                "look its licence up, then `tillward provider vouch licence`; or `--vouch NAME`"
            }
            Self::IndirectClearing => "whoever answers for it: `tillward provider vouch clearing`",
            Self::ProviderCertificateLapsed => {
                "record its newest certificate, or name who answers: `--override \
                 provider-certificate-lapsed=NAME`"
            }
            Self::NoContract => {
                "record the contract that is in force, or name who answers: `--override \
                 no-contract=NAME`"
            }
            Self::ContractUnknown => {
                "record the contract: `tillward provider import`; or `--vouch NAME`"
            }
            Self::CertificateEnded => {
                "enrol it anew with `tillward terminal claim`, suspend it once more, then resume it"
            }
            Self::CertificateEnds => {
                "enrol it anew first, or name who sees to that: `--override certificate-ends=NAME`"
            }
            Self::KeysEnded => {
                "have new keys loaded, then write down until when they are good: `tillward \
                 terminal keys --until DAY`"
            }
            Self::KeysEnd => {
                "have new keys loaded first, or name who sees to that: `--override keys-end=NAME`"
            }
            Self::KeysUnknown => {
                "ask whoever loads its keys, then `tillward terminal keys --until DAY`; or \
                 `--vouch NAME`"
            }
            Self::BehindPeers => {
                "upgrade it first, with `tillward campaign create --release`: it stays suspended \
                 meanwhile; or name who answers: `--override behind-peers=NAME`"
            }
            Self::BelowMinimum => {
                "upgrade it first, with an ordinary campaign: it stays suspended meanwhile"
            }
            Self::VersionUnknown => "wait until it has told what it runs, or `--vouch NAME`",
            Self::Incompatible => {
                "upgrade it first to what the compatibility matrix allows: it stays suspended"
            }
            Self::Untested => "add a row with `tillward provider import`, or `--vouch NAME`",
            Self::PaperExpired => "ask for a valid paper, and ask anew with it",
        }
    }

    pub(super) fn about(self, about: &str, detail: impl Into<String>) -> Finding {
        finding(self.code(), self.weight(), about, detail)
    }
}
