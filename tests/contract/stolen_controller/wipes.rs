//! The same drill for what cannot be taken back. Here too he has the key of one approver besides,
//! and whatever the controller's database holds: batches that people signed, and all clearances.

use agent::journal::facts::Standing;
use harness::deactivate::{
    clearance, clearance_lost, folder, manifest, resume, suspend, wipe, wipe_lost,
};
use harness::rebind::Portfolio;

use super::*;

/// The order by which the terminal was suspended.
const BY: OrderId = OrderId::from_bytes([9; 16]);

/// A batch that two people approved.
struct Approved {
    batch: Batch,
    members: Membership,
    folder: Portfolio,
    paper: Paper,
}

fn members(without: Option<u32>) -> Membership {
    Membership::of((0..5).filter(|number| Some(*number) != without).map(terminal))
}

/// Of what the terminals are, of what they were before, or of what they are if they are lost.
fn folders(scene: &Scene) -> [Portfolio; 3] {
    let old = Digest::of(b"of an earlier life");
    [
        folder((0..5).map(|it| clearance(terminal(it), scene.challenge, BY))),
        folder((0..5).map(|it| clearance(terminal(it), old, BY))),
        folder((0..5).map(|it| clearance_lost(terminal(it), scene.challenge))),
    ]
}

/// A wipe of an earlier life, one that leaves the third terminal out, one of a lost one that leaves
/// it out too, and what was ordered of it and is no wipe.
fn approved(scene: &Scene) -> Vec<Approved> {
    let ceremony = &scene.ceremony;
    let [_, old, _] = folders(scene);
    let others = (0..5).filter(|it| *it != 2);
    let without = folder(others.clone().map(|it| clearance(terminal(it), scene.challenge, BY)));
    let lost = folder(others.map(|it| clearance_lost(terminal(it), scene.challenge)));
    let changes = [
        (Change::Decommission(Box::new(wipe(old.root()))), None, old),
        (Change::Decommission(Box::new(wipe(without.root()))), Some(2), without),
        (Change::Decommission(Box::new(wipe_lost(lost.root()))), Some(2), lost),
        (Change::Suspend(Box::new(suspend(NOW))), None, folder([])),
        (Change::Resume(Box::new(resume())), None, folder([])),
    ];
    let approved = changes.into_iter().map(|(change, without, folder)| {
        let members = members(without);
        let batch = Ceremony::batch(1, change, &members);
        let keys = [&ceremony.controller, &ceremony.approver[0], &ceremony.approver[1]];
        let paper = Paper::read(ceremony.sign(batch.clone(), &keys).as_slice());
        Approved { batch, members, folder, paper }
    });
    approved.collect()
}

#[derive(Clone, Debug)]
struct Attempt {
    batch: usize,
    hands: Hands,
    /// The approver whose key he has signs too.
    stolen: bool,
    /// He makes a wipe of it, with these clearances.
    own: Option<(bool, usize)>,
    one_terminal_more: bool,
    understated: bool,
    longer: bool,
    clearance_of: usize,
    clearance_from: usize,
    claims_place_of: usize,
}

fn attempt() -> impl Strategy<Value = Attempt> {
    let rarely = || prop::bool::weighted(0.25);
    let own = prop::option::of((any::<bool>(), any_one()));
    let papers = (any_one(), any_one(), any_one());
    ((any_one(), hands(), any::<bool>()), own, (rarely(), rarely(), rarely()), papers).prop_map(
        |((batch, hands, stolen), own, (one_terminal_more, understated, longer), papers)| Attempt {
            batch,
            hands,
            stolen,
            own,
            one_terminal_more,
            understated,
            longer,
            clearance_of: papers.0,
            clearance_from: papers.1,
            claims_place_of: papers.2,
        },
    )
}

