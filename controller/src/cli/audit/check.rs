//! Whether a log is the one that was signed for, and begins with the one that was known. Pure.

use shared::digest::Digest;
use shared::document::Checkpoint;
use shared::log_tree::{Edge, includes};

use crate::registry::audit::{AuditEntry, Broken, check_chain};

/// What to do where it is not.
pub(super) const HINT: &str = "keep the registry as it is, and compare it with a backup of it: \
                               somebody has changed the log, or shows you another one";

/// The same for a file that proves one entry.
pub(super) const HINT_OF_FILE: &str = "the file was changed, or is of another log: fetch it again \
                                       with `tillward audit prove`";

/// Why a log is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotTheLog {
    #[error(transparent)]
    Broken(#[from] Broken),
    #[error("the log has {found} entries, and {signed} were signed for")]
    Shorter { found: u64, signed: u64 },
    #[error("its first {size} entries are not those that the controller signed for")]
    NotSigned { size: u64 },
    #[error("its first {size} entries are not those that it had when you kept the checkpoint")]
    Forked { size: u64 },
    #[error("entry {seq} is not in the log that the controller signed for")]
    NotInIt { seq: u64 },
    #[error(
        "the checkpoint over {signed} entries is older than the one over {kept} that you kept, or \
         is of another log"
    )]
    Other { signed: u64, kept: u64 },
}

/// Goes through all entries.
pub(super) fn whole(
    entries: &[AuditEntry],
    newest: &Checkpoint,
    kept: Option<&Checkpoint>,
) -> Result<(), NotTheLog> {
    check_chain(None, entries)?;
    let found = entries.len() as u64;
    let longest = kept.map_or(newest.size, |it| it.size.max(newest.size));
    if found < longest {
        return Err(NotTheLog::Shorter { found, signed: longest });
    }
    let mut edge = Edge::default();
    for entry in entries {
        edge.push(entry.leaf());
        let size = edge.size();
        if size == newest.size && edge.root() != newest.root {
            return Err(NotTheLog::NotSigned { size });
        }
        if kept.is_some_and(|it| it.size == size && it.root != edge.root()) {
            return Err(NotTheLog::Forked { size });
        }
    }
    Ok(())
}

/// One entry, by its proof.
pub(super) fn one(
    entry: &AuditEntry,
    path: &[Digest],
    checkpoint: &Checkpoint,
    kept: Option<&Checkpoint>,
) -> Result<(), NotTheLog> {
    let seq = entry.seq;
    let at = seq.checked_sub(1).ok_or(NotTheLog::NotInIt { seq })?;
    if !entry.is_as_written() {
        return Err(Broken::Changed(seq).into());
    }
    if !includes(entry.leaf(), at, checkpoint.size, checkpoint.root, path) {
        return Err(NotTheLog::NotInIt { seq });
    }
    let (signed, root) = (checkpoint.size, checkpoint.root);
    match kept {
        Some(it) if signed == it.size && root != it.root => {
            Err(NotTheLog::Other { signed, kept: it.size })
        }
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use shared::document::FORMAT;
    use shared::time::UnixTime;

    use super::*;
    use crate::registry::audit::By;

    fn log(count: i64, who: &str) -> Vec<AuditEntry> {
        let mut newest = None;
        let mut entries = Vec::new();
        for number in 0..count {
            let by = By { who: who.to_owned(), why: "test".into(), at: UnixTime(number) };
            let entry = AuditEntry::after(newest, &by, "claim-made", "clm-1");
            newest = Some((entry.seq, entry.digest));
            entries.push(entry);
        }
        entries
    }

    fn checkpoint(entries: &[AuditEntry]) -> Checkpoint {
        let mut edge = Edge::default();
        entries.iter().for_each(|it| drop(edge.push(it.leaf())));
        let (size, root) = (edge.size(), edge.root());
        Checkpoint { format: FORMAT, size, root, at: UnixTime(1) }
    }

    #[test]
    fn a_log_is_believed_that_was_signed_for_and_begins_as_it_did() {
        let log = log(9, "ana");
        let [four, seven] = [4, 7].map(|size| checkpoint(&log[..size]));
        assert_eq!(whole(&log, &seven, None), Ok(()));
        assert_eq!(whole(&log, &seven, Some(&four)), Ok(()));
        assert_eq!(whole(&log[..7], &seven, Some(&seven)), Ok(()));
    }

    #[test]
    fn what_was_changed_dropped_added_or_moved_is_found() {
        let honest = log(9, "ana");
        let [four, seven] = [4, 7].map(|size| checkpoint(&honest[..size]));
        for at in 0..7 {
            let mut changed = honest.clone();
            changed[at].detail = "other".into();
            assert!(matches!(whole(&changed, &seven, None), Err(NotTheLog::Broken(_))));
            let mut dropped = honest.clone();
            dropped.remove(at);
            assert!(whole(&dropped, &seven, None).is_err());
            let mut moved = honest.clone();
            moved.swap(at, at + 1);
            assert!(whole(&moved, &seven, None).is_err());
            let mut added = honest.clone();
            added.insert(at, honest[at].clone());
            assert!(whole(&added, &seven, None).is_err());
        }
        // Somebody who can sign makes another log, chain and root and all.
        let other = log(9, "eve");
        let theirs = checkpoint(&other);
        assert_eq!(whole(&other, &seven, None), Err(NotTheLog::NotSigned { size: 7 }));
        assert_eq!(whole(&other, &theirs, None), Ok(()), "nobody remembers another one");
        assert_eq!(whole(&other, &theirs, Some(&four)), Err(NotTheLog::Forked { size: 4 }));
        let shorter = whole(&honest[..3], &checkpoint(&honest[..3]), Some(&four));
        assert_eq!(shorter, Err(NotTheLog::Shorter { found: 3, signed: 4 }));
    }

    #[test]
    fn one_entry_is_proven_by_its_path_and_no_other_is() {
        let log = log(2, "ana");
        let both = checkpoint(&log);
        let path = [log[1].leaf()];
        assert_eq!(one(&log[0], &path, &both, None), Ok(()));
        assert_eq!(one(&log[0], &path, &both, Some(&both)), Ok(()));
        let not = Err(NotTheLog::NotInIt { seq: 2 });
        assert_eq!(one(&log[1], &path, &both, None), not);
        let mut changed = log[0].clone();
        changed.who = "eve".into();
        assert!(matches!(one(&changed, &path, &both, None), Err(NotTheLog::Broken(_))));
        let other = checkpoint(&self::log(2, "eve"));
        let forked = one(&log[0], &path, &both, Some(&other));
        assert_eq!(forked, Err(NotTheLog::Other { signed: 2, kept: 2 }));
    }
}
