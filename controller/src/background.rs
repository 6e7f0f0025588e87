//! Runs reconcilers on a timer and when poked.
