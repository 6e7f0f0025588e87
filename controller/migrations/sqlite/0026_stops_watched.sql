-- What is raised about terminals that stop is held against what is open of its kind.
DROP INDEX alarms_of_suspensions;

CREATE INDEX alarms_open ON alarms (kind) WHERE ended_at IS NULL;

-- Who was allowed to settle later, and has not.
CREATE INDEX terminals_owing ON terminals (id) WHERE service = 'suspended-owing';

-- What certificates of sanitisation say beside terminals, as JSON.
CREATE TABLE stop_particulars (
    request TEXT PRIMARY KEY REFERENCES requests (id),
    said    TEXT NOT NULL,
    said_at INTEGER NOT NULL,
    said_by TEXT NOT NULL
) STRICT;

-- The order by which a terminal first left service, kept while it stays out. What stood still before
-- is known by its newest one only.
ALTER TABLE terminals ADD COLUMN stopped_by TEXT;
UPDATE terminals SET stopped_by = service_order WHERE service <> 'in-service';
