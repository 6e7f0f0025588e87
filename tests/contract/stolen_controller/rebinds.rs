//! The same drill for where a shop's money goes. Here he has the key of one approver besides, and
//! whatever the controller's database holds: batches that people signed, and all their profiles.

use harness::rebind::{Portfolio, profile, rebind};
use shared::document::profile::Profile;

use super::*;

/// A batch that two people approved.
struct Approved {
    batch: Batch,
    members: Membership,
    portfolio: Portfolio,
    paper: Paper,
}

fn members(without: Option<u32>) -> Membership {
    Membership::of((0..5).filter(|number| Some(*number) != without).map(terminal))
}

fn portfolio(mid: &str, without: Option<u32>) -> Portfolio {
    let all = (0..5).filter(|number| Some(*number) != without);
    Portfolio::of(all.map(|number| {
        let mut profile = profile(terminal(number));
        profile.merchant.mid = mid.to_owned();
        profile
    }))
}

/// To two merchants, and one that leaves the third terminal out.
fn approved(scene: &Scene) -> [Approved; 3] {
    let ceremony = &scene.ceremony;
    [("1", None), ("2", None), ("3", Some(2))].map(|(mid, without)| {
        let (members, portfolio) = (members(without), portfolio(mid, without));
        let change = Change::Rebind(Box::new(rebind(portfolio.root())));
        let batch = Ceremony::batch(1, change, &members);
        let keys = [&ceremony.controller, &ceremony.approver[0], &ceremony.approver[1]];
        let paper = Paper::read(ceremony.sign(batch.clone(), &keys).as_slice());
        Approved { batch, members, portfolio, paper }
    })
}

#[derive(Clone, Debug)]
struct Attempt {
    batch: usize,
    hands: Hands,
    /// The approver whose key he has signs too.
    stolen: bool,
    own_root: bool,
    one_terminal_more: bool,
    longer: bool,
    profile_of: usize,
    profile_from: usize,
    own_mid: bool,
    claims_place_of: usize,
}

fn attempt() -> impl Strategy<Value = Attempt> {
    let rarely = || prop::bool::weighted(0.25);
    let profile = (any_one(), any_one(), rarely(), any_one());
    ((any_one(), hands(), any::<bool>()), (rarely(), rarely(), rarely()), profile).prop_map(
        |((batch, hands, stolen), (own_root, one_terminal_more, longer), profile)| Attempt {
            batch,
            hands,
            stolen,
            own_root,
            one_terminal_more,
            longer,
            profile_of: profile.0,
            profile_from: profile.1,
            own_mid: profile.2,
            claims_place_of: profile.3,
        },
    )
}

impl Attempt {
    fn parcel(&self, scene: &Scene, loot: &[Approved; 3]) -> Parcel {
        let Ceremony { fleet, controller, approver, .. } = &scene.ceremony;
        let from = one_of(loot, self.batch);
        let his = portfolio("666", None);
        let mut batch = from.batch.clone();
        let of_members = (0..5).map(terminal).filter(|it| from.members.proof(*it).is_some());
        let mut members = Membership::of(of_members);
        if self.own_root {
            batch.change = Change::Rebind(Box::new(rebind(his.root())));
        }
        if self.one_terminal_more {
            members = Membership::of((0..6).map(terminal));
            (batch.root, batch.terminals) = (members.root(), 6);
        }
        if self.longer {
            batch.not_after = UnixTime(NOW.0 + 5 * 24 * 3600);
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
        let chest = if self.own_mid { &his } else { &one_of(loot, self.profile_from).portfolio };
        Parcel {
            order: scene.ceremony.sign(order, &[controller]),
            batch: signed,
            release: None,
            profile: chest.enclosed(terminal(self.profile_of as u32 % 5)),
        }
    }
}

/// Whether two people signed for exactly this, for this terminal among others.
fn is_meant(loot: &[Approved; 3], scene: &Scene, batch: &Batch, own: Option<&Profile>) -> bool {
    loot.iter().any(|approved| {
        let enclosed = approved.portfolio.enclosed(scene.terminal);
        let signed_for = enclosed.map(|it| it.profile.to_vec());
        approved.batch == *batch && signed_for == own.map(shared::codec::encode)
    })
}

#[test]
fn he_moves_no_money_with_the_controller_and_one_approver() {
    let mut scene = Scene::of(Ceremony::of(1));
    for number in [2, 5] {
        scene.terminal = terminal(number);
        let loot = approved(&scene);
        let mut runner = TestRunner::new(ProptestConfig::with_cases(2_000));
        let mut admitted = 0;
        let result = runner.run(&attempt(), |attempt| {
            if let Ok(done) = scene.check(&attempt.parcel(&scene, &loot)) {
                prop_assert!(
                    is_meant(&loot, &scene, &done.batch, done.profile.as_ref()),
                    "{done:?}"
                );
            }
            Ok(())
        });
        result.unwrap_or_else(|failure| panic!("terminal {number}: {failure}"));
        // What he leaves as it was found is admitted, so the drill can tell the two apart.
        let hands = Hands { moved: Some(1), own: false, disguised: false, doubled: false };
        for profile_of in 0..5 {
            let untouched = Attempt {
                batch: 1,
                hands,
                stolen: true,
                own_root: false,
                one_terminal_more: false,
                longer: false,
                profile_of,
                profile_from: 1,
                own_mid: false,
                claims_place_of: 0,
            };
            admitted += u32::from(scene.check(&untouched.parcel(&scene, &loot)).is_ok());
        }
        assert_eq!(admitted, u32::from(number == 2), "terminal {number}");
    }
}
