//! Is an order signed, for me, new, still valid? Pure.
