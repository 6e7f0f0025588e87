//! The keys, certificates and roster of a new fleet, still in memory.

use std::collections::BTreeMap;

use shared::document::roster::{Role, RosterKey};
use shared::document::{FORMAT, Roster};
use shared::id::FleetId;
use shared::signature::Envelope;
use shared::time::UnixTime;

use super::super::failure::Failure;
use super::authority::{self, Certificates};
use super::wanted::Wanted;
use crate::auth::{ControllerName, Token};
use crate::key_file::{KeyRole, OnlineKeys, SecretKey};

/// What the first controller is called: its certificate, its MQTT client id, its key's owner.
pub(super) const CONTROLLER: &str = "controller-1";

/// A key that goes into the safe.
#[derive(Debug)]
pub(super) struct OfflineKey {
    /// Of its file, without the ending.
    pub name: String,
    pub role: KeyRole,
    pub owner: String,
    pub secret: SecretKey,
}

/// The keys that certificates are about.
#[derive(Debug)]
pub(super) struct Keys {
    pub root_ca: SecretKey,
    pub server_ca: SecretKey,
    pub online: OnlineKeys,
}

/// All of it.
#[derive(Debug)]
pub(super) struct Papers {
    pub fleet: FleetId,
    pub certificates: Certificates,
    pub online: OnlineKeys,
    /// Of the two offline certificate authorities.
    pub authority_keys: Vec<OfflineKey>,
    /// That sign documents.
    pub signing_keys: Vec<OfflineKey>,
    pub roster: Envelope<Roster>,
    pub token: Token,
}

impl Papers {
    /// Draws every key and signs what they sign.
    pub(super) fn draw(wanted: &Wanted, now: UnixTime) -> Result<Self, Failure> {
        let fleet = FleetId::generate();
        let keys = Keys {
            root_ca: SecretKey::generate(),
            server_ca: SecretKey::generate(),
            online: OnlineKeys {
                fleet,
                device_ca: SecretKey::generate(),
                server: SecretKey::generate(),
                controller_client: SecretKey::generate(),
                controller_signing: SecretKey::generate(),
            },
        };
        let controller: ControllerName = CONTROLLER.parse().map_err(Failure::new)?;
        let certificates = authority::issue(fleet, &wanted.hosts, &controller, &keys, now)
            .map_err(Failure::new)?;
        let signing_keys = signing_keys(wanted);
        let roster = roster(fleet, wanted, &keys.online, &signing_keys, now)?;
        let Keys { root_ca, server_ca, online } = keys;
        let authority = |name: &str, role, secret| OfflineKey {
            name: name.to_owned(),
            role,
            owner: "safe".to_owned(),
            secret,
        };
        Ok(Self {
            fleet,
            certificates,
            online,
            authority_keys: vec![
                authority("root-ca", KeyRole::RootCa, root_ca),
                authority("server-ca", KeyRole::ServerCa, server_ca),
            ],
            signing_keys,
            roster,
            token: token(),
        })
    }

    pub(super) fn offline_keys(&self) -> impl Iterator<Item = &OfflineKey> {
        self.authority_keys.iter().chain(&self.signing_keys)
    }
}

/// A new one, known to nobody else.
pub(in super::super) fn token() -> Token {
    let mut random = [0; 32];
    getrandom::fill(&mut random).expect("the operating system gives randomness");
    Token::of(&random)
}

fn signing_keys(wanted: &Wanted) -> Vec<OfflineKey> {
    let roles = [
        ("root", KeyRole::Root, &wanted.root_owners),
        ("release", KeyRole::Release, &wanted.release_owners),
        ("approver", KeyRole::Approver, &wanted.approver_owners),
    ];
    let keys = roles.into_iter().flat_map(|(name, role, owners)| {
        owners.iter().enumerate().map(move |(at, owner)| OfflineKey {
            name: format!("{name}-{}", at + 1),
            role,
            owner: owner.clone(),
            secret: SecretKey::generate(),
        })
    });
    keys.collect()
}

/// Version 1, signed by every root key there is: all are at hand just now.
fn roster(
    fleet: FleetId,
    wanted: &Wanted,
    online: &OnlineKeys,
    signing_keys: &[OfflineKey],
    now: UnixTime,
) -> Result<Envelope<Roster>, Failure> {
    let entry = |role, owner: &str, secret: &SecretKey| {
        let public = secret.public();
        RosterKey { id: public.key_id(), role, owner: owner.to_owned(), public }
    };
    let mut keys: Vec<_> = signing_keys
        .iter()
        .filter_map(|key| Some(entry(key.role.in_roster()?, &key.owner, &key.secret)))
        .collect();
    keys.push(entry(Role::Controller, CONTROLLER, &online.controller_signing));
    keys.sort_by_key(|key| key.id);
    let roster = Roster {
        format: FORMAT,
        fleet,
        version: 1,
        issued_at: now,
        expires_at: now.plus(wanted.roster_lifetime),
        keys,
        thresholds: wanted.thresholds,
        requirements: BTreeMap::new(),
        recovery_recipients: wanted.recovery_recipients.clone(),
        previous: None,
    };
    roster.check().map_err(|error| Failure::new(error).context("the roster would be unusable"))?;
    let mut roster = Envelope::unsigned(roster);
    let root_keys = signing_keys.iter().filter(|key| key.role == KeyRole::Root);
    root_keys.for_each(|key| roster.sign(fleet, &key.secret.signing()));
    Ok(roster)
}
