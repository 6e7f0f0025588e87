-- What a person should look at can be about no terminal: somebody finds a whole request
-- suspicious.

CREATE TABLE alarms_of_any (
    seq      INTEGER PRIMARY KEY AUTOINCREMENT,
    terminal TEXT REFERENCES terminals (id),
    kind     TEXT NOT NULL,
    subject  TEXT NOT NULL,
    detail   TEXT NOT NULL,
    -- What raised it, where it is bytes that were put aside.
    evidence BLOB,
    at       INTEGER NOT NULL,
    -- When what raised it was over; one that only a person can end has none.
    ended_at INTEGER,
    UNIQUE (terminal, kind, subject)
) STRICT;

INSERT INTO alarms_of_any (seq, terminal, kind, subject, detail, evidence, at, ended_at)
    SELECT seq, terminal, kind, subject, detail, evidence, at, ended_at FROM alarms;

DROP TABLE alarms;

ALTER TABLE alarms_of_any RENAME TO alarms;

CREATE UNIQUE INDEX alarms_of_no_terminal ON alarms (kind, subject) WHERE terminal IS NULL;

-- Kept with every change from here on.
INSERT INTO counters (scope, name, count)
    SELECT 'fleet', 'suspicions', COUNT(*) FROM suspicions WHERE lifted_at IS NULL;
