-- The value of the fleet's counter `changes` when something last changed by which plans decide
-- about this terminal: it came or went, was enrolled or revoked, stopped or sells again, or
-- something that was asked of it has ended.
ALTER TABLE terminals ADD COLUMN changed_seq BIGINT NOT NULL DEFAULT 0;
CREATE INDEX terminals_changed ON terminals (changed_seq);

-- Bad ends in a row, of whatever campaigns; and until when nothing is released on it for that.
ALTER TABLE terminals ADD COLUMN failures BIGINT NOT NULL DEFAULT 0;
ALTER TABLE terminals ADD COLUMN penalty_until BIGINT;

-- Who goes first: decommission, security, normal, background.
ALTER TABLE campaigns ADD COLUMN class TEXT NOT NULL DEFAULT 'normal';
-- The moment, in milliseconds, up to which its rate of release is used up.
ALTER TABLE campaigns ADD COLUMN paced_until_ms BIGINT NOT NULL DEFAULT 0;
-- When the reasons to hold back change by themselves, as JSON by reason.
ALTER TABLE campaigns ADD COLUMN held_next TEXT NOT NULL DEFAULT '{}';
-- The campaign whose successes this one takes back, and that of which it is a copy.
ALTER TABLE campaigns ADD COLUMN reverts TEXT REFERENCES campaigns (id);
ALTER TABLE campaigns ADD COLUMN cloned_from TEXT REFERENCES campaigns (id);
CREATE INDEX campaigns_reverting ON campaigns (reverts) WHERE reverts IS NOT NULL;

-- How often somebody had it tried again; never set back.
ALTER TABLE assignments ADD COLUMN retries BIGINT NOT NULL DEFAULT 0;
-- Somebody wants it tried again, and it has not been yet.
ALTER TABLE assignments ADD COLUMN again BIGINT NOT NULL DEFAULT 0;
CREATE INDEX assignments_again ON assignments (campaign, terminal) WHERE again = 1;

-- What became of attempts that another one has replaced.
CREATE TABLE assignment_attempts (
    campaign TEXT NOT NULL REFERENCES campaigns (id),
    terminal TEXT NOT NULL REFERENCES terminals (id),
    attempt  BIGINT NOT NULL,
    order_id TEXT NOT NULL REFERENCES orders (id),
    issue    BIGINT NOT NULL,
    state    TEXT NOT NULL,
    standing TEXT NOT NULL,
    PRIMARY KEY (campaign, terminal, attempt)
);

-- Members that a campaign leaves out by somebody's word.
CREATE TABLE campaign_skips (
    campaign TEXT NOT NULL REFERENCES campaigns (id),
    terminal TEXT NOT NULL REFERENCES terminals (id),
    wave     BIGINT NOT NULL,
    at       BIGINT NOT NULL,
    by_whom  TEXT NOT NULL,
    why      TEXT NOT NULL,
    PRIMARY KEY (campaign, terminal)
);

-- Parts of it are read: it is kept so that they can be.
ALTER TABLE memberships ALTER COLUMN ids SET STORAGE EXTERNAL;
