-- What providers say is over: how it is found here, and that it is taken once.

CREATE INDEX sign_ins_by_sid ON sign_ins (sid) WHERE sid IS NOT NULL;

CREATE TABLE heard (
    token BYTEA  PRIMARY KEY,                -- hash of who said it and its name there
    until BIGINT NOT NULL                    -- remembered
);
CREATE INDEX heard_until ON heard (until);
