//! One error type for all operations: it becomes a status and a problem document (RFC 9457) that
//! says what failed, on which object, why, and what to do.

use std::error::Error;
use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tracing::error;

use super::model;
use crate::backup::retention::plan::WishRefused;
use crate::blob::BlobError;
use crate::position::PositionRefused;
use crate::position::binding::BindingRefused;
use crate::registry::RegistryError;
use crate::registry::backup::retention::HoldRefused;
use crate::registry::terminal::ClaimRefusal;
use crate::replacement::refused::ReplacementRefused;
use crate::request::suspicion::NotLifted;
use crate::request::{self};
use crate::terminal::certificate::{AuthorityError, RequestRefused};
use crate::terminal::enrolment::EnrolmentRefused;
use crate::unit::UnitRefused;

/// The kinds of problems. Their codes are stable across releases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    BadRequest,
    TokenMissing,
    TokenUnknown,
    CertificateMissing,
    CertificateReplaced,
    Revoked,
    Quarantined,
    Erased,
    NotFound,
    MethodNotAllowed,
    Timeout,
    Exists,
    DocumentMoved,
    FileRefused,
    WrongState,
    TooLarge,
    UnsupportedMediaType,
    RangeNotSatisfiable,
    Invalid,
    UnknownSerial,
    StaleNonce,
    WrongProof,
    BadCertificationRequest,
    ClaimUsed,
    ClaimExpired,
    ClaimLocked,
    ClaimReplaced,
    PlaceTaken,
    SignaturesMissing,
    NotApproved,
    ArtifactMissing,
    ArtifactMismatch,
    NotYours,
    RepositoryClosed,
    RepositoryOpen,
    RepositoryPurging,
    RepositoryPurged,
    SnapshotHeld,
    LastCopy,
    NoSealedKey,
    ObjectDiffers,
    ObjectMismatch,
    ObjectMissing,
    NumberUsed,
    TooFast,
    Crowded,
    QuotaExceeded,
    StorageFull,
    PlaceAbsent,
    PositionRefused,
    BindingRefused,
    TidTaken,
    SecondActive,
    TidWhileActive,
    NotRegistered,
    RequestUnverified,
    RequestNotAccepted,
    RequestFrozen,
    SamePerson,
    RequestIncomplete,
    UnitRefused,
    UnitIncomplete,
    UnitNotErased,
    ReplacementRefused,
    ReplacementIncomplete,
    OldTerminalSells,
    Contended,
    Internal,
}

