//! What a terminal knows about itself, for the person in front of it: the identity and the slots
//! from the disk, and the rest as the running agent last wrote it down.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::digest::PublicKey;
use shared::document::receipt::Said;
use shared::durable::{self, Readers};
use shared::id::OrderId;
use shared::message::{Battery, StepState, TillHealth};
use shared::outcome::Outcome;
use shared::time::UnixTime;
use tracing::{debug, info, warn};

use crate::config::StateDir;
use crate::decide::Worries;
use crate::decide::effect::{Decision, Post, Write};
use crate::decide::input::{Input, Now, StoreState};
use crate::identity::{Facts, Identity, IdentityError};
use crate::install::{Installer as _, Slot, SlotDir, Slots};
use crate::lease::Outlook;

/// The file is not written more often: each time wears the flash.
const WRITE_EVERY: Duration = Duration::from_secs(2);

const TIME_IS_STALE: &str =
    "the controller has told no time for three days: somebody may be holding its messages back";
const LOG_FORKED: &str = "the controller shows another audit log than before: tell its owner";
const LACKS_ROSTER: &str = "the controller told of a newer roster, which has not arrived";

const RUNS_OUT: &str = "the controller was not heard for long, and this till soon locks: connect \
                        it to the network";
const LOCKED: &str = "the controller was not heard for too long: this till is locked until it is; \
                      connect it to the network";

/// What the running agent tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    pub agent_version: String,
    pub connected: bool,
    pub outbox_depth: u64,
    pub disk_free_bytes: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub battery: Option<Battery>,
    /// Once the till was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub till: Option<TillHealth>,
    /// The order that is being carried out, or the last one.
    pub job: Option<Job>,
    #[serde(default)]
    pub worries: Worries,
    #[serde(default)]
    pub lease: Outlook,
    /// By the machine's clock.
    pub written_at: UnixTime,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    pub order: OrderId,
    pub step: String,
    pub state: JobState,
    /// What it waits for, or why it is undone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// How it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    pub at: UnixTime,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JobState {
    Running,
    Waiting,
    Undoing,
    Finished,
}

/// Gathers what happens and writes it down now and then.
#[derive(Debug)]
pub struct StatusFile {
    path: PathBuf,
    running: Running,
    written: Option<(Running, Duration)>,
}

impl StatusFile {
    pub fn new(path: PathBuf) -> Self {
        let running = Running {
            agent_version: env!("CARGO_PKG_VERSION").to_owned(),
            connected: false,
            outbox_depth: 0,
            disk_free_bytes: 0,
            battery: None,
            till: None,
            job: read(&path).and_then(|before| before.job),
            worries: Worries::default(),
            lease: Outlook::default(),
            written_at: UnixTime(0),
        };
        Self { path, running, written: None }
    }

    pub fn saw(&mut self, input: &Input) {
        match input {
            Input::Connected => self.running.connected = true,
            Input::Disconnected { .. } => self.running.connected = false,
            Input::Store(StoreState { outbox_depth, disk_free_bytes, battery, .. }) => {
                self.running.battery = *battery;
                self.running.outbox_depth = *outbox_depth;
                self.running.disk_free_bytes = *disk_free_bytes;
            }
            Input::Started
            | Input::Received(_)
            | Input::Unreadable
            | Input::Located { .. }
            | Input::ActionDone { .. }
            | Input::ActionProgressed { .. }
            | Input::RecordsSent { .. }
            | Input::Installed(_)
            | Input::TillSeen { .. }
            | Input::Suspected { .. }
            | Input::LeaseKept { .. }
            | Input::TimerFired
            | Input::Stop => {}
        }
    }

    pub fn decided(&mut self, decision: &Decision) {
        for write in &decision.writes {
            let Write::Post(post) = write else { continue };
            match post {
                Post::Progress(progress) => {
                    let (state, detail) = match &progress.state {
                        StepState::Running => (JobState::Running, None),
                        StepState::Waiting { detail, .. } => (JobState::Waiting, Some(detail)),
                        StepState::Undoing { detail } => (JobState::Undoing, Some(detail)),
                    };
                    self.running.job = Some(Job {
                        order: progress.order,
                        step: progress.step.clone(),
                        state,
                        detail: detail.cloned(),
                        outcome: None,
                        at: progress.at,
                    });
                }
                Post::Receipt(receipt) => {
                    if let Said::Finished { outcome, .. } = &receipt.said {
                        self.running.job = Some(Job {
                            order: receipt.order,
                            step: "end".to_owned(),
                            state: JobState::Finished,
                            detail: None,
                            outcome: Some(in_words(outcome)),
                            at: receipt.at,
                        });
                    }
                }
                Post::Suspicion(_) | Post::Telemetry(_) => {}
            }
        }
    }

