//! What operations take from a request: bodies, parameters, and who is asking. Whatever does not
//! fit is refused with a problem document, like everything else.

use std::sync::Arc;

use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::{Extension, RequestPartsExt as _};
use serde::{Deserialize, Serialize};
use shared::time::UnixTime;
use tracing::warn;

use super::listener::Shown;
use super::problem::{Code, Refusal};
use super::{Api, now};
use crate::auth::{ClientCertificate, Peer, Token, same_bytes};
use crate::registry::audit::By;
use crate::registry::delivery::AnyAlarm;
use crate::registry::page::{PAGE_ITEMS_MAX, Page};
use crate::registry::terminal::{Service, Terminal, Unit};

/// A JSON body.
#[derive(Debug, FromRequest)]
#[from_request(via(axum::Json), rejection(Refusal))]
pub(super) struct Json<T>(pub(super) T);

/// What stands in the path.
#[derive(Debug, FromRequestParts)]
#[from_request(via(axum::extract::Path), rejection(Refusal))]
pub(super) struct Path<T>(pub(super) T);

/// What stands behind the question mark.
#[derive(Debug, FromRequestParts)]
#[from_request(via(axum::extract::Query), rejection(Refusal))]
pub(super) struct Query<T>(pub(super) T);

impl From<JsonRejection> for Refusal {
    fn from(rejection: JsonRejection) -> Self {
        let code = match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Code::TooLarge,
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Code::UnsupportedMediaType,
            _ => Code::BadRequest,
        };
        Self::new(code, rejection.body_text())
    }
}

impl From<PathRejection> for Refusal {
    fn from(rejection: PathRejection) -> Self {
        Self::new(Code::BadRequest, rejection.body_text())
    }
}

impl From<QueryRejection> for Refusal {
    fn from(rejection: QueryRejection) -> Self {
        Self::new(Code::BadRequest, rejection.body_text())
    }
}

/// Which part of a list.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Part {
    /// What `next` of the page before said.
    after: Option<String>,
    /// Items per page, 1 to 1000; 100 where it is left out.
    limit: Option<u32>,
}

impl Part {
    /// With the cursor read as the key of this list.
    pub(super) fn page<K: std::str::FromStr<Err: std::fmt::Display>>(
        &self,
    ) -> Result<Page<K>, Refusal> {
        let limit = self.limit.unwrap_or(100);
        if !(1..=PAGE_ITEMS_MAX).contains(&limit) {
            let detail = format!("`limit` is {limit}: choose 1 to {PAGE_ITEMS_MAX}");
            return Err(Refusal::new(Code::BadRequest, detail));
        }
        let after = self.after.as_deref().map(|text| {
            text.parse().map_err(|why: K::Err| {
                Refusal::new(Code::BadRequest, format!("`after` is not of this list: {why}"))
            })
        });
        Ok(Page { after: after.transpose()?, limit })
    }
}

/// A page as it is answered. `key` gives an item's cursor.
pub(super) fn listed<T, U: Serialize>(
    items: Vec<T>,
    page_limit: u32,
    key: impl Fn(&T) -> String,
    shown: impl FnMut(T) -> U,
) -> axum::Json<super::model::Page<U>> {
    let full = items.len() >= usize::try_from(page_limit).unwrap_or(usize::MAX);
    let next = items.last().filter(|_| full).map(key);
    axum::Json(super::model::Page { items: items.into_iter().map(shown).collect(), next })
}

/// An operator, known by token.
#[derive(Clone, Debug)]
pub(super) struct Operator {
    pub(super) name: String,
}

impl Operator {
    /// For the audit log.
    pub(super) fn by(&self, why: Option<&str>, at: UnixTime) -> By {
        let why = shared::limits::short_text(why.unwrap_or_default());
        By { who: self.name.clone(), why, at }
    }
}

