//! What approvers are asked for and bring back, over HTTPS.

use reqwest::{Method, Response};
use serde_json::{Value, json};
use shared::change::Verb;
use shared::document::roster::{Role, RosterKey};
use shared::document::{Batch, Roster};
use shared::floor::{Requirement, Signers};
use shared::membership::Membership;
use shared::signature::Envelope;

use super::campaigns::{created, fleet};
use super::fixture::{Fixture, key, problem, roster};
use crate::api::model::{Approval, ApprovalRequest, CampaignState};
use crate::api::now;
use crate::campaign::approval::cancellation;
use crate::registry::audit::By;

/// From now on two approvers must sign an upgrade: 31 and 32 are gil's and han's keys, and 33 is
/// gil's again.
async fn require_two(fixture: &Fixture) {
    let registry = &fixture.api.registry;
    let newest = registry.newest_roster().await.unwrap().unwrap();
    let mut next = roster(fixture.api.fleet, newest.version + 1, Some(newest.digest)).document;
    for (number, owner) in [(31, "gil"), (32, "han"), (33, "gil")] {
        let public = key(number).public();
        let (id, owner) = (public.key_id(), owner.to_owned());
        next.keys.push(RosterKey { id, role: Role::Approver, owner, public });
    }
    next.keys.sort_by_key(|key| key.id);
    let two = Requirement { signers: Signers::Controller, approvers: 2 };
    next.requirements.insert(Verb::Upgrade, two);
    let by = By { who: "test".into(), why: String::new(), at: now() };
    registry.add_roster(&Envelope::unsigned(next), &by).await.unwrap();
}

/// An upgrade of two terminals that waits for approvers.
async fn waiting() -> (Fixture, String) {
    let (fixture, release) = fleet().await;
    require_two(&fixture).await;
    let id = created(&fixture, release).await;
    let started = fixture.post(&format!("/v1/campaigns/{id}/start"), json!({})).await;
    let started: Value = started.json().await.unwrap();
    assert_eq!(started["state"], "awaiting-approval");
    (fixture, id)
}

async fn request(fixture: &Fixture, id: &str) -> ApprovalRequest {
    fixture.get(&format!("/v1/approvals/{id}/request")).await.json().await.unwrap()
}

async fn bring(fixture: &Fixture, id: &str, what: &str, bytes: Vec<u8>) -> Response {
    let request = fixture.operator(Method::POST, &format!("/v1/approvals/{id}/{what}"));
    request.header("content-type", "application/cbor").body(bytes).send().await.unwrap()
}

/// The batch of the request with the signatures of these keys.
fn signed(fixture: &Fixture, request: &ApprovalRequest, keys: &[u8]) -> Vec<u8> {
    let mut batch = Envelope::<Batch>::from_bytes(&request.batch.0).unwrap();
    keys.iter().for_each(|number| batch.sign(fixture.api.fleet, &key(*number)));
    batch.to_bytes()
}

#[tokio::test]
async fn a_request_says_in_words_and_proves_what_is_to_be_signed() {
    let (fixture, id) = waiting().await;
    let listed: Value = fixture.get("/v1/approvals").await.json().await.unwrap();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    let shown = fixture.get(&format!("/v1/approvals/{id}")).await;
    let shown: Approval = shown.json().await.unwrap();
    assert_eq!((shown.terminals, shown.approvers_needed, shown.roster_version), (2, 2, 2));
    assert_eq!(shown.what, "Install a release");
    let window = shown.terms.iter().find(|term| term.name == "window").unwrap();
    assert_eq!(window.value, "22:00-06:00 in each terminal's zone");
    assert!(shown.signed_by.is_empty());

    let request = request(&fixture, &id).await;
    let batch = Envelope::<Batch>::from_bytes(&request.batch.0).unwrap();
    assert_eq!((batch.digest(), batch.document.id), (shown.digest, shown.batch));
    let members = Membership::of(request.members.iter().map(|member| member.terminal));
    assert_eq!(members.root(), batch.document.root);
    let serials: Vec<_> = request.members.iter().map(|it| it.serial.as_str()).collect();
    assert_eq!(serials.len(), 2);
    assert!(serials.contains(&"PX-1") && serials.contains(&"PX-2"));
    let versions = request.rosters.iter().map(|it| Envelope::<Roster>::from_bytes(&it.0));
    let versions: Vec<_> = versions.map(|it| it.unwrap().document.version).collect();
    assert_eq!(versions, [1, 2]);
    assert!(request.release.is_some());
}

