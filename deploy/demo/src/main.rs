//! `cargo demo`: the whole fleet on one machine, and what it promises.
//!
//! A controller with its embedded broker, two acquirer hosts, and terminals that sell all the time:
//! real processes on loopback. Each scenario does to them what happens in the field, then counts
//! the money in the books of tills and hosts. With `--exit` it ends there, and ends badly if
//! anything differs from what was promised.

mod books;
mod build;
mod campaign;
mod cheat_sheet;
mod end;
mod print;
mod promises;
mod scenario;
mod section;
mod stage;
mod tell;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use clap::Parser;
use clap::builder::PossibleValuesParser;
use harness::wait::is_interrupted;
use harness::world::{Broker, Registry, World};

use end::End;
use promises::Promises;
use scenario::{ALL, Scenario};
use section::Section;
use stage::{Sabotage, Stage};
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
    /// End after the scenarios, with the tables of what happened
    #[arg(long)]
    exit: bool,
    /// List the scenarios, and how each leaves the fleet, and play none
    #[arg(long)]
    list: bool,
    /// Play this scenario; may be repeated. Without it, all
    #[arg(long, value_name = "SCENARIO", value_parser = scenario_names())]
    only: Vec<String>,
    /// Leave this scenario out; may be repeated
    #[arg(long, value_name = "SCENARIO", value_parser = scenario_names())]
    skip: Vec<String>,
    /// How many terminals; each scenario needs some, since they have parts to play
    #[arg(long, value_name = "N", default_value_t = 8)]
    #[arg(value_parser = clap::value_parser!(u8).range(1..=32))]
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

fn scenario_names() -> PossibleValuesParser {
    PossibleValuesParser::new(ALL.map(|scenario| scenario.name))
}

impl Arguments {
    /// Those that are to be played, in their order.
    fn scenarios(&self) -> Result<Vec<Scenario>> {
        let is_in = |names: &[String], it: &Scenario| names.iter().any(|name| name == it.name);
        let is_meant = |it: &Scenario| self.only.is_empty() || is_in(&self.only, it);
        let mut scenarios = ALL.to_vec();
        scenarios.retain(|it| is_meant(it) && !is_in(&self.skip, it));
        ensure!(!scenarios.is_empty(), "--only and --skip leave no scenario to play");
        for Scenario { name, terminals_min, .. } in &scenarios {
            let terminals = self.terminals;
            ensure!(
                terminals >= *terminals_min,
                "--terminals {terminals}: the scenario {name} needs at least {terminals_min}"
            );
        }
        Ok(scenarios)
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.list {
        print::line(&scenario::list());
        return ExitCode::SUCCESS;
    }
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
    let scenarios = arguments.scenarios()?;
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
    tell.step("starting a new fleet: authorities, roster, controller, two acquirer hosts");
    let world = World::start(&directory, Broker::Embedded, &Registry::Sqlite)
        .context("starting the fleet")?;
    let sabotage = if arguments.sabotage { Sabotage::Planned } else { Sabotage::None };
    let mut stage = Stage::new(world, tell, sabotage);
    let mut promises = Promises::default();
    let played = play(&mut stage, arguments.terminals, &scenarios, &mut promises);
    let sections = match played {
        Ok(sections) => sections,
        Err(error) => {
            if !is_interrupted() {
                print::line(&stage.last_words());
            }
            return Err(error);
        }
    };
    for (scenario, section) in scenarios.iter().zip(sections) {
        print::line(&format!("\n{}: {}\n{section}", scenario.name, scenario.about));
    }
    print::line(&format!("\n{promises}"));
    print::line(&in_total(&stage, begun));
    if !arguments.exit {
        print::line(&cheat_sheet::text(&stage.world, &scenarios)?);
        end.wait()?;
    }
    Ok(promises.all_held())
}

/// One after another on the same fleet.
fn play(
    stage: &mut Stage,
    terminals: u8,
    scenarios: &[Scenario],
    promises: &mut Promises,
) -> Result<Vec<Section>> {
    stage.open_shops(terminals)?;
    // As somebody keeps it outside of the controller, from the beginning on.
    let kept = stage.world.directory().join("audit.checkpoint");
    let kept = kept.to_str().context("paths of the demo are UTF-8")?.to_owned();
    let verify = ["audit", "verify", "--kept", &kept];
    stage.operator(&verify)?;
    let mut play = |scenario: &Scenario| {
        stage.tell.step(&format!("— {}: {}", scenario.name, scenario.about));
        promises.of(scenario.name);
        let played = (scenario.play)(stage, promises);
        played.with_context(|| format!("in the scenario {}", scenario.name))
    };
    let sections = scenarios.iter().map(&mut play).collect::<Result<_>>()?;
    promises.of("the fleet");
    let verified = stage.world.tillward(&verify).map(drop).map_err(|error| format!("{error:#}"));
    promises.check("the audit log only grew, as the controller signed it", verified);
    Ok(sections)
}

fn in_total(stage: &Stage, begun: Instant) -> String {
    let (https, mqtt) = (stage.world.https.bytes(), stage.world.mqtt.bytes());
    format!(
        "wall time {:.0} s; {:.1} MB moved: {:.1} MB of artifacts, backups and enrolment (HTTPS), \
         {:.0} KB of orders and reports (MQTT)",
        begun.elapsed().as_secs_f64(),
        (https + mqtt) as f64 / 1e6,
        https as f64 / 1e6,
        mqtt as f64 / 1e3,
    )
}

/// A directory with nothing in it, made if need be.
fn new_directory(directory: &Path) -> Result<PathBuf> {
    std::fs::create_dir_all(directory).context("it cannot be made: name another place")?;
    let mut entries = std::fs::read_dir(directory).context("it cannot be read")?;
    ensure!(entries.next().is_none(), "it is not empty: name a new directory");
    Ok(std::fs::canonicalize(directory)?)
}
