-- Times are microseconds since 1970, flags 0 or 1, ids are UUIDs as text, JSON is text.

CREATE TABLE instance (
    one             BIGINT PRIMARY KEY CHECK (one = 1),
    id              TEXT   NOT NULL,           -- goes into every external id
    high_water      BIGINT NOT NULL,           -- when it was made
    signing_key     BYTEA  NOT NULL,           -- sealed; signs the assertions
    policy          TEXT,                      -- the version that may reach everybody
    policy_followed BIGINT NOT NULL DEFAULT 0  -- 1: it has
);

CREATE TABLE vaults (                          -- a key per person; without it, their sealed values are gone
    id     TEXT COLLATE "C" PRIMARY KEY,
    lookup BYTEA NOT NULL UNIQUE,              -- keyed hash of issuer and subject
    key    BYTEA                               -- sealed; NULL once destroyed
);

CREATE TABLE users (                           -- who writes about a person locks their row
    id      TEXT COLLATE "C" PRIMARY KEY,
    vault   TEXT COLLATE "C" NOT NULL REFERENCES vaults (id),
    created BIGINT NOT NULL,
    revoked BIGINT                             -- when an operator shut them out
);
CREATE INDEX users_by_vault ON users (vault);

CREATE TABLE identities (
    id           TEXT COLLATE "C" PRIMARY KEY,
    owner        TEXT COLLATE "C" NOT NULL REFERENCES users (id),
    provider     TEXT   NOT NULL,
    issuer       TEXT   NOT NULL,
    subject      TEXT   NOT NULL,
    display_name TEXT,
    email        TEXT,                         -- verified
    claims       TEXT   NOT NULL,              -- as last verified
    confirmed    BIGINT NOT NULL,
    UNIQUE (issuer, subject)
);
CREATE INDEX identities_by_owner ON identities (owner);

CREATE TABLE grants (
    id             TEXT COLLATE "C" PRIMARY KEY,
    identity       TEXT COLLATE "C" NOT NULL REFERENCES identities (id),
    role           TEXT   NOT NULL,
    app            TEXT   NOT NULL,
    terms          TEXT   NOT NULL,
    policy         TEXT   NOT NULL,            -- version of the policy that last gave it
    first_granted  BIGINT NOT NULL,
    renewed        BIGINT NOT NULL,            -- what ttl counts from, where it is renewed
    opened         BIGINT NOT NULL,            -- granted, or opened again
    last_used      BIGINT,
    confirmed      BIGINT NOT NULL,
    extended_until BIGINT,
    until          BIGINT NOT NULL,
    because        TEXT   NOT NULL,
    ended          BIGINT NOT NULL,            -- 0 or 1
    UNIQUE (identity, role, app)
);
CREATE INDEX grants_to_end ON grants (until) WHERE ended = 0;

