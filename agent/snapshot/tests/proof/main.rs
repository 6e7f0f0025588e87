//! What is promised of backups, on real directories and with stock restic as the referee.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod cut;
mod damage;
mod killed;
mod restic;
mod rig;
mod round_trip;
mod secrets;
mod unchanged;
mod unseal;
