-- What a portable terminal's battery held when it told last, and what it has to hold before a change
-- disturbs its shop.
ALTER TABLE terminals ADD COLUMN battery_percent INTEGER;
ALTER TABLE terminals ADD COLUMN battery_floor_percent INTEGER;
ALTER TABLE terminals ADD COLUMN battery_is_powered INTEGER;
