//! Which terminals are meant.
