-- Who answers for a sanitisation by hand: two people who mean the same paper are enough.
CREATE TABLE unit_sanitisations (
    unit      INTEGER NOT NULL REFERENCES units (id),
    -- From 1, of each unit.
    seq       INTEGER NOT NULL,
    reference TEXT NOT NULL,
    -- Digest of the paper, which is kept elsewhere.
    paper     TEXT NOT NULL,
    -- Of its terminal: what was said before it enrolled anew counts no more.
    epoch     INTEGER NOT NULL,
    said_by   TEXT NOT NULL,
    why       TEXT NOT NULL,
    said_at   INTEGER NOT NULL,
    PRIMARY KEY (unit, seq)
) STRICT;

CREATE TRIGGER unit_sanitisations_not_changed BEFORE UPDATE ON unit_sanitisations
BEGIN
    SELECT RAISE(ABORT, 'the history of units is append-only');
END;

CREATE TRIGGER unit_sanitisations_not_removed BEFORE DELETE ON unit_sanitisations
BEGIN
    SELECT RAISE(ABORT, 'the history of units is append-only');
END;

-- Those of campaigns that are over are ended.
CREATE INDEX alarms_of_suspensions ON alarms (subject)
    WHERE kind = 'suspension-at-risk' AND ended_at IS NULL;
