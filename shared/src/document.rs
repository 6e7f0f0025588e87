//! What is signed. Each document is a CBOR payload in a COSE_Sign envelope (RFC 9052, tag 98);
//! [`crate::signature`] makes and checks the envelope, here is only what the payload says.
//!
//! Field order is the order of encoding. A document is accepted only when encoding it again gives
//! the same bytes, so there is exactly one way to write each.

pub mod batch;
pub mod checkpoint;
pub mod clearance;
pub mod epoch_key;
pub mod fleet_time;
pub mod manifest;
pub mod order;
pub mod profile;
pub mod purge_certificate;
pub mod receipt;
pub mod recipient_statement;
pub mod release;
pub mod roster;
pub mod sanitisation;

pub use batch::Batch;
pub use checkpoint::Checkpoint;
pub use clearance::Clearance;
pub use epoch_key::EpochKey;
pub use fleet_time::FleetTime;
pub use manifest::Manifest;
pub use order::Order;
pub use profile::Profile;
pub use purge_certificate::PurgeCertificate;
pub use receipt::Receipt;
pub use recipient_statement::RecipientStatement;
pub use release::Release;
pub use roster::Roster;
pub use sanitisation::SanitisationCertificate;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The format that this build writes, in every document's first field.
pub const FORMAT: u8 = 1;

/// A payload that is signed. Its first field is `format`, which is [`FORMAT`] or it is not read.
pub trait Document: Serialize + DeserializeOwned {
    /// The COSE content type, and part of what every signature covers: a signature made for one
    /// kind of document is worthless on another.
    const CONTENT_TYPE: &'static str;
}

macro_rules! documents {
    ($($name:ident = $content_type:literal;)+) => {$(
        impl Document for $name {
            const CONTENT_TYPE: &'static str = $content_type;
        }
    )+};
}

documents! {
    Batch = "application/vnd.tillward.batch+cbor";
    Checkpoint = "application/vnd.tillward.checkpoint+cbor";
    Clearance = "application/vnd.tillward.clearance+cbor";
    EpochKey = "application/vnd.tillward.epoch-key+cbor";
    FleetTime = "application/vnd.tillward.fleet-time+cbor";
    Manifest = "application/vnd.tillward.manifest+cbor";
    Order = "application/vnd.tillward.order+cbor";
    Profile = "application/vnd.tillward.profile+cbor";
    PurgeCertificate = "application/vnd.tillward.purge-certificate+cbor";
    Receipt = "application/vnd.tillward.receipt+cbor";
    RecipientStatement = "application/vnd.tillward.recipient-statement+cbor";
    Release = "application/vnd.tillward.release+cbor";
    Roster = "application/vnd.tillward.roster+cbor";
    SanitisationCertificate = "application/vnd.tillward.sanitisation-certificate+cbor";
}
