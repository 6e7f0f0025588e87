//! A till that stands still does so whatever its terminal loses, and people let it sell again.

use agent::journal::facts::Standing;
use shared::message::Stands;

use super::*;

impl Desk {
    /// The controller answers what was lost with an epoch of its own.
    fn begin_again(&mut self, epoch: u32) {
        self.restart();
        self.connect();
        assert!(self.hello.as_ref().is_some_and(|hello| hello.ledger_lost));
        self.tell_time(epoch);
    }

    /// As it is ordered in a later epoch.
    fn in_epoch(&self, epoch: u32, parcel: Parcel) -> Parcel {
        self.narrowed(parcel, |order| order.epoch = epoch)
    }

    /// Takes an upgrade, and gives whether each thing that was asked for knew that the till is to
    /// stand still.
    fn upgrade_while_suspended(&mut self, epoch: u32) -> bool {
        let upgrade = self.in_epoch(epoch, self.upgrade(2));
        self.order(&upgrade);
        assert_eq!(self.said(), [Said::Accepted], "{:?}", self.last);
        let mut knew = true;
        while let Some(task) = self.asked.first() {
            knew &= task.given.suspended;
            let version = established(task.action);
            let reply = match task.action == Action::AskTill {
                true => Reply::Till { work: Work::Free, detail: String::new() },
                false => Reply::Done(Proof { version, findings: Vec::new() }),
            };
            self.reply(reply);
            if self.asked.is_empty() && !self.disk.journal_is_empty() {
                self.tell_time(epoch);
            }
        }
        assert!(matches!(self.ended(&upgrade), Outcome::Succeeded { .. }));
        knew
    }

    fn stands(&self) -> Option<Stands> {
        self.hello.as_ref().expect("a hello was said").stands
    }
}

#[test]
fn a_till_that_stands_still_does_so_after_its_terminal_has_lost_the_database() {
    let (mut desk, by) = Desk::suspended();
    desk.disk.lose();
    desk.begin_again(2);
    assert_eq!(desk.stands(), Some(Stands::Suspended));
    assert!(desk.upgrade_while_suspended(2), "nothing lets it sell");
    let saved = Some(harness::deactivate::manifest());
    let known = Standing::Suspended { by, is_settled: true, manifest: saved };
    assert_eq!(desk.disk.standing(), known, "and what was saved is known");

    let again = desk.in_epoch(2, resumption(&desk, 3));
    desk.order(&again);
    desk.work();
    assert!(matches!(desk.ended(&again), Outcome::Succeeded { .. }));
    desk.disk.lose();
    desk.begin_again(3);
    assert_eq!(desk.stands(), None, "people have let it sell");
}

#[test]
fn new_books_begin_with_what_the_controller_knows_and_nobody_is_wiped_by_that() {
    let (mut desk, by) = Desk::suspended();
    desk.disk = Disk::new();
    desk.suspended_by = Some(by);
    desk.restart();
    desk.connect();
    desk.tell_time(1);
    assert_eq!(desk.stands(), Some(Stands::SuspendedOwing));
    assert!(desk.upgrade_while_suspended(1));
    let emptying = emptying(&desk, 3, by);
    desk.order(&emptying);
    let refusals: Vec<_> = desk.said().iter().filter_map(refused).collect();
    assert_eq!(refusals, [Refusal::NotSettled], "it knows of no settlement");
    let settling = suspension(&desk, 4, 0);
    desk.order(&settling);
    desk.work();
    assert!(matches!(desk.ended(&settling), Outcome::Succeeded { .. }));
    let again = resumption(&desk, 5);
    desk.order(&again);
    desk.work();
    assert!(matches!(desk.ended(&again), Outcome::Succeeded { .. }));
    desk.restart();
    desk.connect();
    assert_eq!(desk.stands(), None, "what it knows itself counts before what it was told");
}

#[test]
fn what_was_kept_and_cannot_be_read_loses_the_ledger_once_and_not_at_every_restart() {
    let (mut desk, by) = Desk::suspended();
    desk.disk.keep_outside(vec![0xff]);
    desk.suspended_by = Some(by);
    desk.begin_again(2);
    assert_eq!(desk.stands(), Some(Stands::SuspendedOwing));
    desk.restart();
    desk.connect();
    assert!(desk.hello.as_ref().is_some_and(|hello| !hello.ledger_lost));
    assert_eq!(desk.stands(), Some(Stands::SuspendedOwing), "it was told so");
}
