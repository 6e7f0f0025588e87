//! Which roster is believed, and how it is replaced. Pure.
