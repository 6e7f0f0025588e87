-- Stores as people describe them, and the windows and freezes that people keep.

ALTER TABLE stores ADD COLUMN region TEXT;
-- How many of its terminals may be disturbed at once.
ALTER TABLE stores ADD COLUMN at_once_max BIGINT;
-- How it sells while its last selling terminal is at it, in words.
ALTER TABLE stores ADD COLUMN fallback TEXT;
-- Counts descriptions; 0 before the first.
ALTER TABLE stores ADD COLUMN version BIGINT NOT NULL DEFAULT 0;
ALTER TABLE stores ADD COLUMN set_at BIGINT;
ALTER TABLE stores ADD COLUMN set_by TEXT;
CREATE INDEX stores_by_region ON stores (region) WHERE region IS NOT NULL;

-- One version of an entry a row: what replaces an entry ends its row.
CREATE TABLE calendars (
    id        BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uid       TEXT NOT NULL,
    -- `download`, `activation` or `freeze`.
    kind      TEXT NOT NULL,
    -- `fleet`, `region` or `store`.
    scope     TEXT NOT NULL,
    -- Which region or store; empty for the fleet.
    subject   TEXT NOT NULL,
    -- The entry, as JSON.
    rule      TEXT NOT NULL,
    summary   TEXT NOT NULL,
    -- Of the entry, from 1.
    version   BIGINT NOT NULL CHECK (version > 0),
    set_at    BIGINT NOT NULL,
    set_by    TEXT NOT NULL,
    set_why   TEXT NOT NULL,
    ended_at  BIGINT,
    ended_by  TEXT,
    ended_why TEXT
);

CREATE UNIQUE INDEX one_standing_calendar ON calendars (scope, subject, kind, uid)
    WHERE ended_at IS NULL;
CREATE UNIQUE INDEX calendars_by_version ON calendars (scope, subject, kind, uid, version);
