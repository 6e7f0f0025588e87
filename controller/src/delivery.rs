//! Being written by the integrator (lands in main soon): leave delivery.rs and delivery/ alone, and rebase.
