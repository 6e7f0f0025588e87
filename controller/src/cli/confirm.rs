//! Asks a person before something that cannot be taken back is done.

use inquire::{Confirm, InquireError};

use super::failure::Failure;
use super::print::Print;

/// Whether they mean it; `to_what` says in an error what nobody could be asked.
pub(super) fn is_meant(question: &str, to_what: &str, print: &mut Print) -> Result<bool, Failure> {
    match Confirm::new(question).with_default(false).prompt() {
        Ok(true) => Ok(true),
        Ok(false) | Err(InquireError::OperationCanceled) => {
            print.remark("Nothing was changed.");
            Ok(false)
        }
        Err(error) => Err(Failure::new(error)
            .context(format!("nobody could be asked whether to {to_what}"))
            .hint("pass --yes if you are sure")),
    }
}
