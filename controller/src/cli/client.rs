//! The controller's HTTP API, as the command line uses it.

mod deactivations;
pub(super) mod places;
mod positions;
mod providers;
mod replacements;
mod requests;
mod stops;
mod units;

use std::error::Error;
use std::io;
use std::path::Path;
use std::time::Duration;

use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url, redirect};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;
use shared::digest::Digest;
use shared::id::{CampaignId, OrderId, TerminalId};

use super::context::Context;
use super::failure::{Exit, Failure};
use crate::api::model::{
    Alarm, Approval, ApprovalRequest, ArtifactStored, Assignment, AuditCheckpoint, AuditEntry,
    AuditProof, BackupSchedule, Campaign, CampaignPlan, CampaignReport, Claim, CopiedCampaign,
    Coverage, Decision, DrillReport, HoldReason, IssuedClaim, Labels, Letter, MemberProfile,
    MembersMoved, NewBackupSchedule, NewCampaign, NewClaim, NewCopy, NewPurge, NewRebind, NextWave,
    Notice, OrderEvidence, Page, Plan, PlanRebind, Problem, PurgePlan, RebindShown, Release,
    ReportMember, Reprioritise, Resumption, RetentionPolicy, RetryMembers, Revocation, SkipMembers,
    Snapshot, SnapshotDetail, Status, Terminal, TerminalDetail, TerminalRetention, WhyNot,
};

const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// Between two bytes of an answer; storing a large artifact takes the longest.
const SILENCE_MAX: Duration = Duration::from_secs(120);

/// As many as the API gives at once.
const PAGE_ITEMS: &str = "1000";

/// Why the API did not give what was asked for.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClientError {
    #[error("this context cannot be used to reach a controller")]
    Context(#[source] Box<dyn Error + Send + Sync>),
    #[error("the controller at {url} cannot be reached")]
    Unreachable { url: String, source: reqwest::Error },
    #[error("{url} does not show a certificate of this fleet")]
    Stranger { url: String, source: reqwest::Error },
    #[error("{}", problem_text(.0))]
    Refused(Box<Problem>),
    #[error("{url} answered {status} without saying why")]
    Unexplained { url: String, status: StatusCode },
    #[error("the answer of {url} is not one of this API")]
    Unreadable { url: String, source: serde_json::Error },
    #[error("cannot read {path}")]
    File { path: String, source: io::Error },
}

