//! `tillward-controller`: the command line around the controller.

use std::error::Error;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use controller::app::{self, StartError};
use controller::background::{Stopped, Tasks};
use controller::cli::print::Print;
use controller::config::{Config, ConfigError, LogFilter, RegistryUrl};
use controller::key_file::{Asked, KeyError, NoPassphrase, OnlineKeys, PassphraseArgs, Unlock};
use tokio::signal::unix::{SignalKind, signal};

/// The controller of a fleet of payment terminals
#[derive(Debug, Parser)]
#[command(
    name = "tillward-controller",
    version,
    after_help = "\
Exit codes: 0 done; 1 failed: standard error says what, and what to do; 2 wrong usage"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve terminals and operators until asked to stop (SIGTERM, ctrl-c)
    Serve {
        #[command(flatten)]
        config: ConfigArg,
        #[command(flatten)]
        passphrase: PassphraseArgs,
        /// Write the addresses that are listened on to this file, as JSON, once everything serves
        #[arg(long, value_name = "FILE")]
        addresses_file: Option<PathBuf>,
    },
    /// Bring the registry's schema up to date
    Migrate {
        #[command(flatten)]
        config: ConfigArg,
    },
    /// Care for the two places of backups
    #[command(subcommand)]
    Places(PlacesCommand),
    /// Say everything that is wrong with the configuration and the certificates beside it
    CheckConfig {
        #[command(flatten)]
        config: ConfigArg,
    },
}

#[derive(Debug, Subcommand)]
enum PlacesCommand {
    /// Say that a disk or bucket replaces the one that a place was on
    ///
    /// What is there now is marked as the place, and everything that the other place has is copied
    /// into it. May be done while the controller serves, and again. What is marked as another place
    /// is not taken.
    Adopt {
        /// Of the place, as the configuration has it
        #[arg(value_name = "NAME")]
        name: String,
        #[command(flatten)]
        config: ConfigArg,
    },
}

#[derive(Debug, Args)]
struct ConfigArg {
    /// The configuration file
    #[arg(
        long,
        value_name = "FILE",
        env = "TILLWARD_CONTROLLER_CONFIG",
        default_value = "/etc/tillward/controller.toml"
    )]
    config: PathBuf,
    /// The registry, instead of the one that the configuration names
    #[arg(long, value_name = "URL", env = "TILLWARD_REGISTRY", hide_env_values = true)]
    registry: Option<String>,
}

impl ConfigArg {
    fn load(&self) -> Result<Config, ConfigError> {
        self.with_registry(Config::load(&self.config)?)
    }

    fn check(&self) -> Result<Config, ConfigError> {
        self.with_registry(Config::check(&self.config)?)
    }

    fn with_registry(&self, mut config: Config) -> Result<Config, ConfigError> {
        if let Some(url) = &self.registry {
            let registry = RegistryUrl::new(url, Path::new(""));
            config.registry = registry.map_err(ConfigError::OtherRegistry)?;
        }
        Ok(config)
    }
}

/// Why the program ends.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Passphrase(#[from] NoPassphrase),
    #[error("the controller's private keys cannot be had")]
    Keys(#[from] KeyError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("the system refuses {what}")]
    System {
        what: &'static str,
        #[source]
        source: std::io::Error,
    },
    #[error("the result could not be written: {0}")]
    Unwritten(ErrorKind),
    #[error("a task panicked, and the controller ended: the log says which")]
    Panicked,
}

impl Failure {
    fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Config(ConfigError::Read { .. }) => Some("name the file with --config"),
            Self::Passphrase(error) => error.hint(),
            Self::Start(error) => error.hint(),
            Self::Panicked => Some("report it, with the log"),
            Self::Config(ConfigError::Mistakes { .. } | ConfigError::OtherRegistry(_))
            | Self::Keys(_)
            | Self::System { .. }
            | Self::Unwritten(_) => None,
        }
    }
}

fn main() -> ExitCode {
    shared::tls::install_provider();
    let mut print = Print::process();
    let ended = run(Cli::parse().command, &mut print);
    // Whoever stops reading early has seen enough.
    let unwritten = print.failure().filter(|error| error.kind() != ErrorKind::BrokenPipe);
    let unwritten = unwritten.map(|error| Failure::Unwritten(error.kind()));
    match unwritten.map_or(ended, Err) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            print_failure(&failure, &mut print);
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command, print: &mut Print) -> Result<(), Failure> {
    match command {
        Command::Serve { config, passphrase, addresses_file } => {
            let config = config.load()?;
            log(&config.log);
            let unlock = match config.secrets.insecure_dev {
                true => Unlock::InsecureDev,
                false => {
                    let asked = Asked::Existing("the controller's keys");
                    Unlock::Passphrase(passphrase.passphrase(asked)?)
                }
            };
            let keys = OnlineKeys::open(&config.secrets.file, &unlock)?;
            runtime()?.block_on(serve(&config, &keys, addresses_file))
        }
        Command::Migrate { config } => {
            let config = config.load()?;
            let version = runtime()?.block_on(app::migrate(&config))?;
            print.line(format_args!("{} is at schema version {version}", config.registry));
            Ok(())
        }
        Command::Places(PlacesCommand::Adopt { name, config }) => {
            let config = config.load()?;
            let app::Adopted { place, objects } =
                runtime()?.block_on(app::adopt_place(&config, &name))?;
            print.line(format_args!(
                "`{name}` is {place} from now on; objects to be looked at, and copied into it \
                 where it lacks them: {objects}"
            ));
            Ok(())
        }
        Command::CheckConfig { config } => {
            app::check(&config.check()?)?;
            print.line(format_args!("{} is right", config.config.display()));
            Ok(())
        }
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let built = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    built.map_err(|source| Failure::System { what: "threads", source })
}

async fn serve(
    config: &Config,
    keys: &OnlineKeys,
    addresses_file: Option<PathBuf>,
) -> Result<(), Failure> {
    let refused = |source| Failure::System { what: "to tell of signals", source };
    let mut terminate = signal(SignalKind::terminate()).map_err(refused)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(refused)?;
    let tasks = Tasks::new();
    let stop = tasks.stop();
    tasks.spawn("signals", async move {
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            _ = terminate.recv() => stop.cancel(),
            _ = interrupt.recv() => stop.cancel(),
        }
    });
    match app::serve(config, keys, addresses_file.as_deref(), &tasks).await? {
        Stopped::Cleanly => Ok(()),
        Stopped::WithTasksLeft(tasks) => {
            tracing::warn!(tasks, "not everything ended in time; it goes on after the next start");
            Ok(())
        }
        Stopped::AfterPanic => Err(Failure::Panicked),
    }
}

fn log(filter: &LogFilter) {
    tracing_subscriber::fmt()
        .with_env_filter(filter.to_env_filter())
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
}

fn print_failure(failure: &Failure, print: &mut Print) {
    print.error(failure);
    let mut source = failure.source();
    while let Some(cause) = source {
        print.remark(format_args!("  because: {cause}"));
        source = cause.source();
    }
    if let Some(hint) = failure.hint() {
        print.hint(hint);
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
