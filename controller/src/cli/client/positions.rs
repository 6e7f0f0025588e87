//! What the API is asked about positions, and about what they are bound to.

use serde::Serialize;
use shared::id::{BindingId, PositionId};

use super::{Answer, Client};
use crate::api::model::{
    Binding, BindingChange, BindingImport, BindingMoves, BindingVersion, ImportReport, NewBinding,
    NewPosition, Page, Position, Registration,
};

impl Client {
    pub(in super::super) async fn positions(&self) -> Answer<Vec<Position>> {
        self.list("/v1/positions", &[]).await
    }

    pub(in super::super) async fn set_position(&self, asked: &NewPosition) -> Answer<Position> {
        self.put("/v1/positions", asked).await
    }

    /// `action` is `fill`, `vacate`, `close` or `reopen`.
    pub(in super::super) async fn move_position(
        &self,
        id: PositionId,
        action: &str,
        body: &impl Serialize,
    ) -> Answer<Position> {
        self.post(&format!("/v1/positions/{id}/{action}"), body).await
    }

    pub(in super::super) async fn bindings(
        &self,
        position: Option<PositionId>,
        provider: Option<&str>,
    ) -> Answer<Vec<Binding>> {
        let position = position.map(|id| id.to_string());
        let mut query: Vec<_> = position.iter().map(|id| ("position", id.as_str())).collect();
        query.extend(provider.map(|key| ("provider", key)));
        self.list("/v1/bindings", &query).await
    }

    pub(in super::super) async fn binding(&self, id: BindingId) -> Answer<Binding> {
        self.get(&format!("/v1/bindings/{id}"), &[]).await
    }

    pub(in super::super) async fn binding_versions(
        &self,
        id: BindingId,
    ) -> Answer<Vec<BindingVersion>> {
        Ok(self.get::<Page<_>>(&format!("/v1/bindings/{id}/versions"), &[]).await?.items)
    }

    pub(in super::super) async fn make_binding(&self, asked: &NewBinding) -> Answer<Binding> {
        self.post("/v1/bindings", asked).await
    }

    pub(in super::super) async fn change_binding(
        &self,
        id: BindingId,
        asked: &BindingChange,
    ) -> Answer<Binding> {
        self.put(&format!("/v1/bindings/{id}/tuple"), asked).await
    }

    pub(in super::super) async fn register_binding(
        &self,
        id: BindingId,
        said: &Registration,
    ) -> Answer<Binding> {
        self.put(&format!("/v1/bindings/{id}/registration"), said).await
    }

    pub(in super::super) async fn move_bindings(
        &self,
        asked: &BindingMoves,
    ) -> Answer<Page<Binding>> {
        self.post("/v1/bindings/moves", asked).await
    }

    pub(in super::super) async fn import_bindings(
        &self,
        asked: &BindingImport,
    ) -> Answer<ImportReport> {
        self.post("/v1/bindings/import", asked).await
    }
}
