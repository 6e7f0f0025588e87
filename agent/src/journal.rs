//! The ledger: intention before, outcome after; what to do on restart.
