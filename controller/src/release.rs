//! Building, signing and checking releases.
