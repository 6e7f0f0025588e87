//! How the controller moves a campaign, step by step, over the books: the same decisions in the
//! same order as in `controller::campaign::execute`, each asked twice as there, when a plan is made
//! and when it is stored. Sometimes two controllers make their plans before either stores one.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use controller::calendar::Kind;
use controller::campaign::assignment::{AssignmentState, Fact, GivenUp, Unheard};
use controller::campaign::gate::{self, Verdict};
use controller::campaign::gather;
use controller::campaign::plan::{self, Candidate, HeldBy, Opening, Plan, Room, Situation};
use controller::campaign::state::{CampaignEvent, CampaignState};
use controller::campaign::store::StoreStanding;
use controller::kind::Disturbs;
use controller::registry::terminal::Presence;
use shared::calendar::Calendar;
use shared::id::{OrderId, TerminalId};
use shared::time::UnixTime;

use super::books::Started;
use super::estate::{self, TillNumber};
use super::till::{Order, Parcel};
use super::world::{Bug, World};

/// As in the controller: how long an order may go unsent, and unanswered, before it lends its
/// place.
const SEND_PATIENCE: Duration = Duration::from_secs(10 * 60);
const ANSWER_PATIENCE: Duration = Duration::from_secs(3600);

/// Assignments that one step deals with for one reason.
const ASSIGNMENTS_MAX: usize = 200;

/// The controller looks at every campaign so often, whatever it hears.
const TIMER: Duration = Duration::from_secs(10 * 60);

/// When shops may be disturbed, of each campaign and store: at one moment.
pub(crate) type Openings = BTreeMap<(usize, usize), (Opening, Option<Calendar>)>;

/// What one step would release.
struct Planned {
    campaign: usize,
    looked_at: Vec<TerminalId>,
    plan: Plan,
}

impl World {
    /// Moves those campaigns of which something may have changed.
    pub(crate) fn step_campaigns(&mut self) {
        self.openings.clear();
        let now = self.now;
        let is_due = |it: &Started| it.is_poked || it.due.is_some_and(|due| due <= now);
        let all = 0..self.books.campaigns.len();
        let mut due: Vec<_> = all.filter(|it| is_due(&self.books.campaigns[*it])).collect();
        due.sort_by_key(|it| Reverse(self.books.class(*it)));
        for campaign in &due {
            self.books.campaigns[*campaign].is_poked = false;
            self.move_one(*campaign);
        }
        let together = due.len() > 1 && self.dice.percent(25);
        if together {
            let planned: Vec<_> = due.iter().filter_map(|it| self.plan_release(*it)).collect();
            // A till that is given both at once does first what goes first.
            self.watch.lets_overtake = true;
            planned.into_iter().for_each(|it| self.store_release(it));
            self.watch.lets_overtake = false;
        }
        for campaign in due {
            while !self.is_found()
                && let Some(planned) = self.plan_release(campaign)
            {
                self.store_release(planned);
            }
            self.finish(campaign);
            self.tell_who_is_held(campaign);
        }
    }

    /// All but whom it releases for the first time.
    fn move_one(&mut self, campaign: usize) {
        self.give_up_waiting(campaign);
        match self.books.campaigns[campaign].campaign.state {
            CampaignState::Running => {
                self.move_waves(campaign);
                self.grant(campaign);
                self.release_again(campaign);
            }
            CampaignState::Halted | CampaignState::Aborted => self.withdraw(campaign),
            CampaignState::Draft
            | CampaignState::AwaitingApproval
            | CampaignState::Paused
            | CampaignState::Completed => {}
        }
    }

    fn learn(&mut self, campaign: usize, tills: Vec<TillNumber>, fact: &Fact) {
        for till in tills {
            self.books.learn(campaign, till, fact.clone(), self.now, &mut self.watch);
        }
    }

