//! Against known answers, and against the recursive definitions of RFC 6962, section 2.1.

use super::*;

/// The records and roots with which implementations of Certificate Transparency test themselves.
const KNOWN: [(&str, &str); 8] = [
    ("", "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
    ("00", "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"),
    ("10", "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"),
    ("2021", "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"),
    ("3031", "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"),
    ("40414243", "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"),
    ("5051525354555657", "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"),
    (
        "606162636465666768696a6b6c6d6e6f",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ),
];

/// Sizes of trees that are looked at in full.
const SIZES: u64 = 300;

/// MTH of RFC 6962, section 2.1, as it stands there.
fn root_by_definition(leaves: &[Digest]) -> Digest {
    match leaves {
        [] => Digest::of(&[]),
        [one] => *one,
        more => {
            let (left, right) = more.split_at(split_by_definition(more.len()));
            node(root_by_definition(left), root_by_definition(right))
        }
    }
}

fn split_by_definition(len: usize) -> usize {
    let mut k = 1;
    while k * 2 < len {
        k *= 2;
    }
    k
}

/// PATH of section 2.1.1.
fn path_by_definition(at: usize, leaves: &[Digest]) -> Vec<Digest> {
    if leaves.len() == 1 {
        return vec![];
    }
    let k = split_by_definition(leaves.len());
    let (left, right) = leaves.split_at(k);
    let (mut path, beside) = match at < k {
        true => (path_by_definition(at, left), right),
        false => (path_by_definition(at - k, right), left),
    };
    path.push(root_by_definition(beside));
    path
}

/// SUBPROOF of section 2.1.2.
fn consistency_by_definition(old: usize, leaves: &[Digest], is_whole: bool) -> Vec<Digest> {
    if old == leaves.len() {
        return if is_whole { vec![] } else { vec![root_by_definition(leaves)] };
    }
    let k = split_by_definition(leaves.len());
    let (left, right) = leaves.split_at(k);
    let (mut path, beside) = match old <= k {
        true => (consistency_by_definition(old, left, is_whole), right),
        false => (consistency_by_definition(old - k, right, false), left),
    };
    path.push(root_by_definition(beside));
    path
}

fn leaves(count: u64) -> Vec<Digest> {
    (0..count).map(|number| leaf(&number.to_be_bytes())).collect()
}

/// What is kept of a log, as a registry keeps it.
#[derive(Default)]
struct Log {
    edge: Edge,
    kept: std::collections::BTreeMap<At, Digest>,
}

impl Log {
    fn of(leaves: &[Digest]) -> Self {
        let mut log = Self::default();
        for leaf in leaves {
            for (at, digest) in log.edge.push(*leaf) {
                assert_eq!(log.kept.insert(at, digest), None, "each is written once");
            }
        }
        log
    }

    fn roots(&self, spans: Vec<Span>) -> Vec<Digest> {
        let parts = |span: Span| span.parts().iter().map(|at| self.kept[at]).collect::<Vec<_>>();
        spans.into_iter().map(|span| Span::root(&parts(span))).collect()
    }
}

#[test]
fn roots_are_those_that_everybody_knows() {
    let mut edge = Edge::default();
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(edge.root().to_string(), empty);
    for (record, root) in KNOWN {
        let record = data_encoding::HEXLOWER.decode(record.as_bytes()).unwrap();
        edge.push(leaf(&record));
        assert_eq!(edge.root().to_string(), root, "of {} records", edge.size());
    }
}

#[test]
fn every_size_has_the_root_of_the_definition_and_goes_on_from_its_parts() {
    let leaves = leaves(SIZES);
    let mut edge = Edge::default();
    let mut kept = std::collections::BTreeMap::new();
    for size in 0..=SIZES {
        let root = root_by_definition(&leaves[..size as usize]);
        assert_eq!((edge.size(), edge.root()), (size, root));
        let parts: Vec<_> = Span::whole(size).parts().iter().map(|at| kept[at]).collect();
        assert_eq!(Edge::new(size, parts), Some(edge.clone()));
        if let Some(leaf) = leaves.get(size as usize) {
            kept.extend(edge.push(*leaf));
        }
    }
    assert_eq!(Edge::new(3, vec![Digest::of(b"1")]), None);
}

#[test]
fn every_record_of_every_size_is_proven_as_in_the_definition_and_no_other() {
    let leaves = leaves(SIZES);
    let log = Log::of(&leaves);
    for size in 0..=SIZES {
        let then = &leaves[..size as usize];
        let root = root_by_definition(then);
        assert_eq!(inclusion(size, size), None);
        for at in 0..size {
            let path = log.roots(inclusion(at, size).unwrap());
            let leaf = leaves[at as usize];
            assert!(includes(leaf, at, size, root, &path));
            // All of them at a few sizes: the definition takes its time.
            if size % 37 == 0 || size < 20 {
                assert_eq!(path, path_by_definition(at as usize, then), "{at} of {size}");
            }
            let other = leaves[(at as usize + 1) % leaves.len()];
            assert!(!includes(other, at, size, root, &path));
            assert!(!includes(leaf, at + 1, size, root, &path));
            assert!(!includes(leaf, at, size, Digest::of(b"other"), &path));
            if let Some((_, shorter)) = path.split_last() {
                assert!(!includes(leaf, at, size, root, shorter));
            }
        }
    }
}

#[test]
fn every_size_extends_every_smaller_one_as_in_the_definition_and_no_other() {
    let leaves = leaves(SIZES);
    let log = Log::of(&leaves);
    let roots: Vec<_> =
        (0..=SIZES).map(|size| root_by_definition(&leaves[..size as usize])).collect();
    for new in 0..=SIZES {
        assert_eq!(consistency(new + 1, new), None);
        let now = (new, roots[new as usize]);
        assert!(extends((0, roots[0]), now, &[]), "of no record all are the same log");
        assert!(!extends((0, roots[1]), now, &[]));
        for old in 1..=new {
            let before = (old, roots[old as usize]);
            let path = log.roots(consistency(old, new).unwrap());
            assert!(extends(before, now, &path), "{old} {new}");
            if new % 37 == 0 || new < 20 {
                let then = &leaves[..new as usize];
                assert_eq!(path, consistency_by_definition(old as usize, then, true));
            }
            assert!(!extends((old, Digest::of(b"other")), now, &path));
            assert!(!extends(before, (new, Digest::of(b"other")), &path));
            if let Some((_, shorter)) = path.split_last() {
                assert!(!extends(before, now, shorter));
            }
        }
    }
}

#[test]
fn a_log_with_a_record_flipped_dropped_inserted_or_moved_extends_no_root_of_the_true_one() {
    let honest = leaves(60);
    let kept = 40;
    let before = (kept as u64, root_by_definition(&honest[..kept]));
    let false_ones = (0..kept).flat_map(|at| {
        let mut flipped = honest.clone();
        flipped[at] = leaf(b"another");
        let mut dropped = honest.clone();
        dropped.remove(at);
        let mut inserted = honest.clone();
        inserted.insert(at, leaf(b"another"));
        let mut moved = honest.clone();
        moved.swap(at, at + 1);
        [flipped, dropped, inserted, moved]
    });
    for log in false_ones {
        // A swap across the old end changes the log as well.
        let now = (log.len() as u64, root_by_definition(&log));
        let path = Log::of(&log).roots(consistency(before.0, now.0).unwrap());
        assert!(!extends(before, now, &path));
    }
}

const MILLION: u64 = 1_000_000;

/// Numbers below a million, anywhere, and the same ones each time.
fn anywhere() -> impl Iterator<Item = u64> {
    let next = |state: &u64| {
        Some(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407))
    };
    std::iter::successors(Some(17), next).map(|state| (state >> 33) % MILLION)
}

