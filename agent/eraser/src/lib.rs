//! Destroys what a terminal holds: what `tillward-erase` is made of. Read `phase.rs`, then
//! `wipe.rs`.
//!
//! Keys go first, since they are few bytes and make the rest unreadable at once; then what has a
//! name, then whole devices. Each phase is written down before it begins and can be repeated, so a
//! power cut anywhere is followed by the next start of the program, not by a person.
//!
//! **Invariants of absence.** This program knows no network, no order, no signature and no clock
//! of its own: who starts it has decided. It shares no code with the agent; `protocol` says what
//! goes over its standard input and output. Nothing is read back as gone that was not looked for.

pub mod command_line;
pub mod device;
pub mod failure;
pub mod gate;
pub mod journal;
pub mod kept;
pub mod keys;
pub mod outside;
pub mod phase;
pub mod print;
pub mod protocol;
pub mod record;
pub mod report;
pub mod request;
pub mod tree;
pub mod wipe;
