//! Is an order signed, for this terminal, new, still valid? Pure.
//!
//! [`check`] is the one way by which an order becomes work. Its steps run in this order, and the
//! first that fails names the refusal:
//!
//! 1. The roster that says whose signatures count is in force.
//! 2. The order can be read: size, envelope, kind, format, canonical form.
//! 3. A controller's key signed it. Until here nothing that it says is repeated to anyone.
//! 4. It is for this terminal, in this epoch, and its calendar is sound.
//! 5. The batch can be read, is the one that the order names by digest, and is sound.
//! 6. The batch carries the signatures that its verb needs for that many terminals.
//! 7. The terminal is proven to be one of the batch's members, of which there are as many as the
//!    batch says.
//! 8. The order is new. Before its time is looked at: an order that was accepted is to be known
//!    again however late its copy comes.
//! 9. Its life is not too long, and now is within it, as far as the clock can be believed.
//! 10. For an upgrade: the release is the one that the batch names by digest, signed by enough
//!     release keys, sound, valid, for this model, and no step back ([`release`]). For a rebind:
//!     the profile is the one that people signed for this terminal ([`profile`]). For a wipe: the
//!     clearance is, it names what this terminal itself has told, and the terminal is suspended
//!     and settled by just that order, which has saved just that snapshot, or is in the wrong
//!     hands ([`clearance`]).
//!
//! The order only narrows what the batch says: who signs batches decides, who signs orders
//! delivers. Nothing is changed here; the caller enters an admitted order into the
//! [`ReplayState`] in the same commit that accepts it. Not here: whether the shop may be
//! disturbed now ([`crate::maintenance`]).

mod clearance;
mod profile;
mod release;
mod replay;

pub use replay::{Repeat, ReplayState};

use std::collections::BTreeMap;

use shared::change::{Change, Verb};
use shared::codec::Unreadable;
use shared::digest::Digest;
use shared::document::order::Stream;
use shared::document::roster::Role;
use shared::document::{Batch, Clearance, Document, Order, Profile, Release, Roster};
use shared::floor::{self, Requirement};
use shared::id::{OrderId, TerminalId};
use shared::limits::short_text;
use shared::membership::Proof;
use shared::message::{Component, Parcel, SignedBytes};
use shared::outcome::Refusal;
use shared::signature::{Opened, Rejected, SignedBy};
use shared::time::{ClockConfidence, UnixTime};

use crate::clock::{LAG_MAX, Reading};
use crate::journal::facts::Standing;
use crate::journal::ledger::Ledger;
use crate::roster::Trust;

/// What an order is held against.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    pub terminal: TerminalId,
    pub model: &'a str,
    pub trust: &'a Trust,
    pub time: Reading,
    pub replay: &'a ReplayState,
    pub ledger: &'a Ledger,
    /// What runs now.
    pub installed: &'a [Component],
    /// By component: the counter below which nothing may be installed any more.
    pub counter_floors: &'a BTreeMap<String, u64>,
    pub standing: Standing,
    /// What a wipe must name.
    pub challenge: Digest,
}

impl Known<'_> {
    /// Whether it was accepted before this epoch, and is not over.
    fn is_of_before(&self, order: OrderId) -> bool {
        let open = self.ledger.account(order).filter(|account| !account.is_final());
        open.is_some_and(|account| account.receipt.epoch < self.replay.epoch())
    }
}

/// An order that may be carried out, once it is in the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admitted {
    pub order: Order,
    pub batch: Batch,
    /// For an upgrade.
    pub release: Option<Release>,
    /// For a rebind.
    pub profile: Option<Profile>,
    /// For a wipe.
    pub clearance: Option<Clearance>,
    /// The later of the order's and the batch's beginning.
    pub not_before: UnixTime,
    /// The earlier of the order's and the batch's end.
    pub not_after: UnixTime,
}

/// An order that will not be carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Refused {
    pub refusal: Refusal,
    /// For people: on which document, and why.
    pub detail: String,
    /// Which order it was: known when a controller really signed it for this terminal. Nothing
    /// else is answered, so that forgeries cannot make a terminal talk.
    pub order: Option<OrderId>,
    /// What it was to do, where the batch could be read that says so.
    pub verb: Option<Verb>,
}

/// Decides whether an order may be carried out. A copy of one that was accepted is refused as
/// [`Refusal::Replayed`]; the ledger knows what to answer to it.
pub fn check(parcel: &Parcel, known: &Known<'_>) -> Result<Admitted, Refused> {
    let roster = known.trust.in_force(known.time.proven);
    let roster = roster.map_err(|ran_out| refused(Refusal::RosterExpired, ran_out))?;
    let order = open::<Order>("the order", &parcel.order, known.trust)?;
    if order.signed_by.count(Role::Controller) == 0 {
        let detail = "no controller's key of this fleet signed the order";
        return Err(refused(Refusal::BadSignature, detail));
    }
    let order = order.document;
    if order.terminal != known.terminal {
        let detail = format!("the order is for {}", order.terminal);
        return Err(refused(Refusal::OtherTerminal, detail));
    }
    let id = order.id;
    let admitted = check_signed(order, parcel, roster, known);
    admitted.map_err(|refused| Refused { order: Some(id), ..refused })
}

