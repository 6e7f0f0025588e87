//! How a terminal becomes one of the fleet, and what it is known by.

pub mod certificate;
pub mod enrolment;
pub mod keys;
pub mod label;
pub mod nonce;
