-- Tokens for the admin API.

CREATE TABLE tokens (
    name    TEXT COLLATE "C" PRIMARY KEY,    -- given once: the record speaks of it
    hash    BYTEA  NOT NULL UNIQUE,
    role    TEXT   NOT NULL,                 -- auditor, helpdesk, admin
    created BIGINT NOT NULL,
    until   BIGINT NOT NULL,
    revoked BIGINT                           -- when it was ended before that
);
