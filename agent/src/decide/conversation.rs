//! With the controller: hellos, the time and the rosters that it tells, acknowledgements, and
//! which records of the outbox go next.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use shared::digest::Digest;
use shared::document::Checkpoint;
use shared::document::roster::Role;
use shared::log_tree::{self, Span};
use shared::message::{Battery, Down, Growth, Hello, LogHead, SignedBytes, Telemetry};
use shared::signature::Opened;

use super::effect::{Decision, Effect, Post, Write};
use super::input::Now;
use super::{Core, Telling, facts};
use crate::clock;
use crate::session::Wish;

/// Telemetry that says the same as before is posted this seldom.
const TELEMETRY_EVERY: Duration = Duration::from_secs(24 * 3600);

/// Telemetry with news comes no faster than this.
const TELEMETRY_NEWS_EVERY: Duration = Duration::from_secs(15 * 60);

/// What hints at somebody who holds back what the controller says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worries {
    /// No fleet time for [`clock::STALE_AFTER`].
    pub time_is_stale: bool,
    /// The controller has told of this version of the roster twice, and it has not arrived.
    pub lacks_roster: Option<u64>,
    /// The controller's audit log is not the one that was shown before.
    #[serde(default)]
    pub log_forked: bool,
}

impl Core {
    pub(super) fn connected(&mut self, now: Now, out: &mut Decision) {
        self.outbox.connected(now.uptime);
        self.recipient_told = false;
        let wish = self.session.connected(now.uptime);
        self.grant(wish, now, out);
    }

    pub(super) fn disconnected(&mut self, now: Now, out: &mut Decision) {
        self.outbox.disconnected();
        if self.stopping {
            return;
        }
        let wish = self.session.disconnected(now.uptime);
        self.grant(wish, now, out);
    }

    pub(super) fn hear(&mut self, message: Down, now: Now, out: &mut Decision) {
        match message {
            Down::FleetTime(signed) => self.hear_time(&signed, now, out),
            Down::Rosters(rosters) => self.hear_rosters(&rosters, out),
            Down::Order(parcel) => self.hear_order(parcel, now, out),
            Down::Checkpoint(growth) => self.hear_checkpoint(&growth, out),
            Down::Ack(ack) => {
                if let Some(up_to) = self.outbox.acknowledge(ack, now.uptime) {
                    out.writes.push(Write::Acknowledged { up_to });
                }
            }
        }
    }

    fn hear_time(&mut self, signed: &SignedBytes, now: Now, out: &mut Decision) {
        let time = clock::open_fleet_time(signed, self.profile.terminal, &self.trust);
        let Ok(time) = time else {
            self.counters.messages_unreadable += 1;
            return;
        };
        let answers_us = self.asked == Some(time.nonce);
        let before = self.clock.reading(now).confidence;
        self.clock.hear(&time, now);
        if !answers_us {
            // An old one, held back or repeated by somebody: its moment has passed, no more.
            return;
        }
        self.asked = None;
        self.renew_lease(time.at, now);
        self.recipient_told = true;
        self.heard_at = Some(now.uptime);
        self.session.heard(now.uptime);
        self.hear_of_roster(time.roster_version, now);
        let entered = time.epoch > self.replay.epoch();
        if entered {
            self.enter_epoch(time.epoch, out);
        }
        self.serve_at(&time.broker, now, out);
        let attested = self.clock.reading(now).confidence != before;
        if self.passed_over && (entered || attested) {
            self.passed_over = false;
            let wish = self.session.say_hello(now.uptime);
            self.grant(wish, now, out);
        }
    }

    fn enter_epoch(&mut self, epoch: u32, out: &mut Decision) {
        self.replay.enter(epoch);
        self.outbox.enter_epoch(epoch);
        self.lost = false;
        out.writes.extend(std::mem::take(&mut self.unreadable).into_iter().map(Write::Remove));
        if std::mem::take(&mut self.standing_unreadable) {
            out.writes.push(Write::KeepOutside(Vec::new()));
        }
        out.writes.push(Write::EnterEpoch(epoch));
        out.writes.push(facts::replay(&self.replay));
    }

    fn hear_rosters(&mut self, rosters: &[SignedBytes], out: &mut Decision) {
        let before = self.trust.version();
        if self.trust.catch_up(rosters).is_err() {
            self.counters.messages_unreadable += 1;
        }
        if self.trust.version() > before {
            out.writes.push(facts::roster(&self.trust));
        }
    }

    /// What the controller decides is in its log, and the log only grows: one that begins otherwise
    /// than before is another log. What was believed first is kept, and told with every hello.
    fn hear_checkpoint(&mut self, growth: &Growth, out: &mut Decision) {
        let opened = self.trust.open::<Checkpoint>(&growth.checkpoint);
        let by_controller = |it: &Opened<Checkpoint>| it.signed_by.count(Role::Controller) > 0;
        let Some(told) = opened.ok().filter(by_controller).map(|it| it.document) else {
            self.counters.messages_unreadable += 1;
            return;
        };
        let nothing = LogHead { size: 0, root: Span::root(&[]) };
        let LogHead { size, root } = self.log.unwrap_or(nothing);
        if told.size <= size {
            // Held back or repeated; one of another log is found out by who is told of this one.
            return;
        }
        self.log_forked = !log_tree::extends((size, root), (told.size, told.root), &growth.path);
        if !self.log_forked {
            let head = LogHead { size: told.size, root: told.root };
            self.log = Some(head);
            out.writes.push(facts::log(head));
        }
    }

