//! Artifacts: a directory now, an object store later.
