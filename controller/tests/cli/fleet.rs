//! A fleet that `tillward init` made, in a directory of its own.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use crate::{run, text};

pub(crate) struct Fleet {
    directory: TempDir,
}

impl Fleet {
    /// With unprotected keys, which take no time to make.
    pub(crate) fn insecure() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let fleet = directory.path().join("fleet");
        run(&["init", text(&fleet), "--insecure-dev"]).ok();
        Self { directory }
    }

    /// A path in the fleet's directory.
    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.directory.path().join("fleet").join(name)
    }

    /// A path beside the fleet's directory.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn key(&self, name: &str) -> PathBuf {
        self.at(&format!("offline/keys/{name}.key.insecure.toml"))
    }

    pub(crate) fn roster(&self) -> PathBuf {
        self.at("controller/rosters/1.cose")
    }

    /// Lets the operator's context lead to this port.
    pub(crate) fn context_for(&self, port: u16) -> PathBuf {
        let path = self.at("operator/operator.toml");
        let written = fs::read_to_string(&path).unwrap();
        let url = |line: &str| line.starts_with("url = ");
        let lines = written.lines().map(|line| match url(line) {
            true => format!("url = \"https://localhost:{port}\"\n"),
            false => format!("{line}\n"),
        });
        fs::write(&path, lines.collect::<String>()).unwrap();
        path
    }
}
