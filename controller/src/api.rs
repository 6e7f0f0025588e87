//! HTTPS for operators and terminals.
