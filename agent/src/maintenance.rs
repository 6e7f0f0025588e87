//! May this shop be disturbed now? Pure.
