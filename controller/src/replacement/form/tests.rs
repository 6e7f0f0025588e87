//! What is wrong with what is asked for.

use shared::id::PositionId;
use shared::time::UnixTime;

use super::*;
use crate::position::PositionState;
use crate::provider::model::{Capability, PtsApproval, SerialRule};
use crate::provider::samples;
use crate::registry::terminal::Presence;

fn form() -> Form {
    Form {
        merchant: "Corner shop".to_owned(),
        old_serial: "PX-1".to_owned(),
        new_model: "px8".to_owned(),
        reason: ReplaceReason::ChipReadError,
        note: String::new(),
        answers: BTreeMap::new(),
    }
}

fn terminal() -> Terminal {
    Terminal {
        id: TerminalId::from_bytes([1; 16]),
        serial: "PX-1".to_owned(),
        model: "px7".to_owned(),
        store: "north".to_owned(),
        lane: Some("1".to_owned()),
        labels: BTreeMap::new(),
        zone: "UTC".to_owned(),
        unit: Unit::Enrolled,
        epoch: 1,
        public_key: None,
        certificate: None,
        presence: Presence::Online,
        last_seen_at: None,
        working_on: None,
        said: None,
        telemetry: None,
        created_at: UnixTime(0),
        is_frozen: false,
        is_place_frozen: false,
        is_quarantined: false,
        region: None,
        service: Service::InService,
    }
}

fn known() -> Known {
    let position = Position {
        id: PositionId::from_bytes([1; 16]),
        store: "north".to_owned(),
        lane: "1".to_owned(),
        merchant: Some("Corner shop".to_owned()),
        merchant_class: None,
        fallback: None,
        state: PositionState::Occupied,
        state_at: UnixTime(0),
        terminal: Some(terminal().id),
        created_at: UnixTime(0),
    };
    Known {
        has_merchant: true,
        old: Some(terminal()),
        position: Some(position),
        old_model: Some(samples::model()),
        new_model: Some(samples::model()),
        verdict: None,
    }
}

const ASKS: Asks<'static> = Asks { by: "ana", ordered_by: "cora" };

fn today() -> Day {
    samples::day("2026-01-01")
}

#[track_caller]
fn fields(form: &Form, known: &Known) -> Vec<&'static str> {
    let found = check(form, known, ASKS, today()).expect_err("it has mistakes");
    found.into_iter().map(|it| it.field).collect()
}

#[test]
fn a_form_without_mistakes_is_about_a_terminal_and_its_position() {
    let checked = check(&form(), &known(), ASKS, today()).unwrap();
    assert_eq!((checked.old, checked.position.lane.as_str()), (terminal().id, "1"));
}

#[test]
fn all_mistakes_are_told_at_once() {
    let nothing = Known::default();
    let wrong = Form { reason: ReplaceReason::Other, ..form() };
    assert_eq!(fields(&wrong, &nothing), ["merchant", "old_serial", "new_model", "note"]);
    let spaced = Form { old_serial: "PX 1".to_owned(), ..form() };
    let found = check(&spaced, &Known { old: None, ..known() }, ASKS, today()).unwrap_err();
    assert!(found[0].what.contains("without a space"), "{found:?}");
    let long = Form { note: "x".repeat(TEXT_BYTES_MAX + 1), ..form() };
    assert_eq!(fields(&long, &known()), ["note"]);
}

#[test]
fn the_old_terminal_is_enrolled_at_a_position_of_the_merchant() {
    let with = |change: fn(&mut Known)| {
        let mut known = known();
        change(&mut known);
        fields(&form(), &known)
    };
    assert_eq!(with(|it| it.old.as_mut().unwrap().unit = Unit::Revoked), ["old_serial"]);
    assert_eq!(with(|it| it.old.as_mut().unwrap().service = Service::Erased), ["old_serial"]);
    assert_eq!(with(|it| it.position = None), ["old_serial"]);
    assert_eq!(with(|it| it.position.as_mut().unwrap().merchant = None), ["merchant"]);
    let other = |it: &mut Known| {
        it.position.as_mut().unwrap().merchant = Some("Somebody else".to_owned());
    };
    assert_eq!(with(other), ["merchant"]);
}

#[test]
fn the_new_model_is_known_approved_able_and_not_blocked() {
    let with = |change: fn(&mut Known)| {
        let mut known = known();
        change(&mut known);
        fields(&form(), &known)
    };
    assert_eq!(with(|it| it.new_model = None), ["new_model"]);
    assert_eq!(
        with(|it| {
            let valid_until = samples::day("2025-12-31");
            let number = "4-1".to_owned();
            it.new_model.as_mut().unwrap().pts = Some(PtsApproval { number, valid_until });
        }),
        ["new_model"]
    );
    let more = |it: &mut Known| {
        it.old_model.as_mut().unwrap().capabilities.push(Capability::Fiscal);
    };
    let mut known = known();
    more(&mut known);
    let found = check(&form(), &known, ASKS, today()).unwrap_err();
    assert!(found[0].what.contains("fiscal"), "{found:?}");
    let blocked = |it: &mut Known| {
        let (status, pilot_only) = (Status::Blocked, false);
        it.verdict = Some(Verdict { status, row: None, pilot_only, not_known: vec![] });
    };
    assert_eq!(with(blocked), ["new_model"]);
}

#[test]
fn somebody_else_answers_for_a_suspended_terminal_and_for_what_nobody_has_seen_to_work() {
    let mut known = known();
    known.old.as_mut().unwrap().service = Service::Suspended;
    known.verdict =
        Some(Verdict { status: Status::Unknown, row: None, pilot_only: true, not_known: vec![] });
    assert_eq!(fields(&form(), &known), ["old_serial", "new_model"]);
    let answers = |all: &[(&str, &str)]| {
        let answers = all.iter().map(|&(code, name)| (code.to_owned(), name.to_owned()));
        Form { answers: answers.collect(), ..form() }
    };
    assert_eq!(fields(&answers(&[("untested", "gil")]), &known), ["old_serial"]);
    let same = answers(&[("untested", "Cora"), ("old-suspended", "gil")]);
    assert_eq!(fields(&same, &known), ["answers"]);
    let mistyped = answers(&[("untestd", "gil"), ("old-suspended", "gil")]);
    assert_eq!(fields(&mistyped, &known), ["answers", "new_model"]);
    let both = answers(&[("untested", "gil"), ("old-suspended", "gil")]);
    assert!(check(&both, &known, ASKS, today()).is_ok());
    known.old.as_mut().unwrap().service = Service::Erased;
    assert_eq!(fields(&both, &known), ["old_serial"], "nobody answers for that");
}

#[test]
fn the_old_serial_number_is_one_of_its_model() {
    let mut known = known();
    let rule = |length| Some(SerialRule { length, check: None });
    let length = u8::try_from(form().old_serial.len()).unwrap();
    known.old_model.as_mut().unwrap().serial = rule(length);
    assert!(check(&form(), &known, ASKS, today()).is_ok());
    known.old_model.as_mut().unwrap().serial = rule(length + 1);
    assert_eq!(fields(&form(), &known), ["old_serial"]);
}
