//! What a new version must show before it is kept.
