-- The registry's first form, for SQLite. `migrations/postgres` has the same tables.
-- Ids, digests and keys are texts, points in time are seconds since 1970, flags are 0 or 1.

CREATE TABLE fleet (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    id  TEXT NOT NULL
) STRICT;

CREATE TABLE operators (
    name       TEXT PRIMARY KEY,
    token_hash TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE rosters (
    version  INTEGER PRIMARY KEY,
    digest   TEXT NOT NULL UNIQUE,
    signed   BLOB NOT NULL,
    added_at INTEGER NOT NULL
) STRICT;

-- Progress is read here and never counted: one row per question, changed with what it counts.
CREATE TABLE counters (
    scope TEXT NOT NULL,
    name  TEXT NOT NULL,
    count INTEGER NOT NULL CHECK (count >= 0),
    PRIMARY KEY (scope, name)
) STRICT;

CREATE TABLE stores (
    id         TEXT PRIMARY KEY,
    created_at INTEGER NOT NULL
) STRICT;

-- Where a terminal can stand, whichever unit stands there.
CREATE TABLE positions (
    store      TEXT NOT NULL REFERENCES stores (id),
    lane       TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (store, lane)
) STRICT;

CREATE TABLE terminals (
    id                     TEXT PRIMARY KEY,
    serial                 TEXT NOT NULL UNIQUE,
    model                  TEXT NOT NULL,
    store                  TEXT NOT NULL REFERENCES stores (id),
    lane                   TEXT,
    labels                 TEXT NOT NULL,
    zone                   TEXT NOT NULL,
    -- 0 to 255: which controller and which broker serve it, once there are several.
    shard                  INTEGER NOT NULL,
    unit                   TEXT NOT NULL,
    epoch                  INTEGER NOT NULL,
    public_key             TEXT,
    certificate            TEXT,
    certificate_expires_at INTEGER,
    presence               TEXT NOT NULL,
    last_seen_at           INTEGER,
    working_on             TEXT,
    -- The last hello.
    heard_at               INTEGER,
    agent_version          TEXT,
    components             TEXT,
    roster_version         INTEGER,
    outbox_depth           INTEGER,
    outbox_dropped         INTEGER,
    -- The last telemetry.
    telemetry_at           INTEGER,
    disk_free_bytes        INTEGER,
    orders_refused         INTEGER,
    messages_unreadable    INTEGER,
    -- The highest routine sequence number of this epoch.
    order_seq              INTEGER NOT NULL,
    deliver_at             INTEGER,
    created_at             INTEGER NOT NULL,
    FOREIGN KEY (store, lane) REFERENCES positions (store, lane)
) STRICT;

CREATE UNIQUE INDEX one_enrolled_terminal_per_position
    ON terminals (store, lane) WHERE lane IS NOT NULL AND unit = 'enrolled';
CREATE INDEX terminals_due ON terminals (deliver_at)
    WHERE deliver_at IS NOT NULL AND presence = 'online';
CREATE INDEX terminals_online ON terminals (last_seen_at) WHERE presence = 'online';

CREATE TABLE claims (
    id            TEXT PRIMARY KEY,
    terminal      TEXT NOT NULL REFERENCES terminals (id),
    serial        TEXT NOT NULL,
    model         TEXT NOT NULL,
    store         TEXT NOT NULL,
    lane          TEXT,
    labels        TEXT NOT NULL,
    zone          TEXT NOT NULL,
    claim_key     TEXT NOT NULL,
    expires_at    INTEGER NOT NULL,
    wrong_guesses INTEGER NOT NULL,
    state         TEXT NOT NULL,
    used_by       TEXT,
    used_at       INTEGER,
    created_at    INTEGER NOT NULL,
    created_by    TEXT NOT NULL
) STRICT;

CREATE INDEX claims_by_serial ON claims (serial, id);
CREATE UNIQUE INDEX one_open_claim_per_terminal ON claims (terminal) WHERE state = 'open';

CREATE TABLE artifacts (
    sha256    TEXT PRIMARY KEY,
    size      INTEGER NOT NULL,
    stored_at INTEGER NOT NULL
) STRICT;

CREATE TABLE releases (
    digest           TEXT PRIMARY KEY,
    component        TEXT NOT NULL,
    version          TEXT NOT NULL,
    security_counter INTEGER NOT NULL,
    artifact         TEXT NOT NULL,
    expires_at       INTEGER NOT NULL,
    signed           BLOB NOT NULL,
    published_at     INTEGER NOT NULL,
    published_by     TEXT NOT NULL
) STRICT;

CREATE INDEX releases_by_age ON releases (published_at, digest);

CREATE TABLE campaigns (
    id           TEXT PRIMARY KEY,
    name         TEXT,
    change       BLOB NOT NULL,
    release      TEXT REFERENCES releases (digest),
    selector     TEXT NOT NULL,
    max_parallel INTEGER NOT NULL CHECK (max_parallel > 0),
    lifetime_s   INTEGER NOT NULL,
    salt         TEXT NOT NULL,
    state        TEXT NOT NULL,
    state_at     INTEGER NOT NULL,
    state_by     TEXT NOT NULL,
    state_why    TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    created_by   TEXT NOT NULL,
    started_at   INTEGER,
    not_after    INTEGER,
    members      INTEGER,
    root         TEXT,
    batch        TEXT,
    ended_at     INTEGER,
    held         TEXT NOT NULL
) STRICT;

CREATE INDEX campaigns_in_motion ON campaigns (id) WHERE state <> 'draft' AND ended_at IS NULL;

-- One row per campaign, however many members it has: their ids, sorted, 16 bytes each.
CREATE TABLE memberships (
    campaign TEXT PRIMARY KEY REFERENCES campaigns (id),
    digest   TEXT NOT NULL,
    ids      BLOB NOT NULL
) STRICT;

CREATE TABLE batches (
    digest     TEXT PRIMARY KEY,
    id         TEXT NOT NULL UNIQUE,
    campaign   TEXT NOT NULL REFERENCES campaigns (id),
    purpose    TEXT NOT NULL,
    signed     BLOB NOT NULL,
    not_before INTEGER NOT NULL,
    not_after  INTEGER NOT NULL,
    UNIQUE (campaign, purpose)
) STRICT;

CREATE TABLE orders (
    id        TEXT PRIMARY KEY,
    terminal  TEXT NOT NULL REFERENCES terminals (id),
    epoch     INTEGER NOT NULL,
    stream    TEXT NOT NULL,
    seq       INTEGER NOT NULL,
    campaign  TEXT NOT NULL REFERENCES campaigns (id),
    purpose   TEXT NOT NULL,
    attempt   INTEGER NOT NULL,
    batch     TEXT NOT NULL REFERENCES batches (digest),
    signed    BLOB NOT NULL,
    not_after INTEGER NOT NULL,
    made_at   INTEGER NOT NULL,
    owed      INTEGER NOT NULL,
    sends     INTEGER NOT NULL,
    sent_at   INTEGER,
    -- A sequence number is never used twice.
    UNIQUE (terminal, epoch, stream, seq)
) STRICT;

CREATE INDEX orders_owed ON orders (terminal, seq) WHERE owed = 1;
CREATE INDEX orders_owed_by_campaign ON orders (campaign) WHERE owed = 1;

CREATE TABLE assignments (
    campaign     TEXT NOT NULL REFERENCES campaigns (id),
    terminal     TEXT NOT NULL REFERENCES terminals (id),
    order_id     TEXT NOT NULL UNIQUE REFERENCES orders (id),
    attempt      INTEGER NOT NULL,
    epoch        INTEGER NOT NULL,
    -- What `standing` says, for indices and for people.
    state        TEXT NOT NULL,
    since_at     INTEGER NOT NULL,
    ended        INTEGER NOT NULL,
    voided       INTEGER NOT NULL,
    cancel_order TEXT REFERENCES orders (id),
    standing     TEXT NOT NULL,
    PRIMARY KEY (campaign, terminal)
) STRICT;

CREATE INDEX assignments_by_state ON assignments (campaign, state, since_at);
CREATE INDEX assignments_by_terminal ON assignments (terminal, campaign);
CREATE INDEX assignments_voided ON assignments (campaign, terminal) WHERE voided = 1 AND ended = 0;
CREATE INDEX assignments_to_cancel ON assignments (campaign, terminal)
    WHERE cancel_order IS NULL AND ended = 0;

-- Up to where everything that a terminal reported has been applied.
CREATE TABLE report_cursors (
    terminal TEXT NOT NULL REFERENCES terminals (id),
    epoch    INTEGER NOT NULL,
    up_to    INTEGER NOT NULL,
    PRIMARY KEY (terminal, epoch)
) STRICT;

CREATE TABLE receipts (
    -- Of the signed bytes.
    digest      TEXT PRIMARY KEY,
    terminal    TEXT NOT NULL REFERENCES terminals (id),
    order_id    TEXT NOT NULL,
    said        TEXT NOT NULL,
    said_at     INTEGER NOT NULL,
    signed      BLOB NOT NULL,
    received_at INTEGER NOT NULL
) STRICT;

CREATE INDEX receipts_by_order ON receipts (order_id, said_at);

CREATE TABLE alarms (
    seq      INTEGER PRIMARY KEY AUTOINCREMENT,
    terminal TEXT NOT NULL REFERENCES terminals (id),
    kind     TEXT NOT NULL,
    subject  TEXT NOT NULL,
    detail   TEXT NOT NULL,
    -- What raised it, where it is bytes that were put aside.
    evidence BLOB,
    at       INTEGER NOT NULL,
    UNIQUE (terminal, kind, subject)
) STRICT;

CREATE TABLE audit (
    seq      INTEGER PRIMARY KEY,
    at       INTEGER NOT NULL,
    who      TEXT NOT NULL,
    what     TEXT NOT NULL,
    object   TEXT NOT NULL,
    detail   TEXT NOT NULL,
    previous TEXT NOT NULL,
    digest   TEXT NOT NULL
) STRICT;

CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;

CREATE TRIGGER audit_is_not_shortened BEFORE DELETE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
