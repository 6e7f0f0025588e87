//! Erasing, which a program of its own does: `tillward-erase` keeps a journal where nothing is
//! erased, and goes on at the next start of the machine where the power failed.

use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use shared::durable;
use shared::id::OrderId;

use crate::config::{StateDir, Wipe};
use crate::job::Finding;

/// Where the program is, and what it is to erase.
#[derive(Clone, Debug)]
pub struct Eraser {
    program: PathBuf,
    /// Where it keeps its journal.
    lifecycle: PathBuf,
    /// `keys`, `paths` and `devices`.
    what: Value,
    state: StateDir,
}

impl Eraser {
    pub fn new(wipe: &Wipe, state: StateDir) -> Self {
        let Wipe { program, lifecycle, what } = wipe.clone();
        Self { program, lifecycle, what, state }
    }

    /// Whether what it is to erase can be erased. Changes nothing; says why not.
    pub fn check(&self) -> Result<(), String> {
        self.ask(&["check"], Some(&self.request("check"))).map(|_checked| ())
    }

    /// Erases all but the identity, and proves it as far as it can be proven. Asked again, it goes
    /// on, or says the same.
    pub fn erase(&self, order: OrderId) -> Result<Value, String> {
        let answer = self.ask(&["run"], Some(&self.request(&order.to_string())))?;
        match answer.get("report") {
            Some(report) => Ok(report.clone()),
            None => Err("the erasing program gave no report".to_owned()),
        }
    }

    /// Whether anything is gone already by this order. What an earlier life has erased is no part
    /// of it.
    pub fn has_begun(&self, order: OrderId) -> bool {
        let Some((state, Some(by))) = self.state() else { return false };
        by == order.to_string() && !["none", "accepted"].contains(&state.as_str())
    }

    /// The tombstone of an earlier life lies where nothing is erased, and says what is not so any
    /// more once the terminal has an identity again. As long as an erasure is under way, or the old
    /// identity not surely gone, it stays: whatever identity there is may be the old one. Whether
    /// there was one to remove.
    pub fn begin_anew(&self) -> io::Result<bool> {
        let tombstone = self.lifecycle.join("decommissioned");
        if !tombstone.exists() || !self.is_forgotten() {
            return Ok(false);
        }
        fs::remove_file(tombstone)?;
        durable::sync_directory(&self.lifecycle)?;
        Ok(true)
    }

    /// The identity goes too.
    pub fn forget(&self) -> Result<(), String> {
        self.ask(&["forget", "--lifecycle"], None).map(|_forgotten| ())
    }

    /// Whether the newest erasure has come to its end, and the identity that it was done under is
    /// gone.
    pub fn is_forgotten(&self) -> bool {
        self.state().is_some_and(|(state, _)| state == "forgotten")
    }

    /// Whether all but the identity is gone, and that is about to.
    pub fn is_erased(&self) -> bool {
        self.state().is_some_and(|(state, _)| state == "erased")
    }

    /// Where an erasure is that has not come to its end.
    pub fn unfinished(&self) -> Option<String> {
        let (state, _) = self.state()?;
        (!["none", "forgotten"].contains(&state.as_str())).then_some(state)
    }

    /// How far the newest erasure is, and by which order.
    fn state(&self) -> Option<(String, Option<String>)> {
        let answer = self.ask(&["state", "--lifecycle"], None).ok()?;
        let word = |name: &str| answer[name].as_str().map(str::to_owned);
        Some((word("state")?, word("order")))
    }

    fn request(&self, order: &str) -> Value {
        let mut wipe = self.what.clone();
        let (own, identity) = self.own();
        if let Some(paths) = wipe["paths"].as_array_mut() {
            paths.extend(own.into_iter().map(|path| json!(path)));
        }
        wipe["identity"] = json!(identity);
        wipe["order"] = json!(order);
        wipe["lifecycle"] = json!(self.lifecycle);
        json!({ "wipe": wipe })
    }

    /// What the agent keeps: all but what it must have to say that everything is erased, and that.
    /// Software is nobody's data, and runs; it stays, for whoever gets the unit next.
    fn own(&self) -> (Vec<PathBuf>, Vec<PathBuf>) {
        let last = [self.state.identity(), self.state.store(), self.state.status()];
        let here = fs::read_dir(self.state.path()).into_iter().flatten().flatten();
        let slots = self.state.slots();
        let here = here.map(|entry| entry.path());
        let here = here.filter(|path| !last.contains(path) && *path != slots);
        (here.collect(), last.into())
    }

    /// The last line that the program says.
    fn ask(&self, words: &[&str], request: Option<&Value>) -> Result<Value, String> {
        let program = self.program.display();
        let failed = |error: io::Error| format!("the erasing program `{program}`: {error}");
        let mut command = Command::new(&self.program);
        command.args(words);
        if request.is_none() {
            command.arg(&self.lifecycle);
        }
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(failed)?;
        if let (Some(request), Some(mut stdin)) = (request, child.stdin.take()) {
            writeln!(stdin, "{request}").map_err(failed)?;
        }
        let output = child.wait_with_output().map_err(failed)?;
        let said = String::from_utf8_lossy(&output.stdout);
        let last = said.lines().next_back().unwrap_or_default();
        let answer: Value = serde_json::from_str(last).unwrap_or_default();
        match (output.status.success(), answer.get("failed")) {
            (true, None) => Ok(answer),
            (_, Some(why)) => {
                let word = |name: &str| why[name].as_str().unwrap_or_default().to_owned();
                Err(format!("{}: {}; {}", word("what"), word("why"), word("hint")))
            }
            (false, None) => Err(format!("the erasing program `{program}`: {}", output.status)),
        }
    }
}

/// What was erased, each by its name, for the receipt.
pub fn findings(report: &Value) -> impl Iterator<Item = Finding> {
    let parts = [("keys", "name", "destroyed"), ("paths", "path", "removed")];
    let parts = parts.into_iter().chain([("devices", "device", "discarded")]);
    parts.flat_map(|(part, name, done)| {
        let list = report[part].as_array().map(Vec::as_slice).unwrap_or_default();
        list.iter().map(move |it| {
            let word = |name: &str| it[name].as_str().unwrap_or_default();
            let done = if it[done].as_bool() == Some(true) { done } else { "nothing was there" };
            let verified = match it["verified"].as_bool() {
                Some(true) => "verified",
                Some(false) | None => "not verified",
            };
            let note = format!("{}: {done}, {verified}; {}", word(name), word("detail"));
            Finding { note, digest: None }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thing_that_was_erased_is_a_finding_with_what_is_known_of_it() {
        let report = json!({
            "keys": [{"name": "luks /dev/x", "destroyed": true, "verified": true, "detail": "d"}],
            "paths": [{"path": "/var/x", "removed": false, "verified": true, "detail": ""}],
            "devices": [{"device": "/dev/x", "discarded": true, "detail": "e"}],
        });
        let notes: Vec<_> = findings(&report).map(|it| it.note).collect();
        assert_eq!(
            notes,
            [
                "luks /dev/x: destroyed, verified; d",
                "/var/x: nothing was there, verified; ",
                "/dev/x: discarded, not verified; e",
            ]
        );
    }
}
