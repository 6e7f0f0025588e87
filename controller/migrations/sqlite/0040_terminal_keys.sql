-- The keys of terminals, by the epoch with which each began: what was signed before a new enrolment,
-- and is told after it, is proven by the key of its time.
CREATE TABLE terminal_keys (
    terminal   TEXT NOT NULL REFERENCES terminals (id),
    epoch      INTEGER NOT NULL,
    public_key TEXT NOT NULL,
    PRIMARY KEY (terminal, epoch)
) STRICT;

INSERT INTO terminal_keys (terminal, epoch, public_key)
SELECT id, epoch, public_key FROM terminals WHERE public_key IS NOT NULL;