impl Code {
    fn parts(self) -> (StatusCode, &'static str, &'static str) {
        use StatusCode as S;
        match self {
            Self::BadRequest => (S::BAD_REQUEST, "bad-request", "The request cannot be read"),
            Self::TokenMissing => {
                (S::UNAUTHORIZED, "token-missing", "An operator's token is needed")
            }
            Self::TokenUnknown => (S::UNAUTHORIZED, "token-unknown", "The token is nobody's"),
            Self::CertificateMissing => {
                (S::UNAUTHORIZED, "certificate-missing", "A terminal's certificate is needed")
            }
            Self::CertificateReplaced => (
                S::FORBIDDEN,
                "certificate-replaced",
                "The certificate was replaced by a later enrolment",
            ),
            Self::Revoked => (S::FORBIDDEN, "revoked", "The terminal was revoked"),
            Self::Quarantined => (S::FORBIDDEN, "quarantined", "The terminal is in quarantine"),
            Self::Erased => (S::FORBIDDEN, "erased", "The terminal was erased"),
            Self::NotFound => (S::NOT_FOUND, "not-found", "There is no such thing"),
            Self::MethodNotAllowed => {
                (S::METHOD_NOT_ALLOWED, "method-not-allowed", "This is not done to it")
            }
            Self::Timeout => (S::REQUEST_TIMEOUT, "timeout", "The request took too long"),
            Self::Exists => (S::CONFLICT, "exists", "It is there already"),
            Self::DocumentMoved => (S::CONFLICT, "document-moved", "Somebody changed it meanwhile"),
            Self::FileRefused => (S::UNPROCESSABLE_ENTITY, "file-refused", "The file has mistakes"),
            Self::WrongState => (S::CONFLICT, "wrong-state", "It is not in a state for that"),
            Self::TooLarge => (S::PAYLOAD_TOO_LARGE, "too-large", "The request is too large"),
            Self::UnsupportedMediaType => (
                S::UNSUPPORTED_MEDIA_TYPE,
                "unsupported-media-type",
                "The request is of another media type",
            ),
            Self::RangeNotSatisfiable => (
                S::RANGE_NOT_SATISFIABLE,
                "range-not-satisfiable",
                "The range lies outside of the artifact",
            ),
            Self::Invalid => (S::UNPROCESSABLE_ENTITY, "invalid", "The request makes no sense"),
            Self::UnknownSerial => (S::NOT_FOUND, "unknown-serial", "There is no claim for it"),
            Self::StaleNonce => (S::CONFLICT, "stale-nonce", "The nonce is not good any more"),
            Self::WrongProof => (S::FORBIDDEN, "wrong-proof", "The proof is wrong"),
            Self::BadCertificationRequest => (
                S::UNPROCESSABLE_ENTITY,
                "bad-certification-request",
                "The certification request is refused",
            ),
            Self::ClaimUsed => (S::CONFLICT, "claim-used", "The claim was used"),
            Self::ClaimExpired => (S::FORBIDDEN, "claim-expired", "The claim has expired"),
            Self::ClaimLocked => (S::FORBIDDEN, "claim-locked", "The claim is locked"),
            Self::ClaimReplaced => (S::CONFLICT, "claim-replaced", "The claim was replaced"),
            Self::PlaceTaken => (S::CONFLICT, "place-taken", "Another terminal is in its place"),
            Self::SignaturesMissing => {
                (S::UNPROCESSABLE_ENTITY, "signatures-missing", "Signatures are missing")
            }
            Self::NotApproved => {
                (S::UNPROCESSABLE_ENTITY, "not-approved", "The signature does not count")
            }
            Self::ArtifactMissing => {
                (S::CONFLICT, "artifact-missing", "The artifact is not stored")
            }
            Self::ArtifactMismatch => (
                S::UNPROCESSABLE_ENTITY,
                "artifact-mismatch",
                "The bytes are not the promised ones",
            ),
            Self::NotYours => (S::FORBIDDEN, "not-yours", "It is another terminal's"),
            Self::RepositoryClosed => {
                (S::FORBIDDEN, "repository-closed", "The repository takes nothing more")
            }
            Self::RepositoryOpen => {
                (S::CONFLICT, "repository-open", "Its terminal still writes into the repository")
            }
            Self::RepositoryPurging => {
                (S::CONFLICT, "repository-purging", "The repository is being purged")
            }
            Self::RepositoryPurged => (S::GONE, "repository-purged", "The repository was purged"),
            Self::SnapshotHeld => (S::CONFLICT, "snapshot-held", "The snapshot is held"),
            Self::LastCopy => (
                S::CONFLICT,
                "last-copy",
                "Nothing that can be restored would be left of the terminal",
            ),
            Self::NoSealedKey => {
                (S::PRECONDITION_REQUIRED, "no-sealed-key", "The sealed key comes first")
            }
            Self::ObjectDiffers => (S::CONFLICT, "object-differs", "There is another one already"),
            Self::ObjectMismatch => {
                (S::UNPROCESSABLE_ENTITY, "object-mismatch", "The bytes are not the promised ones")
            }
            Self::ObjectMissing => {
                (S::CONFLICT, "object-missing", "What it speaks of is not stored")
            }
            Self::NumberUsed => (S::CONFLICT, "number-used", "The number was used before"),
            Self::TooFast => (S::TOO_MANY_REQUESTS, "too-fast", "Too much in one minute"),
            Self::Crowded => (S::SERVICE_UNAVAILABLE, "crowded", "Others download at this moment"),
            Self::QuotaExceeded => {
                (S::INSUFFICIENT_STORAGE, "quota-exceeded", "The terminal has used up its share")
            }
            Self::StorageFull => {
                (S::INSUFFICIENT_STORAGE, "storage-full", "The controller has no room")
            }
            Self::PlaceAbsent => {
                (S::SERVICE_UNAVAILABLE, "place-absent", "A place of backups is not there")
            }
            Self::PositionRefused => {
                (S::CONFLICT, "position-refused", "The position stays as it is")
            }
            Self::BindingRefused => (S::CONFLICT, "binding-refused", "The binding stays as it is"),
            Self::TidTaken => (S::CONFLICT, "tid-taken", "Another binding has this MID and TID"),
            Self::SecondActive => {
                (S::CONFLICT, "second-active-binding", "Another binding of the position is active")
            }
            Self::TidWhileActive => {
                (S::CONFLICT, "tid-while-active", "The TID of an active binding is not changed")
            }
            Self::NotRegistered => {
                (S::CONFLICT, "not-registered", "The clearing registry has not taken it")
            }
            Self::RequestUnverified => {
                (S::CONFLICT, "request-unverified", "Nobody has verified the request")
            }
            Self::RequestNotAccepted => {
                (S::CONFLICT, "request-not-accepted", "Nobody has accepted the request")
            }
            Self::RequestFrozen => (S::CONFLICT, "request-frozen", "The request is frozen"),
            Self::SamePerson => (S::CONFLICT, "same-person", "Another person is needed"),
            Self::RequestIncomplete => {
                (S::CONFLICT, "request-incomplete", "Something is missing from the request")
            }
            Self::UnitRefused => (S::CONFLICT, "unit-refused", "The unit stays as it is"),
            Self::UnitIncomplete => {
                (S::CONFLICT, "unit-incomplete", "Something must be said about the unit")
            }
            Self::UnitNotErased => {
                (S::CONFLICT, "unit-not-erased", "Something of its shop may be left on the unit")
            }
            Self::ReplacementRefused => {
                (S::CONFLICT, "replacement-refused", "The replacement stays as it is")
            }
            Self::ReplacementIncomplete => {
                (S::CONFLICT, "replacement-incomplete", "Something must be done before it goes on")
            }
            Self::OldTerminalSells => {
                (S::CONFLICT, "old-terminal-sells", "The old terminal has not stopped")
            }
            Self::Contended => (S::SERVICE_UNAVAILABLE, "contended", "Too much at once"),
            Self::Internal => (S::INTERNAL_SERVER_ERROR, "internal", "The controller failed"),
        }
    }
}

