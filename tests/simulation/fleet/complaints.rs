//! What people complain about elsewhere.
