-- What the terms of a grant hang on: sign-ins and uses. Which policy reaches everybody.

ALTER TABLE grants ADD COLUMN renewed   INTEGER NOT NULL DEFAULT 0; -- what ttl counts from, where it is renewed
ALTER TABLE grants ADD COLUMN opened    INTEGER NOT NULL DEFAULT 0; -- granted, or opened again
ALTER TABLE grants ADD COLUMN last_used INTEGER;
UPDATE grants SET renewed = first_granted, opened = confirmed;

ALTER TABLE sign_ins ADD COLUMN acr       TEXT;
ALTER TABLE sign_ins ADD COLUMN amr       TEXT NOT NULL DEFAULT '[]';
ALTER TABLE sign_ins ADD COLUMN auth_time INTEGER;

ALTER TABLE instance ADD COLUMN policy          TEXT;                       -- the version that may reach everybody
ALTER TABLE instance ADD COLUMN policy_followed INTEGER NOT NULL DEFAULT 0; -- 1: it has
