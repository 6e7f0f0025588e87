//! What becomes of a wish: profiles and their root, or a refusal by name.

use shared::change::rebind::{Reason, RegistryOrder, Test, TestKind, Watch};
use shared::document::profile::{Merchant, Replaced};
use shared::id::{BindingId, PositionId, RequestId};
use shared::membership::{Membership, Proof, profile_holds};

use super::*;

/// A change from alpha to beta.
pub(crate) fn asked() -> Rebind {
    let test = |kind, amount_minor| Test { kind, amount_minor };
    Rebind {
        request: RequestId::from_bytes([9; 16]),
        from: "alpha".to_owned(),
        to: "beta".to_owned(),
        profiles: Digest([0; 32]),
        reason: Reason::Fee,
        ordered_by: "Ana".to_owned(),
        note: "cheaper".to_owned(),
        registry_order: RegistryOrder::NewFirst,
        tests: vec![test(TestKind::Diagnosis, 0), test(TestKind::Sale, 1)],
        watch: Watch {
            for_s: 60,
            payments_min: 5,
            at_most_s: 600,
            approval_drop_max: 10,
            host_errors_max: 5,
            slower_max: 50,
            crashes_max: 0,
        },
        window: None,
    }
}

/// The profile of the terminal of this number with beta.
pub(crate) fn profile(number: u8) -> Profile {
    Profile {
        format: FORMAT,
        terminal: TerminalId::from_bytes([number; 16]),
        position: PositionId::from_bytes([number; 16]),
        binding: BindingId::from_bytes([number; 16]),
        version: 2,
        provider: "beta".to_owned(),
        merchant: Merchant {
            mid: "898440154110001".to_owned(),
            tid: format!("B{number:07}"),
            name: "North Store".to_owned(),
            mcc: "5411".to_owned(),
        },
        currency: "CNY".to_owned(),
        hosts: vec!["127.0.0.1:9001".to_owned()],
        sealed: None,
        replaces: Replaced {
            binding: None,
            mid: "105440154110001".to_owned(),
            tid: format!("A{number:07}"),
        },
    }
}

fn payloads(profiles: &[Profile]) -> Vec<Vec<u8>> {
    profiles.iter().map(codec::encode).collect()
}

#[test]
fn every_member_can_prove_its_profile_against_the_change_that_is_signed() {
    let numbers = [4, 2, 7, 1, 3];
    let brought = vec![payloads(&numbers.map(profile)), payloads(&[profile(9)])];
    let drafts = waves(&brought, &asked()).expect("they are sound");
    assert_eq!(drafts.len(), 2);
    let Change::Rebind(change) = drafts[0].change(&asked()) else { panic!("not one") };
    let enclosed = drafts[0].enclosed();
    let members = Membership::of(enclosed.keys().copied());
    for (terminal, it) in &enclosed {
        let Proof { index, .. } = members.proof(*terminal).expect("it is a member");
        let proof = Proof { index, path: it.path.clone() };
        let holds = |root| profile_holds(&it.profile, &proof, 5, root);
        assert!(holds(change.profiles));
        let Change::Rebind(other) = drafts[1].change(&asked()) else { panic!("not one") };
        assert!(!holds(other.profiles), "each wave has a root of its own");
    }
}

type Spoil = fn(&mut Vec<Profile>);

#[test]
fn what_a_terminal_would_refuse_is_refused_by_name_before_anybody_signs() {
    let cases: &[(&str, Spoil)] = &[
        ("there is no wave", Vec::clear),
        ("has two profiles", |it| it.push(it[0].clone())),
        ("is with `alpha`", |it| it[0].provider = "alpha".to_owned()),
        ("the MCC is `54`", |it| it[1].merchant.mcc = "54".to_owned()),
        ("gets MID and TID", |it| it[1].merchant = it[0].merchant.clone()),
        ("gets binding", |it| it[1].binding = it[0].binding),
        ("gets position", |it| it[1].position = it[0].position),
        ("nothing would change", |it| {
            it[0].replaces.mid = it[0].merchant.mid.clone();
            it[0].replaces.tid = it[0].merchant.tid.clone();
        }),
    ];
    for (expected, spoil) in cases {
        let mut profiles = vec![profile(1), profile(2)];
        spoil(&mut profiles);
        let refused = waves(&[payloads(&profiles)], &asked()).expect_err(expected).to_string();
        assert!(refused.contains(expected), "{refused}");
    }
    let across = [payloads(&[profile(1)]), payloads(&[profile(1)])];
    assert!(matches!(waves(&across, &asked()), Err(DraftRefused::Twice(_))), "in two waves");
}

#[test]
fn bytes_that_are_no_profile_in_its_one_form_are_refused() {
    let mut longer = codec::encode(&profile(1));
    longer.push(0);
    let large = Profile { sealed: Some(vec![0; PROFILE_BYTES_MAX].into()), ..profile(1) };
    for payload in [vec![], b"{}".to_vec(), longer, codec::encode(&large)] {
        let refused = waves(&[vec![payload]], &asked()).expect_err("it is none");
        assert!(matches!(refused, DraftRefused::Unreadable { wave: 1, at: 1, .. }), "{refused}");
    }
}

#[test]
fn a_change_that_no_terminal_would_take_is_refused() {
    let brought = [payloads(&[profile(1)])];
    let untested = Rebind { tests: vec![], ..asked() };
    let nowhere = Rebind { from: "beta".to_owned(), ..asked() };
    for change in [untested, nowhere] {
        assert!(matches!(waves(&brought, &change), Err(DraftRefused::Batch(_))));
    }
}

#[test]
fn more_terminals_than_people_can_look_at_are_refused() {
    let many = [vec![vec![]; TERMINALS_MAX + 1]];
    assert_eq!(waves(&many, &asked()), Err(DraftRefused::TooMany(TERMINALS_MAX + 1)));
}
