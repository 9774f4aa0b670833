-- Which account of before is about to be adopted, or was: nobody else's from then on.

ALTER TABLE accounts ADD COLUMN adopting TEXT;
CREATE INDEX accounts_adopting ON accounts (target, adopting) WHERE adopting IS NOT NULL;
