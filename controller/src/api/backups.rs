//! What terminals save. A terminal adds objects to its own repositories and reads them; nobody
//! replaces one here, and operators say at most what may go.

mod drills;
mod manifests;
mod objects;
mod purges;
mod retention;
mod schedules;
mod snapshots;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::DefaultBodyLimit;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::problem::{Code, Refusal};
use crate::backup::intake::NotTaken;
use crate::blob::BlobError;
use crate::registry::backup::NotAdmitted;

/// What is no transfer of an object.
pub(super) fn brief_routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(manifests::hand_in))
        .routes(routes!(manifests::fetch))
        .routes(routes!(manifests::newest))
        .routes(routes!(snapshots::list))
        .routes(routes!(snapshots::show))
        .routes(routes!(snapshots::verify))
        .routes(routes!(snapshots::hold))
        .routes(routes!(snapshots::unhold))
        .routes(routes!(snapshots::coverage))
        .routes(routes!(retention::policy))
        .routes(routes!(retention::list))
        .routes(routes!(retention::certificate))
        .routes(routes!(purges::look))
        .routes(routes!(purges::ask))
        .merge(schedules::routes())
        .merge(drills::routes())
}

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(objects::list))
        .routes(routes!(objects::look_at_config))
        .routes(routes!(objects::store_config))
        .routes(routes!(objects::fetch))
        .routes(routes!(objects::look))
        .routes(routes!(objects::store))
        // Taking an object in stops at the size that its kind may have.
        .layer(DefaultBodyLimit::disable())
}

/// A disk is mounted by a person, and the place is looked for as often.
const ABSENT_AGAIN_AFTER: Duration = Duration::from_secs(60);

impl From<NotTaken> for Refusal {
    fn from(why: NotTaken) -> Self {
        let detail = why.to_string();
        match why {
            NotTaken::NotAdmitted(why) => refused(why, detail),
            NotTaken::TooFast(too_fast) => {
                Self::new(Code::TooFast, detail).again_after(too_fast.again_after)
            }
            NotTaken::Blob(BlobError::OtherBytes { .. }) => {
                Self::new(Code::ObjectMismatch, detail).hint("send the object again")
            }
            NotTaken::Blob(BlobError::TooLarge { .. }) => {
                Self::new(Code::TooLarge, detail).hint("make smaller objects")
            }
            NotTaken::Blob(error @ BlobError::NotThere { .. }) => {
                Self::from(error).again_after(ABSENT_AGAIN_AFTER)
            }
            NotTaken::Blob(error) => error.into(),
            NotTaken::Registry(error) => error.into(),
        }
    }
}

fn refused(why: NotAdmitted, detail: String) -> Refusal {
    let (code, hint) = match why {
        NotAdmitted::NotYours => (Code::NotYours, "begin a repository of your own"),
        NotAdmitted::Closed => (Code::RepositoryClosed, "go on in the newer repository"),
        NotAdmitted::NoSealedKey => (Code::NoSealedKey, "store the sealed key first"),
        NotAdmitted::Differs(_) => (Code::ObjectDiffers, "read the one that is there"),
        NotAdmitted::Quota { .. } => (
            Code::QuotaExceeded,
            "purge old repositories, or raise `backups.terminal_mib_max` in the controller's \
             configuration",
        ),
    };
    Refusal::new(code, detail).hint(hint)
}
