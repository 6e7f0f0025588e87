//! One saga executor for all jobs; each job is a table of steps. Pure.
