//! Approvers sign on machines of their own: what they are shown, and what they refuse to sign.

use std::fs;
use std::path::{Path, PathBuf};

use controller::api::model::{ApprovalMember, ApprovalRequest, Base64};
use controller::key_file::{KeyFile, OnlineKeys, Unlock};
use serde_json::json;
use shared::change::{Change, Ping, Verb};
use shared::document::{Batch, FORMAT, Roster};
use shared::floor::{Requirement, Signers};
use shared::id::{BatchId, CampaignId, TerminalId};
use shared::membership::Membership;
use shared::signature::{Envelope, PrivateKey};
use shared::time::UnixTime;

use crate::fake_api::FakeApi;
use crate::fleet::Fleet;
use crate::{Ran, run, text};

/// 2100-01-01.
pub(crate) const FAR: UnixTime = UnixTime(4_102_444_800);

fn key(fleet: &Fleet, name: &str) -> PrivateKey {
    let file = KeyFile::read(&fleet.key(name)).unwrap();
    file.open(&Unlock::InsecureDev).unwrap().signing()
}

pub(crate) fn controllers_key(fleet: &Fleet) -> PrivateKey {
    let secrets = fleet.at("controller/secrets.insecure.toml");
    OnlineKeys::open(&secrets, &Unlock::InsecureDev).unwrap().controller_signing.signing()
}

/// The second roster, which asks for two approvers of a ping, changed by `change`.
pub(crate) fn second_roster(fleet: &Fleet, change: impl FnOnce(&mut Roster)) -> Envelope<Roster> {
    let first = Envelope::<Roster>::from_bytes(&fs::read(fleet.roster()).unwrap()).unwrap();
    let mut roster = first.document.clone();
    (roster.version, roster.previous) = (2, Some(first.digest()));
    let two = Requirement { signers: Signers::Controller, approvers: 2 };
    roster.requirements.insert(Verb::Ping, two);
    change(&mut roster);
    let mut roster = Envelope::unsigned(roster);
    for name in ["root-1", "root-2"] {
        roster.sign(first.document.fleet, &key(fleet, name));
    }
    roster
}

/// What the controller exports: a ping of three terminals.
pub(crate) fn request(
    fleet: &Fleet,
    second: &Envelope<Roster>,
    not_after: UnixTime,
) -> ApprovalRequest {
    let terminals = [1, 2, 3].map(|number| TerminalId::from_bytes([number; 16]));
    let mut batch = Envelope::unsigned(Batch {
        format: FORMAT,
        id: BatchId::from_bytes([6; 16]),
        change: Change::Ping(Ping { note: "are you there?".to_owned() }),
        terminals: 3,
        root: Membership::of(terminals).root(),
        // A cancellation lives for days from here on.
        not_before: UnixTime(now().min(not_after.0 - 1)),
        not_after,
    });
    batch.sign(second.document.fleet, &controllers_key(fleet));
    let member = |(at, terminal)| ApprovalMember {
        terminal,
        serial: format!("PX-{at}"),
        store: if at == 0 { "south" } else { "north" }.to_owned(),
    };
    ApprovalRequest {
        format: ApprovalRequest::FORMAT,
        fleet: second.document.fleet,
        campaign: CampaignId::from_bytes([5; 16]),
        batch: Base64(batch.to_bytes()),
        rosters: vec![Base64(fs::read(fleet.roster()).unwrap()), Base64(second.to_bytes())],
        release: None,
        profiles: vec![],
        members: terminals.into_iter().enumerate().map(member).collect(),
        cancellation: None,
        planned: None,
        service: None,
    }
}

pub(crate) fn written(fleet: &Fleet, request: &ApprovalRequest) -> PathBuf {
    let path = fleet.beside("request.json");
    fs::write(&path, serde_json::to_vec(request).unwrap()).unwrap();
    path
}

/// A fleet, and a file that waits for two approvers.
fn waiting() -> (Fleet, PathBuf) {
    let fleet = Fleet::insecure();
    let request = request(&fleet, &second_roster(&fleet, |_| {}), FAR);
    let path = written(&fleet, &request);
    (fleet, path)
}

