-- What is asked of terminals again and again.

CREATE TABLE backup_schedules (
    name         TEXT COLLATE "C" PRIMARY KEY,
    work         TEXT NOT NULL,
    every        TEXT NOT NULL,
    selector     TEXT NOT NULL,
    max_parallel BIGINT NOT NULL CHECK (max_parallel > 0),
    time_window  TEXT,
    set_at       BIGINT NOT NULL,
    set_by       TEXT NOT NULL,
    -- When its next campaign is to be made.
    next_at      BIGINT NOT NULL
);

CREATE INDEX backup_schedules_due ON backup_schedules (next_at);
