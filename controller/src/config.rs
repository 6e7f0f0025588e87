//! The controller's configuration: read once, all mistakes reported at once.
