//! What the API is asked about who was told, what is to be done and what is owed.

use reqwest::Method;
use serde::Serialize;
use shared::id::RequestId;

use super::{Answer, Client};
use crate::api::model::{
    Letter, NewLedgerEntry, NewStopAnnouncement, NewStopClosing, NewStopItem, Notice, Stop,
    StopItemAssigned, StopItemTick, StopParticulars,
};

impl Client {
    pub(in super::super) async fn stop(&self, id: RequestId) -> Answer<Stop> {
        self.get(&path(id, ""), &[]).await
    }

    pub(in super::super) async fn announce_stop(
        &self,
        id: RequestId,
        asked: &NewStopAnnouncement,
    ) -> Answer<Stop> {
        self.post(&path(id, "/announcement"), asked).await
    }

    pub(in super::super) async fn put_stop_notice(
        &self,
        id: RequestId,
        told: &Notice,
    ) -> Answer<Stop> {
        self.send_stop(Method::PUT, &path(id, "/notices"), told).await
    }

    pub(in super::super) async fn stop_letters(&self, id: RequestId) -> Answer<Vec<Letter>> {
        self.post(&path(id, "/letters"), &()).await
    }

    pub(in super::super) async fn add_stop_item(
        &self,
        id: RequestId,
        new: &NewStopItem,
    ) -> Answer<Stop> {
        self.post(&path(id, "/checklist"), new).await
    }

    pub(in super::super) async fn assign_stop_item(
        &self,
        id: RequestId,
        item: &str,
        to: &StopItemAssigned,
    ) -> Answer<Stop> {
        self.send_stop(Method::PATCH, &path(id, &format!("/checklist/{item}")), to).await
    }

    pub(in super::super) async fn tick_stop_item(
        &self,
        id: RequestId,
        item: &str,
        tick: &StopItemTick,
    ) -> Answer<Stop> {
        self.post(&path(id, &format!("/checklist/{item}/done")), tick).await
    }

    pub(in super::super) async fn enter(
        &self,
        id: RequestId,
        new: &NewLedgerEntry,
    ) -> Answer<Stop> {
        self.post(&path(id, "/ledger"), new).await
    }

    pub(in super::super) async fn put_particulars(
        &self,
        id: RequestId,
        said: &StopParticulars,
    ) -> Answer<Stop> {
        self.send_stop(Method::PUT, &path(id, "/particulars"), said).await
    }

    pub(in super::super) async fn close_stop(
        &self,
        id: RequestId,
        said: &NewStopClosing,
    ) -> Answer<Stop> {
        self.post(&path(id, "/close"), said).await
    }

    async fn send_stop(&self, method: Method, path: &str, body: &impl Serialize) -> Answer<Stop> {
        self.json(self.request(method, path, &[]).json(body)).await
    }
}

fn path(id: RequestId, of: &str) -> String {
    format!("/v1/requests/{id}/stop{of}")
}
