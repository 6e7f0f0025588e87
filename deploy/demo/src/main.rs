//! `cargo demo`: the whole fleet on one machine, and what it promises.
//!
//! A controller with its embedded broker, two acquirer hosts, and terminals that sell all the time:
//! real processes on loopback. The scenario does to them what happens in the field, then counts
//! the money in the books of tills and hosts. With `--exit` it ends there, and ends badly if
//! anything differs from what was promised.

mod build;
mod end;
mod print;
mod promises;
mod scenario;
mod table;
mod tell;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use clap::Parser;
use harness::wait::is_interrupted;
use harness::world::{Broker, Registry, World};

use end::End;
use promises::Promises;
use tell::Teller;

/// Run a controller and a small fleet of terminals on this machine
#[derive(Debug, Parser)]
#[command(
    name = "cargo demo",
    override_usage = "cargo demo [-- OPTIONS]",
    after_long_help = "\
Everything runs on loopback, in a directory of its own, and ends with this program.
Exit codes: 0 all promises held; 1 one did not; 2 the demo itself could not run;
130 it was interrupted."
)]
struct Arguments {
    /// End after the scenario, with the table of what happened
    #[arg(long)]
    exit: bool,
    /// How many terminals; at least four, since each has a part to play
    #[arg(long, value_name = "N", default_value_t = 8)]
    #[arg(value_parser = clap::value_parser!(u8).range(4..=32))]
    terminals: u8,
    /// Where everything is kept; without it, a directory that is removed at the end
    #[arg(long, value_name = "DIR")]
    directory: Option<PathBuf>,
    /// Take the programs as they were built before
    #[arg(long)]
    no_build: bool,
    /// Falsify a host's books before they are compared, to see that it is noticed
    #[arg(long)]
    sabotage: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let end = match End::listen() {
        Ok(end) => end,
        Err(error) => {
            print::error(&error);
            return ExitCode::from(2);
        }
    };
    match run(&arguments, &end) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(_) if is_interrupted() => {
            print::line("interrupted; everything that was started has ended");
            ExitCode::from(130)
        }
        Err(error) => {
            print::error(&error);
            ExitCode::from(2)
        }
    }
}

/// Whether every promise held.
fn run(arguments: &Arguments, end: &End) -> Result<bool> {
    let begun = Instant::now();
    let tell = Teller::new(begun);
    if !arguments.no_build {
        build::everything(&tell)?;
        ensure!(!is_interrupted(), "interrupted");
    }
    let temporary = tempfile::Builder::new().prefix("tillward-demo-").tempdir()?;
    let directory = match &arguments.directory {
        None => temporary.path().to_owned(),
        Some(directory) => new_directory(directory)
            .with_context(|| format!("--directory {}", directory.display()))?,
    };
    let mut promises = Promises::default();
    tell.step("starting a new fleet: authorities, roster, controller, two acquirer hosts");
    let mut world = World::start(&directory, Broker::Embedded, &Registry::Sqlite)
        .context("starting the fleet")?;
    let played = scenario::play(&mut world, arguments.terminals, &tell, &mut promises);
    if let Err(error) = played {
        if is_interrupted() {
            return Err(error);
        }
        for terminal in &world.terminals {
            if let Some(agent) = &terminal.agent {
                print::line(&agent.last_words());
            }
        }
        print::line(&world.controller.process.last_words());
        return Err(error);
    }
    if arguments.sabotage {
        scenario::falsify_books(&world)?;
        tell.step("falsified a host's books: the comparison must notice");
    }
    let story = table::Story::read(&world, &mut promises)?;
    print::line(&story.to_string());
    print::line(&promises.to_string());
    let moved = world.https.bytes() + world.mqtt.bytes();
    print::line(&format!(
        "wall time {:.0} s; {:.1} MB moved: {:.1} MB of artifacts and enrolment (HTTPS), {:.0} KB \
         of orders and reports (MQTT)",
        begun.elapsed().as_secs_f64(),
        moved as f64 / 1e6,
        world.https.bytes() as f64 / 1e6,
        world.mqtt.bytes() as f64 / 1e3,
    ));
    if !arguments.exit {
        stay_up(&world, end)?;
    }
    Ok(promises.all_held())
}

/// A directory with nothing in it, made if need be.
fn new_directory(directory: &Path) -> Result<PathBuf> {
    std::fs::create_dir_all(directory).context("it cannot be made: name another place")?;
    let mut entries = std::fs::read_dir(directory).context("it cannot be read")?;
    ensure!(entries.next().is_none(), "it is not empty: name a new directory");
    Ok(std::fs::canonicalize(directory)?)
}

/// Says what can be tried, and waits for ctrl-c.
fn stay_up(world: &World, end: &End) -> Result<()> {
    scenario::sell_again(world)?;
    print::line(&table::what_next(world)?);
    end.wait()
}
