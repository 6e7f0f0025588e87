//! A log that only grows, as a Merkle tree: RFC 6962, section 2.1 (the same as RFC 9162). Pure.
//!
//! Whoever has kept a root of it can be shown that a record is in it, and that a later root is of
//! the same log with more behind it, by some twenty digests of a million. Nothing is read here:
//! which subtrees a proof is made of is said first ([`inclusion`], [`consistency`]), and whoever
//! keeps them gives their roots.
//!
//! Kept are the complete subtrees ([`At`]); each is written once and never again. Any other subtree
//! is at the right edge, and is made of at most as many of them as the tree is high.

use crate::digest::Digest;

/// A complete subtree: of 2^`level` records, the first of which has the number `at` · 2^`level`.
/// Records are counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct At {
    pub level: u32,
    pub at: u64,
}

/// The records from `from` on, up to the one before `to`: a subtree of a log, which is complete or
/// reaches to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    from: u64,
    to: u64,
}

/// Of a record as it is kept.
pub fn leaf(record: &[u8]) -> Digest {
    Digest::of_parts(&[&[0], record])
}

fn node(left: Digest, right: Digest) -> Digest {
    Digest::of_parts(&[&[1], &left.0, &right.0])
}

impl Span {
    /// The whole log of so many records.
    pub fn whole(size: u64) -> Self {
        Self { from: 0, to: size }
    }

    fn len(self) -> u64 {
        self.to - self.from
    }

    /// The complete subtrees that it is made of, from left to right.
    pub fn parts(self) -> Vec<At> {
        let mut parts = Vec::new();
        let mut from = self.from;
        while from < self.to {
            let level = (self.to - from).ilog2();
            parts.push(At { level, at: from >> level });
            from += 1 << level;
        }
        parts
    }

    /// Its root, by the roots of its parts. Of no record: the digest of nothing.
    pub fn root(parts: &[Digest]) -> Digest {
        let mut parts = parts.iter().rev().copied();
        let Some(last) = parts.next() else { return Digest::of(&[]) };
        parts.fold(last, |right, left| node(left, right))
    }
}

/// A log at one size, as far as it is needed to go on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edge {
    size: u64,
    /// The roots of [`Span::whole`]'s parts.
    parts: Vec<Digest>,
}

impl Edge {
    /// At this size, by the roots of the parts of [`Span::whole`]. `None` where there are more or
    /// fewer parts.
    pub fn new(size: u64, parts: Vec<Digest>) -> Option<Self> {
        (parts.len() == Span::whole(size).parts().len()).then_some(Self { size, parts })
    }

    pub fn size(&self) -> u64 {
        self.size
    }

    pub fn root(&self) -> Digest {
        Span::root(&self.parts)
    }

    /// Takes the next record; gives what is to be kept of it.
    pub fn push(&mut self, leaf: Digest) -> Vec<(At, Digest)> {
        let mut kept = vec![(At { level: 0, at: self.size }, leaf)];
        let mut root = leaf;
        for level in 1..=self.size.trailing_ones() {
            let left = self.parts.pop().expect("a subtree of a level is there for each bit");
            root = node(left, root);
            kept.push((At { level, at: self.size >> level }, root));
        }
        self.parts.push(root);
        self.size += 1;
        kept
    }
}

/// The largest power of two that is less than `size`, which is more than 1.
fn split(size: u64) -> u64 {
    1 << (size - 1).ilog2()
}

/// What shows that record `at` is in a log of this size, nearest first; `None` where the log has no
/// such record.
pub fn inclusion(at: u64, size: u64) -> Option<Vec<Span>> {
    let mut path = Vec::new();
    let mut span = Span::whole(size);
    if at >= size {
        return None;
    }
    while span.len() > 1 {
        let middle = span.from + split(span.len());
        let (left, right) = (Span { to: middle, ..span }, Span { from: middle, ..span });
        let (into, beside) = if at < middle { (left, right) } else { (right, left) };
        path.push(beside);
        span = into;
    }
    path.reverse();
    Some(path)
}

/// What shows that a log of size `new` begins with the log of size `old`; `None` where that was
/// larger, or had no record: then there is nothing to be shown.
pub fn consistency(old: u64, new: u64) -> Option<Vec<Span>> {
    if old == 0 || old > new {
        return None;
    }
    let mut path = Vec::new();
    let mut span = Span::whole(new);
    // The old log is a subtree as it is, and whoever asks has its root.
    let mut is_whole = true;
    while span.to != old {
        let middle = span.from + split(span.len());
        let (left, right) = (Span { to: middle, ..span }, Span { from: middle, ..span });
        let (into, beside) = if old <= middle { (left, right) } else { (right, left) };
        is_whole &= old <= middle;
        path.push(beside);
        span = into;
    }
    if !is_whole {
        path.push(span);
    }
    path.reverse();
    Some(path)
}

/// Whether the log of this size and root has this leaf as record `at`.
pub fn includes(leaf: Digest, at: u64, size: u64, root: Digest, path: &[Digest]) -> bool {
    let Some(spans) = inclusion(at, size) else { return false };
    if spans.len() != path.len() {
        return false;
    }
    let up = |below: Digest, (span, beside): (&Span, &Digest)| match span.from > at {
        true => node(below, *beside),
        false => node(*beside, below),
    };
    spans.iter().zip(path).fold(leaf, up) == root
}

/// Whether the log of size `new.0` and root `new.1` begins with the one of size `old.0` and root
/// `old.1`.
pub fn extends(old: (u64, Digest), new: (u64, Digest), path: &[Digest]) -> bool {
    let (size, root) = old;
    if size == 0 {
        return path.is_empty() && root == Span::root(&[]);
    }
    let Some(spans) = consistency(size, new.0) else { return false };
    if spans.len() != path.len() {
        return false;
    }
    let mut each = spans.iter().zip(path);
    // Where the old log is a subtree of the new one its root is not in the path.
    let ends_at_old = spans.first().is_some_and(|span| span.to == size);
    let begin = if ends_at_old { each.next().map(|(_, digest)| *digest) } else { Some(root) };
    let Some(begin) = begin else { return false };
    let up = |(of_old, of_new): (Digest, Digest), (span, beside): (&Span, &Digest)| {
        match span.from < size {
            // On the left of the old end: part of both.
            true => (node(*beside, of_old), node(*beside, of_new)),
            false => (of_old, node(of_new, *beside)),
        }
    };
    each.fold((begin, begin), up) == (root, new.1)
}

#[cfg(test)]
mod tests;
