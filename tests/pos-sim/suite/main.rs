//! The till, its hosts, its keeper and its driver as real processes that are killed, stopped,
//! restarted and lied to.

#![expect(clippy::unwrap_used, reason = "what a test needs and does not get fails the test")]

mod audit;
mod backup;
mod driver;
mod erased;
mod faults;
mod hold;
mod keep;
mod money;
mod rebind;
mod settle;

mod driver_program;
mod fake_host;
mod process;
mod shop;
mod wait;
