//! What is promised to others, held still: the bytes of every message and document, and the
//! refusal of everything that was not signed by those whose word it needs.
//!
//! The forgeries go against the agent's real `order::check`, `Trust` and `Clock`. They are made
//! with a second CBOR implementation ([`paper`]), which also proves that others can read what we
//! write.

mod approvals;
mod damage;
mod forgery;
mod golden;
mod paper;
mod policy;
mod rosters;
mod samples;
mod scene;
mod second_reader;
mod stolen_controller;
mod unreadable;
