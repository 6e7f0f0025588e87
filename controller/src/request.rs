//! Where every change of a provider begins: somebody wishes for it, somebody else makes sure that
//! they did, and a third look decides. Pure.
//!
//! A request that nobody verified cannot be scheduled, whoever made it.

pub mod suspicion;

use std::fmt;

use serde::{Deserialize, Serialize};
use shared::change::rebind::Reason;
use shared::digest::Digest;
use shared::id::{CampaignId, RequestId};
use shared::limits::TEXT_BYTES_MAX;
use shared::time::UnixTime;

use crate::selector::Selector;

/// Papers of one request: licence, identity, account, lease, contract, and room for as many again.
pub const ATTACHMENTS_MAX: usize = 32;

/// What is wished for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RequestKind {
    Rebind,
    /// Stop for a while; nothing is erased.
    Suspend,
    /// Sell again after that.
    Resume,
    /// Stop for good, and empty.
    Decommission,
    /// Another unit takes its place: see [`crate::replacement`].
    Replace,
}

impl RequestKind {
    pub const ALL: [Self; 5] =
        [Self::Rebind, Self::Suspend, Self::Resume, Self::Decommission, Self::Replace];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rebind => "rebind",
            Self::Suspend => "suspend",
            Self::Resume => "resume",
            Self::Decommission => "decommission",
            Self::Replace => "replace",
        }
    }
}

/// What was asked for, as it was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// Who wishes for it, by name: a merchant's contact, or one of our own people.
    pub requester: String,
    pub channel: Channel,
    pub reason: Reason,
    pub note: String,
    /// The providers' keys, where one takes the place of the other; else empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub from: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub to: String,
    /// The terminals whose positions are meant: see [`crate::selector`].
    pub selector: String,
    /// How the shops take money while a terminal cannot.
    pub fallback: Option<String>,
    /// Of the contract, that allows it.
    pub clause: Option<String>,
    /// Why no clause is needed; whoever accepts the request answers for it.
    pub waiver: Option<String>,
    pub attachments: Vec<Attachment>,
}

/// How the wish came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Channel {
    Telephone,
    Email,
    Letter,
    Visit,
    Console,
    Api,
}

/// A paper that is kept elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attachment {
    pub name: String,
    pub sha256: Digest,
    pub expires_at: Option<UnixTime>,
    /// Who has read it.
    pub reviewer: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub id: RequestId,
    pub kind: RequestKind,
    pub asked: Asked,
    pub state: RequestState,
    pub state_at: UnixTime,
    pub state_by: String,
    pub state_why: String,
    /// Where a frozen one goes on.
    pub frozen_from: Option<RequestState>,
    pub verification: Option<Verification>,
    pub review: Option<Review>,
    /// What carries it out.
    pub campaign: Option<CampaignId>,
    pub created_at: UnixTime,
    /// The operator who wrote it down.
    pub created_by: String,
}

/// How somebody made sure that the requester wished for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verification {
    pub method: Method,
    /// The contact on file that was used: a number that was called, a key, an account.
    pub contact: String,
    pub by: String,
    pub at: UnixTime,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// They were called at the number on file.
    CallBack,
    SignedApiCall,
    ConsoleLogin,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Review {
    pub is_accepted: bool,
    pub by: String,
    pub at: UnixTime,
    pub why: String,
}

/// Requested → Verified → Accepted → Scheduled → Closed, or Rejected or Cancelled on the way; from
/// Frozen it goes on where it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RequestState {
    Requested,
    Verified,
    Accepted,
    Scheduled,
    Closed,
    Rejected,
    Cancelled,
    Frozen,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestEvent {
    Verify,
    Accept,
    Schedule,
    /// Its campaign came to nothing; another one may carry it out.
    Unschedule,
    Close,
    Reject,
    Cancel,
    Freeze,
    Unfreeze,
}

impl RequestState {
    pub const ALL: [Self; 8] = [
        Self::Requested,
        Self::Verified,
        Self::Accepted,
        Self::Scheduled,
        Self::Closed,
        Self::Rejected,
        Self::Cancelled,
        Self::Frozen,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Verified => "verified",
            Self::Accepted => "accepted",
            Self::Scheduled => "scheduled",
            Self::Closed => "closed",
            Self::Rejected => "rejected",
            Self::Cancelled => "cancelled",
            Self::Frozen => "frozen",
        }
    }

    pub fn is_over(self) -> bool {
        matches!(self, Self::Closed | Self::Rejected | Self::Cancelled)
    }
}

impl fmt::Display for RequestState {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

impl RequestEvent {
    pub const ALL: [Self; 9] = [
        Self::Verify,
        Self::Accept,
        Self::Schedule,
        Self::Unschedule,
        Self::Close,
        Self::Reject,
        Self::Cancel,
        Self::Freeze,
        Self::Unfreeze,
    ];

