//! Which controller an operator works with: the file `operator.toml` and what it names.

use std::fs;
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use serde::Deserialize;
use shared::durable::parent_of;

use super::failure::Failure;

/// Names the context.
pub(super) const CONTEXT_VARIABLE: &str = "TILLWARD_CONTEXT";

/// The file's name in the directory that `tillward init` makes for operators.
pub(super) const CONTEXT_NAME: &str = "operator.toml";

/// Where the context is.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct ContextArgs {
    /// The operator's file `operator.toml`, or its directory
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = CONTEXT_VARIABLE,
        hide_env_values = true,
        help_heading = "Global options"
    )]
    pub context: Option<PathBuf>,
}

/// The controller, how to recognise it, and how to be recognised by it.
#[derive(Debug)]
pub(super) struct Context {
    pub url: String,
    /// PEM of the one authority that is believed.
    pub server_ca: Vec<u8>,
    pub token: SecretString,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    url: String,
    server_ca: PathBuf,
    token_file: PathBuf,
    roster: Option<PathBuf>,
}

impl ContextArgs {
    /// Reads the context and the files that it names.
    pub(super) fn read(&self) -> Result<Context, Failure> {
        let (path, written) = self.written()?.ok_or_else(no_context)?;
        let beside = |name: &Path| parent_of(&path).join(name);
        let server_ca = beside(&written.server_ca);
        let token_file = beside(&written.token_file);
        let token = read(&token_file)?;
        if !written.url.starts_with("https://") {
            return Err(Failure::because(format_args!(
                "{}: `url` is `{}`, which is not an https:// address",
                path.display(),
                written.url
            )));
        }
        Ok(Context {
            url: written.url.trim_end_matches('/').to_owned(),
            server_ca: read(&server_ca)?.into_bytes(),
            token: SecretString::from(token.trim()),
        })
    }

    /// The roster that the context names, where there is a context and it names one.
    pub(super) fn roster(&self) -> Result<Option<PathBuf>, Failure> {
        let named = self
            .written()?
            .and_then(|(path, written)| written.roster.map(|roster| parent_of(&path).join(roster)));
        Ok(named)
    }

    fn written(&self) -> Result<Option<(PathBuf, Written)>, Failure> {
        let Some(given) = &self.context else { return Ok(None) };
        let path = match given.is_dir() {
            true => given.join(CONTEXT_NAME),
            false => given.clone(),
        };
        let written = toml::from_str(&read(&path)?).map_err(|error| {
            Failure::new(error).context(format!("{} is not an operator's file", path.display()))
        })?;
        Ok(Some((path, written)))
    }
}

fn no_context() -> Failure {
    Failure::because("no controller was named").hint(format!(
        "pass --context FILE or set {CONTEXT_VARIABLE}; `tillward init` writes the file as \
         operator/{CONTEXT_NAME}"
    ))
}

fn read(path: &Path) -> Result<String, Failure> {
    let failed = |error| Failure::new(error).context(format!("cannot read {}", path.display()));
    fs::read_to_string(path).map_err(|error: std::io::Error| failed(error))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    fn written(text: &str) -> (tempfile::TempDir, ContextArgs) {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(CONTEXT_NAME), text).unwrap();
        fs::write(dir.path().join("token"), "tillward_secret\n").unwrap();
        fs::write(dir.path().join("ca.pem"), "PEM").unwrap();
        let args = ContextArgs { context: Some(dir.path().to_owned()) };
        (dir, args)
    }

    #[test]
    fn paths_are_relative_to_the_file_and_a_directory_will_do() {
        let text = "url = 'https://a:1/'\nserver_ca = 'ca.pem'\ntoken_file = 'token'";
        let (dir, args) = written(text);
        let context = args.read().unwrap();
        assert_eq!(context.url, "https://a:1");
        assert_eq!(context.token.expose_secret(), "tillward_secret");
        assert_eq!(args.roster().unwrap(), None);
        let named = ContextArgs { context: Some(dir.path().join(CONTEXT_NAME)) };
        assert_eq!(named.read().unwrap().server_ca, b"PEM");
        assert!(!format!("{context:?}").contains("tillward_secret"));
    }

    #[test]
    fn a_context_that_is_missing_broken_or_without_tls_is_refused() {
        assert!(ContextArgs::default().read().is_err());
        assert_eq!(ContextArgs::default().roster().unwrap(), None);
        for text in [
            "url = 'http://a'\nserver_ca = 'ca.pem'\ntoken_file = 'token'",
            "url = 'https://a'\nserver_ca = 'no.pem'\ntoken_file = 'token'",
            "url = 'https://a'\nserver_ca = 'ca.pem'\ntoken_file = 'token'\nmood = 1",
            "url =",
        ] {
            let (_dir, args) = written(text);
            assert!(args.read().is_err(), "{text}");
        }
    }
}
