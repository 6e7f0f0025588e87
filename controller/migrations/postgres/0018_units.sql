-- Each physical device from stock to disposal, whether it is enrolled or not.

CREATE TABLE units (
    id              BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    serial          TEXT NOT NULL,
    model           TEXT NOT NULL,
    store           TEXT NOT NULL,
    hardware        TEXT,
    firmware        TEXT,
    property_number TEXT,
    custodian       TEXT,
    -- What its seal should read.
    seal            TEXT,
    connections     BIGINT,
    accessories     TEXT NOT NULL,
    -- Days, as people write them.
    warranty_from   TEXT,
    warranty_until  TEXT,
    pts_approval    TEXT,
    pts_expires_on  TEXT,
    condition       TEXT NOT NULL,
    residual_value_minor    BIGINT,
    residual_value_currency TEXT,
    inspection_every_days   BIGINT NOT NULL,
    position          TEXT REFERENCES positions (id),
    last_inspected_at BIGINT,
    last_inspected_by TEXT,
    last_verdict      TEXT,
    state      TEXT NOT NULL,
    state_at   BIGINT NOT NULL,
    state_by   TEXT NOT NULL,
    state_why  TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL
);

-- A serial number comes back once its unit is disposed of.
CREATE UNIQUE INDEX one_unit_per_serial ON units (serial) WHERE state <> 'disposed';
CREATE UNIQUE INDEX one_unit_in_service_per_position ON units (position)
    WHERE state = 'in-service' AND position IS NOT NULL;
CREATE INDEX units_by_serial ON units (serial);

CREATE TABLE unit_events (
    unit        BIGINT NOT NULL REFERENCES units (id),
    -- From 1, of each unit.
    seq         BIGINT NOT NULL,
    event       TEXT NOT NULL,
    state_from  TEXT NOT NULL,
    state_to    TEXT NOT NULL,
    moved_by    TEXT NOT NULL,
    why         TEXT NOT NULL,
    moved_at    BIGINT NOT NULL,
    custodian   TEXT,
    -- As it was read or applied; empty where there was none.
    seal        TEXT,
    -- As it was read on the unit.
    serial      TEXT,
    store       TEXT,
    position    TEXT,
    courier     TEXT,
    tracking    TEXT,
    firmware    TEXT,
    accessories TEXT,
    condition   TEXT,
    -- Digests of pictures, which are kept elsewhere.
    photos      TEXT NOT NULL,
    note        TEXT,
    PRIMARY KEY (unit, seq)
);

CREATE TABLE inspections (
    unit         BIGINT NOT NULL REFERENCES units (id),
    -- From 1, of each unit.
    seq          BIGINT NOT NULL,
    inspected_at BIGINT NOT NULL,
    inspected_by TEXT NOT NULL,
    -- The identity code of who looked.
    technician   TEXT,
    -- As it was read; empty where there was none.
    seal             TEXT,
    surface_ok       BIGINT NOT NULL,
    connections_ok   BIGINT NOT NULL,
    serial_confirmed BIGINT NOT NULL,
    firmware         TEXT,
    photos           TEXT NOT NULL,
    verdict          TEXT NOT NULL,
    note             TEXT,
    PRIMARY KEY (unit, seq)
);

CREATE FUNCTION units_history_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the history of units is append-only';
END;
$$;

CREATE TRIGGER unit_events_are_not_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON unit_events
    EXECUTE FUNCTION units_history_is_append_only();

CREATE TRIGGER inspections_are_not_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON inspections
    EXECUTE FUNCTION units_history_is_append_only();
