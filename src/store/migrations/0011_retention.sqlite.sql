-- What is not kept for ever.

ALTER TABLE identities ADD COLUMN forgotten INTEGER;  -- since when its subject is a keyed hash; NULL while the person is known
CREATE INDEX identities_confirmed ON identities (confirmed) WHERE forgotten IS NULL;

CREATE TABLE pruned (                        -- what stands for the events that are gone, the oldest ones
    one   INTEGER PRIMARY KEY CHECK (one = 1),
    size  INTEGER NOT NULL,                  -- how many
    peaks BLOB    NOT NULL                   -- of the tree over them
) STRICT;
