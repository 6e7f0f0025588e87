//! One owner after another, and everything that must not count.

use shared::change::Ping;
use shared::digest::Digest;
use shared::document::roster::Thresholds;
use shared::floor::Signers;
use shared::id::BatchId;
use shared::signature::PrivateKey;

use super::*;

const FLEET: FleetId = FleetId::from_bytes([1; 16]);
const NOW: UnixTime = UnixTime(1_000);
const END: UnixTime = UnixTime(2_000);

/// Keys of approvers by number; 4 is a second key of owner 3's.
const GIL: u8 = 1;
const HAN: u8 = 2;
const IDA: u8 = 3;
const IDA_AGAIN: u8 = 4;
const RELEASE: u8 = 10;
const CONTROLLER: u8 = 20;
const STRANGER: u8 = 30;

fn key(number: u8) -> PrivateKey {
    PrivateKey::from_seed(&[number; 32])
}

fn roster() -> Roster {
    let entry = |role, owner: &str, number: u8| {
        let public = key(number).public();
        RosterKey { id: public.key_id(), role, owner: owner.to_owned(), public }
    };
    let mut keys = vec![
        entry(Role::Approver, "gil", GIL),
        entry(Role::Approver, "han", HAN),
        entry(Role::Approver, "ida", IDA),
        entry(Role::Approver, "ida", IDA_AGAIN),
        entry(Role::Release, "rex", RELEASE),
        entry(Role::Controller, "controller-1", CONTROLLER),
    ];
    keys.sort_by_key(|key| key.id);
    let two = Requirement { signers: Signers::Controller, approvers: 2 };
    Roster {
        format: FORMAT,
        fleet: FLEET,
        version: 3,
        issued_at: UnixTime(0),
        expires_at: UnixTime(9_000),
        keys,
        thresholds: Thresholds { root: 2, release: 2 },
        requirements: [(Verb::Ping, two)].into(),
        recovery_recipients: Vec::new(),
        previous: None,
    }
}

fn campaign() -> CampaignId {
    CampaignId::from_bytes([5; 16])
}

fn asked() -> Batch {
    Batch {
        format: FORMAT,
        id: BatchId::from_bytes([6; 16]),
        change: Change::Ping(Ping { note: "hello".to_owned() }),
        terminals: 8,
        root: Digest([7; 32]),
        not_before: UnixTime(500),
        not_after: END,
    }
}

fn signed(batch: Batch, fleet: FleetId, keys: &[u8]) -> Vec<u8> {
    let mut envelope = Envelope::unsigned(batch);
    keys.iter().for_each(|number| envelope.sign(fleet, &key(*number)));
    envelope.to_bytes()
}

/// As it is stored, with these signatures.
fn stored(keys: &[u8]) -> StoredBatch {
    StoredBatch {
        digest: Envelope::unsigned(asked()).digest(),
        id: asked().id,
        campaign: campaign(),
        purpose: Purpose::Change,
        issue: Issue::FIRST,
        signed: SignedBytes::new(signed(asked(), FLEET, keys)),
        not_before: asked().not_before,
        not_after: asked().not_after,
    }
}

fn brought(to: &StoredBatch, bytes: &[u8]) -> Result<Gathered, ApprovalRefused> {
    let roster = roster();
    gather(to, bytes, Known { fleet: FLEET, roster: &roster, now: NOW })
}

fn bring(to: &[u8], keys: &[u8]) -> Result<Gathered, ApprovalRefused> {
    brought(&stored(to), &signed(asked(), FLEET, keys))
}

fn owners(gathered: &Gathered) -> Vec<&str> {
    gathered.signers.iter().map(|key| key.owner.as_str()).collect()
}

#[test]
fn copies_that_were_signed_apart_come_together_until_enough_owners_have_signed() {
    let first = bring(&[CONTROLLER], &[CONTROLLER, GIL]).unwrap();
    assert_eq!((owners(&first), first.is_approved), (vec!["gil"], false));
    let half = StoredBatch { signed: first.signed, ..stored(&[]) };
    let second = brought(&half, &signed(asked(), FLEET, &[CONTROLLER, IDA])).unwrap();
    assert_eq!((owners(&second), second.is_approved), (vec!["ida"], true));
    let reached = standing(second.signed.as_slice(), FLEET, &roster()).unwrap();
    assert_eq!(reached.owners, BTreeSet::from(["gil".to_owned(), "ida".to_owned()]));
    assert!(reached.is_approved);
    let at_once = bring(&[CONTROLLER], &[CONTROLLER, GIL, HAN]).unwrap();
    assert_eq!((owners(&at_once), at_once.is_approved), (vec!["gil", "han"], true));
}

#[test]
fn approvers_without_the_controller_are_not_enough() {
    assert!(!bring(&[], &[GIL, HAN]).unwrap().is_approved);
}

#[test]
fn one_owner_counts_once_whatever_keys_he_has() {
    let refused = bring(&[CONTROLLER], &[IDA, IDA_AGAIN]).unwrap_err();
    assert!(matches!(refused, ApprovalRefused::SameOwner { .. }), "{refused}");
    let refused = bring(&[CONTROLLER, IDA], &[IDA_AGAIN]).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "ida has signed already with another key: one owner counts once"
    );
}

#[test]
fn keys_of_other_roles_and_of_nobody_add_nothing() {
    for (number, owner) in [(RELEASE, "rex"), (CONTROLLER, "controller-1")] {
        let refused = bring(&[], &[number]).unwrap_err();
        let expected = format!("the key of {owner} is not an approver's key in roster 3");
        assert_eq!(refused.to_string(), expected);
    }
    let refused = bring(&[CONTROLLER], &[GIL, STRANGER]).unwrap_err();
    assert!(matches!(refused, ApprovalRefused::UnknownKey { .. }), "{refused}");
}

