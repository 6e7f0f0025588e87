//! The wire between terminals and controllers: an embedded MQTT 5 broker, or external ones.
//!
//! Nothing is trusted to a broker but to carry: no sessions, no retained messages, no queues that
//! outlive a connection. Both ends keep what matters and reconcile.

pub mod access;
pub mod embedded;
