-- How many bytes of software a second the terminals of a store fetch together; NULL for what the
-- controller's configuration says of every store.
ALTER TABLE stores ADD COLUMN download_bytes_per_s BIGINT;