    fn give_up_waiting(&mut self, campaign: usize) {
        let (now, started) = (self.now, &self.books.campaigns[campaign]);
        if started.tally.open() == 0 {
            return;
        }
        let not_after = started.frozen.not_after;
        if now < not_after {
            let unsent = started.unanswered.iter().take_while(|it| it.0 < now.minus(SEND_PATIENCE));
            let is_old = |since: UnixTime| since < now.minus(ANSWER_PATIENCE);
            let is_lent =
                |it: &&(UnixTime, TillNumber)| is_old(it.0) || !started.given[&it.1].was_sent;
            let lent = unsent.filter(is_lent).map(|it| it.1).take(ASSIGNMENTS_MAX).collect();
            self.learn(campaign, lent, &Fact::Unanswered(now));
            self.give_up_who_is_away(campaign);
            return;
        }
        let patience = started.campaign.terms().patience;
        let is_over = now >= not_after.plus(patience);
        let in_state = |is: fn(AssignmentState) -> bool| {
            let given = started.given.iter().filter(|(_, it)| is(it.standing.state()));
            given.map(|(till, _)| *till).collect::<Vec<_>>()
        };
        let never_began = |it| matches!(it, AssignmentState::Ordered | AssignmentState::Unanswered);
        let unreached = in_state(never_began);
        let (expired, silent) = match is_over {
            true => (
                in_state(|it| matches!(it, AssignmentState::Accepted | AssignmentState::Waiting)),
                in_state(|it| matches!(it, AssignmentState::Working | AssignmentState::Undoing)),
            ),
            false => (vec![], vec![]),
        };
        for (tills, as_what) in [
            (unreached, Unheard::Unreached),
            (expired, Unheard::Expired),
            (silent, Unheard::Silent),
        ] {
            self.learn(campaign, tills, &Fact::GivenUp(GivenUp { as_what, at: now }));
        }
    }

    /// Whoever has begun and is away for too long counts as a bad end. All that tills tell of their
    /// work is the step that disturbs their shops.
    fn give_up_who_is_away(&mut self, campaign: usize) {
        let (now, started) = (self.now, &self.books.campaigns[campaign]);
        let silence = started.campaign.terms().silence;
        let Some(silence) = silence.filter(|_| self.bug != Some(Bug::WaitsForTheDead)) else {
            return;
        };
        let before = now.minus(silence.disturbing);
        let is_away = |till: &TillNumber| {
            let terminal = self.books.terminal(*till);
            let is_old = started.given[till].standing.state_since().1 < before;
            is_old && terminal.presence != Presence::Online && terminal.last_seen_at < Some(before)
        };
        let away = started.at_work.iter().copied().filter(is_away).collect();
        let silent = Fact::GivenUp(GivenUp { as_what: Unheard::Silent, at: now });
        self.learn(campaign, away, &silent);
    }

    fn move_waves(&mut self, campaign: usize) {
        let (now, bug) = (self.now, self.bug);
        let started = &mut self.books.campaigns[campaign];
        let Some(gate) = started.campaign.policy.gate.clone() else { return };
        while let Some(at) = started.waves.iter().position(|it| it.passed_at.is_none()) {
            let wave = &started.waves[at];
            let Some(opened_at) = wave.opened_at else { return };
            let tried = wave.tried();
            let verdict = match bug {
                Some(Bug::OpensEveryWave) => Verdict::Passed,
                _ => gate::judge(&gate, tried, opened_at, wave.reached_at, now),
            };
            match verdict {
                Verdict::Passed => {
                    started.waves[at].passed_at = Some(now);
                    if let Some(next) = started.waves.get_mut(at + 1) {
                        next.opened_at = Some(now);
                        self.watch.opens(campaign, at + 1, now);
                    }
                }
                Verdict::Missed(_) if bug == Some(Bug::LetsFailuresPass) => return,
                Verdict::Missed(_) => {
                    self.books.move_campaign(campaign, CampaignEvent::Trip, now);
                    return;
                }
                Verdict::Unmet(_) => {
                    let is_reached = gate::is_reached(&gate, tried, opened_at, now);
                    let wave = &mut started.waves[at];
                    wave.reached_at = wave.reached_at.or(is_reached.then_some(now));
                    return;
                }
            }
        }
    }

    /// Takes back what has not begun.
    fn withdraw(&mut self, campaign: usize) {
        let may_be_taken_back = |it: AssignmentState| it <= AssignmentState::Waiting;
        let given = &mut self.books.campaigns[campaign].given;
        let back = given
            .iter_mut()
            .filter(|(_, it)| !it.is_called_back && may_be_taken_back(it.standing.state()));
        let mut called_back = vec![];
        for (till, given) in back {
            given.is_called_back = true;
            called_back.push((*till, given.order));
        }
        for (till, order) in called_back {
            let halted = Fact::Halted(self.now);
            self.books.learn(campaign, till, halted, self.now, &mut self.watch);
            self.send(till, Parcel::Cancel { campaign, order });
        }
    }

