//! Where the programs under test are.

use std::env;
use std::path::{Path, PathBuf};

/// The built programs and the till's artifacts.
#[derive(Clone, Debug)]
pub struct Programs {
    directory: PathBuf,
    artifacts: PathBuf,
    agent: PathBuf,
}

/// A program was not built.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{}` is not there: tests/run builds it, and so does `cargo demo` without --no-build",
    path.display()
)]
pub struct NotBuilt {
    path: PathBuf,
}

impl Programs {
    /// From `TILLWARD_PROGRAMS` and `TILLWARD_ARTIFACTS`, else where cargo puts them.
    /// `TILLWARD_AGENT` names another build of the agent alone.
    pub fn find() -> Self {
        let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target");
        let from = |name, default| env::var_os(name).map_or(default, PathBuf::from);
        let directory = from("TILLWARD_PROGRAMS", target.join("debug"));
        Self {
            artifacts: from("TILLWARD_ARTIFACTS", target.join("artifacts")),
            agent: from("TILLWARD_AGENT", directory.join("tillward-agent")),
            directory,
        }
    }

    pub fn agent(&self) -> Result<PathBuf, NotBuilt> {
        built(self.agent.clone())
    }

    pub fn controller(&self) -> Result<PathBuf, NotBuilt> {
        built(self.directory.join("tillward-controller"))
    }

    pub fn tillward(&self) -> Result<PathBuf, NotBuilt> {
        built(self.directory.join("tillward"))
    }

    /// What takes and fetches backups.
    pub fn snapshot(&self) -> Result<PathBuf, NotBuilt> {
        built(self.directory.join("tillward-snapshot"))
    }

    /// What erases a terminal.
    pub fn eraser(&self) -> Result<PathBuf, NotBuilt> {
        built(self.directory.join("tillward-erase"))
    }

    /// The directory of one edition of the till, as it is packed into a release.
    pub fn till(&self, version: &str) -> Result<PathBuf, NotBuilt> {
        built(self.artifacts.join(version))
    }

    /// One edition's program.
    pub fn pos_sim(&self, version: &str) -> Result<PathBuf, NotBuilt> {
        built(self.artifacts.join(version).join("bin/pos-sim"))
    }
}

fn built(path: PathBuf) -> Result<PathBuf, NotBuilt> {
    if path.exists() { Ok(path) } else { Err(NotBuilt { path }) }
}