pub(crate) fn sign(fleet: &Fleet, file: &Path, name: &str, more: &[&str]) -> Ran {
    let (key, roster) = (fleet.key(name), fleet.roster());
    let roster = ["--roster", text(&roster)];
    let arguments = ["approve", "sign", text(file), "--key", text(&key), "--insecure-dev"];
    run(&[&arguments, roster.as_slice(), more].concat())
}

pub(crate) const FOR_THREE: [&str; 2] = ["--yes-for", "3"];

#[test]
fn two_people_read_what_they_sign_and_the_file_gathers_their_names() {
    let (fleet, file) = waiting();
    let said = sign(&fleet, &file, "approver-1", &FOR_THREE).ok();
    for line in [
        "Ask each terminal to answer:",
        "  note        “are you there?”",
        "  TERMINALS   3",
        "  stores      north 2, south 1",
        "until 2100-01-01 00:00Z",
        "  signed by   no approver yet: 0 of 2 needed; approver-1, approver-2 may sign",
        "approver-1 has signed.",
        "  signed by   approver-1: 1 of 2 needed; approver-2 may sign",
    ] {
        assert!(said.contains(line), "{line} is missing in:\n{said}");
    }
    let again = sign(&fleet, &file, "approver-1", &FOR_THREE).failed(1);
    assert!(again.contains("approver-1 has signed it already"), "{again}");
    let said = sign(&fleet, &file, "approver-2", &FOR_THREE).ok();
    assert!(said.contains("approver-1, approver-2: 2 of 2 needed, complete"), "{said}");
    let roster = fleet.roster();
    let shown = run(&["approve", "request", "show", text(&file), "--roster", text(&roster)]).ok();
    assert!(shown.contains("2 of 2 needed, complete"), "{shown}");
}

#[test]
fn nothing_is_signed_for_another_number_of_terminals_or_without_an_answer() {
    let (fleet, file) = waiting();
    let before = fs::read(&file).unwrap();
    let refused = sign(&fleet, &file, "approver-1", &["--yes-for", "30"]).failed(1);
    assert!(refused.contains("it is for 3 terminals, not for 30"), "{refused}");
    let refused = sign(&fleet, &file, "approver-1", &[]).failed(1);
    assert!(refused.contains("--yes-for"), "{refused}");
    assert_eq!(fs::read(&file).unwrap(), before);
}

#[test]
fn only_an_approver_of_this_fleet_signs_and_each_person_once() {
    let (fleet, file) = waiting();
    let refused = sign(&fleet, &file, "release-1", &FOR_THREE).failed(1);
    assert!(refused.contains("is a key of role release"), "{refused}");
    let other = Fleet::insecure();
    let stranger = other.key("approver-1");
    let roster = fleet.roster();
    let arguments = ["approve", "sign", text(&file), "--key", text(&stranger), "--insecure-dev"];
    let refused =
        run(&[&arguments, ["--roster", text(&roster)].as_slice(), &FOR_THREE].concat()).failed(1);
    assert!(refused.contains("is of fleet"), "{refused}");

    let one_owner = second_roster(&fleet, |roster| {
        for key in roster.keys.iter_mut().filter(|key| key.owner == "approver-2") {
            key.owner = "approver-1".to_owned();
        }
        roster.requirements.values_mut().for_each(|it| it.approvers = 1);
    });
    let file = written(&fleet, &request(&fleet, &one_owner, FAR));
    sign(&fleet, &file, "approver-1", &FOR_THREE).ok();
    let refused = sign(&fleet, &file, "approver-2", &FOR_THREE).failed(1);
    assert!(refused.contains("one owner counts once"), "{refused}");

    let gone = second_roster(&fleet, |roster| {
        roster.keys.retain(|key| key.owner != "approver-2");
        roster.requirements.clear();
    });
    let file = written(&fleet, &request(&fleet, &gone, FAR));
    let refused = sign(&fleet, &file, "approver-2", &FOR_THREE).failed(1);
    assert!(refused.contains("is not in roster 2"), "{refused}");
}

