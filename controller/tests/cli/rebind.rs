//! A change of provider, as approvers read it on machines of their own.

use controller::api::model::{ApprovalRequest, Base64, PlannedWord};
use shared::change::rebind::{Reason, Rebind, RegistryOrder, Test, TestKind, Watch};
use shared::change::{Change, Verb};
use shared::document::profile::{Merchant, Replaced};
use shared::document::{Batch, FORMAT, Profile};
use shared::id::{BindingId, PositionId, RequestId, TerminalId};
use shared::membership::Profiles;
use shared::signature::Envelope;
use shared::{code_words, codec};

use crate::approve::{FAR, FOR_THREE, controllers_key, request, second_roster, sign, written};
use crate::fleet::Fleet;

fn profile(number: u8) -> Profile {
    Profile {
        format: FORMAT,
        terminal: TerminalId::from_bytes([number; 16]),
        position: PositionId::from_bytes([number; 16]),
        binding: BindingId::from_bytes([number; 16]),
        version: 1,
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

fn change(profiles: &[Profile]) -> Change {
    let payloads = profiles.iter().map(|it| (it.terminal, codec::encode(it))).collect();
    let test = |kind, amount_minor| Test { kind, amount_minor };
    Change::Rebind(Box::new(Rebind {
        request: RequestId::from_bytes([9; 16]),
        from: "alpha".to_owned(),
        to: "beta".to_owned(),
        profiles: Profiles::of(&payloads).root(),
        reason: Reason::Fee,
        ordered_by: "Ana".to_owned(),
        note: "cheaper".to_owned(),
        registry_order: RegistryOrder::ReleaseOldFirst,
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
    }))
}

/// What the controller exports: three terminals of alpha's are to be beta's.
fn exported(fleet: &Fleet) -> ApprovalRequest {
    let second = second_roster(fleet, |_| {});
    let pinged = request(fleet, &second, FAR);
    let profiles = [1, 2, 3].map(profile);
    let batch = Envelope::<Batch>::from_bytes(&pinged.batch.0).unwrap().document;
    let mut batch = Envelope::unsigned(Batch { change: change(&profiles), ..batch });
    assert_eq!(batch.document.change.verb(), Verb::Rebind);
    batch.sign(second.document.fleet, &controllers_key(fleet));
    ApprovalRequest {
        batch: Base64(batch.to_bytes()),
        profiles: profiles.iter().map(|it| Base64(codec::encode(it))).collect(),
        planned: Some(PlannedWord {
            downtime_s: 240,
            fees: None,
            penalty: Some("1200.00 CNY".to_owned()),
            answered: [("penalty".to_owned(), "Bo".to_owned())].into(),
        }),
        ..pinged
    }
}

#[test]
fn an_approver_reads_each_terminals_numbers_and_words_and_where_there_is_no_way_back() {
    let fleet = Fleet::insecure();
    let request = exported(&fleet);
    let batch = Envelope::<Batch>::from_bytes(&request.batch.0).unwrap().digest();
    let said = sign(&fleet, &written(&fleet, &request), "approver-1", &FOR_THREE).ok();
    for number in 1..=3 {
        let it = profile(number);
        let words = code_words::code(batch, it.terminal);
        let line = said.lines().find(|line| line.contains(&words)).expect("its words are there");
        let serial = format!("PX-{}", number - 1);
        for part in [&serial, &it.replaces.mid, &it.replaces.tid, &it.merchant.mid, &it.hosts[0]] {
            assert!(line.contains(part.as_str()), "{part} is missing in {line}");
        }
        assert!(line.contains(&it.merchant.tid) && line.contains(&it.merchant.name), "{line}");
    }
    for line in ["Change the payment provider:", "BEFORE THE SWITCH", "  TERMINALS   3"] {
        assert!(said.contains(line), "{line} is missing in:\n{said}");
    }
}

type Spoil = fn(&mut ApprovalRequest);

#[test]
fn a_profile_that_is_not_what_is_signed_is_noticed() {
    let fleet = Fleet::insecure();
    let cases: &[(&str, Spoil)] = &[
        ("none", |it| it.profiles.clear()),
        ("one less", |it| drop(it.profiles.pop())),
        ("one twice", |it| it.profiles[1] = it.profiles[0].clone()),
        ("one more", |it| it.profiles.push(Base64(codec::encode(&profile(4))))),
        ("a stranger's", |it| it.profiles[0] = Base64(codec::encode(&profile(4)))),
        ("garbage", |it| it.profiles[0].0.push(0)),
        ("another TID", |it| {
            let mut other = profile(1);
            other.merchant.tid = "B9999999".to_owned();
            it.profiles[0] = Base64(codec::encode(&other));
        }),
        ("another secret", |it| {
            let other = Profile { sealed: Some(b"theirs".to_vec().into()), ..profile(1) };
            it.profiles[0] = Base64(codec::encode(&other));
        }),
        ("another provider", |it| {
            let other = Profile { provider: "gamma".to_owned(), ..profile(1) };
            it.profiles[0] = Base64(codec::encode(&other));
        }),
    ];
    for (what, spoil) in cases {
        let mut request = exported(&fleet);
        spoil(&mut request);
        let file = written(&fleet, &request);
        let ran = sign(&fleet, &file, "approver-1", &FOR_THREE);
        assert_eq!(ran.code, Some(4), "{what}: {}{}", ran.out, ran.err);
    }
    let mut pinged = request(&fleet, &second_roster(&fleet, |_| {}), FAR);
    pinged.profiles = vec![Base64(codec::encode(&profile(1)))];
    let ran = sign(&fleet, &written(&fleet, &pinged), "approver-1", &FOR_THREE);
    assert_eq!(ran.code, Some(4), "profiles where no provider is changed: {}", ran.err);
}
