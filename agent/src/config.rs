//! The agent's configuration: read once, all mistakes reported at once.
//!
//! The example file `agent.toml` is the default: it is part of the program, and what a terminal's
//! own file does not say is taken from it, so the two cannot disagree.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::tz::TimeZone;
use shared::backup::DataClass;
use toml::{Table, Value};
use tracing::Level;

use crate::install::is_component;
use crate::power::Supplies;
use crate::snapshot::protocol::AllowedPath;

/// Every key with its default and what it means.
pub const EXAMPLE: &str = include_str!("../agent.toml");

/// Longer than a shop is closed for, and shorter than a thief waits.
const LEASE_DAYS: u64 = 14;

/// Beyond a year a lease keeps nobody from anything.
const LEASE_DAYS_MAX: u64 = 365;

/// A configuration that cannot be wrong.
#[derive(Clone, Debug)]
pub struct Config {
    pub state: StateDir,
    pub model: String,
    /// Instead of the one that the terminal's claim named.
    pub zone: Option<TimeZone>,
    pub log: Level,
    pub pos: Pos,
    /// `None` where this terminal makes no backups.
    pub backup: Option<Backup>,
    /// `None` where this terminal cannot be erased.
    pub wipe: Option<Wipe>,
    /// `None` where this terminal works on without contact for ever.
    pub lease: Option<Lease>,
    pub power: Supplies,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pos {
    pub component: String,
    /// Program and arguments.
    pub driver: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    pub program: PathBuf,
    /// What is saved besides the till's own data.
    pub paths: Vec<AllowedPath>,
}

/// How this terminal is erased.
#[derive(Clone, Debug, PartialEq)]
pub struct Wipe {
    pub program: PathBuf,
    /// Where that program keeps its journal: nowhere that is erased.
    pub lifecycle: PathBuf,
    /// `keys`, `paths` and `devices`, in the words of that program, which judges them.
    pub what: serde_json::Value,
}

/// How long it works on without contact, and what happens then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    pub within: Duration,
    /// Seals and opens what the terminal holds.
    pub program: Option<PathBuf>,
}

/// Where everything is that the agent keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateDir(PathBuf);

