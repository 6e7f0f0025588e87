//! Positions and their bindings, as they are stored.

use std::collections::BTreeSet;

use async_trait::async_trait;
use shared::id::{BindingId, PositionId, TerminalId};

use super::RegistryError;
use super::audit::By;
use super::page::Page;
use crate::position::binding::{
    Binding, BindingEvent, BindingPolicy, BindingRefused, Registration, Version,
};
use crate::position::import::{Mistake, Row};
use crate::position::tuple::Tuple;
use crate::position::{Position, PositionEvent, PositionRefused};

type Result<T> = std::result::Result<T, RegistryError>;

/// What is said about a position; a part that is `None` stays as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutPosition {
    pub store: String,
    pub lane: String,
    pub merchant: Option<String>,
    pub merchant_class: Option<String>,
    pub fallback: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewBinding {
    pub id: BindingId,
    pub position: PositionId,
    pub provider: String,
    pub tuple: Tuple,
}

/// Which bindings are listed; all where nothing is said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BindingsOf {
    pub position: Option<PositionId>,
    pub provider: Option<String>,
}

/// What an import came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Units that were put into their positions.
    pub filled: u32,
    /// Bindings that were made.
    pub bound: u32,
    /// Bindings that were there as the table says.
    pub known: u32,
    /// Keys of providers that are not in the registry: nothing is known of their MIDs.
    pub unknown_providers: BTreeSet<String>,
}

/// The part of the registry that is about positions and what they are bound to.
#[async_trait]
pub trait PositionRegistry {
    /// Makes the store and the position where they are not known yet.
    async fn put_position(&self, put: &PutPosition, by: &By) -> Result<Position>;

    async fn position(&self, id: PositionId) -> Result<Option<Position>>;

    async fn position_at(&self, store: &str, lane: &str) -> Result<Option<Position>>;

    /// By id.
    async fn positions(&self, page: &Page<PositionId>) -> Result<Vec<Position>>;

    /// Those that these terminals fill, by id. At most a page at a time.
    async fn positions_of(&self, terminals: &[TerminalId]) -> Result<Vec<Position>>;

    /// With whom each of these terminals settles: the providers of the bindings that are active
    /// where it stands. At most a page at a time; of some there are none.
    async fn providers_of(&self, terminals: &[TerminalId]) -> Result<Vec<(TerminalId, String)>>;

    /// The unit fills the position from now on.
    async fn fill_position(
        &self,
        id: PositionId,
        terminal: TerminalId,
        by: &By,
    ) -> Result<std::result::Result<Position, PositionRefused>>;

    /// Any other event.
    async fn move_position(
        &self,
        id: PositionId,
        event: PositionEvent,
        by: &By,
    ) -> Result<std::result::Result<Position, PositionRefused>>;

    async fn add_binding(
        &self,
        new: &NewBinding,
        by: &By,
    ) -> Result<std::result::Result<Binding, BindingRefused>>;

    async fn binding(&self, id: BindingId) -> Result<Option<Binding>>;

    /// By id.
    async fn bindings(&self, of: &BindingsOf, page: &Page<BindingId>) -> Result<Vec<Binding>>;

    /// Of a binding, oldest first.
    async fn binding_versions(&self, id: BindingId) -> Result<Vec<Version>>;

    /// The whole tuple is replaced, by a version with a registration of its own, if version `seen`
    /// is still the newest.
    async fn change_binding(
        &self,
        id: BindingId,
        seen: u32,
        tuple: &Tuple,
        by: &By,
    ) -> Result<std::result::Result<Binding, BindingRefused>>;

    /// What the clearing registry says of the newest version.
    async fn note_registration(
        &self,
        id: BindingId,
        registration: &Registration,
        by: &By,
    ) -> Result<std::result::Result<Binding, BindingRefused>>;

    /// Moves bindings together, all or none: a switch is one that stands by and one that becomes
    /// active. The policy is held where it ends. Gives them as they are then, in this order.
    async fn move_bindings(
        &self,
        moves: &[(BindingId, BindingEvent)],
        policy: BindingPolicy,
        by: &By,
    ) -> Result<std::result::Result<Vec<Binding>, BindingRefused>>;

    /// Takes over bindings that are in force, all or none. With `dry` nothing is done.
    async fn import_bindings(
        &self,
        rows: &[Row],
        policy: BindingPolicy,
        dry: bool,
        by: &By,
    ) -> Result<std::result::Result<Imported, Vec<Mistake>>>;
}
