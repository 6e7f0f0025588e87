//! What is sent next, and what is acknowledged. Pure.
