//! What must be so at the end of every run, however it was interrupted.

use shared::outcome::Outcome;

use crate::scenario::Job;
use crate::slots::Version;
use crate::vault::Data;
use crate::world::World;

/// Everything that is wrong with how a run ended; nothing, if all is well.
pub(crate) fn verdict(mut world: World) -> Vec<String> {
    let mut wrong = std::mem::take(&mut world.breaches);
    wrong.append(&mut world.controller.breaches);
    let told = world.controller.outcome(world.upgrade).cloned();
    check_shop(&mut world, &mut wrong);
    check_version(&world, told.as_ref(), &mut wrong);
    check_data(&world, told.as_ref(), &mut wrong);
    match world.controller.finals(world.upgrade) {
        1 => {}
        count => wrong.push(format!("the controller has {count} different final receipts")),
    }
    let own = world.outcome_in_ledger();
    let forgotten = own.is_none() && world.lost_its_database;
    if told != own && !forgotten {
        wrong.push(format!("the controller knows {told:?}, the terminal {own:?}"));
    }
    match &told {
        Some(outcome) if world.scenario.allows(outcome) => {}
        other => wrong.push(format!("the job must not end like this: {other:?}")),
    }
    let refused = [Some(world.upgrade), world.cancel].into_iter().flatten();
    wrong.extend(refused.filter_map(|order| {
        world.controller.refusal(order).map(|refusal| format!("an order was refused: {refusal}"))
    }));
    check_cancellation(&world, told.as_ref(), &mut wrong);
    if !world.disk.journal_is_empty() {
        wrong.push("something is left in the journal".to_owned());
    }
    wrong
}

/// The shop sells, and nothing that it sold was lost or booked twice.
fn check_shop(world: &mut World, wrong: &mut Vec<String>) {
    if !world.till.is_selling() {
        wrong.push("the shop is still closed".to_owned());
    }
    let (lost, doubled, settled_twice) = world.till.audit();
    if (lost, doubled, settled_twice) != (0, 0, 0) {
        let sales = world.till.sales();
        wrong.push(format!(
            "of {sales} sales {lost} are lost, {doubled} booked twice; {settled_twice} batches \
             settled twice"
        ));
    }
}

/// The version that runs is the one that was told.
fn check_version(world: &World, told: Option<&Outcome>, wrong: &mut Vec<String>) {
    let version = match told {
        Some(Outcome::Succeeded { now }) if world.scenario.job == Job::Upgrade => {
            if now != Version::New.name() {
                wrong.push(format!("success is told of version {now}"));
            }
            Version::New
        }
        Some(_) | None => Version::Old,
    };
    let (slot, running) = (world.slots.current, world.till.running());
    if slot != version || running != Some(version) {
        wrong.push(format!("told is {version:?}; current is {slot:?}, running is {running:?}"));
    }
    if !world.slots.is_committed() {
        wrong.push("the current slot is not committed".to_owned());
    }
}

/// The till works with the data that was told, and nothing of the job is left over.
fn check_data(world: &World, told: Option<&Outcome>, wrong: &mut Vec<String>) {
    let succeeded = matches!(told, Some(Outcome::Succeeded { .. }));
    let restored = succeeded && world.scenario.job == Job::Restore;
    let data = if restored { Data::Restored } else { Data::OfBefore };
    if world.vault.data != data {
        wrong.push(format!("the job ended as {told:?}, the till has {:?}", world.vault.data));
    }
    if world.vault.files != data {
        wrong.push(format!("the job ended as {told:?}, the files are {:?}", world.vault.files));
    }
    let left = world.vault.leftovers();
    if !left.is_empty() {
        wrong.push(format!("left over: {}", left.join(", ")));
    }
    let snapshots = world.vault.snapshots();
    if world.scenario.job == Job::Backup && succeeded && snapshots == 0 {
        wrong.push("a backup succeeded, and nothing was saved".to_owned());
    }
}

/// Who cancels is told the truth.
fn check_cancellation(world: &World, told: Option<&Outcome>, wrong: &mut Vec<String>) {
    let Some(cancel) = world.cancel else { return };
    let cancelled = matches!(told, Some(Outcome::Cancelled { .. }));
    let granted = matches!(world.controller.outcome(cancel), Some(Outcome::Succeeded { .. }));
    if cancelled != granted {
        let answer = world.controller.outcome(cancel);
        wrong.push(format!("the job ended as {told:?}, but the canceller heard {answer:?}"));
    }
}
