-- Keys that sign assertions after the one that the instance began with.

CREATE TABLE signing_keys (
    id         TEXT    PRIMARY KEY,          -- its thumbprint, by which apps know it
    key        BLOB    NOT NULL,             -- sealed
    signs_from INTEGER NOT NULL              -- until the next one does
) STRICT;
