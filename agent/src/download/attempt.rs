//! One request for what is missing, and what its answer is worth.

use std::io::{self, Read as _};
use std::time::Duration;

use shared::document::release::Artifact;
use tracing::debug;
use ureq::http::{HeaderMap, StatusCode, header};

use super::{DownloadError, Partial};
use crate::stop::Stop;

/// Without a byte for this long, the connection counts as broken.
const STALL: Duration = Duration::from_secs(30);

/// However long a server wants to be left alone: an upgrade must not miss its night for a number
/// that somebody mistyped. And however short: it has just said that it has too much to do.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3_600);
const RETRY_AFTER_MIN: Duration = Duration::from_secs(5);

/// Why an attempt ended early. Another may go on where it stopped.
#[derive(Debug, thiserror::Error)]
pub enum Interrupted {
    #[error("{0}")]
    Request(Box<ureq::Error>),
    #[error("the connection broke: {0}")]
    Body(io::Error),
    #[error("it ended {missing} bytes early")]
    Short { missing: u64 },
    #[error("its `content-range` is not what was asked for")]
    OtherRange,
    #[error("it answers {0}")]
    Status(u16),
}

pub(super) struct Attempt<'a> {
    pub(super) client: &'a ureq::Agent,
    pub(super) url: &'a str,
    pub(super) artifact: &'a Artifact,
    pub(super) stop: &'a Stop,
    /// Of `received`, over all attempts.
    pub(super) bytes_max: u64,
}

