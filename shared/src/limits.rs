//! Sizes and counts that both sides rely on, each with its reason.

/// One MQTT payload in either direction. An order with its batch and release is about 3 KiB;
/// 64 KiB leaves room for a roster of a few hundred keys and stays under any broker's limit.
pub const MESSAGE_BYTES_MAX: usize = 64 * 1024;

/// One MQTT packet: the payload, its topic (about 60 bytes) and properties.
pub const PACKET_BYTES_MAX: u32 = 68 * 1024;

/// What one message takes on the wire, at most: with its topic, its number, no properties, and
/// the header whose length depends on the rest. A broker states what it takes in these terms.
pub fn packet_bytes(topic: &str, payload: &[u8]) -> usize {
    const HEADER_MAX: usize = 1 + 4;
    const LENGTH_NUMBER_PROPERTIES: usize = 2 + 2 + 1;
    HEADER_MAX + LENGTH_NUMBER_PROPERTIES + topic.len() + payload.len()
}

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

/// An approved (not routine) order may live this long at most, but for a wipe of what is lost and
/// the suspension of what was given up: replay protection keeps the ids of such orders until they
/// are over, and a week.
pub const APPROVED_ORDER_LIFETIME_S_MAX: u64 = 72 * 3600;

/// A wipe of a terminal that is lost, stolen or tampered with may live this long at most. Such an
/// order names the challenge and the epoch of one terminal and can be carried out once; theft is
/// found out late, and a till that was stolen is switched on when whoever has it pleases. So may
/// the suspension of one terminal that was given up for another one, which erases nothing.
pub const LOST_WIPE_LIFETIME_S_MAX: u64 = 90 * 24 * 3600;

/// A routine order may live this long at most: a terminal that was in a drawer for a quarter
/// comes back to no surprises.
pub const ROUTINE_ORDER_LIFETIME_S_MAX: u64 = 90 * 24 * 3600;

/// Openings of one part of a calendar: two for each day of the week.
pub const CALENDAR_OPENINGS_MAX: usize = 14;

/// Freezes in one calendar: those of a quarter, which is the longest that an order lives, of the
/// fleet, of a region and of a store together.
pub const CALENDAR_FREEZES_MAX: usize = 32;

/// A spread longer than this leaves too little of a night for the work itself.
pub const CALENDAR_SPREAD_S_MAX: u32 = 4 * 3600;

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

// What takes an order back is routine, and lives as long as the order does.
const _: () = assert!(LOST_WIPE_LIFETIME_S_MAX <= ROUTINE_ORDER_LIFETIME_S_MAX);
const _: () = assert!(APPROVED_ORDER_LIFETIME_S_MAX <= ROUTINE_ORDER_LIFETIME_S_MAX);
const _: () = assert!(DOCUMENT_BYTES_MAX < MESSAGE_BYTES_MAX);
const _: () = assert!(MESSAGE_BYTES_MAX < PACKET_BYTES_MAX as usize);

/// One value in the store: the largest message, and what a journal writes around it.
pub const STORE_VALUE_BYTES_MAX: usize = MESSAGE_BYTES_MAX + 16 * 1024;

/// One key in the store: four ids, with room.
pub const STORE_KEY_BYTES_MAX: usize = 128;

/// What becomes durable together. The database writes each byte up to three times and must not
/// reuse a segment of 512 KiB within one barrier, because only the barrier makes it safe.
pub const STORE_BATCH_BYTES_MAX: usize = 128 * 1024;

/// Entries that a terminal keeps while nobody acknowledges: one a minute for a week.
pub const TERMINAL_QUEUE_RECORDS_MAX: u64 = 10_240;

/// Bytes of these entries: about 3 KiB each, a receipt with its evidence.
pub const TERMINAL_QUEUE_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// Room that only receipts of accepted work may use: `Accepted` and the outcome, for twice the
/// orders that may be in flight, and again for what was waiting already.
pub const TERMINAL_RESERVE_RECORDS: u64 = 4 * ORDERS_IN_FLIGHT_MAX as u64 * 2;

/// Bytes of that room: a receipt may carry a whole message.
pub const TERMINAL_RESERVE_BYTES: u64 = TERMINAL_RESERVE_RECORDS * MESSAGE_BYTES_MAX as u64;

/// Entries that a controller keeps between the wire and its registry: the fleet's hellos and
/// reports of some minutes in which the registry is away. Beyond them terminals keep their own.
pub const CONTROLLER_QUEUE_RECORDS_MAX: u64 = 200_000;

/// Bytes of these entries.
pub const CONTROLLER_QUEUE_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Stays free on a terminal after a release is unpacked, for the till and for the agent's own
/// books.
pub const SLOTS_RESERVE_BYTES: u64 = 64 * 1024 * 1024;

/// File that is given up when the disk is full, so that what runs can be finished and told.
pub const DISK_RESERVE_BYTES: u64 = 16 * 1024 * 1024;

const _: () = assert!(STORE_VALUE_BYTES_MAX < STORE_BATCH_BYTES_MAX);
const _: () = assert!(STORE_KEY_BYTES_MAX < 255 - 1);
const _: () = assert!(TERMINAL_RESERVE_RECORDS < TERMINAL_QUEUE_RECORDS_MAX / 2);
const _: () = assert!(TERMINAL_RESERVE_BYTES < TERMINAL_QUEUE_BYTES_MAX / 2);
