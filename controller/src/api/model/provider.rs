//! Providers and what is about them. The documents are as people write them in files, too.

use serde::{Deserialize, Serialize};
use shared::time::UnixTime;
use utoipa::ToSchema;

pub use crate::provider::alerts::Alert as ProviderAlert;
pub use crate::provider::compatibility::{Verdict, Way};
pub use crate::provider::contract::Exposure;
pub use crate::provider::files::Format as FileFormat;
pub use crate::provider::import::Effect as ImportEffect;
pub use crate::provider::{Document, Kind as DocumentKind, Matter};

/// One version of a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProviderRecord {
    pub key: String,
    /// From 1; rises with every change.
    pub version: u32,
    pub document: Document,
    #[schema(value_type = i64)]
    pub set_at: UnixTime,
    pub set_by: String,
    pub why: String,
    /// What people vouched for, the oldest first.
    pub vouches: Vec<GivenVouch>,
    /// What is in the way at present.
    pub findings: Vec<ProviderFinding>,
    /// Of a contract: what ending it now comes to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exposure: Option<Exposure>,
}

/// A person's word about a part of a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GivenVouch {
    pub matter: Matter,
    /// SHA-256 of the part; where that changes, it counts no more.
    pub of: String,
    pub by: String,
    #[schema(value_type = i64)]
    pub at: UnixTime,
    pub why: String,
    /// Whether that part is still as it was.
    pub counts: bool,
}

/// What is in the way, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProviderFinding {
    pub what: String,
    pub hint: String,
}

/// The next version of a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewProviderRecord {
    pub document: Document,
    /// The version that it replaces, 0 for none: refused if there is another one by now.
    pub seen_version: u32,
    pub why: String,
}

/// A person's word, in the name of who asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewVouch {
    pub matter: Matter,
    /// The version that was looked at.
    pub seen_version: u32,
    pub why: String,
}

/// What an import did, or would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProviderImportReport {
    /// Nothing was changed.
    pub dry_run: bool,
    /// In the order of the file.
    pub changes: Vec<ImportedChange>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImportedChange {
    pub kind: DocumentKind,
    pub key: String,
    pub what: ImportEffect,
    /// That it has now, or would have.
    pub version: u32,
    /// Which fields differ.
    pub fields: Vec<String>,
}

/// What the matrix says about a till, and what follows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CompatibilityAnswer {
    pub verdict: Verdict,
    pub way: Way,
    /// What was named and is not known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
}
