//! What the scenarios promise, and whether it was so.

use std::fmt;

#[derive(Debug, Default)]
pub(crate) struct Promises {
    /// Whose promises come next.
    scenario: &'static str,
    made: Vec<Promise>,
}

#[derive(Debug)]
struct Promise {
    scenario: &'static str,
    what: String,
    /// What was seen instead.
    broken: Option<String>,
}

impl Promises {
    /// What is checked from here on is a promise of this scenario.
    pub(crate) fn of(&mut self, scenario: &'static str) {
        self.scenario = scenario;
    }

    pub(crate) fn check(&mut self, what: impl Into<String>, seen: Result<(), String>) {
        let scenario = self.scenario;
        self.made.push(Promise { scenario, what: what.into(), broken: seen.err() });
    }

    pub(crate) fn equal<T: PartialEq + fmt::Debug>(
        &mut self,
        what: impl Into<String>,
        seen: &T,
        promised: &T,
    ) {
        let same = seen == promised;
        self.check(what, if same { Ok(()) } else { Err(format!("{seen:?}, not {promised:?}")) });
    }

    pub(crate) fn all_held(&self) -> bool {
        !self.made.is_empty() && self.made.iter().all(|promise| promise.broken.is_none())
    }
}

impl fmt::Display for Promises {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut scenario = "";
        for promise in &self.made {
            if promise.scenario != scenario {
                scenario = promise.scenario;
                writeln!(out, "promises of {scenario}")?;
            }
            match &promise.broken {
                None => writeln!(out, "  kept    {}", promise.what)?,
                Some(seen) => writeln!(out, "  BROKEN  {}: {seen}", promise.what)?,
            }
        }
        let broken = self.made.iter().filter(|promise| promise.broken.is_some()).count();
        match broken {
            0 => write!(out, "all {} promises kept", self.made.len()),
            _ => write!(out, "{broken} of {} promises BROKEN", self.made.len()),
        }
    }
}
