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

use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
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
const ABSENT_AGAIN_AFTER_S: u64 = 60;

/// Why an object was not taken, and when it may come again.
#[derive(Debug)]
struct Declined {
    refusal: Refusal,
    again_after_s: Option<u64>,
}

impl From<Refusal> for Declined {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, again_after_s: None }
    }
}

impl From<NotTaken> for Declined {
    fn from(why: NotTaken) -> Self {
        let detail = why.to_string();
        match why {
            NotTaken::NotAdmitted(why) => refused(why, detail).into(),
            NotTaken::TooFast(too_fast) => {
                let seconds = too_fast.again_after.as_secs();
                let refusal = Refusal::new(Code::TooFast, detail);
                let refusal = refusal.hint(format!("come again in {seconds} s"));
                Self { refusal, again_after_s: Some(seconds) }
            }
            NotTaken::Blob(BlobError::OtherBytes { .. }) => {
                Refusal::new(Code::ObjectMismatch, detail).hint("send the object again").into()
            }
            NotTaken::Blob(BlobError::TooLarge { .. }) => {
                Refusal::new(Code::TooLarge, detail).hint("make smaller objects").into()
            }
            NotTaken::Blob(error @ BlobError::NotThere { .. }) => {
                let again_after_s = Some(ABSENT_AGAIN_AFTER_S);
                Self { refusal: Refusal::from(error), again_after_s }
            }
            NotTaken::Blob(error) => Refusal::from(error).into(),
            NotTaken::Registry(error) => Refusal::from(error).into(),
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

impl IntoResponse for Declined {
    fn into_response(self) -> Response {
        let mut response = self.refusal.into_response();
        if let Some(seconds) = self.again_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
