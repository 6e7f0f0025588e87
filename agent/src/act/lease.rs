//! Locks a till whose terminal nobody reaches, and unlocks it. The till says itself who stopped it,
//! so both can be asked for again, and only what the lease has stopped is let go by it.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use shared::limits::short_text;

use super::Hands;
use super::preflight::{End, Ran, run, said};
use crate::lease::{CameTo, Errand, MARK, MESSAGE, Part, What};
use crate::pos::PosError;
use crate::stop::Stop;

/// For a volume to be closed, or opened and checked.
const TIME_MAX: Duration = Duration::from_secs(120);

/// Seals what the terminal holds, where the integrator has such a program.
#[derive(Clone, Debug)]
pub struct Seal(pub PathBuf);

impl Hands {
    pub fn keep_lease(&self, errand: Errand) -> CameTo {
        let came_to = match errand.what {
            What::Lock => self.lock(errand),
            What::Unlock => self.unlock(errand),
        };
        let short = |it: Result<(), String>| it.map_err(|why| short_text(&why));
        CameTo { till: short(came_to.till), program: short(came_to.program) }
    }

    /// The till first: nothing is closed under one that sells. One that cannot be stopped at all
    /// loses what it sells from.
    fn lock(&self, errand: Errand) -> CameTo {
        let stopped = match errand.till {
            Part::Do => self.stop_by_lease(),
            Part::Leave => Ok(()),
        };
        let cannot = matches!(&stopped, Err(PosError::Unsupported(_)));
        let till = stopped.map_err(|error| format!("the till is not stopped: {error}"));
        let program = match errand.program {
            Part::Do if till.is_ok() || cannot => self.seal("lock"),
            Part::Do => Err("the lease's program waits until the till is stopped".to_owned()),
            Part::Leave => Ok(()),
        };
        CameTo { till, program }
    }

    /// Whatever else has stopped it is left as it is.
    fn stop_by_lease(&self) -> Result<(), PosError> {
        match self.pos.status() {
            Ok(status) if status.stopped.is_some() => Ok(()),
            Ok(_) | Err(_) => self.pos.stop_trading(MESSAGE),
        }
    }

    /// The program first: a till that sells on something else than its own data would be worse than
    /// one that waits.
    fn unlock(&self, errand: Errand) -> CameTo {
        let program = match errand.program {
            Part::Do => self.seal("unlock"),
            Part::Leave => Ok(()),
        };
        let till = match errand.till {
            Part::Do if program.is_ok() => self.release_by_lease(),
            Part::Do | Part::Leave => Ok(()),
        };
        CameTo { till, program }
    }

    fn release_by_lease(&self) -> Result<(), String> {
        let why = |error: PosError| format!("the till is not released: {error}");
        match self.pos.status().map_err(why)?.stopped {
            Some(message) if !message.starts_with(MARK) => Ok(()),
            Some(_) | None => self.pos.release().map_err(why),
        }
    }

    fn seal(&self, word: &str) -> Result<(), String> {
        let Some(Seal(program)) = &self.seal else { return Ok(()) };
        let failed = |why: String| format!("`{} {word}`: {why}", program.display());
        let mut command = Command::new(program);
        command.arg(word);
        match run(command, TIME_MAX, &Stop::new()) {
            Ok(Ran { end: End::Exited(status), .. }) if status.success() => Ok(()),
            Ok(Ran { end: End::Exited(status), last_line }) => {
                Err(failed(format!("{status}{}", said(&last_line))))
            }
            Ok(Ran { end: End::TookTooLong | End::Interrupted, last_line }) => {
                let limit = TIME_MAX.as_secs();
                Err(failed(format!("it did not end within {limit} s{}", said(&last_line))))
            }
            Err(error) => Err(failed(format!("it cannot be run: {error}"))),
        }
    }
}

#[cfg(test)]
mod tests;
