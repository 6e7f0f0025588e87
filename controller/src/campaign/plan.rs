//! Whom to release now, and why not the others. Pure: policy, tally, candidates and the time come
//! in; the plan goes out, and is what a test compares and what is carried out.
//!
//! Every rule is a reason to hold a terminal back, and no rule can do anything else: so they
//! compose, and whoever waits has a reason that can be told.

use shared::id::TerminalId;
use shared::time::UnixTime;

use super::assignment::AssignmentState;
use super::state::CampaignState;
use crate::registry::campaign::CampaignTally;
use crate::registry::terminal::{Presence, Service, Terminal, Unit};

/// How the campaign stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Situation<'a> {
    pub state: CampaignState,
    pub now: UnixTime,
    /// Orders are void after this.
    pub not_after: UnixTime,
    pub members: u32,
    /// The last wave that is open, from 0.
    pub open_wave: u16,
    /// What was taken back when the campaign was stopped is released again once it goes on.
    pub comes_again: bool,
    /// Somebody finds the request suspicious that it carries out.
    pub is_frozen: bool,
    /// It empties terminals that are lost, stolen or tampered with.
    pub is_of_lost: bool,
    pub tally: &'a CampaignTally,
}

/// A member that was not released yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    pub terminal: TerminalId,
    /// From 0.
    pub wave: u16,
    pub unit: Unit,
    pub presence: Presence,
    /// Somebody finds it, its store or its merchant suspicious.
    pub is_frozen: bool,
    /// Its store or its merchant.
    pub is_place_frozen: bool,
    pub is_quarantined: bool,
    pub is_erased: bool,
}

impl Candidate {
    pub fn of(terminal: &Terminal, wave: u16) -> Self {
        Self {
            terminal: terminal.id,
            wave,
            unit: terminal.unit,
            presence: terminal.presence,
            is_frozen: terminal.is_frozen,
            is_place_frozen: terminal.is_place_frozen,
            is_quarantined: terminal.is_quarantined,
            is_erased: terminal.service == Service::Erased,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// In this order.
    pub release: Vec<TerminalId>,
    pub held: Vec<(TerminalId, Held)>,
    /// Why those are held back that are in waves that are not open, whoever they are.
    pub of_closed_waves: Held,
}

/// Why a member is not released.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Held {
    NotStarted,
    NotApproved,
    Paused,
    /// The campaign's own gate has stopped it.
    Halted,
    Aborted,
    Completed,
    /// The campaign's orders would be void.
    TimeOver,
    /// The gate of the wave before has not passed.
    WaveClosed,
    /// Nothing is released until two people have looked.
    Frozen,
    /// It is sent nothing but what empties it.
    Quarantined,
    /// It is empty, and out of service for good.
    Erased,
    NotEnrolled,
    Revoked,
    NeverSeen,
    /// An order for it would take a place, for nothing.
    Offline,
    /// As many as may be are at it.
    NoPlace,
}

impl Held {
    pub const ALL: [Self; 16] = [
        Self::NotStarted,
        Self::NotApproved,
        Self::Paused,
        Self::Halted,
        Self::Aborted,
        Self::Completed,
        Self::TimeOver,
        Self::WaveClosed,
        Self::Frozen,
        Self::Quarantined,
        Self::Erased,
        Self::NotEnrolled,
        Self::Revoked,
        Self::NeverSeen,
        Self::Offline,
        Self::NoPlace,
    ];

    /// Stable across releases.
    pub fn code(self) -> &'static str {
        match self {
            Self::NotStarted => "not-started",
            Self::NotApproved => "not-approved",
            Self::Paused => "paused",
            Self::Halted => "halted",
            Self::Aborted => "aborted",
            Self::Completed => "completed",
            Self::TimeOver => "time-over",
            Self::WaveClosed => "wave-closed",
            Self::Frozen => "frozen",
            Self::Quarantined => "quarantined",
            Self::Erased => "erased",
            Self::NotEnrolled => "not-enrolled",
            Self::Revoked => "revoked",
            Self::NeverSeen => "never-seen",
            Self::Offline => "offline",
            Self::NoPlace => "no-place",
        }
    }

