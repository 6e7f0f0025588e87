//! The terminal's agent.
//!
//! One loop ([`event_loop`]) turns whatever happens into an input, asks [`decide`] what to do,
//! writes that down ([`journal`]) and lets [`act`] do it. Read `job/upgrade.rs` first: it is the
//! whole idea in one table.
//!
//! **Invariants of absence.** `decide`, `job`, `order`, `roster`, `clock`, `lease`, `session`,
//! `outbox` and `maintenance` do no I/O and read no clock. Only `mqtt` knows the MQTT client. Only
//! `pos` talks to the POS application. No effect begins before its intention is on disk.

pub mod act;
pub mod clock;
pub mod command_line;
pub mod config;
pub mod decide;
pub mod download;
pub mod enrolment;
pub mod eraser;
pub mod event_loop;
pub mod exit;
pub mod health;
pub mod https;
pub mod identity;
pub mod install;
pub mod job;
pub mod journal;
pub mod lease;
mod lock;
pub mod machine;
pub mod maintenance;
pub mod mqtt;
pub mod order;
pub mod outbox;
pub mod pos;
pub mod power;
pub mod print;
pub mod program;
pub mod roster;
pub mod session;
pub mod snapshot;
pub mod status;
pub mod stop;
pub mod suspicion;
