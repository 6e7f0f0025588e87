//! What the API is asked about stores, and about windows and freezes.

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;

use super::{Answer, Client, ClientError, segment};
use crate::api::model::{
    CalendarEntry, CalendarImportReport, CalendarKind, Decision, NewCalendarEntry, Store,
    StoreDescription, StoreDetail,
};

/// Names and values behind the question mark.
pub(in super::super) type Query<'a> = Vec<(&'a str, &'a str)>;

impl Client {
    pub(in super::super) async fn stores(&self) -> Answer<Vec<Store>> {
        self.list("/v1/stores", &[]).await
    }

    pub(in super::super) async fn store(&self, name: &str) -> Answer<StoreDetail> {
        self.get(&format!("/v1/stores/{}", segment(name)), &[]).await
    }

    pub(in super::super) async fn describe_store(
        &self,
        name: &str,
        asked: &StoreDescription,
    ) -> Answer<Store> {
        self.put(&format!("/v1/stores/{}", segment(name)), asked).await
    }

    pub(in super::super) async fn calendars(
        &self,
        query: &Query<'_>,
    ) -> Answer<Vec<CalendarEntry>> {
        self.list("/v1/calendars", query).await
    }

    pub(in super::super) async fn add_calendar(
        &self,
        asked: &NewCalendarEntry,
    ) -> Answer<CalendarEntry> {
        self.post("/v1/calendars", asked).await
    }

    pub(in super::super) async fn remove_calendar(
        &self,
        number: u64,
        why: &Decision,
    ) -> Answer<CalendarEntry> {
        self.post(&format!("/v1/calendars/{number}/remove"), why).await
    }

    pub(in super::super) async fn import_calendars(
        &self,
        kind: CalendarKind,
        query: &Query<'_>,
        text: Vec<u8>,
    ) -> Answer<CalendarImportReport> {
        let query = [&[("kind", kind.word())], query.as_slice()].concat();
        let request = self.request(Method::POST, "/v1/calendars/import", &query);
        self.json(request.header(CONTENT_TYPE, "text/calendar").body(text)).await
    }

    pub(in super::super) async fn export_calendars(&self, query: &Query<'_>) -> Answer<String> {
        let answer = self.accepted(self.request(Method::GET, "/v1/calendars/export", query));
        let lost = |source| ClientError::Unreachable { url: self.base.clone(), source };
        answer.await?.text().await.map_err(lost)
    }
}