    /// A newer roster follows the fleet time that tells of it. If it was lost on the way it is
    /// asked for out of turn, once: a controller that does not have it either is not pressed.
    fn hear_of_roster(&mut self, version: u64, now: Now) {
        let told_before = std::mem::replace(&mut self.roster_told, version) == version;
        let lacks = version > self.trust.version();
        self.roster_overdue = (lacks && told_before).then_some(version);
        if lacks && !told_before {
            self.session.greet_soon(now.uptime);
        }
    }

    /// What a person should know of the terminal's dealings with the controller.
    pub fn worries(&self, now: Now) -> Worries {
        Worries {
            time_is_stale: self.clock.reading(now).stale,
            lacks_roster: self.roster_overdue.filter(|it| *it > self.trust.version()),
            log_forked: self.log_forked,
        }
    }

    /// This broker serves the terminal.
    pub(super) fn serve_at(&mut self, broker: &str, now: Now, out: &mut Decision) {
        if broker == self.session.broker() || self.stopping {
            return;
        }
        out.writes.push(facts::broker(broker));
        let wish = self.session.serve_at(broker);
        self.grant(wish, now, out);
    }

    /// What is due with the controller, whatever happened.
    pub(super) fn converse(&mut self, now: Now, out: &mut Decision) {
        let wish = self.session.due(now.uptime);
        self.grant(wish, now, out);
        self.post_telemetry(now, out);
        self.outbox.due(self.store.outbox_depth, now.uptime);
        if let Some(sending) = self.outbox.next_sending() {
            out.effects.push(Effect::SendRecords(sending));
        }
    }

    pub(super) fn conversation_wakes_at(&self) -> Option<Duration> {
        let resend = self.outbox.resends_at(self.store.outbox_depth);
        self.session.wakes_at().into_iter().chain(resend).min()
    }

    pub(super) fn grant(&mut self, wish: Option<Wish>, now: Now, out: &mut Decision) {
        let effect = match wish {
            None => return,
            Some(Wish::Connect) => Effect::Connect { broker: self.session.broker().to_owned() },
            Some(Wish::Leave) => Effect::Disconnect,
            Some(Wish::LocateBroker) => Effect::LocateBroker,
            Some(Wish::SayHello) => Effect::SayHello(self.hello(now)),
        };
        out.effects.push(effect);
    }

    fn hello(&mut self, now: Now) -> Hello {
        let boot_nonce = self.clock.ask(now);
        self.asked = Some(boot_nonce);
        Hello {
            boot_nonce,
            epoch: self.replay.epoch(),
            order_seq: self.replay.highest(),
            ledger: self.ledger.digest(),
            outbox_depth: self.store.outbox_depth,
            outbox_acknowledged: self.outbox.acknowledged(),
            outbox_dropped: self.store.outbox_dropped,
            roster_version: self.trust.version(),
            agent_version: self.profile.agent_version.clone(),
            components: self.installed.clone(),
            zone: self.profile.zone.iana_name().unwrap_or("UTC").to_owned(),
            ledger_lost: self.lost,
            working_on: self.working_on(),
            recipient: self.profile.recipient.clone().filter(|_| !self.recipient_told),
            log: self.log,
            challenge: (!self.recipient_told).then(|| self.challenge()),
            locked: self.keeping.locked(now),
            stands: self.standing.told(),
        }
    }

    /// What a wipe of this terminal must name: another one after each enrolment and in each epoch.
    pub(super) fn challenge(&self) -> Digest {
        let epoch = self.replay.epoch().to_be_bytes();
        Digest::of_parts(&[b"wipe", &self.profile.challenge_seed.0, &epoch])
    }

    fn telling(&self) -> Telling {
        let battery_is_low = self.store.battery.is_some_and(Battery::is_low);
        Telling { counters: self.counters, battery_is_low, till: self.till.health() }
    }

    fn post_telemetry(&mut self, now: Now, out: &mut Decision) {
        let due = match self.telemetry {
            None => self.heard_at.is_some(),
            Some((posted_at, said)) => {
                let news = said != self.telling();
                let every = if news { TELEMETRY_NEWS_EVERY } else { TELEMETRY_EVERY };
                self.till.owes_word() || posted_at + every <= now.uptime
            }
        };
        if !due || self.stopping {
            return;
        }
        self.telemetry = Some((now.uptime, self.telling()));
        self.till.told();
        let telemetry = Telemetry {
            at: self.clock.reading(now).wall,
            disk_free_bytes: self.store.disk_free_bytes,
            orders_refused: self.counters.orders_refused,
            messages_unreadable: self.counters.messages_unreadable,
            battery: self.store.battery,
            till: self.till.health(),
        };
        self.post(Post::Telemetry(telemetry), out);
    }
}
