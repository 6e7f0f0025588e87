//! From a claim to an identity.
