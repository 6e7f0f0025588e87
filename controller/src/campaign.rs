//! One change for many terminals, followed to its end.
