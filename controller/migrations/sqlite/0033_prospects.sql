-- A change for many terminals is planned by looking over all of them: those of a store, and which of
-- them have an order that has not ended.
CREATE INDEX terminals_by_store ON terminals (store, id);
CREATE INDEX assignments_open ON assignments (terminal, campaign) WHERE ended = 0;

-- What its terminal said that it ran when it was released, as `terminals.components`.
ALTER TABLE assignments ADD COLUMN ran TEXT;
