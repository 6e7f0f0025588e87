//! What the controller puts its signature under.
//!
//! Its key alone is worth little on purpose: a terminal installs only what release keys signed,
//! and takes an order only as a member of its batch.

use shared::calendar::Calendar;
use shared::change::Change;
use shared::digest::{Digest, Nonce};
use shared::document::order::{Class, Stream};
use shared::document::{
    Batch, Checkpoint, Document, FORMAT, FleetTime, Order, PurgeCertificate,
    SanitisationCertificate,
};
use shared::id::{BatchId, FleetId, OrderId, TerminalId};
use shared::membership::{Membership, Proof};
use shared::message::SignedBytes;
use shared::signature::{Envelope, PrivateKey};
use shared::time::UnixTime;

/// The controller's signing key, and the fleet that it signs for.
#[derive(Debug)]
pub struct Signer {
    fleet: FleetId,
    key: PrivateKey,
}

/// A signed document, and the digest by which others refer to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paper {
    /// SHA-256 of the payload.
    pub digest: Digest,
    pub signed: SignedBytes,
}

/// What stands in one order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderPaper {
    pub id: OrderId,
    pub terminal: TerminalId,
    pub epoch: u32,
    pub stream: Stream,
    pub seq: u64,
    /// SHA-256 of the payload of the batch.
    pub batch: Digest,
    pub proof: Proof,
    pub not_before: UnixTime,
    pub not_after: UnixTime,
    /// When it may be carried out, within that.
    pub calendar: Option<Calendar>,
    pub class: Class,
}

impl Signer {
    pub fn new(fleet: FleetId, key: PrivateKey) -> Self {
        Self { fleet, key }
    }

    /// For whom it signs.
    pub fn fleet(&self) -> FleetId {
        self.fleet
    }

    fn sign<D: Document>(&self, document: D) -> Paper {
        let mut envelope = Envelope::unsigned(document);
        envelope.sign(self.fleet, &self.key);
        Paper { digest: envelope.digest(), signed: SignedBytes::new(envelope.to_bytes()) }
    }

    /// One change for these members, between these times.
    pub fn batch(
        &self,
        id: BatchId,
        change: Change,
        members: &Membership,
        not_before: UnixTime,
        not_after: UnixTime,
    ) -> Paper {
        let terminals = u32::try_from(members.count()).unwrap_or(u32::MAX);
        let root = members.root();
        self.sign(Batch { format: FORMAT, id, change, terminals, root, not_before, not_after })
    }

    pub fn order(&self, order: OrderPaper) -> SignedBytes {
        let OrderPaper { id, terminal, epoch, stream, seq, batch, not_before, not_after, .. } =
            order;
        let OrderPaper { proof: Proof { index, path }, calendar, class, .. } = order;
        let document = Order {
            format: FORMAT,
            id,
            terminal,
            epoch,
            stream,
            seq,
            batch,
            index,
            path,
            not_before,
            not_after,
            calendar,
            class,
        };
        self.sign(document).signed
    }

    /// That a repository is gone.
    pub fn purge_certificate(&self, certificate: PurgeCertificate) -> Paper {
        self.sign(certificate)
    }

    /// That a terminal is erased.
    pub fn sanitisation_certificate(&self, certificate: SanitisationCertificate) -> Paper {
        self.sign(certificate)
    }

    /// How far the audit log has come.
    pub fn checkpoint(&self, size: u64, root: Digest, at: UnixTime) -> SignedBytes {
        self.sign(Checkpoint { format: FORMAT, size, root, at }).signed
    }

    /// The answer to one hello.
    pub fn fleet_time(
        &self,
        terminal: TerminalId,
        nonce: Nonce,
        at: UnixTime,
        roster_version: u64,
        epoch: u32,
        broker: String,
    ) -> SignedBytes {
        let format = FORMAT;
        let time = FleetTime { format, terminal, nonce, at, roster_version, epoch, broker };
        self.sign(time).signed
    }
}
