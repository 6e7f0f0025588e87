//! The agent's real decisions on a simulated shop: a clock, a disk, a till with its provider, two
//! slots, a network and a controller, all in memory. The power fails at every point of a job, and
//! again at every point of the recovery. Beside it `fleet`: the controller's real decisions over
//! thousands of tills in fake time. `TILLWARD_SEEDS=1000` runs more random weather, and
//! `TILLWARD_SEED=17` repeats one that failed.

mod bank;
mod calendars;
mod controller;
mod cuts;
mod data;
mod decisions;
mod disk;
mod fleet;
mod hands;
mod leases;
mod machine;
mod network;
mod planted;
mod rebinding;
mod rebinds;
mod scenario;
mod slots;
mod stopping;
mod stops;
mod till;
mod vault;
mod verdict;
mod weather;
mod world;