#[test]
fn a_file_that_does_not_fit_the_roster_that_is_held_is_not_signed() {
    let (fleet, file) = waiting();
    let (other, key) = (Fleet::insecure(), fleet.key("approver-1"));
    let theirs = other.roster();
    let arguments = ["approve", "sign", text(&file), "--key", text(&key), "--insecure-dev"];
    let with = |more: &[&str]| run(&[&arguments, FOR_THREE.as_slice(), more].concat());
    let refused = with(&["--roster", text(&theirs)]).failed(4);
    assert!(refused.contains("not among those of the file"), "{refused}");
    let refused = with(&[]).failed(1);
    assert!(refused.contains("--roster FILE"), "{refused}");
    let unknown = "00".repeat(32);
    with(&["--roster-digest", &unknown]).failed(4);
    let first = Envelope::<Roster>::from_bytes(&fs::read(fleet.roster()).unwrap()).unwrap();
    with(&["--roster-digest", &first.digest().to_string()]).ok();
}

#[test]
fn whatever_is_changed_in_the_file_is_noticed() {
    let fleet = Fleet::insecure();
    let second = second_roster(&fleet, |_| {});
    let honest = || request(&fleet, &second, FAR);
    let batch = |change: &dyn Fn(&mut Batch), by: &PrivateKey| {
        let mut batch = Envelope::<Batch>::from_bytes(&honest().batch.0).unwrap().document;
        change(&mut batch);
        let mut batch = Envelope::unsigned(batch);
        batch.sign(second.document.fleet, by);
        ApprovalRequest { batch: Base64(batch.to_bytes()), ..honest() }
    };
    let (controller, stranger) = (controllers_key(&fleet), PrivateKey::from_seed(&[9; 32]));
    let mut by_one = Envelope::unsigned(second.document.clone());
    by_one.sign(second.document.fleet, &key(&fleet, "root-1"));
    let first = || Base64(fs::read(fleet.roster()).unwrap());
    let mut fewer = honest();
    fewer.members.pop();
    let mut renamed = honest();
    renamed.members[0].terminal = TerminalId::from_bytes([9; 16]);
    let mut twice = honest();
    twice.members.push(twice.members[0].clone());
    let cases = [
        ("a batch by nobody known", batch(&|_| {}, &stranger)),
        ("a batch by an approver alone", batch(&|_| {}, &key(&fleet, "approver-1"))),
        ("a batch for more terminals", batch(&|it| it.terminals = 300, &controller)),
        ("a batch for nobody", batch(&|it| it.terminals = 0, &controller)),
        ("a terminal less on the list", fewer),
        ("another terminal on the list", renamed),
        ("a terminal twice on the list", twice),
        (
            "a roster that one root key signed",
            ApprovalRequest { rosters: vec![first(), Base64(by_one.to_bytes())], ..honest() },
        ),
        ("a roster out of turn", {
            let rosters = vec![first(), first()];
            ApprovalRequest { rosters, ..honest() }
        }),
        ("another fleet's name", {
            let fleet = shared::id::FleetId::from_bytes([1; 16]);
            ApprovalRequest { fleet, ..honest() }
        }),
    ];
    for (what, request) in cases {
        let file = written(&fleet, &request);
        let ran = sign(&fleet, &file, "approver-1", &FOR_THREE);
        assert_eq!(ran.code, Some(4), "{what}: {}{}", ran.out, ran.err);
    }
    let file = written(&fleet, &honest());
    sign(&fleet, &file, "approver-1", &FOR_THREE).ok();
    let garbage = fleet.beside("garbage.json");
    fs::write(&garbage, "{}").unwrap();
    sign(&fleet, &garbage, "approver-1", &FOR_THREE).failed(1);
}

