-- The same words in both databases ("user" means something else in PostgreSQL), and what is asked about as columns.

ALTER TABLE identities RENAME COLUMN user TO owner;
ALTER TABLE accounts   RENAME COLUMN user TO owner;

ALTER TABLE accounts ADD COLUMN native_id TEXT    GENERATED ALWAYS AS (seen ->> 'native_id') VIRTUAL;          -- the target's own id
ALTER TABLE accounts ADD COLUMN active    INTEGER GENERATED ALWAYS AS (coalesce(seen ->> 'active', 0)) VIRTUAL; -- 1: the last look found it open
ALTER TABLE accounts ADD COLUMN wanted    TEXT    GENERATED ALWAYS AS (desired ->> 'state') VIRTUAL;           -- active, disabled, absent
CREATE INDEX accounts_by_native_id ON accounts (target, native_id) WHERE native_id IS NOT NULL;