    /// How the audit log names it.
    pub fn audited_as(self) -> &'static str {
        match self {
            Self::Verify => "request-verified",
            Self::Accept => "request-accepted",
            Self::Schedule => "request-scheduled",
            Self::Unschedule => "request-unscheduled",
            Self::Close => "request-closed",
            Self::Reject => "request-rejected",
            Self::Cancel => "request-cancelled",
            Self::Freeze => "request-frozen",
            Self::Unfreeze => "request-unfrozen",
        }
    }

    fn in_the_past(self) -> &'static str {
        match self {
            Self::Verify => "verified",
            Self::Accept => "accepted",
            Self::Schedule => "scheduled",
            Self::Unschedule => "taken off the schedule",
            Self::Close => "closed",
            Self::Reject => "rejected",
            Self::Cancel => "cancelled",
            Self::Freeze => "frozen",
            Self::Unfreeze => "unfrozen",
        }
    }
}

/// Why a request stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestRefused {
    #[error("nobody has verified the request yet")]
    Unverified,
    #[error("nobody has accepted the request yet")]
    NotAccepted,
    #[error("somebody finds the request suspicious, and it is frozen")]
    Frozen,
    #[error("a request that is {state} cannot be {}", event.in_the_past())]
    State { state: RequestState, event: RequestEvent },
    #[error("{name} made the request: somebody else must {what} it")]
    SamePerson { name: String, what: &'static str },
    #[error("the contact that was used is not named")]
    NoContact,
    #[error("no fallback is declared: nobody knows how the shops take money meanwhile")]
    NoFallback,
    #[error("neither a clause of the contract nor a waiver is named")]
    NoClause,
    #[error("`{0}` has expired")]
    Expired(String),
    #[error("nobody has read `{0}`")]
    Unread(String),
    #[error("campaign {0} carries it out, and is not over")]
    InMotion(CampaignId),
    #[error("replacement {0} carries it out, and is not over")]
    BeingReplaced(u64),
    #[error("it asks to {}, which is something else", .0.as_str())]
    OtherKind(RequestKind),
    #[error("a decommissioning is closed with its units, their certificates and its ledger")]
    ByItsUnits,
    #[error("request {1} is what campaign {0} carries out")]
    CampaignTaken(CampaignId, RequestId),
}

impl RequestRefused {
    /// What to do about it, in the imperative.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Unverified => {
                "call the contact on file, then `tillward request verify` as somebody else than \
                 who made it"
            }
            Self::NotAccepted => "have somebody `tillward request accept` it",
            Self::Frozen => "look into it; two people lift it with `tillward request unfreeze`",
            Self::State { .. } => "look at it with `tillward request show`",
            Self::SamePerson { .. } => "ask a colleague",
            Self::NoContact => "name the number, key or account that was used",
            Self::NoFallback | Self::NoClause => "cancel it and ask anew, with what is missing",
            Self::Expired(_) => "ask for a valid paper, and ask anew with it",
            Self::Unread(_) => "have somebody read it, and ask anew with their name",
            Self::OtherKind(_) => "make a request of the kind that is meant",
            Self::ByItsUnits => "close it with `tillward deactivate close`",
            Self::BeingReplaced(_) => "cancel that first: `tillward replace cancel`",
            Self::InMotion(_) => "abort the campaign, and wait until its last terminal has ended",
            Self::CampaignTaken(..) => "make a campaign of its own for it",
        }
    }
}

/// Where the event leads; `frozen_from` is where a frozen request was.
pub fn step(
    state: RequestState,
    frozen_from: Option<RequestState>,
    event: RequestEvent,
) -> Result<RequestState, RequestRefused> {
    use RequestEvent as On;
    use RequestState as S;
    match (event, state) {
        (On::Verify, S::Requested) => Ok(S::Verified),
        (On::Accept, S::Verified) | (On::Unschedule, S::Scheduled) => Ok(S::Accepted),
        (On::Schedule, S::Accepted) => Ok(S::Scheduled),
        (On::Close, S::Scheduled) => Ok(S::Closed),
        (On::Reject, S::Requested | S::Verified | S::Frozen) => Ok(S::Rejected),
        (On::Cancel, S::Requested | S::Verified | S::Accepted | S::Scheduled | S::Frozen) => {
            Ok(S::Cancelled)
        }
        (On::Freeze, S::Requested | S::Verified | S::Accepted | S::Scheduled) => Ok(S::Frozen),
        (On::Unfreeze, S::Frozen) => frozen_from.ok_or(RequestRefused::State { state, event }),
        (On::Accept | On::Schedule, S::Requested) => Err(RequestRefused::Unverified),
        (On::Schedule, S::Verified) => Err(RequestRefused::NotAccepted),
        (On::Verify | On::Accept | On::Schedule | On::Unschedule | On::Close, S::Frozen) => {
            Err(RequestRefused::Frozen)
        }
        (On::Verify, S::Verified | S::Accepted | S::Scheduled)
        | (On::Accept, S::Accepted | S::Scheduled)
        | (On::Schedule, S::Scheduled)
        | (On::Unschedule | On::Close, S::Requested | S::Verified | S::Accepted)
        | (On::Reject, S::Accepted | S::Scheduled)
        | (On::Freeze, S::Frozen)
        | (On::Unfreeze, S::Requested | S::Verified | S::Accepted | S::Scheduled)
        | (
            On::Verify
            | On::Accept
            | On::Schedule
            | On::Unschedule
            | On::Close
            | On::Reject
            | On::Cancel
            | On::Freeze
            | On::Unfreeze,
            S::Closed | S::Rejected | S::Cancelled,
        ) => Err(RequestRefused::State { state, event }),
    }
}

