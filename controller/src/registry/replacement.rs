//! Replacements: one terminal that takes the place of another, as they are stored.

use async_trait::async_trait;
use shared::id::{PositionId, RequestId, TerminalId};
use shared::time::UnixTime;

use super::RegistryError;
use super::audit::By;
use super::page::Page;
use super::terminal::NewClaim;
use crate::replacement::ReplacementState;
use crate::replacement::form::Form;
use crate::replacement::record::{Replacement, ReplacementMove, Said};
use crate::replacement::refused::ReplacementRefused;
use crate::replacement::watch::Watched;

type Result<T> = std::result::Result<T, RegistryError>;

/// One whose form has no mistakes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewReplacement {
    /// The accepted request that it carries out.
    pub request: RequestId,
    pub form: Form,
    pub old: TerminalId,
    pub position: PositionId,
}

/// What somebody says about a replacement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplacementStep {
    /// The state in which whoever decides has seen it.
    pub seen: Option<ReplacementState>,
    pub said: Said,
    /// With [`Said::Pair`]: the claim for exactly the new unit.
    pub claim: Option<NewClaim>,
}

/// The part of the registry that is about replacements.
#[async_trait]
pub trait ReplacementRegistry {
    /// Whether any position is this merchant's.
    async fn has_merchant(&self, merchant: &str) -> Result<bool>;

    /// Begins it, and schedules its request.
    async fn add_replacement(
        &self,
        new: &NewReplacement,
        by: &By,
    ) -> Result<std::result::Result<Replacement, ReplacementRefused>>;

    async fn replacement(&self, number: u64) -> Result<Option<Replacement>>;

    /// Newest first.
    async fn replacements(&self, page: &Page<u64>) -> Result<Vec<Replacement>>;

    /// Goes on with it, and moves the units, the claim and the request with it. Where it goes live
    /// the new terminal takes the position of the old one: all of it or nothing.
    async fn move_replacement(
        &self,
        number: u64,
        step: &ReplacementStep,
        by: &By,
    ) -> Result<std::result::Result<Replacement, ReplacementRefused>>;

    /// How the new terminal does since the swap; `None` before it, and when the case is over.
    async fn replacement_watch(&self, number: u64, now: UnixTime) -> Result<Option<Watched>>;

    /// What happened to it, oldest first.
    async fn replacement_moves(
        &self,
        number: u64,
        page: &Page<u64>,
    ) -> Result<Vec<ReplacementMove>>;
}
