//! The agent is killed as a power cut kills it, at moments that nobody chose.

use std::time::Duration;

use anyhow::{Context as _, Result};
use controller::api::model::AssignmentState as State;
use harness::world::World;

use crate::fleet::{Fleet, GOOD, Look};
use crate::print::say;
use crate::random::Moments;

const KILLS: u32 = 20;

/// Short beside an upgrade, which takes several seconds.
const APART_MAX: Duration = Duration::from_millis(800);

/// The last terminal's till is busy until so many kills are left, so that none of them comes
/// after the campaign.
const LEFT_FOR_THE_LAST: u32 = 5;

/// Slow enough for some of the kills to fall into a download.
const LINE_BYTES_PER_S: u64 = 4_000_000;

/// Each kill hits one of the terminals that are at work. A terminal that is interrupted too often
/// while a new version proves itself goes back to the old one: that is an end as good as any.
#[test]
fn twenty_kills_in_the_middle_of_upgrades_leave_books_right_and_one_end_each() {
    twenty_kills().unwrap();
}

fn twenty_kills() -> Result<()> {
    let mut fleet = Fleet::small(&["north", "north", "south", "south"])?;
    let release = fleet.world.publish_till(&GOOD)?;
    fleet.world.https.slow_down(LINE_BYTES_PER_S);
    let last = fleet.world.terminals.len() - 1;
    fleet.world.terminals[last].fault(&fleet.world.programs, &["busy"])?;
    let campaign = fleet.campaign(&release, "model=px7", &["--max-parallel", "4"])?;
    let mut moments = Moments::new(KILLS, APART_MAX);
    let mut steps = Vec::new();
    let ended = fleet.follow(campaign, |world: &mut World, look: &Look| {
        let at_work = |state| matches!(state, State::Accepted | State::Waiting | State::Working);
        let mut victims: Vec<_> =
            (0..world.terminals.len()).filter(|at| at_work(look.terminals[*at].state)).collect();
        if victims.is_empty() || !moments.has_come() {
            return Ok(());
        }
        let World { terminals, programs, .. } = world;
        if moments.left() > LEFT_FOR_THE_LAST {
            let it_alone = victims.len() == 1;
            victims.retain(|at| it_alone || *at != last);
        } else {
            terminals[last].fault(programs, &["clear"])?;
        }
        let at = victims[moments.choose(victims.len())];
        terminals[at].kill_agent()?;
        steps.push(look.terminals[at].step.clone().unwrap_or_default());
        terminals[at].start_agent(programs)?;
        moments.is_over();
        Ok(())
    })?;
    say(&format!("killed at: {steps:?}"));
    assert_eq!(moments.left(), 0, "kills that did not come before the campaign was over");
    for (at, assignment) in ended.terminals.iter().enumerate() {
        let version = if assignment.state == State::Succeeded { "2.0.0" } else { "1.0.0" };
        let good_ends = [State::Succeeded, State::RolledBack, State::Failed];
        assert!(good_ends.contains(&assignment.state), "{assignment:?}");
        assert_eq!(fleet.version(at).context(assignment.serial.clone())?, version);
        fleet.wait_until_it_sells(at)?;
    }
    fleet.check_once_in_effect(campaign)?;
    fleet.check_books()
}
