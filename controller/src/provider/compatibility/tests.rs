//! Which row decides, and what follows.

use super::super::samples::{self, day};
use super::*;
use crate::provider::model::PtsApproval;

fn row(status: Status, change: impl FnOnce(&mut Row)) -> Row {
    let mut row = Row {
        model: "px7".into(),
        hardware: None,
        firmware: None,
        application: None,
        kernel: None,
        provider: None,
        key_set: None,
        status,
        evidence: None,
        note: None,
    };
    change(&mut row);
    row
}

fn asked() -> Asked {
    Asked {
        model: "px7".into(),
        hardware: Some("B".into()),
        firmware: Some("1.10".into()),
        application: Some("2.0.0".into()),
        kernel: Some("k1".into()),
        provider: Some("beta".into()),
        key_set: Some("2026".into()),
    }
}

const GOOD: [Status; 3] = [Status::Certified, Status::Tested, Status::Unknown];

#[test]
fn no_row_is_unknown_and_unknown_is_for_pilots() {
    let verdict = look_up(&[], &asked());
    assert_eq!((verdict.status, verdict.row, verdict.pilot_only), (Status::Unknown, None, true));
    let other = row(Status::Certified, |it| it.model = "px8".into());
    assert_eq!(look_up(&[other], &asked()).status, Status::Unknown);
    for status in GOOD {
        let verdict = look_up(&[row(status, |_| {})], &asked());
        assert_eq!(verdict.pilot_only, status == Status::Unknown);
        assert_eq!(verdict.status, status);
    }
}

#[test]
fn the_row_that_names_most_decides_and_of_equal_ones_the_worse() {
    for (first, second) in [(0, 1), (1, 0)] {
        let rows = [
            row(Status::Certified, |_| {}),
            row(Status::Tested, |it| it.provider = Some("beta".into())),
        ];
        let rows = [&rows[first], &rows[second]];
        assert_eq!(look_up(rows, &asked()).status, Status::Tested);
    }
    for a in GOOD {
        for b in GOOD {
            let rows = [
                row(a, |it| it.provider = Some("beta".into())),
                row(b, |it| it.kernel = Some("k1".into())),
            ];
            assert_eq!(look_up(&rows, &asked()).status, a.max(b), "{a:?} {b:?}");
        }
    }
}

#[test]
fn a_row_that_blocks_beats_every_other_one() {
    for status in GOOD {
        let rows = [
            row(status, |it| {
                it.provider = Some("beta".into());
                it.kernel = Some("k1".into());
                it.firmware = Some(">=1.9".parse().unwrap());
            }),
            row(Status::Blocked, |_| {}),
        ];
        let verdict = look_up(&rows, &asked());
        assert_eq!(verdict.status, Status::Blocked, "{status:?}");
        assert_eq!(verdict.row, Some(rows[1].key()));
    }
}

#[test]
fn every_property_that_a_row_names_must_be_the_tills() {
    type Name = fn(&mut Row, &str);
    let names: [Name; 6] = [
        |row, it| row.hardware = Some(if it == "own" { "B" } else { "A" }.into()),
        |row, it| row.firmware = Some(if it == "own" { "=1.10" } else { "=1.1" }.parse().unwrap()),
        |row, it| row.application = Some(if it == "own" { "<=2" } else { "<2" }.parse().unwrap()),
        |row, it| row.kernel = Some(if it == "own" { "k1" } else { "k2" }.into()),
        |row, it| row.provider = Some(if it == "own" { "beta" } else { "alpha" }.into()),
        |row, it| row.key_set = Some(if it == "own" { "2026" } else { "2025" }.into()),
    ];
    for (at, name) in names.into_iter().enumerate() {
        for status in [Status::Certified, Status::Blocked] {
            let own = row(status, |it| name(it, "own"));
            assert_eq!(look_up(&[own], &asked()).status, status, "{at}");
            let other = row(status, |it| name(it, "other"));
            assert_eq!(look_up(&[other], &asked()).status, Status::Unknown, "{at}");
        }
    }
}

