//! The two places of backups: buckets that answer, fail, die and come back, and what killed uploads
//! leave in directories.
//!
//! The S3 server is one of the public ones, over a directory, in a process of its own: it checks
//! signatures, keeps to `If-None-Match`, and has what it took when it comes back after a kill.

mod buckets;
mod leftovers;
