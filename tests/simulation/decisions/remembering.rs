//! What the terminal remembers of the controller's audit log.

use std::collections::BTreeMap;

use shared::digest::Digest;
use shared::document::Checkpoint;
use shared::log_tree::{self, At, Edge, Span};
use shared::message::{Growth, LogHead};

use super::*;

/// A log of so many entries, and what is kept of it.
struct Log {
    edge: Edge,
    kept: BTreeMap<At, Digest>,
}

impl Log {
    fn of(who: &str, entries: u64) -> Self {
        let mut log = Self { edge: Edge::default(), kept: BTreeMap::new() };
        for number in 0..entries {
            let leaf = log_tree::leaf(format!("{who} {number}").as_bytes());
            log.kept.extend(log.edge.push(leaf));
        }
        log
    }

    fn head(&self) -> LogHead {
        LogHead { size: self.edge.size(), root: self.edge.root() }
    }

    /// What a terminal is told that knows its first so many entries.
    fn since(&self, known: u64, ceremony: &Ceremony, key: &PrivateKey) -> Growth {
        let LogHead { size, root } = self.head();
        let spans = log_tree::consistency(known, size).unwrap_or_default();
        let parts = |span: Span| span.parts().iter().map(|at| self.kept[at]).collect::<Vec<_>>();
        let path = spans.into_iter().map(|span| Span::root(&parts(span))).collect();
        let checkpoint = Checkpoint { format: FORMAT, size, root, at: NOW };
        Growth { checkpoint: ceremony.sign(checkpoint, &[key]), path }
    }
}

impl Desk {
    fn shows(&mut self, log: &Log, known: u64) {
        let growth = log.since(known, &self.ceremony, &self.ceremony.controller);
        self.give(Input::Received(Down::Checkpoint(growth)));
    }

    fn log_forked(&self) -> bool {
        self.core.worries(Now { uptime: self.uptime, rtc: NOW }).log_forked
    }

    /// What the next hello says.
    fn remembers(&mut self) -> Option<LogHead> {
        self.restart();
        self.connect();
        self.hello.as_ref().expect("a hello was said").log
    }
}

#[test]
fn the_newest_root_is_remembered_over_a_restart_and_only_grows() {
    let mut desk = Desk::connected();
    assert_eq!(desk.hello.as_ref().expect("a hello").log, None);
    let [short, long] = [7, 20].map(|entries| Log::of("ana", entries));
    desk.shows(&short, 0);
    assert_eq!(desk.remembers(), Some(short.head()));
    desk.tell_time(1);
    desk.shows(&long, 7);
    assert!(!desk.log_forked());
    // The old one again, held back by somebody.
    desk.shows(&short, 0);
    assert_eq!(desk.remembers(), Some(long.head()));
}

#[test]
fn another_log_is_not_believed_and_is_told() {
    let mut desk = Desk::connected();
    let (ours, theirs) = (Log::of("ana", 7), Log::of("eve", 20));
    desk.shows(&ours, 0);
    for known in [7, 0, 3] {
        desk.shows(&theirs, known);
        assert!(desk.log_forked(), "a proof from {known} on");
    }
    assert_eq!(desk.remembers(), Some(ours.head()), "what was believed first is what is told");
    desk.tell_time(1);
    desk.shows(&Log::of("ana", 9), 7);
    assert!(!desk.log_forked(), "the one that it knows goes on");
}

#[test]
fn a_root_that_no_controller_signed_is_nothing() {
    let mut desk = Desk::connected();
    let ceremony = &desk.ceremony;
    let growth = Log::of("eve", 7).since(0, ceremony, &ceremony.approver[0]);
    desk.give(Input::Received(Down::Checkpoint(growth)));
    assert_eq!(desk.remembers(), None);
}
