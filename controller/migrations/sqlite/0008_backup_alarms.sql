-- Backups that are missed, drills and what they found, and full backups that wait for a settlement.

-- When what raised it was over; one that only a person can end has none.
ALTER TABLE alarms ADD COLUMN ended_at INTEGER;

-- How long a terminal may wait for its till's batch to be settled.
ALTER TABLE backup_schedules ADD COLUMN settlement_s INTEGER;

-- The classes of what a snapshot holds, with a space around each; NULL of those that were handed
-- in before, which count for every class.
ALTER TABLE backup_snapshots ADD COLUMN classes TEXT;

-- When the newest available snapshot with data of a class was taken; NULL when none is left.
CREATE TABLE backup_coverage (
    terminal TEXT NOT NULL REFERENCES terminals (id),
    class    TEXT NOT NULL,
    taken_at INTEGER,
    PRIMARY KEY (terminal, class)
) STRICT;

-- Whose backups and drills are looked after: every enrolled terminal.
CREATE TABLE backup_watch (
    terminal   TEXT PRIMARY KEY REFERENCES terminals (id),
    -- When it enrolled.
    since_at   INTEGER NOT NULL,
    -- When its first snapshot became available.
    saved_at   INTEGER,
    -- The end of its newest backup job, and how that failed, if it did.
    tried_at   INTEGER,
    failed_as  TEXT,
    failure    TEXT,
    -- The classes that are overdue, with a space between them.
    overdue    TEXT NOT NULL,
    look_at    INTEGER,
    -- Rises with whatever the next look depends on.
    changes    INTEGER NOT NULL
) STRICT;

CREATE INDEX backup_watch_due ON backup_watch (look_at) WHERE look_at IS NOT NULL;

-- What came of restores that were rehearsed, by the signed word of the terminal.
CREATE TABLE backup_drills (
    seq       INTEGER PRIMARY KEY AUTOINCREMENT,
    order_id  TEXT NOT NULL UNIQUE,
    terminal  TEXT NOT NULL REFERENCES terminals (id),
    campaign  TEXT NOT NULL REFERENCES campaigns (id),
    -- SHA-256 of the payload of the manifest of what was restored; NULL when it did not come so far.
    manifest  TEXT,
    -- What the scratch till counted.
    counted   TEXT NOT NULL,
    took_ms   INTEGER,
    outcome   TEXT NOT NULL,
    -- How it failed, if it did.
    failed_as TEXT,
    detail    TEXT NOT NULL,
    at        INTEGER NOT NULL
) STRICT;

CREATE INDEX backup_drills_by_terminal ON backup_drills (terminal, at);

INSERT INTO backup_coverage (terminal, class, taken_at)
    SELECT s.terminal, c.class,
        MAX(CASE WHEN s.taken_at < s.received_at THEN s.taken_at ELSE s.received_at END)
    FROM backup_snapshots s CROSS JOIN (
        SELECT 'transactions' AS class UNION ALL SELECT 'batch' UNION ALL SELECT 'journal'
        UNION ALL SELECT 'config' UNION ALL SELECT 'sales' UNION ALL SELECT 'inventory'
        UNION ALL SELECT 'customers'
    ) c
    WHERE s.state = 'available' GROUP BY s.terminal, c.class;

INSERT INTO backup_watch (terminal, since_at, saved_at, overdue, look_at, changes)
    SELECT t.id,
        COALESCE((SELECT MAX(used_at) FROM claims WHERE claims.terminal = t.id), t.created_at),
        (SELECT MIN(state_at) FROM backup_snapshots s
            WHERE s.terminal = t.id AND s.state = 'available'),
        '', 0, 0
    FROM terminals t WHERE t.unit = 'enrolled';
