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

    /// What an operator types.
    pub(crate) fn command(&self, words: &[&str]) {
        let quoted = words.iter().map(|word| match word.contains(' ') {
            true => format!("'{word}'"),
            false => (*word).to_owned(),
        });
        self.step(&format!("$ tillward {}", quoted.collect::<Vec<_>>().join(" ")));
    }

    /// What a program answered, below the line that says who was asked.
    pub(crate) fn answer(&self, text: &str) {
        for line in text.trim_end().lines() {
            print::line(format!("          │ {line}").trim_end());
        }
    }
}
