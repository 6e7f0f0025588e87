//! The POS application behind one trait: what it does now, and what it is asked to do.
//!
//! Every call may block until its time limit, so calls are made from worker threads. **No answer
//! means not ready, never yes.** Card data never comes this way: a POS tells counts and codes.
//!
//! Deliberately absent: when to ask for what, which the job decides.

pub mod driver;
pub mod protocol;

use std::path::Path;
use std::time::Duration;

use shared::outcome::FailureCode;

pub use driver::DriverProgram;
pub use protocol::{
    Application, Binding, BindingState, Check, DataSet, Export, Figures, Host, Left, SelfTest,
    Settled, Status, Suspicion, Tested, Trading, Trial, Tuple, Wanted,
};

/// A till. Each call can be repeated: a lost answer is asked for again.
pub trait PosApplication: Send + Sync {
    fn status(&self) -> Result<Status, PosError>;

    /// Holds trading once the sale in flight is over. Ends by itself after `lease` unless renewed
    /// by another call, so that a dead agent closes no shop.
    fn hold(&self, lease: Duration, reason: &str) -> Result<(), PosError>;

    /// Lets the shop sell.
    fn release(&self) -> Result<(), PosError>;

    /// Sends what can be sent now, each to the host that it belongs to, and says what is left; of
    /// one binding or of all.
    fn drain(&self, binding: Option<&str>) -> Result<Left, PosError>;

    /// Closes each open batch, of one binding or of all; asked again, answers with the same batches
    /// and settles nothing twice.
    fn settle(&self, binding: Option<&str>) -> Result<Vec<Settled>, PosError>;

    fn self_test(&self) -> Result<SelfTest, PosError>;

    /// Whether the payment hosts answer.
    fn host_check(&self) -> Result<Vec<Host>, PosError>;

    /// Restarts the POS into whatever version is current now. Returns when the old process is
    /// gone or surely going.
    fn restart(&self) -> Result<(), PosError>;

    fn show_notice(&self, text: &str) -> Result<(), PosError>;

    /// Writes down what the till has at one moment; holds trading for 2 s at most.
    fn export(&self, into: &Path) -> Result<Export, PosError>;

    /// Loads an export into a scratch till and counts it.
    fn rehearse(&self, from: &Path, wanted: &[Wanted]) -> Result<Vec<DataSet>, PosError>;

    /// Lets an export take the place of what the till has, in one step, and counts it. Until it is
    /// committed or reverted, asking again changes nothing and is answered the same.
    fn import(&self, from: &Path, wanted: &[Wanted]) -> Result<Vec<DataSet>, PosError>;

    /// Takes an import back that was not committed; nothing where there is none.
    fn revert_import(&self) -> Result<(), PosError>;

    /// Keeps an import for good; nothing where there is none.
    fn commit_import(&self) -> Result<(), PosError>;

    /// Puts a tuple into the free slot, durably; the shop does not notice. Gives the check value of
    /// its keys, where the till says one: from it nobody learns the key.
    fn stage_binding(&self, binding: &str, tuple: &Tuple) -> Result<Option<String>, PosError>;

    /// Makes a binding the active one, the whole tuple at once, while trading is held; says which
    /// is active then.
    fn switch_binding(&self, to: &str) -> Result<String, PosError>;

    /// Does one test, once for each key.
    fn test_transaction(&self, trial: &Trial<'_>) -> Result<Tested, PosError>;

    /// Takes back every test sale that was not taken back; says how many are left.
    fn void_tests(&self, binding: &str) -> Result<u64, PosError>;

    /// A slot and its keys go; refused while it is active, or has anything to send or to settle.
    fn erase_binding(&self, binding: &str) -> Result<(), PosError>;

    /// How payments went since the binding became active.
    fn figures(&self, binding: &str) -> Result<Figures, PosError>;

    /// No sale any more, across restarts, until trading is released.
    fn stop_trading(&self, message: &str) -> Result<(), PosError>;

    /// Erases its keys first, then everything that it has recorded, for good; refused while trading
    /// is not stopped, and, unless `owing`, while it has anything to send or to settle.
    fn erase(&self, owing: bool) -> Result<(), PosError>;
}

/// Why a POS did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PosError {
    #[error("the till is not ready: {0}")]
    NotReady(String),
    #[error("the till did not answer within {} s", .0.as_secs())]
    NoAnswer(Duration),
    #[error("the till refused: {0}")]
    Refused(String),
    #[error("the till cannot do this: {0}")]
    Unsupported(String),
    #[error("the till failed: {0}")]
    Failed(String),
    /// An answer to our question, of another shape than the protocol has.
    #[error("the till's answer makes no sense: {0}")]
    Unintelligible(String),
}

impl PosError {
    /// Whether it may be otherwise in a while.
    pub fn is_not_ready(&self) -> bool {
        match self {
            Self::NotReady(_) | Self::NoAnswer(_) => true,
            Self::Refused(_) | Self::Unsupported(_) | Self::Failed(_) | Self::Unintelligible(_) => {
                false
            }
        }
    }

    /// The word for dashboards; `otherwise` where the POS failed at what it was asked.
    pub fn code(&self, otherwise: FailureCode) -> FailureCode {
        match self {
            Self::NotReady(_) | Self::NoAnswer(_) => FailureCode::PosNotReady,
            Self::Refused(_) | Self::Unsupported(_) => FailureCode::PosRefused,
            Self::Failed(_) | Self::Unintelligible(_) => otherwise,
        }
    }
}
