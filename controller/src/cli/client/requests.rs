//! What the API is asked about requests, and about what people find suspicious.

use serde::Serialize;
use shared::id::RequestId;

use super::{Answer, Client};
use crate::api::model::{LiftSuspicion, NewRequest, NewSuspicion, Request, Suspicion};

impl Client {
    pub(in super::super) async fn requests(&self) -> Answer<Vec<Request>> {
        self.list("/v1/requests", &[]).await
    }

    pub(in super::super) async fn request_of(&self, id: RequestId) -> Answer<Request> {
        self.get(&format!("/v1/requests/{id}"), &[]).await
    }

    pub(in super::super) async fn make_request(&self, asked: &NewRequest) -> Answer<Request> {
        self.post("/v1/requests", asked).await
    }

    /// `action` is `verify`, `accept`, `reject`, `cancel`, `unschedule` or `close`.
    pub(in super::super) async fn decide_request(
        &self,
        id: RequestId,
        action: &str,
        body: &impl Serialize,
    ) -> Answer<Request> {
        self.post(&format!("/v1/requests/{id}/{action}"), body).await
    }

    pub(in super::super) async fn suspect(&self, asked: &NewSuspicion) -> Answer<Suspicion> {
        self.post("/v1/suspicions", asked).await
    }

    /// With those that were lifted, if `lifted_too`.
    pub(in super::super) async fn suspicions(&self, lifted_too: bool) -> Answer<Vec<Suspicion>> {
        let query: &[_] = if lifted_too { &[("lifted", "true")] } else { &[] };
        self.list("/v1/suspicions", query).await
    }

    pub(in super::super) async fn lift_suspicion(
        &self,
        number: u64,
        asked: &LiftSuspicion,
    ) -> Answer<Suspicion> {
        self.post(&format!("/v1/suspicions/{number}/lift"), asked).await
    }
}