/// Why an operation was not carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: Code,
    pub(super) detail: String,
    pub(super) hint: Option<String>,
    /// When to come again, where that is known: `Retry-After`.
    pub(super) again_after_s: Option<u64>,
}

impl Refusal {
    pub(super) fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), hint: None, again_after_s: None }
    }

    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// Says when to come again, in seconds that are rounded up.
    pub(super) fn again_after(self, after: Duration) -> Self {
        let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
        let refusal = Self { again_after_s: Some(seconds), ..self };
        match refusal.hint {
            Some(_) => refusal,
            None => refusal.hint(format!("come again in {seconds} s")),
        }
    }

    /// Something failed that the caller can do nothing about. The whole chain goes to the log;
    /// the caller is told what, not how.
    pub(super) fn internal(failure: &(dyn Error + 'static)) -> Self {
        error!(failure, "a request failed");
        Self::new(Code::Internal, failure.to_string()).hint("look into the controller's log")
    }

    pub(super) fn no(what: &str, which: impl std::fmt::Display) -> Self {
        Self::not_found(what, format!("there is no {what} `{which}`"))
    }

    fn not_found(what: &str, detail: String) -> Self {
        let refusal = Self::new(Code::NotFound, detail);
        match lists(what) {
            Some(command) => refusal.hint(format!("`{command}` lists those that are known")),
            None => refusal,
        }
    }

    /// Says which one it is about, where what is refused does not.
    pub(super) fn about(mut self, what: &str, which: impl std::fmt::Display) -> Self {
        self.detail = format!("{what} {which}: {}", self.detail);
        self
    }

    /// Its code as it is written.
    pub(super) fn code_text(&self) -> &'static str {
        self.code.parts().1
    }

    fn document(&self) -> model::Problem {
        let (status, code, title) = self.code.parts();
        model::Problem {
            kind: format!("{}{code}", model::Problem::TYPE_PREFIX),
            title: title.to_owned(),
            status: status.as_u16(),
            detail: self.detail.clone(),
            hint: self.hint.clone(),
        }
    }
}

