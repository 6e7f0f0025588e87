-- The registry's first form, for PostgreSQL. `migrations/sqlite` has the same tables.
-- Ids, digests and keys are texts, points in time are seconds since 1970, flags are 0 or 1.

CREATE TABLE fleet (
    one BIGINT PRIMARY KEY CHECK (one = 1),
    id  TEXT NOT NULL
);

CREATE TABLE operators (
    name       TEXT COLLATE "C" PRIMARY KEY,
    token_hash TEXT NOT NULL UNIQUE,
    created_at BIGINT NOT NULL
);

CREATE TABLE rosters (
    version  BIGINT PRIMARY KEY,
    digest   TEXT NOT NULL UNIQUE,
    signed   BYTEA NOT NULL,
    added_at BIGINT NOT NULL
);

-- Progress is read here and never counted: one row per question, changed with what it counts.
CREATE TABLE counters (
    scope TEXT NOT NULL,
    name  TEXT NOT NULL,
    count BIGINT NOT NULL CHECK (count >= 0),
    PRIMARY KEY (scope, name)
);

CREATE TABLE stores (
    id         TEXT PRIMARY KEY,
    created_at BIGINT NOT NULL
);

-- Where a terminal can stand, whichever unit stands there.
CREATE TABLE positions (
    store      TEXT NOT NULL REFERENCES stores (id),
    lane       TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (store, lane)
);

CREATE TABLE terminals (
    id                     TEXT PRIMARY KEY,
    serial                 TEXT NOT NULL UNIQUE,
    model                  TEXT NOT NULL,
    store                  TEXT NOT NULL REFERENCES stores (id),
    lane                   TEXT,
    labels                 TEXT NOT NULL,
    zone                   TEXT NOT NULL,
    -- 0 to 255: which controller and which broker serve it, once there are several.
    shard                  BIGINT NOT NULL,
    unit                   TEXT NOT NULL,
    epoch                  BIGINT NOT NULL,
    public_key             TEXT,
    certificate            TEXT,
    certificate_expires_at BIGINT,
    presence               TEXT NOT NULL,
    last_seen_at           BIGINT,
    working_on             TEXT,
    -- The last hello.
    heard_at               BIGINT,
    agent_version          TEXT,
    components             TEXT,
    roster_version         BIGINT,
    outbox_depth           BIGINT,
    outbox_dropped         BIGINT,
    -- The last telemetry.
    telemetry_at           BIGINT,
    disk_free_bytes        BIGINT,
    orders_refused         BIGINT,
    messages_unreadable    BIGINT,
    -- The highest routine sequence number of this epoch.
    order_seq              BIGINT NOT NULL,
    deliver_at             BIGINT,
    created_at             BIGINT NOT NULL,
    FOREIGN KEY (store, lane) REFERENCES positions (store, lane)
);

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
    expires_at    BIGINT NOT NULL,
    wrong_guesses BIGINT NOT NULL,
    state         TEXT NOT NULL,
    used_by       TEXT,
    used_at       BIGINT,
    created_at    BIGINT NOT NULL,
    created_by    TEXT NOT NULL
);

CREATE INDEX claims_by_serial ON claims (serial, id);
CREATE UNIQUE INDEX one_open_claim_per_terminal ON claims (terminal) WHERE state = 'open';

CREATE TABLE artifacts (
    sha256    TEXT PRIMARY KEY,
    size      BIGINT NOT NULL,
    stored_at BIGINT NOT NULL
);

CREATE TABLE releases (
    digest           TEXT PRIMARY KEY,
    component        TEXT NOT NULL,
    version          TEXT NOT NULL,
    security_counter BIGINT NOT NULL,
    artifact         TEXT NOT NULL,
    expires_at       BIGINT NOT NULL,
    signed           BYTEA NOT NULL,
    published_at     BIGINT NOT NULL,
    published_by     TEXT NOT NULL
);

CREATE INDEX releases_by_age ON releases (published_at, digest);

CREATE TABLE campaigns (
    id           TEXT PRIMARY KEY,
    name         TEXT,
    change       BYTEA NOT NULL,
    release      TEXT REFERENCES releases (digest),
    selector     TEXT NOT NULL,
    max_parallel BIGINT NOT NULL CHECK (max_parallel > 0),
    lifetime_s   BIGINT NOT NULL,
    salt         TEXT NOT NULL,
    state        TEXT NOT NULL,
    state_at     BIGINT NOT NULL,
    state_by     TEXT NOT NULL,
    state_why    TEXT NOT NULL,
    created_at   BIGINT NOT NULL,
    created_by   TEXT NOT NULL,
    started_at   BIGINT,
    not_after    BIGINT,
    members      BIGINT,
    root         TEXT,
    batch        TEXT,
    ended_at     BIGINT,
    held         TEXT NOT NULL
);

