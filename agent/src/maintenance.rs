//! May this shop be disturbed now? Pure.

/// What the till says about itself. No answer means not ready, never yes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    Free,
    Busy,
    Postpone,
    NoAnswer,
}
