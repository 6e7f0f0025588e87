//! What a run must have come to.

use controller::campaign::assignment::AssignmentState;
use controller::campaign::state::CampaignState;

use super::agenda::{BAD, GOOD, LATER, URGENT};
use super::estate::{Nature, TillNumber};
use super::world::World;

/// What every run must have had, or it shows nothing.
const MUST_BE_SEEN: [&str; 12] = [
    "a gate that passed",
    "a release",
    "a failure",
    "a success",
    "a till at work",
    "offline",
    "window",
    "freeze",
    "store-budget",
    "last-selling",
    "wave-closed",
    "no-place",
];

/// Of all members, whoever is excused: no excuse is for many.
const REACHED_PERCENT_MIN: u64 = 90;

pub(crate) fn wrong(world: &World) -> Vec<String> {
    let mut wrong = world.watch.breaches.clone();
    if world.books.campaigns.len() <= LATER {
        wrong.push("the bad release was never stopped".to_owned());
        return wrong;
    }
    let unseen = MUST_BE_SEEN.iter().filter(|it| world.watch.has_seen(it) == 0);
    wrong.extend(unseen.map(|it| format!("never seen: {it}")));
    wrong.extend(wrong_about_the_bad_one(world));
    for campaign in [GOOD, URGENT, LATER] {
        wrong.extend(wrong_about_a_good_one(world, campaign));
    }
    wrong
}

/// It was stopped by its canaries: nobody else ever had it.
fn wrong_about_the_bad_one(world: &World) -> Vec<String> {
    let bad = &world.books.campaigns[BAD];
    let canaries = bad.campaign.policy.canary.len();
    let mut wrong = vec![];
    if bad.given.len() > canaries {
        wrong.push(format!("{} had the bad release, of {canaries} canaries", bad.given.len()));
    }
    if bad.tally.in_state(AssignmentState::Succeeded) > 0 {
        wrong.push("the bad release has succeeded".to_owned());
    }
    wrong
}

/// Whoever could have it has it, and whoever has not has a reason.
fn wrong_about_a_good_one(world: &World, campaign: usize) -> Vec<String> {
    let started = &world.books.campaigns[campaign];
    let mut wrong = vec![];
    if started.campaign.state != CampaignState::Completed {
        wrong.push(format!("campaign {campaign} is {}", started.campaign.state));
    }
    let (succeeded, members) =
        (started.tally.in_state(AssignmentState::Succeeded), started.members.len() as u64);
    if campaign == GOOD && succeeded * 100 < members * REACHED_PERCENT_MIN {
        wrong.push(format!("campaign {campaign}: {succeeded} of {members} have it"));
    }
    for till in &started.members {
        let state = started.given.get(till).map(|it| it.standing.state());
        let has_failed = state.is_some_and(AssignmentState::is_bad);
        let is_well = match (state, world.estate.nature(*till)) {
            (Some(AssignmentState::Succeeded), nature) => nature != Nature::Sick,
            (_, Nature::Sick) => has_failed || is_excused(world, campaign, *till),
            (_, Nature::Gone | Nature::Dies) => true,
            (_, Nature::Well | Nature::Flaps | Nature::Slow) => is_excused(world, campaign, *till),
        };
        if !is_well {
            let store = world.estate.store_of(*till);
            wrong.push(format!("campaign {campaign}: till {till} of {store:?} is {state:?}"));
        }
    }
    wrong.truncate(5);
    wrong
}

/// It is the only one of its store that sells, and nobody has said how the store would without it;
/// or somebody there was lost at it, and the store waits for him.
fn is_excused(world: &World, campaign: usize, till: TillNumber) -> bool {
    let store = world.estate.store_of(till);
    let others = || store.tills.clone().filter(|it| *it != till);
    let is_away = |it: TillNumber| matches!(world.estate.nature(it), Nature::Gone | Nature::Dies);
    let is_alone = !store.has_fallback && others().all(is_away);
    let is_blocked = others().any(|it| {
        // Whoever dies, or goes away for good with an order, may hold what its store gives.
        is_away(it) && world.books.campaigns.iter().any(|of| of.given.contains_key(&it))
    });
    campaign != LATER && (is_alone || is_blocked)
}
