//! A controller and a few terminals over a wire that loses, doubles and reorders, with a broker
//! that forgets everything, a controller that is killed, and terminals that lose their ledgers.

mod dice;
mod network;
mod terminal;
mod world;

mod approvals;
mod campaigns;
mod complaints;
mod control;
mod cost;
mod failures;
mod joining;
mod on_record;
mod planned;
mod rebinds;
mod replacing;
mod reports;
mod resuming;
mod waves;
