//! HTTPS for operators and terminals.

pub mod model;
