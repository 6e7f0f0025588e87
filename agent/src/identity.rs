//! Who this terminal is: key, certificate, fleet, roster.
