-- How many of a campaign's members became so after its start; they are counted in `members`, too.
ALTER TABLE campaigns ADD COLUMN joined BIGINT NOT NULL DEFAULT 0;

-- Members of campaigns with a continuous membership that are not in the list of their start.
CREATE TABLE campaign_joiners (
    campaign  TEXT NOT NULL REFERENCES campaigns (id),
    terminal  TEXT NOT NULL REFERENCES terminals (id),
    joined_at BIGINT NOT NULL,
    PRIMARY KEY (campaign, terminal)
);
