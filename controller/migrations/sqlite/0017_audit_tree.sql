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
