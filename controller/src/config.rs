//! The controller's configuration: read once, all mistakes reported at once.
//!
//! The commented file that a new operator gets is the default itself, so the two cannot
//! disagree. What comes out of here has types that cannot be wrong; whether files exist and keys
//! fit is found out by those who open them, and by [`Config::check`] for whoever only looks.

mod backups;
mod beside;
mod reader;

pub use backups::{Access, Backups, Bucket, Endpoint, PlaceConfig, PlaceUrl};

use std::collections::BTreeSet;
use std::fmt;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use shared::digest::Digest;
use shared::id::{FleetId, TerminalId};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

use crate::auth::ControllerName;
use crate::pacing::Limits;
use crate::position::binding::BindingPolicy;
use crate::provider::contract::LegalReview;
use reader::{Mistakes, Reader};

const DEFAULT: &str = include_str!("config/default.toml");

const DAY: Duration = Duration::from_secs(24 * 3600);
const HOUR: Duration = Duration::from_secs(3600);

#[derive(Clone, Debug)]
pub struct Config {
    pub fleet: FleetId,
    pub name: ControllerName,
    pub log: LogFilter,
    pub https: Https,
    /// How fast terminals fetch software.
    pub downloads: Limits,
    pub broker: BrokerChoice,
    pub registry: RegistryUrl,
    pub spool: PathBuf,
    pub blobs: PathBuf,
    /// What is remembered of the places of backups.
    pub places: PathBuf,
    pub backups: Backups,
    pub rebind: Rebind,
    pub secrets: Secrets,
    pub certificates: Certificates,
    pub rosters: PathBuf,
    pub enrolment: Enrolment,
    pub operators: Vec<OperatorEntry>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Https {
    pub listen: SocketAddr,
    pub url: HttpsUrl,
    pub artifact_bytes_max: u64,
}

/// Who carries messages between terminals and controllers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BrokerChoice {
    Embedded {
        listen: SocketAddr,
        address: HostPort,
        connections_max: u32,
    },
    /// Together they serve every shard once.
    External(Vec<Cell>),
}

/// An external broker and the shards that it serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    pub address: HostPort,
    pub shards: RangeInclusive<u8>,
}

/// What an operator decides about changes of the payment provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rebind {
    pub bindings: BindingPolicy,
    pub legal_review: LegalReview,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secrets {
    pub file: PathBuf,
    pub insecure_dev: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificates {
    pub root_ca: PathBuf,
    pub device_ca: PathBuf,
    pub server_ca: PathBuf,
    pub server: PathBuf,
    pub controller: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enrolment {
    pub certificate_lifetime: Duration,
    pub claim_lifetime_max: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorEntry {
    pub name: String,
    pub token_sha256: Digest,
}

/// Where the registry is. May hold a password, so it prints without what stands before an `@`.
#[derive(Clone)]
pub struct RegistryUrl(SecretString);

/// Why a text is no registry's URL. The text is not repeated: it may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("names no registry: write `sqlite:<file>` or `postgres://<user>@<host>/<name>`")]
pub struct NotARegistry;

impl RegistryUrl {
    /// With relative files made relative to `base`.
    pub fn new(text: &str, base: &Path) -> Result<Self, NotARegistry> {
        let text = match text.strip_prefix("sqlite:") {
            Some("") => return Err(NotARegistry),
            Some(file) => format!("sqlite:{}", base.join(file).display()),
            None if text.starts_with("postgres://") => text.to_owned(),
            None if text.starts_with("postgresql://") => text.to_owned(),
            None => return Err(NotARegistry),
        };
        Ok(Self(SecretString::from(text)))
    }

    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Display for RegistryUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.expose();
        match (text.split_once("://"), text.rsplit_once('@')) {
            (Some((scheme, _)), Some((_, place))) => write!(out, "{scheme}://…@{place}"),
            (Some(_), None) | (None, _) => out.write_str(text),
        }
    }
}

impl fmt::Debug for RegistryUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

/// What is logged: see the default file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFilter(String);

/// Libraries that say at level `info` what this program says in its own words.
const QUIET: &str = "mqtt5=warn,rumqttc=warn,sqlx=warn";

impl LogFilter {
    /// The libraries' own words are left out unless the filter names the library.
    pub fn to_env_filter(&self) -> EnvFilter {
        EnvFilter::new(format!("{QUIET},{}", self.0))
    }
}

impl FromStr for LogFilter {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        EnvFilter::builder().parse(text)?;
        Ok(Self(text.to_owned()))
    }
}

/// A name or IPv4 address and a port. The name is what a TLS client looks for in a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPort {
    pub host: String,
    /// 0 stands for the port that is listened on.
    pub port: u16,
}

