-- One terminal takes the place of another: each is one request, and two units.

CREATE TABLE replacements (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    request      TEXT NOT NULL REFERENCES requests (id),
    old_serial   TEXT NOT NULL,
    old_terminal TEXT NOT NULL REFERENCES terminals (id),
    position     TEXT NOT NULL REFERENCES positions (id),
    -- Of the new unit, once one is allocated.
    new_serial   TEXT,
    -- What was asked for, as JSON.
    form         TEXT NOT NULL,
    -- What was said since, as JSON.
    progress     TEXT NOT NULL,
    state        TEXT NOT NULL,
    state_at     INTEGER NOT NULL,
    state_by     TEXT NOT NULL,
    state_why    TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    created_by   TEXT NOT NULL
) STRICT;

-- Nothing is part of two at a time.
CREATE UNIQUE INDEX one_replacement_per_terminal ON replacements (old_terminal)
    WHERE state NOT IN ('closed', 'cancelled');
CREATE UNIQUE INDEX one_replacement_per_position ON replacements (position)
    WHERE state NOT IN ('closed', 'cancelled');
CREATE UNIQUE INDEX one_replacement_per_new_unit ON replacements (new_serial)
    WHERE state NOT IN ('closed', 'cancelled');
CREATE INDEX replacements_by_request ON replacements (request);

CREATE TABLE replacement_events (
    replacement INTEGER NOT NULL REFERENCES replacements (id),
    -- From 1, of each replacement.
    seq         INTEGER NOT NULL,
    event       TEXT NOT NULL,
    state_from  TEXT NOT NULL,
    state_to    TEXT NOT NULL,
    moved_by    TEXT NOT NULL,
    why         TEXT NOT NULL,
    moved_at    INTEGER NOT NULL,
    PRIMARY KEY (replacement, seq)
) STRICT;

CREATE TRIGGER replacement_events_not_changed BEFORE UPDATE ON replacement_events
BEGIN
    SELECT RAISE(ABORT, 'the history of replacements is append-only');
END;

CREATE TRIGGER replacement_events_not_removed BEFORE DELETE ON replacement_events
BEGIN
    SELECT RAISE(ABORT, 'the history of replacements is append-only');
END;
