//! Fetches an artifact over HTTPS, resuming where it stopped.