impl StateDir {
    pub fn new(path: PathBuf) -> Self {
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn identity(&self) -> PathBuf {
        self.0.join("identity")
    }

    pub fn store(&self) -> PathBuf {
        self.0.join("queue")
    }

    pub fn download(&self) -> PathBuf {
        self.0.join("download")
    }

    pub fn backup(&self) -> PathBuf {
        self.0.join("backup")
    }

    pub fn slots(&self) -> PathBuf {
        self.0.join("slots")
    }

    pub fn recipient(&self) -> PathBuf {
        self.0.join("recipient.json")
    }

    pub fn status(&self) -> PathBuf {
        self.0.join("status.json")
    }

    pub fn suspicion(&self) -> PathBuf {
        self.0.join("suspicion.json")
    }
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("the configuration `{}` cannot be read", path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the configuration `{}` is not TOML", path.display())]
    NotToml {
        path: PathBuf,
        #[source]
        source: Box<toml::de::Error>,
    },
    #[error("{} in the configuration `{}`{problems}", problems.count(), path.display())]
    Wrong { path: PathBuf, problems: Problems },
}

/// Everything that is wrong, in the order of the example.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Problems(Vec<String>);

impl Problems {
    fn count(&self) -> String {
        match self.0.len() {
            1 => "1 problem".to_owned(),
            count => format!("{count} problems"),
        }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|problem| write!(out, "\n  - {problem}"))
    }
}

/// Reads the file at `path`; `state` stands above what it says.
pub fn load(path: &Path, state: Option<&StateDir>) -> Result<Config, ConfigError> {
    let text = fs::read_to_string(path)
        .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
    let table: Table = text.parse().map_err(|source| ConfigError::NotToml {
        path: path.to_owned(),
        source: Box::new(source),
    })?;
    let mut config =
        parse(&table).map_err(|problems| ConfigError::Wrong { path: path.to_owned(), problems })?;
    if let Some(state) = state {
        config.state.clone_from(state);
    }
    Ok(config)
}

fn parse(table: &Table) -> Result<Config, Problems> {
    let example: Table = EXAMPLE.parse().expect("the example is TOML");
    let mut reader = Reader { problems: Vec::new() };
    let known = ["state_dir", "model", "zone", "log", "pos", "backup", "wipe", "lease", "power"];
    reader.unknown_keys("", table, &known);
    let top = Section { name: "", own: Some(table), example: Some(&example) };
    let state = reader.text(&top, "state_dir", "an absolute path", |text| {
        let path = Path::new(text);
        path.is_absolute().then(|| StateDir(path.to_owned()))
    });
    let model = reader.text(&top, "model", "a model's name, as releases have it", |text| {
        is_name(text).then(|| text.to_owned())
    });
    let zone = table.contains_key("zone").then(|| {
        let wanted = "an IANA time zone such as \"Europe/Berlin\"";
        reader.text(&top, "zone", wanted, |text| TimeZone::get(text).ok())
    });
    let log = reader.text(&top, "log", "error, warn, info, debug or trace", level);
    let pos = reader.section(&top, "pos", "pos.");
    if let Some(own) = pos.own {
        reader.unknown_keys("pos.", own, &["component", "driver"]);
    }
    let component = reader.text(&pos, "component", "lower-case letters and hyphens", |text| {
        is_component(text).then(|| text.to_owned())
    });
    let driver = reader.texts(&pos, "driver", "a program and its arguments");
    let backup = table.get("backup").map(|value| reader.backup(value));
    let wipe = table.get("wipe").map(|value| reader.wipe(value));
    let lease = table.get("lease").map(|value| reader.lease(value));
    let power = reader.power(&top);
    match (state, model, log, component, driver, power) {
        (Some(state), Some(model), Some(log), Some(component), Some(driver), Some(power))
            if reader.problems.is_empty() =>
        {
            let zone = zone.flatten();
            let (backup, wipe, lease) = (backup.flatten(), wipe.flatten(), lease.flatten());
            let pos = Pos { component, driver };
            Ok(Config { state, model, zone, log, pos, backup, wipe, lease, power })
        }
        _ => Err(Problems(reader.problems)),
    }
}

/// The same value for a program that reads JSON.
fn json(value: &Value) -> serde_json::Value {
    match value {
        Value::String(text) => text.as_str().into(),
        Value::Integer(number) => (*number).into(),
        Value::Boolean(is) => (*is).into(),
        Value::Array(list) => list.iter().map(json).collect(),
        Value::Table(table) => {
            table.iter().map(|(key, value)| (key.clone(), json(value))).collect()
        }
        other @ (Value::Float(_) | Value::Datetime(_)) => other.to_string().into(),
    }
}

fn absolute(text: &str) -> Option<PathBuf> {
    Path::new(text).is_absolute().then(|| PathBuf::from(text))
}

fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len()) && !text.chars().any(char::is_control)
}

fn level(text: &str) -> Option<Level> {
    match text {
        "error" => Some(Level::ERROR),
        "warn" => Some(Level::WARN),
        "info" => Some(Level::INFO),
        "debug" => Some(Level::DEBUG),
        "trace" => Some(Level::TRACE),
        _ => None,
    }
}

/// One table of the terminal's own file, and of the example.
struct Section<'a> {
    /// With a dot at its end, but for the top.
    name: &'static str,
    own: Option<&'a Table>,
    example: Option<&'a Table>,
}

impl<'a> Section<'a> {
    fn value(&self, key: &str) -> Option<&'a Value> {
        let own = self.own.and_then(|table| table.get(key));
        own.or_else(|| self.example.and_then(|table| table.get(key)))
    }
}

/// Reads values and remembers what was wrong with them.
struct Reader {
    problems: Vec<String>,
}

impl Reader {
    fn unknown_keys(&mut self, section: &str, table: &Table, known: &[&str]) {
        for key in table.keys().filter(|key| !known.contains(&key.as_str())) {
            let known = known.join("`, `");
            self.problems.push(format!("`{section}{key}` is not a key here: there are `{known}`"));
        }
    }