/// The steps after it is clear that a controller meant this terminal.
fn check_signed(
    order: Order,
    parcel: &Parcel,
    roster: &Roster,
    known: &Known<'_>,
) -> Result<Admitted, Refused> {
    check_epoch(&order, known.replay.epoch())?;
    order.check().map_err(|unsound| refused(Refusal::UnsoundCalendar, unsound))?;
    let (batch, signed_by) = open_batch(&order, &parcel.batch, known.trust)?;
    let verb = batch.change.verb();
    let admitted = check_meant(order, (batch, &signed_by), parcel, roster, known);
    admitted.map_err(|refused| Refused { verb: Some(verb), ..refused })
}

/// The steps after it is clear what is to be done.
fn check_meant(
    order: Order,
    (batch, signed_by): (Batch, &SignedBy),
    parcel: &Parcel,
    roster: &Roster,
    known: &Known<'_>,
) -> Result<Admitted, Refused> {
    batch.check().map_err(|unsound| refused(Refusal::UnsoundBatch, unsound))?;
    let needed = roster.requirement(batch.change.verb(), batch.terminals);
    if !signed_by.satisfies(needed) {
        return Err(too_few(&batch, needed, signed_by));
    }
    check_membership(&order, &batch)?;
    let verb = batch.change.verb();
    check_stream(&order, verb)?;
    known.replay.admits(&order, known.time.floor).map_err(|repeat| match repeat {
        Repeat::Full { .. } => refused(Refusal::NoRoom, repeat),
        // Ordered anew for this epoch, and what was begun in the one before goes on: that is told
        // under its own name, and nothing final is said of this one meanwhile.
        Repeat::Batch { order } if known.is_of_before(order) => refused(Refusal::NotYet, repeat),
        Repeat::Order | Repeat::Batch { .. } => refused(Refusal::Replayed, repeat),
    })?;
    let not_before = order.not_before.max(batch.not_before);
    let not_after = order.not_after.min(batch.not_after);
    check_lifetime(&batch)?;
    check_time(verb, not_before, not_after, known.time)?;
    let (mut release, mut profile, mut clearance) = (None, None, None);
    match &batch.change {
        Change::Upgrade(upgrade) => {
            release = Some(release::check(upgrade, parcel, roster, known)?);
        }
        Change::Rebind(rebind) => {
            check_in_service(known)?;
            profile = Some(profile::check(rebind, parcel, order.index, batch.terminals, known)?);
        }
        Change::Resume(_) => check_suspended(known)?,
        Change::Decommission(wipe) => {
            let place = (order.index, batch.terminals);
            clearance = Some(clearance::check(wipe, parcel, place, known)?);
        }
        Change::Ping(_)
        | Change::Suspend(_)
        | Change::Backup(_)
        | Change::Drill(_)
        | Change::Restore(_)
        | Change::Cancel(_) => {}
    }
    Ok(Admitted { order, batch, release, profile, clearance, not_before, not_after })
}

fn check_epoch(order: &Order, own: u32) -> Result<(), Refused> {
    let refusal = match order.epoch.cmp(&own) {
        std::cmp::Ordering::Less => Refusal::OldEpoch,
        std::cmp::Ordering::Equal => return Ok(()),
        std::cmp::Ordering::Greater => Refusal::EpochAhead,
    };
    Err(refused(refusal, format!("the order is of epoch {}, this is epoch {own}", order.epoch)))
}

fn open_batch(
    order: &Order,
    signed: &SignedBytes,
    trust: &Trust,
) -> Result<(Batch, SignedBy), Refused> {
    let Opened { document: batch, digest, signed_by } = open::<Batch>("the batch", signed, trust)?;
    if digest != order.batch {
        let detail = format!("the order belongs to batch {}, not to {digest}", order.batch);
        return Err(refused(Refusal::OtherBatch, detail));
    }
    Ok((batch, signed_by))
}

/// One person with two keys is told apart from one who signed alone.
fn too_few(batch: &Batch, needed: Requirement, signed_by: &SignedBy) -> Refused {
    let (controllers, approvers) =
        (signed_by.count(Role::Controller), signed_by.count(Role::Approver));
    let owners = signed_by.owners(Role::Approver).len();
    let detail = format!(
        "{:?} on {} terminals needs {:?} and {} approvers; {controllers} controllers and \
         {approvers} approvers of {owners} owners signed",
        batch.change.verb(),
        batch.terminals,
        needed.signers,
        needed.approvers,
    );
    let is_enough_by_keys = approvers >= usize::from(needed.approvers) && approvers > owners;
    let refusal = match controllers > 0 && is_enough_by_keys {
        true => Refusal::SameOwner,
        false => Refusal::TooFewSignatures,
    };
    refused(refusal, detail)
}

