-- Who answers for a sanitisation by hand: two people who mean the same paper are enough.
CREATE TABLE unit_sanitisations (
    unit      BIGINT NOT NULL REFERENCES units (id),
    -- From 1, of each unit.
    seq       BIGINT NOT NULL,
    reference TEXT NOT NULL,
    -- Digest of the paper, which is kept elsewhere.
    paper     TEXT NOT NULL,
    -- Of its terminal: what was said before it enrolled anew counts no more.
    epoch     BIGINT NOT NULL,
    said_by   TEXT NOT NULL,
    why       TEXT NOT NULL,
    said_at   BIGINT NOT NULL,
    PRIMARY KEY (unit, seq)
);

CREATE TRIGGER unit_sanitisations_are_not_changed
    BEFORE UPDATE OR DELETE OR TRUNCATE ON unit_sanitisations
    EXECUTE FUNCTION units_history_is_append_only();

-- Those of campaigns that are over are ended.
CREATE INDEX alarms_of_suspensions ON alarms (subject)
    WHERE kind = 'suspension-at-risk' AND ended_at IS NULL;
