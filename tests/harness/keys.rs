//! A fleet's keys and papers, made anew in every test and always the same: who signs what is up
//! to the test, so that forgeries are as easy to write down as the real thing.

use std::collections::BTreeMap;

use shared::change::{Change, Upgrade};
use shared::digest::{Digest, Nonce, PublicKey};
use shared::document::order::{Class, Stream};
use shared::document::release::{Artifact, Health, Settlement};
use shared::document::roster::{Role, RosterKey, Thresholds};
use shared::document::{Batch, Document, FORMAT, FleetTime, Order, Release, Roster};
use shared::floor;
use shared::id::{BatchId, FleetId, OrderId, TerminalId};
use shared::membership::Membership;
use shared::message::{Parcel, SignedBytes};
use shared::signature::{Envelope, PrivateKey};
use shared::time::UnixTime;

/// The moment around which everything here is dated: 2027-01-15T08:00:00Z.
pub const NOW: UnixTime = UnixTime(1_800_000_000);

const DAY_S: i64 = 24 * 3600;

/// The keys of a fleet and its first roster.
#[derive(Debug)]
pub struct Ceremony {
    pub fleet: FleetId,
    /// Two of these sign rosters.
    pub root: [PrivateKey; 3],
    /// Two of these sign releases.
    pub release: [PrivateKey; 3],
    /// Owned by three different people.
    pub approver: [PrivateKey; 3],
    pub controller: PrivateKey,
    /// Version 1, valid from a day before [`NOW`] for a year.
    pub roster: Roster,
}

impl Ceremony {
    /// The fleet of this number; the same number gives the same keys.
    pub fn of(number: u8) -> Self {
        let fleet = FleetId::from_bytes([number; 16]);
        let key = |role: &str, holder: u8| {
            let seed = Digest::of_parts(&[b"ceremony", &[number], role.as_bytes(), &[holder]]);
            PrivateKey::from_seed(&seed.0)
        };
        let three = |role: &str| [1, 2, 3].map(|holder| key(role, holder));
        let (root, release, approver) = (three("root"), three("release"), three("approver"));
        let controller = key("controller", 1);
        let mut keys = Vec::new();
        for (role, name, held) in [
            (Role::Root, "root", root.as_slice()),
            (Role::Release, "release", &release),
            (Role::Approver, "approver", &approver),
            (Role::Controller, "controller", std::slice::from_ref(&controller)),
        ] {
            let owned = held.iter().zip(1..);
            keys.extend(owned.map(|(key, n)| entry(role, &format!("{name}-{n}"), key.public())));
        }
        keys.sort_by_key(|key| key.id);
        let roster = Roster {
            format: FORMAT,
            fleet,
            version: 1,
            issued_at: UnixTime(NOW.0 - DAY_S),
            expires_at: UnixTime(NOW.0 + 364 * DAY_S),
            keys,
            thresholds: Thresholds { root: 2, release: 2 },
            requirements: BTreeMap::new(),
            recovery_recipients: Vec::new(),
            previous: None,
        };
        Self { fleet, root, release, approver, controller, roster }
    }

    /// A document with the signatures of these keys, in this order.
    pub fn sign<D: Document>(&self, document: D, keys: &[&PrivateKey]) -> SignedBytes {
        let mut envelope = Envelope::unsigned(document);
        keys.iter().for_each(|key| envelope.sign(self.fleet, key));
        SignedBytes::new(envelope.to_bytes())
    }

    /// The first roster, signed by two root keys.
    pub fn signed_roster(&self) -> SignedBytes {
        self.sign(self.roster.clone(), &[&self.root[0], &self.root[1]])
    }

    /// What a claim pins.
    pub fn roster_digest(&self) -> Digest {
        payload_digest(&self.roster)
    }

    /// An unsigned roster that follows `old`, with nothing else changed.
    pub fn next_roster(old: &Roster) -> Roster {
        let previous = Some(payload_digest(old));
        Roster { version: old.version + 1, previous, ..old.clone() }
    }

