-- Changes of the payment provider: each is one or several campaigns, its waves, with a profile for
-- every member. Secrets in profiles are sealed to the member; nobody here can read them.

CREATE TABLE rebinds (
    -- The campaign of its first wave.
    id         TEXT PRIMARY KEY REFERENCES campaigns (id),
    -- What was planned, with what was not known and who answered for it, as JSON.
    plan       TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL
);

CREATE TABLE rebind_waves (
    campaign TEXT PRIMARY KEY REFERENCES campaigns (id),
    rebind   TEXT NOT NULL REFERENCES rebinds (id),
    wave     BIGINT NOT NULL,
    UNIQUE (rebind, wave)
);

CREATE TABLE campaign_profiles (
    campaign TEXT NOT NULL REFERENCES campaigns (id),
    terminal TEXT NOT NULL REFERENCES terminals (id),
    profile  BYTEA NOT NULL,
    -- The siblings up to the root that is signed: 32 bytes each.
    path     BYTEA NOT NULL,
    PRIMARY KEY (campaign, terminal)
);

-- Who was told of a change, and what came of it.
CREATE TABLE rebind_notices (
    rebind          TEXT NOT NULL REFERENCES rebinds (id),
    party           TEXT NOT NULL,
    channel         TEXT NOT NULL,
    reference       TEXT NOT NULL,
    sent_at         BIGINT NOT NULL,
    delivered_at    BIGINT,
    acknowledged_at BIGINT,
    recorded_at     BIGINT NOT NULL,
    recorded_by     TEXT NOT NULL,
    PRIMARY KEY (rebind, party)
);

-- Letters and handover lists as they were made. None is ever changed.
CREATE TABLE rebind_papers (
    rebind  TEXT NOT NULL REFERENCES rebinds (id),
    digest  TEXT NOT NULL,
    party   TEXT NOT NULL,
    html    TEXT NOT NULL,
    made_at BIGINT NOT NULL,
    made_by TEXT NOT NULL,
    PRIMARY KEY (rebind, digest)
);