fn problem_text(problem: &Problem) -> String {
    match problem.detail.is_empty() {
        true => problem.title.clone(),
        false => problem.detail.clone(),
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let (exit, hint) = match &error {
            ClientError::Context(_) | ClientError::File { .. } => (Exit::Failed, None),
            ClientError::Unreachable { .. } => {
                (Exit::Unreachable, Some("is the controller running, and is `url` right?".into()))
            }
            ClientError::Stranger { .. } => (
                Exit::NotGenuine,
                Some("is this the context of another fleet? Do not work around it".into()),
            ),
            ClientError::Refused(problem) => {
                let token = problem.status == StatusCode::UNAUTHORIZED.as_u16();
                let token = token.then(|| "is the token in `token_file` still valid?".to_owned());
                (Exit::Refused, problem.hint.clone().or(token))
            }
            ClientError::Unexplained { .. } | ClientError::Unreadable { .. } => {
                (Exit::Failed, Some("do the controller's version and this one match?".into()))
            }
        };
        let failure = Self::new(error).exit(exit);
        match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

type Answer<T> = Result<T, ClientError>;

/// Speaks to one controller as one operator.
#[derive(Debug)]
pub(super) struct Client {
    http: reqwest::Client,
    base: String,
    token: SecretString,
}

impl Client {
    pub(super) fn new(context: Context) -> Answer<Self> {
        let unusable = |source: Box<dyn Error + Send + Sync>| ClientError::Context(source);
        let tls = shared::tls::client(&context.server_ca, None)
            .map_err(|error| unusable(error.into()))?;
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .https_only(true)
            .no_proxy()
            .redirect(redirect::Policy::none())
            .connect_timeout(CONNECT_WITHIN)
            .read_timeout(SILENCE_MAX)
            .build()
            .map_err(|error| unusable(error.into()))?;
        Ok(Self { http, base: context.url, token: context.token })
    }

    pub(super) async fn status(&self) -> Answer<Status> {
        self.get("/v1/status", &[]).await
    }

    pub(super) async fn claim(&self, claim: &NewClaim) -> Answer<IssuedClaim> {
        self.post("/v1/claims", claim).await
    }

    pub(super) async fn claims(&self) -> Answer<Vec<Claim>> {
        self.list("/v1/claims", &[]).await
    }

    pub(super) async fn terminals(&self, selector: Option<&str>) -> Answer<Vec<Terminal>> {
        let query: Vec<_> = selector.map(|text| ("where", text)).into_iter().collect();
        self.list("/v1/terminals", &query).await
    }

    pub(super) async fn terminal(&self, id: TerminalId) -> Answer<TerminalDetail> {
        self.get(&format!("/v1/terminals/{id}"), &[]).await
    }

    pub(super) async fn label_terminal(&self, id: TerminalId, labels: &Labels) -> Answer<Terminal> {
        self.put(&format!("/v1/terminals/{id}/labels"), labels).await
    }

    pub(super) async fn revoke_terminal(
        &self,
        id: TerminalId,
        why: &Revocation,
    ) -> Answer<Terminal> {
        self.post(&format!("/v1/terminals/{id}/revoke"), why).await
    }

    pub(super) async fn releases(&self) -> Answer<Vec<Release>> {
        self.list("/v1/releases", &[]).await
    }

    pub(super) async fn release(&self, digest: Digest) -> Answer<Release> {
        self.get(&format!("/v1/releases/{digest}"), &[]).await
    }

    /// Publishes a signed release, whose artifact is there already.
    pub(super) async fn publish(&self, signed: Vec<u8>) -> Answer<Release> {
        self.post_document("/v1/releases", signed).await
    }

    /// Whether the controller has the artifact, whole.
    pub(super) async fn has_artifact(&self, sha256: Digest, size: u64) -> Answer<bool> {
        let request = self.request(Method::HEAD, &format!("/v1/artifacts/{sha256}"), &[]);
        let answer = self.send(request).await?;
        match answer.status() {
            StatusCode::NOT_FOUND => Ok(false),
            status if status.is_success() => {
                let length = answer.headers().get(CONTENT_LENGTH);
                let length = length.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
                Ok(length == Some(size))
            }
            status => Err(ClientError::Unexplained { url: answer.url().to_string(), status }),
        }
    }

    /// Sends an artifact; `saw` hears how many bytes went out.
    pub(super) async fn put_artifact(
        &self,
        sha256: Digest,
        path: &Path,
        size: u64,
        saw: impl Fn(u64) + Send + Sync + 'static,
    ) -> Answer<ArtifactStored> {
        use futures::TryStreamExt as _;

        let failed = |source| ClientError::File { path: path.display().to_string(), source };
        let file = tokio::fs::File::open(path).await.map_err(failed)?;
        let stream = tokio_util::io::ReaderStream::with_capacity(file, 64 * 1024)
            .inspect_ok(move |chunk| saw(chunk.len() as u64));
        let request = self
            .request(Method::PUT, &format!("/v1/artifacts/{sha256}"), &[])
            .header(CONTENT_TYPE, "application/octet-stream")
            .header(CONTENT_LENGTH, size)
            .body(reqwest::Body::wrap_stream(stream));
        self.json(request).await
    }

    pub(super) async fn create_campaign(&self, campaign: &NewCampaign) -> Answer<Campaign> {
        self.post("/v1/campaigns", campaign).await
    }

    pub(super) async fn plan_campaign(&self, campaign: &NewCampaign) -> Answer<CampaignPlan> {
        self.post("/v1/campaigns/plan", campaign).await
    }

    /// Creates a campaign and starts it at once.
    pub(super) async fn begin_campaign(&self, campaign: &NewCampaign) -> Answer<Campaign> {
        let created = self.create_campaign(campaign).await?;
        self.decide(created.id, "start", &Decision::default()).await
    }

    pub(super) async fn campaigns(&self) -> Answer<Vec<Campaign>> {
        self.list("/v1/campaigns", &[]).await
    }

    pub(super) async fn campaign(&self, id: CampaignId) -> Answer<Campaign> {
        self.get(&format!("/v1/campaigns/{id}"), &[]).await
    }

    pub(super) async fn campaign_report(&self, id: CampaignId) -> Answer<CampaignReport> {
        self.get(&format!("/v1/campaigns/{id}/report"), &[]).await
    }

    pub(super) async fn report_members(&self, id: CampaignId) -> Answer<Vec<ReportMember>> {
        self.list(&format!("/v1/campaigns/{id}/report/terminals"), &[]).await
    }

    pub(super) async fn assignments(&self, id: CampaignId) -> Answer<Vec<Assignment>> {
        self.list(&format!("/v1/campaigns/{id}/terminals"), &[]).await
    }

    pub(super) async fn approvals(&self) -> Answer<Vec<Approval>> {
        self.list("/v1/approvals", &[]).await
    }

    pub(super) async fn approval(&self, id: CampaignId) -> Answer<Approval> {
        self.get(&format!("/v1/approvals/{id}"), &[]).await
    }

    pub(super) async fn approval_request(&self, id: CampaignId) -> Answer<ApprovalRequest> {
        self.get(&format!("/v1/approvals/{id}/request"), &[]).await
    }

    /// Brings a batch with more signatures.
    pub(super) async fn bring_signatures(
        &self,
        id: CampaignId,
        batch: Vec<u8>,
    ) -> Answer<Approval> {
        self.post_document(&format!("/v1/approvals/{id}/signatures"), batch).await
    }

    /// Brings an approver's cancellation.
    pub(super) async fn bring_cancellation(
        &self,
        id: CampaignId,
        batch: Vec<u8>,
    ) -> Answer<Approval> {
        self.post_document(&format!("/v1/approvals/{id}/cancel"), batch).await
    }

    /// `action` is `start`, `pause`, `resume` or `abort`.
    pub(super) async fn decide(
        &self,
        id: CampaignId,
        action: &str,
        decision: &Decision,
    ) -> Answer<Campaign> {
        self.post(&format!("/v1/campaigns/{id}/{action}"), decision).await
    }

    pub(super) async fn resume_campaign(
        &self,
        id: CampaignId,
        asked: &Resumption,
    ) -> Answer<Campaign> {
        self.post(&format!("/v1/campaigns/{id}/resume"), asked).await
    }

    pub(super) async fn why_not(
        &self,
        id: CampaignId,
        terminal: Option<TerminalId>,
    ) -> Answer<WhyNot> {
        let terminal = terminal.map(|terminal| terminal.to_string());
        let query: Vec<_> = terminal.iter().map(|id| ("terminal", id.as_str())).collect();
        self.get(&format!("/v1/campaigns/{id}/why"), &query).await
    }

    pub(super) async fn skip_members(
        &self,
        id: CampaignId,
        asked: &SkipMembers,
    ) -> Answer<MembersMoved> {
        self.post(&format!("/v1/campaigns/{id}/skip"), asked).await
    }

    pub(super) async fn retry_members(
        &self,
        id: CampaignId,
        asked: &RetryMembers,
    ) -> Answer<MembersMoved> {
        self.post(&format!("/v1/campaigns/{id}/retry"), asked).await
    }

    pub(super) async fn copy_campaign(
        &self,
        id: CampaignId,
        asked: &NewCopy,
    ) -> Answer<CopiedCampaign> {
        self.post(&format!("/v1/campaigns/{id}/copy"), asked).await
    }

    pub(super) async fn reprioritise_campaign(
        &self,
        id: CampaignId,
        asked: &Reprioritise,
    ) -> Answer<Campaign> {
        let path = format!("/v1/campaigns/{id}");
        self.json(self.request(Method::PATCH, &path, &[]).json(asked)).await
    }

    pub(super) async fn pardon_terminal(
        &self,
        id: TerminalId,
        asked: &Decision,
    ) -> Answer<Terminal> {
        self.post(&format!("/v1/terminals/{id}/pardon"), asked).await
    }

    /// What a change of provider would come to.
    pub(super) async fn plan_rebind(&self, asked: &PlanRebind) -> Answer<Plan> {
        self.post("/v1/rebinds/plan", asked).await
    }

    pub(super) async fn create_rebind(&self, asked: &NewRebind) -> Answer<RebindShown> {
        self.post("/v1/rebinds", asked).await
    }

    pub(super) async fn rebinds(&self) -> Answer<Vec<RebindShown>> {
        self.list("/v1/rebinds", &[]).await
    }

    pub(super) async fn rebind(&self, id: CampaignId) -> Answer<RebindShown> {
        self.get(&format!("/v1/rebinds/{id}"), &[]).await
    }

    pub(super) async fn member_profiles(&self, id: CampaignId) -> Answer<Vec<MemberProfile>> {
        self.list(&format!("/v1/campaigns/{id}/profiles"), &[]).await
    }

    pub(super) async fn next_wave(&self, id: CampaignId, asked: &NextWave) -> Answer<Campaign> {
        self.post(&format!("/v1/rebinds/{id}/next"), asked).await
    }

    pub(super) async fn put_notice(&self, id: CampaignId, told: &Notice) -> Answer<RebindShown> {
        let path = format!("/v1/rebinds/{id}/notices");
        self.json(self.request(Method::PUT, &path, &[]).json(told)).await
    }

    pub(super) async fn letters(&self, id: CampaignId) -> Answer<Vec<Letter>> {
        self.post(&format!("/v1/rebinds/{id}/letters"), &()).await
    }

    pub(super) async fn evidence(&self, order: OrderId) -> Answer<OrderEvidence> {
        self.get(&format!("/v1/evidence/{order}"), &[]).await
    }

    pub(super) async fn snapshots(&self, of: Option<TerminalId>) -> Answer<Vec<Snapshot>> {
        let of = of.map(|id| id.to_string());
        let query: Vec<_> = of.as_deref().map(|id| ("terminal", id)).into_iter().collect();
        self.list("/v1/backups/snapshots", &query).await
    }

    pub(super) async fn snapshot(&self, manifest: Digest) -> Answer<SnapshotDetail> {
        self.get(&format!("/v1/backups/snapshots/{manifest}"), &[]).await
    }

    /// Has everything of its repository read again.
    pub(super) async fn verify_snapshot(&self, manifest: Digest) -> Answer<SnapshotDetail> {
        self.post(&format!("/v1/backups/snapshots/{manifest}/verify"), &()).await
    }

    /// `action` is `hold` or `unhold`.
    pub(super) async fn hold_snapshot(
        &self,
        manifest: Digest,
        action: &str,
        reason: &HoldReason,
    ) -> Answer<SnapshotDetail> {
        self.post(&format!("/v1/backups/snapshots/{manifest}/{action}"), reason).await
    }

    pub(super) async fn retention_policy(&self) -> Answer<RetentionPolicy> {
        self.get("/v1/backups/retention/policy", &[]).await
    }

    pub(super) async fn retention(&self, of: Option<TerminalId>) -> Answer<Vec<TerminalRetention>> {
        let of = of.map(|id| id.to_string());
        let query: Vec<_> = of.as_deref().map(|id| ("terminal", id)).into_iter().collect();
        self.list("/v1/backups/retention", &query).await
    }

    /// What it would come to; nothing is done.
    pub(super) async fn plan_purge(&self, asked: &NewPurge) -> Answer<PurgePlan> {
        self.post("/v1/backups/purges/plan", asked).await
    }

    pub(super) async fn purge(&self, asked: &NewPurge) -> Answer<PurgePlan> {
        self.post("/v1/backups/purges", asked).await
    }

    pub(super) async fn coverage(&self) -> Answer<Vec<Coverage>> {
        self.list("/v1/backups/coverage", &[]).await
    }

    pub(super) async fn drills(&self, of: Option<TerminalId>) -> Answer<Vec<DrillReport>> {
        let of = of.map(|id| id.to_string());
        let query: Vec<_> = of.iter().map(|id| ("terminal", id.as_str())).collect();
        self.list("/v1/backups/drills", &query).await
    }

    pub(super) async fn drill(&self, order: OrderId) -> Answer<DrillReport> {
        self.json(self.request(Method::GET, &format!("/v1/backups/drills/{order}"), &[])).await
    }

    pub(super) async fn schedules(&self) -> Answer<Vec<BackupSchedule>> {
        self.list("/v1/backups/schedules", &[]).await
    }

    pub(super) async fn set_schedule(
        &self,
        name: &str,
        asked: &NewBackupSchedule,
    ) -> Answer<BackupSchedule> {
        self.put(&format!("/v1/backups/schedules/{name}"), asked).await
    }

    pub(super) async fn remove_schedule(&self, name: &str) -> Answer<()> {
        let path = format!("/v1/backups/schedules/{name}");
        self.accepted(self.request(Method::DELETE, &path, &[])).await.map(drop)
    }

    /// An answer that is not JSON: objects, manifests, lists of objects.
    pub(super) async fn bytes(&self, path: &str) -> Answer<Response> {
        self.accepted(self.request(Method::GET, path, &[])).await
    }

    /// The answer, unless it says why not.
    async fn accepted(&self, request: RequestBuilder) -> Answer<Response> {
        let answer = self.send(request).await?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let (status, url) = (answer.status(), answer.url().to_string());
        let lost = |source| ClientError::Unreachable { url: self.base.clone(), source };
        match serde_json::from_slice(&answer.bytes().await.map_err(lost)?) {
            Ok(problem) => Err(ClientError::Refused(Box::new(problem))),
            Err(_) => Err(ClientError::Unexplained { url, status }),
        }
    }

    /// With those that are over, if `ended_too`.
    pub(super) async fn alarms(&self, ended_too: bool) -> Answer<Vec<Alarm>> {
        let query: &[_] = if ended_too { &[("ended", "true")] } else { &[] };
        self.list("/v1/alarms", query).await
    }

    /// Decisions after the one with this number.
    pub(super) async fn audit(&self, after: u64) -> Answer<Vec<AuditEntry>> {
        self.list_from("/v1/audit", &[], (after > 0).then(|| after.to_string())).await
    }

    /// One page of all of them; where the one before has ended.
    pub(super) async fn audit_page(&self, after: Option<String>) -> Answer<Page<AuditEntry>> {
        let mut query = vec![("limit", PAGE_ITEMS)];
        query.extend(after.as_deref().map(|after| ("after", after)));
        self.get("/v1/audit", &query).await
    }

    pub(super) async fn audit_checkpoint(&self) -> Answer<AuditCheckpoint> {
        self.get("/v1/audit/checkpoint", &[]).await
    }

    pub(super) async fn audit_proof(&self, seq: u64) -> Answer<AuditProof> {
        self.get(&format!("/v1/audit/{seq}/proof"), &[]).await
    }

    /// All pages of a list.
    async fn list<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> Answer<Vec<T>> {
        self.list_from(path, query, None).await
    }

    async fn list_from<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
        mut after: Option<String>,
    ) -> Answer<Vec<T>> {
        let mut items = Vec::new();
        loop {
            let mut query = [query, &[("limit", PAGE_ITEMS)]].concat();
            query.extend(after.as_deref().map(|after| ("after", after)));
            let page: Page<T> = self.get(path, &query).await?;
            items.extend(page.items);
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(items),
            }
        }
    }

    async fn get<T: DeserializeOwned>(&self, path: &str, query: &[(&str, &str)]) -> Answer<T> {
        self.json(self.request(Method::GET, path, query)).await
    }

    async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Answer<T> {
        self.json(self.request(Method::POST, path, &[]).json(body)).await
    }

    async fn put<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Answer<T> {
        self.json(self.request(Method::PUT, path, &[]).json(body)).await
    }

    async fn post_document<T: DeserializeOwned>(&self, path: &str, signed: Vec<u8>) -> Answer<T> {
        let request = self.request(Method::POST, path, &[]);
        self.json(request.header(CONTENT_TYPE, "application/cbor").body(signed)).await
    }

    fn request(&self, method: Method, path: &str, query: &[(&str, &str)]) -> RequestBuilder {
        let address = format!("{}{path}", self.base);
        let request = match Url::parse(&address) {
            Ok(mut url) => {
                if !query.is_empty() {
                    url.query_pairs_mut().extend_pairs(query);
                }
                self.http.request(method, url)
            }
            // The builder keeps what is wrong with the address until it is sent.
            Err(_) => self.http.request(method, &address),
        };
        request.bearer_auth(self.token.expose_secret())
    }

    async fn send(&self, request: RequestBuilder) -> Answer<Response> {
        let url = || self.base.clone();
        request.send().await.map_err(|source| match is_tls_refusal(&source) {
            true => ClientError::Stranger { url: url(), source },
            false => ClientError::Unreachable { url: url(), source },
        })
    }

    async fn json<T: DeserializeOwned>(&self, request: RequestBuilder) -> Answer<T> {
        let answer = self.send(request).await?;
        let (status, url) = (answer.status(), answer.url().to_string());
        let lost = |source| ClientError::Unreachable { url: self.base.clone(), source };
        let body = answer.bytes().await.map_err(lost)?;
        if status.is_success() {
            return serde_json::from_slice(&body)
                .map_err(|source| ClientError::Unreadable { url, source });
        }
        match serde_json::from_slice(&body) {
            Ok(problem) => Err(ClientError::Refused(Box::new(problem))),
            Err(_) => Err(ClientError::Unexplained { url, status }),
        }
    }
}

/// One part of a path: names and serial numbers have characters that paths do not.
fn segment(text: &str) -> String {
    let mut segment = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => segment.push(char::from(byte)),
            other => segment.push_str(&format!("%{other:02X}")),
        }
    }
    segment
}

/// Whether the connection failed because of what the other side showed. rustls hides its errors
/// inside I/O errors, where `source` does not lead.
fn is_tls_refusal(error: &reqwest::Error) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = error.source();
    while let Some(current) = cause {
        if current.is::<rustls::Error>() {
            return true;
        }
        let inside = current.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        cause = inside.map_or_else(|| current.source(), |inside| Some(inside));
    }
    false
}
