//! Backups, which a program of its own takes and fetches: `tillward-snapshot` does everything that
//! is heavy, and runs only while a job needs it.
//!
//! One request is one process. It is ended when it is told to stop, when it says nothing for long,
//! and when it has answered; whatever it does instead of answering has its words here.

pub mod protocol;

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use protocol::{Failed, LINE_BYTES_MAX, Task};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tracing::info;

use crate::stop::Stop;

/// Longer than the program may read a slow disk, or wait for a slow network, without a word.
const SILENCE_MAX: Duration = Duration::from_secs(600);

/// For the program to end by itself once its input has ended.
const GRACE: Duration = Duration::from_secs(5);

const LOOK_EVERY: Duration = Duration::from_millis(200);
const END_LOOK: Duration = Duration::from_millis(10);

/// Where the program is, and where its keys are.
#[derive(Clone, Debug)]
pub struct Program {
    path: PathBuf,
    state_dir: PathBuf,
    silence_max: Duration,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Unanswered {
    #[error("the backup program `{}` cannot be started: {source}", path.display())]
    NotStarted { path: PathBuf, source: io::Error },
    #[error("the backup program said nothing for {} s", .0.as_secs())]
    Silent(Duration),
    #[error("the backup program ended without an answer: {0}")]
    Ended(String),
    #[error("the backup program's answer makes no sense: {0}")]
    Nonsense(String),
    #[error("the backup program was stopped")]
    Stopped,
    #[error("{}", .0.detail)]
    Failed(Failed),
    #[error("{}", .0.detail)]
    Waiting(protocol::Waiting),
}

impl Program {
    pub fn new(path: PathBuf, state_dir: PathBuf) -> Self {
        Self { path, state_dir, silence_max: SILENCE_MAX }
    }

    /// With another patience than that for a slow disk or network.
    pub(crate) fn with_silence_max(self, silence_max: Duration) -> Self {
        Self { silence_max, ..self }
    }

    /// Asks with one line of JSON, and waits for the answer, which [`read`] makes sense of.
    /// `progress` is told bytes done and bytes in all.
    ///
    /// JSON values and not their types, here and where answers are kept: each type that is read or
    /// written costs the agent, which is small, as much as a module.
    pub fn ask(
        &self,
        task: Task,
        request: String,
        stop: &Stop,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Value, Unanswered> {
        let not_started = |source| Unanswered::NotStarted { path: self.path.clone(), source };
        let running = Running::start(self, task, request).map_err(not_started)?;
        info!(task = task.as_str(), pid = running.child.id(), "started the backup program");
        let answer = running.answer(self.silence_max, stop, progress);
        let ended = running.end().map_err(not_started)?;
        match answer {
            Err(Unanswered::Ended(_)) => Err(Unanswered::Ended(ended)),
            answer => answer,
        }
    }
}

/// One process that works on one request.
struct Running {
    child: Child,
    /// Its input stays open as long as this is held.
    input: SyncSender<()>,
    lines: Receiver<io::Result<String>>,
}

impl Running {
    fn start(program: &Program, task: Task, request: String) -> io::Result<Self> {
        let mut child = Command::new(&program.path)
            .arg("--state-dir")
            .arg(&program.state_dir)
            .arg(task.as_str())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()?;
        let stdin = child.stdin.take().expect("asked for above");
        let stdout = child.stdout.take().expect("asked for above");
        let (input, held) = sync_channel(0);
        let (tell, lines) = channel();
        let running = Self { child, input, lines };
        let thread = |name: &str| thread::Builder::new().name(name.to_owned());
        let write = thread("snapshot-write").spawn(move || write(stdin, &request, &held));
        let read = thread("snapshot-read").spawn(move || listen(stdout, &tell));
        match write.and(read) {
            Ok(_) => Ok(running),
            Err(error) => running.end().and(Err(error)),
        }
    }

