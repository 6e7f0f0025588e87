//! What people say of the payment keys of terminals.

use std::sync::Arc;

use axum::extract::State;
use shared::id::TerminalId;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Json, Operator, Path};
use super::model::{NewPaymentKeys, PaymentKeys, Problem};
use super::problem::{Code, Refusal};
use super::texts::check_said;
use super::{Api, now};
use crate::provider::day::Day;
use crate::terminal::keys::{KeyWord, NewKeyWord};

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(list, say))
}

/// What people say of a terminal's payment keys, by kind
#[utoipa::path(
    get,
    path = "/v1/terminals/{id}/payment-keys",
    tag = "terminals",
    params(("id" = String, Path)),
    security(("operator" = [])),
    responses((status = 200, body = Vec<PaymentKeys>), (status = "default", body = Problem)),
)]
async fn list(
    _: Operator,
    State(api): State<Arc<Api>>,
    Path(id): Path<TerminalId>,
) -> Result<axum::Json<Vec<PaymentKeys>>, Refusal> {
    let facts = api.registry.service_facts(&[id]).await?.pop();
    let facts = facts.ok_or_else(|| Refusal::no("terminal", id))?;
    Ok(axum::Json(facts.keys.into_iter().map(shown).collect()))
}

/// Say of a terminal's payment keys until when they are good, or that they are gone
///
/// In place of what was said before of the same kinds. A return to service looks at it; enrolling
/// anew forgets it.
#[utoipa::path(
    post,
    path = "/v1/terminals/{id}/payment-keys",
    tag = "terminals",
    params(("id" = String, Path)),
    security(("operator" = [])),
    responses((status = 200, body = Vec<PaymentKeys>), (status = "default", body = Problem)),
)]
async fn say(
    operator: Operator,
    State(api): State<Arc<Api>>,
    Path(id): Path<TerminalId>,
    Json(said): Json<NewPaymentKeys>,
) -> Result<axum::Json<Vec<PaymentKeys>>, Refusal> {
    check_said([&said.said_by])?;
    let until = match (said.until, said.gone) {
        (Some(day), false) => Some(day),
        (None, true) => None,
        (Some(_), true) | (None, false) => {
            let detail = "say either until which day they are good, or that they are gone";
            return Err(Refusal::new(Code::Invalid, detail));
        }
    };
    if until.is_some_and(|day| day < Day::of(now())) {
        let detail = "that day is over: say that they are gone (`--gone`)";
        return Err(Refusal::new(Code::Invalid, detail));
    }
    if said.kinds.is_empty() {
        return Err(Refusal::new(Code::Invalid, "no kind of keys is named"));
    }
    let word = NewKeyWord { kinds: said.kinds, until, said_by: said.said_by };
    let by = operator.by(said.reason.as_deref(), now());
    let keys = api.registry.put_keys(id, &word, &by).await?;
    Ok(axum::Json(keys.into_iter().map(shown).collect()))
}

pub(super) fn shown(it: KeyWord) -> PaymentKeys {
    PaymentKeys {
        kind: it.kind,
        until: it.until,
        said_by: it.said_by,
        recorded_at: it.recorded_at,
        recorded_by: it.recorded_by,
    }
}
