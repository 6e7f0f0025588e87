-- Providers, their fees and contracts, and what works together: documents in versions.

CREATE TABLE provider_records (
    kind    TEXT NOT NULL,
    key     TEXT NOT NULL,
    version INTEGER NOT NULL CHECK (version > 0),
    -- 1 for the newest version, 0 for every other one.
    newest  INTEGER NOT NULL CHECK (newest IN (0, 1)),
    -- The document, as JSON.
    body    TEXT NOT NULL,
    set_at  INTEGER NOT NULL,
    set_by  TEXT NOT NULL,
    why     TEXT NOT NULL,
    PRIMARY KEY (kind, key, version)
) STRICT;

CREATE UNIQUE INDEX provider_records_newest ON provider_records (kind, key) WHERE newest = 1;

-- What people vouched for. It counts as long as the part with this digest is as it was.
CREATE TABLE provider_vouches (
    kind    TEXT NOT NULL,
    key     TEXT NOT NULL,
    matter  TEXT NOT NULL,
    digest  TEXT NOT NULL,
    said_by TEXT NOT NULL,
    said_at INTEGER NOT NULL,
    why     TEXT NOT NULL,
    PRIMARY KEY (kind, key, matter, digest, said_by, said_at)
) STRICT;

-- Alerts that are not told again.
CREATE TABLE provider_alerts_seen (
    alert   TEXT PRIMARY KEY,
    seen_by TEXT NOT NULL,
    seen_at INTEGER NOT NULL
) STRICT;
