-- The time zone in which a terminal says that it opens maintenance windows, from its last hello.

ALTER TABLE terminals ADD COLUMN said_zone TEXT;
