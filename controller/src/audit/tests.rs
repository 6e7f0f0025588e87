//! The log grows, is proven, and calls people when somebody changed it.

use std::path::{Path, PathBuf};

use shared::digest::Digest;
use shared::document::{Checkpoint, FORMAT};
use shared::id::FleetId;
use shared::signature::{Envelope, PrivateKey};

use super::*;
use crate::registry;
use crate::registry::audit::By;

const NOW: UnixTime = UnixTime(1_800_000_000);

fn signer(seed: u8) -> Arc<Signer> {
    Arc::new(Signer::new(FleetId::from_bytes([1; 16]), PrivateKey::from_seed(&[seed; 32])))
}

fn terminal(number: u8) -> TerminalId {
    TerminalId::from_bytes([number; 16])
}

async fn decide(registry: &dyn Registry, count: u64) {
    for number in 0..count {
        let by = By { who: "ana".to_owned(), why: format!("for {number}"), at: NOW };
        registry.note("looked", "terminal", &by).await.unwrap();
    }
}

/// A log of so many entries, signed for.
async fn log_of(count: u64) -> Log {
    let registry = registry::in_memory().await.unwrap();
    decide(&*registry, count).await;
    Log::new(registry, signer(1))
}

async fn alarms(log: &Log) -> Vec<(Option<TerminalId>, AlarmKind, String)> {
    let alarms = log.registry.alarms(&Page::first(9)).await.unwrap();
    alarms.into_iter().map(|(_, it)| (it.terminal, it.kind, it.subject)).collect()
}

fn head(checkpoint: &StoredCheckpoint) -> LogHead {
    LogHead { size: checkpoint.size, root: checkpoint.root }
}

#[tokio::test]
async fn every_entry_is_proven_and_every_checkpoint_extends_those_before() {
    let log = log_of(0).await;
    assert_eq!(log.checkpoint(NOW).await.unwrap(), None, "nothing was decided");
    let mut before: Vec<StoredCheckpoint> = Vec::new();
    for _ in 0..5 {
        decide(&*log.registry, 7).await;
        let newest = log.checkpoint(NOW).await.unwrap().unwrap();
        assert_eq!(newest.size, before.len() as u64 * 7 + 7);
        assert_eq!(log.checkpoint(NOW).await.unwrap().as_ref(), Some(&newest), "nothing is new");
        let said = Envelope::<Checkpoint>::from_bytes(newest.signed.as_slice()).unwrap().document;
        let (size, root) = (newest.size, newest.root);
        assert_eq!(said, Checkpoint { format: FORMAT, size, root, at: NOW });
        for old in &before {
            let path = log.growth(old.size, size).await.unwrap().unwrap();
            assert!(log_tree::extends((old.size, old.root), (size, root), &path));
        }
        for seq in 1..=size {
            let proven = log.prove(seq, NOW).await.unwrap().unwrap();
            assert_eq!(proven.entry.seq, seq);
            let leaf = proven.entry.leaf();
            assert!(log_tree::includes(leaf, seq - 1, size, root, &proven.path));
        }
        assert_eq!(log.prove(size + 1, NOW).await.unwrap(), None);
        assert_eq!(log.prove(0, NOW).await.unwrap(), None);
        assert_eq!(log.growth(size + 1, size).await.unwrap(), None);
        before.push(newest);
    }
    assert_eq!(log.growth(0, 35).await.unwrap(), Some(vec![]));
}

#[tokio::test]
async fn a_log_that_was_there_before_the_tree_comes_into_it_page_by_page() {
    let log = log_of(u64::from(PAGE_ITEMS_MAX) + 5).await;
    assert_eq!(log.step(NOW).await.unwrap(), Progress::MoreToDo);
    let first = log.registry.newest_checkpoint().await.unwrap().unwrap();
    assert_eq!(first.size, u64::from(PAGE_ITEMS_MAX));
    assert_eq!(log.step(NOW).await.unwrap(), Progress::Settled);
    let all = log.registry.newest_checkpoint().await.unwrap().unwrap();
    assert_eq!(all.size, u64::from(PAGE_ITEMS_MAX) + 5);
    let path = log.growth(first.size, all.size).await.unwrap().unwrap();
    assert!(log_tree::extends((first.size, first.root), (all.size, all.root), &path));
}

#[tokio::test]
async fn two_that_grow_it_at_once_keep_one_tree() {
    let log = log_of(20).await;
    let other = Log::new(Arc::clone(&log.registry), signer(1));
    let (one, two) = tokio::join!(log.step(NOW), other.step(NOW));
    assert!(one.is_ok() && two.is_ok());
    let newest = log.checkpoint(NOW).await.unwrap().unwrap();
    let entries = log.registry.audit(&Page::first(99)).await.unwrap();
    let mut edge = Edge::default();
    entries.iter().for_each(|it| drop(edge.push(it.leaf())));
    assert_eq!((newest.size, newest.root), (20, edge.root()));
}

#[tokio::test]
async fn a_terminal_is_told_what_it_lacks_and_nothing_twice() {
    let log = log_of(9).await;
    let nobody = log.greets(terminal(1), None, None, NOW).await.unwrap();
    assert_eq!(nobody, None, "nothing was signed yet");
    let first = log.checkpoint(NOW).await.unwrap().unwrap();
    let told = log.greets(terminal(1), None, Some(&first), NOW).await.unwrap().unwrap();
    assert_eq!((told.checkpoint, told.path), (first.signed.clone(), vec![]));
    decide(&*log.registry, 4).await;
    let second = log.checkpoint(NOW).await.unwrap().unwrap();
    let knows = Some(head(&first));
    let told = log.greets(terminal(1), knows, Some(&second), NOW).await.unwrap().unwrap();
    let (old, new) = ((first.size, first.root), (second.size, second.root));
    assert!(log_tree::extends(old, new, &told.path));
    let knows = Some(head(&second));
    assert_eq!(log.greets(terminal(1), knows, Some(&second), NOW).await.unwrap(), None);
    assert_eq!(log.greets(terminal(1), knows, Some(&first), NOW).await.unwrap(), None);
    assert_eq!(alarms(&log).await, []);
}

