//! From an intention to an acknowledged outcome.
