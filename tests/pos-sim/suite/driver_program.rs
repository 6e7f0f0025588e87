//! The agent's end of a driver program.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::Stdio;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::process::{Process, pos_sim};
use crate::wait::LONG;

pub(crate) struct Driver {
    pub(crate) process: Process,
    lines: Receiver<String>,
    next_id: u64,
    early: BTreeMap<u64, Value>,
}

impl Driver {
    pub(crate) fn start(data: &Path, limit_ms: u64) -> Self {
        let mut command = pos_sim();
        command.arg("driver").arg("--data").arg(data);
        command.arg("--limit-ms").arg(limit_ms.to_string());
        let mut process = Process::start(command.stdin(Stdio::piped()).stdout(Stdio::piped()));
        let output = BufReader::new(process.child().stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { process, lines, next_id: 1, early: BTreeMap::new() }
    }

    /// Writes a line as it is.
    pub(crate) fn write(&mut self, line: &str) {
        writeln!(self.process.child().stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// Sends a request that has no id yet; returns the id it got.
    pub(crate) fn send(&mut self, request: &str) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        let mut request: Value = serde_json::from_str(request).unwrap();
        request["id"] = id.into();
        self.write(&request.to_string());
        id
    }

    /// The next line of any kind; none if there is none for that long.
    pub(crate) fn line(&mut self, patience: Duration) -> Option<String> {
        self.lines.recv_timeout(patience).ok()
    }

    /// The answer to request `id`; none if it does not come for that long.
    pub(crate) fn answer(&mut self, id: u64, patience: Duration) -> Option<Value> {
        while !self.early.contains_key(&id) {
            let answer: Value = serde_json::from_str(&self.line(patience)?).unwrap();
            self.early.insert(answer["id"].as_u64().unwrap(), answer);
        }
        self.early.remove(&id)
    }

    pub(crate) fn ask(&mut self, request: &str) -> Value {
        let id = self.send(request);
        self.answer(id, LONG).expect("the driver always answers")
    }

    /// The answer's body; panics if it is an error.
    #[track_caller]
    pub(crate) fn ok(&mut self, request: &str) -> Value {
        let answer = self.ask(request);
        assert!(answer.get("ok").is_some(), "{request}: {answer}");
        answer["ok"].clone()
    }

    /// The code of the error; panics if there is none.
    #[track_caller]
    pub(crate) fn error(&mut self, request: &str) -> String {
        let answer = self.ask(request);
        let code = answer["error"]["code"].as_str();
        code.unwrap_or_else(|| panic!("{request}: {answer}")).to_owned()
    }
}
