//! Builds the programs and the till's three editions.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::tell::Teller;

/// Where the sources are.
fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

pub(crate) fn everything(tell: &Teller) -> Result<()> {
    tell.step("building the programs");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    succeed(cargo.arg("programs").current_dir(root()))?;
    tell.step("building three editions of the till: 1.0.0, 2.0.0, and 2.0.1, which is bad");
    let artifacts = root().join("target/artifacts");
    succeed(Command::new(root().join("tests/pos-sim/artifact")).arg(&artifacts))
}

fn succeed(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("starting {command:?}"))?;
    ensure!(status.success(), "{command:?} ended with {status}");
    Ok(())
}
