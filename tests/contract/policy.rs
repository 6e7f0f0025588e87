//! Whose signatures each verb needs: every verb, with every set of signers, against the rule as it
//! is told to people.

use harness::keys::{Ceremony, terminal};
use shared::change::{Change, Ping, Verb};
use shared::document::Batch;
use shared::membership::Membership;
use shared::signature::{self, KnownKeys, PrivateKey, SignedBy};

/// The rule, in the words of the people who sign.
fn suffices(verb: Verb, terminals: u32, controller: bool, approvers: usize) -> bool {
    match verb {
        Verb::Ping | Verb::Backup | Verb::Collect | Verb::RenewCertificate | Verb::Upgrade => {
            controller
        }
        Verb::Suspend | Verb::Resume | Verb::Restore | Verb::Rebind => controller && approvers >= 2,
        Verb::Decommission if terminals > 25 => controller && approvers >= 3,
        Verb::Decommission => controller && approvers >= 2,
        Verb::Cancel => controller || approvers >= 1,
    }
}

/// Who is found to have signed a batch that these keys signed.
fn signed_by(ceremony: &Ceremony, keys: &[&PrivateKey]) -> SignedBy {
    let change = Change::Ping(Ping { note: String::new() });
    let batch = Ceremony::batch(1, change, &Membership::of([terminal(1)]));
    let signed = ceremony.sign(batch, keys);
    let known = KnownKeys::of_roster(&ceremony.roster);
    let opened = signature::open::<Batch>(signed.as_slice(), ceremony.fleet, &known);
    opened.expect("it is written as it should be").signed_by
}

#[test]
fn each_verb_needs_exactly_the_people_that_the_rule_says() {
    let ceremony = Ceremony::of(1);
    let Ceremony { root, release, approver, controller, .. } = &ceremony;
    let people: Vec<_> =
        [controller].into_iter().chain(approver).chain([&root[0], &release[0]]).collect();
    for chosen in 0..1_u32 << people.len() {
        let signs = |at: usize| chosen >> at & 1 == 1;
        let keys: Vec<_> = (0..people.len()).filter(|at| signs(*at)).map(|at| people[at]).collect();
        let approvers = (1..=3).filter(|at| signs(*at)).count();
        let signed_by = signed_by(&ceremony, &keys);
        for verb in Verb::ALL {
            for terminals in [1, 25, 26, u32::MAX] {
                let needed = ceremony.roster.requirement(verb, terminals);
                assert_eq!(
                    signed_by.satisfies(needed),
                    suffices(verb, terminals, signs(0), approvers),
                    "{verb:?} on {terminals}, signed by {chosen:06b}"
                );
            }
        }
    }
}
