-- Whose signatures people added to a batch, and who brought them. The signatures themselves are in
-- the batch, which is what terminals are sent.

CREATE TABLE approvals (
    batch       TEXT NOT NULL REFERENCES batches (digest),
    key_id      TEXT NOT NULL,
    owner       TEXT NOT NULL,
    -- The roster by whose word the key is this owner's.
    roster      INTEGER NOT NULL,
    imported_at INTEGER NOT NULL,
    imported_by TEXT NOT NULL,
    PRIMARY KEY (batch, key_id)
) STRICT;

CREATE INDEX campaigns_awaiting_approval ON campaigns (id) WHERE state = 'awaiting-approval';