    /// Takes note of what a person should know, and says it once in the log too.
    pub fn worries(&mut self, worries: Worries) {
        let before = std::mem::replace(&mut self.running.worries, worries);
        if worries.time_is_stale && !before.time_is_stale {
            warn!("{TIME_IS_STALE}");
        }
        if let Some(version) = worries.lacks_roster.filter(|_| before.lacks_roster.is_none()) {
            warn!(version, "{LACKS_ROSTER}");
        }
        if worries.log_forked && !before.log_forked {
            warn!("{LOG_FORKED}");
        }
    }

    /// Takes note of how long it may work on without contact, and says once when that is short.
    pub fn lease(&mut self, lease: Outlook) {
        let before = std::mem::replace(&mut self.running.lease, lease);
        match (&self.running.lease, before) {
            (Outlook::RunsOut { in_h }, Outlook::Fine | Outlook::Locked { .. }) => {
                warn!(in_h, "{RUNS_OUT}");
            }
            (Outlook::Locked { .. }, Outlook::Fine | Outlook::RunsOut { .. }) => warn!("{LOCKED}"),
            (Outlook::Fine, Outlook::Locked { .. }) => info!("the controller was heard: unlocked"),
            (Outlook::Fine | Outlook::RunsOut { .. } | Outlook::Locked { .. }, _) => {}
        }
    }

    /// Takes note of how the till does, and says once that it does not answer.
    pub fn till(&mut self, till: Option<TillHealth>) {
        let before = std::mem::replace(&mut self.running.till, till);
        let is_silent = |it: Option<TillHealth>| it.is_some_and(|it| !it.answers);
        if is_silent(till) && !is_silent(before) {
            warn!("the till does not answer");
        }
    }

    /// Whether there is something that was not written yet.
    pub fn has_news(&self) -> bool {
        let same = |(written, _): &(Running, Duration)| {
            Running { written_at: written.written_at, ..self.running.clone() } == *written
        };
        !self.written.as_ref().is_some_and(same)
    }

    /// When it may be written, in uptime; `None` without news.
    pub fn due_at(&self) -> Option<Duration> {
        let due = self.written.as_ref().map_or(Duration::ZERO, |(_, at)| *at + WRITE_EVERY);
        self.has_news().then_some(due)
    }

    /// Writes it down if it is due. A disk that does not take it costs only this.
    pub fn write_if_due(&mut self, now: Now) {
        if self.due_at().is_some_and(|due| due <= now.uptime) {
            self.write(now);
        }
    }

    pub fn write(&mut self, now: Now) {
        self.running.written_at = now.rtc;
        let text = serde_json::to_vec(&self.running).expect("a status has only text keys");
        if let Err(error) = durable::replace_file(&self.path, &text, Readers::Anyone) {
            debug!(%error, "the status cannot be written");
        }
        self.written = Some((self.running.clone(), now.uptime));
    }
}

fn read(path: &Path) -> Option<Running> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

fn in_words(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Succeeded { now } => format!("succeeded: {now} runs"),
        Outcome::RolledBack { failure } => format!("rolled back: {}", failure.detail),
        Outcome::Failed { failure } => format!("failed: {}", failure.detail),
        Outcome::RollbackFailed { failure, undoing } => {
            format!("needs a person: {}; undoing it: {}", failure.detail, undoing.detail)
        }
        Outcome::Cancelled { reason } => format!("cancelled: {reason}"),
        Outcome::Expired => "expired".to_owned(),
        Outcome::Superseded => "superseded".to_owned(),
    }
}

/// Everything that can be told without the agent's help.
#[derive(Debug, Serialize)]
pub struct Overview {
    /// `None`: not enrolled.
    pub identity: Option<Facts>,
    /// This terminal's public key: its receipts and its backups are signed with it.
    pub key: Option<PublicKey>,
    /// `age1…`, to whom a key is sealed that this terminal needs, as the agent last found it.
    pub recipient: Option<String>,
    pub slots: BTreeMap<String, Versions>,
    /// Whether an agent works on this state directory now.
    pub agent_runs: bool,
    pub last_told: Option<Running>,
}

#[derive(Debug, Default, Serialize)]
pub struct Versions {
    pub current: Option<String>,
    pub previous: Option<String>,
}

