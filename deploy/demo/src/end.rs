//! When the demo is to end: at ctrl-c or SIGTERM, at any moment.
//!
//! The signal does not end the program. It lets every wait give up, so that the fleet is dropped
//! in order: its processes end and its directory goes.

use std::sync::mpsc::{self, Receiver};
use std::thread;

use anyhow::{Context as _, Result};
use harness::wait;
use tokio::signal::unix::{SignalKind, signal};

#[derive(Debug)]
pub(crate) struct End(Receiver<()>);

impl End {
    pub(crate) fn listen() -> Result<Self> {
        let (came, comes) = mpsc::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (mut interrupt, mut terminate) = {
            let _entered = runtime.enter();
            let listen = |kind| signal(kind).context("listening for signals");
            (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?)
        };
        thread::Builder::new().name("end".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
            });
            wait::interrupt();
            // Nobody listens when the scenario is not over, which ends by its next wait.
            let _heard = came.send(());
        })?;
        Ok(Self(comes))
    }

    /// Until it is time.
    pub(crate) fn wait(&self) -> Result<()> {
        self.0.recv().context("waiting for ctrl-c")
    }
}
