//! A POS through a driver program: a child process that takes questions on its standard input and
//! answers on its standard output, in any order. How an integrator adapts any POS.
//!
//! The program is started when it is first needed. One that ends is started again, later each
//! time; one that leaves several questions unanswered in a row is ended first. Lines that are too
//! long or make no sense are counted and skipped. Its standard error is the agent's own.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use tracing::{info, warn};

use super::protocol::{
    Answer, Ask, Batches, DataSet, DataSets, Done, Drained, Export, Figures, Host, Hosts,
    LINE_BYTES_MAX, Left, SelfTest, Settled, Staged, Status, Switched, Tested, TestsLeft, Trial,
    Tuple, Wanted,
};
use super::{PosApplication, PosError};
use crate::lock::lock;

/// Questions on their way to a driver that does not read. More would only wait in vain.
const QUESTIONS_MAX: usize = 16;

/// A driver that let so many questions in a row go unanswered hangs, and is ended.
const UNANSWERED_MAX: u32 = 3;

/// Between two starts of a driver that keeps ending: doubles from the first to the second.
const RESTART_FIRST: Duration = Duration::from_secs(1);
const RESTART_MAX: Duration = Duration::from_secs(60);

/// A driver program and the process that runs it at present.
#[derive(Debug)]
pub struct DriverProgram {
    argv: Vec<String>,
    /// Multiplies every time limit; 1 outside tests.
    patience: f64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    running: Option<Running>,
    last_id: u64,
    /// Ends, or failures to start, since the last answer.
    failures: u32,
    unanswered: u32,
    not_before: Option<Instant>,
}

/// Who waits for which answer; `None` once the driver's output has ended and no answer comes.
type Waiting = Arc<Mutex<Option<BTreeMap<u64, SyncSender<Answer>>>>>;

#[derive(Debug)]
struct Running {
    child: Child,
    questions: SyncSender<Vec<u8>>,
    waiting: Waiting,
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only for a process that is gone already.
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

impl DriverProgram {
    /// The program `argv[0]` with its arguments; nothing is started yet.
    pub fn new(argv: Vec<String>) -> Self {
        Self { argv, patience: 1.0, state: Mutex::default() }
    }

    fn ask<T: DeserializeOwned>(&self, ask: &Ask<'_>) -> Result<T, PosError> {
        let patience = ask.patience().mul_f64(self.patience);
        let (id, answer) = self.begin(ask)?;
        match answer.recv_timeout(patience) {
            Ok(answer) => {
                let mut state = lock(&self.state);
                (state.failures, state.unanswered) = (0, 0);
                drop(state);
                answer.into_result()
            }
            Err(RecvTimeoutError::Disconnected) => {
                Err(PosError::NotReady("the driver program ended before it answered".into()))
            }
            Err(RecvTimeoutError::Timeout) => {
                self.unanswered(id);
                Err(PosError::NoAnswer(patience))
            }
        }
    }

    /// Hands a question to the driver, which is started if need be.
    fn begin(&self, ask: &Ask<'_>) -> Result<(u64, Receiver<Answer>), PosError> {
        let mut state = lock(&self.state);
        state.last_id += 1;
        let id = state.last_id;
        let running = state.running(&self.argv)?;
        let (answered, answer) = sync_channel(1);
        // If its output has ended meanwhile, dropping the sender tells the asker.
        lock(&running.waiting).as_mut().map(|waiting| waiting.insert(id, answered));
        if let Err(TrySendError::Full(_)) = running.questions.try_send(ask.line(id)) {
            running.forget(id);
            return Err(PosError::NotReady("the driver program does not read".into()));
        }
        Ok((id, answer))
    }

    fn unanswered(&self, id: u64) {
        let mut state = lock(&self.state);
        if let Some(running) = &state.running {
            running.forget(id);
        }
        state.unanswered += 1;
        if state.unanswered >= UNANSWERED_MAX {
            warn!(unanswered = state.unanswered, "the driver program hangs and is ended");
            state.ended();
        }
    }
}

impl State {
    fn running(&mut self, argv: &[String]) -> Result<&mut Running, PosError> {
        if let Some(running) = &mut self.running
            && let Some(how) = running.end()
        {
            warn!(how, "the driver program ended");
            self.ended();
        }
        if self.running.is_none() {
            if let Some(left) =
                self.not_before.and_then(|at| at.checked_duration_since(Instant::now()))
            {
                let text = format!("the driver program is started again in {} s", left.as_secs());
                return Err(PosError::NotReady(text));
            }
            match Running::start(argv) {
                Ok(running) => self.running = Some(running),
                Err(error) => {
                    self.ended();
                    let program = argv.first().map_or("", String::as_str);
                    let text = format!("the driver program `{program}` cannot be started: {error}");
                    return Err(PosError::NotReady(text));
                }
            }
        }
        Ok(self.running.as_mut().expect("started above"))
    }

