//! The end of backups: what expires, comes back, is purged and certified.

use shared::backup::{Kind, Selection, SnapshotOf};
use shared::change::{Change, Restore};
use shared::digest::Digest;
use shared::document::purge_certificate::{KeepRules, PurgeReason};
use shared::id::RepositoryId;
use shared::membership::Membership;
use shared::message::SignedBytes;
use shared::time::UnixTime;

use super::backups::{REPOSITORY, add, hand_in, key, open_repository, snapshot, state};
use super::fixture::{batch, by, campaign_id, enrol, new_campaign, one_wave, terminal_id};
use crate::backup::ObjectKey;
use crate::backup::state::SnapshotState;
use crate::campaign::state::CampaignEvent;
use crate::registry::Registry;
use crate::registry::backup::Admitted;
use crate::registry::backup::retention::{Emptying, HoldRefused, NewCertificate, NotBegun, Side};
use crate::registry::backup::snapshot::{DueObject, Examined, ObjectState};
use crate::registry::campaign::{AfterStart, Campaign, NewCampaign, Purpose, Start};
use crate::registry::page::Page;

fn not_kept() -> PurgeReason {
    PurgeReason::NotKept { rules: KeepRules { last: 1, daily: 2, weekly: 3, monthly: 4 } }
}

/// Terminal 1 has one snapshot, which is available.
pub(super) async fn one_available(registry: &dyn Registry) {
    open_repository(registry).await;
    assert_eq!(add(registry, key(Kind::Snapshots, 3)).await, Ok(Admitted::New));
    assert_eq!(hand_in(registry, 1).await, Ok(Admitted::New));
    prove(registry).await;
    assert_eq!(state(registry).await, SnapshotState::Available);
}

pub(super) async fn prove(registry: &dyn Registry) {
    let due = registry.objects_due(UnixTime(1000), 100).await.expect("a list");
    let proven = |object: DueObject| Examined {
        object: DueObject { state: ObjectState::Proven, copied_at: Some(UnixTime(40)), ..object },
        due_at: UnixTime(9000),
        alarm: None,
    };
    let examined: Vec<_> = due.into_iter().map(proven).collect();
    registry.examined(&examined, UnixTime(40)).await.expect("it is noted");
}

async fn expire(registry: &dyn Registry, at: i64) -> u64 {
    let going = [(snapshot(1).digest, not_kept())];
    registry.expire(&going, UnixTime(at), None).await.expect("it is noted")
}

async fn hold(registry: &dyn Registry, held: bool, at: i64) -> Result<(), HoldRefused> {
    let by = by("op", at);
    registry.hold_snapshot(snapshot(1).digest, held, &by).await.expect("it is known")
}

async fn begin(registry: &dyn Registry, expired_by: i64, at: i64) -> Result<(), NotBegun> {
    begin_of(registry, REPOSITORY, expired_by, at).await
}

async fn begin_of(
    registry: &dyn Registry,
    id: RepositoryId,
    expired_by: i64,
    at: i64,
) -> Result<(), NotBegun> {
    let by = by("retention", at);
    registry.begin_purge(id, UnixTime(expired_by), &by).await.expect("it is asked")
}

/// A campaign that goes on, and restores the snapshot onto terminal 2.
async fn restore(registry: &dyn Registry) -> Campaign {
    enrol(registry, 2, 1).await;
    let of = SnapshotOf {
        terminal: terminal_id(1),
        repository: REPOSITORY,
        snapshot: Digest([3; 32]),
        manifest: snapshot(1).digest,
    };
    let restore = Restore { of, selection: Selection::Everything, key: None, window: None };
    let new = NewCampaign { change: Change::Restore(restore), ..new_campaign(7) };
    registry.add_campaign(&new, &by("op", 10)).await.expect("it is created");
    let members = vec![terminal_id(2)];
    let start = Start {
        root: Membership::of(members.clone()).root(),
        waves: one_wave(members.len()),
        members,
        batch: batch(7, Purpose::Change),
        not_after: UnixTime(9_000),
        then: AfterStart::Run,
    };
    let started = registry.start_campaign(campaign_id(7), &start, &by("op", 11)).await;
    started.expect("it is started")
}

async fn close(registry: &dyn Registry, at: i64) {
    registry.revoke_terminal(terminal_id(1), &by("op", at)).await.expect("it is revoked");
}

