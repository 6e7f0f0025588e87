//! What was asked of `tillward init`, once it is known to make sense.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use shared::document::roster::{RecoveryRecipient, Thresholds};

use super::Init;
use crate::config::{HostPort, HttpsUrl};
use crate::key_file::is_recipient;
use crate::measure::counted;

/// How a controller is reached: by name or by address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Host {
    Name(String),
    Address(IpAddr),
}

impl Host {
    fn read(text: &str) -> Option<Self> {
        if let Ok(address) = text.trim_start_matches('[').trim_end_matches(']').parse() {
            return Some(Self::Address(address));
        }
        let label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        let numeric = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        let right = text.len() <= 253 && !numeric && text.split('.').all(label);
        right.then(|| Self::Name(text.to_ascii_lowercase()))
    }
}

/// As it stands in an address with a port.
impl fmt::Display for Host {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => out.write_str(name),
            Self::Address(IpAddr::V4(address)) => write!(out, "{address}"),
            Self::Address(IpAddr::V6(address)) => write!(out, "[{address}]"),
        }
    }
}

/// A fleet that can be made.
#[derive(Debug)]
pub(super) struct Wanted {
    /// Never empty.
    pub hosts: Vec<Host>,
    pub https_port: u16,
    pub broker_port: u16,
    pub root_owners: Vec<String>,
    pub release_owners: Vec<String>,
    pub approver_owners: Vec<String>,
    pub thresholds: Thresholds,
    pub recovery_recipients: Vec<RecoveryRecipient>,
    pub roster_lifetime: Duration,
    pub operator: String,
}

/// Fewer approvers can approve nothing.
const APPROVERS_MIN: usize = 2;

impl Wanted {
    /// Everything that is wrong is said at once.
    pub(super) fn of(init: &Init) -> Result<Self, Vec<String>> {
        let mut mistakes = Vec::new();
        let mut hosts = Vec::new();
        for text in &init.hosts {
            match Host::read(text) {
                Some(host) => hosts.push(host),
                None => mistakes.push(format!("--host: `{text}` is no host name and no address")),
            }
        }
        let owners = [
            ("root-owners", &init.root_owners, usize::from(init.root_threshold)),
            ("release-owners", &init.release_owners, usize::from(init.release_threshold)),
            ("approver-owners", &init.approver_owners, APPROVERS_MIN),
        ];
        for (option, names, least) in owners {
            mistakes.extend(owner_mistakes(option, names, least));
        }
        let floors = [
            ("root-threshold", init.root_threshold, shared::floor::ROOT_THRESHOLD_MIN),
            ("release-threshold", init.release_threshold, shared::floor::RELEASE_THRESHOLD_MIN),
        ];
        for (option, got, floor) in floors.into_iter().filter(|(_, got, floor)| got < floor) {
            mistakes.push(format!("--{option}: {got} is below the compiled floor of {floor}"));
        }
        let mut recovery_recipients = Vec::new();
        for text in &init.recovery_recipients {
            match recipient(text) {
                Some(recipient) => recovery_recipients.push(recipient),
                None => mistakes
                    .push(format!("--recovery-recipient: `{text}` is not of the form NAME=age1…")),
            }
        }
        if let Some(Host::Address(IpAddr::V6(first))) = hosts.first() {
            mistakes.push(format!("--host: {first} cannot be first: claims take names and IPv4"));
        }
        if init.https_port == init.broker_port {
            mistakes.push(format!("--broker-port: {} is the HTTPS port", init.broker_port));
        }
        let plain = |c: char| c.is_alphanumeric() || ".-_@ ".contains(c);
        if init.operator.trim() != init.operator
            || !(1..=64).contains(&init.operator.len())
            || !init.operator.chars().all(plain)
        {
            mistakes.push(format!("--operator: `{}` is no name", init.operator));
        }
        if init.roster_expires < Duration::from_secs(86_400) {
            mistakes.push("--roster-expires: a roster lives at least a day".to_owned());
        }
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        Ok(Self {
            hosts,
            https_port: init.https_port,
            broker_port: init.broker_port,
            root_owners: init.root_owners.clone(),
            release_owners: init.release_owners.clone(),
            approver_owners: init.approver_owners.clone(),
            thresholds: Thresholds { root: init.root_threshold, release: init.release_threshold },
            recovery_recipients,
            roster_lifetime: init.roster_expires,
            operator: init.operator.clone(),
        })
    }

