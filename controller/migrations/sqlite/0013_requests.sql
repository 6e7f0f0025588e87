-- Who asked for a change and how that was verified, and what people find suspicious.

CREATE TABLE requests (
    id           TEXT PRIMARY KEY,
    kind         TEXT NOT NULL,
    -- What was asked for, as it was asked.
    asked        TEXT NOT NULL,
    state        TEXT NOT NULL,
    state_at     INTEGER NOT NULL,
    state_by     TEXT NOT NULL,
    state_why    TEXT NOT NULL,
    -- Where a frozen one goes on.
    frozen_from  TEXT,
    verification TEXT,
    review       TEXT,
    campaign     TEXT REFERENCES campaigns (id),
    created_at   INTEGER NOT NULL,
    created_by   TEXT NOT NULL
) STRICT;

CREATE UNIQUE INDEX one_request_per_campaign ON requests (campaign) WHERE campaign IS NOT NULL;

-- While one is not lifted, nothing is released or sent within its scope.
CREATE TABLE suspicions (
    seq       INTEGER PRIMARY KEY AUTOINCREMENT,
    -- `terminal`, `store` or `request`.
    scope     TEXT NOT NULL,
    subject   TEXT NOT NULL,
    -- Tells a report that is heard twice from another one.
    source    TEXT NOT NULL,
    note      TEXT NOT NULL,
    raised_at INTEGER NOT NULL,
    raised_by TEXT NOT NULL,
    -- The first of the two people who lift it.
    asked_at  INTEGER,
    asked_by  TEXT,
    asked_why TEXT,
    -- The second.
    lifted_at  INTEGER,
    lifted_by  TEXT,
    lifted_why TEXT,
    UNIQUE (scope, subject, source)
) STRICT;

CREATE INDEX suspicions_open ON suspicions (scope, subject) WHERE lifted_at IS NULL;
