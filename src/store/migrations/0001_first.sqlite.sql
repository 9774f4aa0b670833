-- Times are microseconds since 1970, ids are UUIDs as text, JSON is text.

CREATE TABLE instance (
    one         INTEGER PRIMARY KEY CHECK (one = 1),
    id          TEXT    NOT NULL,            -- goes into every external id
    high_water  INTEGER NOT NULL,            -- the latest time at which anything was written
    signing_key BLOB    NOT NULL             -- sealed; signs the assertions
) STRICT;

CREATE TABLE vaults (                        -- a key per person; without it, their sealed values are gone
    id      TEXT PRIMARY KEY,
    lookup  BLOB NOT NULL UNIQUE,            -- keyed hash of issuer and subject
    key     BLOB                             -- sealed; NULL once destroyed
) STRICT;

CREATE TABLE users (
    id         TEXT    PRIMARY KEY,
    vault      TEXT    NOT NULL REFERENCES vaults (id),
    created    INTEGER NOT NULL,
    revoked    INTEGER                       -- when an operator shut them out
) STRICT;

CREATE INDEX users_by_vault ON users (vault);

CREATE TABLE identities (
    id           TEXT    PRIMARY KEY,
    user         TEXT    NOT NULL REFERENCES users (id),
    provider     TEXT    NOT NULL,
    issuer       TEXT    NOT NULL,
    subject      TEXT    NOT NULL,
    display_name TEXT,
    email        TEXT,                       -- verified
    claims       TEXT    NOT NULL,           -- as last verified
    confirmed    INTEGER NOT NULL,
    UNIQUE (issuer, subject)
) STRICT;
CREATE INDEX identities_by_user ON identities (user);

CREATE TABLE grants (
    id             TEXT    PRIMARY KEY,
    identity       TEXT    NOT NULL REFERENCES identities (id),
    role           TEXT    NOT NULL,
    app            TEXT    NOT NULL,
    terms          TEXT    NOT NULL,
    policy         TEXT    NOT NULL,         -- version of the policy that last gave it
    first_granted  INTEGER NOT NULL,
    confirmed      INTEGER NOT NULL,
    extended_until INTEGER,
    until          INTEGER NOT NULL,
    because        TEXT    NOT NULL,
    ended          INTEGER NOT NULL,         -- 0 or 1
    UNIQUE (identity, role, app)
) STRICT;
CREATE INDEX grants_to_end ON grants (until) WHERE ended = 0;

CREATE TABLE accounts (
    id          TEXT    PRIMARY KEY,
    user        TEXT    NOT NULL REFERENCES users (id),
    target      TEXT    NOT NULL,
    external_id TEXT    NOT NULL,
    origin      TEXT    NOT NULL,            -- created, adopted
    desired     TEXT    NOT NULL,
    given       TEXT    NOT NULL,            -- all groups that we ever gave it
    version     INTEGER NOT NULL,            -- of what is desired
    settled     INTEGER NOT NULL,            -- the version that a fresh look found in place
    open        INTEGER NOT NULL,            -- 1: the gate may let its person through
    seen        TEXT    NOT NULL,            -- what the last look found
    looked      INTEGER,                     -- when that was
    due         INTEGER,                     -- when to work on it next; NULL while settled
    lease       INTEGER NOT NULL DEFAULT 0,
    epoch       INTEGER NOT NULL DEFAULT 0,
    attempts    INTEGER NOT NULL DEFAULT 0,
    unsure      INTEGER NOT NULL DEFAULT 0,  -- 1: the last write may yet take effect
    failing     INTEGER,                     -- since when it has failed
    failure     TEXT,                        -- the last failure, in words
    stuck       INTEGER NOT NULL DEFAULT 0,
    UNIQUE (target, external_id),
    UNIQUE (user, target)
) STRICT;
CREATE INDEX accounts_due ON accounts (target, due) WHERE due IS NOT NULL;
CREATE INDEX accounts_looked ON accounts (looked) WHERE due IS NULL;

CREATE TABLE sign_ins (                      -- one browser's word from one provider; parent of sessions
    id        TEXT    PRIMARY KEY,
    identity  TEXT    NOT NULL REFERENCES identities (id),
    sid       TEXT,                          -- the provider's own session
    id_token  BLOB,                          -- sealed; a hint for signing out there
    created   INTEGER NOT NULL,
    until     INTEGER NOT NULL,
    revoked   INTEGER
) STRICT;
CREATE INDEX sign_ins_by_identity ON sign_ins (identity);

CREATE TABLE sessions (                      -- a sign-in on one host
    id      TEXT    PRIMARY KEY,
    sign_in TEXT    NOT NULL REFERENCES sign_ins (id),
    host    TEXT    NOT NULL,
    token   BLOB    NOT NULL UNIQUE,         -- hash of the cookie's value
    created INTEGER NOT NULL
) STRICT;
CREATE INDEX sessions_by_sign_in ON sessions (sign_in);

CREATE TABLE handovers (
    code    BLOB    PRIMARY KEY,             -- hash
    sign_in TEXT    NOT NULL REFERENCES sign_ins (id),
    host    TEXT    NOT NULL,
    browser BLOB    NOT NULL,                -- hash of the browser's nonce on that host
    path    TEXT    NOT NULL,
    until   INTEGER NOT NULL
) STRICT;

CREATE TABLE events (
    seq     INTEGER PRIMARY KEY AUTOINCREMENT,
    id      TEXT    NOT NULL UNIQUE,
    at      INTEGER NOT NULL,
    vault   TEXT    REFERENCES vaults (id),
    leaf    TEXT    NOT NULL,
    opening BLOB    NOT NULL                 -- sealed for the person
) STRICT;
CREATE INDEX events_by_vault ON events (vault);
