//! Tables of events for the executor.
