//! A key behind a command: in a TPM, a secure element, a vendor's processor.
//!
//! What such a program says is believed as far as two commands agree: one that erases, and one
//! that looks. A check that called the key gone before anything was done proves nothing.

use std::path::Path;

use super::{KeyStore, NotDestroyed, stopped};
use crate::gate::{Effect, Gate};
use crate::outside::{self, Answer};
use crate::protocol::KeyMethod;
use crate::record::{Outcome, Seen};

#[derive(Debug)]
pub struct KeyProgram<'a> {
    pub erase: &'a [String],
    pub check: &'a [String],
}

fn run(command: &[String]) -> std::io::Result<outside::Ended> {
    let arguments: Vec<_> = command.iter().skip(1).map(String::as_str).collect();
    let program = command.first().map_or("", String::as_str);
    outside::run(Path::new(program), &arguments, b"", Answer::NONE)
}

impl KeyStore for KeyProgram<'_> {
    fn name(&self) -> String {
        format!("program:{}", self.erase.join(" "))
    }

    fn method(&self) -> KeyMethod {
        KeyMethod::Program
    }

    fn destroy(&self, gate: &dyn Gate) -> Result<Outcome, NotDestroyed> {
        const HINT: &str = "run the command by hand and see what it needs";
        gate.pass(Effect::DestroyKey).map_err(stopped)?;
        let why = match run(self.erase) {
            Ok(ended) if ended.status.success() => {
                let detail = "the program says that it was erased".to_owned();
                return Ok(Outcome::done(detail, None));
            }
            Ok(ended) => ended.why(),
            Err(error) => error.to_string(),
        };
        // The second time there may be nothing left to erase.
        match self.is_gone() {
            Seen::Gone(_) => {
                let detail = format!("its check calls it gone, though to erase it failed: {why}");
                Ok(Outcome::done(detail, None))
            }
            Seen::Sampled(_) | Seen::StillThere(_) | Seen::CannotTell(_) | Seen::NotLookedFor => {
                Err(NotDestroyed { why, hint: HINT })
            }
        }
    }

    fn is_gone(&self) -> Seen {
        match run(self.check) {
            Ok(ended) if ended.status.success() => Seen::Gone("the check calls it gone".to_owned()),
            Ok(ended) => Seen::CannotTell(format!("the check does not: {}", ended.why())),
            Err(error) => Seen::CannotTell(format!("it cannot be checked: {error}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::gate::Open;

    fn command(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn it_is_destroyed_when_one_command_succeeds_and_gone_when_the_other_does() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("handle");
        fs::write(&path, b"").unwrap();
        let path = path.to_str().unwrap();
        let erase = command(&["/bin/rm", path]);
        let check = command(&["/usr/bin/test", "!", "-e", path]);
        let key = KeyProgram { erase: &erase, check: &check };
        assert!(key.is_there());
        assert!(key.destroy(&Open).unwrap().done);
        assert!(matches!(key.is_gone(), Seen::Gone(_)));
        let again = key.destroy(&Open).unwrap();
        assert!(again.done && again.detail.contains("No such file"), "{}", again.detail);
    }

    #[test]
    fn a_program_that_fails_or_is_missing_is_told() {
        let (fails, missing) = (command(&["/bin/false"]), command(&["/no/such/program"]));
        let key = KeyProgram { erase: &fails, check: &fails };
        assert_eq!(key.destroy(&Open).unwrap_err().to_string(), "it ended with 1");
        let key = KeyProgram { erase: &missing, check: &missing };
        let error = key.destroy(&Open).unwrap_err().to_string();
        assert!(error.contains("/no/such/program"), "{error}");
        assert!(matches!(key.is_gone(), Seen::CannotTell(_)));
    }
}
