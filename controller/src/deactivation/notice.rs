//! Who has to know before terminals stop, how long before, and who does not know yet. Pure.
//!
//! | Party            | Suspension       | Decommissioning  |
//! |------------------|------------------|------------------|
//! | `provider`       | 7 days, required | 7 days, required |
//! | `bank`           | 7 days, required | 7 days, required |
//! | `customers`      | 7 days, required | 7 days, required |
//! | `suppliers`      | 7 days           | 7 days, required |
//! | `tax-office`     | 7 days           | 7 days, required |
//!
//! `customers` are those of the shop and its staff; `suppliers` are logistics too. Whoever is not
//! required may be told, and holds nothing up.
//!
//! A party knows when it has said so, or when it was told so long before the cut-off. What it was
//! told counts for the cut-off that was announced then: of another moment it knows nothing.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use shared::change::rebind::Reason;
use shared::id::CampaignId;
use shared::time::UnixTime;

use super::plan::NOTICE_BEFORE;
use crate::registry::notice::Noted;
use crate::registry::stop::Announcement;
use crate::request::{Request, RequestEvent, RequestKind, RequestRefused, RequestState, step};

/// What a request that stops terminals asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StopKind {
    /// For a while.
    Suspend,
    /// For good.
    Decommission,
}

impl StopKind {
    pub fn of(kind: RequestKind) -> Option<Self> {
        match kind {
            RequestKind::Suspend => Some(Self::Suspend),
            RequestKind::Decommission => Some(Self::Decommission),
            RequestKind::Rebind | RequestKind::Resume | RequestKind::Replace => None,
        }
    }
}

/// Who is told that terminals stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Party {
    Provider,
    Bank,
    /// And the shop's staff.
    Customers,
    /// And logistics.
    Suppliers,
    TaxOffice,
}

impl Party {
    pub const ALL: [Self; 5] =
        [Self::Provider, Self::Bank, Self::Customers, Self::Suppliers, Self::TaxOffice];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::Bank => "bank",
            Self::Customers => "customers",
            Self::Suppliers => "suppliers",
            Self::TaxOffice => "tax-office",
        }
    }

    pub fn is_required(self, kind: StopKind) -> bool {
        match (self, kind) {
            (Self::Provider | Self::Bank | Self::Customers, _)
            | (Self::Suppliers | Self::TaxOffice, StopKind::Decommission) => true,
            (Self::Suppliers | Self::TaxOffice, StopKind::Suspend) => false,
        }
    }

    /// How long before the cut-off it is told at the latest.
    pub fn lead(self, kind: StopKind) -> Duration {
        match (self, kind) {
            (
                Self::Provider | Self::Bank | Self::Customers | Self::Suppliers | Self::TaxOffice,
                StopKind::Suspend | StopKind::Decommission,
            ) => NOTICE_BEFORE,
        }
    }
}

/// What a party knows of the cut-off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Knows {
    /// It has said so.
    Acknowledged,
    /// It was told early enough, and has not answered.
    ToldInTime,
    /// It was told too late to know without saying so.
    ToldLate,
    /// What it was told is of another moment.
    OtherMoment,
    NotTold,
}

impl Knows {
    pub fn is_enough(self) -> bool {
        match self {
            Self::Acknowledged | Self::ToldInTime => true,
            Self::ToldLate | Self::OtherMoment | Self::NotTold => false,
        }
    }

    pub fn detail(self) -> &'static str {
        match self {
            Self::Acknowledged => "has said that it knows",
            Self::ToldInTime => "was told in time",
            Self::ToldLate => "was told late, and has not said that it knows",
            Self::OtherMoment => "was told of another moment",
            Self::NotTold => "was not told",
        }
    }
}

/// One party, and how it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    pub party: Party,
    pub is_required: bool,
    /// When it is told at the latest.
    pub by: UnixTime,
    pub knows: Knows,
}

impl Standing {
    pub(super) fn is_lacking(&self) -> bool {
        self.is_required && !self.knows.is_enough()
    }
}

/// Every party, for this cut-off.
pub fn standings(
    kind: StopKind,
    cut_off: UnixTime,
    announced: Option<&Announcement>,
    notices: &[Noted],
    now: UnixTime,
) -> [Standing; 5] {
    Party::ALL.map(|party| {
        let by = cut_off.minus(party.lead(kind));
        let noted = notices.iter().find(|it| it.notice.party == party.as_str());
        let knows = knows(cut_off, by, announced, noted, now);
        Standing { party, is_required: party.is_required(kind), by, knows }
    })
}

fn knows(
    cut_off: UnixTime,
    by: UnixTime,
    announced: Option<&Announcement>,
    noted: Option<&Noted>,
    now: UnixTime,
) -> Knows {
    let Some(notice) = noted.map(|it| &it.notice).filter(|it| it.sent_at <= now) else {
        return Knows::NotTold;
    };
    let is_of_it = |it: &&Announcement| it.cut_off == cut_off && it.at <= notice.sent_at;
    if announced.filter(is_of_it).is_none() {
        return Knows::OtherMoment;
    }
    match notice.acknowledged_at {
        // Nobody answers what was not sent yet: that is a slip of whoever wrote it down.
        Some(at) if (notice.sent_at..=now).contains(&at) => Knows::Acknowledged,
        Some(_) | None if notice.sent_at <= by => Knows::ToldInTime,
        Some(_) | None => Knows::ToldLate,
    }
}

