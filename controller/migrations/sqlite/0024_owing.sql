-- What a suspended terminal has not settled by its own signed word, and what people have accepted of
-- it, as JSON. NULL where it owes nothing that is known.
ALTER TABLE terminals ADD COLUMN owing TEXT;
