//! Select, decide, journal, act: the only `select!`.