/// Looks at a state directory without changing anything in it.
pub fn overview(state: &StateDir) -> Result<Overview, IdentityError> {
    let identity = match Identity::load(&state.identity()) {
        Ok(identity) => Some((identity.facts, identity.key.private().public())),
        Err(IdentityError::NotEnrolled { .. }) => None,
        Err(error) => return Err(error),
    };
    let (identity, key) = identity.unzip();
    let said = fs::read(state.recipient()).ok();
    let said = said.and_then(|text| serde_json::from_slice::<Value>(&text).ok());
    Ok(Overview {
        identity,
        key,
        recipient: said.and_then(|said| Some(said["recipient"].as_str()?.to_owned())),
        slots: slots(state),
        agent_runs: is_locked(&state.store().join("lock")),
        last_told: read(&state.status()),
    })
}

fn slots(state: &StateDir) -> BTreeMap<String, Versions> {
    let directory = state.slots();
    if !directory.is_dir() {
        return BTreeMap::new();
    }
    let Ok(installer) = SlotDir::open(directory) else { return BTreeMap::new() };
    let installed = installer.installed().unwrap_or_default();
    let versions = |(name, _): (String, Slot)| {
        let Slots { current, previous } = installer.slots(&name).unwrap_or_default();
        let version = |slot: Option<Slot>| slot.map(|slot| slot.version);
        (name, Versions { current: version(current), previous: version(previous) })
    };
    installed.into_iter().map(versions).collect()
}

/// Held by the process that has the store open.
fn is_locked(path: &Path) -> bool {
    fs::File::open(path).is_ok_and(|file| file.try_lock_shared().is_err())
}

impl Overview {
    /// For a program. By way of a value: a second way of writing these types costs the agent, which
    /// is small, several KiB.
    pub fn json(&self) -> String {
        let value = serde_json::to_string(self).and_then(|text| text.parse::<Value>());
        format!("{:#}", value.expect("an overview has only text keys"))
    }

    /// For a person.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let mut line = |name: &str, value: &str| {
            writeln!(text, "{name:<12}{value}").expect("writing to a string does not fail");
        };
        match &self.identity {
            None => line("terminal", "not enrolled"),
            Some(facts) => {
                line("terminal", &facts.terminal.to_string());
                line("serial", &facts.serial);
                line("fleet", &format!("{}, epoch {}", facts.fleet, facts.epoch));
                line("controller", &facts.url);
            }
        }
        if let Some(key) = &self.key {
            line("key", &key.to_string());
        }
        if let Some(recipient) = &self.recipient {
            line("recipient", recipient);
        }
        for (component, versions) in &self.slots {
            let current = versions.current.as_deref().unwrap_or("none");
            let previous = versions.previous.as_deref().unwrap_or("none");
            line(component, &format!("{current} (way back: {previous})"));
        }
        line("agent", if self.agent_runs { "runs" } else { "does not run" });
        if let Some(running) = &self.last_told {
            line("connected", if self.agent_runs && running.connected { "yes" } else { "no" });
            line("outbox", &format!("{} waiting", running.outbox_depth));
            if let Some(battery) = running.battery {
                line("battery", &battery.to_string());
            }
            if let Some(till) = running.till {
                line("till", &till.to_string());
            }
            if let Some(job) = &running.job {
                line("job", &format!("{} at {}: {job}", job.order, job.step));
            }
            if running.worries.time_is_stale {
                line("time", TIME_IS_STALE);
            }
            if let Some(version) = running.worries.lacks_roster {
                line("roster", &format!("{LACKS_ROSTER}: version {version}"));
            }
            if running.worries.log_forked {
                line("log", LOG_FORKED);
            }
            match &running.lease {
                Outlook::Fine => {}
                Outlook::RunsOut { in_h } => line("lease", &format!("{in_h} h left: {RUNS_OUT}")),
                Outlook::Locked { since, trouble } => {
                    line("lease", &format!("since {since}: {LOCKED}"));
                    if let Some(trouble) = trouble {
                        line("", trouble);
                    }
                }
            }
            line("as of", &running.written_at.to_string());
        }
        text.truncate(text.trim_end().len());
        text
    }
}

/// Where it stands.
impl std::fmt::Display for Job {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (detail, outcome) = (self.detail.as_deref(), self.outcome.as_deref());
        match self.state {
            JobState::Running => out.write_str("running"),
            JobState::Waiting => write!(out, "waiting: {}", detail.unwrap_or_default()),
            JobState::Undoing => write!(out, "undoing: {}", detail.unwrap_or_default()),
            JobState::Finished => write!(out, "finished, {}", outcome.unwrap_or_default()),
        }
    }
}
