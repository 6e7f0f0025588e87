//! What to do next: a pure function of what is known and what happened.