    /// Those that have lent their places have them again when they are back.
    fn grant(&mut self, campaign: usize) {
        let started = &self.books.campaigns[campaign];
        let back: Vec<_> = started.lent.iter().copied().filter(|it| self.is_online(*it)).collect();
        let (plan, _) = self.plan_for(campaign, &back[..back.len().min(ASSIGNMENTS_MAX)]);
        for till in plan.release.into_iter().map(estate::number) {
            if self.admits(campaign, till) {
                self.takes_its_turn(campaign);
                self.watch.grants(campaign, till, self.now, &self.estate, &self.books);
                self.learn(campaign, vec![till], &Fact::Granted(self.now));
                self.send_again(campaign, till);
            }
        }
    }

    /// The turn of those comes again that somebody wants tried again.
    fn release_again(&mut self, campaign: usize) {
        let started = &self.books.campaigns[campaign];
        let back: Vec<_> = started.again.iter().copied().filter(|it| self.is_online(*it)).collect();
        let (plan, calendars) = self.plan_for(campaign, &back[..back.len().min(ASSIGNMENTS_MAX)]);
        for till in plan.release.into_iter().map(estate::number) {
            self.order(campaign, till, calendars.get(&till).cloned());
        }
    }

    fn plan_for(
        &mut self,
        campaign: usize,
        tills: &[TillNumber],
    ) -> (Plan, BTreeMap<TillNumber, Calendar>) {
        let mut calendars = BTreeMap::new();
        let candidates: Vec<_> = tills
            .iter()
            .map(|till| {
                let (candidate, calendar) = self.candidate(campaign, *till);
                calendars.extend(calendar.map(|it| (*till, it)));
                candidate
            })
            .collect();
        let mut stores = self.stores_of(campaign, tills);
        let situation = self.situation(campaign);
        (plan::plan(situation, &candidates, &mut stores), calendars)
    }

    /// What is to be released of those at whom it looks now; nothing where nobody can be.
    fn plan_release(&mut self, campaign: usize) -> Option<Planned> {
        let (now, bug) = (self.now, self.bug);
        let started = &mut self.books.campaigns[campaign];
        if started.campaign.state != CampaignState::Running && bug != Some(Bug::GoesOnWhenHalted) {
            return None;
        }
        let changed = &self.books.changes[started.heard..];
        started.heard = self.books.changes.len();
        if bug != Some(Bug::ForgetsWhoIsParked) {
            let estate = &self.estate;
            let with_store =
                |till: &TillNumber| (estate::id(*till), estate.store_of(*till).name.as_str());
            started.frontier.wake(changed.iter().map(with_store));
        }
        let open_wave = started.open_wave();
        let situation = self.situation(campaign);
        let room = Room::of(situation);
        let (is_held, places) = (plan::held_as_a_whole(situation).is_some(), room.free());
        if is_held || room.why_not().is_some() {
            return None;
        }
        let frontier = &mut self.books.campaigns[campaign].frontier;
        let looked_at = frontier.next(open_wave, places, now);
        if looked_at.is_empty() {
            return None;
        }
        let looked_at: Vec<_> = looked_at.into_iter().map(|(id, _)| id).collect();
        let known = &self.books.campaigns[campaign].given;
        let tills = looked_at.iter().copied().map(estate::number);
        let tills: Vec<_> = match bug {
            Some(Bug::ReleasesTwice) => tills.collect(),
            _ => tills.filter(|it| !known.contains_key(it)).collect(),
        };
        let (plan, _) = self.plan_for(campaign, &tills);
        Some(Planned { campaign, looked_at, plan })
    }

    fn store_release(&mut self, planned: Planned) {
        let Planned { campaign, looked_at, plan } = planned;
        let known = &self.books.campaigns[campaign].given;
        let is_known = |it: &TerminalId| known.contains_key(&estate::number(*it));
        let mut gone: BTreeSet<_> = looked_at.into_iter().filter(is_known).collect();
        for id in &plan.release {
            let till = estate::number(*id);
            let (_, calendar) = self.candidate(campaign, till);
            if self.order(campaign, till, calendar) {
                gone.insert(*id);
            }
        }
        if self.bug == Some(Bug::ReleasesTwice) {
            let last = plan.release.last();
            gone.retain(|it| Some(it) != last);
        }
        let estate = &self.estate;
        let store_of = |id| estate.store_of(estate::number(id)).name.clone();
        self.books.campaigns[campaign].frontier.settle(&plan, &gone, store_of);
    }