#[test]
fn no_proof_of_one_of_a_million_records_is_longer_than_twenty_digests() {
    let longest = (0..MILLION).map(|at| inclusion(at, MILLION).unwrap().len()).max();
    assert_eq!(longest, Some(20));
    // The last subtree of the older log is one more, where that does not end with a larger one.
    for old in anywhere().take(10_000).map(|at| at + 1) {
        assert!(consistency(old, MILLION).unwrap().len() <= 21, "{old}");
    }
}

/// The roots of all complete subtrees, by level, and that of the whole.
fn grown(leaves: impl Iterator<Item = Digest>) -> (Vec<Vec<Digest>>, Digest) {
    let (mut edge, mut levels) = (Edge::default(), vec![Vec::new(); 21]);
    for leaf in leaves {
        for (At { level, .. }, root) in edge.push(leaf) {
            levels[level as usize].push(root);
        }
    }
    (levels, edge.root())
}

#[test]
fn one_of_a_million_records_that_is_flipped_dropped_inserted_or_moved_is_found() {
    let honest = leaves(MILLION);
    let (levels, root) = grown(honest.iter().copied());
    let kept = |At { level, at }: At| levels[level as usize][at as usize];
    for at in anywhere().take(10_000) {
        let spans = inclusion(at, MILLION).unwrap();
        let path: Vec<_> = spans
            .into_iter()
            .map(|span| Span::root(&span.parts().into_iter().map(kept).collect::<Vec<_>>()))
            .collect();
        let (own, other) = (honest[at as usize], honest[(at as usize + 1) % honest.len()]);
        assert!(path.len() <= 20 && includes(own, at, MILLION, root, &path), "{at}");
        assert!(!includes(leaf(b"flipped"), at, MILLION, root, &path), "{at}");
        assert!(!includes(other, at, MILLION, root, &path), "the next in the place of {at}");
    }
    // What moves the records behind it as well is another log as a whole.
    let at = anywhere().next().unwrap() as usize;
    let (before, behind) = honest.split_at(at);
    let root_of = |log: &mut dyn Iterator<Item = &Digest>| grown(log.copied()).1;
    assert_ne!(root_of(&mut before.iter().chain(&behind[1..])), root, "{at} was dropped");
    let inserted = [leaf(b"inserted")];
    assert_ne!(root_of(&mut before.iter().chain(&inserted).chain(behind)), root);
    let moved = [behind[1], behind[0]];
    assert_ne!(root_of(&mut before.iter().chain(&moved).chain(&behind[2..])), root);
}