#[tokio::test]
async fn two_owners_signatures_start_it_and_each_is_written_down() {
    let (fixture, id) = waiting().await;
    let request = request(&fixture, &id).await;
    let first = bring(&fixture, &id, "signatures", signed(&fixture, &request, &[31])).await;
    let first: Approval = first.json().await.unwrap();
    assert_eq!(first.state, CampaignState::AwaitingApproval);
    let signers: Vec<_> = first.signed_by.iter().map(|it| it.owner.as_str()).collect();
    assert_eq!(signers, ["gil"]);
    assert!(first.signed_by[0].counts && first.signed_by[0].imported_by == "ana");
    let asked_about = request.members[0].terminal;
    let why = fixture.get(&format!("/v1/campaigns/{id}/why?terminal={asked_about}")).await;
    let why: Value = why.json().await.unwrap();
    let reason = &why["terminal"]["reason"];
    assert_eq!(reason["code"], "not-approved");
    let detail = reason["detail"].as_str().unwrap();
    assert!(detail.ends_with(": signed by 1 of 2 approvers"), "{detail}");

    for (keys, expected) in [(&[31][..], "exists"), (&[33], "exists"), (&[11], "not-approved")] {
        let refused = bring(&fixture, &id, "signatures", signed(&fixture, &request, keys)).await;
        assert_eq!(problem(refused).await, expected, "{keys:?}");
    }
    let refused = bring(&fixture, &id, "signatures", b"garbage".to_vec()).await;
    assert_eq!(problem(refused).await, "not-approved");

    let second = bring(&fixture, &id, "signatures", signed(&fixture, &request, &[32])).await;
    let second: Approval = second.json().await.unwrap();
    assert_eq!((second.state, second.signed_by.len()), (CampaignState::Running, 2));
    let late = bring(&fixture, &id, "signatures", signed(&fixture, &request, &[32])).await;
    assert_eq!(problem(late).await, "wrong-state");
    let listed: Value = fixture.get("/v1/approvals").await.json().await.unwrap();
    assert_eq!(listed["items"], json!([]), "nothing waits any more");
    let audit: Value = fixture.get("/v1/audit?limit=1000").await.json().await.unwrap();
    let about = audit["items"].as_array().unwrap().iter().filter(|entry| entry["object"] == *id);
    let said: Vec<_> = about.map(|entry| entry["what"].as_str().unwrap()).collect();
    let expected = [
        "campaign-created",
        "approval-requested",
        "approval-signed",
        "approval-signed",
        "campaign-approved",
    ];
    assert_eq!(said, expected);
}

#[tokio::test]
async fn an_approver_cancels_by_signature_and_an_operator_cannot_in_his_name() {
    let (fixture, id) = waiting().await;
    let request = request(&fixture, &id).await;
    let asked = Envelope::<Batch>::from_bytes(&request.batch.0).unwrap().document;
    let wish = |number: u8| {
        let mut wish = Envelope::unsigned(cancellation(request.campaign, &asked, "wrong day"));
        wish.sign(fixture.api.fleet, &key(number));
        wish.to_bytes()
    };
    let refused = bring(&fixture, &id, "cancel", wish(21)).await;
    assert_eq!(problem(refused).await, "not-approved");
    let cancelled = bring(&fixture, &id, "cancel", wish(32)).await;
    let cancelled: Approval = cancelled.json().await.unwrap();
    assert_eq!(cancelled.state, CampaignState::Aborted);
    let campaign: Value = fixture.get(&format!("/v1/campaigns/{id}")).await.json().await.unwrap();
    assert_eq!(campaign["state_reason"], "cancelled by han: wrong day");
    let late = bring(&fixture, &id, "signatures", signed(&fixture, &request, &[31])).await;
    assert_eq!(problem(late).await, "wrong-state");
}

#[tokio::test]
async fn what_needs_nobody_has_nothing_to_sign() {
    let (fixture, release) = fleet().await;
    let id = created(&fixture, release).await;
    let draft = fixture.get(&format!("/v1/approvals/{id}")).await;
    assert_eq!(problem(draft).await, "not-found");
    fixture.post(&format!("/v1/campaigns/{id}/start"), json!({})).await;
    let running = fixture.get(&format!("/v1/approvals/{id}/request")).await;
    assert_eq!(problem(running).await, "not-found");
    let nobody = fixture.client(None).get(fixture.url("/v1/approvals"));
    assert_eq!(problem(nobody.send().await.unwrap()).await, "token-missing");
}
