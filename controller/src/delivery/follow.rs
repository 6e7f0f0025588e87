//! Applies what terminals said to the registry, a batch at a time, and answers hellos.
//!
//! A reconciler: what it has not done is still in the spool. Killed between applying and
//! forgetting it applies again, which changes nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use shared::digest::PublicKey;
use shared::document::{Document, Receipt, RecipientStatement};
use shared::id::{FleetId, TerminalId};
use shared::message::{Body, Hello, SignedBytes, Up};
use shared::signature::{self, Envelope, KnownKeys};
use shared::time::UnixTime;
use tracing::{debug, warn};

use super::deliver::Deliver;
use super::spool::{NotSpooled, Spool, Spooled};
use crate::background::Progress;
use crate::registry::delivery::{Heard, Report, Saying};
use crate::registry::{Registry, RegistryError};

/// Applied in one transaction: large enough to share its cost, small enough to be quick.
const BATCH_SAYINGS: usize = 256;

/// Why a batch was not applied. It stays in the spool.
#[derive(Debug, thiserror::Error)]
pub enum NotFollowed {
    #[error(transparent)]
    Spool(#[from] NotSpooled),
    #[error("what terminals said could not be applied")]
    Registry(#[from] RegistryError),
}

#[derive(Debug)]
pub struct Follow {
    fleet: FleetId,
    spool: Spool,
    registry: Arc<dyn Registry>,
    deliver: Arc<Deliver>,
}

impl Follow {
    pub fn new(
        fleet: FleetId,
        spool: Spool,
        registry: Arc<dyn Registry>,
        deliver: Arc<Deliver>,
    ) -> Self {
        Self { fleet, spool, registry, deliver }
    }

    /// Applies the oldest sayings.
    pub async fn step(&self, now: UnixTime) -> Result<Progress, NotFollowed> {
        let Some((sayings, up_to)) = self.spool.oldest(BATCH_SAYINGS).await? else {
            return Ok(Progress::Settled);
        };
        let full = sayings.len() == BATCH_SAYINGS;
        let heard = self.heard(&sayings).await?;
        // Orders must not overtake the answer to the hello that asks for them.
        let turn = self.deliver.turn().await;
        let applied = self.registry.apply(&heard).await?;
        debug!(heard = heard.len(), ?applied, "applied what terminals said");
        if applied.alarms > 0 || applied.strangers > 0 {
            warn!(?applied, "terminals said what somebody should look at");
        }
        let mut hellos = BTreeMap::<TerminalId, &Hello>::new();
        for saying in &sayings {
            match &saying.said {
                Up::Hello(hello) => drop(hellos.insert(saying.terminal, hello)),
                // The will of an old connection may come after the hello of the new one, and an
                // answer to nobody costs nothing.
                Up::Gone | Up::Record(_) => {}
            }
        }
        self.deliver.greet(&hellos, now).await?;
        drop(turn);
        self.spool.release(up_to).await?;
        Ok(if full { Progress::MoreToDo } else { Progress::Settled })
    }

    /// Checks the proofs of receipts against the keys of their terminals.
    async fn heard(&self, sayings: &[Spooled]) -> Result<Vec<Heard>, RegistryError> {
        let mut signers: Vec<_> = sayings.iter().filter(|it| is_signed(&it.said)).collect();
        signers.dedup_by_key(|it| it.terminal);
        let mut ids: Vec<_> = signers.iter().map(|it| it.terminal).collect();
        ids.sort_unstable();
        ids.dedup();
        let terminals = self.registry.terminals_of(&ids).await?;
        let keys: BTreeMap<_, _> =
            terminals.iter().filter_map(|it| Some((it.id, it.public_key?))).collect();
        let mut heard: Vec<_> = sayings.iter().map(|saying| self.one(saying, &keys)).collect();
        self.prove_by_earlier_keys(&mut heard).await?;
        Ok(heard)
    }

    /// What was signed before a new enrolment, and is told after it.
    async fn prove_by_earlier_keys(&self, heard: &mut [Heard]) -> Result<(), RegistryError> {
        let mut unproven: Vec<_> =
            heard.iter_mut().filter_map(|it| Some((it.terminal, unproven(it)?))).collect();
        let mut ids: Vec<_> = unproven.iter().map(|(terminal, _)| *terminal).collect();
        ids.sort_unstable();
        ids.dedup();
        if ids.is_empty() {
            return Ok(());
        }
        let keys = self.registry.terminal_keys(&ids).await?;
        for (terminal, report) in &mut unproven {
            let Report::Unproven { signed, why } = &**report else { continue };
            let (terminal, signed) = (*terminal, signed.clone());
            let of_it = keys.iter().filter(|(of, ..)| *of == terminal);
            let of_it: Vec<_> = of_it.map(|(_, epoch, key)| (*epoch, *key)).collect();
            match of_earlier_key(self.fleet, terminal, &signed, &of_it) {
                Some(receipt) => **report = Report::OfEarlierKey { receipt, signed },
                None => warn!(%terminal, why, "an unproven receipt was kept aside"),
            }
        }
        Ok(())
    }

    fn one(&self, spooled: &Spooled, keys: &BTreeMap<TerminalId, PublicKey>) -> Heard {
        let Spooled { terminal, at, up_to, said } = spooled.clone();
        let saying = match said {
            Up::Hello(hello) => Saying::Hello(self.greeting(terminal, hello, keys)),
            Up::Gone => Saying::Gone,
            Up::Record(record) => Saying::Report {
                epoch: record.epoch,
                seq: record.seq,
                up_to,
                report: match record.body {
                    Body::Progress(progress) => Report::Progress(progress),
                    Body::Telemetry(telemetry) => Report::Telemetry(telemetry),
                    Body::Suspicion(suspicion) => Report::Suspicion(suspicion),
                    Body::Receipt(signed) => self.prove(terminal, signed, keys.get(&terminal)),
                },
            },
        };
        Heard { terminal, at, saying }
    }

    /// A recipient that the terminal did not sign for is nobody's.
    fn greeting(
        &self,
        terminal: TerminalId,
        hello: Hello,
        keys: &BTreeMap<TerminalId, PublicKey>,
    ) -> Hello {
        let Some(signed) = &hello.recipient else { return hello };
        match prove::<RecipientStatement>(self.fleet, terminal, signed, keys.get(&terminal)) {
            Ok(_statement) => hello,
            Err(why) => {
                warn!(%terminal, why, "an unproven recipient was left out");
                Hello { recipient: None, ..hello }
            }
        }
    }

    fn prove(&self, terminal: TerminalId, signed: SignedBytes, key: Option<&PublicKey>) -> Report {
        match prove::<Receipt>(self.fleet, terminal, &signed, key) {
            Ok(receipt) => Report::Receipt { receipt, signed },
            Err(why) => Report::Unproven { signed, why },
        }
    }
}

fn unproven(heard: &mut Heard) -> Option<&mut Report> {
    match &mut heard.saying {
        Saying::Report { report: report @ Report::Unproven { .. }, .. } => Some(report),
        Saying::Report { .. } | Saying::Hello(_) | Saying::Gone => None,
    }
}

/// The receipt, if the key signed it that its terminal had in the epoch that it names. `keys`: each
/// with the epoch with which it began, ascending.
fn of_earlier_key(
    fleet: FleetId,
    terminal: TerminalId,
    signed: &SignedBytes,
    keys: &[(u32, PublicKey)],
) -> Option<Receipt> {
    let named = Envelope::<Receipt>::from_bytes(signed.as_slice()).ok()?.document.epoch;
    let (_, key) = keys.iter().rev().find(|(began, _)| *began <= named)?;
    prove::<Receipt>(fleet, terminal, signed, Some(key)).ok()
}

fn is_signed(said: &Up) -> bool {
    match said {
        Up::Hello(hello) => hello.recipient.is_some(),
        Up::Gone => false,
        Up::Record(record) => matches!(record.body, Body::Receipt(_)),
    }
}

/// What a terminal says of itself under its own key.
trait OfTerminal: Document {
    fn terminal(&self) -> TerminalId;
}

impl OfTerminal for Receipt {
    fn terminal(&self) -> TerminalId {
        self.terminal
    }
}

impl OfTerminal for RecipientStatement {
    fn terminal(&self) -> TerminalId {
        self.terminal
    }
}

/// The document, if this terminal's key signed it and it speaks of this terminal.
fn prove<D: OfTerminal>(
    fleet: FleetId,
    terminal: TerminalId,
    signed: &SignedBytes,
    key: Option<&PublicKey>,
) -> Result<D, String> {
    let key = *key.ok_or("the terminal has no key")?;
    let opened = signature::open::<D>(signed.as_slice(), fleet, &KnownKeys::of_terminal(key))
        .map_err(|error| error.to_string())?;
    if !opened.signed_by.has(key) {
        return Err("the terminal's key did not sign it".to_owned());
    }
    let speaks_of = opened.document.terminal();
    if speaks_of != terminal {
        return Err(format!("it speaks of terminal {speaks_of}"));
    }
    Ok(opened.document)
}

#[cfg(test)]
mod tests {
    use shared::digest::Digest;
    use shared::document::FORMAT;
    use shared::document::receipt::Said;
    use shared::id::OrderId;
    use shared::signature::PrivateKey;
    use shared::time::ClockConfidence;

    use super::*;

    const FLEET: FleetId = FleetId::from_bytes([1; 16]);
    const TERMINAL: TerminalId = TerminalId::from_bytes([2; 16]);

    fn receipt(of: TerminalId, by: &PrivateKey) -> SignedBytes {
        receipt_in(1, of, by)
    }

    fn receipt_in(epoch: u32, of: TerminalId, by: &PrivateKey) -> SignedBytes {
        let mut envelope = Envelope::unsigned(Receipt {
            format: FORMAT,
            terminal: of,
            epoch,
            order: OrderId::from_bytes([3; 16]),
            said: Said::Accepted,
            at: UnixTime(7),
            clock: ClockConfidence::Attested,
        });
        envelope.sign(FLEET, by);
        SignedBytes::new(envelope.to_bytes())
    }

    #[test]
    fn only_the_terminal_itself_can_speak_for_its_orders() {
        let (own, other) = (PrivateKey::from_seed(&[5; 32]), PrivateKey::from_seed(&[6; 32]));
        let key = own.public();
        let ask =
            |signed: &SignedBytes, key| prove::<Receipt>(FLEET, TERMINAL, signed, key).is_ok();
        assert!(ask(&receipt(TERMINAL, &own), Some(&key)));
        assert!(!ask(&receipt(TERMINAL, &other), Some(&key)));
        assert!(!ask(&receipt(TerminalId::from_bytes([9; 16]), &own), Some(&key)));
        assert!(!ask(&receipt(TERMINAL, &own), None));
        assert!(!ask(&SignedBytes::new(Digest::of(b"noise").0.to_vec()), Some(&key)));
    }

    #[test]
    fn what_was_signed_before_a_new_enrolment_is_proven_by_the_key_of_its_epoch() {
        let (old, new) = (PrivateKey::from_seed(&[5; 32]), PrivateKey::from_seed(&[6; 32]));
        // The old key lasted through a lost ledger, which began epoch 2.
        let keys = [(1, old.public()), (3, new.public())];
        for (epoch, key, is_proven) in [
            (0, &old, false),
            (1, &old, true),
            (2, &old, true),
            (3, &old, false),
            (2, &new, false),
            (3, &new, true),
        ] {
            let signed = receipt_in(epoch, TERMINAL, key);
            let found = of_earlier_key(FLEET, TERMINAL, &signed, &keys);
            assert_eq!(found.map(|it| it.epoch), is_proven.then_some(epoch), "{epoch}");
        }
        let other = receipt_in(1, TerminalId::from_bytes([9; 16]), &old);
        assert_eq!(of_earlier_key(FLEET, TERMINAL, &other, &keys), None);
        assert_eq!(of_earlier_key(FLEET, TERMINAL, &receipt(TERMINAL, &old), &[]), None);
    }
}
