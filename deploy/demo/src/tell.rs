//! The story while it happens: one line an event, with the time since the beginning.

use std::time::Instant;

use crate::print;

#[derive(Debug)]
pub(crate) struct Teller {
    begun: Instant,
}

impl Teller {
    pub(crate) fn new(begun: Instant) -> Self {
        Self { begun }
    }

    pub(crate) fn step(&self, text: &str) {
        print::line(&format!("{:6.1} s  {text}", self.begun.elapsed().as_secs_f64()));
    }
}
