-- By which policy a campaign goes, and what stopped it last, as JSON.
ALTER TABLE campaigns ADD COLUMN policy TEXT NOT NULL DEFAULT '{}';
ALTER TABLE campaigns ADD COLUMN tripped TEXT;

-- The waves into which a campaign's members are cut when it is started.
CREATE TABLE campaign_waves (
    campaign     TEXT NOT NULL REFERENCES campaigns (id),
    -- From 0.
    wave         INTEGER NOT NULL,
    size         INTEGER NOT NULL,
    -- `listed`, `rest`, or the place below which its members lie.
    whom         TEXT NOT NULL,
    opened_at    INTEGER,
    reached_at   INTEGER,
    passed_at    INTEGER,
    -- Bad ends that a person has let pass.
    acknowledged INTEGER NOT NULL,
    PRIMARY KEY (campaign, wave)
) STRICT;

-- How often it was taken back before; see `batches.purpose`, which says `change-1` of the second.
ALTER TABLE assignments ADD COLUMN issue INTEGER NOT NULL DEFAULT 0;
ALTER TABLE assignments ADD COLUMN wave INTEGER NOT NULL DEFAULT 0;

-- What was started before there were waves is one.
INSERT INTO campaign_waves (campaign, wave, size, whom, opened_at, acknowledged)
    SELECT id, 0, members, 'rest',
        CASE WHEN state = 'awaiting-approval' THEN NULL ELSE started_at END, 0
    FROM campaigns WHERE members IS NOT NULL;
INSERT INTO counters (scope, name, count)
    SELECT scope || '/0', name, count FROM counters WHERE scope LIKE 'cmp-%';
