//! What is said about a terminal that stops, sells again or is emptied.

use std::time::Duration;

use harness::deactivate::{
    clearance, clearance_lost, resume, suspend, suspend_given_up, suspend_owing, wipe, wipe_lost,
};
use harness::keys::{Ceremony, NOW, terminal};
use harness::rebind::Portfolio;
use shared::change::{Change, Covers, Resume, Suspend};
use shared::digest::{Digest, KeyId};
use shared::document::sanitisation::{Method, Person, SanitisedBy, Verification};
use shared::document::{Clearance, FORMAT, SanitisationCertificate};
use shared::membership::Membership;
use shared::message::Parcel;
use shared::time::UnixTime;
use shared::window::Window;

use super::{ORDER, challenge};

pub(super) fn changes() -> impl Iterator<Item = (&'static str, Change)> {
    let cut_off = UnixTime(NOW.0 + 3_600);
    let resume_expected = Some(UnixTime(NOW.0 + 86_400));
    let for_a_while = Suspend { resume_expected, ..suspend(cut_off) };
    let owing = suspend_owing(cut_off, Duration::from_secs(3_600));
    let mut owing_little = owing.clone();
    if let Some(delay) = &mut owing_little.delay {
        let currency = "CNY".to_owned();
        delay.covers = Covers::UpTo { total_minor: 125_000, currency, unsent: 2 };
    }
    let night = Window { from_min: 22 * 60, to_min: 6 * 60 };
    let at_night = Resume { window: Some(night), ..resume() };
    let lost = wipe_lost(Digest::of(b"clearances"));
    let changes = [
        ("batch-suspend", Change::Suspend(Box::new(suspend(cut_off)))),
        ("batch-suspend-for-a-while", Change::Suspend(Box::new(for_a_while))),
        ("batch-suspend-given-up", Change::Suspend(Box::new(suspend_given_up(cut_off)))),
        ("batch-suspend-owing", Change::Suspend(Box::new(owing))),
        ("batch-suspend-owing-little", Change::Suspend(Box::new(owing_little))),
        ("batch-resume", Change::Resume(Box::new(resume()))),
        ("batch-resume-at-night", Change::Resume(Box::new(at_night))),
        ("batch-decommission", Change::Decommission(Box::new(wipe(folder().root())))),
        ("batch-decommission-lost", Change::Decommission(Box::new(lost))),
    ];
    changes.into_iter()
}

/// A wipe, with the terminal's clearance beside it.
pub(super) fn parcel(ceremony: &Ceremony) -> Parcel {
    let members = Membership::of((0..5).map(terminal));
    let folder = folder();
    let change = Change::Decommission(Box::new(wipe(folder.root())));
    let batch = Ceremony::batch(4, change, &members);
    let order = Ceremony::order(4, terminal(2), &batch, &members);
    let Ceremony { controller, approver, .. } = ceremony;
    Parcel {
        order: ceremony.sign(order, &[controller]),
        batch: ceremony.sign(batch, &[controller, &approver[0], &approver[1]]),
        release: None,
        profile: folder.enclosed(terminal(2)),
    }
}

fn folder() -> Portfolio {
    harness::deactivate::folder((0..5).map(|it| clearance(terminal(it), challenge(), ORDER)))
}

/// What travels beside the order of a wipe and is bound by its batch.
pub(crate) fn clearances() -> Vec<(&'static str, Clearance)> {
    vec![
        ("clearance", clearance(terminal(2), challenge(), ORDER)),
        ("clearance-lost", clearance_lost(terminal(2), challenge())),
    ]
}

pub(crate) fn sanitisation_certificates() -> Vec<(&'static str, SanitisationCertificate)> {
    let Clearance { manifest, deregistered, .. } = clearance(terminal(2), challenge(), ORDER);
    let certificate = SanitisationCertificate {
        format: FORMAT,
        terminal: terminal(2),
        manufacturer: Some("Maker".to_owned()),
        model: "T100".to_owned(),
        serial: "PX-2".to_owned(),
        property_number: Some("0042".to_owned()),
        media_type: "flash".to_owned(),
        media_source: "store 7".to_owned(),
        confidentiality_before: Some("confidential".to_owned()),
        confidentiality_after: Some("public".to_owned()),
        method: Method::Purge,
        tool: "tillward-erase 0.1.0".to_owned(),
        erased: vec!["luks /dev/x: destroyed, verified; d".to_owned()],
        verification: Verification::Full,
        verified_by: Some(SanitisedBy { key: KeyId([7; 16]), store: "file".to_owned() }),
        verified_at: Some(NOW),
        destination: Some("the supplier".to_owned()),
        order: ORDER,
        receipt: Digest::of(b"receipt"),
        sanitised_by: SanitisedBy { key: KeyId([7; 16]), store: "file".to_owned() },
        sanitised_at: NOW,
        responsible: Some(Person {
            name: "Cora".to_owned(),
            title: Some("shop manager".to_owned()),
            location: Some("store 7".to_owned()),
            contact: Some("+49 30 1".to_owned()),
        }),
        validator: Some(Person {
            name: "Tess".to_owned(),
            title: None,
            location: None,
            contact: None,
        }),
        approved_by: vec!["ana".to_owned(), "ben".to_owned()],
        saved: manifest,
        saved_in: vec!["north".to_owned(), "south".to_owned()],
        deregistered,
        certified_at: UnixTime(NOW.0 + 60),
    };
    let bare = SanitisationCertificate {
        manufacturer: None,
        property_number: None,
        confidentiality_before: None,
        confidentiality_after: None,
        method: Method::Unknown,
        erased: vec![],
        verification: Verification::NotVerified,
        verified_by: None,
        verified_at: None,
        destination: None,
        responsible: None,
        validator: None,
        saved: None,
        saved_in: vec![],
        deregistered: vec![],
        ..certificate.clone()
    };
    vec![("sanitisation-certificate", certificate), ("sanitisation-certificate-bare", bare)]
}
