-- What a person should look at can be about no terminal: somebody finds a whole request
-- suspicious.

ALTER TABLE alarms ALTER COLUMN terminal DROP NOT NULL;

CREATE UNIQUE INDEX alarms_of_no_terminal ON alarms (kind, subject) WHERE terminal IS NULL;

-- Kept with every change from here on.
INSERT INTO counters (scope, name, count)
    SELECT 'fleet', 'suspicions', COUNT(*) FROM suspicions WHERE lifted_at IS NULL;
