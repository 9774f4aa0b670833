-- What is not kept for ever.

ALTER TABLE identities ADD COLUMN forgotten BIGINT;  -- since when its subject is a keyed hash; NULL while the person is known
CREATE INDEX identities_confirmed ON identities (confirmed) WHERE forgotten IS NULL;

CREATE TABLE pruned (                        -- what stands for the events that are gone, the oldest ones
    one   BIGINT PRIMARY KEY CHECK (one = 1),
    size  BIGINT NOT NULL,                   -- how many
    peaks BYTEA  NOT NULL                    -- of the tree over them
);