    /// Where operators and terminals find the API.
    pub(super) fn url(&self) -> HttpsUrl {
        HttpsUrl(self.at(self.https_port))
    }

    /// Where terminals find the broker.
    pub(super) fn broker(&self) -> HostPort {
        self.at(self.broker_port)
    }

    fn at(&self, port: u16) -> HostPort {
        HostPort { host: self.hosts[0].to_string(), port }
    }
}

fn owner_mistakes(option: &str, names: &[String], least: usize) -> Vec<String> {
    let mut mistakes = Vec::new();
    let mut seen = BTreeSet::new();
    for name in names {
        if name.is_empty() || name.trim() != name || name.contains(char::is_control) {
            mistakes.push(format!("--{option}: `{name}` is no name"));
        } else if !seen.insert(name) {
            // Thresholds are about people: one who holds two keys is still one.
            mistakes.push(format!("--{option}: `{name}` is there twice"));
        }
    }
    if names.len() < least {
        let given = counted(names.len() as u64, "name");
        mistakes.push(format!("--{option}: {given}, at least {least} are needed"));
    }
    mistakes
}

fn recipient(text: &str) -> Option<RecoveryRecipient> {
    let (owner, recipient) = text.split_once('=')?;
    let right = !owner.is_empty() && owner.trim() == owner && is_recipient(recipient);
    right.then(|| RecoveryRecipient { owner: owner.to_owned(), recipient: recipient.to_owned() })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        init: Init,
    }

    fn wanted(options: &str) -> Result<Wanted, Vec<String>> {
        let words = ["init", "dir"].into_iter().chain(options.split_whitespace());
        Wanted::of(&Line::parse_from(words).init)
    }

    #[test]
    fn defaults_make_a_fleet_on_this_machine() {
        let wanted = wanted("").unwrap();
        assert_eq!(wanted.url().to_string(), "https://localhost:8443");
        assert_eq!(wanted.broker().to_string(), "localhost:8883");
        assert_eq!(wanted.root_owners.len(), 3);
        assert_eq!(wanted.approver_owners, ["approver-1", "approver-2"]);
    }

    #[test]
    fn hosts_are_names_or_addresses() {
        let host = |text| Host::read(text).map(|host| host.to_string());
        assert_eq!(host("Fleet.Example").as_deref(), Some("fleet.example"));
        assert_eq!(host("10.0.0.1").as_deref(), Some("10.0.0.1"));
        assert_eq!(host("::1").as_deref(), Some("[::1]"));
        assert_eq!(host("[::1]").as_deref(), Some("[::1]"));
        let first = wanted("--host ::1 --host a").unwrap_err();
        assert_eq!(first, ["--host: ::1 cannot be first: claims take names and IPv4"]);
        assert!(wanted("--host a --host ::1").is_ok());
        for text in ["", "a b", "http://a", "a:1", "-a", "a-", "a..b", "300.1.1.1", "ä.example"] {
            assert_eq!(host(text), None, "{text}");
        }
    }

    #[test]
    fn all_mistakes_are_said_at_once() {
        let mistakes = wanted(
            "--host a/b --root-owners ana,ana --root-threshold 1 --release-owners one \
             --approver-owners gil --recovery-recipient ana=agent --broker-port 8443 \
             --roster-expires 5m --operator a\"b",
        )
        .unwrap_err();
        let expected = [
            "--host: `a/b` is no host name and no address",
            "--root-owners: `ana` is there twice",
            "--release-owners: 1 name, at least 2 are needed",
            "--approver-owners: 1 name, at least 2 are needed",
            "--root-threshold: 1 is below the compiled floor of 2",
            "--recovery-recipient: `ana=agent` is not of the form NAME=age1…",
            "--broker-port: 8443 is the HTTPS port",
            "--operator: `a\"b` is no name",
            "--roster-expires: a roster lives at least a day",
        ];
        assert_eq!(mistakes, expected);
    }
}
