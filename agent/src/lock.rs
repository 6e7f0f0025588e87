//! Mutexes that are locked whatever happened to the thread that held them last.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// For values that are true after each statement, so that a thread that panicked while it held the
/// lock left nothing half changed.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
