//! How a terminal becomes one of the fleet.

pub mod certificate;
pub mod enrolment;
pub mod nonce;
