-- Refusals of orders that this registry never made, as far as they were written into the audit log:
-- so that each is written once, and no terminal fills the log. `day` counts from 1970, in UTC.
CREATE TABLE strange_refusals (
    terminal TEXT NOT NULL REFERENCES terminals (id),
    order_id TEXT NOT NULL,
    code     TEXT NOT NULL,
    day      INTEGER NOT NULL,
    PRIMARY KEY (terminal, order_id, code)
) STRICT;

CREATE INDEX strange_refusals_by_code ON strange_refusals (terminal, code, day);