    /// Stores an order, unless there is no room for it any more.
    fn order(&mut self, campaign: usize, till: TillNumber, calendar: Option<Calendar>) -> bool {
        let now = self.now;
        let started = &self.books.campaigns[campaign];
        let before = started.given.get(&till);
        let comes_again = before.is_none_or(|it| {
            let state = it.standing.state();
            state == AssignmentState::Withdrawn || (it.again && state.is_end())
        });
        let is_wanted = comes_again || self.bug == Some(Bug::ReleasesTwice);
        if !is_wanted || !self.admits(campaign, till) {
            return false;
        }
        let issue = match self.bug {
            Some(Bug::ReleasesTwice) => 0,
            _ => before.map_or(0, |it| it.issue + 1),
        };
        self.takes_its_turn(campaign);
        self.watch.releases(campaign, till, issue, now, &self.estate, &self.books);
        let order = self.next_order(campaign, till);
        self.books.give(campaign, till, order, now, &mut self.watch);
        let not_after = self.books.campaigns[campaign].frozen.not_after;
        let class = self.books.class(campaign);
        let order = Order { id: order, campaign, class, calendar, not_after };
        self.orders.insert(order.id, Rc::new(order));
        self.send_again(campaign, till);
        true
    }

    fn next_order(&mut self, campaign: usize, till: TillNumber) -> OrderId {
        let mut id = [0; 16];
        id[..4].copy_from_slice(&till.to_be_bytes());
        id[4] = u8::try_from(campaign).expect("few");
        id[8..].copy_from_slice(&(self.orders.len() as u64).to_be_bytes());
        OrderId::from_bytes(id)
    }

    /// What all members share, and the store, as they stand when it is stored.
    fn admits(&self, campaign: usize, till: TillNumber) -> bool {
        let situation = self.situation(campaign);
        if Room::of(situation).why_not().is_some() {
            return false;
        }
        let is_unasked = matches!(self.bug, Some(Bug::AsksNoStore | Bug::AdmitsUnasked));
        if situation.terms.disturbs != Disturbs::InItsTurn || is_unasked {
            return true;
        }
        let store = self.standing(self.estate.tills[till as usize].0);
        let rule = plan::store_rule(situation.policy, situation.has_window);
        store.why_not(estate::id(till), rule).is_none()
    }

    fn takes_its_turn(&mut self, campaign: usize) {
        let campaign = &mut self.books.campaigns[campaign].campaign;
        if let Some(rate) = campaign.policy.rate
            && self.bug != Some(Bug::ForgetsItsRate)
        {
            campaign.used = rate.used(campaign.used, self.now, 1);
        }
    }

