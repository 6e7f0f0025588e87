-- What terminals save. The bytes are in the places; here is what is known of them.

CREATE TABLE backup_repositories (
    id         TEXT PRIMARY KEY,
    terminal   TEXT NOT NULL REFERENCES terminals (id),
    sealed_key TEXT NOT NULL,
    -- Of its objects, together and ever.
    bytes      BIGINT NOT NULL,
    objects    BIGINT NOT NULL,
    opened_at  BIGINT NOT NULL,
    closed_at  BIGINT,
    purged_at  BIGINT
);

CREATE INDEX backup_repositories_by_terminal ON backup_repositories (terminal, id);

CREATE TABLE backup_objects (
    repository TEXT NOT NULL REFERENCES backup_repositories (id),
    kind       TEXT NOT NULL,
    sha256     TEXT NOT NULL,
    -- Counts the objects of its repository from 1, in the order in which they were stored.
    seq        BIGINT NOT NULL,
    bytes      BIGINT NOT NULL,
    stored_at  BIGINT NOT NULL,
    -- When it was written into the second place.
    copied_at  BIGINT,
    -- When it was last read back whole from each.
    first_at   BIGINT,
    second_at  BIGINT,
    -- `waiting` until it was read back from both; `lost` when neither has it whole.
    state      TEXT NOT NULL,
    -- When to look at it next.
    due_at     BIGINT NOT NULL,
    PRIMARY KEY (repository, kind, sha256)
);

CREATE INDEX backup_objects_due ON backup_objects (due_at);
CREATE INDEX backup_objects_unproven ON backup_objects (repository, seq) WHERE state <> 'proven';
CREATE UNIQUE INDEX backup_objects_config ON backup_objects (repository) WHERE kind = 'config';
