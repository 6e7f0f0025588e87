//! The controller's object endpoint. What may pass is tried again after a random wait that grows,
//! for a bounded time; the caller keeps what was stored and goes on from there another day.

use std::fmt;
use std::io::Read as _;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use agent::stop::{Stop, Waited};
use shared::backup::{
    self, Kind, Listed, NEWEST_PATH, Newest, OBJECT_BYTES_MAX, ObjectName, kind_path,
};
use shared::digest::Digest;
use shared::id::RepositoryId;
use shared::limits::{DOCUMENT_BYTES_MAX, TEXT_BYTES_MAX, short_text};
use ureq::http::{Response, StatusCode, header};

use super::{Place, PlaceError, called, whole};

/// Of `config`, whose path does not say it.
const DIGEST_HEADER: &str = "x-content-sha256";

/// A list has about 90 bytes for each object: a repository of 400 GB in packs of 4 MiB.
const LIST_BYTES_MAX: u64 = 10 * 1024 * 1024;

/// Without a byte for this long, the connection counts as broken.
const STALL: Duration = Duration::from_secs(30);

/// Waits between attempts: drawn between nothing and twice the one before, up to a minute.
const WAITS: [Duration; 6] = [
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(4),
    Duration::from_secs(10),
    Duration::from_secs(20),
    Duration::from_secs(40),
];

/// Sending one object: a pack of 4 MiB over 64 kbit/s.
const SEND: Duration = Duration::from_secs(550);

/// The type of the problem document of a controller whose disk is full.
const STORAGE_FULL: &str = "urn:tillward:problem:storage-full";

/// Told the bytes of each body that went over the wire, whole.
pub type Told = Arc<dyn Fn(u64) + Send + Sync>;

pub struct Https {
    client: ureq::Agent,
    url: String,
    stop: Stop,
    told: Told,
}

impl fmt::Debug for Https {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.url)
    }
}

/// One attempt.
enum Attempt<T> {
    Done(T),
    /// May pass: why.
    Later(String),
}

impl Https {
    /// `url` is `https://host:port`; `client` shows the terminal's certificate.
    pub fn new(client: ureq::Agent, url: &str, stop: Stop, told: Told) -> Self {
        Self { client, url: url.trim_end_matches('/').to_owned(), stop, told }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    fn patiently<T>(
        &self,
        what: &str,
        mut attempt: impl FnMut() -> Result<Attempt<T>, PlaceError>,
    ) -> Result<T, PlaceError> {
        let mut waits = WAITS.iter();
        loop {
            if self.stop.is_asked() {
                return Err(PlaceError::Stopped);
            }
            let why = match attempt()? {
                Attempt::Done(done) => return Ok(done),
                Attempt::Later(why) => why,
            };
            let Some(wait) = waits.next() else {
                return Err(PlaceError::Unreachable { what: what.to_owned(), why });
            };
            tracing::debug!(%what, %why, "trying again");
            if self.stop.wait(jittered(*wait)) == Waited::Stopped {
                return Err(PlaceError::Stopped);
            }
        }
    }

    fn send(
        &self,
        what: &str,
        request: impl Fn() -> ureq::http::request::Builder,
        body: &[u8],
    ) -> Result<(), PlaceError> {
        self.patiently(what, || {
            let request = request().body(body).expect("its parts are valid by construction");
            let request =
                self.client.configure_request(request).timeout_send_body(Some(SEND)).build();
            match self.client.run(request) {
                Err(error) => Ok(Attempt::Later(error.to_string())),
                Ok(response) => match judge(what, response)? {
                    Attempt::Done(_) => {
                        (self.told)(body.len() as u64);
                        Ok(Attempt::Done(()))
                    }
                    Attempt::Later(why) => Ok(Attempt::Later(why)),
                },
            }
        })
    }

    /// The body; cut off behind `bytes_max`, which an honest answer never reaches.
    fn read(
        &self,
        what: &str,
        path: &str,
        range: Option<&Range<u64>>,
        bytes_max: u64,
    ) -> Result<Vec<u8>, PlaceError> {
        self.patiently(what, || {
            let mut request = self.client.get(self.url(path));
            request = request.header(header::ACCEPT_ENCODING, "identity");
            if let Some(range) = range {
                let last = range.end.saturating_sub(1);
                request = request.header(header::RANGE, format!("bytes={}-{last}", range.start));
            }
            let response = match request.config().timeout_per_read(Some(STALL)).build().call() {
                Err(error) => return Ok(Attempt::Later(error.to_string())),
                Ok(response) => response,
            };
            let response = match judge(what, response)? {
                Attempt::Later(why) => return Ok(Attempt::Later(why)),
                Attempt::Done(response) => response,
            };
            let whole = response.status() == StatusCode::OK;
            let mut bytes = Vec::new();
            let body = response.into_body().into_with_config().limit(u64::MAX).reader();
            if let Err(error) = body.take(bytes_max).read_to_end(&mut bytes) {
                return Ok(Attempt::Later(error.to_string()));
            }
            (self.told)(bytes.len() as u64);
            Ok(Attempt::Done(match range {
                Some(range) if whole => part(bytes, range),
                Some(_) | None => bytes,
            }))
        })
    }
}

/// Of a whole answer, where a part was asked for.
fn part(bytes: Vec<u8>, range: &Range<u64>) -> Vec<u8> {
    let at = |position: u64| usize::try_from(position).unwrap_or(usize::MAX).min(bytes.len());
    bytes[at(range.start)..at(range.end)].to_vec()
}

fn jittered(wait: Duration) -> Duration {
    let share = agent::machine::random::<4>().map_or(u32::MAX, u32::from_le_bytes);
    wait.mul_f64(2.0 * f64::from(share) / f64::from(u32::MAX))
}

/// What an answer's status is worth.
fn judge(
    what: &str,
    response: Response<ureq::Body>,
) -> Result<Attempt<Response<ureq::Body>>, PlaceError> {
    match response.status().as_u16() {
        200..=299 => Ok(Attempt::Done(response)),
        404 => Err(PlaceError::Missing { what: what.to_owned() }),
        status @ (408 | 429 | 500..=506 | 508..=599) => {
            Ok(Attempt::Later(format!("the controller answers {status}")))
        }
        status => {
            let mut why = String::new();
            let body = response.into_body().into_reader();
            // Half an explanation is better than none.
            let _cut = body.take(TEXT_BYTES_MAX as u64).read_to_string(&mut why);
            // Whoever keeps the controller makes room; a terminal that used up its share waits for
            // nobody.
            if status == 507 && why.contains(STORAGE_FULL) {
                return Ok(Attempt::Later("the controller has no room".to_owned()));
            }
            Err(PlaceError::Refused { what: what.to_owned(), status, why: short_text(&why) })
        }
    }
}

impl Place for Https {
    fn put(
        &self,
        repository: RepositoryId,
        name: ObjectName,
        bytes: &[u8],
    ) -> Result<(), PlaceError> {
        let url = self.url(&backup::object_path(repository, name));
        let digest = Digest::of(bytes).to_string();
        let request = || {
            let request = ureq::http::Request::put(&url);
            let request = request.header(header::CONTENT_TYPE, "application/octet-stream");
            match name.kind {
                Kind::Config => request.header(DIGEST_HEADER, &digest),
                Kind::Data | Kind::Index | Kind::Snapshots | Kind::SealedKey => request,
            }
        };
        self.send(&called(repository, name), request, bytes)
    }

