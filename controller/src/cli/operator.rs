//! `tillward operator`: another person or program that may use the API.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::context::{CONTEXT_NAME, Context, ContextArgs};
use super::failure::{Exit, Failure};
use super::init::papers::token;
use super::init::tree::OperatorPapers;
use super::print::Print;

/// Give other people a token of their own
#[derive(Debug, Subcommand)]
pub(super) enum OperatorCommand {
    New(MakeOperator),
}

/// Make the directory of another operator, with a token of their own
///
/// The controller knows them once the printed lines stand in its configuration and it was started
/// again: nobody who only uses the API can make a second person of themselves. The same name with
/// another token takes the place of the one before.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  tillward --context operator operator new ben --to ben")]
pub(super) struct MakeOperator {
    /// What the audit log calls them
    #[arg(value_parser = name)]
    name: String,
    /// The directory to make
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
}

impl OperatorCommand {
    pub(super) fn run(&self, context: &ContextArgs, print: &mut Print) -> Result<Exit, Failure> {
        let Self::New(new) = self;
        new.run(context, print)
    }
}

impl MakeOperator {
    fn run(&self, context: &ContextArgs, print: &mut Print) -> Result<Exit, Failure> {
        let Context { url, server_ca, .. } = context.read()?;
        let roster = context.roster()?.ok_or_else(|| {
            Failure::because("the context names no roster: another operator would have none")
                .hint("write `roster = \"…\"` into operator.toml")
        })?;
        let roster = fs::read(&roster).map_err(|error| {
            Failure::new(error).context(format!("cannot read {}", roster.display()))
        })?;
        let to = self.to.display();
        // As those that `tillward init` makes. Fails where anything is already.
        DirBuilder::new().mode(0o700).create(&self.to).map_err(|error| {
            let failure = Failure::new(error).context(format!("cannot make {to}"));
            failure.hint("choose a directory that is not there yet, in one that is")
        })?;
        let token = token();
        OperatorPapers { url: &url, server_ca: &server_ca, roster: &roster, token: &token }
            .write(&self.to)
            // Half of it would be taken for the whole, and would be in the way of the next try.
            .map_err(|failure| match fs::remove_dir_all(&self.to) {
                Ok(()) => failure.hint(format!("nothing is left of {to}: try again")),
                Err(error) => failure.hint(format!("remove {to}, which is half made ({error})")),
            })?;
        let (name, digest) = (&self.name, token.digest());
        let quoted = toml::Value::from(name.as_str());
        print.line(format_args!("[[operators]]\nname = {quoted}\ntoken_sha256 = \"{digest}\""));
        print.remark(format_args!(
            "\nAdd these lines to controller.toml and start the controller again. Then give {to} \
             to {name}: the token in it is theirs alone. They begin with\n  tillward --context {} \
             status",
            self.to.join(CONTEXT_NAME).display()
        ));
        Ok(Exit::Done)
    }
}

/// As the controller's configuration takes it.
fn name(text: &str) -> Result<String, String> {
    match crate::config::is_operator_name(text) {
        true => Ok(text.to_owned()),
        false => {
            Err("write one line of 1 to 64 characters, which is no part of the controller"
                .to_owned())
        }
    }
}
