//! Asks the HTTPS side which broker serves this terminal: the way back for a terminal whose broker
//! has moved, or lets nobody in.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde::Deserialize;
use shared::tls::{CertificateTime, TlsError};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tracing::{info, warn};

use super::chain;
use crate::https::{self, Believing};
use crate::identity::Identity;

/// A few lines of JSON.
const ANSWER_BYTES_MAX: u64 = 64 * 1024;

/// What the controller tells a terminal about itself.
#[derive(Deserialize)]
struct Oneself {
    broker: String,
}

/// Why the broker was not told.
#[derive(Debug, thiserror::Error)]
enum NotLocated {
    #[error("no client can be made")]
    Client(#[source] TlsError),
    #[error("`{url}` cannot be reached")]
    Unreachable { url: String, source: Box<ureq::Error> },
    #[error("`{url}` answers {status}")]
    Status { url: String, status: u16 },
    #[error("the answer of `{url}` makes no sense")]
    Nonsense { url: String, source: Box<ureq::Error> },
}

/// Asks one question at a time, on a thread that ends with the answer.
#[derive(Debug)]
pub struct Locator {
    identity: Arc<Identity>,
    time: CertificateTime,
    asking: Arc<AtomicBool>,
    tell: Sender<String>,
    told: Receiver<String>,
}

impl Locator {
    pub fn new(identity: Arc<Identity>, time: CertificateTime) -> Self {
        let (tell, told) = channel(1);
        Self { identity, time, asking: Arc::default(), tell, told }
    }

    /// Asks, unless a question is under way. Without an answer nothing is told.
    pub fn ask(&self) {
        if self.asking.swap(true, Ordering::AcqRel) {
            return;
        }
        let (identity, asking) = (Arc::clone(&self.identity), Arc::clone(&self.asking));
        let (tell, time) = (self.tell.clone(), self.time.clone());
        let spawned = thread::Builder::new().name("locate".to_owned()).spawn(move || {
            match broker(&identity, &time) {
                Ok(broker) => {
                    info!(broker, "the controller says where the broker is");
                    // A loop that has ended does not wait for answers any more.
                    tell.blocking_send(broker).ok();
                }
                Err(error) => warn!(error = chain(&error), "where the broker is was not told"),
            }
            asking.store(false, Ordering::Release);
        });
        if let Err(error) = spawned {
            warn!(%error, "no thread can be started to ask for the broker");
            self.asking.store(false, Ordering::Release);
        }
    }

    /// The next answer. Nothing is lost when the caller stops waiting.
    pub async fn next(&mut self) -> String {
        self.told.recv().await.expect("the locator holds a sender itself")
    }
}

fn broker(identity: &Identity, time: &CertificateTime) -> Result<String, NotLocated> {
    let client = https::client(Believing::As(identity), time).map_err(NotLocated::Client)?;
    let url = format!("{}/v1/self", identity.facts.url.trim_end_matches('/'));
    let mut answer = match client.get(&url).call() {
        Ok(answer) => answer,
        Err(source) => return Err(NotLocated::Unreachable { url, source: Box::new(source) }),
    };
    if !answer.status().is_success() {
        return Err(NotLocated::Status { url, status: answer.status().as_u16() });
    }
    let body = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec();
    let read = body.and_then(|body| {
        serde_json::from_slice::<Oneself>(&body).map_err(|error| ureq::Error::Io(error.into()))
    });
    match read {
        Ok(oneself) => Ok(oneself.broker),
        Err(source) => Err(NotLocated::Nonsense { url, source: Box::new(source) }),
    }
}
