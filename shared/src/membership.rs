//! Which terminals a batch is for, and what of it is each one's own: Merkle trees hashed as in
//! RFC 6962 §2.1, so that one signed root stands for all and each terminal can prove its part.
//! How many there are is hashed into the root: a batch that says another number is for nobody.

use std::collections::BTreeMap;

use crate::digest::Digest;
use crate::id::TerminalId;
use crate::limits::MEMBERSHIP_PATH_MAX;

/// Numbers of members that are tried where a batch may have misstated its own: some milliseconds of
/// hashing on the slowest terminal, and more than a fleet has in one batch.
const COUNTS_TRIED_MAX: u32 = 1 << 16;

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
#[derive(Clone, Debug)]
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
#[derive(Clone, Debug)]
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

    pub fn contains(&self, terminal: TerminalId) -> bool {
        self.members.binary_search(&terminal).is_ok()
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

    /// Of how many members the tree is, where `terminal` is one of them and `count` is not their
    /// number: whoever signed another number has misstated it. `None`: this proves nothing.
    ///
    /// The root holds the number, so numbers are tried: as many as [`COUNTS_TRIED_MAX`], from the
    /// smallest that the place allows. All but a few share the way up.
    pub fn count_that_holds(&self, terminal: TerminalId, count: u32, root: Digest) -> Option<u32> {
        if self.holds(terminal, count, root) {
            return None;
        }
        let leaf = leaf(terminal);
        let mut way: Option<(u64, Digest)> = None;
        let first = self.index.checked_add(1)?;
        let longest = 1_u32.checked_shl(u32::try_from(self.path.len()).ok()?).unwrap_or(u32::MAX);
        let last = self.index.saturating_add(longest.min(COUNTS_TRIED_MAX));
        (first..=last).filter(|other| *other != count).find(|other| {
            let Some(shape) = self.shape(*other) else { return false };
            let top = match way {
                Some((same, top)) if same == shape => Some(top),
                Some(_) | None => self.top(leaf, *other),
            };
            way = top.map(|top| (shape, top));
            // Whoever makes a root may also hash the number into it that is not its leaves'.
            let is_root = |top| self::root(*other, top) == root || self::root(count, top) == root;
            top.is_some_and(is_root)
        })
    }

    /// At which levels the way up meets a sibling, in a tree of so many; `None` where it meets
    /// another number of them than there are.
    fn shape(&self, count: u32) -> Option<u64> {
        let (mut at, mut last) = (self.index, count.checked_sub(1)?);
        let (mut shape, mut bit, mut siblings) = (0, 1, 0);
        while last > 0 {
            if !is_alone(at, last) {
                shape |= bit;
                siblings += 1;
            }
            (at, last, bit) = (at / 2, last / 2, bit << 1);
        }
        // How many levels there are is a part of it.
        (siblings == self.path.len()).then_some(shape | bit)
    }

    fn leads(&self, leaf: Digest, count: u32, wanted: Digest) -> bool {
        self.top(leaf, count).is_some_and(|top| root(count, top) == wanted)
    }

    /// Where the way up from this leaf ends, in a tree of `count`.
    fn top(&self, leaf: Digest, count: u32) -> Option<Digest> {
        if self.index >= count || self.path.len() > MEMBERSHIP_PATH_MAX {
            return None;
        }
        let (mut at, mut last) = (self.index, count - 1);
        let mut hash = leaf;
        let mut path = self.path.iter();
        while last > 0 {
            if !is_alone(at, last) {
                let sibling = path.next()?;
                hash = match at % 2 {
                    0 => node(hash, *sibling),
                    _ => node(*sibling, hash),
                };
            }
            at /= 2;
            last /= 2;
        }
        path.next().is_none().then_some(hash)
    }
}

/// Whether a node has no sibling on its level, of which `last` is the last.
fn is_alone(at: u32, last: u32) -> bool {
    at == last && at.is_multiple_of(2)
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
    fn a_member_tells_a_misstated_number_and_how_many_there_are_and_a_stranger_tells_nothing() {
        for count in 1..70 {
            let tree = Membership::of((0..count).map(terminal));
            let top = tree.levels.0.last().unwrap()[0];
            for number in 0..count {
                let (proof, one) = (tree.proof(terminal(number)).unwrap(), terminal(number));
                for said in (1..count + 3).filter(|said| *said != count) {
                    assert_eq!(proof.count_that_holds(one, said, tree.root()), Some(count));
                    let hashed = root(said, top);
                    if !proof.holds(one, said, hashed) {
                        let told = proof.count_that_holds(one, said, hashed);
                        assert!(told.is_some_and(|told| told != said), "{said} of {count}");
                    }
                    let stranger = terminal(count);
                    assert_eq!(proof.count_that_holds(stranger, said, tree.root()), None);
                }
                assert_eq!(proof.count_that_holds(one, count, tree.root()), None);
            }
        }
    }

    #[test]
    fn how_many_members_are_tried_has_an_end() {
        let path = vec![Digest([1; 32]); MEMBERSHIP_PATH_MAX];
        for index in [0, 7, u32::MAX] {
            let proof = Proof { index, path: path.clone() };
            assert_eq!(proof.count_that_holds(terminal(1), 1, Digest([2; 32])), None);
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
