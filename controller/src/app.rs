//! Wires everything; the only module that knows all others.