CREATE INDEX campaigns_in_motion ON campaigns (id) WHERE state <> 'draft' AND ended_at IS NULL;

-- One row per campaign, however many members it has: their ids, sorted, 16 bytes each.
CREATE TABLE memberships (
    campaign TEXT PRIMARY KEY REFERENCES campaigns (id),
    digest   TEXT NOT NULL,
    ids      BYTEA NOT NULL
);

CREATE TABLE batches (
    digest     TEXT PRIMARY KEY,
    id         TEXT NOT NULL UNIQUE,
    campaign   TEXT NOT NULL REFERENCES campaigns (id),
    purpose    TEXT NOT NULL,
    signed     BYTEA NOT NULL,
    not_before BIGINT NOT NULL,
    not_after  BIGINT NOT NULL,
    UNIQUE (campaign, purpose)
);

CREATE TABLE orders (
    id        TEXT PRIMARY KEY,
    terminal  TEXT NOT NULL REFERENCES terminals (id),
    epoch     BIGINT NOT NULL,
    stream    TEXT NOT NULL,
    seq       BIGINT NOT NULL,
    campaign  TEXT NOT NULL REFERENCES campaigns (id),
    purpose   TEXT NOT NULL,
    attempt   BIGINT NOT NULL,
    batch     TEXT NOT NULL REFERENCES batches (digest),
    signed    BYTEA NOT NULL,
    not_after BIGINT NOT NULL,
    made_at   BIGINT NOT NULL,
    owed      BIGINT NOT NULL,
    sends     BIGINT NOT NULL,
    sent_at   BIGINT,
    -- A sequence number is never used twice.
    UNIQUE (terminal, epoch, stream, seq)
);

CREATE INDEX orders_owed ON orders (terminal, seq) WHERE owed = 1;
CREATE INDEX orders_owed_by_campaign ON orders (campaign) WHERE owed = 1;

CREATE TABLE assignments (
    campaign     TEXT NOT NULL REFERENCES campaigns (id),
    terminal     TEXT NOT NULL REFERENCES terminals (id),
    order_id     TEXT NOT NULL UNIQUE REFERENCES orders (id),
    attempt      BIGINT NOT NULL,
    epoch        BIGINT NOT NULL,
    -- What `standing` says, for indices and for people.
    state        TEXT NOT NULL,
    since_at     BIGINT NOT NULL,
    ended        BIGINT NOT NULL,
    voided       BIGINT NOT NULL,
    cancel_order TEXT REFERENCES orders (id),
    standing     TEXT NOT NULL,
    PRIMARY KEY (campaign, terminal)
);

CREATE INDEX assignments_by_state ON assignments (campaign, state, since_at);
CREATE INDEX assignments_by_terminal ON assignments (terminal, campaign);
CREATE INDEX assignments_voided ON assignments (campaign, terminal) WHERE voided = 1 AND ended = 0;
CREATE INDEX assignments_to_cancel ON assignments (campaign, terminal)
    WHERE cancel_order IS NULL AND ended = 0;

-- Up to where everything that a terminal reported has been applied.
CREATE TABLE report_cursors (
    terminal TEXT NOT NULL REFERENCES terminals (id),
    epoch    BIGINT NOT NULL,
    up_to    BIGINT NOT NULL,
    PRIMARY KEY (terminal, epoch)
);

CREATE TABLE receipts (
    -- Of the signed bytes.
    digest      TEXT PRIMARY KEY,
    terminal    TEXT NOT NULL REFERENCES terminals (id),
    order_id    TEXT NOT NULL,
    said        TEXT NOT NULL,
    said_at     BIGINT NOT NULL,
    signed      BYTEA NOT NULL,
    received_at BIGINT NOT NULL
);

CREATE INDEX receipts_by_order ON receipts (order_id, said_at);

CREATE TABLE alarms (
    seq      BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    terminal TEXT NOT NULL REFERENCES terminals (id),
    kind     TEXT NOT NULL,
    subject  TEXT NOT NULL,
    detail   TEXT NOT NULL,
    -- What raised it, where it is bytes that were put aside.
    evidence BYTEA,
    at       BIGINT NOT NULL,
    UNIQUE (terminal, kind, subject)
);

CREATE TABLE audit (
    seq      BIGINT PRIMARY KEY,
    at       BIGINT NOT NULL,
    who      TEXT NOT NULL,
    what     TEXT NOT NULL,
    object   TEXT NOT NULL,
    detail   TEXT NOT NULL,
    previous TEXT NOT NULL,
    digest   TEXT NOT NULL
);

CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only';
END;
$$;

CREATE TRIGGER audit_is_not_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
    EXECUTE FUNCTION audit_is_append_only();
