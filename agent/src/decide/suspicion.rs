//! Somebody at the terminal does not believe what is ordered. It is told once, and what has not
//! disturbed the shop ends. What has runs to its end: half a change is worse than a doubted one.

use shared::limits::short_text;
use shared::message::Suspicion;
use shared::outcome::Outcome;
use shared::time::UnixTime;

use super::effect::{Decision, Post};
use super::input::Now;
use super::work::job::Job;
use super::{Core, facts};

impl Core {
    pub(super) fn suspected(&mut self, at: UnixTime, note: &str, now: Now, out: &mut Decision) {
        if !self.suspected.add(at) {
            return;
        }
        out.writes.push(facts::suspected(&self.suspected));
        let note = short_text(note);
        let reason = short_text(&format!("reported at the till as suspicious: {note}"));
        let suspicion = Suspicion { at, order: self.working_on(), note };
        self.post(Post::Suspicion(suspicion), out);
        // Whoever has a lost terminal may be who doubts that it is emptied.
        let may_end = |job: &Job| !job.is_of_a_lost_terminal();
        self.withdraw(may_end, &Outcome::Cancelled { reason }, now, out);
    }
}
