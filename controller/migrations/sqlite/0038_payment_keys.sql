-- What people say of the payment keys of a terminal.
CREATE TABLE payment_keys (
    terminal    TEXT NOT NULL REFERENCES terminals (id),
    -- The epoch of the terminal: who was erased and enrolled anew has other keys.
    epoch       INTEGER NOT NULL,
    kind        TEXT NOT NULL,
    -- The last day on which they are good; without one they are gone.
    valid_until TEXT,
    said_by     TEXT NOT NULL,
    recorded_at INTEGER NOT NULL,
    recorded_by TEXT NOT NULL,
    PRIMARY KEY (terminal, epoch, kind)
) STRICT;