    /// For people.
    pub fn detail(self) -> &'static str {
        match self {
            Self::NotStarted => "the campaign has not been started",
            Self::NotApproved => "the campaign waits for the signatures of its approvers",
            Self::Paused => "the campaign is paused",
            Self::Halted => "more has failed than the campaign's policy lets pass",
            Self::Aborted => "the campaign was aborted before its turn came",
            Self::Completed => "the campaign was over before its turn came",
            Self::TimeOver => "the campaign's time is over",
            Self::WaveClosed => "its wave begins once the one before has passed its gate",
            Self::Frozen => "somebody finds it, its store or the request suspicious",
            Self::Quarantined => "it is to be emptied as lost, stolen or tampered with",
            Self::Erased => "it was erased, and is out of service for good",
            Self::NotEnrolled => "it has not enrolled yet",
            Self::Revoked => "it was revoked",
            Self::NeverSeen => "it has never connected",
            Self::Offline => "it is offline; its turn comes when it connects",
            Self::NoPlace => "as many terminals as the campaign allows are at it already",
        }
    }

    /// What to do about it, in the imperative, where there is something to do.
    pub fn hint(self) -> Option<&'static str> {
        match self {
            Self::NotStarted => Some("start the campaign"),
            Self::NotApproved => Some("have its approvers sign it: `tillward approve export`"),
            Self::Paused => Some("resume the campaign"),
            Self::Halted => Some(
                "look at what has failed, and resume with `--acknowledge` or abort the campaign",
            ),
            Self::Aborted | Self::Completed | Self::TimeOver => {
                Some("create another campaign for these terminals")
            }
            Self::Frozen => Some("look into it: `tillward request suspicions`; two people lift it"),
            Self::Quarantined => {
                Some("leave it out; where it is found, take its wipe back, or enrol it anew")
            }
            Self::NotEnrolled => Some("enrol the terminal with its claim"),
            Self::Erased | Self::Revoked => {
                Some("leave it out, or enrol it again with a new claim")
            }
            Self::NeverSeen | Self::Offline => Some("look at the terminal's power and network"),
            Self::WaveClosed | Self::NoPlace => None,
        }
    }
}

/// Decides about these candidates, which come in the order in which they should be released.
pub fn plan(max_parallel: u32, situation: Situation<'_>, candidates: &[Candidate]) -> Plan {
    let mut places = u64::from(max_parallel).saturating_sub(situation.tally.places_taken());
    let of_closed_waves = held_as_a_whole(situation).unwrap_or(Held::WaveClosed);
    let mut plan = Plan { release: vec![], held: vec![], of_closed_waves };
    for candidate in candidates {
        match why_held(*candidate, situation) {
            Some(reason) => plan.held.push((candidate.terminal, reason)),
            None if places == 0 => plan.held.push((candidate.terminal, Held::NoPlace)),
            None => {
                places -= 1;
                plan.release.push(candidate.terminal);
            }
        }
    }
    plan
}

/// Why this member would not be released even if there were a place for it: something about the
/// whole campaign, or else something about the terminal.
pub fn why_held(candidate: Candidate, situation: Situation<'_>) -> Option<Held> {
    held_as_a_whole(situation)
        .or_else(|| (candidate.wave > situation.open_wave).then_some(Held::WaveClosed))
        .or_else(|| held_by_itself(candidate, situation.is_of_lost))
}

fn held_as_a_whole(situation: Situation<'_>) -> Option<Held> {
    match situation.state {
        CampaignState::Draft => Some(Held::NotStarted),
        CampaignState::AwaitingApproval => Some(Held::NotApproved),
        CampaignState::Paused => Some(Held::Paused),
        CampaignState::Halted => Some(Held::Halted),
        CampaignState::Aborted => Some(Held::Aborted),
        CampaignState::Completed => Some(Held::Completed),
        CampaignState::Running if situation.now >= situation.not_after => Some(Held::TimeOver),
        CampaignState::Running => situation.is_frozen.then_some(Held::Frozen),
    }
}