#[test]
fn what_is_here_already_is_nothing_new() {
    for again in [&[CONTROLLER, GIL][..], &[GIL], &[]] {
        let refused = bring(&[CONTROLLER, GIL], again).unwrap_err();
        assert!(matches!(refused, ApprovalRefused::NothingNew), "{refused}");
    }
}

#[test]
fn a_changed_batch_is_not_the_one_that_was_asked_for() {
    let recounted = Batch { terminals: 80, ..asked() };
    let refused = brought(&stored(&[CONTROLLER]), &signed(recounted, FLEET, &[GIL])).unwrap_err();
    assert!(refused.to_string().contains("a changed form of"), "{refused}");
    let other = Batch { id: BatchId::from_bytes([9; 16]), ..asked() };
    let refused = brought(&stored(&[CONTROLLER]), &signed(other.clone(), FLEET, &[GIL]));
    assert!(refused.unwrap_err().to_string().contains(&other.id.to_string()));
    let garbage = brought(&stored(&[CONTROLLER]), b"garbage").unwrap_err();
    assert!(matches!(garbage, ApprovalRefused::Unreadable(_)), "{garbage}");
}

#[test]
fn a_signature_for_another_fleet_or_a_damaged_one_is_false() {
    let other = FleetId::from_bytes([2; 16]);
    let refused = brought(&stored(&[CONTROLLER]), &signed(asked(), other, &[GIL])).unwrap_err();
    assert!(matches!(refused, ApprovalRefused::FalseSignature { .. }), "{refused}");
    let mut damaged = signed(asked(), FLEET, &[GIL]);
    let last = damaged.len() - 1;
    damaged[last] ^= 1;
    let refused = brought(&stored(&[CONTROLLER]), &damaged).unwrap_err();
    assert!(matches!(refused, ApprovalRefused::FalseSignature { .. }), "{refused}");
}

#[test]
fn nothing_is_added_after_its_time() {
    let roster = roster();
    let known = Known { fleet: FLEET, roster: &roster, now: END };
    let refused = gather(&stored(&[CONTROLLER]), &signed(asked(), FLEET, &[GIL]), known);
    assert!(matches!(refused, Err(ApprovalRefused::Expired(END))));
}

#[test]
fn a_key_that_has_left_the_roster_counts_no_more_and_its_owner_may_sign_anew() {
    let mut newer = roster();
    newer.keys.retain(|it| it.public != key(IDA).public());
    let before = stored(&[CONTROLLER, GIL, IDA]);
    assert!(!standing(before.signed.as_slice(), FLEET, &newer).unwrap().is_approved);
    let known = Known { fleet: FLEET, roster: &newer, now: NOW };
    let again = gather(&before, &signed(asked(), FLEET, &[IDA_AGAIN]), known).unwrap();
    assert!(again.is_approved);
}

fn cancel(bytes: &[u8], roster: &Roster) -> Result<Cancelled, ApprovalRefused> {
    let known = Known { fleet: FLEET, roster, now: NOW };
    check_cancellation(&stored(&[CONTROLLER]), bytes, known)
}

#[test]
fn any_one_approver_can_cancel_and_says_why() {
    let wish = cancellation(campaign(), &asked(), "wrong day");
    for (number, owner) in [(GIL, "gil"), (IDA_AGAIN, "ida")] {
        let cancelled = cancel(&signed(wish.clone(), FLEET, &[number]), &roster()).unwrap();
        assert_eq!(
            (cancelled.approver.owner.as_str(), cancelled.reason.as_str()),
            (owner, "wrong day")
        );
        assert_eq!(
            (cancelled.batch.purpose, cancelled.batch.campaign),
            (Purpose::Cancel, campaign())
        );
    }
}

#[test]
fn nobody_else_can_and_only_what_was_asked_for() {
    let wish = || cancellation(campaign(), &asked(), "");
    for number in [RELEASE, CONTROLLER] {
        let refused = cancel(&signed(wish(), FLEET, &[number]), &roster()).unwrap_err();
        assert!(matches!(refused, ApprovalRefused::NotAnApprover { .. }), "{refused}");
    }
    let refused = cancel(&signed(wish(), FLEET, &[]), &roster()).unwrap_err();
    assert!(matches!(refused, ApprovalRefused::NothingNew), "{refused}");
    let other = CampaignId::from_bytes([8; 16]);
    let wishes = [
        cancellation(other, &asked(), ""),
        Batch { terminals: 9, ..wish() },
        Batch { root: Digest([8; 32]), ..wish() },
        Batch { not_after: UnixTime(3_000), ..wish() },
        asked(),
    ];
    for wish in wishes {
        let refused = cancel(&signed(wish, FLEET, &[GIL]), &roster()).unwrap_err();
        assert!(matches!(refused, ApprovalRefused::NotItsCancellation { .. }), "{refused}");
    }
}

#[test]
fn where_the_roster_asks_more_people_to_cancel_one_is_too_few() {
    let mut strict = roster();
    let two = Requirement { signers: Signers::ControllerOrApprover, approvers: 2 };
    strict.requirements.insert(Verb::Cancel, two);
    let wish = || cancellation(campaign(), &asked(), "");
    let refused = cancel(&signed(wish(), FLEET, &[GIL]), &strict).unwrap_err();
    assert!(matches!(refused, ApprovalRefused::CancelNeedsMore { need: 2, .. }), "{refused}");
    assert!(cancel(&signed(wish(), FLEET, &[GIL, HAN]), &strict).is_ok());
}
