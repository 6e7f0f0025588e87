//! The operator's command line as a program: what it writes, prints, sends and answers with.

#![expect(clippy::unwrap_used, reason = "what fails here fails a test, and says where")]
#![expect(clippy::wildcard_enum_match_arm, reason = "other variants fail the test")]

mod api;
mod approve;
mod fake_api;
mod fleet;
mod generate;
mod init;
mod operator;
mod rebind;
mod release;
mod watch;

use std::path::Path;
use std::process::{Command, Output};

/// What came of one run of `tillward`.
#[derive(Debug)]
struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Ran {
    /// The result, of a run that must have succeeded.
    #[track_caller]
    fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{}\n{}", self.out, self.err);
        self.out
    }

    /// The complaint, of a run that must have ended with this code.
    #[track_caller]
    fn failed(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{}\n{}", self.out, self.err);
        self.err
    }

    #[track_caller]
    fn json(self) -> serde_json::Value {
        let out = self.ok();
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error} in {out}"))
    }
}

/// The program with these arguments, and nothing of this process's environment that it reads.
fn tillward(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tillward"));
    command.args(arguments);
    for name in ["TILLWARD_CONTEXT", "TILLWARD_PASSPHRASE_FILE", "SOURCE_DATE_EPOCH"] {
        command.env_remove(name);
    }
    command
}

fn run(arguments: &[&str]) -> Ran {
    ran(tillward(arguments).stdin(std::process::Stdio::null()).output())
}

fn ran(output: std::io::Result<Output>) -> Ran {
    let Output { status, stdout, stderr } = output.expect("the program is built and starts");
    let text = |bytes| String::from_utf8(bytes).expect("what is printed is text");
    Ran { code: status.code(), out: text(stdout), err: text(stderr) }
}

/// Compares with `controller/tests/golden/<name>.txt`, which `TILLWARD_GOLDEN=write` writes anew.
#[track_caller]
fn golden(name: &str, ours: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let path = folder.join(format!("{name}.txt"));
    if std::env::var_os("TILLWARD_GOLDEN").is_some_and(|it| it == "write") {
        std::fs::write(&path, ours).expect("the folder is there");
    }
    let held = std::fs::read_to_string(&path);
    assert_eq!(ours, held.unwrap_or_else(|error| panic!("{}: {error}", path.display())), "{name}");
}

/// A path as an argument.
fn text(path: &Path) -> &str {
    path.to_str().expect("paths of tests are UTF-8")
}