pub(super) async fn what_expires_comes_back_by_being_held_until_its_purge_begins(
    registry: &dyn Registry,
) {
    one_available(registry).await;
    let holding = registry.holding(terminal_id(1)).await.expect("it is read").expect("it is known");
    assert_eq!((holding.serial.as_str(), holding.closed_at), ("SN-001", None));
    assert!(holding.snapshots[0].is_whole && !holding.snapshots[0].is_held);
    assert_eq!(registry.holding(terminal_id(9)).await.expect("it is read"), None);
    assert_eq!(registry.holders(None, 10).await.expect("a list"), [terminal_id(1)]);
    assert_eq!(registry.holders(Some(terminal_id(1)), 10).await.expect("a list"), []);

    assert_eq!((expire(registry, 50).await, expire(registry, 60).await), (1, 0));
    assert_eq!(state(registry).await, SnapshotState::Expiring);
    let newest = registry.newest_snapshot(terminal_id(1)).await.expect("it is looked up");
    assert_eq!(newest.available, None, "nobody is offered what goes");
    let holding = registry.holding(terminal_id(1)).await.expect("it is read").expect("it is known");
    let it = &holding.snapshots[0];
    assert_eq!((it.state_at, it.is_whole), (UnixTime(50), true));
    assert_eq!(it.expires_for, Some(not_kept()));
    prove(registry).await;
    assert_eq!(state(registry).await, SnapshotState::Expiring, "it is no less whole for that");

    assert_eq!(hold(registry, true, 60).await, Ok(()));
    assert_eq!(state(registry).await, SnapshotState::Available);
    assert_eq!(expire(registry, 70).await, 0, "it is held");
    assert_eq!(hold(registry, false, 70).await, Ok(()));
    let asked = PurgeReason::Asked { by: "op".into(), reason: "r".into(), last_copy: true };
    let going = [(snapshot(1).digest, asked.clone())];
    assert_eq!(expire(registry, 80).await, 1);
    let again = registry.expire(&going, UnixTime(90), Some(&by("op", 90))).await;
    assert_eq!(again.expect("it is noted"), 1, "an operator's word is another reason");
    let known = registry.snapshot(snapshot(1).digest).await.expect("it is read");
    let known = known.expect("it is known");
    assert_eq!((known.expires_for, known.state_at), (Some(asked), UnixTime(90)));
    let staying = [snapshot(1).digest];
    let kept = registry.keep_again(&staying, &by("retention", 95)).await;
    assert_eq!(kept.expect("it is noted"), 1);
    let kept = registry.keep_again(&staying, &by("retention", 96)).await;
    assert_eq!(kept.expect("it is noted"), 0);
    assert_eq!(state(registry).await, SnapshotState::Available);

    close(registry, 100).await;
    assert_eq!(expire(registry, 100).await, 1);
    assert_eq!(begin(registry, 100, 200).await, Ok(()));
    let refused = HoldRefused::Purging { repository: REPOSITORY, since: UnixTime(200) };
    assert_eq!(hold(registry, true, 201).await, Err(refused));
    let kept = registry.keep_again(&staying, &by("retention", 201)).await;
    assert_eq!(kept.expect("it is noted"), 0);
    assert_eq!(state(registry).await, SnapshotState::Expiring);
}

pub(super) async fn a_purge_begins_only_when_all_of_a_closed_repository_has_expired(
    registry: &dyn Registry,
) {
    one_available(registry).await;
    assert_eq!(begin(registry, 100, 100).await, Err(NotBegun::Open));
    close(registry, 50).await;
    let closed = registry.holding(terminal_id(1)).await.expect("it is read").expect("it is known");
    assert_eq!(closed.closed_at, Some(UnixTime(50)));
    assert_eq!(closed.repositories[0].closed_at, Some(UnixTime(50)));
    assert_eq!(begin(registry, 49, 100).await, Err(NotBegun::Kept), "it was just closed");
    assert_eq!(begin(registry, 100, 100).await, Err(NotBegun::Kept), "a snapshot stays");
    assert_eq!(expire(registry, 60).await, 1);
    assert_eq!(begin(registry, 59, 100).await, Err(NotBegun::Kept), "its time is not over");
    assert_eq!(hold(registry, true, 70).await, Ok(()));
    assert_eq!(begin(registry, 100, 100).await, Err(NotBegun::Kept), "it is held");
    assert_eq!(hold(registry, false, 70).await, Ok(()));
    assert_eq!(expire(registry, 70).await, 1);
    let campaign = restore(registry).await;
    assert_eq!(begin(registry, 70, 100).await, Err(NotBegun::Restoring(campaign.id)));
    let by = by("op", 80);
    registry.move_campaign(&campaign, CampaignEvent::Abort, &by).await.expect("it is aborted");
    registry.settle_campaign(campaign.id, UnixTime(80)).await.expect("it is over");
    assert_eq!(begin(registry, 70, 100).await, Ok(()));
    assert_eq!(begin(registry, 70, 101).await, Err(NotBegun::NotThere), "it is begun once");
    let elsewhere = RepositoryId::from_bytes([99; 16]);
    assert_eq!(begin_of(registry, elsewhere, 70, 100).await, Err(NotBegun::NotThere));
    // Nobody looks at what is being deleted, so that nobody misses it.
    let due = registry.objects_due(UnixTime(i64::MAX - 1), 10).await.expect("a list");
    assert_eq!(due, []);
    assert_eq!(registry.examine_again(REPOSITORY, UnixTime(110)).await.expect("it is asked"), 0);
}

