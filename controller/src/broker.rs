//! The embedded broker, or an external one.
