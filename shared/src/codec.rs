//! CBOR (RFC 8949) in and out; the only module that knows the CBOR library.
//!
//! Messages tolerate fields they do not know. Documents do not: a payload is accepted only when
//! encoding it again gives the same bytes, which refuses trailing bytes, long forms of integers,
//! duplicate keys and reordered fields in one comparison.

mod tree;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::document::{Document, FORMAT};
use tree::Tree;

/// Why bytes were refused.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    #[error("{got} bytes, more than the {max} that are read")]
    TooLarge { got: usize, max: usize },
    /// Truncated, nested too deeply, of another shape, or followed by other bytes.
    #[error("not CBOR of the expected shape")]
    Malformed(#[source] serde_cbor::Error),
    #[error("format {got} is not known to this build, which reads {known}", known = FORMAT)]
    UnknownFormat { got: u8 },
    #[error("not written in the one canonical way")]
    NotCanonical,
}

/// Encodes one of our own types.
///
/// # Panics
/// Never for the types of this crate: they have text keys, no floats and known lengths, and
/// writing to memory does not fail.
pub fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    serde_cbor::to_vec(value).expect("types of this crate encode into memory")
}

/// Reads a message of at most `bytes_max`, with nothing behind it.
pub fn decode<T: DeserializeOwned>(bytes: &[u8], bytes_max: usize) -> Result<T, Unreadable> {
    if bytes.len() > bytes_max {
        return Err(Unreadable::TooLarge { got: bytes.len(), max: bytes_max });
    }
    let tree = serde_cbor::from_slice::<Tree>(bytes).map_err(Unreadable::Malformed)?;
    T::deserialize(tree).map_err(Unreadable::Malformed)
}

/// What every document has, whatever else its format adds or drops.
#[derive(Deserialize)]
struct Versioned {
    format: u8,
}

/// Reads the payload of a signed document, written in the canonical way.
pub fn decode_document<D: Document>(bytes: &[u8], bytes_max: usize) -> Result<D, Unreadable> {
    // First, so that a document of the future is not called damaged for its new fields.
    let Versioned { format } = decode(bytes, bytes_max)?;
    if format != FORMAT {
        return Err(Unreadable::UnknownFormat { got: format });
    }
    let document: D = decode(bytes, bytes_max)?;
    if encode(&document) != bytes {
        return Err(Unreadable::NotCanonical);
    }
    Ok(document)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::digest::Nonce;
    use crate::document::FleetTime;
    use crate::id::TerminalId;
    use crate::message::{Ack, Up};
    use crate::time::UnixTime;

    #[derive(Debug, Serialize, Deserialize)]
    struct Nest(Vec<Nest>);

    #[test]
    fn nesting_of_a_million_levels_is_refused_and_not_followed() {
        for opening in [0x81, 0xa1, 0xc1, 0x9f] {
            let bytes = vec![opening; 1_000_000];
            assert!(decode::<Nest>(&bytes, usize::MAX).is_err());
            assert!(decode::<Up>(&bytes, usize::MAX).is_err());
        }
    }

    #[test]
    fn absurd_lengths_are_refused_without_being_believed() {
        for major in [0x5b, 0x7b, 0x9b, 0xbb] {
            let mut bytes = vec![major];
            bytes.extend_from_slice(&(1_u64 << 63).to_be_bytes());
            assert!(decode::<serde_bytes::ByteBuf>(&bytes, 64).is_err());
            assert!(decode::<Up>(&bytes, 64).is_err());
        }
    }

    #[test]
    fn trailing_bytes_and_oversize_are_refused() {
        let mut bytes = encode(&Ack { epoch: 1, up_to: 2 });
        assert!(decode::<Ack>(&bytes, bytes.len()).is_ok());
        assert!(matches!(decode::<Ack>(&bytes, bytes.len() - 1), Err(Unreadable::TooLarge { .. })));
        bytes.push(0);
        assert!(matches!(decode::<Ack>(&bytes, 100), Err(Unreadable::Malformed(_))));
    }

    #[test]
    fn a_message_with_a_field_from_the_future_is_read() {
        #[derive(Serialize)]
        struct FutureAck {
            epoch: u32,
            up_to: u64,
            mood: &'static str,
        }
        let bytes = encode(&FutureAck { epoch: 1, up_to: 2, mood: "good" });
        assert_eq!(decode::<Ack>(&bytes, 100).unwrap(), Ack { epoch: 1, up_to: 2 });
    }

    fn fleet_time() -> FleetTime {
        FleetTime {
            format: FORMAT,
            terminal: TerminalId::from_bytes([1; 16]),
            nonce: Nonce([2; 16]),
            at: UnixTime(1_800_000_000),
            roster_version: 3,
            epoch: 4,
            broker: "b:8883".to_owned(),
        }
    }

    /// The bytes with `from`, which occurs once, replaced.
    fn rewritten(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
        let at = bytes.windows(from.len()).position(|here| here == from);
        let (before, rest) = bytes.split_at(at.expect("the bytes hold what is replaced"));
        [before, to, &rest[from.len()..]].concat()
    }

    #[test]
    fn a_document_has_one_way_to_be_written() {
        let bytes = encode(&fleet_time());
        assert_eq!(decode_document::<FleetTime>(&bytes, 500).unwrap(), fleet_time());
        let version = b"roster_version\x03";
        let epoch = b"\x65epoch\x04";
        let corpus = [
            ("a long integer", rewritten(&bytes, version, b"roster_version\x18\x03")),
            ("a long length", rewritten(&bytes, epoch, b"\x78\x05epoch\x04")),
            ("an indefinite map", [&[0xbf], &bytes[1..], &[0xff]].concat()),
            ("a tag", [&[0xd9, 0xd9, 0xf7], bytes.as_slice()].concat()),
            ("a float", rewritten(&bytes, version, b"roster_version\xf9\x42\x00")),
            ("a field twice", {
                let twice = rewritten(&bytes, epoch, b"\x65epoch\x04\x65epoch\x04");
                [&[bytes[0] + 1], &twice[1..]].concat()
            }),
            ("a field of no meaning", {
                let more = rewritten(&bytes, epoch, b"\x65epoch\x04\x61x\x04");
                [&[bytes[0] + 1], &more[1..]].concat()
            }),
            ("something behind it", [bytes.as_slice(), &[0]].concat()),
        ];
        for (case, bytes) in corpus {
            assert!(decode_document::<FleetTime>(&bytes, 500).is_err(), "{case}");
        }
    }

    #[test]
    fn a_document_of_the_future_is_called_that_and_not_damaged() {
        let bytes = encode(&fleet_time());
        let future = rewritten(&bytes, b"\x66format\x01", b"\x66format\x02\x64mood\x64good");
        let future = [&[bytes[0] + 1], &future[1..]].concat();
        let read = decode_document::<FleetTime>(&future, 500);
        assert!(matches!(read, Err(Unreadable::UnknownFormat { got: 2 })), "{read:?}");
    }
}
