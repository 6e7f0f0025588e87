//! Sizes and counts that both sides rely on, each with its reason.

/// One MQTT payload in either direction. An order with its batch and release is about 3 KiB;
/// 64 KiB leaves room for a roster of a few hundred keys and stays under any broker's limit.
pub const MESSAGE_BYTES_MAX: usize = 64 * 1024;

/// One MQTT packet: the payload, its topic (about 60 bytes) and properties.
pub const PACKET_BYTES_MAX: u32 = 68 * 1024;

/// One signed document, signatures included. Anything longer is refused unread.
pub const DOCUMENT_BYTES_MAX: usize = 48 * 1024;

/// Signatures on one document. More approvers than this sign nothing in practice, and each
/// costs a verification on a small processor.
pub const SIGNATURES_MAX: usize = 16;

/// Keys in one roster.
pub const ROSTER_KEYS_MAX: usize = 256;

/// Rosters in one message: a terminal that was away catches up in several messages.
pub const ROSTERS_PER_MESSAGE_MAX: usize = 4;

/// Depth of a Merkle path: 2³² terminals in one batch.
pub const MEMBERSHIP_PATH_MAX: usize = 32;

/// Free text in a report, a reason or a piece of evidence. Longer text is cut by the writer.
pub const TEXT_BYTES_MAX: usize = 512;

/// Pieces of evidence in one receipt: two per step of the longest job.
pub const EVIDENCE_MAX: usize = 64;

/// Orders that a controller sends to one terminal before it has heard `Accepted`.
pub const ORDERS_IN_FLIGHT_MAX: usize = 8;

/// Reports that a terminal sends before it has heard an acknowledgement.
pub const REPORTS_IN_FLIGHT_MAX: usize = 8;

/// An approved (not routine) order may live this long at most: replay protection keeps the ids
/// of such orders for this time and a week.
pub const APPROVED_ORDER_LIFETIME_S_MAX: u64 = 72 * 3600;

/// A routine order may live this long at most: a terminal that was in a drawer for a quarter
/// comes back to no surprises.
pub const ROUTINE_ORDER_LIFETIME_S_MAX: u64 = 90 * 24 * 3600;

/// How far behind the highest sequence number a routine order may still arrive: messages can
/// overtake one another on reconnect, but never by more than what is in flight.
pub const ORDER_SEQ_WINDOW: u64 = 64;

/// Between two hellos on a quiet connection, before jitter: bounds how long a message that the
/// broker lost without a word stays lost.
pub const HELLO_EVERY_S: u64 = 15 * 60;

/// Text cut to [`TEXT_BYTES_MAX`] at a character boundary.
pub fn short_text(text: &str) -> String {
    let mut end = text.len().min(TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

const _: () = assert!(DOCUMENT_BYTES_MAX < MESSAGE_BYTES_MAX);
const _: () = assert!(MESSAGE_BYTES_MAX < PACKET_BYTES_MAX as usize);
