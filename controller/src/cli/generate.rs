//! `tillward completions` and `tillward man`: generated from the command line's own definition.

use std::path::PathBuf;

use clap::{Args, Command};
use clap_complete::Shell;

use super::failure::{Exit, Failure};
use super::print::Print;

/// Print a shell's completions
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  tillward completions bash > /etc/bash_completion.d/tillward")]
pub(super) struct Completions {
    #[arg(value_enum)]
    shell: Shell,
}

/// Write manual pages, one for each command
#[derive(Debug, Args)]
pub(super) struct ManualPages {
    /// Where they go; made if it is not there
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

impl Completions {
    pub(super) fn run(&self, mut command: Command, print: &mut Print) -> Exit {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command, "tillward", &mut script);
        print.line(String::from_utf8_lossy(&script).trim_end());
        Exit::Done
    }
}

impl ManualPages {
    pub(super) fn run(&self, command: Command, print: &mut Print) -> Result<Exit, Failure> {
        let directory = &self.directory;
        let failed = |error: std::io::Error| {
            let what = format!("cannot write manual pages to {}", directory.display());
            Failure::new(error).context(what)
        };
        std::fs::create_dir_all(directory).map_err(failed)?;
        clap_mangen::generate_to(command, directory).map_err(failed)?;
        print.remark(format_args!("Manual pages are in {}.", directory.display()));
        Ok(Exit::Done)
    }
}
