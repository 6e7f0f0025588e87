-- By which policy a campaign goes, and what stopped it last, as JSON.
ALTER TABLE campaigns ADD COLUMN policy TEXT NOT NULL DEFAULT '{}';
ALTER TABLE campaigns ADD COLUMN tripped TEXT;

-- The waves into which a campaign's members are cut when it is started.
CREATE TABLE campaign_waves (
    campaign     TEXT NOT NULL REFERENCES campaigns (id),
    -- From 0.
    wave         BIGINT NOT NULL,
    size         BIGINT NOT NULL,
    -- `listed`, `rest`, or the place below which its members lie.
    whom         TEXT NOT NULL,
    opened_at    BIGINT,
    reached_at   BIGINT,
    passed_at    BIGINT,
    -- Bad ends that a person has let pass.
    acknowledged BIGINT NOT NULL,
    PRIMARY KEY (campaign, wave)
);

-- How often it was taken back before; see `batches.purpose`, which says `change-1` of the second.
ALTER TABLE assignments ADD COLUMN issue BIGINT NOT NULL DEFAULT 0;
ALTER TABLE assignments ADD COLUMN wave BIGINT NOT NULL DEFAULT 0;

-- What was started before there were waves is one.
INSERT INTO campaign_waves (campaign, wave, size, whom, opened_at, acknowledged)
    SELECT id, 0, members, 'rest',
        CASE WHEN state = 'awaiting-approval' THEN NULL ELSE started_at END, 0
    FROM campaigns WHERE members IS NOT NULL;
INSERT INTO counters (scope, name, count)
    SELECT scope || '/0', name, count FROM counters WHERE scope LIKE 'cmp-%';
