-- A wipe of terminals in the wrong hands. Once it is approved, and until people take it back, they
-- are in quarantine.
ALTER TABLE deactivations ADD COLUMN is_lost INTEGER NOT NULL DEFAULT 0;

-- Whoever has enrolled since by a claim is in nobody's wrong hands.
CREATE INDEX claims_used_by_terminal ON claims (terminal, used_at) WHERE used_at IS NOT NULL;
