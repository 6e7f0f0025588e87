//! What a terminal says and hears before and after it has a certificate.

use std::fmt;

use data_encoding::BASE64;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use shared::id::{FleetId, OrderId, TerminalId};
use utoipa::ToSchema;

use super::terminal::Lifecycle;

/// Bytes, in standard base64 with padding (RFC 4648 §4).
#[derive(Clone, PartialEq, Eq, ToSchema)]
#[schema(value_type = String, format = Byte)]
pub struct Base64(pub Vec<u8>);

impl Serialize for Base64 {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&BASE64.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        BASE64.decode(text.as_bytes()).map(Self).map_err(de::Error::custom)
    }
}

impl fmt::Debug for Base64 {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} bytes", self.0.len())
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BeginEnrolment {
    pub serial: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EnrolmentNonce {
    /// 16 bytes, to be signed within two minutes.
    pub nonce: Base64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Enrol {
    pub serial: String,
    pub nonce: Base64,
    /// A PKCS #10 certification request (DER). Only its public key is used.
    pub csr: Base64,
    /// Ed25519, by the claim's key, over `tillward-enrol-v1` ‖ SHA-256(SPKI of the request) ‖
    /// serial ‖ nonce.
    pub proof: Base64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Enrolled {
    #[schema(value_type = String)]
    pub terminal: TerminalId,
    #[schema(value_type = String)]
    pub fleet: FleetId,
    pub epoch: u32,
    /// The terminal's certificate and its authority's, PEM.
    pub certificate: String,
    /// PEM.
    pub server_ca: String,
    /// Signed rosters, ascending without a gap, the newest last.
    pub rosters: Vec<Base64>,
    /// `host:port`.
    pub broker: String,
    /// IANA name of the time zone that windows are meant in, as the claim said.
    pub zone: String,
    /// The order by which it stands still, and did so before it enrolled anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub suspended_by: Option<OrderId>,
}

/// What a terminal is told about itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Own {
    #[schema(value_type = String)]
    pub terminal: TerminalId,
    pub state: Lifecycle,
    /// `host:port` of the broker that serves it now.
    pub broker: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_travel_as_padded_base64_and_nothing_else_is_taken() {
        let bytes = Base64(vec![0xfb, 0xff, 0x01, 0x02]);
        assert_eq!(serde_json::to_string(&bytes).unwrap(), "\"+/8BAg==\"");
        assert_eq!(serde_json::from_str::<Base64>("\"+/8BAg==\"").unwrap(), bytes);
        for wrong in ["\"-_8BAg==\"", "\"+/8BAg\"", "\"+/8B Ag==\"", "7"] {
            assert!(serde_json::from_str::<Base64>(wrong).is_err(), "{wrong}");
        }
    }
}
