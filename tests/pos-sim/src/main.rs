//! `pos-sim`: a small till with its acquirer hosts, which plays the POS in the demo and the tests.
//!
//! ```text
//!   agent ⇄ driver (stdin/stdout) ⇄ till (Unix socket) ⇄ host (TCP)
//!                                    ▲ started again and again by keep
//! ```
//!
//! Read `till/seller.rs` first: a sale is written down before the host is asked and approved only
//! after the host's answer is written down, and everything else follows from that.
//! `host/ledger.rs` keeps books of its own, so that `audit` can count lost and doubled sales by
//! comparing two ledgers that were never written by the same hand.
//!
//! **Deliberately absent:** anything of Tillward. This program shares no code with the agent; the
//! protocol page `deploy/pos-driver.md` is all they have in common, as with any real POS. There is
//! no async runtime, no card data, and no cryptography.

mod audit;
mod cli;
mod clock;
mod driver;
mod edition;
mod exit;
mod fault;
mod file;
mod host;
mod json_lines;
mod keep;
mod past;
mod places;
mod print;
mod protocol;
mod random;
mod socket;
mod suspicious;
mod till;

use std::process::ExitCode;

use clap::Parser as _;

use crate::exit::Exit;

fn main() -> ExitCode {
    let done = cli::run(cli::Cli::parse().command);
    let exit = done.unwrap_or_else(|error| {
        print::note(&format!("error: {error:#}"));
        Exit::Failed
    });
    exit.into()
}
