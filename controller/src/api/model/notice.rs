//! Who was told of a change, and what they were given to read.

use serde::{Deserialize, Serialize};
use shared::digest::Digest;
use shared::time::UnixTime;
use utoipa::ToSchema;

/// That a party was told. Of a change of provider: `old-provider`, `bank`, `new-provider` or
/// `store`; of terminals that stop: `provider`, `bank`, `customers`, `suppliers` or `tax-office`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Notice {
    pub party: String,
    /// For example `letter` or `mail`.
    pub channel: String,
    /// What the channel calls it.
    #[serde(default)]
    pub reference: String,
    #[schema(value_type = i64)]
    pub sent_at: UnixTime,
    #[serde(default)]
    #[schema(value_type = Option<i64>)]
    pub delivered_at: Option<UnixTime>,
    #[serde(default)]
    #[schema(value_type = Option<i64>)]
    pub acknowledged_at: Option<UnixTime>,
}

/// A letter or handover list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Letter {
    pub party: String,
    /// SHA-256 of the page.
    #[schema(value_type = String)]
    pub digest: Digest,
    /// A page that can be printed, whole in itself.
    pub html: String,
    /// The same as plain text.
    #[serde(default)]
    pub text: String,
    #[schema(value_type = i64)]
    pub made_at: UnixTime,
    pub made_by: String,
}