    /// The first end may be followed by a start at once, later ones not.
    fn ended(&mut self) {
        self.running = None;
        self.unanswered = 0;
        let doubled = 2_u32.saturating_pow(self.failures.saturating_sub(1));
        let pause = RESTART_FIRST.saturating_mul(doubled).min(RESTART_MAX);
        self.not_before = (self.failures > 0).then(|| Instant::now() + pause);
        self.failures = self.failures.saturating_add(1);
    }
}

impl Running {
    fn start(argv: &[String]) -> io::Result<Self> {
        let (program, arguments) = argv.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // A signal from the terminal's keyboard is for the agent, which ends the driver.
            .process_group(0)
            .spawn()?;
        info!(program, pid = child.id(), "started the driver program");
        let stdin = child.stdin.take().expect("asked for above");
        let stdout = child.stdout.take().expect("asked for above");
        let (questions, to_write) = sync_channel(QUESTIONS_MAX);
        let waiting = Arc::new(Mutex::new(Some(BTreeMap::new())));
        let answers = Arc::clone(&waiting);
        let running = Self { child, questions, waiting };
        let thread = |name: &str| thread::Builder::new().name(name.to_owned());
        thread("pos-write").spawn(move || write_questions(stdin, &to_write))?;
        thread("pos-read").spawn(move || {
            read_answers(stdout, &answers);
            // Whoever still waits learns that no answer comes.
            *lock(&answers) = None;
        })?;
        Ok(running)
    }

    /// How the process ended, if it did. Its output may be kept open by a process of its own.
    fn end(&mut self) -> Option<String> {
        match self.child.try_wait() {
            Ok(Some(status)) => Some(status.to_string()),
            Ok(None) => lock(&self.waiting).is_none().then(|| "closed its output".to_owned()),
            Err(error) => Some(error.to_string()),
        }
    }

