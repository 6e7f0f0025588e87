//! When the lease runs out: what comes to its end first, what waits, and who lets the till go.

use agent::job::Again;
use agent::job::deactivate::DeactivateAction;
use agent::lease::{CameTo, Outlook, Part, What};
use harness::deactivate::{clearance_lost, folder, wipe_lost};
use shared::change::Change;
use shared::outcome::FailureCode;

use super::*;

const LEASE: Duration = Duration::from_secs(4 * 3600);

/// From the contact until the lease has run out.
const OVER: u64 = 4 * 3600;

impl Desk {
    /// In touch with its controller, and selling.
    fn leased() -> Self {
        let mut desk = Self::with_lease(Some(LEASE));
        desk.connect();
        desk.tell_time(1);
        desk
    }

    /// What the newest errand is about, and whether the till is its to stop or to let go.
    fn errand(&self) -> Option<(What, Part)> {
        self.errands.last().map(|it| (it.what, it.till))
    }

    fn errand_came_to(&mut self, till: Result<(), String>) {
        let number = self.errands.remove(0).number;
        self.give(Input::LeaseKept { number, came_to: CameTo { till, program: Ok(()) } });
    }

    fn locked() -> Self {
        let mut desk = Self::leased();
        desk.pass(OVER);
        assert_eq!(desk.errand(), Some((What::Lock, Part::Do)));
        desk.errand_came_to(Ok(()));
        desk
    }

    fn outlook(&self) -> Outlook {
        self.core.outlook(Now { uptime: self.uptime, rtc: NOW.plus(self.uptime) })
    }

    /// Hellos are said again until one is answered.
    fn is_heard(&mut self) {
        self.pass(20 * 60);
        while self.errand().is_some() {
            self.errand_came_to(Ok(()));
        }
        self.tell_time(1);
    }
}

#[test]
fn a_lease_that_runs_out_is_warned_of_locks_and_ends_with_an_answer() {
    let mut desk = Desk::leased();
    desk.pass(OVER - 3600);
    assert_eq!((desk.outlook(), desk.errand()), (Outlook::RunsOut { in_h: 1 }, None));
    desk.pass(3600);
    assert_eq!(desk.errand(), Some((What::Lock, Part::Do)));
    desk.errand_came_to(Err("it starts".to_owned()));
    assert_eq!(desk.errand(), None);
    desk.pass(15);
    assert_eq!(desk.errand(), Some((What::Lock, Part::Do)), "until it is stopped");
    desk.errand_came_to(Ok(()));
    desk.pass(5 * 60);
    assert_eq!(desk.errand(), Some((What::Lock, Part::Do)), "nobody else lets it sell for long");
    desk.errand_came_to(Ok(()));
    desk.is_heard();
    assert_eq!(desk.errand(), Some((What::Unlock, Part::Do)));
    let said = desk.hello.as_ref().and_then(|hello| hello.locked.clone());
    assert!(said.is_some_and(|it| it.for_s >= 20 * 60), "the hello that was answered said so");
    desk.errand_came_to(Ok(()));
    assert_eq!(desk.outlook(), Outlook::Fine);
    desk.pass(60);
    assert_eq!(desk.hello.as_ref().and_then(|hello| hello.locked.clone()), None);
}

#[test]
fn an_answer_to_another_question_renews_nothing() {
    let mut desk = Desk::locked();
    let answered = desk.hello.as_ref().expect("a hello").boot_nonce;
    desk.is_heard();
    desk.errand_came_to(Ok(()));
    desk.pass(OVER);
    assert_eq!(desk.errand(), Some((What::Lock, Part::Do)));
    desk.errand_came_to(Ok(()));
    desk.tell_time_for(answered, 1);
    assert_eq!(desk.errand(), None, "it was kept and is told again");
}

