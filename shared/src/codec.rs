//! CBOR (RFC 8949) in and out; the only file that knows the CBOR library.
//!
//! Messages tolerate fields they do not know. Documents do not: a payload is accepted only when
//! encoding it again gives the same bytes, which refuses trailing bytes, long forms of integers,
//! duplicate keys and reordered fields in one comparison.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::document::{Document, FORMAT};

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
    serde_cbor::from_slice(bytes).map_err(Unreadable::Malformed)
}

/// Reads the payload of a signed document, written in the canonical way.
pub fn decode_document<D: Document>(bytes: &[u8], bytes_max: usize) -> Result<D, Unreadable> {
    let document: D = decode(bytes, bytes_max)?;
    if document.format() != FORMAT {
        return Err(Unreadable::UnknownFormat { got: document.format() });
    }
    if encode(&document) != bytes {
        return Err(Unreadable::NotCanonical);
    }
    Ok(document)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::message::{Ack, Up};

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
}