#[test]
fn what_is_over_is_signed_by_nobody() {
    let fleet = Fleet::insecure();
    let over = UnixTime(now() - 3600);
    let file = written(&fleet, &request(&fleet, &second_roster(&fleet, |_| {}), over));
    let refused = sign(&fleet, &file, "approver-1", &FOR_THREE).failed(1);
    assert!(refused.contains("its time was over"), "{refused}");
    // A till may be working on it still, and is told that it shall not.
    let (key, roster) = (fleet.key("approver-2"), fleet.roster());
    let cancel = ["approve", "cancel", text(&file), "--key", text(&key), "--insecure-dev", "--yes"];
    let said = run(&[&cancel, &["--roster", text(&roster)][..]].concat()).ok();
    assert!(said.contains("approver-2 has cancelled it."), "{said}");
}

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

#[test]
fn one_approver_writes_a_cancellation_and_nobody_signs_the_file_any_more() {
    let (fleet, file) = waiting();
    let (key, roster) = (fleet.key("approver-2"), fleet.roster());
    let arguments = ["approve", "cancel", text(&file), "--key", text(&key), "--insecure-dev"];
    let more = ["--roster", text(&roster), "--reason", "wrong day"];
    let unasked = run(&[&arguments, more.as_slice()].concat()).failed(1);
    assert!(unasked.contains("--yes"), "{unasked}");
    let said = run(&[&arguments, more.as_slice(), &["--yes"]].concat()).ok();
    assert!(said.contains("approver-2 has cancelled it."), "{said}");
    let refused = sign(&fleet, &file, "approver-1", &FOR_THREE).failed(1);
    assert!(refused.contains("carries a cancellation"), "{refused}");
    let request: ApprovalRequest = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let wish = Envelope::<Batch>::from_bytes(&request.cancellation.unwrap().0).unwrap().document;
    let Change::Cancel(cancel) = wish.change else { panic!("{wish:?}") };
    assert_eq!((cancel.batch, cancel.reason.as_str()), (BatchId::from_bytes([6; 16]), "wrong day"));
}

#[test]
fn a_file_goes_out_once_and_comes_back_as_signatures_or_as_a_cancellation() {
    let fleet = Fleet::insecure();
    let api = FakeApi::start(&fleet);
    let context = fleet.context_for(api.port);
    let out = request(&fleet, &second_roster(&fleet, |_| {}), FAR);
    let id = out.campaign.to_string();
    let (file, path) = (fleet.beside("out.json"), format!("/v1/approvals/{id}"));
    api.say(&format!("GET {path}/request"), [(200, serde_json::to_value(&out).unwrap())]);
    let approval = json!({
        "campaign": id, "name": null, "state": "running", "batch": BatchId::from_bytes([6; 16]),
        "digest": "00".repeat(32), "what": "Ask each terminal to answer", "terms": [],
        "terminals": 3, "where": "*", "requested_at": 1, "created_by": "ana", "not_after": 2,
        "roster_version": 2, "approvers_needed": 2, "signed_by": [],
    });
    for what in ["signatures", "cancel"] {
        api.say(&format!("POST {path}/{what}"), [(200, approval.clone())]);
    }
    let approve =
        |arguments: &[&str]| run(&[&["--context", text(&context), "approve"], arguments].concat());
    approve(&["export", &id, "--to", text(&file)]).ok();
    let again = approve(&["export", &id, "--to", text(&file)]).failed(1);
    assert!(again.contains("it may hold signatures"), "{again}");
    sign(&fleet, &file, "approver-1", &FOR_THREE).ok();
    approve(&["import", text(&file)]).ok();
    let sent: ApprovalRequest = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    assert_eq!(api.heard().last().unwrap().body, sent.batch.0);
    let key = fleet.key("approver-2");
    let cancel = ["cancel", &id, "--key", text(&key), "--insecure-dev", "--yes"];
    approve(&cancel).ok();
    let last = api.heard().pop().unwrap();
    assert_eq!(last.what, format!("POST {path}/cancel"));
    assert!(Envelope::<Batch>::from_bytes(&last.body).is_ok());
}
