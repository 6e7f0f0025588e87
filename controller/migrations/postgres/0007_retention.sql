-- An end for backups: what expires and why, what is being deleted, and what was.

ALTER TABLE terminals ADD COLUMN revoked_at BIGINT;

UPDATE terminals SET revoked_at =
    (SELECT MAX(at) FROM audit WHERE what = 'terminal-revoked' AND object = terminals.id)
WHERE unit = 'revoked';

-- When it was decided for good that it goes: from then on nobody reads or holds anything in it.
ALTER TABLE backup_repositories ADD COLUMN purging_at BIGINT;

UPDATE backup_repositories SET closed_at =
    (SELECT revoked_at FROM terminals WHERE terminals.id = backup_repositories.terminal)
WHERE closed_at IS NULL
    AND terminal IN (SELECT id FROM terminals WHERE revoked_at IS NOT NULL);

-- Why it expires, as JSON; there while it does, and when it did.
ALTER TABLE backup_snapshots ADD COLUMN expires_for TEXT;

CREATE INDEX backup_repositories_there ON backup_repositories (terminal) WHERE purged_at IS NULL;

CREATE TABLE backup_purges (
    repository     TEXT PRIMARY KEY REFERENCES backup_repositories (id),
    begun_at       BIGINT NOT NULL,
    -- Of each place: when one object was left of the repository, and when none was.
    first_last_at  BIGINT,
    first_gone_at  BIGINT,
    second_last_at BIGINT,
    second_gone_at BIGINT,
    finished_at    BIGINT,
    -- The certificate, and SHA-256 of its payload.
    digest         TEXT,
    certificate    BYTEA
);

CREATE INDEX backup_purges_going_on ON backup_purges (begun_at) WHERE finished_at IS NULL;
