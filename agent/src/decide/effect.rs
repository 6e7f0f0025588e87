//! Everything that an agent can do about what happened.

use shared::document::Receipt;
use shared::message::{Hello, Progress, Suspicion, Telemetry};

use crate::job::{Task, Ticket};
use crate::lease::Errand;
use crate::outbox::Sending;

/// The answer to one input. The writes become durable together, in one commit, before the first
/// effect begins; when the commit fails, no effect may begin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    pub writes: Vec<Write>,
    pub effects: Vec<Effect>,
}

/// One change to what is kept. The store applies all of a decision or nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// Keeps a record, replacing what was at this place.
    Put { place: Place, value: Vec<u8> },
    /// Removes a record, if it is there.
    Remove(Place),
    /// Appends to the outbox; the store gives the sequence number.
    Post(Post),
    /// Removes what the controller has from the outbox: everything up to this number.
    Acknowledged { up_to: u64 },
    /// A new epoch: order numbers begin again, and a lost ledger is forgiven.
    EnterEpoch(u32),
    /// An order with this sequence number of the present epoch was seen.
    SawOrder { seq: u64 },
    /// Keeps this record, and no earlier one, where it outlives the loss of all others.
    KeepOutside(Vec<u8>),
    /// This commit accepts work that will need room for its receipts later.
    TakesOnWork,
}

/// Where a record is kept. Keys are compared byte by byte.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub shelf: Shelf,
    pub key: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shelf {
    /// What the agent must remember about itself: time floor, rosters, replay state.
    Facts,
    /// Intentions and outcomes of the steps of jobs that are not over.
    Journal,
    /// Orders that were ever accepted, until they could no longer be.
    Ledger,
}

/// Something for the controller, on its way into the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Post {
    /// Never dropped once it is in the outbox. Left out where the outbox is full: it moves a
    /// progress bar, and the step that it is about must go on.
    Progress(Progress),
    /// Never dropped. The event loop signs it with the terminal's key when it makes the commit:
    /// so the core holds no secret, and what is stored is the signed document.
    Receipt(Receipt),
    /// Never dropped: people wait for it to be seen.
    Suspicion(Suspicion),
    /// Dropped first when there is no room.
    Telemetry(Telemetry),
}

/// Something to be done. The shell begins effects in their order, does not wait for one before
/// it begins the next, and answers by inputs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Connect to this broker (`host:port`). Answered by `Connected` or `Disconnected`.
    Connect { broker: String },
    /// Leave the broker. Answered by `Disconnected`.
    Disconnect,
    /// Ask the HTTPS side which broker serves this terminal. Answered by `Located`, or not.
    LocateBroker,
    /// Say hello, if the connection takes it. Not answered: it is said again soon enough.
    SayHello(Hello),
    /// Say that this is a planned goodbye, if the connection takes it.
    SayGone,
    /// Send records of the outbox, lowest first, as far as the connection takes them. Answered
    /// by `RecordsSent`.
    SendRecords(Sending),
    /// Carry out one action. Answered by `ActionDone`, once, with the same ticket. Actions are
    /// carried out one after the other, also after [`Self::StopAct`]: the next waits until the
    /// stopped one has truly ended. Only `HoldTrading` goes at once, beside another: a hold must
    /// be renewed while something else takes long.
    Act(Task),
    /// Lock the till, or unlock it. Answered by `LeaseKept`, once, with the same number. Begun at
    /// once, beside an action.
    KeepLease(Errand),
    /// This terminal is erased, and the controller knows: give up the identity, and end.
    StepDown,
    /// Give up an action, as soon as that leaves nothing half done. It need not be answered.
    StopAct(Ticket),
}
