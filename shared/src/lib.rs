//! What crosses the wire between a terminal and its controller, or must be the same on both sides.
//!
//! Read [`document`] first: the signed documents are what gives an instruction its power; the
//! messages of [`message`] only carry them. [`topic`] says where they travel, [`signature`] how
//! they are signed and checked, [`floor`] whose signatures each verb needs at the very least.
//!
//! **Admission test.** Something belongs here only if the other side would break when it changed.
//! Three modules are here although they do I/O, so that both sides have one implementation:
//! [`queue`] (the offline queue), [`durable`] (files that survive a power cut) and [`tls`] (one way
//! to build a TLS configuration).
//!
//! **Invariants of absence.** No business decision, no tokio, no clock: time is an argument. Only
//! `codec` knows the CBOR library, only `queue` knows the database, only `signature` knows COSE.

pub mod backup;
pub mod calendar;
pub mod change;
pub mod claim;
pub mod code_words;
pub mod codec;
pub mod digest;
pub mod document;
pub mod drill;
pub mod durable;
pub mod floor;
pub mod id;
pub mod limits;
pub mod log_tree;
pub mod membership;
pub mod message;
pub mod outcome;
pub mod owed;
pub mod queue;
pub mod signature;
pub mod step_names;
pub mod time;
pub mod tls;
pub mod topic;
pub mod window;
