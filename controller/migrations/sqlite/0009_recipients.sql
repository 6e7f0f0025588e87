-- To whom a key is sealed that a terminal needs: its signed statement, in base64, as it said it last.

ALTER TABLE terminals ADD COLUMN recipient TEXT;
