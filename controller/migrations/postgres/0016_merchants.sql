-- Whose shop a position is in, as contracts name the merchant.
ALTER TABLE positions ADD COLUMN merchant TEXT;

-- In how many changes of provider a terminal is.
CREATE INDEX campaign_profiles_by_terminal ON campaign_profiles (terminal, campaign);
