-- What targets are told besides: deletion after the end, whose account it was, who decides, and in which order.

ALTER TABLE accounts ADD COLUMN delete_at  INTEGER;                    -- when it may be deleted; NULL never
ALTER TABLE accounts ADD COLUMN narrowed   INTEGER;                    -- when something was taken that no date had announced
ALTER TABLE accounts ADD COLUMN rank       INTEGER NOT NULL DEFAULT 2; -- lower goes first: see store::Rank
ALTER TABLE accounts ADD COLUMN link       TEXT;                       -- an operator's word: '' make one, else adopt this one
ALTER TABLE accounts ADD COLUMN candidates TEXT;                       -- accounts of which one may be theirs; JSON
CREATE INDEX accounts_to_delete ON accounts (delete_at) WHERE delete_at IS NOT NULL;
CREATE INDEX accounts_narrowed ON accounts (target, narrowed) WHERE narrowed IS NOT NULL;
DROP INDEX accounts_due;
CREATE INDEX accounts_due ON accounts (target, rank, due) WHERE due IS NOT NULL;
CREATE INDEX accounts_leased ON accounts (target, lease) WHERE lease > 0;

CREATE TABLE targets (
    name      TEXT PRIMARY KEY,
    confirmed INTEGER NOT NULL DEFAULT 0,    -- what was narrowed until then an operator has confirmed
    held      INTEGER                        -- since when too much would be taken; NULL while that is not so
) STRICT;
