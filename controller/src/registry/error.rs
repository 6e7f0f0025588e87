//! What can go wrong with the registry.

use shared::id::{CampaignId, FleetId, TerminalId};
use shared::time::UnixTime;

use crate::campaign::state::CampaignState;
use crate::measure::counted;

#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    #[error("cannot open the registry {target}")]
    Open {
        target: String,
        #[source]
        source: sqlx::Error,
    },
    #[error("`{0}` names no registry: write `sqlite:<file>` or `postgres://<user>@<host>/<name>`")]
    UnknownTarget(String),
    #[error("the registry failed to {doing}")]
    Failed {
        doing: &'static str,
        #[source]
        source: sqlx::Error,
    },
    /// Nothing was changed, however often it was tried.
    #[error("other writers kept the registry busy; nothing was changed: try again")]
    Contended,
    #[error("cannot bring the registry's schema up to date")]
    Migrate {
        #[source]
        source: sqlx::migrate::MigrateError,
    },
    #[error(
        "the registry's schema is version {found}, newer than the {known} that this build knows: \
         run the newer build, or restore the backup that was made before it"
    )]
    NewerSchema { found: i64, known: i64 },
    #[error(
        "the registry's schema is version {found}, this build needs {known}: run \
         `tillward-controller migrate`"
    )]
    OlderSchema { found: i64, known: i64 },
    #[error("the registry belongs to fleet {found}, this controller to {ours}")]
    OtherFleet { found: FleetId, ours: FleetId },
    #[error("the registry holds `{value}` as a {what}, which this build cannot read")]
    Unreadable { what: &'static str, value: String },
    #[error("there is already a {what} `{which}`")]
    Exists { what: &'static str, which: String },
    #[error("{what} `{which}` has version {found} by now, not {expected}")]
    DocumentMoved { what: &'static str, which: String, expected: u32, found: u32 },
    #[error("there is no {what} `{which}`")]
    Missing { what: &'static str, which: String },
    #[error(
        "terminal {terminal} would have {count} labels, more than {max}",
        max = crate::terminal::label::LABELS_MAX
    )]
    TooManyLabels { terminal: TerminalId, count: usize },
    #[error("campaign {campaign} is {found}: {}", moved_text(*.expected, *.found))]
    CampaignMoved { campaign: CampaignId, expected: CampaignState, found: CampaignState },
    #[error("{} of {campaign} ended badly, not {known}", counted(*.bad, "terminal"))]
    OtherFailures { campaign: CampaignId, known: u64, bad: u64 },
    #[error("the orders of {campaign} ran out at {at}: nobody can be tried again under them")]
    OrdersRanOut { campaign: CampaignId, at: UnixTime },
    #[error("{campaign} is of class `{class}` by now, and at most {max_parallel} at a time")]
    OtherPlace { campaign: CampaignId, class: &'static str, max_parallel: u32 },
    #[error(
        "{campaign} keeps terminal {terminal} from selling, whose place another one has by \
         replacement {number}"
    )]
    KeepsReplaced { campaign: CampaignId, terminal: TerminalId, number: u64 },
    #[error("somebody else signed the batch of {campaign} at this moment: try again")]
    SignedMeanwhile { campaign: CampaignId },
    #[error("campaign {campaign} stays as it is")]
    CampaignRefused {
        campaign: CampaignId,
        #[source]
        refused: crate::campaign::state::Refused,
    },
    #[error("unit `{serial}` stays as it is")]
    UnitRefused {
        serial: String,
        #[source]
        refused: crate::unit::UnitRefused,
    },
    #[error("there is no roster {missing}, so {version} cannot follow it")]
    RosterGap { version: u64, missing: u64 },
}

/// Of a campaign that has ended without another state, too.
fn moved_text(expected: CampaignState, found: CampaignState) -> String {
    match found == expected {
        true => "it has ended".to_owned(),
        false => format!("it is no longer {expected}"),
    }
}