/// The command that lists what there is of a kind; `None` where no operator names one.
fn lists(what: &str) -> Option<&'static str> {
    Some(match what {
        "terminal" => "tillward terminal list",
        "store" | "region" => "tillward store list",
        "calendar" => "tillward calendar list",
        "position" => "tillward position list",
        "binding" => "tillward binding list",
        "request" => "tillward request list",
        "suspicion" => "tillward request suspicions --all",
        "unit" => "tillward unit list",
        "replacement" => "tillward replace list",
        "campaign" => "tillward campaign list",
        "release" => "tillward release list",
        "schedule" => "tillward backup schedule list",
        "provider" => "tillward provider list",
        "fees" => "tillward provider list --kind fees",
        "band" => "tillward provider list --kind band",
        "contract" => "tillward provider list --kind contract",
        "model" => "tillward provider list --kind model",
        "compatibility" => "tillward compat list",
        "alert" => "tillward provider alerts",
        _ => return None,
    })
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self.document()).expect("a problem is plain JSON");
        let kind = HeaderValue::from_static("application/problem+json");
        let mut response =
            (self.code.parts().0, [(header::CONTENT_TYPE, kind)], body).into_response();
        if let Some(seconds) = self.again_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<RegistryError> for Refusal {
    fn from(error: RegistryError) -> Self {
        let detail = error.to_string();
        match error {
            RegistryError::Exists { .. } => Self::new(Code::Exists, detail),
            RegistryError::DocumentMoved { .. } => Self::new(Code::DocumentMoved, detail)
                .hint("look at the newest version, and decide again"),
            RegistryError::Missing { what, .. } => Self::not_found(what, detail),
            RegistryError::CampaignMoved { .. } => Self::new(Code::WrongState, detail),
            RegistryError::OtherFailures { bad, .. } => Self::new(Code::WrongState, detail)
                .hint(format!("look at what has failed, and acknowledge {bad}")),
            RegistryError::OrdersRanOut { campaign, .. } => Self::new(Code::WrongState, detail)
                .hint(format!("begin it anew: `tillward campaign clone {campaign}`")),
            RegistryError::OtherPlace { .. } => {
                Self::new(Code::WrongState, detail).hint("look at it again, and decide anew")
            }
            RegistryError::CampaignRefused { refused, .. } => {
                Self::new(Code::WrongState, format!("{detail}: {refused}"))
            }
            RegistryError::KeepsReplaced { .. } => Self::new(Code::WrongState, detail).hint(
                "let it stop, and leave out others alone: `tillward campaign skip`; to sell \
                 elsewhere it enrols anew: `tillward terminal claim`; where it is gone for good \
                 `tillward terminal revoke`",
            ),
            RegistryError::TooManyLabels { .. } => Self::new(Code::Invalid, detail)
                .hint("take some away: `tillward terminal label TERMINAL KEY-`"),
            RegistryError::UnitRefused { serial, refused } => {
                Self::from(refused).about("unit", serial)
            }
            RegistryError::RosterGap { .. } => Self::new(Code::Invalid, detail),
            RegistryError::Contended | RegistryError::SignedMeanwhile { .. } => {
                Self::new(Code::Contended, detail)
            }
            RegistryError::Open { .. }
            | RegistryError::UnknownTarget(_)
            | RegistryError::Failed { .. }
            | RegistryError::Migrate { .. }
            | RegistryError::NewerSchema { .. }
            | RegistryError::OlderSchema { .. }
            | RegistryError::OtherFleet { .. }
            | RegistryError::Unreadable { .. } => Self::internal(&error),
        }
    }
}

impl From<HoldRefused> for Refusal {
    fn from(refused: HoldRefused) -> Self {
        let code = match refused {
            HoldRefused::Purging { .. } => Code::RepositoryPurging,
            HoldRefused::Purged { .. } => Code::RepositoryPurged,
        };
        Self::new(code, refused.to_string())
    }
}

