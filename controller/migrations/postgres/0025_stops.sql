-- Who was told of a change, whatever it is about: a change of provider (by the campaign of its
-- first wave), or terminals that stop (by their request). Ids of different kinds never clash.
CREATE TABLE notices (
    about           TEXT NOT NULL,
    party           TEXT NOT NULL,
    channel         TEXT NOT NULL,
    reference       TEXT NOT NULL,
    sent_at         BIGINT NOT NULL,
    delivered_at    BIGINT,
    acknowledged_at BIGINT,
    recorded_at     BIGINT NOT NULL,
    recorded_by     TEXT NOT NULL,
    PRIMARY KEY (about, party)
);

INSERT INTO notices (about, party, channel, reference, sent_at, delivered_at, acknowledged_at,
        recorded_at, recorded_by)
    SELECT rebind, party, channel, reference, sent_at, delivered_at, acknowledged_at, recorded_at,
        recorded_by
    FROM rebind_notices;
DROP TABLE rebind_notices;

-- Letters and handover lists as they were made, as a page and as plain text. None is ever changed.
CREATE TABLE papers (
    about   TEXT NOT NULL,
    digest  TEXT NOT NULL,
    party   TEXT NOT NULL,
    html    TEXT NOT NULL,
    plain   TEXT NOT NULL,
    made_at BIGINT NOT NULL,
    made_by TEXT NOT NULL,
    PRIMARY KEY (about, digest)
);

INSERT INTO papers (about, digest, party, html, plain, made_at, made_by)
    SELECT rebind, digest, party, html, '', made_at, made_by FROM rebind_papers;
DROP TABLE rebind_papers;

-- The moment at which terminals are to stop, as it is told to parties before anything is ordered.
-- The newest one counts.
CREATE TABLE stop_announcements (
    request         TEXT NOT NULL REFERENCES requests (id),
    -- From 1, of each request.
    number          BIGINT NOT NULL,
    cut_off         BIGINT NOT NULL,
    resume_expected BIGINT,
    announced_at    BIGINT NOT NULL,
    announced_by    TEXT NOT NULL,
    PRIMARY KEY (request, number)
);

-- What people do before and after terminals stop.
CREATE TABLE stop_items (
    request  TEXT NOT NULL REFERENCES requests (id),
    item     TEXT NOT NULL,
    what     TEXT NOT NULL,
    owner    TEXT NOT NULL,
    due_at   BIGINT NOT NULL,
    done_at  BIGINT,
    -- Who has done it, and the operator who wrote that down.
    done_by  TEXT,
    noted_by TEXT,
    note     TEXT NOT NULL,
    PRIMARY KEY (request, item)
);

-- What is owed where terminals are decommissioned, and what was paid.
CREATE TABLE ledger_entries (
    request      TEXT NOT NULL REFERENCES requests (id),
    -- From 1, of each request.
    seq          BIGINT NOT NULL,
    kind         TEXT NOT NULL,
    amount_minor BIGINT NOT NULL,
    currency     TEXT NOT NULL,
    serial       TEXT,
    cause        TEXT,
    liability    TEXT,
    reference    TEXT NOT NULL,
    note         TEXT NOT NULL,
    -- The entry that this one takes back.
    reverses     BIGINT,
    entered_at   BIGINT NOT NULL,
    entered_by   TEXT NOT NULL,
    PRIMARY KEY (request, seq)
);

CREATE UNIQUE INDEX one_reversal_per_entry ON ledger_entries (request, reverses)
    WHERE reverses IS NOT NULL;

CREATE FUNCTION ledger_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is append-only';
END;
$$;

CREATE TRIGGER ledger_entries_are_not_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_entries
    EXECUTE FUNCTION ledger_is_append_only();

-- Decommissionings that are behind everybody. None is ever changed.
CREATE TABLE stop_closings (
    request   TEXT PRIMARY KEY REFERENCES requests (id),
    note      TEXT NOT NULL,
    -- What was found, and who answered for what, as JSON.
    found     TEXT NOT NULL,
    closed_at BIGINT NOT NULL,
    closed_by TEXT NOT NULL
);
