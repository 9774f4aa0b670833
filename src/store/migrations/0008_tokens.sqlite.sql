-- Tokens for the admin API.

CREATE TABLE tokens (
    name    TEXT    PRIMARY KEY,             -- given once: the record speaks of it
    hash    BLOB    NOT NULL UNIQUE,
    role    TEXT    NOT NULL,                -- auditor, helpdesk, admin
    created INTEGER NOT NULL,
    until   INTEGER NOT NULL,
    revoked INTEGER                          -- when it was ended before that
) STRICT;
