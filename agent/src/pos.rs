//! The POS application behind one trait.
