//! Connected or not, when to try again, what to say on return. Pure.
