//! `tillward approve`: people put their names to what could harm a shop, on machines of their own.
//!
//! `export` and `import` carry a file between the controller and an approver's machine; `sign` and
//! `cancel` work on the file alone, without a network.

mod cancel;
mod carry;
mod checked;
pub(super) mod describe;
mod figures;
mod request;
mod sign;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use shared::digest::Digest;
use shared::document::roster::Role;
use shared::durable::{Readers, replace_file};
use shared::id::CampaignId;
use shared::signature::PrivateKey;
use shared::time::UnixTime;

use super::client::Client;
use super::context::ContextArgs;
use super::failure::{Exit, Failure};
use super::print::Print;
use super::roster::ReadRoster;
use crate::api::model::ApprovalRequest;
use crate::campaign::approval::ApprovalRefused;
use crate::key_file::{Asked, KeyFile, KeyRole, PassphraseArgs, Unlock};
pub(super) use carry::Export;
use checked::Checked;

/// Collect approvers' signatures on a campaign, or sign as one
#[derive(Debug, Subcommand)]
pub(super) enum ApproveCommand {
    #[command(subcommand)]
    Request(request::RequestCommand),
    Export(Export),
    Sign(sign::Sign),
    Import(carry::Import),
    Cancel(cancel::Cancel),
}

impl ApproveCommand {
    pub(super) async fn run(
        &self,
        context: &ContextArgs,
        now: UnixTime,
        print: &mut Print,
    ) -> Result<Exit, Failure> {
        match self {
            Self::Request(command) => command.run(context, now, print).await,
            Self::Export(args) => args.run(&Client::new(context.read()?)?, print).await,
            Self::Sign(args) => args.run(context, now, print),
            Self::Import(args) => args.run(&Client::new(context.read()?)?, print).await,
            Self::Cancel(args) => args.run(context, now, print).await,
        }
    }
}

/// By whose word keys count: what this machine knows without the file.
#[derive(Debug, Args)]
pub(super) struct TrustArgs {
    /// The roster that you hold, instead of the one that the context names
    ///
    /// The file brings every later one; each must be signed by the root keys of the one before.
    #[arg(long, value_name = "FILE", conflicts_with = "roster_digest")]
    roster: Option<PathBuf>,
    /// Or the digest of a roster, as `tillward init` and `tillward roster show` print it
    #[arg(long, value_name = "DIGEST")]
    roster_digest: Option<Digest>,
}

impl TrustArgs {
    pub(super) fn pin(&self, context: &ContextArgs) -> Result<Digest, Failure> {
        if let Some(digest) = self.roster_digest {
            return Ok(digest);
        }
        let path = match &self.roster {
            Some(path) => Some(path.clone()),
            None => context.roster()?,
        };
        let path = path.ok_or_else(|| {
            Failure::because("nothing says whose keys count: the file alone could be anybody's")
                .hint("name the roster that you hold with --roster FILE, or its --roster-digest")
        })?;
        Ok(ReadRoster::read_signed(&path)?.digest)
    }
}

/// The key with which somebody signs.
#[derive(Debug, Args)]
struct KeyArgs {
    /// The approver's key file
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    #[command(flatten)]
    passphrase: PassphraseArgs,
    /// Accept a key that is not protected; for development only
    #[arg(long, help_heading = "Keys")]
    insecure_dev: bool,
}

impl KeyArgs {
    /// The key, if it is one that may sign this.
    fn read(&self, request: &Checked) -> Result<KeyFile, Failure> {
        let key = KeyFile::read(&self.key)?;
        if key.role != KeyRole::Approver {
            let what = format!("{} is a key of role {}", self.key.display(), key.role);
            return Err(Failure::because(what).hint("only approver keys approve: take yours"));
        }
        if key.fleet != request.roster.fleet {
            let what = format!(
                "the key of {} is of fleet {}, the request of fleet {}",
                key.owner, key.fleet, request.roster.fleet
            );
            return Err(Failure::because(what).hint("take the key and the roster of one fleet"));
        }
        let roster = request.roster.version;
        match request.roster.key(key.id()) {
            Some(listed) if listed.role == Role::Approver => Ok(key),
            Some(listed) => {
                let owner = listed.owner.clone();
                Err(ApprovalRefused::NotAnApprover { owner, roster }.into())
            }
            None => Err(ApprovalRefused::UnknownKey { key: key.id(), roster }.into()),
        }
    }

    /// Asks for the passphrase, where the key has one.
    fn open(&self, key: &KeyFile) -> Result<PrivateKey, Failure> {
        let unlock = match self.insecure_dev {
            true => Unlock::InsecureDev,
            false => {
                let whose = format!("the {} key of {}", key.role, key.owner);
                Unlock::Passphrase(self.passphrase.passphrase(Asked::Existing(&whose))?)
            }
        };
        Ok(key.open(&unlock)?.signing())
    }
}

/// An id on the command line.
fn campaign_id(text: &str) -> Result<CampaignId, shared::id::NotAnId> {
    text.parse()
}

fn read_request(path: &Path) -> Result<ApprovalRequest, Failure> {
    let shown = path.display();
    let text = std::fs::read(path)
        .map_err(|error| Failure::new(error).context(format!("cannot read {shown}")))?;
    serde_json::from_slice(&text).map_err(|error| {
        Failure::new(error)
            .context(format!("{shown} is not a request for approval"))
            .hint("`tillward approve export` writes one")
    })
}

fn write_request(path: &Path, request: &ApprovalRequest) -> Result<(), Failure> {
    let mut text = serde_json::to_vec_pretty(request).expect("requests have text keys");
    text.push(b'\n');
    Ok(replace_file(path, &text, Readers::Anyone)?)
}

impl From<ApprovalRefused> for Failure {
    fn from(refused: ApprovalRefused) -> Self {
        let hint = refused.hint();
        let failure = Self::new(refused);
        match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}