/// One person, however the name is typed.
pub fn is_same_person(one: &str, other: &str) -> bool {
    let name = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    name(one) == name(other)
}

impl Request {
    fn is_by(&self, name: &str) -> bool {
        is_same_person(name, &self.created_by) || is_same_person(name, &self.asked.requester)
    }

    fn by_another(&self, name: &str, what: &'static str) -> Result<(), RequestRefused> {
        match self.is_by(name) {
            true => Err(RequestRefused::SamePerson { name: name.to_owned(), what }),
            false => Ok(()),
        }
    }

    pub fn step(&self, event: RequestEvent) -> Result<RequestState, RequestRefused> {
        step(self.state, self.frozen_from, event)
    }

    /// Whether this makes sure that the requester wished for it.
    pub fn verified(&self, how: &Verification) -> Result<RequestState, RequestRefused> {
        let next = self.step(RequestEvent::Verify)?;
        self.by_another(&how.by, "verify")?;
        match how.contact.trim().is_empty() {
            true => Err(RequestRefused::NoContact),
            false => Ok(next),
        }
    }

    /// Whether this person may accept it now, with what it has.
    pub fn accepted(&self, by: &str, now: UnixTime) -> Result<RequestState, RequestRefused> {
        let next = self.step(RequestEvent::Accept)?;
        self.by_another(by, "accept")?;
        let said = |text: &Option<String>| text.as_ref().is_some_and(|it| !it.trim().is_empty());
        let Asked { fallback, clause, waiver, attachments, .. } = &self.asked;
        if !said(fallback) {
            return Err(RequestRefused::NoFallback);
        }
        if !said(clause) && !said(waiver) {
            return Err(RequestRefused::NoClause);
        }
        for it in attachments {
            if it.expires_at.is_some_and(|at| at <= now) {
                return Err(RequestRefused::Expired(it.name.clone()));
            }
            if !said(&it.reviewer) {
                return Err(RequestRefused::Unread(it.name.clone()));
            }
        }
        Ok(next)
    }
}

/// Everything that is wrong with what was asked for.
pub fn mistakes(kind: RequestKind, asked: &Asked) -> Vec<String> {
    let mut found = Vec::new();
    let Asked { requester, note, from, to, selector, attachments, .. } = asked;
    let plain = |text: &str| text.len() <= TEXT_BYTES_MAX && !text.chars().any(char::is_control);
    let providers = [("from", from), ("to", to)];
    let (needed, unfit) = match kind {
        RequestKind::Rebind => (providers.as_slice(), [].as_slice()),
        RequestKind::Suspend
        | RequestKind::Resume
        | RequestKind::Decommission
        | RequestKind::Replace => ([].as_slice(), providers.as_slice()),
    };
    for (field, _) in unfit.iter().filter(|(_, text)| !text.is_empty()) {
        found.push(format!("`{field}` means nothing where no provider is changed"));
    }
    for (field, text) in needed.iter().copied().chain([("requester", requester)]) {
        if text.trim().is_empty() || !plain(text) {
            found.push(format!("`{field}` is empty, or longer than {TEXT_BYTES_MAX} bytes"));
        }
    }
    let optional =
        [("fallback", &asked.fallback), ("clause", &asked.clause), ("waiver", &asked.waiver)];
    for (field, text) in optional {
        if text.as_ref().is_some_and(|text| text.trim().is_empty() || !plain(text)) {
            found.push(format!("`{field}` is empty, or longer than {TEXT_BYTES_MAX} bytes"));
        }
    }
    if note.len() > TEXT_BYTES_MAX {
        found.push(format!("the note is longer than {TEXT_BYTES_MAX} bytes"));
    }
    if asked.reason == Reason::Other && note.trim().is_empty() {
        found.push("the reason is `other`, and no note says which".to_owned());
    }
    if kind == RequestKind::Rebind && from == to {
        found.push(format!("`from` and `to` are both `{from}`"));
    }
    if let Err(why) = selector.parse::<Selector>() {
        found.push(format!("the selection of terminals cannot be read: {why}"));
    }
    if attachments.len() > ATTACHMENTS_MAX {
        found.push(format!("there are more than {ATTACHMENTS_MAX} attachments"));
    }
    for it in attachments {
        if it.name.trim().is_empty() || !plain(&it.name) {
            found.push(format!("attachment {} has no name, or a long one", it.sha256.short()));
        }
    }
    found
}

#[cfg(test)]
mod tests;
