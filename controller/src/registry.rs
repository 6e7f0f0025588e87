//! What must be stored, as one trait in our words.
