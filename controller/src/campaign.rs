//! One change for many terminals, followed to its end.

pub mod assignment;
pub mod plan;
pub mod state;
