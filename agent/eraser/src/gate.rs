//! Every effect passes a gate before it happens, so that tests can cut the power at each.

use std::io;

/// What is about to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    WriteJournal,
    /// A key is overwritten, or a program is told to erase it.
    DestroyKey,
    /// A file gets zeros, before its name goes.
    Overwrite,
    RemoveName,
    ZeroDevice,
    WriteTombstone,
}

pub trait Gate {
    /// An error here means that the effect has not happened and will not.
    fn pass(&self, effect: Effect) -> io::Result<()>;
}

/// Lets everything pass: what the program uses.
#[derive(Clone, Copy, Debug)]
pub struct Open;

impl Gate for Open {
    fn pass(&self, _effect: Effect) -> io::Result<()> {
        Ok(())
    }
}