pub(super) async fn a_purge_is_finished_once_and_gives_its_bytes_back(registry: &dyn Registry) {
    one_available(registry).await;
    close(registry, 50).await;
    assert_eq!(expire(registry, 60).await, 1);
    assert_eq!(begin(registry, 60, 100).await, Ok(()));
    let purges = registry.purges(10).await.expect("a list");
    let [purge] = purges.as_slice() else { panic!("{purges:?}") };
    assert_eq!((purge.repository.id, purge.serial.as_str()), (REPOSITORY, "SN-001"));
    assert_eq!((purge.begun_at, purge.is_expected), (UnixTime(100), true));
    assert_eq!(purge.places, [Emptying::default(); 2]);
    let leaving = registry.leaving(REPOSITORY).await.expect("a list");
    assert_eq!((leaving[0].0.number, &leaving[0].1), (1, &not_kept()));

    let certificate = |at: i64| NewCertificate {
        repository: REPOSITORY,
        digest: Digest([8; 32]),
        signed: SignedBytes::new(vec![u8::try_from(at).expect("a byte")]),
        finished_at: UnixTime(at),
    };
    let finish = async |at| {
        let finished = registry.finish_purge(&certificate(at), &by("retention", at)).await;
        finished.expect("it is noted")
    };
    assert!(!finish(110).await, "neither place is empty");
    let gone = Emptying { last_at: Some(UnixTime(105)), gone_at: Some(UnixTime(106)) };
    registry.note_emptying(REPOSITORY, Side::Second, gone).await.expect("it is noted");
    assert!(!finish(110).await, "one place is not empty");
    let last = Emptying { gone_at: None, ..gone };
    registry.note_emptying(REPOSITORY, Side::First, last).await.expect("it is noted");
    assert_eq!(registry.purges(10).await.expect("a list")[0].places, [last, gone]);
    assert!(!finish(110).await, "one place is not empty");
    registry.note_emptying(REPOSITORY, Side::First, gone).await.expect("it is noted");
    let used = async || {
        let any = ObjectKey { terminal: terminal_id(1), ..key(Kind::Data, 50) };
        registry.backup_standing(&any).await.expect("it is read").bytes_used
    };
    assert_eq!(used().await, 200);
    assert!(finish(120).await);
    assert!(!finish(121).await, "it is finished once");
    let kept = registry.purge_certificate(REPOSITORY).await.expect("it is read");
    assert_eq!(kept.expect("it is there").as_slice(), [120]);
    assert_eq!(used().await, 0);
    assert_eq!(state(registry).await, SnapshotState::Purged);
    assert_eq!(registry.purges(10).await.expect("a list"), []);
    assert_eq!(registry.holders(None, 10).await.expect("a list"), []);
    assert_eq!(expire(registry, 130).await, 0);
    let refused = HoldRefused::Purged { repository: REPOSITORY, at: UnixTime(120) };
    assert_eq!(hold(registry, true, 130).await, Err(refused));
    let audit = registry.audit(&Page::first(100)).await.expect("a list");
    let purges: Vec<_> = audit.iter().filter(|it| it.what.contains("purge")).collect();
    assert_eq!(
        purges.iter().map(|it| it.what.as_str()).collect::<Vec<_>>(),
        ["repository-purge-begun", "repository-purged"]
    );
}
