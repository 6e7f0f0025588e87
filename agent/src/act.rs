//! Carries out one effect and reports what came of it.