    fn section<'a>(&mut self, top: &Section<'a>, key: &str, name: &'static str) -> Section<'a> {
        let own = match top.own.and_then(|table| table.get(key)) {
            Some(Value::Table(table)) => Some(table),
            Some(_) => {
                self.problems.push(format!("`{key}` is a value: write a table `[{key}]`"));
                None
            }
            None => None,
        };
        let example = top.example.and_then(|table| table.get(key)).and_then(Value::as_table);
        Section { name, own, example }
    }

    fn text<T>(
        &mut self,
        section: &Section<'_>,
        key: &str,
        wanted: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let found = self.present(section, key, wanted)?;
        let value = found.as_str().and_then(read);
        self.or_wrong(section, key, wanted, found, value)
    }

    fn backup(&mut self, value: &Value) -> Option<Backup> {
        let Value::Table(table) = value else {
            self.problems.push("`backup` is a value: write a table `[backup]`".to_owned());
            return None;
        };
        self.unknown_keys("backup.", table, &["program", "paths"]);
        let section = Section { name: "backup.", own: Some(table), example: None };
        let program = self.text(&section, "program", "an absolute path", absolute);
        let no_paths = Vec::new();
        let paths = match table.get("paths") {
            None => &no_paths,
            Some(Value::Array(paths)) => paths,
            Some(_) => {
                self.problems
                    .push("`backup.paths` is no list: write `[[backup.paths]]`".to_owned());
                return None;
            }
        };
        // All of them, so that all mistakes are found.
        let paths: Vec<_> = paths.iter().map(|value| self.allowed_path(value)).collect();
        let paths = paths.into_iter().collect::<Option<_>>()?;
        Some(Backup { program: program?, paths })
    }

    fn wipe(&mut self, value: &Value) -> Option<Wipe> {
        let Value::Table(table) = value else {
            self.problems.push("`wipe` is a value: write a table `[wipe]`".to_owned());
            return None;
        };
        let parts = ["keys", "paths", "devices"];
        self.unknown_keys("wipe.", table, &["program", "lifecycle", "keys", "paths", "devices"]);
        let section = Section { name: "wipe.", own: Some(table), example: None };
        let program = self.text(&section, "program", "an absolute path", absolute);
        let lifecycle = self.text(&section, "lifecycle", "an absolute path", absolute);
        let mut what = serde_json::Map::new();
        for part in parts {
            let list = match table.get(part) {
                None => Vec::new(),
                Some(Value::Array(list)) => list.iter().map(json).collect(),
                Some(_) => {
                    self.problems.push(format!("`wipe.{part}` is no list"));
                    Vec::new()
                }
            };
            what.insert(part.to_owned(), list.into());
        }
        Some(Wipe { program: program?, lifecycle: lifecycle?, what: what.into() })
    }

    fn lease(&mut self, value: &Value) -> Option<Lease> {
        let Value::Table(table) = value else {
            self.problems.push("`lease` is a value: write a table `[lease]`".to_owned());
            return None;
        };
        self.unknown_keys("lease.", table, &["days", "program"]);
        let section = Section { name: "lease.", own: Some(table), example: None };
        let days = match table.get("days") {
            None => Some(LEASE_DAYS),
            Some(found) => {
                let days = found.as_integer().and_then(|days| u64::try_from(days).ok());
                let days = days.filter(|days| (1..=LEASE_DAYS_MAX).contains(days));
                self.or_wrong(&section, "days", "a number of days, 1 to 365", found, days)
            }
        };
        let program = table
            .get("program")
            .map(|_| self.text(&section, "program", "an absolute path", absolute));
        Some(Lease { within: Duration::from_secs(days? * 24 * 3600), program: program.flatten() })
    }

    fn power(&mut self, top: &Section<'_>) -> Option<Supplies> {
        let section = self.section(top, "power", "power.");
        if let Some(own) = section.own {
            self.unknown_keys(section.name, own, &["supplies", "battery_floor_percent"]);
        }
        let directory = self.text(&section, "supplies", "an absolute path", absolute);
        let (key, wanted) = ("battery_floor_percent", "a number of percent, 0 to 100");
        let found = self.present(&section, key, wanted)?;
        let floor = found.as_integer().and_then(|percent| u8::try_from(percent).ok());
        let floor = floor.filter(|percent| *percent <= 100);
        let floor_percent = self.or_wrong(&section, key, wanted, found, floor);
        Some(Supplies { directory: directory?, floor_percent: floor_percent? })
    }

