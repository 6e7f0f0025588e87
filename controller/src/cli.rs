//! The operator's command line; speaks only to the HTTP API.
