//! Somebody inside, with the controller's key, its certificate and its roster, who makes orders
//! that the registry knows nothing of: a real agent refuses each by name, and the names are in the
//! audit log.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use controller::key_file::{KeyFile, OnlineKeys, Unlock};
use harness::deactivate::{clearance_lost, folder, wipe_lost};
use harness::keys::{Ceremony, entry};
use harness::wait::wait_for;
use harness::world::{Broker, Registry, World};
use shared::change::Change;
use shared::codec;
use shared::digest::Digest;
use shared::document::roster::Role;
use shared::document::{Batch, Document, Order, Roster};
use shared::id::{FleetId, OrderId, TerminalId};
use shared::membership::Membership;
use shared::message::{Down, Parcel, SignedBytes};
use shared::signature::{Envelope, PrivateKey};
use shared::time::UnixTime;
use shared::topic::Topic;

use crate::fleet::{Fleet, SOON, unix_now};
use crate::publisher::Publisher;

/// A second key of the person who holds `approver-1`.
fn second_key() -> PrivateKey {
    PrivateKey::from_seed(&Digest::of(b"a key in the other pocket").0)
}

/// The second roster knows that key, and whose it is; two of the root keys sign it.
fn list_second_key(world: &mut World) -> Result<()> {
    let rosters = world.directory().join("fleet/controller/rosters");
    let first = Envelope::<Roster>::from_bytes(&std::fs::read(rosters.join("1.cose"))?)?;
    let mut roster = first.document.clone();
    (roster.version, roster.previous) = (2, Some(first.digest()));
    roster.keys.push(entry(Role::Approver, "approver-1", second_key().public()));
    roster.keys.sort_by_key(|key| key.id);
    let mut second = Envelope::unsigned(roster);
    for name in ["root-1", "root-2"] {
        second.sign(first.document.fleet, &offline_key(world, name)?);
    }
    std::fs::write(rosters.join("2.cose"), second.to_bytes())?;
    world.restart_controller()
}

fn offline_key(world: &World, name: &str) -> Result<PrivateKey> {
    Ok(KeyFile::read(&world.offline_key(name))?.open(&Unlock::InsecureDev)?.signing())
}

struct Insider {
    fleet: FleetId,
    controller: PrivateKey,
    /// Whom he has talked into it.
    approvers: [PrivateKey; 2],
    broker: SocketAddr,
    papers: PathBuf,
    terminal: TerminalId,
    other: TerminalId,
}

impl Insider {
    fn of(fleet: &Fleet) -> Result<Self> {
        let papers = fleet.world.directory().join("fleet/controller");
        let keys = OnlineKeys::open(&papers.join(OnlineKeys::INSECURE_NAME), &Unlock::InsecureDev)?;
        Ok(Self {
            fleet: keys.fleet,
            controller: keys.controller_signing.signing(),
            approvers: [
                offline_key(&fleet.world, "approver-1")?,
                offline_key(&fleet.world, "approver-2")?,
            ],
            broker: fleet.world.mqtt.address(),
            papers,
            terminal: fleet.terminal("TW-1")?.terminal.id,
            other: fleet.terminal("TW-2")?.terminal.id,
        })
    }

    fn sign<D: Document>(&self, document: D, keys: &[&PrivateKey]) -> SignedBytes {
        let mut envelope = Envelope::unsigned(document);
        keys.iter().for_each(|key| envelope.sign(self.fleet, key));
        SignedBytes::new(envelope.to_bytes())
    }

    /// The wipe of a terminal that is said to be stolen, as it was approved for what it is now.
    fn wipe(&self, number: u8, challenge: Digest, members: &[TerminalId]) -> Wipe {
        let clearances = folder(members.iter().map(|it| clearance_lost(*it, challenge)));
        let change = Change::Decommission(Box::new(wipe_lost(clearances.root())));
        let members = Membership::of(members.iter().copied());
        let now = unix_now();
        let batch = Batch {
            not_before: UnixTime(now - 60),
            not_after: UnixTime(now + 3_600),
            ..Ceremony::batch(number, change, &members)
        };
        let profile = clearances.enclosed(self.terminal);
        Wipe { batch, members, profile }
    }

    /// Sends it until the audit log has this code for it.
    fn is_refused(
        &self,
        fleet: &Fleet,
        (order, parcel): (OrderId, Parcel),
        code: &str,
    ) -> Result<()> {
        let topic = Topic::Down(self.terminal).to_string();
        let message = codec::encode(&Down::Order(parcel));
        // The controller wants its place back, so that it may need a few tries.
        wait_for("the broker carries it", SOON, || {
            let sent = Publisher::connect(self.broker, &self.papers);
            let sent = sent.and_then(|mut it| it.publish(&topic, &message));
            sent.map_err(|error| format!("{error:#}"))
        })?;
        let told = wait_for(&format!("the audit log says {code}"), SOON, || {
            let found = refusal(fleet, order).map_err(|error| format!("{error:#}"))?;
            found.ok_or_else(|| "no word of it".to_owned())
        })?;
        let (who, detail) = told;
        ensure!(who == self.terminal.to_string(), "{who}: {detail}");
        ensure!(detail.contains(&format!(": {code}: ")), "{code} is not {detail}");
        Ok(())
    }
}