    fn get(
        &self,
        repository: RepositoryId,
        name: ObjectName,
        range: Option<Range<u64>>,
    ) -> Result<Vec<u8>, PlaceError> {
        let what = called(repository, name);
        let path = backup::object_path(repository, name);
        let bytes = self.read(&what, &path, range.as_ref(), OBJECT_BYTES_MAX + 1)?;
        match range {
            None => whole(what, name, bytes),
            Some(_) => Ok(bytes),
        }
    }

    fn list(&self, repository: RepositoryId, kind: Kind) -> Result<Vec<Listed>, PlaceError> {
        let what = format!("the list `{kind}` of {repository}");
        let path = kind_path(repository, kind);
        let listed = self.read(&what, &path, None, LIST_BYTES_MAX);
        match (kind, listed) {
            (_, Err(PlaceError::Missing { .. })) => Ok(Vec::new()),
            (_, Err(error)) => Err(error),
            (Kind::Config, Ok(bytes)) => {
                Ok(vec![Listed { sha256: Digest::of(&bytes), bytes: bytes.len() as u64 }])
            }
            (Kind::Data | Kind::Index | Kind::Snapshots | Kind::SealedKey, Ok(bytes)) => {
                lines(&bytes).ok_or(PlaceError::Damaged { what })
            }
        }
    }

    fn hand_in(&self, repository: RepositoryId, manifest: &[u8]) -> Result<(), PlaceError> {
        let url = self.url(&backup::manifests_path(repository));
        let request =
            || ureq::http::Request::post(&url).header(header::CONTENT_TYPE, "application/cose");
        self.send(&format!("a manifest of {repository}"), request, manifest)
    }

    fn manifest(&self, repository: RepositoryId, digest: Digest) -> Result<Vec<u8>, PlaceError> {
        let path = backup::manifest_path(repository, digest);
        let what = format!("a manifest of {repository}");
        self.read(&what, &path, None, DOCUMENT_BYTES_MAX as u64 + 1)
    }

    fn newest(&self) -> Result<Newest, PlaceError> {
        let what = "the newest snapshots".to_owned();
        let bytes = self.read(&what, NEWEST_PATH, None, DOCUMENT_BYTES_MAX as u64)?;
        serde_json::from_slice(&bytes).map_err(|_| PlaceError::Damaged { what })
    }
}

/// A list is JSON, one object a line.
fn lines(bytes: &[u8]) -> Option<Vec<Listed>> {
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_stay_within_twice_their_length() {
        for wait in WAITS {
            assert!(jittered(wait) <= 2 * wait);
        }
    }

    #[test]
    fn a_list_is_read_whole_or_not_at_all() {
        let one = r#"{"sha256":"","bytes":1}"#.replace("\"\"", &format!("\"{}\"", "ab".repeat(32)));
        assert_eq!(lines(format!("{one}\n{one}\n").as_bytes()).map(|lines| lines.len()), Some(2));
        assert!(lines(format!("{one}\n{{").as_bytes()).is_none());
        assert_eq!(lines(b""), Some(Vec::new()));
    }

    #[test]
    fn a_part_of_an_answer_never_reaches_behind_its_end() {
        assert_eq!(part(vec![1, 2, 3], &(1..9)), [2, 3]);
        assert!(part(vec![1], &(5..9)).is_empty());
    }
}