    fn forget(&self, id: u64) {
        lock(&self.waiting).as_mut().map(|waiting| waiting.remove(&id));
    }
}

fn write_questions(mut to: ChildStdin, questions: &Receiver<Vec<u8>>) {
    for line in questions {
        if let Err(error) = to.write_all(&line).and_then(|()| to.flush()) {
            info!(%error, "the driver program takes no more questions");
            return;
        }
    }
}

fn read_answers(from: ChildStdout, waiting: &Waiting) {
    let mut from = BufReader::new(from);
    loop {
        match next_line(&mut from) {
            Ok(Line::Whole(line)) => match Answer::read(&line) {
                Some(answer) => hand_over(answer, waiting),
                None => warn!(bytes = line.len(), "a line of the driver program is no answer"),
            },
            Ok(Line::TooLong) => warn!("a line of the driver program is too long"),
            Ok(Line::End) => return,
            Err(error) => {
                warn!(%error, "the driver program cannot be heard");
                return;
            }
        }
    }
}

fn hand_over(answer: Answer, waiting: &Waiting) {
    let id = answer.id;
    let asker = lock(waiting).as_mut().and_then(|waiting| waiting.remove(&id));
    let Some(asker) = asker else {
        info!(id, "an answer of the driver program came late, or twice");
        return;
    };
    // It takes one answer and gets one; if it has left meanwhile nothing is lost.
    let _left = asker.try_send(answer);
}

#[derive(Debug, PartialEq, Eq)]
enum Line {
    Whole(Vec<u8>),
    /// Skipped to its end.
    TooLong,
    End,
}

/// Reads a line without ever holding more than [`LINE_BYTES_MAX`] of it.
fn next_line(from: &mut impl BufRead) -> io::Result<Line> {
    let mut line = Vec::new();
    let mut too_long = false;
    loop {
        let bytes = match from.fill_buf() {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let taken = end.map_or(bytes.len(), |at| at + 1);
        let at_end = bytes.is_empty() || end.is_some();
        too_long |= line.len() + taken > LINE_BYTES_MAX;
        if !too_long {
            line.extend_from_slice(&bytes[..end.unwrap_or(taken)]);
        }
        let closed = bytes.is_empty() && line.is_empty() && !too_long;
        from.consume(taken);
        match (at_end, too_long) {
            (true, true) => return Ok(Line::TooLong),
            (true, false) if closed => return Ok(Line::End),
            (true, false) => return Ok(Line::Whole(line)),
            (false, _) => {}
        }
    }
}

impl PosApplication for DriverProgram {
    fn status(&self) -> Result<Status, PosError> {
        self.ask(&Ask::Status)
    }

    fn hold(&self, lease: Duration, reason: &str) -> Result<(), PosError> {
        self.ask(&Ask::Hold { lease, reason }).map(|Done {}| ())
    }

    fn release(&self) -> Result<(), PosError> {
        self.ask(&Ask::Release).map(|Done {}| ())
    }

    fn drain(&self, binding: Option<&str>) -> Result<Left, PosError> {
        self.ask(&Ask::Drain { binding }).map(|drained: Drained| drained.left)
    }

    fn settle(&self, binding: Option<&str>) -> Result<Vec<Settled>, PosError> {
        self.ask(&Ask::Settle { binding }).map(|batches: Batches| batches.batches)
    }

    fn self_test(&self) -> Result<SelfTest, PosError> {
        self.ask(&Ask::SelfTest)
    }

    fn host_check(&self) -> Result<Vec<Host>, PosError> {
        self.ask(&Ask::HostCheck).map(|hosts: Hosts| hosts.hosts)
    }

    fn restart(&self) -> Result<(), PosError> {
        self.ask(&Ask::Restart).map(|Done {}| ())
    }

    fn show_notice(&self, text: &str) -> Result<(), PosError> {
        self.ask(&Ask::ShowNotice { text }).map(|Done {}| ())
    }

    fn export(&self, into: &Path) -> Result<Export, PosError> {
        self.ask(&Ask::Export { into })
    }

    fn rehearse(&self, from: &Path, data_sets: &[Wanted]) -> Result<Vec<DataSet>, PosError> {
        self.ask(&Ask::Rehearse { from, data_sets }).map(|it: DataSets| it.data_sets)
    }

    fn import(&self, from: &Path, data_sets: &[Wanted]) -> Result<Vec<DataSet>, PosError> {
        self.ask(&Ask::Import { from, data_sets }).map(|it: DataSets| it.data_sets)
    }

    fn revert_import(&self) -> Result<(), PosError> {
        self.ask(&Ask::RevertImport).map(|Done {}| ())
    }

    fn commit_import(&self) -> Result<(), PosError> {
        self.ask(&Ask::CommitImport).map(|Done {}| ())
    }

    fn stage_binding(&self, binding: &str, tuple: &Tuple) -> Result<Option<String>, PosError> {
        self.ask(&Ask::StageBinding { binding, tuple }).map(|it: Staged| it.check_value())
    }

    fn switch_binding(&self, to: &str) -> Result<String, PosError> {
        self.ask(&Ask::SwitchBinding { to }).map(|it: Switched| it.active)
    }

    fn test_transaction(&self, trial: &Trial<'_>) -> Result<Tested, PosError> {
        self.ask(&Ask::TestTransaction(trial))
    }

    fn void_tests(&self, binding: &str) -> Result<u64, PosError> {
        self.ask(&Ask::VoidTests { binding }).map(|it: TestsLeft| it.left)
    }

    fn erase_binding(&self, binding: &str) -> Result<(), PosError> {
        self.ask(&Ask::EraseBinding { binding }).map(|Done {}| ())
    }

    fn figures(&self, binding: &str) -> Result<Figures, PosError> {
        self.ask(&Ask::Figures { binding })
    }

    fn stop_trading(&self, message: &str) -> Result<(), PosError> {
        self.ask(&Ask::StopTrading { message }).map(|Done {}| ())
    }

    fn erase(&self, owing: bool) -> Result<(), PosError> {
        self.ask(&Ask::Erase { owing }).map(|Done {}| ())
    }
}

#[cfg(test)]
mod tests;
