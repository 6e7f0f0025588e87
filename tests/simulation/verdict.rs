//! What must be so at the end of every run, however it was interrupted.

use agent::journal::facts::Standing;
use harness::deactivate::manifest;
use harness::keys::NOW;
use shared::change::rebind::RegistryOrder;
use shared::outcome::{FailureCode, Outcome};

use crate::bank::{Audit, Side};
use crate::leases::check_lease;
use crate::machine::CONTROLLER_GONE;
use crate::scenario::{Job, Release, Scenario, Then, Trouble};
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
    check_bindings(&world, told.as_ref(), &mut wrong);
    check_standing(&world, told.as_ref(), &mut wrong);
    check_lease(&world, &mut wrong);
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
        Some(outcome) if is_of_a_lost_test(&world, outcome) => {}
        other => wrong.push(format!("the job must not end like this: {other:?}")),
    }
    let refused = [Some(world.upgrade), world.cancel].into_iter().flatten();
    wrong.extend(refused.filter_map(|order| {
        world.controller.refusal(order).map(|refusal| format!("an order was refused: {refusal}"))
    }));
    if let Some(urgent) = world.urgent {
        match world.controller.outcome(urgent) {
            Some(Outcome::Succeeded { .. }) => {}
            other => wrong.push(format!("what was urgent must not end like this: {other:?}")),
        }
    }
    check_cancellation(&world, told.as_ref(), &mut wrong);
    let suspicions = usize::from(world.scenario.suspected_at.is_some());
    if world.controller.suspicions != suspicions && !world.lost_its_database {
        wrong.push(format!("{} suspicions were told", world.controller.suspicions));
    }
    if !world.disk.journal_is_empty() {
        wrong.push("something is left in the journal".to_owned());
    }
    wrong
}

/// The shop sells, and nothing that it sold was lost or booked twice.
fn check_shop(world: &mut World, wrong: &mut Vec<String>) {
    if !world.till.is_selling() && !world.till.is_stopped() {
        wrong.push("the shop is still closed".to_owned());
    }
    let audit = world.till.audit();
    let Audit { lost, doubled, settled_twice, astray, tests_left } = audit;
    if audit != Audit::default() {
        let sales = world.till.sales();
        wrong.push(format!(
            "of {sales} sales {lost} are lost, {doubled} booked twice, {settled_twice} settled \
             twice, {astray} told to the other host; {tests_left} tests are counted"
        ));
    }
}

