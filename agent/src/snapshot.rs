//! Backups, which a program of its own takes and fetches: `tillward-snapshot` does everything that
//! is heavy, and runs only while a job needs it.

pub mod protocol;