impl FromRequestParts<Arc<Api>> for Operator {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Refusal> {
        let shown = parts.headers.get(header::AUTHORIZATION);
        let shown = shown.and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        let shown = shown.ok_or_else(|| {
            Refusal::new(Code::TokenMissing, "there is no `Authorization: Bearer …`")
                .hint("name your operator.toml with --operator, or log in again")
        })?;
        let unknown = || {
            Refusal::new(Code::TokenUnknown, "no operator has this token")
                .hint("ask who runs the controller for a token of your own")
        };
        let digest = Token::read(shown.trim()).ok_or_else(unknown)?.digest();
        // What the time of this look-up tells is about a hash of the token, which helps nobody.
        let found = api.registry.operator_by_token(digest).await?.ok_or_else(unknown)?;
        if !same_bytes(&found.token_hash.0, &digest.0) {
            return Err(unknown());
        }
        Ok(Self { name: found.name })
    }
}

/// An enrolled terminal, known by the certificate of its present enrolment. It may be in quarantine
/// or erased: for what every terminal is told, so that orders reach it.
#[derive(Clone, Debug)]
pub(super) struct Recognised(pub(super) Terminal);

impl FromRequestParts<Arc<Api>> for Recognised {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Refusal> {
        let Ok(Extension(Shown(certificate))) = parts.extract().await else {
            return Err(no_certificate());
        };
        let certificate: ClientCertificate = certificate.ok_or_else(no_certificate)?;
        let Peer::Terminal(id) = certificate.peer else { return Err(no_certificate()) };
        let terminal = api.registry.terminal(id).await?;
        let terminal = terminal.ok_or_else(|| Refusal::no("terminal", id))?;
        match terminal.unit {
            Unit::Revoked => {
                let detail = "somebody has asked for something with its key, and got nothing";
                let alarm = AnyAlarm::revoked_spoke(id, certificate.key, detail, now());
                if let Err(error) = api.registry.raise_alarm(&alarm).await {
                    warn!(error = &error as &dyn std::error::Error, "an alarm is not kept");
                }
                Err(Refusal::new(Code::Revoked, format!("{id} was revoked")))
            }
            Unit::Enrolled if terminal.public_key == Some(certificate.key) => Ok(Self(terminal)),
            Unit::Enrolled | Unit::Claimed => {
                let detail = format!("{id} has enrolled with another key since");
                Err(Refusal::new(Code::CertificateReplaced, detail))
            }
        }
    }
}

/// An enrolled terminal that may fetch and store. One in quarantine may not: it is emptied without
/// either, and whoever has it gets nothing. Nor has one that was erased anything to ask for.
#[derive(Clone, Debug)]
pub(super) struct Enrolled(pub(super) Terminal);

impl FromRequestParts<Arc<Api>> for Enrolled {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Refusal> {
        let Recognised(terminal) = Recognised::from_request_parts(parts, api).await?;
        if terminal.is_quarantined {
            let detail = format!(
                "{} is in quarantine: it is to be emptied, or another one has its place",
                terminal.id
            );
            return Err(Refusal::new(Code::Quarantined, detail));
        }
        match terminal.service {
            Service::InService | Service::Suspended | Service::SuspendedOwing => Ok(Self(terminal)),
            Service::Erased => {
                Err(Refusal::new(Code::Erased, format!("{} was erased", terminal.id)))
            }
        }
    }
}

fn no_certificate() -> Refusal {
    Refusal::new(Code::CertificateMissing, "no certificate of a terminal of this fleet was shown")
}

/// Whoever may fetch: an operator or an enrolled terminal.
#[expect(clippy::large_enum_variant, reason = "there is one for each request")]
#[derive(Debug)]
pub(super) enum Reader {
    Operator,
    Terminal(Terminal),
}

impl FromRequestParts<Arc<Api>> for Reader {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Refusal> {
        if parts.headers.contains_key(header::AUTHORIZATION) {
            return Operator::from_request_parts(parts, api).await.map(|_| Self::Operator);
        }
        Enrolled::from_request_parts(parts, api).await.map(|Enrolled(it)| Self::Terminal(it))
    }
}