impl From<WishRefused> for Refusal {
    fn from(refused: WishRefused) -> Self {
        let code = match refused {
            WishRefused::Held(_) => Code::SnapshotHeld,
            WishRefused::LastCopy(_) => Code::LastCopy,
            WishRefused::Open(_) => Code::RepositoryOpen,
            WishRefused::Purging(_) => Code::RepositoryPurging,
        };
        Self::new(code, refused.to_string()).hint(refused.hint())
    }
}

impl From<PositionRefused> for Refusal {
    fn from(refused: PositionRefused) -> Self {
        Self::new(Code::PositionRefused, refused.to_string()).hint(refused.hint())
    }
}

impl From<BindingRefused> for Refusal {
    fn from(refused: BindingRefused) -> Self {
        use BindingRefused as Why;
        let code = match &refused {
            Why::TidTaken { .. } => Code::TidTaken,
            Why::SecondActive { .. } => Code::SecondActive,
            Why::TidWhileActive { .. } => Code::TidWhileActive,
            Why::NotRegistered { .. } => Code::NotRegistered,
            Why::ChangedMeanwhile { .. } => Code::WrongState,
            Why::PositionClosed { .. } => Code::PositionRefused,
            Why::State { .. }
            | Why::NoHost { .. }
            | Why::ProviderTaken { .. }
            | Why::Registration { .. }
            | Why::NoReference(_) => Code::BindingRefused,
        };
        Self::new(code, refused.to_string()).hint(refused.hint())
    }
}

impl From<request::RequestRefused> for Refusal {
    fn from(refused: request::RequestRefused) -> Self {
        use request::RequestRefused as Why;
        let code = match &refused {
            Why::Unverified => Code::RequestUnverified,
            Why::NotAccepted => Code::RequestNotAccepted,
            Why::Frozen => Code::RequestFrozen,
            Why::SamePerson { .. } => Code::SamePerson,
            Why::State { .. }
            | Why::InMotion(_)
            | Why::BeingReplaced(_)
            | Why::CampaignTaken(..)
            | Why::ByItsUnits
            | Why::OtherKind(_) => Code::WrongState,
            Why::NoContact | Why::NoFallback | Why::NoClause | Why::Expired(_) | Why::Unread(_) => {
                Code::RequestIncomplete
            }
        };
        Self::new(code, refused.to_string()).hint(refused.hint())
    }
}

impl From<UnitRefused> for Refusal {
    fn from(refused: UnitRefused) -> Self {
        let code = match &refused {
            UnitRefused::NotGraded | UnitRefused::SealUnsaid { .. } => Code::UnitIncomplete,
            UnitRefused::Moved { .. } => Code::WrongState,
            UnitRefused::State { .. }
            | UnitRefused::Damaged
            | UnitRefused::NotLookedAt(_)
            | UnitRefused::PositionTaken { .. }
            | UnitRefused::NotInspected(_)
            | UnitRefused::NotInPlace(_)
            | UnitRefused::NotInHand(_)
            | UnitRefused::Closed(_) => Code::UnitRefused,
            UnitRefused::NotErased { .. } => Code::UnitNotErased,
            UnitRefused::SamePerson { .. } => Code::SamePerson,
        };
        Self::new(code, refused.to_string()).hint(refused.hint())
    }
}

impl From<ReplacementRefused> for Refusal {
    fn from(refused: ReplacementRefused) -> Self {
        use ReplacementRefused as Why;
        let code = match refused {
            Why::Request(why) => return why.into(),
            Why::Unit { serial, why } => return Self::from(why).about("unit", serial),
            Why::State(_) | Why::Moved { .. } | Why::PositionMoved { .. } => Code::WrongState,
            Why::OldSells { .. }
            | Why::OldOwes(_)
            | Why::OldAnswers(_)
            | Why::OldResumes { .. } => Code::OldTerminalSells,
            Why::SamePerson { .. } => Code::SamePerson,
            Why::WatchTooLong => Code::Invalid,
            Why::NothingListed
            | Why::NotEnrolled(_)
            | Why::NotRestored(_)
            | Why::NewStandsStill { .. }
            | Why::Unchecked(_)
            | Why::NotHeard
            | Why::NotClosedAtHost
            | Why::NoBackup(_)
            | Why::NothingRestored(_)
            | Why::NotTested(_)
            | Why::StillWatched { .. }
            | Why::Trouble(_)
            | Why::OldNotErased(_)
            | Why::OldNotBack { .. } => Code::ReplacementIncomplete,
            Why::InAnother(_)
            | Why::NoTrouble
            | Why::NoUnit(_)
            | Why::OtherModel { .. }
            | Why::ApprovalExpired { .. }
            | Why::SameUnit(_)
            | Why::NewQuarantined(_)
            | Why::Frozen(_) => Code::ReplacementRefused,
        };
        Self::new(code, refused.to_string()).hint(refused.hint())
    }
}