    fn allowed_path(&mut self, value: &Value) -> Option<AllowedPath> {
        let Value::Table(table) = value else {
            self.problems.push("a path of `backup.paths` is a value: write a table".to_owned());
            return None;
        };
        self.unknown_keys("backup.paths.", table, &["name", "class", "path"]);
        let section = Section { name: "backup.paths.", own: Some(table), example: None };
        let name = self.text(&section, "name", "lower-case letters and hyphens", |text| {
            is_component(text).then(|| text.to_owned())
        });
        let class = self.text(&section, "class", "a class of data", |text| {
            DataClass::ALL.into_iter().find(|class| class.as_str() == text)
        });
        let path = self.text(&section, "path", "an absolute path", absolute);
        Some(AllowedPath { name: name?, class: class?, path: path? })
    }

    /// A list of at least one text.
    fn texts(&mut self, section: &Section<'_>, key: &str, wanted: &str) -> Option<Vec<String>> {
        let found = self.present(section, key, wanted)?;
        let texts = found.as_array().and_then(|values| {
            values.iter().map(|value| value.as_str().map(str::to_owned)).collect()
        });
        let texts =
            texts.filter(|texts: &Vec<String>| texts.first().is_some_and(|t| !t.is_empty()));
        self.or_wrong(section, key, wanted, found, texts)
    }

    fn present<'a>(&mut self, section: &Section<'a>, key: &str, wanted: &str) -> Option<&'a Value> {
        let found = section.value(key);
        if found.is_none() {
            let name = section.name;
            self.problems.push(format!("`{name}{key}` is missing: write {wanted}"));
        }
        found
    }

    fn or_wrong<T>(
        &mut self,
        section: &Section<'_>,
        key: &str,
        wanted: &str,
        found: &Value,
        read: Option<T>,
    ) -> Option<T> {
        if read.is_none() {
            let (name, found) = (section.name, shown(found));
            self.problems.push(format!("`{name}{key}` is {found}: write {wanted}"));
        }
        read
    }
}

