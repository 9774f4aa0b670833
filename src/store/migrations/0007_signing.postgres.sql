-- Keys that sign assertions after the one that the instance began with.

CREATE TABLE signing_keys (
    id         TEXT    PRIMARY KEY,          -- its thumbprint, by which apps know it
    key        BYTEA   NOT NULL,             -- sealed
    signs_from BIGINT  NOT NULL              -- until the next one does
);
