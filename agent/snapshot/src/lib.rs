//! Takes and fetches backups: what `tillward-snapshot` is made of. Read `save.rs` first.
//!
//! **Invariants of absence.** Only `engine` knows the backup library, only `keys::seal` the
//! sealing. No key leaves this terminal but sealed, and nothing is ever removed from a place.
//! `scan` does no I/O. The agent itself links none of this.

pub mod about;
pub mod answer;
pub mod books;
pub mod engine;
pub mod failure;
pub mod fetch;
pub mod files;
pub mod home;
pub mod keys;
pub mod known;
pub mod listing;
pub mod place;
pub mod save;
pub mod scan;
pub mod source;
