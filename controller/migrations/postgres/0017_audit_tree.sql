-- Complete subtrees of the tree over the audit log (RFC 6962), each written once: `level/at` is over
-- 2^level entries, the first of which is entry at * 2^level + 1.
CREATE TABLE audit_tree (
    node   TEXT PRIMARY KEY,
    digest TEXT NOT NULL
);

-- Roots that were signed.
CREATE TABLE audit_checkpoints (
    -- How many entries it is over.
    size   BIGINT PRIMARY KEY,
    root   TEXT NOT NULL,
    -- Of the newest of them.
    head   TEXT NOT NULL,
    at     BIGINT NOT NULL,
    signed BYTEA NOT NULL
);

CREATE TRIGGER audit_tree_is_not_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_tree
    EXECUTE FUNCTION audit_is_append_only();

CREATE TRIGGER audit_checkpoints_are_not_changed
    BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_checkpoints
    EXECUTE FUNCTION audit_is_append_only();
