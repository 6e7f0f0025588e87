-- The fleet's count of upheavals: before the calendar of an order was looked up; when a window or a
-- freeze was set or ended; when a store came into another region. Orders that have less than what
-- they should know are taken back.
ALTER TABLE orders ADD COLUMN upheavals BIGINT NOT NULL DEFAULT 0;
ALTER TABLE calendars ADD COLUMN upheavals BIGINT NOT NULL DEFAULT 0;
ALTER TABLE stores ADD COLUMN upheavals BIGINT NOT NULL DEFAULT 0;
CREATE INDEX stores_by_upheavals ON stores (upheavals);