impl HostPort {
    /// With the port that is listened on where it was left open.
    pub fn or_port(&self, listened: u16) -> Self {
        let port = if self.port == 0 { listened } else { self.port };
        Self { host: self.host.clone(), port }
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}", self.host, self.port)
    }
}

/// Why a text is not an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAnAddress {
    #[error("write a name or IPv4 address and a port, such as `controller.example:8883`")]
    NotHostPort,
    #[error("write `https://`, a name and a port, such as `https://controller.example:8443`")]
    NotHttps,
}

impl FromStr for HostPort {
    type Err = NotAnAddress;

    fn from_str(text: &str) -> Result<Self, NotAnAddress> {
        let (host, port) = text.rsplit_once(':').ok_or(NotAnAddress::NotHostPort)?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
        if host.is_empty() || !host.bytes().all(plain) {
            return Err(NotAnAddress::NotHostPort);
        }
        let port = port.parse().map_err(|_| NotAnAddress::NotHostPort)?;
        Ok(Self { host: host.to_owned(), port })
    }
}

/// `https://`, a name and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpsUrl(pub HostPort);

impl fmt::Display for HttpsUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "https://{}", self.0)
    }
}

impl FromStr for HttpsUrl {
    type Err = NotAnAddress;

    fn from_str(text: &str) -> Result<Self, NotAnAddress> {
        let rest = text.strip_prefix("https://").ok_or(NotAnAddress::NotHttps)?;
        rest.parse().map(Self).map_err(|_| NotAnAddress::NotHttps)
    }
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("cannot read the configuration {}", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("{} in {}{}", counted(mistakes.len()), path.display(), listed(mistakes))]
    Mistakes { path: PathBuf, mistakes: Vec<String> },
    #[error("what --registry or TILLWARD_REGISTRY says {0}")]
    OtherRegistry(NotARegistry),
}

fn counted(mistakes: usize) -> String {
    if mistakes == 1 { "1 mistake".to_owned() } else { format!("{mistakes} mistakes") }
}

fn listed(mistakes: &[String]) -> String {
    mistakes.iter().map(|mistake| format!("\n  - {mistake}")).collect()
}

impl Config {
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        Self::parse(&text_of(path)?, shared::durable::parent_of(path))
            .map_err(|mistakes| ConfigError::Mistakes { path: path.to_owned(), mistakes })
    }

    /// As [`Self::load`], and a file beside it that cannot be read is one mistake more.
    pub fn check(path: &Path) -> Result<Self, ConfigError> {
        let (text, base) = (text_of(path)?, shared::durable::parent_of(path));
        let unreadable = beside::unreadable(&text, base);
        let mistakes = match Self::parse(&text, base) {
            Ok(config) if unreadable.is_empty() => return Ok(config),
            Ok(_) => unreadable,
            Err(mistakes) => [mistakes, unreadable].concat(),
        };
        Err(ConfigError::Mistakes { path: path.to_owned(), mistakes })
    }

    /// Reads a configuration whose paths are relative to `base`, or says everything that is
    /// wrong with it.
    pub fn parse(text: &str, base: &Path) -> Result<Self, Vec<String>> {
        let given = text.parse().map_err(|error: toml::de::Error| {
            vec![error.to_string().trim_end().replace('\n', "\n    ")]
        })?;
        let mistakes = Mistakes::default();
        let config = read(Reader::new(given, defaults(), &mistakes), base);
        match (config, mistakes.into_vec()) {
            (Some(config), mistakes) if mistakes.is_empty() => Ok(config),
            (_, mistakes) => Err(mistakes),
        }
    }
}

fn text_of(path: &Path) -> Result<String, ConfigError> {
    let failed = |source| ConfigError::Read { path: path.to_owned(), source };
    std::fs::read_to_string(path).map_err(failed)
}

/// What holds where the file says nothing.
fn defaults() -> toml::Table {
    let mut defaults: toml::Table = DEFAULT.parse().expect("the default file is TOML");
    defaults.remove("fleet"); // an example there: every fleet has its own
    defaults
}

/// What `tillward init` decides; the rest of the file is the default.
#[derive(Clone, Debug)]
pub struct Filled<'a> {
    pub fleet: FleetId,
    pub https_listen: SocketAddr,
    pub https_url: &'a HttpsUrl,
    pub broker_listen: SocketAddr,
    pub broker_address: &'a HostPort,
    /// The name of the file with the private keys.
    pub secrets_file: &'a str,
    pub insecure_dev: bool,
    pub operator: &'a OperatorEntry,
}

