//! What became of what a terminal held: said by the controller, under its own key, once the
//! terminal has signed that it is erased.
//!
//! The fields are those of NIST SP 800-88 Rev. 1 §4.8 and its Appendix G. It claims no more than
//! the terminal proved: what nobody could verify is listed as such, and what nobody said is left
//! out.

use serde::{Deserialize, Serialize};

use super::clearance::Deregistered;
use crate::digest::{Digest, KeyId};
use crate::id::{OrderId, TerminalId};
use crate::time::UnixTime;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SanitisationCertificate {
    pub format: u8,
    pub terminal: TerminalId,
    pub manufacturer: Option<String>,
    pub model: String,
    pub serial: String,
    pub property_number: Option<String>,
    /// What was sanitised, and where it came from.
    pub media_type: String,
    pub media_source: String,
    pub confidentiality_before: Option<String>,
    pub confidentiality_after: Option<String>,
    pub method: Method,
    pub tool: String,
    /// What was erased, how, and whether that was verified, in the terminal's own words.
    pub erased: Vec<String>,
    pub verification: Verification,
    /// Who verified it, where and when; `None` where nobody could.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified_by: Option<SanitisedBy>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified_at: Option<UnixTime>,
    pub destination: Option<String>,
    /// The order that the terminal carried out, and SHA-256 of the payload of its receipt.
    pub order: OrderId,
    pub receipt: Digest,
    pub sanitised_by: SanitisedBy,
    pub sanitised_at: UnixTime,
    /// Who answers for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub responsible: Option<Person>,
    /// Who is to say that what was verified is good enough, beside the terminal: with a signature
    /// on the page, for nobody could before there was a certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validator: Option<Person>,
    pub approved_by: Vec<String>,
    /// SHA-256 of the payload of the manifest of the last snapshot; `None`: nothing was saved.
    pub saved: Option<Digest>,
    pub saved_in: Vec<String>,
    pub deregistered: Vec<Deregistered>,
    pub certified_at: UnixTime,
}

/// NIST SP 800-88: clear protects from reading by ordinary means, purge from a laboratory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    Clear,
    Purge,
    /// The terminal does not say.
    Unknown,
}

/// Whether all of what was sanitised was looked for afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verification {
    /// All of it, and nothing was found.
    Full,
    /// A part of it.
    Sampled,
    /// The terminal could not prove all of it.
    NotVerified,
}

/// As the sample form of Appendix G asks; what nobody said is `None`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    pub name: String,
    /// Or position.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// A telephone number, for example.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
}

/// A terminal sanitises itself; who stands there is nobody's word but the key's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SanitisedBy {
    pub key: KeyId,
    pub store: String,
}

impl SanitisationCertificate {
    /// Whether it was looked for afterwards, in full or in parts, and nothing was found.
    pub fn is_verified(&self) -> bool {
        self.verification.is_made()
    }
}

impl Verification {
    /// Whether it was looked for, and nothing was found.
    pub fn is_made(self) -> bool {
        match self {
            Self::Full | Self::Sampled => true,
            Self::NotVerified => false,
        }
    }
}

impl Method {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Clear => "clear",
            Self::Purge => "purge",
            Self::Unknown => "unknown",
        }
    }
}

/// The last piece of evidence of a wipe, as terminals write it and certificates read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    pub method: Method,
    pub tool: String,
    pub verification: Verification,
}

/// Agents that know no other word wrote this of whatever they had verified.
const SAMPLED: &str = ", verified";
const IN_FULL: &str = ", verified in full";
const NOT_VERIFIED: &str = ", not verified";

impl Summary {
    /// `purge by tillward-erase 0.1.0, verified in full`.
    pub fn note(method: &str, tool: &str, verification: Verification) -> String {
        let verified = match verification {
            Verification::Full => IN_FULL,
            Verification::Sampled => SAMPLED,
            Verification::NotVerified => NOT_VERIFIED,
        };
        format!("{method} by {tool}{verified}")
    }

    pub fn read(note: &str) -> Option<Self> {
        let (method, rest) = note.split_once(" by ")?;
        let endings = [
            (NOT_VERIFIED, Verification::NotVerified),
            (IN_FULL, Verification::Full),
            (SAMPLED, Verification::Sampled),
        ];
        let ending =
            |(end, is): (&str, Verification)| rest.strip_suffix(end).map(|tool| (tool, is));
        let (tool, verification) = endings.into_iter().find_map(ending)?;
        let method = match method {
            "clear" => Method::Clear,
            "purge" => Method::Purge,
            _ => return None,
        };
        Some(Self { method, tool: tool.to_owned(), verification })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_reads_back_as_it_was_written_and_nothing_else_does() {
        for (method, word) in [(Method::Clear, "clear"), (Method::Purge, "purge")] {
            use Verification::{Full, NotVerified, Sampled};
            for verification in [Full, Sampled, NotVerified] {
                let tool = "tillward-erase 0.1.0".to_owned();
                let note = Summary::note(word, &tool, verification);
                assert_eq!(Summary::read(&note), Some(Summary { method, tool, verification }));
            }
        }
        // As it was written before there was a word for what is verified in full.
        let old = Summary::read("purge by tillward-erase 0.1.0, verified").expect("it is read");
        assert_eq!(old.verification, Verification::Sampled);
        for note in ["", "purge", "purge by x", "burnt by x, verified", "trading is stopped"] {
            assert_eq!(Summary::read(note), None, "{note}");
        }
    }
}