CREATE TABLE accounts (
    id          TEXT COLLATE "C" PRIMARY KEY,
    owner       TEXT COLLATE "C" NOT NULL REFERENCES users (id),
    target      TEXT   NOT NULL,
    external_id TEXT   NOT NULL,
    origin      TEXT   NOT NULL,               -- created, adopted
    desired     TEXT   NOT NULL,
    given       TEXT   NOT NULL,               -- all entitlements that we ever gave it
    version     BIGINT NOT NULL,               -- of what is desired
    settled     BIGINT NOT NULL,               -- the version that a fresh look found in place
    open        BIGINT NOT NULL,               -- 1: the gate may let its person through
    seen        TEXT   NOT NULL,               -- what the last look found
    looked      BIGINT,                        -- when that was
    due         BIGINT,                        -- when to work on it next; NULL while settled
    lease       BIGINT NOT NULL DEFAULT 0,
    epoch       BIGINT NOT NULL DEFAULT 0,
    attempts    BIGINT NOT NULL DEFAULT 0,
    unsure      BIGINT NOT NULL DEFAULT 0,     -- 1: the last write may yet take effect
    failing     BIGINT,                        -- since when it has failed
    failure     TEXT,                          -- the last failure, in words
    stuck       BIGINT NOT NULL DEFAULT 0,
    delete_at   BIGINT,                        -- when it may be deleted; NULL never
    narrowed    BIGINT,                        -- when something was taken that no date had announced
    rank        BIGINT NOT NULL DEFAULT 2,     -- lower goes first: see store::Rank
    link        TEXT,                          -- an operator's word: '' make one, else adopt this one
    candidates  TEXT,                          -- accounts of which one may be theirs; JSON
    native_id   TEXT   GENERATED ALWAYS AS (seen::json ->> 'native_id') STORED,
    active      BIGINT GENERATED ALWAYS AS (CASE WHEN seen::json ->> 'active' = 'true' THEN 1 ELSE 0 END) STORED,
    wanted      TEXT   GENERATED ALWAYS AS (desired::json ->> 'state') STORED,
    UNIQUE (target, external_id),
    UNIQUE (owner, target)
);
CREATE INDEX accounts_due          ON accounts (target, rank, due)  WHERE due IS NOT NULL;
CREATE INDEX accounts_looked       ON accounts (looked)             WHERE due IS NULL;
CREATE INDEX accounts_to_delete    ON accounts (delete_at)          WHERE delete_at IS NOT NULL;
CREATE INDEX accounts_narrowed     ON accounts (target, narrowed)   WHERE narrowed IS NOT NULL;
CREATE INDEX accounts_leased       ON accounts (target, lease)      WHERE lease > 0;
CREATE INDEX accounts_by_native_id ON accounts (target, native_id)  WHERE native_id IS NOT NULL;

CREATE TABLE targets (
    name      TEXT   PRIMARY KEY,
    confirmed BIGINT NOT NULL DEFAULT 0,       -- what was narrowed until then an operator has confirmed
    held      BIGINT                           -- since when too much would be taken; NULL while that is not so
);

CREATE TABLE sign_ins (                        -- one browser's word from one provider; parent of sessions
    id        TEXT COLLATE "C" PRIMARY KEY,
    identity  TEXT COLLATE "C" NOT NULL REFERENCES identities (id),
    sid       TEXT,                            -- the provider's own session
    id_token  BYTEA,                           -- sealed; a hint for signing out there
    created   BIGINT NOT NULL,
    until     BIGINT NOT NULL,
    revoked   BIGINT,
    acr       TEXT,
    amr       TEXT   NOT NULL DEFAULT '[]',
    auth_time BIGINT
);
CREATE INDEX sign_ins_by_identity ON sign_ins (identity);

CREATE TABLE sessions (                        -- a sign-in on one host
    id      TEXT COLLATE "C" PRIMARY KEY,
    sign_in TEXT COLLATE "C" NOT NULL REFERENCES sign_ins (id),
    host    TEXT   NOT NULL,
    token   BYTEA  NOT NULL UNIQUE,            -- hash of the cookie's value
    created BIGINT NOT NULL
);
CREATE INDEX sessions_by_sign_in ON sessions (sign_in);

CREATE TABLE handovers (
    code    BYTEA  PRIMARY KEY,                -- hash
    sign_in TEXT COLLATE "C" NOT NULL REFERENCES sign_ins (id),
    host    TEXT   NOT NULL,
    browser BYTEA  NOT NULL,                   -- hash of the browser's nonce on that host
    path    TEXT   NOT NULL,
    until   BIGINT NOT NULL
);

CREATE TABLE events (
    seq     BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id      TEXT   NOT NULL UNIQUE,
    at      BIGINT NOT NULL,
    vault   TEXT COLLATE "C" REFERENCES vaults (id),
    leaf    TEXT   NOT NULL,
    opening BYTEA  NOT NULL                    -- sealed for the person
);
CREATE INDEX events_by_vault ON events (vault);
