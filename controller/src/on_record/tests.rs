//! What is known of a till by its own word, and by its labels.

use shared::message::Component;

use super::*;
use crate::registry::terminal::{Presence, Said, Unit};

/// A till that told of these components, or that nobody has heard yet.
pub(crate) fn till(labels: &[(&str, &str)], components: Option<&[(&str, &str)]>) -> Terminal {
    let text = |it: &(&str, &str)| (it.0.to_owned(), it.1.to_owned());
    let said = components.map(|components| Said {
        heard_at: UnixTime(1),
        agent_version: "0.1.0".to_owned(),
        components: components
            .iter()
            .map(text)
            .map(|(name, version)| Component { name, version, security_counter: 1 })
            .collect(),
        roster_version: 1,
        outbox_depth: 0,
        outbox_dropped: 0,
        zone: None,
        recipient: None,
    });
    Terminal {
        id: TerminalId::from_bytes([1; 16]),
        serial: "PX-1".to_owned(),
        model: "px7".to_owned(),
        store: "north".to_owned(),
        lane: None,
        labels: labels.iter().map(text).collect(),
        zone: "Europe/Berlin".to_owned(),
        unit: Unit::Enrolled,
        epoch: 1,
        public_key: None,
        certificate: None,
        presence: Presence::Online,
        last_seen_at: None,
        working_on: None,
        said,
        telemetry: None,
        created_at: UnixTime(1),
        is_frozen: false,
        is_place_frozen: false,
        is_quarantined: false,
        region: None,
        service: crate::registry::terminal::Service::InService,
    }
}

fn is(word: &str) -> Option<String> {
    Some(word.to_owned())
}

const LABELS: [(&str, &str); 5] = [
    ("hardware", "rev2"),
    ("firmware", "1.9"),
    ("kernel", "k1"),
    ("key-set", "2026-1"),
    // No label says which application it is.
    ("application", "9.9"),
];

#[test]
fn labels_say_what_a_till_does_not_say_itself() {
    let labelled = Asked {
        model: "px7".to_owned(),
        hardware: is("rev2"),
        firmware: is("1.9"),
        application: None,
        kernel: is("k1"),
        provider: is("beta"),
        key_set: is("2026-1"),
    };
    assert_eq!(asked(&till(&LABELS, None), Some("beta")), labelled);
    assert_eq!(asked(&till(&LABELS, Some(&[])), Some("beta")), labelled);
    let one = Asked { application: is("2.0.0"), ..labelled };
    assert_eq!(asked(&till(&LABELS, Some(&[("pos", "2.0.0")])), Some("beta")), one);
}

#[test]
fn what_a_till_says_of_itself_counts_more_than_its_labels() {
    let components = [("firmware", "2.0"), ("pos", "2.0.0"), ("kernel", "k2")];
    let found = asked(&till(&LABELS, Some(&components)), Some("beta"));
    assert_eq!((found.firmware, found.kernel), (is("2.0"), is("k2")));
    // Beside these two the application is known by being none of them.
    assert_eq!(found.application, is("2.0.0"));
    assert_eq!((found.hardware, found.key_set), (is("rev2"), is("2026-1")));
}

#[test]
fn what_nobody_says_is_not_known() {
    let found = asked(&till(&[], None), Some("beta"));
    let nothing = Asked { model: "px7".to_owned(), provider: is("beta"), ..Asked::default() };
    assert_eq!(found, nothing);
    let two = [("firmware", "2.0"), ("pos", "2.0.0"), ("loyalty", "1.0")];
    let found = asked(&till(&[], Some(&two)), Some("beta"));
    assert_eq!((found.firmware, found.application), (is("2.0"), None), "two may be meant");
}
