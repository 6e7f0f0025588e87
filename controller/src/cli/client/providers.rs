//! What the API is asked about providers and what is about them.

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;

use super::{Answer, Client, ClientError};
use crate::api::model::{
    CompatibilityAnswer, DocumentKind, FileFormat, NewVouch, ProviderAlert, ProviderImportReport,
    ProviderRecord,
};

impl Client {
    pub(in super::super) async fn provider_records(
        &self,
        kind: DocumentKind,
    ) -> Answer<Vec<ProviderRecord>> {
        self.list(&format!("/v1/providers/records/{kind}"), &[]).await
    }

    /// This version, or the newest.
    pub(in super::super) async fn provider_record(
        &self,
        kind: DocumentKind,
        key: &str,
        version: Option<u32>,
    ) -> Answer<ProviderRecord> {
        let version = version.map(|version| version.to_string());
        let query: Vec<_> = version.iter().map(|it| ("version", it.as_str())).collect();
        self.get(&format!("/v1/providers/records/{kind}/{key}"), &query).await
    }

    pub(in super::super) async fn provider_history(
        &self,
        kind: DocumentKind,
        key: &str,
    ) -> Answer<Vec<ProviderRecord>> {
        self.list(&format!("/v1/providers/records/{kind}/{key}/history"), &[]).await
    }

    pub(in super::super) async fn vouch(
        &self,
        kind: DocumentKind,
        key: &str,
        asked: &NewVouch,
    ) -> Answer<ProviderRecord> {
        self.post(&format!("/v1/providers/records/{kind}/{key}/vouch"), asked).await
    }

    pub(in super::super) async fn provider_alerts(&self) -> Answer<Vec<ProviderAlert>> {
        self.list("/v1/providers/alerts", &[]).await
    }

    pub(in super::super) async fn provider_alert_seen(&self, id: &str) -> Answer<()> {
        let path = format!("/v1/providers/alerts/{id}/seen");
        self.accepted(self.request(Method::POST, &path, &[])).await.map(drop)
    }

    pub(in super::super) async fn import_file(
        &self,
        format: FileFormat,
        dry_run: bool,
        why: Option<&str>,
        text: Vec<u8>,
    ) -> Answer<ProviderImportReport> {
        let mut query = vec![("format", format_word(format))];
        query.extend(dry_run.then_some(("dry_run", "true")));
        query.extend(why.map(|why| ("why", why)));
        let request = self.request(Method::POST, "/v1/providers/import", &query);
        self.json(request.header(CONTENT_TYPE, "text/plain").body(text)).await
    }

    pub(in super::super) async fn export_file(
        &self,
        format: FileFormat,
        kind: Option<DocumentKind>,
    ) -> Answer<String> {
        let mut query = vec![("format", format_word(format))];
        query.extend(kind.map(|kind| ("kind", kind.as_str())));
        let answer = self.accepted(self.request(Method::GET, "/v1/providers/export", &query));
        let lost = |source| ClientError::Unreachable { url: self.base.clone(), source };
        answer.await?.text().await.map_err(lost)
    }

    /// What is known of a till, by the names of the query.
    pub(in super::super) async fn check_compatibility(
        &self,
        till: &[(&str, &str)],
    ) -> Answer<CompatibilityAnswer> {
        self.get("/v1/compatibility/check", till).await
    }
}

fn format_word(format: FileFormat) -> &'static str {
    match format {
        FileFormat::Csv => "csv",
        FileFormat::Toml => "toml",
    }
}
