-- Positions as things of their own, and what they are bound to.

ALTER TABLE positions ADD COLUMN id TEXT;
UPDATE positions SET id = 'pos-' || lower(hex(randomblob(16)));
CREATE UNIQUE INDEX positions_by_id ON positions (id);

ALTER TABLE positions ADD COLUMN state TEXT NOT NULL DEFAULT 'planned';
ALTER TABLE positions ADD COLUMN state_at INTEGER NOT NULL DEFAULT 0;
-- How the shop takes money while the terminal cannot, in words.
ALTER TABLE positions ADD COLUMN fallback TEXT;
ALTER TABLE positions ADD COLUMN merchant_class TEXT;
-- The unit that fills it.
ALTER TABLE positions ADD COLUMN terminal TEXT REFERENCES terminals (id);
UPDATE positions SET state_at = created_at, terminal = (
    SELECT t.id FROM terminals t
    WHERE t.store = positions.store AND t.lane = positions.lane AND t.unit = 'enrolled');
UPDATE positions SET state = 'occupied' WHERE terminal IS NOT NULL;
UPDATE positions SET state = 'vacant' WHERE terminal IS NULL AND EXISTS (
    SELECT 1 FROM terminals t
    WHERE t.store = positions.store AND t.lane = positions.lane AND t.unit = 'revoked');
CREATE UNIQUE INDEX one_position_per_terminal ON positions (terminal) WHERE terminal IS NOT NULL;

CREATE TABLE bindings (
    id         TEXT PRIMARY KEY,
    position   TEXT NOT NULL REFERENCES positions (id),
    provider   TEXT NOT NULL,
    state      TEXT NOT NULL,
    state_at   INTEGER NOT NULL,
    state_by   TEXT NOT NULL,
    state_why  TEXT NOT NULL,
    -- The newest of `binding_versions`; mid and tid are its.
    version    INTEGER NOT NULL,
    mid        TEXT NOT NULL,
    tid        TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL
) STRICT;

CREATE INDEX bindings_by_position ON bindings (position, id);
-- Two positions with one TID would count each other's sales.
CREATE UNIQUE INDEX one_binding_per_tid ON bindings (provider, mid, tid)
    WHERE state NOT IN ('retired', 'failed');
CREATE UNIQUE INDEX one_binding_per_provider ON bindings (position, provider)
    WHERE state NOT IN ('retiring', 'retired', 'failed');

-- The whole tuple, replaced together: no version is ever changed, but for its registration.
CREATE TABLE binding_versions (
    binding                TEXT NOT NULL REFERENCES bindings (id),
    version                INTEGER NOT NULL,
    tuple                  TEXT NOT NULL,
    registration           TEXT NOT NULL,
    registration_reference TEXT,
    registration_at        INTEGER,
    set_at                 INTEGER NOT NULL,
    set_by                 TEXT NOT NULL,
    set_why                TEXT NOT NULL,
    PRIMARY KEY (binding, version)
) STRICT;
