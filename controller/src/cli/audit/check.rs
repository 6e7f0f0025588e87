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

/// A log that is gone through from its beginning, page by page: no more of it is kept than its
/// right edge.
#[derive(Clone, Debug)]
pub(super) struct Reading<'a> {
    newest: &'a Checkpoint,
    kept: Option<&'a Checkpoint>,
    last: Option<(u64, Digest)>,
    edge: Edge,
}

impl<'a> Reading<'a> {
    pub(super) fn new(newest: &'a Checkpoint, kept: Option<&'a Checkpoint>) -> Self {
        Self { newest, kept, last: None, edge: Edge::default() }
    }

    /// The entries that follow.
    pub(super) fn take(&mut self, entries: &[AuditEntry]) -> Result<(), NotTheLog> {
        self.last = check_chain(self.last, entries)?;
        for entry in entries {
            self.edge.push(entry.leaf());
            let size = self.edge.size();
            if size == self.newest.size && self.edge.root() != self.newest.root {
                return Err(NotTheLog::NotSigned { size });
            }
            if self.kept.is_some_and(|it| it.size == size && it.root != self.edge.root()) {
                return Err(NotTheLog::Forked { size });
            }
        }
        Ok(())
    }

    /// There are no more; how many there were.
    pub(super) fn end(self) -> Result<u64, NotTheLog> {
        let found = self.edge.size();
        let longest = self.kept.map_or(self.newest.size, |it| it.size.max(self.newest.size));
        match found < longest {
            true => Err(NotTheLog::Shorter { found, signed: longest }),
            false => Ok(found),
        }
    }
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

    /// Those after the newest of before.
    fn following(mut newest: Option<(u64, Digest)>, count: u64, who: &str) -> Vec<AuditEntry> {
        let mut entries = Vec::new();
        for _ in 0..count {
            let at = UnixTime(newest.map_or(0, |(seq, _)| i64::try_from(seq).unwrap()));
            let by = By { who: who.to_owned(), why: "test".into(), at };
            let entry = AuditEntry::after(newest, &by, "claim-made", "clm-1");
            newest = Some((entry.seq, entry.digest));
            entries.push(entry);
        }
        entries
    }

    fn log(count: u64, who: &str) -> Vec<AuditEntry> {
        following(None, count, who)
    }

    /// In pages of two.
    fn whole(
        entries: &[AuditEntry],
        newest: &Checkpoint,
        kept: Option<&Checkpoint>,
    ) -> Result<(), NotTheLog> {
        let mut reading = Reading::new(newest, kept);
        entries.chunks(2).try_for_each(|page| reading.take(page))?;
        assert_eq!(reading.end()?, entries.len() as u64);
        Ok(())
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

    const MILLION: u64 = 1_000_000;
    const PAGE: u64 = 1_000;

    /// What may be done to a page, at an entry of it, and the number that must be named then.
    type Tampering = (fn(&mut Vec<AuditEntry>, usize), u64);

    const TAMPERINGS: [Tampering; 4] = [
        (|page, at| page[at].detail.push('.'), 0),
        (|page, at| drop(page.remove(at)), 0),
        (|page, at| page.insert(at, page[at].clone()), 1),
        (|page, at| page.swap(at, at + 1), 0),
    ];

    /// Each is looked for from the page on that it is in, which the reading has come to: what was
    /// before that is as it was.
    #[test]
    fn whatever_is_done_to_one_of_a_million_entries_is_found_and_named() {
        let nobody_signed = Checkpoint { size: MILLION + 1, ..checkpoint(&[]) };
        let mut reading = Reading::new(&nobody_signed, None);
        let mut found = 0;
        for first in (0..MILLION).step_by(PAGE as usize) {
            // One more, so that what was done to the last of the page is seen by its next.
            let mut page = following(reading.last, PAGE + 1, "ana");
            let (tamper, further) = TAMPERINGS[found % TAMPERINGS.len()];
            let at = (first / PAGE * 7_919 + 31) % PAGE;
            let mut tampered = page.clone();
            tamper(&mut tampered, at as usize);
            let NotTheLog::Broken(broken) = reading.clone().take(&tampered).unwrap_err() else {
                panic!("it is the chain that breaks");
            };
            assert_eq!(broken.seq(), first + at + 1 + further);
            found += 1;
            page.pop();
            reading.take(&page).unwrap();
        }
        assert_eq!((found, reading.edge.size()), (1_000, MILLION));
        let shorter = NotTheLog::Shorter { found: MILLION, signed: MILLION + 1 };
        assert_eq!(reading.end(), Err(shorter));
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
