//! Bytes that are named by their digest, answered whole or in the range that was asked for.

use std::future::Future;
use std::ops::Range;

use axum::BoxError;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures::Stream;
use shared::digest::Digest;

use super::problem::{Code, Refusal};

/// What is asked for, and what is there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    pub(super) method: &'a Method,
    pub(super) headers: &'a HeaderMap,
    pub(super) sha256: Digest,
    pub(super) size: u64,
}

/// Answers `GET` and `HEAD`; `read` gives the bytes of a range that is not empty.
pub(super) async fn answer<Read, Reading, Pieces, Broken>(
    asked: Asked<'_>,
    read: Read,
) -> Result<Response, Refusal>
where
    Read: FnOnce(Range<u64>) -> Reading,
    Reading: Future<Output = Result<Pieces, Refusal>>,
    Pieces: Stream<Item = Result<Bytes, Broken>> + Send + 'static,
    Broken: Into<BoxError> + 'static,
{
    let Asked { method, headers, sha256, size } = asked;
    let tag = format!("\"{sha256}\"");
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let part = match (text(header::RANGE), text(header::IF_RANGE)) {
        (Some(range), None) => part_of(range, size),
        (Some(range), Some(of)) if of == tag => part_of(range, size),
        (None, _) | (Some(_), Some(_)) => Part::Whole,
    };
    let (status, range) = match part {
        Part::Whole => (StatusCode::OK, 0..size),
        Part::Some(range) => (StatusCode::PARTIAL_CONTENT, range),
        Part::Nowhere => return Ok(nowhere(size)),
    };
    let length = range.end - range.start;
    let body = if *method == Method::HEAD || length == 0 {
        Body::empty()
    } else {
        Body::from_stream(read(range.clone()).await?)
    };
    let mut response = (status, body).into_response();
    let mut say = |name, value: String| {
        let value = HeaderValue::try_from(value).expect("digests and numbers are plain text");
        response.headers_mut().insert(name, value);
    };
    say(header::CONTENT_TYPE, "application/octet-stream".to_owned());
    say(header::CONTENT_LENGTH, length.to_string());
    say(header::ACCEPT_RANGES, "bytes".to_owned());
    say(header::ETAG, tag);
    // The name is the digest of the bytes: they never change.
    say(header::CACHE_CONTROL, "private, max-age=31536000, immutable".to_owned());
    if status == StatusCode::PARTIAL_CONTENT {
        let last = range.end - 1;
        say(header::CONTENT_RANGE, format!("bytes {}-{last}/{size}", range.start));
    }
    Ok(response)
}

fn nowhere(size: u64) -> Response {
    let detail = format!("there are {size} bytes");
    let mut response = Refusal::new(Code::RangeNotSatisfiable, detail).into_response();
    let range = HeaderValue::try_from(format!("bytes */{size}")).expect("a number is plain text");
    response.headers_mut().insert(header::CONTENT_RANGE, range);
    response
}

/// Which part a `Range` header means (RFC 9110 §14.2).
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// No range, several, or not in bytes: all of these may be answered with everything.
    Whole,
    Some(Range<u64>),
    /// Behind the last byte.
    Nowhere,
}

fn part_of(header: &str, size: u64) -> Part {
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        // More digits than fit are a number behind every end.
        digits.then(|| text.parse().unwrap_or(u64::MAX))
    };
    let Some((first, last)) = header.strip_prefix("bytes=").and_then(|it| it.split_once('-'))
    else {
        return Part::Whole;
    };
    let range = match (number(first.trim()), number(last.trim())) {
        (Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(size),
        (Some(first), None) if last.trim().is_empty() => first..size,
        (None, Some(suffix)) if first.trim().is_empty() => size.saturating_sub(suffix)..size,
        (Some(_) | None, Some(_) | None) => return Part::Whole,
    };
    if range.is_empty() { Part::Nowhere } else { Part::Some(range) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_the_standard_says() {
        let cases = [
            ("bytes=0-0", Part::Some(0..1)),
            ("bytes=0-9", Part::Some(0..10)),
            ("bytes=5-", Part::Some(5..10)),
            ("bytes=9-9", Part::Some(9..10)),
            ("bytes=5-99", Part::Some(5..10)),
            ("bytes=5-99999999999999999999999999", Part::Some(5..10)),
            ("bytes=-3", Part::Some(7..10)),
            ("bytes=-99", Part::Some(0..10)),
            ("bytes= 2 - 3 ", Part::Some(2..4)),
            ("bytes=10-", Part::Nowhere),
            ("bytes=10-20", Part::Nowhere),
            ("bytes=99999999999999999999999999-", Part::Nowhere),
            ("bytes=-0", Part::Nowhere),
            ("bytes=5-4", Part::Whole),
            ("bytes=0-1,4-5", Part::Whole),
            ("bytes=-", Part::Whole),
            ("bytes=a-b", Part::Whole),
            ("bytes=0x1-", Part::Whole),
            ("bytes=+1-2", Part::Whole),
            ("items=0-1", Part::Whole),
            ("bytes", Part::Whole),
            ("", Part::Whole),
        ];
        for (header, expected) in cases {
            assert_eq!(part_of(header, 10), expected, "`{header}`");
        }
        assert_eq!(part_of("bytes=0-", 0), Part::Nowhere);
    }
}