/// What empties those in the wrong hands is not kept from a terminal that is suspicious itself.
fn held_by_itself(candidate: Candidate, is_of_lost: bool) -> Option<Held> {
    let is_frozen = if is_of_lost { candidate.is_place_frozen } else { candidate.is_frozen };
    match (candidate.unit, candidate.presence) {
        (Unit::Claimed, _) => Some(Held::NotEnrolled),
        (Unit::Revoked, _) => Some(Held::Revoked),
        (Unit::Enrolled, _) if candidate.is_erased => Some(Held::Erased),
        (Unit::Enrolled, _) if candidate.is_quarantined && !is_of_lost => Some(Held::Quarantined),
        (Unit::Enrolled, _) if is_frozen => Some(Held::Frozen),
        (Unit::Enrolled, Presence::NeverSeen) => Some(Held::NeverSeen),
        (Unit::Enrolled, Presence::Offline) => Some(Held::Offline),
        (Unit::Enrolled, Presence::Online) => None,
    }
}

/// Nothing more is expected of anybody: every member was released and has ended, or the time for
/// releasing is over and everything that was released has ended.
pub fn is_over(situation: Situation<'_>) -> bool {
    let tally = situation.tally;
    let comes_again = match situation.comes_again {
        true => tally.in_state(AssignmentState::Withdrawn),
        false => 0,
    };
    let all_released = tally.released() - comes_again >= u64::from(situation.members);
    tally.open() == 0 && (all_released || situation.now >= situation.not_after)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn terminal(number: u8) -> TerminalId {
        TerminalId::from_bytes([number; 16])
    }

    fn online(number: u8) -> Candidate {
        Candidate {
            terminal: terminal(number),
            wave: 0,
            unit: Unit::Enrolled,
            presence: Presence::Online,
            is_frozen: false,
            is_place_frozen: false,
            is_quarantined: false,
            is_erased: false,
        }
    }

    fn tally(by_state: &[(AssignmentState, u64)]) -> CampaignTally {
        CampaignTally { by_state: by_state.iter().copied().collect(), ..CampaignTally::default() }
    }

    fn situation(tally: &CampaignTally) -> Situation<'_> {
        Situation {
            state: CampaignState::Running,
            now: UnixTime(10),
            not_after: UnixTime(100),
            members: 10,
            open_wave: 0,
            comes_again: true,
            is_frozen: false,
            is_of_lost: false,
            tally,
        }
    }

    #[test]
    fn as_many_are_released_as_there_are_places_and_the_others_know_why() {
        let tally = tally(&[
            (AssignmentState::Working, 1),
            (AssignmentState::Unanswered, 5),
            (AssignmentState::Succeeded, 7),
        ]);
        let offline = Candidate { presence: Presence::Offline, ..online(2) };
        let candidates = [online(1), offline, online(3), online(4)];
        let plan = plan(3, situation(&tally), &candidates);
        assert_eq!(plan.release, [terminal(1), terminal(3)]);
        assert_eq!(plan.held, [(terminal(2), Held::Offline), (terminal(4), Held::NoPlace)]);
    }

    #[test]
    fn what_holds_the_campaign_comes_before_what_holds_the_terminal() {
        let tally = CampaignTally::default();
        let running = situation(&tally);
        let over = Situation { now: UnixTime(100), ..running };
        let paused = Situation { state: CampaignState::Paused, ..running };
        let aborted = Situation { state: CampaignState::Aborted, ..running };
        let waiting = Situation { state: CampaignState::AwaitingApproval, ..running };
        let offline = Candidate { presence: Presence::Offline, ..online(1) };
        let revoked = Candidate { unit: Unit::Revoked, ..online(1) };
        let suspected = Situation { is_frozen: true, ..running };
        let frozen = Candidate { is_frozen: true, ..offline };
        for (situation, candidate, reason) in [
            (over, online(1), Held::TimeOver),
            (paused, offline, Held::Paused),
            (aborted, online(1), Held::Aborted),
            (waiting, online(1), Held::NotApproved),
            (running, offline, Held::Offline),
            (running, revoked, Held::Revoked),
            (running, frozen, Held::Frozen),
            (running, Candidate { is_frozen: true, ..revoked }, Held::Revoked),
            (suspected, online(1), Held::Frozen),
            (Situation { state: CampaignState::Halted, ..running }, offline, Held::Halted),
            (running, Candidate { wave: 1, ..frozen }, Held::WaveClosed),
            (suspected, Candidate { wave: 1, ..online(1) }, Held::Frozen),
            (Situation { is_frozen: true, ..paused }, online(1), Held::Paused),
            (Situation { is_frozen: true, ..over }, frozen, Held::TimeOver),
        ] {
            assert_eq!(why_held(candidate, situation), Some(reason));
        }
        assert_eq!(why_held(online(1), running), None);
    }

    #[test]
    fn whoever_is_in_quarantine_gets_what_empties_it_and_nothing_else() {
        let tally = CampaignTally::default();
        let others = situation(&tally);
        let of_lost = Situation { is_of_lost: true, ..others };
        let lost = Candidate { is_quarantined: true, ..online(1) };
        let suspicious = Candidate { is_frozen: true, ..lost };
        let place = Candidate { is_place_frozen: true, ..suspicious };
        let away = Candidate { presence: Presence::Offline, ..lost };
        for (situation, candidate, reason) in [
            (others, lost, Some(Held::Quarantined)),
            (others, suspicious, Some(Held::Quarantined)),
            (others, away, Some(Held::Quarantined)),
            (of_lost, lost, None),
            (of_lost, suspicious, None),
            (of_lost, place, Some(Held::Frozen)),
            (of_lost, away, Some(Held::Offline)),
            (of_lost, Candidate { is_erased: true, ..lost }, Some(Held::Erased)),
            (others, Candidate { is_erased: true, ..online(1) }, Some(Held::Erased)),
            (Situation { is_frozen: true, ..of_lost }, lost, Some(Held::Frozen)),
        ] {
            assert_eq!(why_held(candidate, situation), reason, "{candidate:?}");
        }
    }

    #[test]
    fn it_is_over_when_nothing_more_can_come_of_anybody() {
        let all_ended = tally(&[(AssignmentState::Succeeded, 8), (AssignmentState::Failed, 2)]);
        assert!(is_over(situation(&all_ended)));
        let one_works = tally(&[(AssignmentState::Succeeded, 9), (AssignmentState::Waiting, 1)]);
        assert!(!is_over(situation(&one_works)));
        let some_held = tally(&[(AssignmentState::Succeeded, 9)]);
        assert!(!is_over(situation(&some_held)));
        assert!(is_over(Situation { now: UnixTime(100), ..situation(&some_held) }));
        assert!(!is_over(Situation { now: UnixTime(100), ..situation(&one_works) }));
        let one_back = tally(&[(AssignmentState::Succeeded, 9), (AssignmentState::Withdrawn, 1)]);
        assert!(!is_over(situation(&one_back)), "its turn comes again");
        assert!(is_over(Situation { comes_again: false, ..situation(&one_back) }));
    }

    fn candidate() -> impl Strategy<Value = Candidate> {
        let unit = prop_oneof![Just(Unit::Enrolled), Just(Unit::Claimed), Just(Unit::Revoked)];
        let presence =
            prop_oneof![Just(Presence::Online), Just(Presence::Offline), Just(Presence::NeverSeen)];
        let parts = (any::<u8>(), 0_u16..3, unit, presence, any::<[bool; 4]>());
        parts.prop_map(|(number, wave, unit, presence, is)| Candidate {
            terminal: terminal(number),
            wave,
            unit,
            presence,
            is_frozen: is[0],
            is_place_frozen: is[1],
            is_quarantined: is[2],
            is_erased: is[3],
        })
    }

    proptest! {
        #[test]
        fn everybody_is_either_released_or_has_a_reason_and_no_place_is_taken_twice(
            candidates in prop::collection::vec(candidate(), 0..20),
            max_parallel in 0_u32..6,
            taken in 0_u64..6,
            open_wave in 0_u16..3,
        ) {
            let tally = CampaignTally {
                by_state: BTreeMap::from([(AssignmentState::Ordered, taken)]),
                ..CampaignTally::default()
            };
            let situation = Situation { open_wave, ..situation(&tally) };
            let plan = plan(max_parallel, situation, &candidates);
            let wave = |id| candidates.iter().filter(move |it| it.terminal == id).map(|it| it.wave);
            for id in &plan.release {
                prop_assert!(wave(*id).any(|wave| wave <= open_wave), "its wave is open");
            }
            prop_assert_eq!(plan.release.len() + plan.held.len(), candidates.len());
            let places = u64::from(max_parallel).saturating_sub(taken);
            prop_assert!(plan.release.len() as u64 <= places);
            let no_place = plan.held.iter().any(|(_, reason)| *reason == Held::NoPlace);
            prop_assert!(!no_place || plan.release.len() as u64 == places);
        }
    }
}
