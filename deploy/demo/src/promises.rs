//! What the scenario promises, and whether it was so.

use std::fmt;

#[derive(Debug, Default)]
pub(crate) struct Promises(Vec<Promise>);

#[derive(Debug)]
struct Promise {
    what: String,
    /// What was seen instead.
    broken: Option<String>,
}

impl Promises {
    pub(crate) fn check(&mut self, what: impl Into<String>, seen: Result<(), String>) {
        self.0.push(Promise { what: what.into(), broken: seen.err() });
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
        !self.0.is_empty() && self.0.iter().all(|promise| promise.broken.is_none())
    }
}

impl fmt::Display for Promises {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for promise in &self.0 {
            match &promise.broken {
                None => writeln!(out, "  kept    {}", promise.what)?,
                Some(seen) => writeln!(out, "  BROKEN  {}: {seen}", promise.what)?,
            }
        }
        let broken = self.0.iter().filter(|promise| promise.broken.is_some()).count();
        match broken {
            0 => write!(out, "all {} promises kept", self.0.len()),
            _ => write!(out, "{broken} of {} promises BROKEN", self.0.len()),
        }
    }
}