/// How the audit log calls an operator.
pub(crate) fn is_operator_name(text: &str) -> bool {
    let is_ours = OUR_NAMES.contains(&text);
    let is_line = text.trim() == text && !text.chars().any(char::is_control);
    let is_terminals = text.starts_with(TerminalId::PREFIX);
    is_line && !is_ours && !is_terminals && (1..=64).contains(&text.len())
}

/// The parts of the controller that stand in the audit log themselves.
const OUR_NAMES: [&str; 6] =
    ["controller", "campaign-plan", "retention", "schedule", "enrolment", "backup"];

impl Filled<'_> {
    /// The text of a configuration file, with every key and its comment.
    pub fn to_text(&self) -> String {
        let replacements = [
            (
                "fleet = \"flt-00000000000000000000000000000000\"",
                format!("fleet = \"{}\"", self.fleet),
            ),
            ("listen = \"0.0.0.0:8443\"", format!("listen = \"{}\"", self.https_listen)),
            ("url = \"https://localhost:8443\"", format!("url = \"{}\"", self.https_url)),
            ("listen = \"0.0.0.0:8883\"", format!("listen = \"{}\"", self.broker_listen)),
            ("address = \"localhost:8883\"", format!("address = \"{}\"", self.broker_address)),
            ("file = \"secrets.age\"", format!("file = \"{}\"", self.secrets_file)),
            ("insecure_dev = false", format!("insecure_dev = {}", self.insecure_dev)),
            ("# [[operators]]", "[[operators]]".to_owned()),
            ("# name = \"alice\"", format!("name = \"{}\"", self.operator.name)),
            (
                "# token_sha256 = \"…\"",
                format!("token_sha256 = \"{}\"", self.operator.token_sha256),
            ),
        ];
        let mut text = DEFAULT.to_owned();
        for (default, filled) in replacements {
            text = text.replacen(default, &filled, 1);
        }
        text
    }
}

/// Reads every key even after a mistake, so that one reading finds them all.
fn read(mut file: Reader<'_>, base: &Path) -> Option<Config> {
    let fleet = file.parsed("fleet");
    let name = file.parsed("name");
    let log = file.parsed("log");
    let https = read_https(file.table("https"));
    let downloads = in_table(file.table("downloads"), |table| {
        let whole = table.maybe_parsed("bytes_per_second");
        let of_each_store = table.maybe_parsed("store_bytes_per_second");
        Some(Limits { whole: whole?, of_each_store: of_each_store? })
    });
    let broker = read_broker(file.table("broker"));
    let registry = in_table(file.table("registry"), |table| {
        let url = RegistryUrl::new(&table.text("url")?, base);
        url.map_or_else(|why| table.mistake("url", why), Some)
    });
    let (spool, blobs, places) = {
        let mut data = file.table("data");
        let paths = (data.text("spool"), data.text("blobs"), data.text("places"));
        data.finish();
        paths
    };
    let backups = backups::read(file.table("backups"), base);
    let rebind = in_table(file.table("rebind"), |table| {
        let one_active = table.flag("one_active_binding");
        let value = table.maybe_number("legal_review_above_value_minor", 0..=i64::MAX);
        let terminals = table.maybe_number("legal_review_above_terminals", 0..=u32::MAX);
        let legal_review = LegalReview { above_value_minor: value?, above_terminals: terminals? };
        Some(Rebind { bindings: BindingPolicy { one_active: one_active? }, legal_review })
    });
    let secrets = in_table(file.table("secrets"), |table| {
        let (file, insecure_dev) = (table.text("file"), table.flag("insecure_dev"));
        Some(Secrets { file: base.join(file?), insecure_dev: insecure_dev? })
    });
    let certificates = read_certificates(file.table("certificates"), base);
    let rosters = in_table(file.table("rosters"), |table| table.text("directory"));
    let enrolment = in_table(file.table("enrolment"), |table| {
        let days = table.number("certificate_days", 1..=90);
        let hours = table.number("claim_hours_max", 1..=168);
        Some(Enrolment { certificate_lifetime: DAY * days?, claim_lifetime_max: HOUR * hours? })
    });
    let (mut names, mut tokens) = (BTreeSet::new(), BTreeSet::new());
    let operators = file.tables("operators").into_iter().map(|table| {
        in_table(table, |table| {
            let (name, token) = (table.text("name"), table.parsed("token_sha256"));
            if name.as_ref().is_some_and(|name| !is_operator_name(name)) {
                return table.mistake(
                    "name",
                    "is empty, longer than 64 characters, not one line without spaces around it, \
                     or what the audit log calls a part of the controller",
                );
            }
            if name.as_ref().is_some_and(|name| !names.insert(name.clone())) {
                return table.mistake("name", "is another operator's too");
            }
            if token.is_some_and(|token| !tokens.insert(token)) {
                return table.mistake("token_sha256", "is another operator's too");
            }
            Some(OperatorEntry { name: name?, token_sha256: token? })
        })
    });
    let operators: Vec<_> = operators.collect();
    file.finish();
    Some(Config {
        fleet: fleet?,
        name: name?,
        log: log?,
        https: https?,
        downloads: downloads?,
        broker: broker?,
        registry: registry?,
        spool: base.join(spool?),
        blobs: base.join(blobs?),
        places: base.join(places?),
        backups: backups?,
        rebind: rebind?,
        secrets: secrets?,
        certificates: certificates?,
        rosters: base.join(rosters?),
        enrolment: enrolment?,
        operators: operators.into_iter().collect::<Option<_>>()?,
    })
}

