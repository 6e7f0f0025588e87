//! The API as its users meet it: over real HTTPS, with real certificates and tokens.

mod approvals;
mod artifacts;
mod backups;
mod campaigns;
mod connections;
mod downloads;
mod enrolment;
mod fixture;
mod operators;
mod places;
mod providers;
mod purges;
mod quarantine;
mod rebinds;
mod replacements;
mod requests;
mod schedules;
mod snapshots;
mod stops;
mod units;