impl From<NotLifted> for Refusal {
    fn from(refused: NotLifted) -> Self {
        let code = match &refused {
            NotLifted::Lifted { .. } => Code::WrongState,
            NotLifted::SamePerson { .. } => Code::SamePerson,
            NotLifted::NoReason { .. } => Code::Invalid,
        };
        Self::new(code, refused.to_string()).hint(refused.hint())
    }
}

impl From<BlobError> for Refusal {
    fn from(error: BlobError) -> Self {
        let detail = error.to_string();
        match error {
            BlobError::OtherBytes { .. } => {
                Self::new(Code::ArtifactMismatch, detail).hint("send the file again")
            }
            BlobError::TooLarge { .. } => Self::new(Code::TooLarge, detail)
                .hint("raise `https.artifact_mib_max` in the controller's configuration"),
            BlobError::Full { .. } => {
                error!(failure = &error as &dyn Error, "there is no room");
                Self::new(Code::StorageFull, detail).hint("make room on the controller's disk")
            }
            // Its standing is in the log and in the status.
            BlobError::NotThere { .. } => Self::new(Code::PlaceAbsent, detail)
                .hint("come again later; `tillward status` says what to do about the place"),
            BlobError::Open { .. }
            | BlobError::Bucket { .. }
            | BlobError::Write { .. }
            | BlobError::Read { .. }
            | BlobError::Remove { .. }
            | BlobError::Sweep { .. } => Self::internal(&error),
        }
    }
}

impl From<EnrolmentRefused> for Refusal {
    fn from(refused: EnrolmentRefused) -> Self {
        let (detail, hint) = (refused.to_string(), refused.hint());
        let code = match refused {
            EnrolmentRefused::UnknownSerial(_) => Code::UnknownSerial,
            EnrolmentRefused::StaleNonce => Code::StaleNonce,
            EnrolmentRefused::Request(RequestRefused::TooLarge(_)) => Code::TooLarge,
            EnrolmentRefused::Request(
                RequestRefused::Malformed
                | RequestRefused::OtherKey
                | RequestRefused::NotSignedByItsKey,
            ) => Code::BadCertificationRequest,
            EnrolmentRefused::WrongProof { left: 0 }
            | EnrolmentRefused::Claim(ClaimRefusal::Locked) => Code::ClaimLocked,
            EnrolmentRefused::WrongProof { .. } => Code::WrongProof,
            EnrolmentRefused::Claim(ClaimRefusal::UsedByAnother) => Code::ClaimUsed,
            EnrolmentRefused::Claim(ClaimRefusal::Expired { .. }) => Code::ClaimExpired,
            EnrolmentRefused::Claim(ClaimRefusal::Replaced) => Code::ClaimReplaced,
            EnrolmentRefused::Claim(ClaimRefusal::Revoked) => Code::Revoked,
            EnrolmentRefused::Claim(ClaimRefusal::PlaceTaken { .. }) => Code::PlaceTaken,
            EnrolmentRefused::Claim(ClaimRefusal::PlaceClosed) => Code::PositionRefused,
            EnrolmentRefused::Claim(ClaimRefusal::UnitClosed { .. }) => Code::UnitRefused,
            EnrolmentRefused::Authority(
                error @ (AuthorityError::Unreadable
                | AuthorityError::OtherKey
                | AuthorityError::Issue { .. }),
            ) => return Self::internal(&error),
            EnrolmentRefused::Registry(error) => return error.into(),
        };
        Self { hint: hint.map(str::to_owned), ..Self::new(code, detail) }
    }
}