/// Two groups of terminals that were shown two logs are found out when one of them speaks to the
/// other's controller; so is a registry that was set back.
#[tokio::test]
async fn whoever_remembers_another_log_calls_people() {
    let (ours, theirs) = (log_of(9).await, log_of(12).await);
    let newest = ours.checkpoint(NOW).await.unwrap().unwrap();
    let other = theirs.checkpoint(NOW).await.unwrap().unwrap();
    let who = crate::registry::conformance::enrol(&*ours.registry, 1, 1).await.id;
    for (at, knows) in [(9, LogHead { size: 9, root: other.root }), (12, head(&other))] {
        for _ in 0..2 {
            let told = ours.greets(who, Some(knows), Some(&newest), NOW).await.unwrap();
            assert_eq!(told, None, "it is told nothing that it could not believe");
        }
        let newest = alarms(&ours).await.remove(0);
        assert_eq!(newest, (Some(who), AlarmKind::AuditForked, at.to_string()));
    }
    assert_eq!(alarms(&ours).await.len(), 2, "one for each size");
}

/// A log of so many entries that nobody has signed for, in a file that somebody else has too.
async fn in_a_file(directory: &tempfile::TempDir, count: u64) -> (Log, PathBuf) {
    let file = directory.path().join("registry.sqlite");
    let registry = registry::open(&format!("sqlite:{}", file.display())).await.unwrap();
    registry.migrate().await.unwrap();
    decide(&*registry, count).await;
    (Log::new(registry, signer(1)), file)
}

/// Somebody has the registry's file, and the triggers are no hindrance.
async fn change(file: &Path, statements: &[&str]) {
    let off = [
        "DROP TRIGGER audit_is_not_changed",
        "DROP TRIGGER audit_is_not_shortened",
        "DROP TRIGGER audit_tree_not_shortened",
    ];
    registry::tamper(file, &[&off, statements].concat()).await;
}

#[tokio::test]
async fn nothing_is_signed_that_does_not_follow_from_what_was_signed() {
    let moved = "UPDATE audit SET seq = 125 - seq WHERE seq IN (112, 113)";
    let cases: [(&str, &[&str]); 4] = [
        ("12", &["UPDATE audit SET who = 'eve' WHERE seq = 12"]),
        ("12", &["DELETE FROM audit WHERE seq = 12"]),
        ("11", &["DELETE FROM audit WHERE seq <= 11"]),
        ("12", &["UPDATE audit SET seq = seq + 100 WHERE seq IN (12, 13)", moved]),
    ];
    for (about, statements) in cases {
        let directory = tempfile::tempdir().unwrap();
        let (log, file) = in_a_file(&directory, 10).await;
        let signed = log.checkpoint(NOW).await.unwrap().unwrap();
        decide(&*log.registry, 5).await;
        change(&file, statements).await;
        for _ in 0..2 {
            let refused = log.step(NOW).await.unwrap_err();
            assert!(matches!(refused, LogError::Broken(_)), "{refused}");
            assert!(refused.hint().is_some());
        }
        assert_eq!(log.registry.newest_checkpoint().await.unwrap(), Some(signed));
        let raised = (None, AlarmKind::AuditBroken, about.to_owned());
        assert_eq!(alarms(&log).await, [raised], "{statements:?}");
    }
}

#[tokio::test]
async fn an_old_entry_that_was_changed_is_not_proven() {
    let directory = tempfile::tempdir().unwrap();
    let (log, file) = in_a_file(&directory, 10).await;
    log.checkpoint(NOW).await.unwrap();
    // The digest fits again, and the chain behind it does not matter: the tree remembers.
    let by = By { who: "eve".to_owned(), why: String::new(), at: NOW };
    let entries = log.registry.audit(&Page::first(2)).await.unwrap();
    let newest = entries.last().map(|it| (it.seq, it.digest));
    let other = AuditEntry::after(newest, &by, "looked", "terminal");
    let set = format!(
        "UPDATE audit SET who = 'eve', detail = '', digest = '{}' WHERE seq = 3",
        other.digest
    );
    change(&file, &[&set]).await;
    let refused = log.prove(3, NOW).await.unwrap_err();
    assert!(matches!(refused, LogError::Broken(Broken::Changed(3))), "{refused}");
    assert_eq!(alarms(&log).await, [(None, AlarmKind::AuditBroken, "3".to_owned())]);
    assert!(log.prove(4, NOW).await.unwrap().is_some(), "the others are as they were");
}

#[tokio::test]
async fn a_tree_that_lost_a_part_says_which() {
    let directory = tempfile::tempdir().unwrap();
    let (log, file) = in_a_file(&directory, 6).await;
    log.checkpoint(NOW).await.unwrap();
    change(&file, &["DELETE FROM audit_tree WHERE node = '2/0'"]).await;
    decide(&*log.registry, 1).await;
    let torn = log.step(NOW).await.unwrap_err();
    assert!(matches!(torn, LogError::Torn(At { level: 2, at: 0 })), "{torn}");
    assert_ne!(Digest::of(&[]), log.registry.newest_checkpoint().await.unwrap().unwrap().root);
}
