//! What the suites and the demo stand on: real processes in a directory of their own, on free
//! ports, ended by id; waits for states; a till's money counted from its ledgers; chance that
//! repeats.
//!
//! Nothing here decides whether a test passes: helpers are few and say what they saw.

pub mod deactivate;
pub mod dice;
pub mod keys;
pub mod ports;
pub mod process;
pub mod programs;
pub mod proxy;
pub mod rebind;
pub mod wait;
pub mod world;
