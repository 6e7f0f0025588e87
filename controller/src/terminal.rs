//! How a terminal becomes one of the fleet.

pub mod certificate;
