-- How the till does between changes, by the terminal's last telemetry.
ALTER TABLE terminals ADD COLUMN till_answers BIGINT;
ALTER TABLE terminals ADD COLUMN till_restarts BIGINT;
-- How the terminal did when it was released to: what the same columns of `terminals` said then.
ALTER TABLE assignments ADD COLUMN was_presence TEXT;
ALTER TABLE assignments ADD COLUMN was_told_at BIGINT;
ALTER TABLE assignments ADD COLUMN was_disk_free_bytes BIGINT;
ALTER TABLE assignments ADD COLUMN was_battery_low BIGINT;
ALTER TABLE assignments ADD COLUMN was_till_answers BIGINT;
ALTER TABLE assignments ADD COLUMN was_till_restarts BIGINT;
-- What was decided about one campaign is asked for by whoever reports on it.
CREATE INDEX audit_of_campaigns ON audit (object, seq) WHERE substr(what, 1, 9) = 'campaign-';
