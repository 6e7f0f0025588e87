//! What the API is asked about terminals that stop.

use shared::id::{CampaignId, TerminalId};

use super::{Answer, Client};
use crate::api::model::{
    Deactivation, DeactivationSummary, Deregistration, NewDeactivation, NewPaymentKeys,
    PaymentKeys, Sanitisation, ServicePlan, Terminal,
};

impl Client {
    pub(in super::super) async fn plan_deactivation(
        &self,
        asked: &NewDeactivation,
    ) -> Answer<ServicePlan> {
        self.post("/v1/deactivations/plan", asked).await
    }

    pub(in super::super) async fn deactivate(
        &self,
        asked: &NewDeactivation,
    ) -> Answer<Deactivation> {
        self.post("/v1/deactivations", asked).await
    }

    pub(in super::super) async fn deactivation(&self, id: CampaignId) -> Answer<Deactivation> {
        self.get(&format!("/v1/deactivations/{id}"), &[]).await
    }

    pub(in super::super) async fn deactivations(&self) -> Answer<Vec<DeactivationSummary>> {
        self.list("/v1/deactivations", &[]).await
    }

    pub(in super::super) async fn payment_keys(&self, id: TerminalId) -> Answer<Vec<PaymentKeys>> {
        self.get(&format!("/v1/terminals/{id}/payment-keys"), &[]).await
    }

    pub(in super::super) async fn say_payment_keys(
        &self,
        id: TerminalId,
        said: &NewPaymentKeys,
    ) -> Answer<Vec<PaymentKeys>> {
        self.post(&format!("/v1/terminals/{id}/payment-keys"), said).await
    }

    pub(in super::super) async fn deregister(
        &self,
        terminal: TerminalId,
        told: &Deregistration,
    ) -> Answer<Terminal> {
        self.post(&format!("/v1/terminals/{terminal}/deregistrations"), told).await
    }

    pub(in super::super) async fn sanitisations(
        &self,
        terminal: TerminalId,
    ) -> Answer<Vec<Sanitisation>> {
        self.get(&format!("/v1/terminals/{terminal}/sanitisations"), &[]).await
    }
}
