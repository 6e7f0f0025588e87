//! The whole path with real processes: controller, brokers, databases, agents, tills and hosts.
//!
//! Every test has a fleet of its own, in a directory of its own, on free ports of loopback; the
//! only thing that they share is the PostgreSQL server that `tests/run` starts. A test that fails
//! shows the last words of every process; with `TILLWARD_KEEP` set, directories are left behind.
//! Faults at random moments are drawn from a seed that is printed; `TILLWARD_SEED` repeats it.
//!
//! Deliberately absent: what a simulation shows better, such as a power cut at every step.

mod agent_kills;
mod approvals;
mod backups;
mod books;
mod broker_restarts;
mod campaigns;
mod claims;
mod damage;
mod deactivation;
mod erasing_twice;
mod fleet;
mod holder;
mod insider;
mod leases;
mod offline;
mod print;
mod programs;
mod publisher;
mod random;
mod rebind;
mod releases;
mod replacement;
mod revocation;
mod round_trip;
mod tampered_log;
mod waves;
mod whole_path;
