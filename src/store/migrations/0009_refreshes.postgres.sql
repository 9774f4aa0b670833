-- By what the claims behind a sign-in are confirmed while nobody waits.

CREATE TABLE refreshes (
    sign_in TEXT COLLATE "C" PRIMARY KEY REFERENCES sign_ins (id),
    token   BYTEA   NOT NULL,                -- sealed for this sign-in and serial
    serial  BIGINT  NOT NULL,                -- counts the tokens of a sign-in
    due     BIGINT  NOT NULL,
    lease   BIGINT  NOT NULL DEFAULT 0       -- until when somebody asks with it
);
CREATE INDEX refreshes_due ON refreshes (due);