struct Wipe {
    batch: Batch,
    members: Membership,
    profile: Option<shared::document::profile::Enclosed>,
}

impl Wipe {
    /// As it is sent: an order of that epoch, and the batch with these signatures.
    fn ordered(
        &self,
        by: &Insider,
        (epoch, seq): (u32, u64),
        keys: &[&PrivateKey],
    ) -> (OrderId, Parcel) {
        let order = Ceremony::order(seq, by.terminal, &self.batch, &self.members);
        let order = Order { epoch, ..order };
        let keys = [&[&by.controller], keys].concat();
        let parcel = Parcel {
            order: by.sign(order.clone(), &[&by.controller]),
            batch: by.sign(self.batch.clone(), &keys),
            release: None,
            profile: self.profile.clone(),
        };
        (order.id, parcel)
    }
}

/// Who has refused this order, and in which words, by what an operator is shown.
fn refusal(fleet: &Fleet, order: OrderId) -> Result<Option<(String, String)>> {
    let audit = fleet.world.tillward_json(&["audit", "show"])?;
    let entries = audit["items"].as_array().context("a list")?;
    let of_order = |it: &&serde_json::Value| {
        it["what"] == "order-refused" && it["object"] == order.to_string()
    };
    let text = |it: &serde_json::Value| it.as_str().unwrap_or_default().to_owned();
    Ok(entries.iter().find(of_order).map(|it| (text(&it["who"]), text(&it["detail"]))))
}

/// As its hellos tell it.
fn challenge(fleet: &Fleet, terminal: TerminalId) -> Result<(u32, Digest)> {
    let query = format!("SELECT epoch, challenge FROM terminals WHERE id = '{terminal}'");
    let told = wait_for("it has told its challenge", SOON, || {
        let rows = fleet.world.records.rows(&query).map_err(|error| format!("{error:#}"))?;
        let row = rows.first().ok_or("it is not known")?;
        let epoch = row[0].parse::<u32>().map_err(|error| error.to_string())?;
        let challenge = row[1].parse::<Digest>().map_err(|error| format!("{error:?}"))?;
        Ok::<_, String>((epoch, challenge))
    })?;
    Ok(told)
}

#[test]
fn what_an_insider_makes_of_a_wipe_is_refused_by_name_where_everybody_reads_it_and_the_till_sells()
{
    insider().unwrap();
}

fn insider() -> Result<()> {
    let mut fleet = Fleet::start(Broker::Embedded, &Registry::Sqlite)?;
    list_second_key(&mut fleet.world)?;
    for (at, store) in ["north", "south"].into_iter().enumerate() {
        fleet.open_shop(store)?;
        fleet.world.enrol_and_start(at)?;
    }
    fleet.wait_until_online(2)?;
    let he = Insider::of(&fleet)?;
    let [one, two] = &he.approvers;
    let (epoch, told) = challenge(&fleet, he.terminal)?;

    let alone = he.wipe(1, told, &[he.terminal]).ordered(&he, (epoch, 901), &[one]);
    he.is_refused(&fleet, alone, "too-few-signatures")?;
    let second = second_key();
    let twice = he.wipe(2, told, &[he.terminal]).ordered(&he, (epoch, 902), &[one, &second]);
    he.is_refused(&fleet, twice, "same-owner")?;
    // Two people have signed for one terminal; it was made for two.
    let mut more = he.wipe(3, told, &[he.terminal, he.other]);
    more.batch.terminals = 1;
    he.is_refused(&fleet, more.ordered(&he, (epoch, 903), &[one, two]), "count-misstated")?;

    // What two people did sign, and nobody sent while the terminal was what it was.
    let old = he.wipe(4, told, &[he.terminal]);
    let kept = old.ordered(&he, (epoch, 904), &[one, two]);
    fleet.world.terminals[0].kill_agent()?;
    fleet.world.enrol_and_start(0)?;
    let again = wait_for("it is enrolled anew", SOON, || {
        let now = challenge(&fleet, he.terminal).map_err(|error| format!("{error:#}"))?;
        if now.0 > epoch && now.1 != told { Ok(now) } else { Err(format!("{now:?}")) }
    })?;
    fleet.wait_until_online(2)?;
    he.is_refused(&fleet, kept, "old-epoch")?;
    he.is_refused(&fleet, old.ordered(&he, (again.0, 905), &[one, two]), "other-challenge")?;

    fleet.wait_until_it_sells(0)?;
    let said = fleet.world.terminals[0].till_status(&fleet.world.programs)?;
    ensure!(said["stopped"].is_null(), "{said:#}");
    fleet.check_books()
}
