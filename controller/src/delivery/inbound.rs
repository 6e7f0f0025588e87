//! Takes in what terminals say: durable first, then acknowledged.

use std::collections::BTreeMap;
use std::sync::Arc;

use shared::id::TerminalId;
use shared::message::{Ack, Down, Record, Up};
use shared::time::UnixTime;
use tokio::sync::Mutex;
use tracing::{debug, warn};

use super::Wire;
use super::cursor::{Cursor, Verdict};
use super::spool::{NotSpooled, Spool, Spooled};

/// The way in. One per controller: it knows how far each terminal has come.
#[derive(Debug)]
pub struct Inbound {
    spool: Spool,
    wire: Arc<dyn Wire>,
    cursors: Mutex<BTreeMap<TerminalId, Cursor>>,
}

/// What one bunch of messages comes to.
#[derive(Debug, Default)]
struct Bunch {
    keep: Vec<Spooled>,
    cursors: BTreeMap<TerminalId, Cursor>,
    acks: BTreeMap<TerminalId, Ack>,
}

impl Inbound {
    /// Goes on where the spool says that it stopped.
    pub async fn new(spool: Spool, wire: Arc<dyn Wire>) -> Result<Self, NotSpooled> {
        let cursors = Mutex::new(spool.cursors().await?);
        Ok(Self { spool, wire, cursors })
    }

    /// Takes in a bunch of messages in the order in which they arrived. When this returns well
    /// they are durable and acknowledged; when it fails they are neither, and come again.
    pub async fn receive(
        &self,
        said: Vec<(TerminalId, Up)>,
        at: UnixTime,
    ) -> Result<(), NotSpooled> {
        let mut cursors = self.cursors.lock().await;
        let mut bunch = Bunch::default();
        for (terminal, said) in said {
            let cursor = bunch.cursors.get(&terminal).or_else(|| cursors.get(&terminal));
            let cursor = cursor.copied().unwrap_or(Cursor::Unknown);
            let next = bunch.add(terminal, cursor, said, at);
            bunch.cursors.insert(terminal, next);
        }
        if !bunch.keep.is_empty() {
            self.spool.keep(&bunch.keep, &bunch.cursors).await?;
        }
        cursors.extend(bunch.cursors);
        drop(cursors);
        for (terminal, ack) in bunch.acks {
            if let Err(error) = self.wire.send(terminal, Down::Ack(ack)).await {
                debug!(%error, "an acknowledgement did not go out; the record will come again");
            }
        }
        Ok(())
    }
}

impl Bunch {
    fn add(&mut self, terminal: TerminalId, cursor: Cursor, said: Up, at: UnixTime) -> Cursor {
        match said {
            Up::Hello(ref hello) => {
                let next = cursor.greeted(hello);
                self.keep.push(Spooled { terminal, at, up_to: 0, said });
                next
            }
            Up::Gone => {
                self.keep.push(Spooled { terminal, at, up_to: 0, said });
                cursor
            }
            Up::Record(record) => self.add_record(terminal, cursor, record, at),
        }
    }

    fn add_record(
        &mut self,
        terminal: TerminalId,
        cursor: Cursor,
        record: Record,
        at: UnixTime,
    ) -> Cursor {
        let (next, verdict) = cursor.judge(&record);
        let (epoch, seq) = (record.epoch, record.seq);
        let up_to = match verdict {
            Verdict::Take => {
                self.keep.push(Spooled { terminal, at, up_to: seq, said: Up::Record(record) });
                seq
            }
            Verdict::Repeated { up_to } => up_to,
            Verdict::Early { up_to } => {
                debug!(%terminal, seq, up_to, "a record came before the one before it");
                up_to
            }
            Verdict::Leave => {
                warn!(%terminal, epoch, seq, "a record that nothing can be said about yet");
                return next;
            }
        };
        self.acks.insert(terminal, Ack { epoch, up_to });
        next
    }
}