fn check_membership(order: &Order, batch: &Batch) -> Result<(), Refused> {
    let proof = Proof { index: order.index, path: order.path.clone() };
    match proof.holds(order.terminal, batch.terminals, batch.root) {
        true => Ok(()),
        false => {
            let Batch { id, terminals, .. } = batch;
            let known = proof.count_that_holds(order.terminal, *terminals, batch.root);
            let (refusal, detail) = match known {
                Some(count) => (
                    Refusal::CountMisstated,
                    format!("{id} says that it is for {terminals}; its root is of {count}"),
                ),
                None => (
                    Refusal::NotAMember,
                    format!("{id} does not mean this terminal as one of {terminals}"),
                ),
            };
            Err(refused(refusal, detail))
        }
    }
}

/// A terminal that is to stand still is bound to nobody anew: it would be watched while it sells.
fn check_in_service(known: &Known<'_>) -> Result<(), Refused> {
    match known.standing {
        Standing::InService => Ok(()),
        Standing::Suspended { by, .. } | Standing::Erased { by, .. } => {
            Err(refused(Refusal::Suspended, format!("it is out of service by {by}")))
        }
    }
}

fn check_suspended(known: &Known<'_>) -> Result<(), Refused> {
    match known.standing {
        Standing::Suspended { .. } => Ok(()),
        Standing::InService => Err(refused(Refusal::NotSuspended, "this terminal is in service")),
        Standing::Erased { by, .. } => {
            Err(refused(Refusal::NotSuspended, format!("this terminal was erased by {by}")))
        }
    }
}

fn check_stream(order: &Order, verb: Verb) -> Result<(), Refused> {
    let wanted = match floor::needs_people(verb) {
        true => Stream::Approved,
        false => Stream::Routine,
    };
    if order.stream != wanted {
        let detail = format!("{verb:?} comes in the {wanted:?} stream, not in {:?}", order.stream);
        return Err(refused(Refusal::WrongStream, detail));
    }
    Ok(())
}

fn check_lifetime(batch: &Batch) -> Result<(), Refused> {
    let life_s_max = batch.change.lifetime_s_max();
    let life_s = batch.not_after.since(batch.not_before).as_secs();
    if life_s > life_s_max {
        let detail = format!("{} lives for {life_s} s, more than {life_s_max} s", batch.id);
        return Err(refused(Refusal::LivesTooLong, detail));
    }
    Ok(())
}

/// An order begins when the controller says so: whether its time has come is judged with the lag
/// that an attested time may have. That its time is over is certain without any attestation.
fn check_time(
    verb: Verb,
    not_before: UnixTime,
    not_after: UnixTime,
    time: Reading,
) -> Result<(), Refused> {
    let now = time.proven;
    if not_after < now {
        return Err(refused(Refusal::Expired, format!("it ended at {not_after}, now is {now}")));
    }
    let early = not_before > now.plus(LAG_MAX);
    match time.confidence {
        ClockConfidence::Attested if early => {
            let detail = format!("it begins at {not_before}, now is {now}");
            Err(refused(Refusal::NotYet, detail))
        }
        ClockConfidence::FloorOnly if early || needs_attested_time(verb) => {
            let detail = format!("it is later than {now}; no controller has said how much later");
            Err(refused(Refusal::ClockUnknown, detail))
        }
        ClockConfidence::Attested | ClockConfidence::FloorOnly => Ok(()),
    }
}

/// Whether a verb can harm a shop when it is carried out after its time.
fn needs_attested_time(verb: Verb) -> bool {
    match verb {
        Verb::Ping | Verb::Backup | Verb::Collect | Verb::RenewCertificate | Verb::Cancel => false,
        Verb::Upgrade
        | Verb::Suspend
        | Verb::Resume
        | Verb::Restore
        | Verb::Rebind
        | Verb::Decommission => true,
    }
}

/// Reads a document, and finds the words for why it cannot be read.
fn open<D: Document>(
    what: &str,
    signed: &SignedBytes,
    trust: &Trust,
) -> Result<Opened<D>, Refused> {
    trust.open::<D>(signed).map_err(|rejected| {
        let (refusal, detail) = match &rejected {
            Rejected::TooLarge { .. } | Rejected::TooManySignatures(_) => {
                (Refusal::TooLarge, rejected.to_string())
            }
            Rejected::NotAnEnvelope(_) => (Refusal::Malformed, rejected.to_string()),
            Rejected::OtherKind => (Refusal::OtherKind, rejected.to_string()),
            Rejected::NotCanonical => (Refusal::NotCanonical, rejected.to_string()),
            Rejected::Payload(unreadable) => (payload_refusal(unreadable), unreadable.to_string()),
        };
        refused(refusal, format!("{what}: {detail}"))
    })
}

fn payload_refusal(unreadable: &Unreadable) -> Refusal {
    match unreadable {
        Unreadable::TooLarge { .. } => Refusal::TooLarge,
        Unreadable::Malformed(_) => Refusal::Malformed,
        Unreadable::UnknownFormat { .. } => Refusal::UnknownFormat,
        Unreadable::NotCanonical => Refusal::NotCanonical,
    }
}

fn refused(refusal: Refusal, detail: impl ToString) -> Refused {
    Refused { refusal, detail: short_text(&detail.to_string()), order: None, verb: None }
}