/// The version that runs is the one that was told.
fn check_version(world: &World, told: Option<&Outcome>, wrong: &mut Vec<String>) {
    let upgraded = match (world.scenario.then, world.then) {
        (Some(Then::Upgrade), Some(order)) => world.controller.outcome(order),
        (_, _) if world.scenario.job == Job::Upgrade => told,
        (_, _) => None,
    };
    let version = match upgraded {
        Some(Outcome::Succeeded { now }) => {
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

/// One provider, and the one that was told; or none, and everybody knows.
fn check_bindings(world: &World, told: Option<&Outcome>, wrong: &mut Vec<String>) {
    let bank = &world.till.bank;
    if bank.all_active().len() != 1 {
        wrong.push(format!("active at once: {:?}", bank.all_active()));
        return;
    }
    let rebound = world.scenario.job == Job::Rebind;
    let gave_up_at = match told {
        Some(Outcome::RollbackFailed { failure, .. }) => Some(failure.step.as_str()),
        Some(_) | None => None,
    };
    // What sells with the new provider is told of, and sells on.
    let sells_on = matches!(gave_up_at, Some("watch" | "commit"));
    let gave_up = gave_up_at.is_some() && !sells_on;
    // Whether it should be after these is looked at by what the terminal has become.
    let stops = [Job::Suspend, Job::WipeLost].contains(&world.scenario.job);
    if !stops && world.till.is_stopped() != (rebound && gave_up) {
        wrong.push(format!(
            "the job ended as {told:?}; trading is stopped: {}",
            world.till.is_stopped()
        ));
    }
    let alone_until = world.switched_at.map(|at| at + CONTROLLER_GONE);
    let alone = world.scenario.trouble == Some(Trouble::ControllerGone);
    if alone && world.ended_at >= alone_until {
        wrong.push("the job waited for a controller".to_owned());
    }
    // After a power cut a till sells until the agent holds it again.
    let sold_on = world.stop_asked_at.is_some_and(|at| world.till.sold_at > at);
    if sold_on && world.starts == 1 {
        wrong.push("the shop sold when it had to be stopped".to_owned());
    }
    let wanted = match told {
        Some(Outcome::Succeeded { .. }) if rebound => [false, true],
        Some(Outcome::RollbackFailed { .. }) if gave_up_at == Some("commit") => [true, true],
        Some(Outcome::RollbackFailed { .. }) if gave_up_at == Some("watch") => [false, true],
        Some(Outcome::RollbackFailed { .. }) => return,
        Some(_) | None => [true, false],
    };
    let has = [Side::Old, Side::New].map(|side| bank.has(side));
    if has != wanted {
        wrong.push(format!("the job ended as {told:?}; the till has old and new: {has:?}"));
    }
}

/// The till stands still, sells or is erased as the last of its orders had it, and the terminal
/// knows so.
fn check_standing(world: &World, told: Option<&Outcome>, wrong: &mut Vec<String>) {
    let Scenario { job, then, trouble, release, .. } = &*world.scenario;
    let succeeded = matches!(told, Some(Outcome::Succeeded { .. }));
    let suspended = match told {
        // Another suspension went on from there.
        Some(Outcome::Superseded) => world.controller.outcome(world.suspension).cloned(),
        other => other.cloned(),
    };
    let stands_still = matches!(suspended, Some(Outcome::Succeeded { .. }));
    let by = world.suspension;
    let is_settled = scenario_settles(world);
    let mut wanted = match job {
        Job::Suspend if stands_still => {
            Standing::Suspended { by, is_settled, manifest: Some(manifest()) }
        }
        Job::WipeLost if succeeded => Standing::Erased { by: world.upgrade, at: NOW },
        Job::Upgrade
        | Job::Backup
        | Job::Drill
        | Job::Restore
        | Job::Rebind
        | Job::Suspend
        | Job::WipeLost => Standing::InService,
    };
    if let (Some(then), Some(order)) = (then, world.then) {
        let told = world.controller.outcome(order);
        if let Some(refused_as) = then.refused_as() {
            let refusal = world.controller.refusal(order);
            if refusal.is_none_or(|why| !why.starts_with(refused_as)) {
                wrong.push(format!("{then:?} ended as {told:?}, {refusal:?}"));
            }
        } else if !world.lost_its_database
            && (world.controller.finals(order) != 1 || told != world.outcome_of(order).as_ref())
        {
            wrong.push(format!("what follows ended as {told:?}, and not everybody knows it"));
        }
        let fails_with = match trouble {
            Some(_) | None if world.till.bank.lost_a_test() => Some(FailureCode::TestFailed),
            Some(Trouble::TestDeclined | Trouble::SelfTestFails) => Some(FailureCode::TestFailed),
            Some(Trouble::TestsDisagree) => Some(FailureCode::SettlementMismatch),
            Some(_) | None => None,
        };
        // Its receipt went with the database, and what it did stands.
        let forgotten = world.lost_its_database;
        match (told, then) {
            (None, Then::Resume) if forgotten && world.has_passed_its_tests() => {
                wanted = Standing::InService;
            }
            (None, Then::Resume) if forgotten => {}
            (None, Then::WipeUnsettled | Then::WipeRegistered) => {}
            (Some(Outcome::Failed { failure }), Then::Resume)
                if fails_with == Some(failure.code) =>
            {
                // Tests may have left something that nobody has settled.
                if failure.step != "self-test" {
                    wanted = wanted.unsettled();
                }
            }
            (Some(Outcome::Succeeded { .. }), Then::Resume) if fails_with.is_none() => {
                wanted = Standing::InService;
            }
            (Some(Outcome::Succeeded { .. }), Then::Upgrade) if *release == Release::Good => {}
            (Some(Outcome::RolledBack { failure }), Then::Upgrade)
                if *release != Release::Good && failure.code == FailureCode::HealthNotProven => {}
            (Some(Outcome::Succeeded { .. }), Then::Wipe | Then::SettleAndWipe) => {
                wanted = Standing::Erased { by: order, at: NOW };
            }
            (other, _) => wrong.push(format!("what follows must not end like this: {other:?}")),
        }
    }
    let own = world.disk.standing();
    let own = match own {
        Standing::Erased { by, .. } => Standing::Erased { by, at: NOW },
        Standing::InService | Standing::Suspended { .. } => own,
    };
    if own != wanted {
        wrong.push(format!("the terminal should be {wanted:?}, and believes {own:?}"));
    }
    let till = &world.till;
    let is_erased = matches!(wanted, Standing::Erased { .. });
    if (till.erased == Some(true), world.stepped_down) != (is_erased, is_erased) {
        let (erased, stepped_down) = (till.erased, world.stepped_down);
        wrong.push(format!("{wanted:?}: erased {erased:?}, stepped down {stepped_down}"));
    }
    if *job == Job::Suspend && till.is_selling() != (wanted == Standing::InService) {
        wrong.push(format!("{wanted:?}, and the till sells: {}", till.is_selling()));
    }
}

/// Whether the till has settled before it was suspended last.
fn scenario_settles(world: &World) -> bool {
    let Scenario { then, owing_after, .. } = &*world.scenario;
    owing_after.is_none() || *then == Some(Then::SettleAndWipe)
}

/// Whoever loses the answer to a test in a power cut cannot say that it passed, and returns where
/// that can be done. Where it cannot, the test is done anew.
fn is_of_a_lost_test(world: &World, outcome: &Outcome) -> bool {
    let released = world.scenario.registry_order == RegistryOrder::ReleaseOldFirst;
    let Outcome::RolledBack { failure } = outcome else { return false };
    !released && world.till.bank.lost_a_test() && failure.code == FailureCode::TestFailed
}

/// Who cancels is told the truth.
fn check_cancellation(world: &World, told: Option<&Outcome>, wrong: &mut Vec<String>) {
    let Some(cancel) = world.cancel else { return };
    let cancelled = match told {
        Some(Outcome::Cancelled { .. }) => true,
        Some(Outcome::RolledBack { failure } | Outcome::RollbackFailed { failure, .. }) => {
            failure.code == FailureCode::Withdrawn
        }
        Some(_) | None => false,
    };
    let granted = matches!(world.controller.outcome(cancel), Some(Outcome::Succeeded { .. }));
    if cancelled != granted {
        let answer = world.controller.outcome(cancel);
        wrong.push(format!("the job ended as {told:?}, but the canceller heard {answer:?}"));
    }
}