    /// A release of `pos` for the model `T100`, valid for a year.
    pub fn pos_release(version: &str, security_counter: u64) -> Release {
        Release {
            format: FORMAT,
            component: "pos".to_owned(),
            version: version.to_owned(),
            security_counter,
            models: vec!["T100".to_owned(), "T200".to_owned()],
            artifact: Artifact {
                sha256: Digest::of(version.as_bytes()),
                size: 1_000,
                unpacked_size: 4_000,
                entries: 3,
            },
            from_counter_min: 0,
            raise_floor_to: None,
            settlement: Settlement::NotNeeded,
            health: Health { stable_s: 60, within_s: 600 },
            issued_at: UnixTime(NOW.0 - DAY_S),
            expires_at: UnixTime(NOW.0 + 364 * DAY_S),
        }
    }

    /// A release with the signatures of two release keys.
    pub fn signed_release(&self, release: &Release) -> SignedBytes {
        self.sign(release.clone(), &[&self.release[0], &self.release[1]])
    }

    /// An unsigned batch for these members, from an hour before [`NOW`] to a day after it.
    pub fn batch(number: u8, change: Change, members: &Membership) -> Batch {
        Batch {
            format: FORMAT,
            id: BatchId::from_bytes([number; 16]),
            change,
            terminals: u32::try_from(members.count()).expect("a test's batch is small"),
            root: members.root(),
            not_before: UnixTime(NOW.0 - 3600),
            not_after: UnixTime(NOW.0 + DAY_S),
        }
    }

    /// An unsigned order for a member of the batch, in the first epoch. Whoever is no member
    /// gets the first member's place.
    pub fn order(seq: u64, terminal: TerminalId, batch: &Batch, members: &Membership) -> Order {
        let stream = match floor::needs_people(batch.change.verb()) {
            true => Stream::Approved,
            false => Stream::Routine,
        };
        let proof = members.proof(terminal);
        let (index, path) = proof.map_or((0, Vec::new()), |proof| (proof.index, proof.path));
        let mut id = [0; 16];
        id[..8].copy_from_slice(&seq.to_be_bytes());
        id[8..].copy_from_slice(&payload_digest(batch).0[..8]);
        Order {
            format: FORMAT,
            id: OrderId::from_bytes(id),
            terminal,
            epoch: 1,
            stream,
            seq,
            batch: payload_digest(batch),
            index,
            path,
            not_before: batch.not_before,
            not_after: batch.not_after,
            calendar: None,
            class: Class::default(),
        }
    }

    /// An order as an honest controller sends it: one batch for all members, signed by the
    /// controller alone.
    pub fn parcel(
        &self,
        seq: u64,
        terminal: TerminalId,
        change: Change,
        members: &Membership,
    ) -> Parcel {
        let number = u8::try_from(seq % 256).expect("a remainder of 256 fits");
        let batch = Self::batch(number, change, members);
        let order = Self::order(seq, terminal, &batch, members);
        Parcel {
            order: self.sign(order, &[&self.controller]),
            batch: self.sign(batch, &[&self.controller]),
            release: None,
            profile: None,
        }
    }

    /// An upgrade at any time of day, as an honest controller sends it.
    pub fn upgrade(
        &self,
        seq: u64,
        terminal: TerminalId,
        release: &Release,
        members: &Membership,
    ) -> Parcel {
        let change = Change::Upgrade(Upgrade {
            release: payload_digest(release),
            window: None,
            backup_within_s: None,
        });
        let parcel = self.parcel(seq, terminal, change, members);
        Parcel { release: Some(self.signed_release(release)), ..parcel }
    }

    /// The time, in answer to this nonce.
    pub fn fleet_time(&self, terminal: TerminalId, nonce: Nonce, at: UnixTime) -> SignedBytes {
        let roster_version = self.roster.version;
        let broker = "broker.test:8883".to_owned();
        let time =
            FleetTime { format: FORMAT, terminal, nonce, at, roster_version, epoch: 1, broker };
        self.sign(time, &[&self.controller])
    }
}

/// One line of a roster.
pub fn entry(role: Role, owner: &str, public: PublicKey) -> RosterKey {
    RosterKey { id: public.key_id(), role, owner: owner.to_owned(), public }
}

/// How other documents refer to this one.
pub fn payload_digest<D: Document + Clone>(document: &D) -> Digest {
    Envelope::unsigned(document.clone()).digest()
}

/// The terminal of this number; the same number gives the same id.
pub fn terminal(number: u32) -> TerminalId {
    let mut id = [0; 16];
    id[..4].copy_from_slice(&number.to_be_bytes());
    TerminalId::from_bytes(id)
}
