-- How a store knows that somebody has put an earlier state of it back.

ALTER TABLE instance ADD COLUMN lives    TEXT;  -- where it was when it was last opened, in a word that no other place has
ALTER TABLE instance ADD COLUMN restored INTEGER; -- when that was found last: what was issued before is not good any more
