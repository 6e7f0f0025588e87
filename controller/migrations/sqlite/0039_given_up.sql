-- Whether another terminal has the place of one is asked of every terminal that is looked at.
CREATE INDEX replacements_by_old_terminal ON replacements (old_terminal);