#[test]
fn a_restart_locks_what_is_to_be_locked_and_unlocks_what_is_to_be_unlocked() {
    let mut desk = Desk::leased();
    desk.pass(OVER);
    desk.restart();
    assert_eq!(desk.errand(), Some((What::Lock, Part::Do)));
    desk.errand_came_to(Ok(()));
    desk.restart();
    assert_eq!(desk.errand(), Some((What::Lock, Part::Do)), "the till may have been let go");
    desk.connect();
    desk.tell_time(1);
    assert_eq!(desk.errand(), Some((What::Lock, Part::Do)), "one after the other");
    desk.errand_came_to(Ok(()));
    assert_eq!(desk.errand(), Some((What::Unlock, Part::Do)));
    desk.restart();
    assert_eq!(desk.errand(), Some((What::Unlock, Part::Do)));
}

#[test]
fn a_job_that_has_disturbed_the_shop_comes_to_its_end_before_the_till_is_locked() {
    let mut desk = Desk::leased();
    desk.pass(OVER - 30);
    let upgrade = desk.upgrade(1);
    desk.order(&upgrade);
    while desk.acting() != Some(Action::Drain) {
        let is_till = desk.acting() == Some(Action::AskTill);
        let free = Reply::Till { work: Work::Free, detail: String::new() };
        desk.reply(if is_till { free } else { Reply::Done(Proof::default()) });
    }
    desk.pass(30);
    assert_eq!((desk.acting(), desk.errand()), (Some(Action::Drain), None));
    let (code, detail) = (FailureCode::DrainIncomplete, "it fails".to_owned());
    desk.reply(Reply::Failed { code, detail, again: Again::Pointless });
    while desk.acting() == Some(Action::HoldTrading) {
        desk.reply(Reply::Done(Proof::default()));
    }
    assert_eq!((desk.acting(), desk.errand()), (Some(Action::ReleaseTrading), None));
    desk.reply(Reply::Done(Proof::default()));
    assert_eq!(desk.errand(), Some((What::Lock, Part::Do)), "the shop is undisturbed");
    while desk.acting().is_some() {
        desk.reply(Reply::Done(Proof::default()));
    }
    assert!(desk.outcome(&upgrade).is_some());
}

#[test]
fn a_job_that_has_disturbed_nothing_waits_until_the_till_is_let_go() {
    let mut desk = Desk::leased();
    desk.pass(OVER - 120);
    let upgrade = desk.upgrade(1);
    desk.order(&upgrade);
    desk.reply(Reply::Done(Proof::default()));
    assert_eq!(desk.acting(), Some(Action::Fetch));
    desk.pass(120);
    desk.reply(Reply::Done(Proof::default()));
    assert_eq!(desk.acting(), None, "nothing follows the download");
    desk.errand_came_to(Ok(()));
    assert_eq!(desk.acting(), None);
    desk.is_heard();
    assert_eq!(desk.acting(), None);
    desk.errand_came_to(Ok(()));
    assert_eq!(desk.acting(), Some(Action::Verify));
}

#[test]
fn a_lost_terminal_that_comes_back_locked_is_not_let_go_but_stopped_and_emptied() {
    let mut desk = Desk::locked();
    let challenge = desk.challenge.expect("a hello was said");
    let folder = folder([1, 2].map(|it| clearance_lost(terminal(it), challenge)));
    let change = Change::Decommission(Box::new(wipe_lost(folder.root())));
    let batch = Ceremony::batch(1, change, &members());
    let order = Ceremony::order(1, terminal(1), &batch, &members());
    let Ceremony { controller, approver, .. } = &desk.ceremony;
    let parcel = Parcel {
        order: desk.ceremony.sign(order, &[controller]),
        batch: desk.ceremony.sign(batch, &[controller, &approver[0], &approver[1]]),
        release: None,
        profile: folder.enclosed(terminal(1)),
    };
    desk.pass(20 * 60);
    if desk.errand().is_some() {
        desk.errand_came_to(Ok(()));
    }
    desk.order(&parcel);
    assert_eq!(desk.acting(), Some(Action::Deactivate(DeactivateAction::Stop)));
    desk.tell_time(1);
    assert_eq!(desk.errand(), None, "it is just being stopped");
    desk.reply(Reply::Done(Proof::default()));
    assert_eq!(desk.errand(), Some((What::Unlock, Part::Leave)));
}