/// Reads one table to its end.
fn in_table<T>(mut table: Reader<'_>, read: impl FnOnce(&mut Reader<'_>) -> T) -> T {
    let value = read(&mut table);
    table.finish();
    value
}

fn read_https(table: Reader<'_>) -> Option<Https> {
    in_table(table, |table| {
        let listen = table.parsed("listen");
        let url = table.parsed("url");
        let mib = table.number("artifact_mib_max", 1..=65_536);
        Some(Https {
            listen: listen?,
            url: url?,
            artifact_bytes_max: u64::from(mib?) * 1024 * 1024,
        })
    })
}

fn read_certificates(table: Reader<'_>, base: &Path) -> Option<Certificates> {
    in_table(table, |table| {
        let mut path = |key| table.text(key).map(|name| base.join(name));
        let root_ca = path("root_ca");
        let device_ca = path("device_ca");
        let server_ca = path("server_ca");
        let server = path("server");
        let controller = path("controller");
        Some(Certificates {
            root_ca: root_ca?,
            device_ca: device_ca?,
            server_ca: server_ca?,
            server: server?,
            controller: controller?,
        })
    })
}

fn read_broker(mut table: Reader<'_>) -> Option<BrokerChoice> {
    const EMBEDDED: [&str; 3] = ["listen", "address", "connections_max"];
    let external = table.names("cells");
    let cells = table.tables("cells");
    if !external {
        return in_table(table, |table| {
            let listen = table.parsed("listen");
            let address = table.parsed("address");
            let connections_max = table.number("connections_max", 2..=1_000_000);
            Some(BrokerChoice::Embedded {
                listen: listen?,
                address: address?,
                connections_max: connections_max?,
            })
        });
    }
    for key in EMBEDDED.into_iter().filter(|key| table.names(key)) {
        table.mistake::<()>(key, "is of the embedded broker, but there are `[[broker.cells]]`");
    }
    let cells = cells.into_iter().map(|cell| {
        in_table(cell, |cell| {
            let address = cell.parsed::<HostPort>("address");
            let shards = cell.parsed::<Shards>("shards");
            if address.as_ref().is_some_and(|address| address.port == 0) {
                return cell.mistake("address", "has port 0: an external broker has a fixed one");
            }
            Some(Cell { address: address?, shards: shards?.0 })
        })
    });
    let cells = cells.collect::<Vec<_>>().into_iter().collect::<Option<Vec<_>>>()?;
    if let Some(why) = not_every_shard_once(&cells) {
        return table.mistake("cells", why);
    }
    // What was named besides is reported above; nothing else may be there.
    EMBEDDED.into_iter().for_each(|key| table.pass_over(key));
    table.finish();
    Some(BrokerChoice::External(cells))
}

/// `0-127`, or one number.
struct Shards(RangeInclusive<u8>);

impl FromStr for Shards {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str = "write shards as `0-127`, within 0 to 255";
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let (first, last) = (first.trim().parse(), last.trim().parse());
        match (first, last) {
            (Ok(first), Ok(last)) if first <= last => Ok(Self(first..=last)),
            (Ok(_) | Err(_), _) => Err(WRONG),
        }
    }
}

fn not_every_shard_once(cells: &[Cell]) -> Option<String> {
    (0..=u8::MAX).find_map(|shard| {
        match cells.iter().filter(|cell| cell.shards.contains(&shard)).count() {
            1 => None,
            0 => Some(format!("leave shard {shard} to nobody")),
            more => Some(format!("give shard {shard} to {more} brokers")),
        }
    })
}

#[cfg(test)]
mod tests;
