//! Where a passphrase comes from: a file named on the command line or in the environment, or the
//! person at the terminal.

use std::fmt;
use std::fs;
use std::path::PathBuf;

use inquire::validator::MinLengthValidator;
use inquire::{InquireError, Password, PasswordDisplayMode};
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

/// Characters of a new passphrase. Four random words have more.
const NEW_CHARACTERS_MIN: usize = 12;

/// Names the file that holds the passphrase.
const PASSPHRASE_FILE_VARIABLE: &str = "TILLWARD_PASSPHRASE_FILE";

/// What opens sealed keys. Never printed.
#[derive(Clone)]
pub struct Passphrase(SecretString);

impl fmt::Debug for Passphrase {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("[passphrase]")
    }
}

impl Passphrase {
    pub fn new(text: &str) -> Self {
        Self(SecretString::from(text))
    }

    pub(super) fn for_age(&self) -> SecretString {
        self.0.clone()
    }

    fn characters(&self) -> usize {
        self.0.expose_secret().chars().count()
    }
}

/// Why there is no passphrase.
#[derive(Debug, thiserror::Error)]
pub enum NoPassphrase {
    #[error("cannot read the passphrase file {path}", path = path.display())]
    File { path: PathBuf, source: std::io::Error },
    #[error("{what}: the passphrase is empty")]
    Empty { what: String },
    #[error("{what}: a new passphrase needs {NEW_CHARACTERS_MIN} characters, this one has {got}")]
    TooShort { what: String, got: usize },
    #[error("{what}: there is no terminal to ask for the passphrase")]
    NobodyToAsk { what: String },
    #[error("{what}: no passphrase was given")]
    NotAnswered { what: String, source: InquireError },
}

impl NoPassphrase {
    /// What to do about it, in the imperative.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NobodyToAsk { .. } => {
                Some("name a file with --passphrase-file or TILLWARD_PASSPHRASE_FILE")
            }
            Self::TooShort { .. } => Some("take four or more random words"),
            Self::File { .. } | Self::Empty { .. } | Self::NotAnswered { .. } => None,
        }
    }
}

/// What the passphrase is for.
#[derive(Clone, Copy, Debug)]
pub enum Asked<'a> {
    /// Seals something new: asked for twice, and must be long enough.
    New(&'a str),
    /// Opens something old.
    Existing(&'a str),
}

impl Asked<'_> {
    fn what(self) -> String {
        match self {
            Self::New(what) | Self::Existing(what) => what.to_owned(),
        }
    }
}

/// Options of every program that opens sealed keys.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct PassphraseArgs {
    /// Read the passphrase from the first line of this file instead of asking for it
    #[arg(
        long,
        value_name = "FILE",
        env = PASSPHRASE_FILE_VARIABLE,
        hide_env_values = true,
        help_heading = "Keys"
    )]
    pub passphrase_file: Option<PathBuf>,
}

impl PassphraseArgs {
    /// Reads the file, or asks.
    pub fn passphrase(&self, asked: Asked<'_>) -> Result<Passphrase, NoPassphrase> {
        let passphrase = match &self.passphrase_file {
            Some(path) => from_file(path.clone())?,
            None => from_person(asked)?,
        };
        match (passphrase.characters(), asked) {
            (0, _) => Err(NoPassphrase::Empty { what: asked.what() }),
            (got, Asked::New(_)) if got < NEW_CHARACTERS_MIN => {
                Err(NoPassphrase::TooShort { what: asked.what(), got })
            }
            (_, Asked::New(_) | Asked::Existing(_)) => Ok(passphrase),
        }
    }
}

fn from_file(path: PathBuf) -> Result<Passphrase, NoPassphrase> {
    match fs::read_to_string(&path).map(Zeroizing::new) {
        Ok(text) => Ok(Passphrase::new(text.lines().next().unwrap_or_default())),
        Err(source) => Err(NoPassphrase::File { path, source }),
    }
}

fn from_person(asked: Asked<'_>) -> Result<Passphrase, NoPassphrase> {
    let what = asked.what();
    let question = match asked {
        Asked::New(what) => format!("New passphrase for {what}:"),
        Asked::Existing(what) => format!("Passphrase for {what}:"),
    };
    let prompt = Password::new(&question).with_display_mode(PasswordDisplayMode::Masked);
    let prompt = match asked {
        Asked::New(_) => prompt
            .with_custom_confirmation_message("Once more:")
            .with_validator(MinLengthValidator::new(NEW_CHARACTERS_MIN)),
        Asked::Existing(_) => prompt.without_confirmation(),
    };
    match prompt.prompt().map(Zeroizing::new) {
        Ok(text) => Ok(Passphrase::new(&text)),
        Err(InquireError::NotTTY | InquireError::IO(_)) => Err(NoPassphrase::NobodyToAsk { what }),
        Err(source) => Err(NoPassphrase::NotAnswered { what, source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passphrase_comes_from_the_first_line_of_a_file_and_a_new_one_must_be_long() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("passphrase");
        let args = PassphraseArgs { passphrase_file: Some(path.clone()) };
        let missing = args.passphrase(Asked::Existing("the keys")).unwrap_err();
        assert!(matches!(missing, NoPassphrase::File { .. }), "{missing:?}");
        fs::write(&path, "\nsecond line").unwrap();
        let empty = args.passphrase(Asked::Existing("the keys")).unwrap_err();
        assert_eq!(empty.to_string(), "the keys: the passphrase is empty");
        fs::write(&path, "short\r\n").unwrap();
        assert!(args.passphrase(Asked::Existing("the keys")).is_ok());
        let short = args.passphrase(Asked::New("the keys")).unwrap_err();
        assert!(matches!(short, NoPassphrase::TooShort { got: 5, .. }), "{short:?}");
        fs::write(&path, "långt nog nu\n").unwrap();
        assert!(args.passphrase(Asked::New("the keys")).is_ok());
    }
}
