//! Requests for changes, and what people find suspicious, as they are stored.

use async_trait::async_trait;
use shared::id::{CampaignId, RequestId};

use super::RegistryError;
use super::audit::By;
use super::page::Page;
use crate::request::suspicion::{NewSuspicion, NotLifted, Suspicion};
use crate::request::{Asked, Method, Request, RequestEvent, RequestKind, RequestRefused};

type Result<T> = std::result::Result<T, RegistryError>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRequest {
    pub id: RequestId,
    pub kind: RequestKind,
    pub asked: Asked,
}

/// The part of the registry that is about requests.
#[async_trait]
pub trait RequestRegistry {
    async fn add_request(&self, new: &NewRequest, by: &By) -> Result<Request>;

    async fn request(&self, id: RequestId) -> Result<Option<Request>>;

    /// The one that this campaign carries out; for any wave of a change of provider.
    async fn request_of(&self, campaign: CampaignId) -> Result<Option<Request>>;

    /// Newest first.
    async fn requests(&self, page: &Page<RequestId>) -> Result<Vec<Request>>;

    /// Who acts has made sure that the requester wished for it, in this way.
    async fn verify_request(
        &self,
        id: RequestId,
        method: Method,
        contact: &str,
        by: &By,
    ) -> Result<std::result::Result<Request, RequestRefused>>;

    /// Who acts has looked into it, and accepts or rejects it.
    async fn review_request(
        &self,
        id: RequestId,
        is_accepted: bool,
        by: &By,
    ) -> Result<std::result::Result<Request, RequestRefused>>;

    /// This campaign, which was created and not started, carries it out.
    async fn schedule_request(
        &self,
        id: RequestId,
        campaign: CampaignId,
        by: &By,
    ) -> Result<std::result::Result<Request, RequestRefused>>;

    /// [`RequestEvent::Cancel`], [`RequestEvent::Unschedule`] or [`RequestEvent::Close`]: not while
    /// its campaign or another wave of it is in motion. Others have methods of their own, and are
    /// refused here.
    async fn end_request(
        &self,
        id: RequestId,
        event: RequestEvent,
        by: &By,
    ) -> Result<std::result::Result<Request, RequestRefused>>;

    /// Freezes the scope. The same source again changes nothing; another one takes back what the
    /// first of two people has said about lifting.
    async fn suspect(&self, new: &NewSuspicion, by: &By) -> Result<Suspicion>;

    async fn suspicion(&self, number: u64) -> Result<Option<Suspicion>>;

    /// Newest first; without those that were lifted, unless asked for.
    async fn suspicions(&self, lifted_too: bool, page: &Page<u64>) -> Result<Vec<Suspicion>>;

    /// Who acts wants it lifted; the second one does it.
    async fn lift_suspicion(
        &self,
        number: u64,
        by: &By,
    ) -> Result<std::result::Result<Suspicion, NotLifted>>;
}
