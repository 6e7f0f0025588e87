//! Which terminals a batch is for, and what of it is each one's own: Merkle trees hashed as in
//! RFC 6962 §2.1, so that one signed root stands for all and each terminal can prove its part.
//! How many there are is hashed into the root: a batch that says another number is for nobody.

use std::collections::BTreeMap;

use crate::digest::Digest;
use crate::id::TerminalId;
use crate::limits::MEMBERSHIP_PATH_MAX;

fn leaf(terminal: TerminalId) -> Digest {
    Digest::of_parts(&[&[0x00], terminal.to_string().as_bytes()])
}

/// Of the payload of a terminal's profile, which names the terminal.
fn profile_leaf(payload: &[u8]) -> Digest {
    Digest::of_parts(&[&[0x00], b"profile/", payload])
}

fn node(left: Digest, right: Digest) -> Digest {
    Digest::of_parts(&[&[0x01], &left.0, &right.0])
}

/// The root of a tree over so many leaves.
fn root(count: u32, top: Digest) -> Digest {
    Digest::of_parts(&[&[0x02], &count.to_be_bytes(), &top.0])
}

/// From the leaves to the root; an odd last node rises unchanged.
#[derive(Debug)]
struct Levels(Vec<Vec<Digest>>);

impl Levels {
    fn over(leaves: Vec<Digest>) -> Self {
        let mut levels = vec![leaves];
        while let Some(below) = levels.last().filter(|level| level.len() > 1) {
            let above = below
                .chunks(2)
                .map(|pair| pair.get(1).map_or(pair[0], |right| node(pair[0], *right)));
            levels.push(above.collect());
        }
        Self(levels)
    }

    /// The top over nothing is the digest of nothing, as RFC 6962 has it.
    fn root(&self) -> Digest {
        let top = self.0.last().and_then(|level| level.first());
        let count = u32::try_from(self.0[0].len()).expect("a batch has no four billion members");
        root(count, top.copied().unwrap_or_else(|| Digest::of(&[])))
    }

    fn path(&self, index: usize) -> Vec<Digest> {
        let mut at = index;
        let mut path = Vec::new();
        for level in &self.0 {
            path.extend(level.get(at ^ 1));
            at /= 2;
        }
        path
    }
}

/// The tree over a batch's members.
#[derive(Debug)]
pub struct Membership {
    members: Vec<TerminalId>,
    levels: Levels,
}

impl Membership {
    /// Members are sorted and made distinct first: the same set always has the same root.
    pub fn of(terminals: impl IntoIterator<Item = TerminalId>) -> Self {
        let mut members: Vec<_> = terminals.into_iter().collect();
        members.sort_unstable();
        members.dedup();
        let levels = Levels::over(members.iter().map(|member| leaf(*member)).collect());
        Self { members, levels }
    }

    /// The digest that is signed.
    pub fn root(&self) -> Digest {
        self.levels.root()
    }

    pub fn count(&self) -> usize {
        self.members.len()
    }

    /// The place and the siblings that prove membership; `None` for a stranger.
    pub fn proof(&self, terminal: TerminalId) -> Option<Proof> {
        let index = self.members.binary_search(&terminal).ok()?;
        let path = self.levels.path(index);
        Some(Proof { index: u32::try_from(index).ok()?, path })
    }
}

/// The tree over the profiles of a batch's members, in the members' order.
#[derive(Debug)]
pub struct Profiles {
    members: Vec<TerminalId>,
    levels: Levels,
}

impl Profiles {
    /// By terminal: the payload of its [`crate::document::Profile`].
    pub fn of(payloads: &BTreeMap<TerminalId, Vec<u8>>) -> Self {
        let levels = Levels::over(payloads.values().map(|it| profile_leaf(it)).collect());
        Self { members: payloads.keys().copied().collect(), levels }
    }

    /// The digest that is signed, as a part of the change.
    pub fn root(&self) -> Digest {
        self.levels.root()
    }

    /// The siblings that prove the profile of a member; its place is the member's.
    pub fn path(&self, terminal: TerminalId) -> Option<Vec<Digest>> {
        let index = self.members.binary_search(&terminal).ok()?;
        Some(self.levels.path(index))
    }
}

/// Whether this profile is the one at this place of the `count` profiles under `root`.
pub fn profile_holds(payload: &[u8], proof: &Proof, count: u32, root: Digest) -> bool {
    proof.leads(profile_leaf(payload), count, root)
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
        self.leads(leaf(terminal), count, root)
    }

    fn leads(&self, leaf: Digest, count: u32, wanted: Digest) -> bool {
        if self.index >= count || self.path.len() > MEMBERSHIP_PATH_MAX {
            return false;
        }
        let (mut at, mut last) = (self.index, count - 1);
        let mut hash = leaf;
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
        path.next().is_none() && root(count, hash) == wanted
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
                for other in (0..count + 3).filter(|other| *other != count) {
                    assert!(!proof.holds(terminal(number), other, tree.root()));
                }
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

    #[test]
    fn a_profile_is_proven_at_its_members_place_and_nowhere_else() {
        for count in 1..20 {
            let payload = |number: u32| format!("profile of {number}").into_bytes();
            let payloads = (0..count).map(|number| (terminal(number), payload(number))).collect();
            let (tree, members) =
                (Profiles::of(&payloads), Membership::of((0..count).map(terminal)));
            assert_eq!(tree.path(terminal(count)), None);
            for number in 0..count {
                let Proof { index, .. } = members.proof(terminal(number)).unwrap();
                let path = tree.path(terminal(number)).unwrap();
                let proof = Proof { index, path };
                let root = tree.root();
                let holds =
                    |payload: &[u8], proof: &Proof| profile_holds(payload, proof, count, root);
                assert!(holds(&payload(number), &proof));
                assert!(!holds(b"another", &proof));
                assert!(!holds(&payload((number + 1) % count), &proof) || count == 1);
                let elsewhere = Proof { index: (number + 1) % count, ..proof };
                assert!(count == 1 || !holds(&payload(number), &elsewhere));
            }
        }
    }

    #[test]
    fn a_profile_that_reads_like_a_terminal_proves_no_membership() {
        let one = terminal(1);
        let payloads = BTreeMap::from([(one, one.to_string().into_bytes())]);
        assert_ne!(Profiles::of(&payloads).root(), Membership::of([one]).root());
    }
}