    fn situation(&self, campaign: usize) -> Situation<'_> {
        let started = &self.books.campaigns[campaign];
        let Started { campaign, frozen, tally, .. } = started;
        let places = match self.bug {
            Some(Bug::DoublesPlaces) => 2,
            _ => 1,
        };
        let state = match self.bug {
            Some(Bug::GoesOnWhenHalted) => CampaignState::Running,
            _ => campaign.state,
        };
        Situation {
            state,
            now: self.now,
            not_after: frozen.not_after,
            members: frozen.members,
            open_wave: started.open_wave(),
            is_frozen: false,
            terms: campaign.terms(),
            class: campaign.class(),
            has_window: campaign.change.window().is_some(),
            max_parallel: places * campaign.max_parallel,
            policy: &campaign.policy,
            used: campaign.used,
            tally,
        }
    }

    fn candidate(&mut self, campaign: usize, till: TillNumber) -> (Candidate, Option<Calendar>) {
        let (opening, calendar) = self.opening(campaign, till);
        let mut besides = self.books.besides(campaign, till);
        match self.bug {
            Some(Bug::OvertakesWhatGoesFirst) => besides.busy = None,
            Some(Bug::SparesNobody) => besides.penalty_until = None,
            _ => {}
        }
        let wave = self.books.campaigns[campaign].wave_of(till);
        (Candidate::of(self.books.terminal(till), wave, besides, opening), calendar)
    }

    /// All tills of a store have the same hours, but for their shares of a spread.
    fn opening(&mut self, campaign: usize, till: TillNumber) -> (Opening, Option<Calendar>) {
        let started = &self.books.campaigns[campaign];
        if !started.campaign.terms().keeps_calendars {
            return (Opening::Open, None);
        }
        let number = self.estate.tills[till as usize].0;
        if let Some(known) = self.openings.get(&(campaign, number)) {
            return known.clone();
        }
        let mut kept = self.estate.stores[number].kept.clone();
        if self.bug == Some(Bug::ForgetsFreezes) {
            kept.retain(|it| it.entry.kind != Kind::Freeze);
        }
        let terminal = self.books.terminal(till);
        let opening = gather::opening(&started.campaign, &kept, terminal, self.now);
        self.openings.insert((campaign, number), opening.clone());
        opening
    }

    fn standing(&self, store: usize) -> StoreStanding {
        let standing = self.books.store(&self.estate, store, self.now);
        let has_fallback = standing.has_fallback || self.bug == Some(Bug::TakesTheLast);
        StoreStanding { has_fallback, ..standing }
    }

    fn stores_of(&self, campaign: usize, tills: &[TillNumber]) -> BTreeMap<String, StoreStanding> {
        let disturbs = self.books.campaigns[campaign].campaign.terms().disturbs;
        if disturbs != Disturbs::InItsTurn || self.bug == Some(Bug::AsksNoStore) {
            return BTreeMap::new();
        }
        let stores: BTreeSet<_> =
            tills.iter().map(|it| self.estate.tills[*it as usize].0).collect();
        let named = |it: usize| (self.estate.stores[it].name.clone(), self.standing(it));
        stores.into_iter().map(named).collect()
    }

    pub(crate) fn is_online(&self, till: TillNumber) -> bool {
        self.books.terminal(till).presence == Presence::Online
    }

    fn finish(&mut self, campaign: usize) {
        let started = &self.books.campaigns[campaign];
        let state = started.campaign.state;
        if state == CampaignState::Running && plan::is_over(self.situation(campaign)) {
            self.books.move_campaign(campaign, CampaignEvent::End, self.now);
        }
    }

    /// People are told why those wait that do; and when it is to be looked at again.
    fn tell_who_is_held(&mut self, campaign: usize) {
        let situation = self.situation(campaign);
        let (whole, room) = (plan::held_as_a_whole(situation), Room::of(situation).why_not());
        let reason = |why: Option<HeldBy>| why.map(|why| why.reason);
        let started = &self.books.campaigns[campaign];
        let open_wave = started.open_wave();
        let mut held = started.frontier.held(open_wave, reason(whole), reason(room));
        if self.bug == Some(Bug::TellsOfFewer) {
            held.remove(&plan::Held::Offline);
        }
        let now = self.now;
        let due = match situation.state {
            CampaignState::Running | CampaignState::Halted | CampaignState::Paused => {
                let by_reason = started.frontier.next_by_reason().into_values();
                let room = [whole, room].into_iter().flatten().filter_map(|why| why.next);
                let wave = started.waves.iter().find(|it| it.passed_at.is_none());
                let gate =
                    wave.zip(started.campaign.policy.gate.as_ref()).and_then(|(it, gate)| {
                        match gate::judge(gate, it.tried(), it.opened_at?, it.reached_at, now) {
                            Verdict::Unmet(unmet) => {
                                unmet.into_iter().filter_map(|it| it.next()).min()
                            }
                            Verdict::Passed | Verdict::Missed(_) => None,
                        }
                    });
                let next = by_reason.chain(room).chain(gate).filter(|at| *at > now).min();
                let timer = now.plus(TIMER);
                Some(next.map_or(timer, |next| next.min(timer)))
            }
            CampaignState::Draft
            | CampaignState::AwaitingApproval
            | CampaignState::Completed
            | CampaignState::Aborted => None,
        };
        self.watch.counts(campaign, &held);
        let started = &mut self.books.campaigns[campaign];
        (started.held, started.due) = (held, due);
    }
}
