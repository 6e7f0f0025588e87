//! Which terminals a batch is for: a Merkle tree over their ids, hashed as in RFC 6962 §2.1, so
//! that one signed root stands for all and each terminal can prove that it is one of them.

use crate::digest::Digest;
use crate::id::TerminalId;
use crate::limits::MEMBERSHIP_PATH_MAX;

fn leaf(terminal: TerminalId) -> Digest {
    Digest::of_parts(&[&[0x00], terminal.to_string().as_bytes()])
}

fn node(left: Digest, right: Digest) -> Digest {
    Digest::of_parts(&[&[0x01], &left.0, &right.0])
}

/// The tree over a batch's members.
#[derive(Debug)]
pub struct Membership {
    members: Vec<TerminalId>,
    /// From the leaves to the root; an odd last node rises unchanged.
    levels: Vec<Vec<Digest>>,
}

impl Membership {
    /// Members are sorted and made distinct first: the same set always has the same root.
    pub fn of(terminals: impl IntoIterator<Item = TerminalId>) -> Self {
        let mut members: Vec<_> = terminals.into_iter().collect();
        members.sort_unstable();
        members.dedup();
        let mut levels = vec![members.iter().map(|member| leaf(*member)).collect::<Vec<_>>()];
        while let Some(below) = levels.last().filter(|level| level.len() > 1) {
            let above = below
                .chunks(2)
                .map(|pair| pair.get(1).map_or(pair[0], |right| node(pair[0], *right)));
            levels.push(above.collect());
        }
        Self { members, levels }
    }

    /// The digest that is signed. Of nobody: the digest of nothing, as RFC 6962 has it.
    pub fn root(&self) -> Digest {
        let top = self.levels.last().and_then(|level| level.first());
        top.copied().unwrap_or_else(|| Digest::of(&[]))
    }

    pub fn count(&self) -> usize {
        self.members.len()
    }

    /// The place and the siblings that prove membership; `None` for a stranger.
    pub fn proof(&self, terminal: TerminalId) -> Option<Proof> {
        let index = self.members.binary_search(&terminal).ok()?;
        let mut at = index;
        let mut path = Vec::new();
        for level in &self.levels {
            if let Some(sibling) = level.get(at ^ 1) {
                path.push(*sibling);
            }
            at /= 2;
        }
        Some(Proof { index: u32::try_from(index).ok()?, path })
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    pub index: u32,
    /// From the leaf's sibling upwards.
    pub path: Vec<Digest>,
}

impl Proof {
    /// Whether `terminal` is the member at this place of the `count` members under `root`.
    pub fn holds(&self, terminal: TerminalId, count: u32, root: Digest) -> bool {
        if self.index >= count || self.path.len() > MEMBERSHIP_PATH_MAX {
            return false;
        }
        let (mut at, mut last) = (self.index, count - 1);
        let mut hash = leaf(terminal);
        let mut path = self.path.iter();
        while last > 0 {
            let alone = at == last && at % 2 == 0;
            if !alone {
                let Some(sibling) = path.next() else { return false };
                hash = match at % 2 {
                    0 => node(hash, *sibling),
                    _ => node(*sibling, hash),
                };
            }
            at /= 2;
            last /= 2;
        }
        path.next().is_none() && hash == root
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terminal(number: u32) -> TerminalId {
        let mut bytes = [0; 16];
        bytes[..4].copy_from_slice(&number.to_be_bytes());
        TerminalId::from_bytes(bytes)
    }

    #[test]
    fn every_member_of_every_small_batch_can_prove_it_and_no_stranger_can() {
        for count in 0..70 {
            let tree = Membership::of((0..count).map(terminal));
            assert_eq!(tree.count(), count as usize);
            assert_eq!(tree.proof(terminal(count)), None);
            for number in 0..count {
                let proof = tree.proof(terminal(number)).unwrap();
                assert!(proof.holds(terminal(number), count, tree.root()));
                assert!(!proof.holds(terminal(count), count, tree.root()));
                assert!(!proof.holds(terminal(number), 0, tree.root()));
                let mut longer = proof.clone();
                longer.path.push(Digest::of(b"x"));
                assert!(!longer.holds(terminal(number), count, tree.root()));
                let elsewhere = Proof { index: (number + 1) % count, ..proof };
                assert!(count == 1 || !elsewhere.holds(terminal(number), count, tree.root()));
            }
        }
    }

    #[test]
    fn the_order_in_which_members_are_named_does_not_matter() {
        let forward = Membership::of((0..9).map(terminal));
        let backward = Membership::of((0..9).rev().chain(3..5).map(terminal));
        assert_eq!(forward.root(), backward.root());
    }
}