impl Attempt<'_> {
    /// `None` when all bytes are there.
    pub(super) fn run(
        &mut self,
        partial: &mut Partial,
        received: &mut u64,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Option<Interrupted>, DownloadError> {
        let mut request = self.client.get(self.url).header(header::ACCEPT_ENCODING, "identity");
        if partial.length > 0 {
            request = request.header(header::RANGE, format!("bytes={}-", partial.length));
        }
        let request = request.config().timeout_per_read(Some(STALL)).build();
        let response = match request.call() {
            Ok(response) => response,
            Err(error) => return Ok(Some(Interrupted::Request(Box::new(error)))),
        };
        match self.judge(response.status(), response.headers(), partial.length)? {
            Answer::Continues => {}
            Answer::Whole => partial.begin_anew()?,
            Answer::Lies => {
                // Ask for the whole next time: there is no range to lie about then.
                partial.begin_anew()?;
                return Ok(Some(Interrupted::OtherRange));
            }
            Answer::Later(status) => return Ok(Some(Interrupted::Status(status))),
        }
        self.take(response.into_body(), partial, received, progress)
    }

    fn judge(
        &self,
        status: StatusCode,
        headers: &HeaderMap,
        have: u64,
    ) -> Result<Answer, DownloadError> {
        let signed = self.artifact.size;
        let announced = text(headers, header::CONTENT_LENGTH).and_then(|text| text.parse().ok());
        let other_size = |got| DownloadError::OtherSize { url: self.url.to_owned(), got, signed };
        match status.as_u16() {
            200 => match announced {
                Some(got) if got != signed => Err(other_size(got)),
                Some(_) | None => Ok(Answer::Whole),
            },
            206 => match text(headers, header::CONTENT_RANGE).and_then(content_range) {
                Some((_, _, Some(total))) if total != signed => Err(other_size(total)),
                Some((first, last, _))
                    if first == have
                        && last.checked_add(1) == Some(signed)
                        && announced.is_none_or(|length: u64| length == signed - have) =>
                {
                    Ok(Answer::Continues)
                }
                Some(_) | None => Ok(Answer::Lies),
            },
            // We asked for what is behind the end of what it has.
            416 => Ok(Answer::Lies),
            status @ (408 | 429 | 500..=599) => match retry_after(status, headers) {
                Some(after) => {
                    Err(DownloadError::Later { url: self.url.to_owned(), status, after })
                }
                None => Ok(Answer::Later(status)),
            },
            status => Err(DownloadError::Status { url: self.url.to_owned(), status }),
        }
    }

    fn take(
        &self,
        body: ureq::Body,
        partial: &mut Partial,
        received: &mut u64,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Option<Interrupted>, DownloadError> {
        let signed = self.artifact.size;
        let mut body = body.into_with_config().limit(u64::MAX).reader();
        let mut buffer = vec![0; 32 * 1024];
        loop {
            if self.stop.is_asked() {
                return Err(DownloadError::Stopped);
            }
            let read = match body.read(&mut buffer) {
                Ok(0) if partial.length == signed => return Ok(None),
                Ok(0) => {
                    return Ok(Some(Interrupted::Short { missing: signed - partial.length }));
                }
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if self.stop.is_asked() => {
                    debug!(%error, "the download was interrupted on purpose");
                    return Err(DownloadError::Stopped);
                }
                Err(error) => return Ok(Some(Interrupted::Body(error))),
            };
            *received += read as u64;
            if partial.length + read as u64 > signed {
                let got = partial.length + read as u64;
                partial.begin_anew()?;
                return Err(DownloadError::OtherSize { url: self.url.to_owned(), got, signed });
            }
            partial.append(&buffer[..read])?;
            progress(partial.length);
            if *received >= self.bytes_max && partial.length < signed {
                return Ok(Some(Interrupted::Short { missing: signed - partial.length }));
            }
        }
    }
}

/// What an answer is good for.
enum Answer {
    /// Goes on where we stopped.
    Continues,
    /// From the beginning, whatever we asked for.
    Whole,
    Lies,
    Later(u16),
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// When a server that is overloaded wants to be asked again. A date is nobody's answer here: the
/// terminal's clock may be wrong by years.
fn retry_after(status: u16, headers: &HeaderMap) -> Option<Duration> {
    let said = text(headers, header::RETRY_AFTER).filter(|_| matches!(status, 429 | 503))?;
    let digits = said.trim();
    let is_number = !digits.is_empty() && digits.bytes().all(|it| it.is_ascii_digit());
    // More digits than a number has are a long time, too.
    let seconds = is_number.then(|| digits.parse().unwrap_or(u64::MAX))?;
    Some(Duration::from_secs(seconds).clamp(RETRY_AFTER_MIN, RETRY_AFTER_MAX))
}

/// `bytes 5-9/10`, where the total may be `*`.
fn content_range(text: &str) -> Option<(u64, u64, Option<u64>)> {
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let total = match total {
        "*" => None,
        digits => Some(digits.parse().ok()?),
    };
    Some((first.parse().ok()?, last.parse().ok()?, total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_overloaded_says_for_how_long_in_seconds_and_within_reason() {
        let said = |status: u16, text: &str| {
            let value = text.parse().expect("a test's own header");
            let headers = HeaderMap::from_iter([(header::RETRY_AFTER, value)]);
            retry_after(status, &headers).map(|after| after.as_secs())
        };
        for (text, wanted) in [
            ("120", Some(120)),
            (" 7 ", Some(7)),
            ("0", Some(5)),
            ("3600", Some(3_600)),
            ("86400", Some(3_600)),
            ("99999999999999999999999", Some(3_600)),
            ("-5", None),
            ("+5", None),
            ("1.5", None),
            ("", None),
            ("Sun, 29 Nov 2026 12:00:00 GMT", None),
        ] {
            assert_eq!(said(503, text), wanted, "{text}");
            assert_eq!(said(429, text), wanted, "{text}");
            assert_eq!(said(500, text), None, "only who is overloaded knows");
        }
        assert_eq!(retry_after(503, &HeaderMap::new()), None);
    }

    #[test]
    fn a_content_range_is_read_or_refused() {
        assert_eq!(content_range("bytes 5-9/10"), Some((5, 9, Some(10))));
        assert_eq!(content_range("bytes 5-9/*"), Some((5, 9, None)));
        for text in [
            "",
            "bytes",
            "bytes 5-9",
            "items 5-9/10",
            "bytes */10",
            "bytes 5-/10",
            "bytes -5-9/10",
            "bytes 5-9/-1",
            "bytes 99999999999999999999-1/2",
        ] {
            assert_eq!(content_range(text), None, "{text}");
        }
    }
}
