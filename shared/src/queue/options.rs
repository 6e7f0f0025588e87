//! How a store is opened.

use std::sync::Arc;
use std::time::Duration;

use crate::limits;

/// How much the queue may hold. See [`crate::limits`] for the reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    pub records_max: u64,
    pub bytes_max: u64,
    /// Of these, what only batches with a receipt may use: see [`Batch::takes_on_work`].
    pub reserve_records: u64,
    pub reserve_bytes: u64,
}

impl Bounds {
    pub const TERMINAL: Self = Self {
        records_max: limits::TERMINAL_QUEUE_RECORDS_MAX,
        bytes_max: limits::TERMINAL_QUEUE_BYTES_MAX,
        reserve_records: limits::TERMINAL_RESERVE_RECORDS,
        reserve_bytes: limits::TERMINAL_RESERVE_BYTES,
    };
    pub const CONTROLLER: Self = Self {
        records_max: limits::CONTROLLER_QUEUE_RECORDS_MAX,
        bytes_max: limits::CONTROLLER_QUEUE_BYTES_MAX,
        reserve_records: 0,
        reserve_bytes: 0,
    };
}

/// What makes a commit durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Barrier {
    /// Everything up to the device.
    PowerCut,
    /// Only what the database itself does, which a power cut undoes. The mark does not sync its
    /// files either: that would make the file system keep what the database wrote before.
    FlushOnly,
}

/// How a store is opened.
#[derive(Clone)]
pub struct Options {
    pub(super) bounds: Bounds,
    pub(super) disk_reserve_bytes: u64,
    pub(super) barrier: Barrier,
    clock: Arc<dyn Fn() -> Duration + Send + Sync>,
}

impl Options {
    /// `clock` says how long ago some fixed moment was; it never goes back. It times retries.
    pub fn new(bounds: Bounds, clock: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        Self {
            bounds,
            disk_reserve_bytes: limits::DISK_RESERVE_BYTES,
            barrier: Barrier::PowerCut,
            clock: Arc::new(clock),
        }
    }

    /// A reserve of another size; none with 0.
    pub fn disk_reserve_bytes(mut self, bytes: u64) -> Self {
        self.disk_reserve_bytes = bytes;
        self
    }

    /// Leaves the barrier out. It exists so that the power-cut suite can show that it would
    /// notice; a store opened like this loses what it acknowledged.
    #[doc(hidden)]
    pub fn without_barrier_for_the_power_cut_suite(mut self) -> Self {
        self.barrier = Barrier::FlushOnly;
        self
    }

    pub(super) fn now(&self) -> Duration {
        (self.clock)()
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Options")
            .field("bounds", &self.bounds)
            .field("disk_reserve_bytes", &self.disk_reserve_bytes)
            .field("barrier", &self.barrier)
            .finish_non_exhaustive()
    }
}
