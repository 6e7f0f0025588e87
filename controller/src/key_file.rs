//! Private keys at rest.
