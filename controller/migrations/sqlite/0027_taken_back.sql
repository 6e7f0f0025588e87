-- When people ended a campaign: by an abort or a signed cancellation, and not because nobody had
-- approved it in time. The wipe of a lost terminal that ran out is taken back by taking back a later
-- one.
ALTER TABLE campaigns ADD COLUMN taken_back_at INTEGER;