fn shown(value: &Value) -> String {
    let text = value.to_string();
    let short: String = text.chars().take(60).collect();
    if short.len() < text.len() { format!("{short}…") } else { short }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: &str = "model = \"A920\"\n[pos]\ndriver = [\"/bin/driver\"]";

    fn read(text: &str) -> Result<Config, Problems> {
        parse(&text.parse().expect("a test's own TOML"))
    }

    #[test]
    fn what_a_file_does_not_say_is_as_in_the_example() {
        let config = read(LEAST).unwrap();
        assert_eq!(config.state.path(), Path::new("/var/lib/tillward"));
        assert_eq!((config.model.as_str(), config.log), ("A920", Level::INFO));
        assert_eq!(config.zone, None, "that of its claim counts");
        assert_eq!(config.pos.component, "pos");
        assert_eq!(config.state.store(), Path::new("/var/lib/tillward/queue"));
        let power = Supplies { directory: "/sys/class/power_supply".into(), floor_percent: 50 };
        assert_eq!(config.power, power);
    }

    #[test]
    fn the_example_is_complete_once_what_must_be_set_is_set() {
        let filled = EXAMPLE.replace("# model =", "model =").replace("# driver =", "driver =");
        let config = read(&filled).unwrap();
        assert_eq!(config.pos.driver.len(), 3);
        let Problems(problems) = read(EXAMPLE).unwrap_err();
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(problems.iter().all(|problem| problem.contains("is missing")));
    }

    #[test]
    fn five_mistakes_are_five_problems() {
        let text = "state_dir = \"var\"\nzone = \"Mars/Olympus\"\nlog = 3\nspeed = 1\n\
                    [pos]\ncomponent = \"../pos\"\ndriver = []";
        let problems = read(text).unwrap_err();
        let expected = [
            "`speed` is not a key here: there are `state_dir`, `model`, `zone`, `log`, `pos`, \
             `backup`, `wipe`, `lease`, `power`",
            "`state_dir` is \"var\": write an absolute path",
            "`model` is missing: write a model's name, as releases have it",
            "`zone` is \"Mars/Olympus\": write an IANA time zone such as \"Europe/Berlin\"",
            "`log` is 3: write error, warn, info, debug or trace",
            "`pos.component` is \"../pos\": write lower-case letters and hyphens",
            "`pos.driver` is []: write a program and its arguments",
        ];
        assert_eq!(problems.0, expected);
    }

    #[test]
    fn a_terminal_makes_backups_once_it_is_told_with_what() {
        assert_eq!(read(LEAST).unwrap().backup, None);
        let (example, _) = EXAMPLE.split_once("# [wipe]").unwrap();
        let uncommented = example.replace("# model =", "model =").replace("# driver =", "driver =");
        let mut uncommented = uncommented;
        for key in ["[backup]", "program =", "[[backup", "name =", "class =", "path ="] {
            uncommented = uncommented.replace(&format!("\n# {key}"), &format!("\n{key}"));
        }
        let backup = read(&uncommented).unwrap().backup.unwrap();
        assert_eq!(backup.program, Path::new("/usr/lib/tillward/tillward-snapshot"));
        assert_eq!((backup.paths[0].name.as_str(), backup.paths.len()), ("receipts", 1));
        assert_eq!(backup.paths[0].class, DataClass::Sales);
        let text = format!(
            "backup = {{ program = \"bin\", speed = 1, paths = [1, {{ name = \"a/b\", \
             class = \"pins\", path = \"x\" }}] }}\n{LEAST}"
        );
        let problems = read(&text).unwrap_err().0;
        assert_eq!(problems.len(), 6, "{problems:#?}");
    }

    #[test]
    fn a_terminal_has_a_lease_once_it_is_told_so() {
        assert_eq!(read(LEAST).unwrap().lease, None);
        let lease = |text: &str| read(&format!("{LEAST}\n[lease]\n{text}")).map(|it| it.lease);
        let within = |days: u64| Duration::from_secs(days * 24 * 3600);
        assert_eq!(lease("").unwrap(), Some(Lease { within: within(14), program: None }));
        let program = Some(PathBuf::from("/bin/seal"));
        let whole = lease("days = 365\nprogram = \"/bin/seal\"").unwrap();
        assert_eq!(whole, Some(Lease { within: within(365), program }));
        for wrong in ["days = 0", "days = 366", "days = -1", "days = \"14\"", "program = \"seal\""]
        {
            assert_eq!(lease(wrong).unwrap_err().0.len(), 1, "{wrong}");
        }
        assert_eq!(lease("hours = 3").unwrap_err().0.len(), 1);
        assert_eq!(read(&format!("lease = 14\n{LEAST}")).unwrap_err().0.len(), 1);
        let shown = EXAMPLE.split_once("# [lease]").unwrap().1;
        assert!(shown.contains("# days = 14"), "the default is what the example says");
    }

    #[test]
    fn a_value_of_another_type_is_never_silently_the_default() {
        for text in [
            "pos = 1\nmodel = \"A\"",
            "zone = []\nmodel = \"A\"\n[pos]\ndriver = [\"/d\"]",
            "model = \"\"\n[pos]\ndriver = [\"/d\"]",
            "model = \"A\"\n[pos]\ndriver = \"/d\"",
            "model = \"A\"\n[pos]\ndriver = [\"/d\", 1]",
            "model = \"A\"\n[pos]\ndriver = [\"\"]",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_file_that_is_missing_or_is_not_toml_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("agent.toml");
        let error = load(&path, None).unwrap_err().to_string();
        assert!(error.contains("agent.toml` cannot be read"), "{error}");
        std::fs::write(&path, "model =").unwrap();
        let error = load(&path, None).unwrap_err();
        assert!(matches!(error, ConfigError::NotToml { .. }), "{error}");
        std::fs::write(&path, "mode = 1").unwrap();
        let error = load(&path, None).unwrap_err().to_string();
        assert!(error.starts_with("3 problems in the configuration `"), "{error}");
        std::fs::write(&path, LEAST).unwrap();
        let state = StateDir::new(directory.path().to_owned());
        assert_eq!(load(&path, Some(&state)).unwrap().state, state);
    }
}
