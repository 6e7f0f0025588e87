//! The operator's command line. Everything is in `controller::cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    controller::cli::main(std::env::args_os())
}
