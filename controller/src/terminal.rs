//! Enrolment and presence.