#[test]
fn what_is_not_known_of_a_till_is_never_to_its_advantage() {
    let unsure = Asked { firmware: None, ..asked() };
    let newer = |status| row(status, |it| it.firmware = Some(">=1.9".parse().unwrap()));
    assert_eq!(look_up(&[newer(Status::Certified)], &unsure).status, Status::Unknown);
    let rows = [row(Status::Certified, |_| {}), newer(Status::Blocked)];
    let verdict = look_up(&rows, &unsure);
    assert_eq!((verdict.status, verdict.row), (Status::Unknown, None));
    assert_eq!(verdict.not_known, ["firmware"]);
    let other = Asked { provider: Some("alpha".into()), ..unsure };
    let elsewhere = row(Status::Blocked, |it| {
        it.firmware = Some(">=1.9".parse().unwrap());
        it.provider = Some("beta".into());
    });
    let rows = [row(Status::Certified, |_| {}), elsewhere];
    assert_eq!(look_up(&rows, &other).status, Status::Certified, "it is about another provider");
}

#[test]
fn a_model_that_cannot_is_replaced_and_an_unknown_one_is_for_pilots() {
    let now = UnixTime(1_795_341_600);
    let found = |status| look_up(&[row(status, |_| {})], &asked());
    let mut model = samples::model();
    assert_eq!(way(Some(&model), &found(Status::Certified), now), Way::InPlace);
    assert_eq!(way(Some(&model), &found(Status::Tested), now), Way::InPlace);
    assert_eq!(way(Some(&model), &found(Status::Unknown), now), Way::PilotOnly);
    assert_eq!(way(None, &found(Status::Certified), now), Way::PilotOnly);
    assert_eq!(way(None, &found(Status::Blocked), now), Way::Blocked);
    model.pts = Some(PtsApproval { number: "4-1".into(), valid_until: day("2026-11-21") });
    assert_eq!(way(Some(&model), &found(Status::Certified), now), Way::ApprovalExpired);
    model.pts = Some(PtsApproval { number: "4-1".into(), valid_until: day("2026-11-22") });
    assert_eq!(way(Some(&model), &found(Status::Certified), now), Way::InPlace);
    for rebind in [RebindCapability::VendorOnly, RebindCapability::Never] {
        model.rebind = rebind;
        assert_eq!(way(Some(&model), &found(Status::Certified), now), Way::ReplaceUnit);
        assert_eq!(way(Some(&model), &found(Status::Blocked), now), Way::Blocked);
    }
}

#[test]
fn a_rows_key_follows_from_what_it_is_about_alone() {
    let plain = row(Status::Unknown, |_| {});
    let mut judged = plain.clone();
    judged.status = Status::Blocked;
    judged.note = Some("it burns".into());
    assert_eq!(plain.key(), judged.key());
    assert_ne!(plain.key(), row(Status::Unknown, |it| it.kernel = Some("k1".into())).key());
    // One word in one column is not the same word in the next.
    let kernel = row(Status::Unknown, |it| it.kernel = Some("x".into()));
    assert_ne!(kernel.key(), row(Status::Unknown, |it| it.key_set = Some("x".into())).key());
}

#[test]
fn what_only_a_label_says_is_a_word_that_a_label_can_say() {
    type Part = fn(&mut Row) -> &mut Option<String>;
    let cases: [(&str, Part); 3] = [
        ("hardware", |it| &mut it.hardware),
        ("kernel", |it| &mut it.kernel),
        ("key_set", |it| &mut it.key_set),
    ];
    for (field, part) in cases {
        let with = |value: &str| {
            let row = row(Status::Tested, |it| *part(it) = Some(value.into()));
            samples::mistakes(row)
        };
        assert_eq!(with("rev-2.b/1"), Vec::<String>::new(), "{field}");
        for wrong in ["", "rev 2", "B, C", "L2 (2026)", &"x".repeat(65)] {
            let said = with(wrong);
            let is_told = said.len() == 1 && said[0].starts_with(&format!("`{field}` is `"));
            assert!(is_told, "{field} {wrong}: {said:?}");
        }
    }
}

#[test]
fn a_certified_row_names_its_evidence() {
    let mut certified = row(Status::Certified, |_| {});
    assert_eq!(samples::mistakes(certified.clone()).len(), 1);
    certified.evidence = Some(Evidence { name: "report.pdf".into(), sha256: "0".repeat(64) });
    assert_eq!(samples::mistakes(certified), Vec::<String>::new());
}
