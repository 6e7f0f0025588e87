//! What is known of what a form names.

use shared::id::{PositionId, TerminalId};

use super::super::problem::Refusal;
use super::super::{Api, now};
use crate::campaign::CampaignError;
use crate::on_record;
use crate::position::binding::BindingState;
use crate::provider::Kind;
use crate::provider::compatibility::{Asked, Verdict, look_up};
use crate::provider::model::Model;
use crate::registry::RegistryError;
use crate::registry::position::BindingsOf;
use crate::replacement::form::{Form, Known};
use crate::request::Request;

pub(super) async fn known(api: &Api, form: &Form) -> Result<Known, RegistryError> {
    let registry = &*api.registry;
    let old = registry.terminal_by_serial(&form.old_serial).await?;
    let position = match &old {
        Some(old) => registry.positions_of(&[old.id]).await?.into_iter().next(),
        None => None,
    };
    let old_model = match &old {
        Some(old) => model(api, &old.model).await?,
        None => None,
    };
    let verdict = match &position {
        Some(position) => verdict(api, &form.new_model, position.id).await?,
        None => None,
    };
    Ok(Known {
        has_merchant: registry.has_merchant(&form.merchant).await?,
        new_model: model(api, &form.new_model).await?,
        old,
        position,
        old_model,
        verdict,
    })
}

async fn model(api: &Api, key: &str) -> Result<Option<Model>, RegistryError> {
    let record = api.registry.record(Kind::Model, key, None).await?;
    Ok(record.and_then(|it| it.known.model()).map(|it| it.document))
}

/// What the matrix says of the model with the provider that the position is bound to.
async fn verdict(
    api: &Api,
    model: &str,
    position: PositionId,
) -> Result<Option<Verdict>, RegistryError> {
    let of = BindingsOf { position: Some(position), provider: None };
    let bindings = on_record::bindings(&*api.registry, &of).await?;
    let active = bindings.into_iter().find(|it| it.state == BindingState::Active);
    let Some(active) = active else { return Ok(None) };
    let rows = on_record::matrix(&*api.registry).await?;
    let (model, provider) = (model.to_owned(), Some(active.provider));
    Ok(Some(look_up(&rows, &Asked { model, provider, ..Asked::default() })))
}

/// Whether the request is about exactly this terminal.
pub(super) async fn is_about(
    api: &Api,
    request: &Request,
    terminal: TerminalId,
) -> Result<bool, Refusal> {
    let selector = request.asked.selector.parse().map_err(CampaignError::Selector)?;
    let members = api.campaigns.meant(&selector, now()).await?;
    Ok(members == [terminal])
}
