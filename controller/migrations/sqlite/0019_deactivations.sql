-- Whether a terminal is to sell: as the terminal itself has signed it last.
ALTER TABLE terminals ADD COLUMN service TEXT NOT NULL DEFAULT 'in-service';
-- The order that made it so, and when.
ALTER TABLE terminals ADD COLUMN service_order TEXT;
ALTER TABLE terminals ADD COLUMN service_at INTEGER;
-- What a wipe of the terminal must name, as it told last.
ALTER TABLE terminals ADD COLUMN challenge TEXT;

-- Suspensions, returns to service and wipes: each is one campaign.
CREATE TABLE deactivations (
    campaign   TEXT PRIMARY KEY REFERENCES campaigns (id),
    request    TEXT NOT NULL REFERENCES requests (id),
    -- What was found when it was planned, and who answered for what, as JSON.
    plan       TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL
) STRICT;

CREATE TABLE deactivation_members (
    campaign TEXT NOT NULL REFERENCES campaigns (id),
    terminal TEXT NOT NULL REFERENCES terminals (id),
    PRIMARY KEY (campaign, terminal)
) STRICT;

CREATE INDEX deactivation_members_by_terminal ON deactivation_members (terminal, campaign);

-- Providers and registries that no longer know a terminal, by their own reference.
CREATE TABLE deregistrations (
    terminal    TEXT NOT NULL REFERENCES terminals (id),
    -- The epoch of the terminal: what was cancelled before it enrolled anew counts no more.
    epoch       INTEGER NOT NULL,
    party       TEXT NOT NULL,
    reference   TEXT NOT NULL,
    recorded_at INTEGER NOT NULL,
    recorded_by TEXT NOT NULL,
    PRIMARY KEY (terminal, epoch, party)
) STRICT;

-- Certificates of sanitisation, signed by the controller. None is ever changed.
CREATE TABLE sanitisations (
    order_id   TEXT PRIMARY KEY REFERENCES orders (id),
    terminal   TEXT NOT NULL REFERENCES terminals (id),
    digest     TEXT NOT NULL,
    signed     BLOB NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE INDEX sanitisations_by_terminal ON sanitisations (terminal);
-- Those that have none yet are looked for often.
CREATE INDEX terminals_erased ON terminals (id) WHERE service = 'erased';
