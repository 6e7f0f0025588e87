-- Complete subtrees of the tree over the audit log (RFC 6962), each written once: `level/at` is over
-- 2^level entries, the first of which is entry at * 2^level + 1.
CREATE TABLE audit_tree (
    node   TEXT PRIMARY KEY,
    digest TEXT NOT NULL
) STRICT;

-- Roots that were signed.
CREATE TABLE audit_checkpoints (
    -- How many entries it is over.
    size   INTEGER PRIMARY KEY,
    root   TEXT NOT NULL,
    -- Of the newest of them.
    head   TEXT NOT NULL,
    at     INTEGER NOT NULL,
    signed BLOB NOT NULL
) STRICT;

CREATE TRIGGER audit_tree_not_changed BEFORE UPDATE ON audit_tree
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;

CREATE TRIGGER audit_tree_not_shortened BEFORE DELETE ON audit_tree
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;

CREATE TRIGGER audit_checkpoints_not_changed BEFORE UPDATE ON audit_checkpoints
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;

CREATE TRIGGER audit_checkpoints_not_shortened BEFORE DELETE ON audit_checkpoints
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
