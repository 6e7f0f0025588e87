//! Writes answers, and progress at a pace that a reader keeps up with. The only place that writes
//! to standard output.

use std::io::{self, Write as _};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use agent::snapshot::protocol::{self, Line, Nothing, Progress};
use serde::Serialize;

/// At most this many progress lines for one run, beside the first.
const PARTS: u64 = 100;

/// Progress over the bytes of a run.
#[derive(Debug, Default)]
pub struct Reporter {
    done: AtomicU64,
    told: Mutex<u64>,
}

impl Reporter {
    /// This many bytes more. `total` is 0 where nobody knows it yet: then each MiB is told.
    pub fn add(&self, bytes: u64, total: u64) {
        const UNKNOWN_STEP: u64 = 1024 * 1024;
        let bytes_done = self.done.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let step = if total == 0 { UNKNOWN_STEP } else { (total / PARTS).max(1) };
        // Whoever finds it locked is late by one line.
        let Ok(mut told) = self.told.try_lock() else { return };
        if bytes_done >= *told + step {
            *told = bytes_done;
            let bytes_total = total.max(bytes_done);
            let line = Line::<Nothing>::Progress(Progress { bytes_done, bytes_total });
            // Where the agent has gone, the end of standard input ends this program.
            say(&line).ok();
        }
    }
}

pub fn say<Answer: Serialize>(line: &Line<Answer>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{}", protocol::line(line)).and_then(|()| out.flush())
}
