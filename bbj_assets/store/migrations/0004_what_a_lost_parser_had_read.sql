-- Of an item that killed or hung its parser: a hash of its bytes and of what made them into chunks. While it is the
-- same, parsing the item again would end in the same way. NULL for all other failures, which are cheap to repeat.

ALTER TABLE failures ADD COLUMN input bytea;
