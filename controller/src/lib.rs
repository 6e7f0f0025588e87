//! The controller: plans work over a fleet of terminals and follows it to its end.
//!
//! `app` wires everything; `background` moves every task one step at a time, on a timer and when
//! poked, so that a controller that is killed anywhere continues. Decisions are pure
//! ([`campaign`]'s `plan`); what is desired and what was reported lives in the [`registry`].
//!
//! **Invariants of absence.** Only `registry` knows SQL, and only its `sqlite.rs` and `postgres.rs`
//! a database. Only `blob` knows object stores. Only `broker/embedded.rs` knows the embedded
//! broker, only `mqtt` the MQTT client. The command line ([`cli`]) uses nothing but the HTTP API.

pub mod api;
pub mod app;
pub mod audit;
pub mod auth;
pub mod background;
pub mod backup;
pub mod blob;
pub mod broker;
pub mod calendar;
pub mod campaign;
pub mod chart;
pub mod cli;
pub mod config;
pub mod deactivation;
pub mod delivery;
pub mod finding;
pub mod key_file;
pub mod kind;
mod measure;
mod money;
pub mod mqtt;
mod on_record;
pub mod pacing;
pub mod position;
pub mod provider;
pub mod rebind;
pub mod registry;
pub mod release;
pub mod replacement;
pub mod request;
pub mod selector;
pub mod sheet;
pub mod store;
pub mod terminal;
pub mod text;
pub mod unit;
mod version;
