//! Other programs, by their full path, for a bounded time.

use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// A secure discard of a whole card can take minutes. What takes longer than this hangs.
const WITHIN: Duration = Duration::from_secs(600);
/// Of what a program says. The rest is read and dropped.
const SAID_BYTES_MAX: u64 = 1024;

/// Where a program of the system may be. `PATH` at boot need not name them.
const FOLDERS: &[&str] = &["/usr/sbin", "/sbin", "/usr/bin", "/bin", "/usr/local/sbin"];

/// How a program ended, and what it said on standard error.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    pub said: String,
    /// Of standard output.
    pub answered: String,
}

impl Ended {
    /// For people.
    pub fn why(&self) -> String {
        let how = match self.status.code() {
            Some(code) => format!("it ended with {code}"),
            None => "it was killed".to_owned(),
        };
        match self.said.trim() {
            "" => how,
            said => format!("{how}: {said}"),
        }
    }
}

pub fn find(program: &str) -> io::Result<PathBuf> {
    let mut places = FOLDERS.iter().map(|folder| Path::new(folder).join(program));
    places.find(|path| path.exists()).ok_or_else(|| {
        let why = format!("`{program}` is not installed");
        io::Error::new(io::ErrorKind::NotFound, why)
    })
}

/// Runs a program in the untranslated locale. `input` is all that it can read.
pub fn run(program: &Path, arguments: &[&str], input: &[u8], limits: Answer) -> io::Result<Ended> {
    let mut command = Command::new(program);
    command.args(arguments).env("LC_ALL", "C").stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| {
        io::Error::new(error.kind(), format!("`{}`: {error}", program.display()))
    })?;
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (ended, end) = channel();
    let answered = read_in_background(stdout, limits.bytes_max)?;
    let said = read_in_background(stderr, SAID_BYTES_MAX)?;
    if let Some(mut stdin) = stdin {
        // A program that does not read its input closes it.
        stdin.write_all(input).ok();
    }
    let waiting = thread::Builder::new().name("wait".to_owned()).spawn(move || {
        ended.send(child.wait()).ok();
    });
    waiting?;
    let status = match end.recv_timeout(WITHIN) {
        Ok(status) => status?,
        Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
            if let Some(pid) = pid {
                kill_process(pid, Signal::KILL).ok();
            }
            let why = format!("`{}` has not ended in {} s", program.display(), WITHIN.as_secs());
            return Err(io::Error::new(io::ErrorKind::TimedOut, why));
        }
    };
    Ok(Ended {
        status,
        said: said.recv().unwrap_or_default(),
        answered: answered.recv().unwrap_or_default(),
    })
}

/// How much of standard output is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Answer {
    pub bytes_max: u64,
}

impl Answer {
    pub const NONE: Self = Self { bytes_max: 0 };
}

fn read_in_background<Pipe: io::Read + Send + 'static>(
    pipe: Option<Pipe>,
    bytes_max: u64,
) -> io::Result<std::sync::mpsc::Receiver<String>> {
    let (read, whole) = channel();
    let reading = thread::Builder::new().name("read".to_owned()).spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // What was read until a pipe breaks is all that there is.
            pipe.by_ref().take(bytes_max).read_to_end(&mut bytes).ok();
            io::copy(&mut pipe, &mut io::sink()).ok();
        }
        read.send(String::from_utf8_lossy(&bytes).into_owned()).ok();
    });
    reading.map(|_| whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_program_says_and_how_it_ends_is_told() {
        let shell = find("sh").unwrap();
        let limits = Answer { bytes_max: 5 };
        let script = "cat; echo because >&2; exit 3";
        let ended = run(&shell, &["-c", script], b"0123456789", limits).unwrap();
        assert_eq!(ended.why(), "it ended with 3: because");
        assert_eq!(ended.answered, "01234");
        let error = find("no-such-program-anywhere").unwrap_err();
        assert_eq!(error.to_string(), "`no-such-program-anywhere` is not installed");
    }
}