impl Attempt {
    fn parcel(&self, scene: &Scene, loot: &[Approved]) -> Parcel {
        let Ceremony { fleet, controller, approver, .. } = &scene.ceremony;
        let from = one_of(loot, self.batch);
        let his = folders(scene);
        let mut batch = from.batch.clone();
        let of_members = (0..5).map(terminal).filter(|it| from.members.proof(*it).is_some());
        let mut members = Membership::of(of_members);
        if let Some((is_lost, which)) = self.own {
            let root = one_of(&his, which).root();
            let wipe = if is_lost { wipe_lost(root) } else { wipe(root) };
            batch.change = Change::Decommission(Box::new(wipe));
        }
        if self.one_terminal_more {
            members = Membership::of((0..6).map(terminal));
            (batch.root, batch.terminals) = (members.root(), 6);
        }
        if self.understated {
            batch.terminals = batch.terminals.saturating_sub(1);
        }
        if self.longer {
            batch.not_after = UnixTime(NOW.0 + 2 * 24 * 3600);
        }
        let mut order = Ceremony::order(1, scene.terminal, &batch, &members);
        if members.proof(scene.terminal).is_none() {
            let places: Vec<_> = (0..5).filter_map(|it| members.proof(terminal(it))).collect();
            let place = one_of(&places, self.claims_place_of).clone();
            (order.index, order.path) = (place.index, place.path);
        }
        let papers: Vec<_> = loot.iter().map(|it| &it.paper).collect();
        let mut signed = self.hands.sign(scene, batch, &papers, approver);
        if self.stolen {
            let mut paper = Paper::read(signed.as_slice());
            let key_id = approver[2].public().key_id();
            paper.signatures.push(paper.hand(*fleet, &approver[2], ED25519, key_id));
            signed = SignedBytes::new(paper.write());
        }
        let chests: Vec<_> = loot.iter().map(|it| &it.folder).chain(&his).collect();
        let chest = one_of(&chests, self.clearance_from);
        Parcel {
            order: scene.ceremony.sign(order, &[controller]),
            batch: signed,
            release: None,
            profile: chest.enclosed(terminal(self.clearance_of as u32 % 5)),
        }
    }
}

#[test]
fn he_wipes_nothing_with_the_controller_and_one_approver() {
    let mut scene = Scene::of(Ceremony::of(1));
    for standing in [
        Standing::Suspended { by: BY, is_settled: true, manifest: Some(manifest()) },
        Standing::InService,
    ] {
        scene.standing = standing;
        let loot = approved(&scene);
        let mut runner = TestRunner::new(ProptestConfig::with_cases(3_000));
        let result = runner.run(&attempt(), |attempt| {
            if let Ok(done) = scene.check(&attempt.parcel(&scene, &loot)) {
                let is_a_wipe = matches!(done.batch.change, Change::Decommission(_));
                let is_meant = loot.iter().any(|approved| approved.batch == done.batch);
                prop_assert!(!is_a_wipe && is_meant, "{done:?}");
            }
            Ok(())
        });
        result.unwrap_or_else(|failure| panic!("{standing:?}: {failure}"));
    }
}

/// So the drill can tell the two apart.
#[test]
fn what_two_people_approved_is_done_as_he_found_it() {
    let mut scene = Scene::of(Ceremony::of(1));
    scene.terminal = terminal(3);
    scene.standing = Standing::Suspended { by: BY, is_settled: true, manifest: Some(manifest()) };
    let loot = approved(&scene);
    let mut admitted = Vec::new();
    for batch in 0..loot.len() {
        let untouched = Attempt {
            batch,
            hands: Hands { moved: Some(batch), own: false, disguised: false, doubled: false },
            stolen: true,
            own: None,
            one_terminal_more: false,
            understated: false,
            longer: false,
            clearance_of: 3,
            clearance_from: batch,
            claims_place_of: 0,
        };
        admitted.push(scene.check(&untouched.parcel(&scene, &loot)).is_ok());
    }
    assert_eq!(admitted, [false, true, true, true, true]);
}
