//! Requests for changes, and what people find suspicious.

use serde::{Deserialize, Serialize};
use shared::digest::Digest;
use shared::id::{CampaignId, RequestId, TerminalId};
use shared::time::UnixTime;
use utoipa::ToSchema;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRequest {
    pub kind: RequestKind,
    /// Who wishes for it, by name.
    pub requester: String,
    pub channel: RequestChannel,
    /// For example `fee`; see `tillward request new --help` for all.
    #[schema(value_type = String)]
    pub reason: shared::change::rebind::Reason,
    /// Needed where the reason is `other`.
    #[serde(default)]
    pub note: String,
    /// The keys of the present provider and of the new one; empty where none is changed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub from: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub to: String,
    /// The terminals whose positions are meant, for example `store=berlin-1`.
    #[serde(rename = "where")]
    pub selector: String,
    /// How the shops take money meanwhile.
    #[serde(default)]
    pub fallback: Option<String>,
    /// Of the contract, that allows it; or else a waiver.
    #[serde(default)]
    pub clause: Option<String>,
    #[serde(default)]
    pub waiver: Option<String>,
    #[serde(default)]
    pub attachments: Vec<Attachment>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RequestKind {
    Rebind,
    /// Stop for a while; nothing is erased.
    Suspend,
    /// Sell again after that.
    Resume,
    /// Stop for good, and empty.
    Decommission,
    /// Another unit takes its place.
    Replace,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RequestChannel {
    Telephone,
    Email,
    Letter,
    Visit,
    Console,
    Api,
}

/// A paper that is kept elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Attachment {
    pub name: String,
    #[schema(value_type = String)]
    pub sha256: Digest,
    #[serde(default)]
    #[schema(value_type = Option<i64>)]
    pub expires_at: Option<UnixTime>,
    /// Who has read it.
    #[serde(default)]
    pub reviewer: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Request {
    #[schema(value_type = String, example = "req-0192f0c1d2e34f5061728394a5b6c7d8")]
    pub id: RequestId,
    pub asked: NewRequest,
    /// `requested`, `verified`, `accepted`, `scheduled`, `closed`, `rejected`, `cancelled` or
    /// `frozen`.
    pub state: String,
    #[schema(value_type = i64)]
    pub state_at: UnixTime,
    pub state_by: String,
    pub state_reason: Option<String>,
    /// Where a frozen one goes on.
    pub frozen_from: Option<String>,
    pub verification: Option<Verification>,
    pub review: Option<Review>,
    /// What carries it out.
    #[schema(value_type = Option<String>)]
    pub campaign: Option<CampaignId>,
    #[schema(value_type = i64)]
    pub created_at: UnixTime,
    /// The operator who wrote it down.
    pub created_by: String,
}

/// How somebody made sure that the requester wished for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Verification {
    pub method: VerificationMethod,
    pub contact: String,
    pub by: String,
    #[schema(value_type = i64)]
    pub at: UnixTime,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum VerificationMethod {
    /// They were called at the number on file.
    CallBack,
    SignedApiCall,
    ConsoleLogin,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Review {
    pub is_accepted: bool,
    pub by: String,
    #[schema(value_type = i64)]
    pub at: UnixTime,
    pub reason: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Verify {
    pub method: VerificationMethod,
    /// The contact on file that was used: a number, a key, an account.
    pub contact: String,
    #[serde(default)]
    pub reason: Option<String>,
}

/// Exactly one of the four is named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSuspicion {
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub terminal: Option<TerminalId>,
    #[serde(default)]
    pub store: Option<String>,
    /// As positions name their merchant.
    #[serde(default)]
    pub merchant: Option<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub request: Option<RequestId>,
    /// What is suspicious.
    pub note: String,
}

/// Nothing is released or sent within its scope until two people have lifted it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Suspicion {
    pub number: u64,
    /// `terminal`, `store`, `merchant` or `request`.
    pub scope: String,
    /// The id or the name.
    pub subject: String,
    pub note: String,
    #[schema(value_type = i64)]
    pub raised_at: UnixTime,
    /// An operator, or the terminal.
    pub raised_by: String,
    /// The first of the two people who lift it.
    pub asked: Option<LiftWord>,
    /// The second.
    pub lifted: Option<LiftWord>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LiftWord {
    pub by: String,
    #[schema(value_type = i64)]
    pub at: UnixTime,
    pub reason: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LiftSuspicion {
    /// What was found out.
    pub reason: String,
}