    fn answer(
        &self,
        silence_max: Duration,
        stop: &Stop,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Value, Unanswered> {
        let mut heard_at = Instant::now();
        loop {
            let line = match self.lines.recv_timeout(LOOK_EVERY) {
                Ok(Ok(line)) => line,
                Ok(Err(error)) => return Err(Unanswered::Nonsense(error.to_string())),
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Unanswered::Ended(String::new()));
                }
                Err(RecvTimeoutError::Timeout) if stop.is_asked() => {
                    return Err(Unanswered::Stopped);
                }
                Err(RecvTimeoutError::Timeout) if heard_at.elapsed() >= silence_max => {
                    return Err(Unanswered::Silent(silence_max));
                }
                Err(RecvTimeoutError::Timeout) => continue,
            };
            heard_at = Instant::now();
            if let Some(answer) = understand(&line, progress) {
                return answer;
            }
            if stop.is_asked() {
                return Err(Unanswered::Stopped);
            }
        }
    }

    /// Closes its input, waits a little for its end, and leaves no process of its group behind.
    fn end(self) -> io::Result<String> {
        let Self { mut child, input, lines: _ } = self;
        drop(input);
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        let (clock, deadline) = (Stop::new(), Instant::now() + GRACE);
        while waitid(WaitId::Pid(Pid::from_child(&child)), look)?.is_none()
            && Instant::now() < deadline
        {
            clock.wait(END_LOOK);
        }
        // Before the child is reaped: until then nobody else can have its number.
        let _nobody_left = kill_process_group(Pid::from_child(&child), Signal::KILL);
        Ok(child.wait()?.to_string())
    }
}

/// What a line is an answer to; `None` when it tells of progress.
fn understand(line: &str, progress: &mut dyn FnMut(u64, u64)) -> Option<Result<Value, Unanswered>> {
    let nonsense = |why: String| Some(Err(Unanswered::Nonsense(why)));
    let line = match serde_json::from_str::<Value>(line) {
        Ok(Value::Object(line)) if line.len() == 1 => line,
        Ok(_) => return nonsense("it is not an object with one key".to_owned()),
        Err(error) => return nonsense(error.to_string()),
    };
    let (key, said) = line.into_iter().next()?;
    Some(match key.as_str() {
        "progress" => {
            let bytes = |name: &str| said.get(name).and_then(Value::as_u64);
            if let (Some(done), Some(total)) = (bytes("bytes_done"), bytes("bytes_total")) {
                progress(done, total);
                return None;
            }
            Err(Unanswered::Nonsense("progress without bytes".to_owned()))
        }
        "done" => Ok(said),
        "failed" => Err(read(said).map_or_else(|error| error, Unanswered::Failed)),
        "waiting" => Err(read(said).map_or_else(|error| error, Unanswered::Waiting)),
        other => Err(Unanswered::Nonsense(format!("`{other}` is no answer"))),
    })
}

/// Reads an answer, or a part of one.
pub fn read<T: DeserializeOwned>(said: Value) -> Result<T, Unanswered> {
    serde_json::from_value(said).map_err(|error| Unanswered::Nonsense(error.to_string()))
}

/// Writes the request, and keeps the input open until nobody holds it any more.
fn write(mut to: ChildStdin, request: &str, held: &Receiver<()>) {
    // A program that does not take its request ends or says so.
    if writeln!(to, "{request}").and_then(|()| to.flush()).is_ok() {
        let _let_go = held.recv();
    }
}

fn listen(from: ChildStdout, tell: &Sender<io::Result<String>>) {
    let mut from = BufReader::new(from);
    loop {
        let mut line = Vec::new();
        let read = from.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line);
        let line = match (read, line.pop()) {
            (Ok(_), None) => return,
            (Ok(_), Some(b'\n')) => String::from_utf8(line).map_err(io::Error::other),
            (Ok(_), Some(_)) => Err(io::Error::other("a line without an end")),
            (Err(error), _) => Err(error),
        };
        let is_last = line.is_err();
        if tell.send(line).is_err() || is_last {
            return;
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
