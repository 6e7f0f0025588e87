//! What is known of one terminal, for whoever asks whether it is meant. Pure.

use std::collections::BTreeMap;

use shared::id::TerminalId;
use shared::message::Component;
use shared::time::UnixTime;

use super::key::Key;
use crate::registry::prospect::Prospect;
use crate::registry::terminal::{Presence, Service, Terminal, Unit};

/// What is `None` or empty is not known.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    pub id: TerminalId,
    pub serial: &'a str,
    pub model: &'a str,
    pub store: &'a str,
    pub region: Option<&'a str>,
    pub lane: Option<&'a str>,
    pub zone: &'a str,
    pub labels: Option<&'a BTreeMap<String, String>>,
    /// What it reported.
    pub components: &'a [Component],
    /// To whom its place is bound at present.
    pub providers: &'a [String],
    pub unit: Unit,
    pub service: Service,
    pub is_frozen: Option<bool>,
    pub is_quarantined: Option<bool>,
    pub presence: Presence,
    pub last_seen_at: Option<UnixTime>,
}

/// What stands beside the terminal itself; its place says the rest.
impl<'a> From<&'a Terminal> for Facts<'a> {
    fn from(terminal: &'a Terminal) -> Self {
        let said = terminal.said.as_ref();
        Self {
            id: terminal.id,
            serial: &terminal.serial,
            model: &terminal.model,
            store: &terminal.store,
            region: terminal.region.as_deref(),
            lane: terminal.lane.as_deref(),
            zone: &terminal.zone,
            labels: Some(&terminal.labels),
            components: said.map(|said| said.components.as_slice()).unwrap_or_default(),
            providers: &[],
            unit: terminal.unit,
            service: terminal.service,
            is_frozen: Some(terminal.is_frozen),
            is_quarantined: Some(terminal.is_quarantined),
            presence: terminal.presence,
            last_seen_at: terminal.last_seen_at,
        }
    }
}

impl<'a> From<&'a Prospect> for Facts<'a> {
    fn from(it: &'a Prospect) -> Self {
        Self {
            id: it.id,
            serial: &it.serial,
            model: &it.model,
            store: &it.store,
            region: it.region.as_deref(),
            lane: it.lane.as_deref(),
            zone: &it.zone,
            labels: it.labels.as_ref(),
            components: it.components.as_deref().unwrap_or_default(),
            providers: &it.providers,
            unit: it.unit,
            service: it.service,
            is_frozen: Some(it.is_frozen),
            is_quarantined: Some(it.is_quarantined),
            presence: it.presence,
            last_seen_at: it.last_seen_at,
        }
    }
}

impl Facts<'_> {
    /// Whether any value that it has by this key is like that. Nothing is like what is not known.
    pub(super) fn has(&self, key: &Key, is: &dyn Fn(&str) -> bool) -> bool {
        match key {
            Key::Store => is(self.store),
            Key::Region => self.region.is_some_and(is),
            Key::Lane => self.lane.is_some_and(is),
            Key::Model => is(self.model),
            Key::Serial => is(self.serial),
            Key::Id => is(&self.id.to_string()),
            Key::Zone => is(self.zone),
            Key::Provider => self.providers.iter().any(|it| is(it)),
            Key::State => self.states().any(is),
            Key::Presence => is(presence(self.presence)),
            Key::Version(component) => self.version(component).is_some_and(is),
            Key::Label(name) => {
                self.labels.and_then(|labels| labels.get(name)).is_some_and(|it| is(it))
            }
        }
    }

    pub(super) fn version(&self, component: &str) -> Option<&str> {
        let component = self.components.iter().find(|it| it.name == component)?;
        Some(&component.version)
    }

    /// One of the unit, at most one of its service, and what keeps it from changes.
    fn states(&self) -> impl Iterator<Item = &'static str> {
        let unit = match self.unit {
            Unit::Claimed => "claimed",
            Unit::Enrolled => "enrolled",
            Unit::Revoked => "revoked",
        };
        let service = match self.service {
            // Before it is enrolled there is nothing that it could sell with, and after not either.
            Service::InService => (self.unit == Unit::Enrolled).then_some("in-service"),
            Service::Suspended => Some("suspended"),
            Service::SuspendedOwing => Some("suspended-owing"),
            Service::Erased => Some("erased"),
        };
        let frozen = (self.is_frozen == Some(true)).then_some("frozen");
        let quarantined = (self.is_quarantined == Some(true)).then_some("quarantined");
        [Some(unit), service, frozen, quarantined].into_iter().flatten()
    }
}

fn presence(presence: Presence) -> &'static str {
    match presence {
        Presence::NeverSeen => "never-seen",
        Presence::Online => "online",
        Presence::Offline => "offline",
    }
}
