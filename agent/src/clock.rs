//! What time it is as far as it can be relied on: a floor that only signed time raises. Pure.
