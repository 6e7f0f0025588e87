//! What the API is asked about replacements.

use super::{Answer, Client};
use crate::api::model::{
    NewReplacement, NewReplacementEvent, Replacement, ReplacementBegun, ReplacementHistory,
    ReplacementMoved,
};

impl Client {
    pub(in super::super) async fn replace(
        &self,
        asked: &NewReplacement,
    ) -> Answer<ReplacementBegun> {
        self.post("/v1/replacements", asked).await
    }

    pub(in super::super) async fn replacements(&self) -> Answer<Vec<Replacement>> {
        self.list("/v1/replacements", &[]).await
    }

    pub(in super::super) async fn replacement(&self, number: u64) -> Answer<Replacement> {
        self.get(&format!("/v1/replacements/{number}"), &[]).await
    }

    pub(in super::super) async fn replacement_history(
        &self,
        number: u64,
    ) -> Answer<Vec<ReplacementHistory>> {
        self.list(&format!("/v1/replacements/{number}/events"), &[]).await
    }

    pub(in super::super) async fn move_replacement(
        &self,
        number: u64,
        asked: &NewReplacementEvent,
    ) -> Answer<ReplacementMoved> {
        self.post(&format!("/v1/replacements/{number}/events"), asked).await
    }
}
