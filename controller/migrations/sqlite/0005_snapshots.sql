-- Snapshots, as terminals signed for them.

CREATE TABLE backup_snapshots (
    -- In the order in which they were handed in.
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    -- SHA-256 of the manifest's payload.
    manifest    TEXT NOT NULL UNIQUE,
    terminal    TEXT NOT NULL REFERENCES terminals (id),
    number      INTEGER NOT NULL,
    repository  TEXT NOT NULL REFERENCES backup_repositories (id),
    snapshot    TEXT NOT NULL,
    order_id    TEXT NOT NULL,
    taken_at    INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    -- The number of the newest object that its repository had then: it is made of these.
    objects     INTEGER NOT NULL,
    state       TEXT NOT NULL,
    state_at    INTEGER NOT NULL,
    -- Why it must not go, in the words of who says so.
    held_for    TEXT,
    held_by     TEXT,
    signed      BLOB NOT NULL,
    UNIQUE (terminal, number)
) STRICT;

CREATE INDEX backup_snapshots_by_terminal ON backup_snapshots (terminal, seq);
CREATE INDEX backup_snapshots_by_repository ON backup_snapshots (repository, objects);
CREATE INDEX backup_snapshots_available ON backup_snapshots (terminal, number)
    WHERE state = 'available';