/// Why no moment is announced.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAnnounced {
    #[error("no terminals stop for it: it asks to {}", .0.as_str())]
    OtherKind(RequestKind),
    #[error(transparent)]
    Request(#[from] RequestRefused),
    #[error("the cut-off {0} has passed")]
    Passed(UnixTime),
    #[error("they are expected back at {resumes}, and stop at {cut_off}: not before")]
    ResumesBefore { cut_off: UnixTime, resumes: UnixTime },
}

impl NotAnnounced {
    /// What to do about it, in the imperative.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::OtherKind(_) => "make a request of kind `suspend` or `decommission`",
            Self::Request(why) => why.hint(),
            Self::Passed(_) => "choose a moment that is still to come",
            Self::ResumesBefore { .. } => RESUME_LATER,
        }
    }
}

/// What to do where terminals are expected back before they stop.
pub const RESUME_LATER: &str =
    "name a moment after the cut-off with `--resume-expected`, or leave it out";

/// The moment at which terminals are expected back, where it is no later than their cut-off.
pub fn resumes_before(cut_off: UnixTime, resume_expected: Option<UnixTime>) -> Option<UnixTime> {
    resume_expected.filter(|at| *at <= cut_off)
}

/// Whether a cut-off may be announced for this request: nobody is told of what may not happen, or
/// of another moment than terminals are ordered for already.
pub fn may_announce(
    request: &Request,
    in_motion: Option<CampaignId>,
    cut_off: UnixTime,
    resume_expected: Option<UnixTime>,
    now: UnixTime,
) -> Result<StopKind, NotAnnounced> {
    let kind = request.kind;
    let kind = StopKind::of(kind).ok_or(NotAnnounced::OtherKind(kind))?;
    match request.state {
        RequestState::Accepted | RequestState::Scheduled => {}
        state @ (RequestState::Requested
        | RequestState::Verified
        | RequestState::Frozen
        | RequestState::Closed
        | RequestState::Rejected
        | RequestState::Cancelled) => {
            let event = RequestEvent::Schedule;
            let refused = step(state, None, event).err();
            let refused = refused.unwrap_or(RequestRefused::State { state, event });
            return Err(refused.into());
        }
    }
    if let Some(campaign) = in_motion {
        return Err(RequestRefused::InMotion(campaign).into());
    }
    if cut_off <= now {
        return Err(NotAnnounced::Passed(cut_off));
    }
    match resumes_before(cut_off, resume_expected) {
        Some(resumes) => Err(NotAnnounced::ResumesBefore { cut_off, resumes }),
        None => Ok(kind),
    }
}

/// Where what is ordered differs from what was announced, in words.
pub fn differs(
    announced: Option<&Announcement>,
    cut_off: UnixTime,
    resume_expected: Option<UnixTime>,
) -> Vec<String> {
    let Some(announced) = announced else { return Vec::new() };
    let mut differs = Vec::new();
    if announced.cut_off != cut_off {
        let said = announced.cut_off;
        differs.push(format!("cut-off: {said} was announced, {cut_off} is asked for"));
    }
    if announced.resume_expected != resume_expected {
        let or_none = |at: Option<UnixTime>| at.map_or("no day".to_owned(), |at| at.to_string());
        let (said, asked) = (or_none(announced.resume_expected), or_none(resume_expected));
        differs.push(format!("expected back: {said} was announced, {asked} is asked for"));
    }
    differs
}

/// Who answers for parties that do not know, and why they need not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    pub by: String,
    pub why: String,
}

/// Whether enough is told for terminals to be ordered to stop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Told {
    /// Nobody is told beforehand of what is lost, stolen or tampered with.
    pub is_exempt: bool,
    pub lacking: Vec<Standing>,
    /// Only where something is lacking.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answer>,
}

impl Told {
    pub fn is_enough(&self) -> bool {
        self.lacking.is_empty() || self.answer.is_some()
    }

    /// What to do where it is not enough, in the imperative.
    pub fn hint(&self) -> Option<&'static str> {
        (!self.is_enough()).then_some(
            "tell them, and write that down: `tillward deactivate notice`; or name who answers \
             for it: `--untold-by NAME --untold-why TEXT`",
        )
    }

    /// Who answers for whom, and why, as the audit log says it.
    pub fn answered(&self) -> Option<String> {
        let Answer { by, why } = self.answer.as_ref()?;
        let parties: Vec<_> = self.lacking.iter().map(|it| it.party.as_str()).collect();
        Some(format!("{by} answers for {}: {why}", parties.join(", ")))
    }
}

/// Whether somebody would be warned by a notice who must not be, or nobody has time for one.
pub fn is_emergency(reason: Reason) -> bool {
    match reason {
        Reason::LostStolen | Reason::Tampered => true,
        Reason::Fee
        | Reason::Service
        | Reason::Upgrade
        | Reason::Business
        | Reason::ContractEnd
        | Reason::FaultHardware
        | Reason::FaultSoftware
        | Reason::Policy
        | Reason::Standard
        | Reason::CustomerFeedback
        | Reason::Other => false,
    }
}

/// Whether terminals may be ordered to stop for this reason, with parties that stand so.
pub fn told(reason: Reason, standings: &[Standing], answer: Option<Answer>) -> Told {
    if is_emergency(reason) {
        return Told { is_exempt: true, lacking: Vec::new(), answer: None };
    }
    let lacking: Vec<_> = standings.iter().filter(|it| it.is_lacking()).copied().collect();
    let answer = answer.filter(|_| !lacking.is_empty());
    Told { is_exempt: false, lacking, answer }
}

#[cfg(test)]
mod tests;
